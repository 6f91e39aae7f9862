"""From a recognised rule to its node: one function for each rule of grammar/flow.lark, named as the rule.

Each gets its children (nodes, or the index of a token) and the indices of its first and last token. Spans: an expression
and a clause have all their text, and so has a simple statement, a step without its clauses; a block statement, a case, a
catch and the flow itself have their head, up to the body, since that is where a diagnostic should point.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from flowlang.diagnostic import Diagnostic, Label
from flowlang.expression import tree as expression
from flowlang.expression.tree import Expr
from flowlang.language import literals, tree, words
from flowlang.language.lexer import Tokens
from flowlang.source import Span
from flowlang.values import MAX_INT

MAX_DEPTH = 128
"""Operators in each other: the phases walk expressions recursively, and Python's stack bears about a thousand frames."""

Children = list[Any]


class Clause(NamedTuple):
    """A header line or a step clause before it is known which others stand beside it."""

    kind: str
    value: Any
    span: Span


class Head(NamedTuple):
    """The first line of a block statement."""

    parts: Children
    doc: str | None
    span: Span


class Join(NamedTuple):
    """What stands behind `join`."""

    kind: str
    need: tree.Count | None


class Build:
    """Makes the nodes of one source and collects what is wrong with their insides."""

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.findings: list[Diagnostic] = tokens.findings
        self.too_deep = False
        self._depths: dict[int, tuple[int, Expr]] = {}

    # ------------------------------------------------------------ the flow

    def flow(self, c: Children, a: int, z: int) -> tree.Flow:
        uses, head, (headers, body) = c
        name, params, output = head.parts
        of = self._clauses(headers)
        version, key, owner, start = of("version"), of("key"), of("owner"), of("on event")
        return tree.Flow(name, uses, params, output, version, key, owner, start, body, head.doc, head.span)

    def flow_body(self, c: Children, a: int, z: int) -> tuple[tuple[Clause, ...], tree.Block]:
        return c[0], tree.Block(c[1], self._span(a, z))

    def use_contracts(self, c: Children, a: int, z: int) -> tree.Use:
        return tree.Use("contracts", c[0], self._span(a, z))

    def use_flows(self, c: Children, a: int, z: int) -> tree.Use:
        return tree.Use("flows", c[0], self._span(a, z))

    def param(self, c: Children, a: int, z: int) -> tree.Param:
        return tree.Param(c[0], c[1], self._span(a, z))

    def named_type(self, c: Children, a: int, z: int) -> tree.NamedType:
        return tree.NamedType(c[0], c[1], self._span(a, z))

    def list_type(self, c: Children, a: int, z: int) -> tree.ListType:
        return tree.ListType(c[0], self._span(a, z))

    def optional_type(self, c: Children, a: int, z: int) -> tree.OptionalType:
        return tree.OptionalType(c[0], self._span(a, z))

    def version(self, c: Children, a: int, z: int) -> Clause:
        text = self.tokens.text(c[0])
        label = text if text[:1].isdigit() else self._unquote(c[0])
        return Clause("version", tree.Text(label, self._span(z, z)), self._span(a, z))

    def key(self, c: Children, a: int, z: int) -> Clause:
        return Clause("key", c[0], self._span(a, z))

    def owner(self, c: Children, a: int, z: int) -> Clause:
        return Clause("owner", c[0], self._span(a, z))

    def start(self, c: Children, a: int, z: int) -> Clause:
        span = self._span(a, z)
        return Clause("on event", tree.Start(c[1], c[2], c[3], span), span)

    # ------------------------------------------------------------ statements

    def block(self, c: Children, a: int, z: int) -> tree.Block:
        return tree.Block(c[0], self._span(a, z))

    def single(self, c: Children, a: int, z: int) -> tree.Block:
        return tree.Block((c[0],), self._span(a, z))

    def step(self, c: Children, a: int, z: int) -> tree.Step:
        name, call, clauses = c
        of = self._clauses(clauses or ())
        span = Span(self.tokens.source, self.tokens.starts[a], call.span.end)
        return tree.Step(name, call, of("compensate"), of("retry"), of("timeout"), self._doc(a), span)

    def call(self, c: Children, a: int, z: int) -> tree.Call:
        return tree.Call(c[0], c[1], c[2], self._span(a, z))

    def whole(self, c: Children, a: int, z: int) -> tree.Whole:
        return tree.Whole(c[0], self._span(a, z))

    def named_args(self, c: Children, a: int, z: int) -> tree.NamedArgs:
        span = self._span(a, z)
        return tree.NamedArgs(expression.MapOf(self._entries(c), span), span)

    def undo_by(self, c: Children, a: int, z: int) -> Clause:
        span = self._span(a, z)
        return Clause("compensate", tree.UndoBy(c[0], span), span)

    def undo_none(self, c: Children, a: int, z: int) -> Clause:
        span = self._span(a, z)
        return Clause("compensate", tree.UndoNone(span), span)

    def retry(self, c: Children, a: int, z: int) -> Clause:
        span = self._span(a, z)
        return Clause("retry", tree.Retry(c[0], c[1], c[2] or (), span), span)

    def timeout(self, c: Children, a: int, z: int) -> Clause:
        return Clause("timeout", c[0], self._span(a, z))

    def backoff(self, c: Children, a: int, z: int) -> tuple[tree.Time, tree.Time]:
        return c[0], c[1]

    def error(self, c: Children, a: int, z: int) -> tree.ErrorRef:
        if c[0].text == "event":  # behind `on` it would be a reaction
            self.findings.append(words.Reserved(span=c[0].span, word="event"))
        return tree.ErrorRef(None, c[0], self._span(a, z))

    def error_of(self, c: Children, a: int, z: int) -> tree.ErrorRef:
        return tree.ErrorRef(c[0], c[1], self._span(a, z))

    def let(self, c: Children, a: int, z: int) -> tree.Let:
        return tree.Let(c[0], c[1], self._doc(a), self._span(a, z))

    def emit(self, c: Children, a: int, z: int) -> tree.Emit:
        return tree.Emit(c[0], c[1], self._doc(a), self._span(a, z))

    def fail(self, c: Children, a: int, z: int) -> tree.Fail:
        return tree.Fail(c[0], c[1], self._doc(a), self._span(a, z))

    def return_(self, c: Children, a: int, z: int) -> tree.Return:
        return tree.Return(c[0], self._doc(a), self._span(a, z))

    def wait_for(self, c: Children, a: int, z: int) -> tree.Wait:
        return tree.Wait(c[0], False, self._doc(a), self._span(a, z))

    def wait_until(self, c: Children, a: int, z: int) -> tree.Wait:
        return tree.Wait(c[0], True, self._doc(a), self._span(a, z))

    def commit(self, c: Children, a: int, z: int) -> tree.Commit:
        return tree.Commit(self._doc(a), self._span(a, z))

    def next_(self, c: Children, a: int, z: int) -> tree.Next:
        return tree.Next(c[0], c[1], self._doc(a), self._span(a, z))

    def yield_(self, c: Children, a: int, z: int) -> tree.Yield:
        return tree.Yield(c[0], self._doc(a), self._span(a, z))

    def sequence(self, c: Children, a: int, z: int) -> tree.Sequence:
        return tree.Sequence(c[0], self._doc(a), self._span(a, a))

    def head(self, c: Children, a: int, z: int) -> Head:
        return Head(c, self._doc(a), self._span(a, z))

    flow_head = fork_head = branch_head = case_head = wait_head = race_head = event_head = after_head = head
    for_head = repeat_head = scope_head = catch_head = orchestrate_head = head

    def fork(self, c: Children, a: int, z: int) -> tree.Fork:
        head, branches, (join, need) = c
        if not branches and self._sound(a, z):
            self.findings.append(words.EmptyFork(span=head.span))
        return tree.Fork(head.parts[0], branches, join, need, head.doc, head.span)

    def join_all(self, c: Children, a: int, z: int) -> Join:
        return Join("all", None)

    def join_all_or_cancel(self, c: Children, a: int, z: int) -> Join:
        return Join("all or cancel", None)

    def join_any(self, c: Children, a: int, z: int) -> Join:
        return Join("any", None)

    def join_some(self, c: Children, a: int, z: int) -> Join:
        return Join("some", self._positive("join", c[0]))

    def branch(self, c: Children, a: int, z: int) -> tree.Branch:
        (head, body) = c
        return tree.Branch(head.parts[0], head.parts[1], body, head.doc, head.span)

    def switch(self, c: Children, a: int, z: int) -> tree.Switch:
        subject, at, cases, default = c
        last = at or subject
        span = Span(self.tokens.source, self.tokens.starts[a], last.span.end if last else self.tokens.ends[a])
        if subject is None:
            for case in cases:
                if len(case.values) > 1:
                    several = case.values[0].span.to(case.values[-1].span)
                    cause = (Label(span, "this has no subject"),)
                    self.findings.append(words.SeveralGuards(span=several, related=cause))
        return tree.Switch(subject, at, cases, default, self._doc(a), span)

    def case(self, c: Children, a: int, z: int) -> tree.Case:
        (head, body) = c
        return tree.Case(head.parts[0], body, head.doc, head.span)

    def wait_event(self, c: Children, a: int, z: int) -> tree.WaitEvent:
        (head, limit) = c
        event, bind, where, at = head.parts
        return tree.WaitEvent(event, bind, where, at, limit, head.doc, head.span)

    def within_head(self, c: Children, a: int, z: int) -> tuple[Expr, Span]:
        return c[0], self._span(a, z)

    def within(self, c: Children, a: int, z: int) -> tree.Within:
        (time, span), body = c
        return tree.Within(time, body, span)

    def forever(self, c: Children, a: int, z: int) -> tree.Forever:
        return tree.Forever(self._span(a, z))

    def race(self, c: Children, a: int, z: int) -> tree.Race:
        (head, parts) = c
        alternatives = tuple(part for part in parts if isinstance(part, tree.OnEvent))
        limits = [part for part in parts if not isinstance(part, tree.OnEvent)]
        if not alternatives and self._sound(a, z):
            self.findings.append(words.EmptyRace(span=head.span))
        for further in limits[1:]:
            first = (Label(limits[0].span, "said here"),)
            self.findings.append(words.SecondLimit(span=further.span, related=first))
        return tree.Race(head.parts[0], alternatives, limits[0] if limits else None, head.doc, head.span)

    def reaction(self, c: Children, a: int, z: int) -> tree.OnEvent:
        (head, body) = c
        _, event, bind, where = head.parts
        return tree.OnEvent(event, bind, where, False, body, head.doc, head.span)

    def alongside(self, c: Children, a: int, z: int) -> tree.OnEvent:
        (head, body) = c
        _, event, bind, where = head.parts
        return tree.OnEvent(event, bind, where, True, body, head.doc, head.span)

    def after(self, c: Children, a: int, z: int) -> tree.After:
        (head, body) = c
        return tree.After(head.parts[0], body, head.doc, head.span)

    def for_each(self, c: Children, a: int, z: int) -> tree.ForEach:
        (head, body) = c
        variable, items, parallel, bind, at = head.parts
        if parallel is not None:
            self._positive("parallel", parallel)
        return tree.ForEach(variable, items, parallel, bind, at, body, head.doc, head.span)

    def repeat(self, c: Children, a: int, z: int) -> tree.Repeat:
        head, body, until, every, most, otherwise = c
        carried, at = head.parts
        self._positive("at most", most)
        return tree.Repeat(self._once(carried or ()), at, body, until, every, most, otherwise, head.doc, head.span)

    def carried(self, c: Children, a: int, z: int) -> tree.Carried:
        return tree.Carried(c[0], c[1], self._span(a, z))

    def scope(self, c: Children, a: int, z: int) -> tree.Scope:
        head, body, parts = c
        name, at = head.parts
        catches = tuple(part for part in parts if isinstance(part, tree.Catch))
        reactions = tuple(part for part in parts if isinstance(part, tree.OnEvent))
        limits = tuple(Clause("within", part, part.span) for part in parts if isinstance(part, tree.Within))
        of = self._clauses((*limits, *(part for part in parts if isinstance(part, Clause))))
        limit, retry, undo = of("within"), of("retry"), of("compensate")
        return tree.Scope(name, at, body, catches, reactions, limit, retry, undo, head.doc, head.span)

    def undo_block(self, c: Children, a: int, z: int) -> Clause:
        return Clause("compensate", c[0], self._span(a, a))

    def orchestrate(self, c: Children, a: int, z: int) -> tree.Orchestrate:
        (head, body) = c
        return tree.Orchestrate(head.parts[0], body, head.doc, head.span)

    def catch(self, c: Children, a: int, z: int) -> tree.Catch:
        (head, body) = c
        return tree.Catch(head.parts[0] or (), head.parts[1], body, head.doc, head.span)

    # ------------------------------------------------------------ expressions

    def ternary(self, c: Children, a: int, z: int) -> Expr:
        return self._deep(expression.Ternary(c[0], c[1], c[2], self._span(a, z)), (c[0], c[1], c[2]), a, z)

    def _binary(self, op: str, c: Children, a: int, z: int) -> Expr:
        return self._deep(expression.Binary(op, c[0], c[1], self._span(a, z)), (c[0], c[1]), a, z)

    def or_(self, c: Children, a: int, z: int) -> Expr:
        return self._binary("||", c, a, z)

    def and_(self, c: Children, a: int, z: int) -> Expr:
        return self._binary("&&", c, a, z)

    def compare(self, c: Children, a: int, z: int) -> Expr:
        op = self.tokens.text(c[1])
        return self._binary("==" if op == "=" else op, [c[0], c[2]], a, z)  # a single `=` has been reported

    def in_(self, c: Children, a: int, z: int) -> Expr:
        return self._binary("in", c, a, z)

    def plus(self, c: Children, a: int, z: int) -> Expr:
        return self._binary("+", c, a, z)

    def minus(self, c: Children, a: int, z: int) -> Expr:
        return self._binary("-", c, a, z)

    def times(self, c: Children, a: int, z: int) -> Expr:
        return self._binary("*", c, a, z)

    def divide(self, c: Children, a: int, z: int) -> Expr:
        return self._binary("/", c, a, z)

    def modulo(self, c: Children, a: int, z: int) -> Expr:
        return self._binary("%", c, a, z)

    def not_(self, c: Children, a: int, z: int) -> Expr:
        return self._deep(expression.Unary("!", c[0], self._span(a, z)), (c[0],), a, z)

    def negate(self, c: Children, a: int, z: int) -> Expr:
        of, found = c[0], self.findings
        if isinstance(of, expression.Literal) and of.value == MAX_INT + 1 and found and found[-1].span == of.span:
            found.pop()  # the smallest integer, whose digits alone would be too large
        return self._deep(expression.Unary("-", of, self._span(a, z)), (of,), a, z)

    def select(self, c: Children, a: int, z: int) -> Expr:
        return self._deep(expression.Select(c[0], c[1].text, False, self._span(a, z), c[1].span), (c[0],), a, z)

    def select_optional(self, c: Children, a: int, z: int) -> Expr:
        return self._deep(expression.Select(c[0], c[1].text, True, self._span(a, z), c[1].span), (c[0],), a, z)

    def method(self, c: Children, a: int, z: int) -> Expr:
        of, name, args = c
        node = expression.Method(of, name.text, args or (), self._span(a, z), name.span)
        return self._deep(node, (of, *node.args), a, z)

    def index(self, c: Children, a: int, z: int) -> Expr:
        return self._deep(expression.Index(c[0], c[1], self._span(a, z)), (c[0], c[1]), a, z)

    def ref(self, c: Children, a: int, z: int) -> Expr:
        return expression.Ref(c[0].text, c[0].span)

    def function(self, c: Children, a: int, z: int) -> Expr:
        name, args = c
        return self._deep(expression.Function(name.text, args or (), self._span(a, z), name.span), args or (), a, z)

    def list(self, c: Children, a: int, z: int) -> Expr:
        return self._deep(expression.ListOf(c[0] or (), self._span(a, z)), c[0] or (), a, z)

    def map(self, c: Children, a: int, z: int) -> Expr:
        entries = self._entries(c[0] or ())
        return self._deep(expression.MapOf(entries, self._span(a, z)), tuple(e.value for e in entries), a, z)

    def named(self, c: Children, a: int, z: int) -> expression.Entry:
        return expression.Entry(c[0].text, c[1], c[0].span)

    def quoted(self, c: Children, a: int, z: int) -> expression.Entry:
        return expression.Entry(self._unquote(c[0]), c[1], self._span(a, a))

    # ------------------------------------------------------------ words and literals

    def name(self, c: Children, a: int, z: int) -> tree.Name:
        span = self._span(a, a)
        return tree.Name(span.text, span)

    def word(self, c: Children, a: int, z: int) -> tree.Name:
        return c[0] if c else self.name(c, a, z)

    def text(self, c: Children, a: int, z: int) -> tree.Text:
        return tree.Text(self._unquote(a), self._span(a, a))

    def time(self, c: Children, a: int, z: int) -> tree.Time:
        return tree.Time(literals.duration(self._span(a, a), self.findings), self._span(a, a))

    def count(self, c: Children, a: int, z: int) -> tree.Count:
        return tree.Count(literals.integer(self._span(a, a), self.findings), self._span(a, a))

    def int_(self, c: Children, a: int, z: int) -> Expr:
        return self._literal(literals.integer(self._span(a, a), self.findings), a)

    def decimal(self, c: Children, a: int, z: int) -> Expr:
        return self._literal(literals.decimal(self._span(a, a), self.findings), a)

    def string(self, c: Children, a: int, z: int) -> Expr:
        return self._literal(self._unquote(a), a)

    def duration(self, c: Children, a: int, z: int) -> Expr:
        return self._literal(literals.duration(self._span(a, a), self.findings), a)

    def true(self, c: Children, a: int, z: int) -> Expr:
        return self._literal(True, a)

    def false(self, c: Children, a: int, z: int) -> Expr:
        return self._literal(False, a)

    def null(self, c: Children, a: int, z: int) -> Expr:
        return self._literal(None, a)

    # ------------------------------------------------------------ below the rules

    def _span(self, a: int, z: int) -> Span:
        return Span(self.tokens.source, self.tokens.starts[a], self.tokens.ends[z])

    def _literal(self, value: Any, a: int) -> Expr:
        return expression.Literal(value, self._span(a, a))

    def _unquote(self, a: int) -> str:
        return literals.unquote(self._span(a, a), self.findings)

    def _doc(self, a: int) -> str | None:
        """The `##` lines before the token `a`; taken out, so that what stays is known to document nothing."""
        lines = self.tokens.docs.pop(a, None) if self.tokens.docs else None
        return None if lines is None else doc_text([self.tokens.source.text[start:end] for start, end in lines])

    def _clauses(self, clauses: tuple[Clause, ...]) -> Any:
        """A function from the kind of a clause to its value, or None; says which clauses are there twice."""
        given: dict[str, Clause] = {}
        for clause in clauses:
            if clause.kind in given:
                first = (Label(given[clause.kind].span, "first here"),)
                self.findings.append(words.RepeatedClause(span=clause.span, clause=clause.kind, related=first))
            given.setdefault(clause.kind, clause)
        return lambda kind: given[kind].value if kind in given else None

    def _positive(self, clause: str, count: tree.Count) -> tree.Count:
        """`count`, after reporting when it is 0 where that means nothing. One without text stands for one that is missing."""
        if count.value == 0 and count.span.text:
            self.findings.append(words.NoneAtAll(span=count.span, clause=clause))
        return count

    def _entries(self, entries: Any) -> tuple[expression.Entry, ...]:
        given: dict[str, expression.Entry] = {}
        for entry in entries:
            if entry.key in given:
                first = (Label(given[entry.key].span, "first here"),)
                self.findings.append(words.RepeatedKey(span=entry.span, key=entry.key, related=first))
            given.setdefault(entry.key, entry)
        return tuple(entries) if len(given) == len(entries) else tuple(given.values())

    def _sound(self, a: int, z: int) -> bool:
        """Whether nothing is wrong from the token `a` to `z`: else what is missing there may have been dropped."""
        start, end = self.tokens.starts[a], self.tokens.ends[z]
        return not any(start <= finding.span.start < end for finding in self.findings)

    def _once(self, carried: tuple[tree.Carried, ...]) -> tuple[tree.Carried, ...]:
        given: dict[str, tree.Carried] = {}
        for part in carried:
            if part.name.text in given:
                first = (Label(given[part.name.text].span, "first here"),)
                self.findings.append(words.RepeatedKey(span=part.name.span, key=part.name.text, related=first))
            given.setdefault(part.name.text, part)
        return tuple(given.values())

    def _deep(self, node: Expr, parts: tuple[Expr, ...], a: int, z: int) -> Expr:
        """`node`, after reporting when it is one operator deeper than a phase can walk.

        An expression of few tokens can't be deep, so that ordinary ones are never measured.
        """
        if z - a >= MAX_DEPTH:
            depth = 1 + max((self._depth(part) for part in parts), default=0)
            self._depths[id(node)] = (depth, node)
            if depth > MAX_DEPTH:
                self.too_deep = True
                if depth == MAX_DEPTH + 1:
                    self.findings.append(words.DeepExpression(span=self._span(a, a), limit=MAX_DEPTH))
        return node

    def _depth(self, node: Expr) -> int:
        """How many nodes are in each other; those measured before are not entered again."""
        deepest = 0
        waiting = [(node, 1)]
        while waiting:
            part, depth = waiting.pop()
            if id(part) in self._depths:
                depth += self._depths[id(part)][0] - 1
            else:
                waiting += ((child, depth + 1) for child in children(part))
            deepest = max(deepest, depth)
        return deepest


def doc_text(lines: list[str]) -> str:
    """What `##` lines say: without the signs, one blank after them and blanks at the end."""
    return "\n".join(line[2:].removeprefix(" ").rstrip() for line in lines)


def children(node: Expr) -> tuple[Expr, ...]:
    """The expressions directly inside of `node`."""
    match node:
        case expression.Select(of=of) | expression.Unary(of=of):
            return (of,)
        case expression.Index(of=of, at=at):
            return (of, at)
        case expression.Function(args=args):
            return args
        case expression.Method(of=of, args=args):
            return (of, *args)
        case expression.Binary(left=left, right=right):
            return (left, right)
        case expression.Ternary(test=test, then=then, otherwise=otherwise):
            return (test, then, otherwise)
        case expression.ListOf(items=items):
            return items
        case expression.MapOf(entries=entries):
            return tuple(entry.value for entry in entries)
        case expression.Literal() | expression.Ref():
            return ()
