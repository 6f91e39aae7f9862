"""The one layout of flow text: two spaces, a statement on a line where it fits into 100 columns, else one part a line.

A comment is kept where lines begin and end: before the statement, clause, argument or bracket that it stands before, or
behind the one that it stands behind; one in the middle of something moves before that. Single blank lines between
statements are the writer's and stay. Header lines and clauses have one order. A body of one simple statement has no braces.

Whether something takes one line or several never depends on a comment that moves: formatting twice would differ.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import chain
from typing import assert_never

from flowlang.expression.text import quoted
from flowlang.expression.text import to_text as expression_text
from flowlang.language import tree
from flowlang.language.format_simple import SimplePrinter
from flowlang.language.layout import INDENT, closing, opening
from flowlang.language.lexer import Tokens, tokens
from flowlang.language.lines import (
    Simple,
    as_text,
    at_text,
    case_text,
    catch_text,
    clause_text,
    event_text,
    head_text,
    header_parts,
    join_text,
    param_parts,
    simple_text,
    type_text,
    until_text,
)
from flowlang.language.text import read
from flowlang.source import Source, Span


class NotFormatted(Exception):
    """The source can't be laid out anew; the message is a sentence for the user."""


def to_text(flow: tree.Flow) -> str:
    """`flow` as flow text in the canonical layout."""
    return _Printer(None).flow(flow)


def format_source(source: Source) -> str:
    """`source` in the canonical layout, in its own form and with its comments. Raises NotFormatted where it has errors."""
    if source.name.endswith((".yaml", ".yml")):
        from flowlang.language import yaml

        return yaml.format_source(source)
    found = tokens(source)
    printer = _Printer(found)
    flow = read(found)
    if flow is None or any(finding.severity == "error" for finding in found.findings):
        raise NotFormatted("a flow with syntax errors can't be formatted")
    printer.comments = _comments(found)
    return printer.flow(flow)


def _comments(found: Tokens) -> list[tuple[int, str]]:
    """Place and text of each comment. A `##` that documents nothing becomes one: moved, it could document something."""
    text = found.source.text
    plain = [(start, text[start:end].rstrip()) for _, start, end in found.comments]
    loose = [(start, f"# {text[start + 2 : end].strip()}".rstrip()) for start, end in chain(*found.docs.values())]
    return sorted(plain + loose)


