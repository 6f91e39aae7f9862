"""The one layout of flow text: two spaces, a statement on a line where it fits into 100 columns, else one part a line.

A comment is kept where lines begin and end: before the statement, clause, argument or bracket that it stands before, or
behind the one that it stands behind; one in the middle of something moves before that. Single blank lines between
statements are the writer's and stay. Header lines and clauses have one order. A body of one simple statement has no braces.

Whether something takes one line or several never depends on a comment that moves: formatting twice would differ.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain
from typing import assert_never

from flowlang.expression.text import quoted
from flowlang.expression.text import to_text as expression_text
from flowlang.expression.tree import MapOf
from flowlang.language import tree
from flowlang.language.automaton import automaton
from flowlang.language.lexer import Tokens, tokens
from flowlang.language.lines import (
    Clause,
    Part,
    Simple,
    argument_parts,
    as_text,
    at_text,
    call_text,
    case_text,
    catch_text,
    clause_text,
    clauses_of,
    entry_parts,
    head_text,
    header_parts,
    param_parts,
    simple_text,
    type_text,
)
from flowlang.language.text import read
from flowlang.source import Source, Span

WIDTH = 100
INDENT = "  "


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


class _Printer:
    """The lines so far, and the comments that wait for theirs. Without tokens there are neither comments nor places, so a
    tree that has no text is printed by the same code."""

    def __init__(self, found: Tokens | None) -> None:
        self.tokens = found
        self.comments: list[tuple[int, str]] = []
        self.next = 0  # the first comment that is not printed
        self.docs = {found.starts[at]: lines[0][0] for at, lines in found.docs.items()} if found else {}
        self.pairs = _pairs(found) if found else {}
        self.lines: list[str] = []
        self.indent = ""
        self.blanks = False  # whether a blank line of the source is kept before the next line

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
        self.unit(_last(body), "}")
        self.blanks = True
        self.comments_before(None)
        return "\n".join(self.lines) + "\n"

    def flow_head(self, flow: tree.Flow) -> None:
        params = param_parts(flow)
        head = f"flow {flow.name.text}("
        tail = f"){f' -> {type_text(flow.output)}' if flow.output else ''} {{"
        line = f"{head}{', '.join(text for _, text in params)}{tail}"
        brace = _first(flow.body.span)
        paren = self.bracket(flow.name.span.end)
        if not params or (self.fits(line) and not self.has_comments(paren)):
            self.unit(flow.span.to(brace), line, flow.doc)
            return
        self.unit(flow.span.to(_first(paren)), head, flow.doc)
        self.parts(params, brace.end)
        self.unit(_last(paren).to(brace), tail)

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
            case tree.Step() | tree.Let() | tree.Emit() | tree.Fail() | tree.Return():
                self.simple(statement)
            case tree.Sequence() | tree.Branch():
                self.block(statement)
            case tree.Fork():
                self.fork(statement)
            case tree.Switch():
                self.switch(statement)
            case tree.WaitEvent():
                self.wait(statement)
            case tree.Scope():
                self.block(statement)
                for catch in statement.catches:
                    self.catch(catch)
            case _:
                assert_never(statement)

    def simple(self, statement: Simple) -> None:
        line = self.line_of(statement)
        if line is not None and self.fits(line):
            self.unit(self.whole(statement), line, statement.doc)
            return
        match statement:
            case tree.Step():
                self.step(statement)
            case tree.Emit(data=MapOf() as data) if data.entries:
                self.map(statement.span, f"emit {quoted(statement.event.value)} {{", data, statement.doc)
            case tree.Return(value=MapOf() as data) if data.entries:
                self.map(statement.span, "return {", data, statement.doc)
            case _:
                self.unit(self.whole(statement), simple_text(statement), statement.doc)

    def line_of(self, statement: Simple) -> str | None:
        """The statement on one line; None when clauses, or comments between its parts, ask for several."""
        match statement:
            case tree.Step(call=call):
                if len(clauses_of(statement)) > 1 or self.has_comments(self.clauses(statement)):
                    return None
                if self.has_comments(self.arguments(call)):
                    return None
            case tree.Emit(data=MapOf() as data) | tree.Return(value=MapOf() as data):
                if data.entries and self.has_comments(data.span):
                    return None
            case _:
                pass
        return simple_text(statement)

    def step(self, step: tree.Step) -> None:
        clauses, block = clauses_of(step), self.clauses(step)
        prefix = f"step {step.name.text} = "
        if not clauses and not self.has_comments(block):
            self.call(prefix, self.whole(step), step.call, "", step.doc)
            return
        self.call(prefix, step.span.to(_first(block)), step.call, " {", step.doc)
        parts = [(clause.span, partial(self.clause, clause)) for clause in clauses]
        self.inside(lambda: self.reordered(parts), block.end)
        self.unit(_last(block), "}")

    def clause(self, clause: Clause) -> None:
        match clause:
            case tree.UndoBy(call=call):
                self.call("compensate ", clause.span, call, "", None)
            case _:
                self.unit(clause.span, clause_text(clause), spaced=False)

    def call(self, prefix: str, span: Span, call: tree.Call, suffix: str, doc: str | None) -> None:
        """A call on one line, or with one argument a line. `span` reaches to the end of the suffix."""
        line = f"{prefix}{call_text(call)}{suffix}"
        paren = self.arguments(call)
        if not isinstance(call.args, tree.NamedArgs) or (self.fits(line) and not self.has_comments(paren)):
            self.unit(span, line, doc)
            return
        self.unit(span.to(_first(paren)), f"{prefix}{call.service.text}.{call.operation.text}(", doc)
        self.parts(argument_parts(call.args), span.end)
        self.unit(_last(paren).to(span), f"){suffix}")

    def map(self, span: Span, head: str, data: MapOf, doc: str | None) -> None:
        """`head`, which ends with a brace, one entry a line, and the closing brace."""
        self.unit(span.to(_first(data.span)), head, doc)
        self.parts(entry_parts(data.entries), data.span.end)
        self.unit(_last(data.span), "}")

    # ------------------------------------------------------------ blocks

    def block(self, statement: tree.Sequence | tree.Branch | tree.Scope) -> None:
        body = statement.body
        head = head_text(statement)
        if not body.statements and not self.has_comments(body.span):
            self.unit(statement.span.to(body.span), f"{head} {{}}", statement.doc)
            return
        self.unit(statement.span.to(_first(body.span)), f"{head} {{", statement.doc)
        self.inside(lambda: self.statements(body.statements), body.span.end)
        self.unit(_last(body.span), "}")

    def fork(self, fork: tree.Fork) -> None:
        braces = self.bracket(fork.span.end)
        self.unit(fork.span.to(_first(braces)), f"{head_text(fork)} {{", fork.doc)
        end = self.tokens.ends[self.token(braces.end) + 1] if self.tokens else 0  # of `join all`
        self.inside(lambda: self.statements(fork.branches), end)
        self.unit(Span(braces.source, braces.end - 1, end), f"}} join {fork.join}")

    def switch(self, switch: tree.Switch) -> None:
        braces = self.bracket(switch.span.end)
        self.unit(switch.span.to(_first(braces)), f"{head_text(switch)} {{", switch.doc)
        self.inside(lambda: self.cases(switch), braces.end)
        self.unit(_last(braces), "}")

    def cases(self, switch: tree.Switch) -> None:
        for index, case in enumerate(switch.cases):
            self.blanks = index > 0
            self.body(case_text(case), case.span.start, case.body, case.doc)
        if switch.default is not None:
            self.blanks = True
            start = self.tokens.starts[self.token(switch.default.span.start) - 2] if self.tokens else 0  # of `else ->`
            self.body("else ->", start, switch.default)

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

    def catch(self, catch: tree.Catch) -> None:
        """Behind the brace before it, unless a comment or documentation stands between."""
        before = len(self.lines)
        hugs = "} " if self.lines[-1] == f"{self.indent}}}" else ""
        head = f"{hugs}{catch_text(catch)}"
        self.blanks = False
        self.body(head, catch.span.start, catch.body, catch.doc)
        if hugs and self.lines[before].startswith(f"{self.indent}{head}"):
            del self.lines[before - 1]
        elif hugs:
            line = next(
                at for at in range(before, len(self.lines)) if self.lines[at].startswith(f"{self.indent}{head}")
            )
            self.lines[line] = f"{self.indent}{self.lines[line][len(self.indent) + len(hugs) :]}"

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
            self.unit(Span(source, start, self.begin_of(block)), f"{head} {{", doc)
            self.inside(lambda: self.statements(block.statements), block.span.end)
            self.unit(_last(block.span), "}")

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

    def unit(self, span: Span, text: str, doc: str | None = None, trailing: bool = True, spaced: bool = True) -> None:
        """A line for what stands at `span`, with the comments before, in and behind it; `spaced` when `span` begins where
        the line did, so that a blank line before it counts."""
        self.comments_before(span.end)
        if doc is not None:
            start = self.docs.get(span.start, span.start)
            for number, line in enumerate(doc.split("\n")):
                self.line(f"## {line}".rstrip(), start if number == 0 else None)
        self.line(text, span.start if doc is None and spaced else None)
        if trailing:
            self.comment_behind(span.end)

    def parts(self, parts: list[Part], end: int) -> None:
        """One part a line, up to the closing bracket, whose line ends at `end`."""

        def write() -> None:
            for span, text in parts:
                self.blanks = False
                self.unit(span, f"{text},")

        self.inside(write, end)

    def reordered(self, parts: Sequence[tuple[Span, Callable[[], None]]]) -> None:
        """Print parts in their order, each with the comments that it has in the source, whose order may be another."""
        before, printed = self.lines, {}
        for place in sorted(range(len(parts)), key=lambda place: parts[place][0].start if self.tokens else place):
            self.lines, self.blanks = [], False
            parts[place][1]()
            printed[place] = self.lines
        self.lines = before + [line for place in range(len(parts)) for line in printed[place]]

    def inside(self, write: Callable[[], None], end: int) -> None:
        """Run `write` one step further in; the comments up to the end of the closing line belong there too."""
        outer, self.indent = self.indent, self.indent + INDENT
        self.blanks = False
        before = len(self.lines)
        write()
        self.blanks = len(self.lines) > before
        self.comments_before(end)
        self.indent = outer
        self.blanks = False

    def line(self, text: str, start: int | None) -> None:
        if start is not None and self.blanks and self.blank_before(start):
            self.lines.append("")
        if start is not None:
            self.blanks = True
        self.lines.append(f"{self.indent}{text}")

    def fits(self, text: str) -> bool:
        return len(self.indent) + len(text) <= WIDTH

    # ------------------------------------------------------------ places in the source

    def comments_before(self, end: int | None) -> None:
        """Print the comments that stand before `end`, or all that are left."""
        while self.next < len(self.comments) and (end is None or self.comments[self.next][0] < end):
            start, text = self.comments[self.next]
            self.next += 1
            self.line(text, start)

    def comment_behind(self, end: int) -> None:
        """Put a comment that stands on the same line behind `end` there again."""
        if self.tokens is None or self.next == len(self.comments):
            return
        start, text = self.comments[self.next]
        if start >= end and not self.tokens.source.text[end:start].replace(",", "", 1).strip(" \t"):
            self.next += 1
            self.lines[-1] += f"  {text}"

    def has_comments(self, span: Span) -> bool:
        """Whether a comment that is not printed yet stands inside of `span`."""
        first = bisect_left(self.comments, (span.start + 1, ""), self.next)
        return first < len(self.comments) and self.comments[first][0] < span.end

    def blank_before(self, start: int) -> bool:
        """Whether there is a blank line in the source before `start`."""
        if self.tokens is None:
            return False
        text = self.tokens.source.text
        return _gap(text, start).replace("\r\n", "\n").replace("\r", "\n").count("\n") > 1

    def token(self, place: int) -> int:
        """The index of the first token at or after `place`."""
        return bisect_left(self.tokens.starts, place) if self.tokens else 0

    def bracket(self, place: int) -> Span:
        """The first pair of brackets that opens at or after `place`."""
        if self.tokens is None:
            return NOWHERE
        index = self.token(place)
        while index not in self.pairs:
            index += 1
        return self.tokens.span(index, self.pairs[index])

    def clauses(self, step: tree.Step) -> Span:
        """The braces behind the call of a step; nothing when it has none."""
        end = step.call.span.end
        index = self.token(end)
        if self.tokens is None or self.tokens.text(index) != "{":
            return Span(step.span.source, end, end)
        return self.tokens.span(index, self.pairs[index])

    def arguments(self, call: tree.Call) -> Span:
        """The parentheses of a call with named arguments, else nothing."""
        return self.bracket(call.operation.span.end) if isinstance(call.args, tree.NamedArgs) else NOWHERE

    def whole(self, statement: Simple) -> Span:
        """The statement with its clauses."""
        return statement.span.to(self.clauses(statement)) if isinstance(statement, tree.Step) else statement.span

    def braced(self, block: tree.Block) -> bool:
        return self.tokens is not None and self.tokens.text(self.token(block.span.start)) == "{"

    def begin_of(self, block: tree.Block) -> int:
        """Where the head of a body ends: behind its brace, or behind the arrow when it has none."""
        if self.tokens is None or self.braced(block):
            return block.span.start + 1
        return self.tokens.ends[self.token(block.span.start) - 1]


NOWHERE = Span(Source("", ""), 0, 0)


def _gap(text: str, start: int) -> str:
    """The blanks before `start`."""
    begin = start
    while begin > 0 and text[begin - 1] in " \t\f\r\n":
        begin -= 1
    return text[begin:start]


def _pairs(found: Tokens) -> dict[int, int]:
    """From the index of each opening bracket to that of its closing one."""
    signs = automaton().signs
    opened: list[int] = []
    pairs = {}
    for index, kind in enumerate(found.kinds):
        if kind in (signs["("], signs["["], signs["{"]):
            opened.append(index)
        elif kind in (signs[")"], signs["]"], signs["}"]) and opened:
            pairs[opened.pop()] = index
    return pairs


def _first(span: Span) -> Span:
    return Span(span.source, span.start, span.start + 1)


def _last(span: Span) -> Span:
    return Span(span.source, span.end - 1, span.end)
