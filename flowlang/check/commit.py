"""What may not fail: everything behind a `commit`, and the block that undoes a scope.

Nothing is undone there, so a failure that no `catch` takes would have nowhere to go. A step is attempted again for as long
as it takes; all else that could fail is refused, unless a `catch` that begins there takes it. A block that undoes has to
come to an end besides: it waits for nothing that may never come.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from flowlang.check.errors import LIMIT
from flowlang.check.resolve import Child, Flows, child_of
from flowlang.check.walk import bodies, listening, loses, opening, statements
from flowlang.check.words.commit import (
    ChildCommits,
    CommitTwice,
    FailsTooLate,
    IdleInUndo,
    MisplacedCommit,
    NotInUndo,
)
from flowlang.diagnostic import Diagnostic, Label
from flowlang.language import tree
from flowlang.source import Span

BEHIND = "after `commit` nothing is undone any more, so nothing takes a failure but a `catch` that begins after it"
UNDOING = "an undo cannot be undone, so nothing takes a failure but a `catch` inside of it"


def commit(flow: tree.Flow, flows: Flows) -> Iterator[Diagnostic]:
    """Findings about the point of no return, and about blocks that undo."""
    undos = [each.undo for each in statements(flow.body) if isinstance(each, tree.Scope) and each.undo is not None]
    undoing = {id(inner) for undo in undos for inner in statements(undo)}
    first = next((each for each in flow.body.statements if isinstance(each, tree.Commit)), None)
    yield from _commits(flow, first, undoing)
    for undo in undos:
        yield from _Firm(flows, UNDOING, None).block(undo)
    late = False
    for statement in flow.body.statements:
        if late and first is not None:
            yield from _Firm(flows, BEHIND, Label(first.span, "the point of no return")).statement(statement)
            continue
        late = statement is first
        for inner in statements(tree.Block((statement,), statement.span)):
            if isinstance(inner, tree.Step) and inner.undo is None and id(inner) not in undoing:
                yield from _child(inner, flows)


def _commits(flow: tree.Flow, first: tree.Commit | None, undoing: set[int]) -> Iterator[Diagnostic]:
    own = {id(each) for each in flow.body.statements}
    for statement in statements(flow.body):
        if not isinstance(statement, tree.Commit) or statement is first or id(statement) in undoing:
            continue
        if id(statement) not in own:
            yield MisplacedCommit(span=statement.span)
        elif first is not None:
            yield CommitTwice(span=statement.span, related=(Label(first.span, "committed here"),))


def _child(step: tree.Step, flows: Flows) -> Iterator[Diagnostic]:
    """A flow that commits cannot be undone by undoing its parts."""
    child = child_of(step.call, flows)
    if child is None:
        return
    commit = next((each for each in child.flow.body.statements if isinstance(each, tree.Commit)), None)
    if commit is not None:
        related = (Label(commit.span, "nothing before this is undone any more"),)
        span = step.call.service.span.to(step.call.operation.span)
        yield ChildCommits(span=span, related=related, flow=child.flow.name.text, step=step.name.text)


@dataclass(frozen=True, slots=True)
class _Firm:
    """A place where nothing may fail. `names` are the errors that a `catch` around takes, and `all` says that one takes
    any. `why` is one of the two reasons."""

    flows: Flows
    why: str
    since: Label | None
    above: tuple[int, ...] = ()  # the flows whose bodies are under way
    clean: set[tuple[int, frozenset[str], bool]] = field(default_factory=set)  # those that hold nothing wrong
    names: frozenset[str] = frozenset()
    all: bool = False

    @property
    def undoing(self) -> bool:
        return self.since is None

    def block(self, block: tree.Block) -> Iterator[Diagnostic]:
        for statement in block.statements:
            yield from self.statement(statement)

    def statement(self, statement: tree.Statement) -> Iterator[Diagnostic]:
        if self.undoing:
            yield from self.waiting(statement)
        match statement:
            case tree.Step():
                yield from self.step(statement)
            case tree.Fork():
                if loses(statement) and not self.all:
                    join = "any" if statement.need is None else str(statement.need.value)
                    span = opening(statement.span, "fork") if statement.need is None else statement.need.span
                    yield self.fails(span, f"a failure of `join {join}`", "catch as e")
            case tree.Repeat(otherwise=None) if not self.takes(LIMIT):
                yield self.fails(statement.most.span, f"`{LIMIT}` of this `repeat`", f"catch {LIMIT}")
            case tree.Fail() if not self.takes(statement.error.text):
                error = statement.error.text
                yield self.fails(statement.error.span, f"`fail {error}`", f"catch {error}")
            case tree.Scope():
                yield from self.scope(statement)
                return
            case _:
                pass
        for body in bodies(statement):
            yield from self.block(body)

    def takes(self, error: str) -> bool:
        return self.all or error in self.names

    def fails(self, span: Span, what: str, handler: str) -> Diagnostic:
        related = () if self.since is None else (self.since,)
        return FailsTooLate(span=span, related=related, what=what, why=self.why, handler=handler)

    def scope(self, scope: tree.Scope) -> Iterator[Diagnostic]:
        names = {error.name.text for catch in scope.catches for error in catch.errors}
        inside = replace(
            self, names=self.names | names, all=self.all or any(not catch.errors for catch in scope.catches)
        )
        yield from inside.block(scope.body)
        for reaction in scope.reactions:
            yield from inside.block(reaction.body)
        if scope.limit is not None:
            if not inside.all and not self.undoing:
                yield inside.fails(scope.limit.time.span, "what `within` interrupts", "catch as e")
            yield from inside.block(scope.limit.otherwise)
        for catch in scope.catches:
            yield from self.block(catch.body)

    def step(self, step: tree.Step) -> Iterator[Diagnostic]:
        if self.undoing and not self.above:  # a flow that is run here may as well run elsewhere
            if step.undo is not None:
                yield IdleInUndo(span=step.undo.span, clause="compensate", why="an undo is not undone")
            if step.retry is not None:
                yield IdleInUndo(span=step.retry.span, clause="retry", why="it is repeated until it succeeds anyway")
        child = child_of(step.call, self.flows)
        if child is not None:
            yield from self.child(child, step.call.service.span.to(step.call.operation.span))

    def child(self, child: Child, span: Span) -> Iterator[Diagnostic]:
        """A flow that is run here may fail no more than what stands here, and may wait no longer."""
        flow, key = f"`flow.{child.flow.name.text}`", (id(child.flow), self.names, self.all)
        if id(child.flow) in self.above:
            if not self.takes(LIMIT):
                yield self.fails(span, f"`{LIMIT}` of {flow}, which runs itself,", f"catch {LIMIT}")
            return
        if key in self.clean:
            return
        inside = replace(self, flows=child.flows, above=(*self.above, id(child.flow)))
        found = next(inside.block(child.flow.body), None)
        since = () if self.since is None else (self.since,)
        match found:
            case FailsTooLate():
                related = (Label(found.span, "here"), *since)
                yield found.but(span=span, related=related, what=f"{found.what} in {flow}")
            case NotInUndo():
                what, related = f"run {flow}, because it would {found.what}", (Label(found.span, "here"),)
                yield found.but(span=span, related=related, what=what)
            case _:
                self.clean.add(key)

    def waiting(self, statement: tree.Statement) -> Iterator[Diagnostic]:
        """What a block that undoes may not hold, because it may never come to an end, or decides what is decided."""
        what = "react to events" if isinstance(statement, tree.Scope) else "wait for an event"
        for heard in listening(statement):
            yield NotInUndo(span=heard.event.span, what=what, why=ENDS)
        if isinstance(statement, tree.Commit):
            yield NotInUndo(span=statement.span, what="commit", why="the flow has failed already when it runs")
        if isinstance(statement, tree.Scope) and statement.limit is not None:
            why = "what is interrupted would have to be undone, and an undo is not undone"
            yield NotInUndo(span=statement.limit.time.span, what="have a time limit", why=why)


ENDS = "an undo has to come to an end, and an event may never come"