class _Printer(SimplePrinter):
    """Prints what holds statements."""

    # ------------------------------------------------------------ the flow

    def flow(self, flow: tree.Flow) -> str:
        for use in flow.uses:
            self.blanks = bool(self.lines)
            self.unit(use.span, f"use {use.kind} {', '.join(quoted(pattern.value) for pattern in use.patterns)}")
        if flow.uses:
            self.lines.append("")
        self.blanks = False
        self.flow_head(flow)
        body = flow.body.span
        self.inside(lambda: self.flow_body(flow), body.end)
        self.unit(closing(body), "}")
        self.blanks = True
        self.comments_before(None)
        return "\n".join(self.lines) + "\n"

    def flow_head(self, flow: tree.Flow) -> None:
        params = param_parts(flow)
        head = f"flow {flow.name.text}("
        tail = f"){f' -> {type_text(flow.output)}' if flow.output else ''} {{"
        line = f"{head}{', '.join(text for _, text in params)}{tail}"
        brace = opening(flow.body.span)
        paren = self.bracket(flow.name.span.end)
        if not params or (self.fits(line) and not self.has_comments(paren)):
            self.unit(flow.span.to(brace), line, flow.doc)
            return
        self.unit(flow.span.to(opening(paren)), head, flow.doc)
        self.parts(params, brace.end)
        self.unit(closing(paren).to(brace), tail)

    def flow_body(self, flow: tree.Flow) -> None:
        header = header_parts(flow)
        self.reordered([(span, partial(self.unit, span, text, spaced=False)) for span, text in header])
        if header and flow.body.statements:
            self.lines.append("")
        self.statements(flow.body.statements)

    # ------------------------------------------------------------ statements

    def statements(self, statements: Iterable[tree.Statement | tree.Branch]) -> None:
        """One after another. Without a source, a blank line stands around each that takes several lines."""
        long = False
        for index, statement in enumerate(statements):
            self.blanks = index > 0
            before = len(self.lines)
            self.statement(statement)
            several = len(self.lines) > before + 1
            if self.tokens is None and index and (long or several):
                self.lines.insert(before, "")
            long = several

    def statement(self, statement: tree.Statement | tree.Branch) -> None:
        match statement:
            case tree.Step() | tree.Let() | tree.Wait() | tree.Commit() | tree.Emit() | tree.Fail() | tree.Return():
                self.simple(statement)
            case tree.Next() | tree.Yield():
                self.simple(statement)
            case tree.Sequence() | tree.ForEach() | tree.Orchestrate() | tree.Branch():
                self.block(statement)
            case tree.Fork():
                self.fork(statement)
            case tree.Switch():
                self.switch(statement)
            case tree.WaitEvent():
                self.wait(statement)
            case tree.Race():
                self.race(statement)
            case tree.Repeat():
                self.repeat(statement)
            case tree.Scope():
                self.block(statement)
                self.scope_clauses(statement)
            case _:
                assert_never(statement)

    # ------------------------------------------------------------ blocks

    def block(self, statement: tree.Sequence | tree.ForEach | tree.Scope | tree.Orchestrate | tree.Branch) -> None:
        body = statement.body
        head = head_text(statement)
        if not body.statements and not self.has_comments(body.span):
            self.unit(statement.span.to(body.span), f"{head} {{}}", statement.doc)
            return
        self.unit(statement.span.to(opening(body.span)), f"{head} {{", statement.doc)
        self.inside(lambda: self.statements(body.statements), body.span.end)
        self.unit(closing(body.span), "}")

    def fork(self, fork: tree.Fork) -> None:
        braces = self.bracket(fork.span.end)
        self.unit(fork.span.to(opening(braces)), f"{head_text(fork)} {{", fork.doc)
        join = join_text(fork)
        end = self.tokens.ends[self.token(braces.end) + join.count(" ")] if self.tokens else 0  # of the last word
        self.inside(lambda: self.statements(fork.branches), end)
        self.unit(Span(braces.source, braces.end - 1, end), f"}} {join}")

    def switch(self, switch: tree.Switch) -> None:
        braces = self.bracket(switch.span.end)
        self.unit(switch.span.to(opening(braces)), f"{head_text(switch)} {{", switch.doc)
        self.inside(lambda: self.cases(switch), braces.end)
        self.unit(closing(braces), "}")

    def cases(self, switch: tree.Switch) -> None:
        for index, case in enumerate(switch.cases):
            self.blanks = index > 0
            self.body(case_text(case), case.span.start, case.body, case.doc)
        if switch.default is not None:
            self.blanks = True
            self.body("else ->", self.word_before(switch.default.span, 2).start, switch.default)

    def wait(self, wait: tree.WaitEvent) -> None:
        """On one line up to its alternative, or with `where` and the limit on lines of their own."""
        parts = [f"wait for event {quoted(wait.event.value)}{as_text(wait.bind)}"]
        if wait.where:
            parts.append(f"where {expression_text(wait.where)}")
        limit, body = at_text(wait.at), None
        match wait.limit:
            case tree.Within(time=time):
                limit, body = f"{limit} within {expression_text(time)} else", wait.limit.otherwise
            case tree.Forever():
                limit = f"{limit} forever"
            case None:
                pass
            case _:
                assert_never(wait.limit)
        if limit:
            parts.append(limit.strip())
        whole = wait.span.to(wait.limit.span) if wait.limit else wait.span
        line = " ".join(parts)

        def finish(line: str, doc: str | None) -> None:
            if body is None:
                self.unit(whole, line, doc)
            else:
                self.body(line, wait.span.start, body, doc)

        if len(parts) == 1 or self.fits(f"{line} {self.tail(body)}".rstrip()):
            finish(line, wait.doc)
            return
        outer, self.indent = self.indent, self.indent + INDENT
        end = whole.end
        if body is not None:
            behind = self.inline(body)
            fits = behind is not None and self.fits(f"{parts[-1]} {behind}")
            end = body.span.end if fits else self.begin_of(body)
        self.indent = outer
        self.unit(Span(whole.source, whole.start, end), parts[0], wait.doc, trailing=False)  # comments of all its lines
        self.indent += INDENT
        for part in parts[1:-1]:
            self.blanks = False
            self.unit(whole, part, trailing=False)
        self.blanks = False
        finish(parts[-1], None)
        self.indent = outer

    def race(self, race: tree.Race) -> None:
        braces = self.bracket(race.span.end)
        self.unit(race.span.to(opening(braces)), f"{head_text(race)} {{", race.doc)
        parts = [(on.span, partial(self.reaction, "", on)) for on in race.alternatives]
        match race.limit:
            case tree.After(time=time, body=body, doc=doc, span=span):
                head = f"after {expression_text(time)} ->"
                parts.append((span, partial(self.body, head, span.start, body, doc)))
            case tree.Forever(span=span):
                parts.append((span, partial(self.unit, span, "forever")))
            case None:
                pass
            case _:
                assert_never(race.limit)
        self.inside(lambda: self.reordered(parts, blanks=True), braces.end)
        self.unit(closing(braces), "}")

    def reaction(self, before: str, on: tree.OnEvent) -> None:
        self.body(f"{before}{event_text(on)} ->", on.span.start, on.body, on.doc)

    def repeat(self, loop: tree.Repeat) -> None:
        """The condition stands behind the brace that closes the block."""
        body, other = loop.body, loop.otherwise
        tail, start, doc = f"}} {until_text(loop)}", body.span.end - 1, None
        end = loop.most.span.end
        if other is not None:
            inline = self.inline(other)
            fits = inline is not None and self.fits(f"{tail} else {inline}")
            end = other.span.end if fits else self.begin_of(other)
        if not body.statements and not self.has_comments(Span(body.span.source, body.span.start, end)):
            tail, start, doc = f"{head_text(loop)} {{{tail}", loop.span.start, loop.doc
        else:
            self.unit(loop.span.to(opening(body.span)), f"{head_text(loop)} {{", loop.doc)
            self.inside(lambda: self.statements(body.statements), end)
        if other is None:
            self.unit(Span(body.span.source, start, end), tail, doc)
        else:
            self.body(f"{tail} else", start, other, doc)

    def scope_clauses(self, scope: tree.Scope) -> None:
        """From the inside: retry, events and the limit, catches, compensate. Each stands behind the brace before it, unless
        a comment or documentation stands between."""
        parts: list[tuple[Span, str, tree.Block | None, str | None]] = []
        if scope.retry:
            parts.append((scope.retry.span, clause_text(scope.retry), None, None))
        parts += [(on.span, f"{event_text(on)} ->", on.body, on.doc) for on in scope.reactions]
        if scope.limit:
            head = f"within {expression_text(scope.limit.time)} else"
            parts.append((scope.limit.span, head, scope.limit.otherwise, None))
        parts += [(catch.span, catch_text(catch), catch.body, catch.doc) for catch in scope.catches]
        if scope.undo is not None:
            parts.append((self.word_before(scope.undo.span), "compensate", scope.undo, None))
        printed = self.apart([(span, partial(self.scope_clause, *part)) for part in parts for span in part[:1]])
        for (_, head, _, _), lines in zip(parts, printed, strict=True):
            behind = f"{self.indent}}} {head}"  # as it was printed, so that it fits there
            line = next(number for number, line in enumerate(lines) if line.startswith(behind))
            if line == 0 and self.lines[-1] == f"{self.indent}}}":
                self.lines.pop()
            else:
                lines[line] = f"{self.indent}{lines[line][len(self.indent) + 2 :]}"
            self.lines += lines

    def scope_clause(self, span: Span, head: str, body: tree.Block | None, doc: str | None) -> None:
        if body is None:
            self.unit(span, f"}} {head}")
        elif head == "compensate":
            self.braces(f"}} {head}", span.start, body)
        else:
            self.body(f"}} {head}", span.start, body, doc)

    def body(self, head: str, start: int, block: tree.Block, doc: str | None = None) -> None:
        """`head` and what it leads to: one simple statement, behind it or on the next line, or a block."""
        source = block.span.source
        inline = self.inline(block)
        if inline is not None and self.fits(f"{head} {inline}"):
            self.unit(Span(source, start, block.span.end), f"{head} {inline}", doc)
        elif self.bare(block):
            self.unit(Span(source, start, self.begin_of(block)), head, doc)
            outer, self.indent = self.indent, self.indent + INDENT
            self.statements(block.statements)
            self.indent = outer
        else:
            self.braces(head, start, block, doc)

    def braces(self, head: str, start: int, block: tree.Block, doc: str | None = None) -> None:
        """`head` and a block in braces."""
        source = block.span.source
        if not block.statements and not self.has_comments(block.span):
            self.unit(Span(source, start, block.span.end), f"{head} {{}}", doc)
            return
        self.unit(Span(source, start, self.begin_of(block)), f"{head} {{", doc)
        self.inside(lambda: self.statements(block.statements), block.span.end)
        self.unit(closing(block.span), "}")

    def tail(self, body: tree.Block | None) -> str:
        """What a body would put on the line of its head, whatever comments stand between."""
        if body is None:
            return ""
        first = body.statements[0] if body.statements else None
        return simple_text(first) if self.bare(body) and isinstance(first, Simple) else "{}"

    def inline(self, block: tree.Block) -> str | None:
        """The body as it stands on the line of its head; None when it needs lines of its own."""
        if not block.statements:
            return None if self.has_comments(block.span) else "{}"
        first = block.statements[0]
        if not self.bare(block) or not isinstance(first, Simple) or first.doc is not None:
            return None
        between = Span(block.span.source, self.begin_of(block) - 1, first.span.start)
        return None if self.has_comments(between) else self.line_of(first)

    def bare(self, block: tree.Block) -> bool:
        """Whether the body needs no braces: one simple statement, and no comment that only braces can hold."""
        simple = len(block.statements) == 1 and isinstance(block.statements[0], Simple)
        return simple and not (self.braced(block) and self.has_comments(block.span))

    # ------------------------------------------------------------ lines

    # ------------------------------------------------------------ places in the source

    def braced(self, block: tree.Block) -> bool:
        return self.tokens is not None and self.tokens.text(self.token(block.span.start)) == "{"

    def word_before(self, span: Span, count: int = 1) -> Span:
        """The token that stands `count` tokens before."""
        return self.tokens.span(self.token(span.start) - count, self.token(span.start) - count) if self.tokens else span

    def begin_of(self, block: tree.Block) -> int:
        """Where the head of a body ends: behind its brace, or behind the arrow when it has none."""
        if self.tokens is None or self.braced(block):
            return block.span.start + 1
        return self.tokens.ends[self.token(block.span.start) - 1]
