"""Undoing: which effects would stay when something fails, and which compensations cannot do their work.

The walk goes backwards, because the question of a step is what comes *after* it: each statement is told the first thing
that can fail once it is done, and answers with the first thing that can fail once it is begun. Every step can fail, since
every call can time out; an expression that fails is not counted, or the last step before a `return` would be accused.
What can go wrong with the values that a compensation reads is found where values are typed, in `types`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from flowlang.check.errors import LIMIT
from flowlang.check.resolve import Child, Flows, child_of, operation_of
from flowlang.check.walk import arguments as arguments_of
from flowlang.check.walk import bodies, branch_body, loses, opening, reads, statements, ways
from flowlang.check.words.saga import (
    NothingToUndo,
    NothingUndoes,
    PartStays,
    StaysBehind,
    UndoNotRepeatable,
    UndoReadsOwnResult,
    UndoWithoutEffect,
)
from flowlang.contract import Contracts
from flowlang.diagnostic import Diagnostic, Label
from flowlang.language import tree
from flowlang.source import Span


def saga(flow: tree.Flow, contracts: Contracts, flows: Flows) -> list[Diagnostic]:
    """Findings about the undoing of `flow`."""
    found = _Undoing(contracts, flows)
    found.flow(flow.body)
    return found.diagnostics


class _Undoing:
    """`firm`: nothing that fails leaves this place, because it is behind the `commit`. `latch` is what interrupts or outruns
    the block around, and undoes what it did."""

    def __init__(self, contracts: Contracts, flows: Flows) -> None:
        self.contracts = contracts
        self.flows = flows
        self.diagnostics: list[Diagnostic] = []
        self.firm = False
        self.latch: Label | None = None

    def flow(self, body: tree.Block) -> None:
        alive = _alive(body)
        cut = next((number for number, each in enumerate(alive) if isinstance(each, tree.Commit)), len(alive))
        self.firm = True
        self.block(tree.Block(alive[cut:], body.span), None)
        self.firm = False
        self.block(tree.Block(alive[:cut], body.span), None)

    def block(self, block: tree.Block, after: Span | None) -> Span | None:
        """What can fail first from the beginning of `block` on, when `after` is what can fail first behind it."""
        for statement in reversed(_alive(block)):
            found = self.statement(statement, after)
            after = None if self.firm else found
        return after

    def statement(self, statement: tree.Statement, after: Span | None) -> Span | None:
        match statement:
            case tree.Step():
                self.diagnostics += self.step(statement, after)
                return statement.name.span
            case tree.Let():
                return after
            case tree.Sequence():
                return self.block(statement.body, after)
            case tree.Fork():
                return self.fork(statement, after)
            case tree.Switch():
                arms = [self.block(body, after) for body in ways(statement)]
                return _first([*arms, after if statement.default is None else None])
            case tree.WaitEvent():
                return _first([*(self.block(body, after) for body in ways(statement)), after])
            case tree.Race():
                return _first([self.block(body, after) for body in ways(statement)])
            case tree.ForEach():
                self.block(statement.body, self.failing(statement.body) or after)
                return self.failing(statement.body) or after
            case tree.Repeat():
                return self.repeat(statement, after)
            case tree.Scope():
                return self.scope(statement, after)
            case tree.Wait() | tree.Commit():
                return after
            case tree.Orchestrate():
                return self.block(statement.body, after)
            case tree.Emit():
                return after
            case tree.Fail():
                return statement.error.span
            case tree.Return():
                return None
            case tree.Next() | tree.Yield():
                return after
            case _:
                assert_never(statement)

    def failing(self, block: tree.Block) -> Span | None:
        return None if self.firm else _failing(block)

    def fork(self, fork: tree.Fork, after: Span | None) -> Span | None:
        """A branch that is ok is undone when a sibling fails, before or after it; or when others were enough."""
        failing = [self.failing(branch_body(branch)) for branch in fork.branches]
        able = [number for number, span in enumerate(failing) if span is not None]
        outer = self.latch
        if loses(fork):
            head = opening(fork.span, "fork") if fork.need is None else fork.need.span
            self.latch = Label(head, "a branch that comes too late is undone")
        for number, branch in enumerate(fork.branches):
            # Of the branches that can fail, the first or the second is another than this one.
            sibling = next((failing[other] for other in able[:2] if other != number), None)
            self.block(branch_body(branch), sibling or after)
        self.latch = outer
        return failing[able[0]] if able else after

    def repeat(self, repeat: tree.Repeat, after: Span | None) -> Span | None:
        """The iterations so far are undone when a further one fails, or there may be no further one."""
        late = self.block(repeat.otherwise, after) if repeat.otherwise is not None else None
        bound = repeat.most.span if repeat.otherwise is None and not self.firm else late
        inside = self.failing(repeat.body)
        self.block(repeat.body, inside or bound or after)
        return inside or bound or after

    def scope(self, scope: tree.Scope, after: Span | None) -> Span | None:
        """Any failure inside undoes the body; only what no handler takes for certain is a failure outside. A scope that was
        ok and has a block of its own is undone by that."""
        outside, firm, latch = None if scope.undo is not None else after, self.firm, self.latch
        interrupting = [reaction.event.span for reaction in scope.reactions if not reaction.alongside]
        interrupting += [] if scope.limit is None else [scope.limit.time.span]
        beside = [reaction.body for reaction in scope.reactions if reaction.alongside]
        if interrupting:
            self.latch = Label(interrupting[0], "this interrupts and undoes it")
        if scope.catches or scope.retry is not None:
            self.firm = False
        failing = [self.failing(each) for each in (scope.body, *beside)]
        for number, each in enumerate((scope.body, *beside)):
            self.block(each, _first([*failing[:number], *failing[number + 1 :]]) or outside)
        self.latch = latch
        self.firm = firm
        for handler in ways(scope)[1:]:
            self.block(handler, outside)
        return self.failing(tree.Block((scope,), scope.span)) or after

    def step(self, step: tree.Step, after: Span | None) -> Iterator[Diagnostic]:
        child = child_of(step.call, self.flows)
        operation = operation_of(step.call, self.contracts)
        undone = self.latch if after is None else Label(after, "this can still fail")
        match step.undo:
            case tree.UndoBy():
                if operation is not None and operation.reads:
                    said = f"{operation.service}.{operation.name}"
                    yield NothingToUndo(span=step.undo.span, step=step.name.text, operation=said)
                else:
                    yield from self.undo(step, step.undo.call)
            case tree.UndoNone():
                pass
            case None if undone is None:
                pass
            case None if child is not None:
                left = _left_behind(child)
                if left is not None:
                    related = (Label(left.name.span, "has an effect"), undone)
                    span = step.call.service.span.to(step.call.operation.span)
                    yield PartStays(span=span, related=related, flow=child.flow.name.text, step=left.name.text)
            case None:
                if operation is not None and not operation.reads:
                    said = f"{operation.service}.{operation.name}"
                    kind = StaysBehind if after is None else NothingUndoes
                    yield kind(span=step.name.span, related=(undone,), step=step.name.text, operation=said)
            case _:
                assert_never(step.undo)

    def undo(self, step: tree.Step, call: tree.Call) -> Iterator[Diagnostic]:
        operation = operation_of(call, self.contracts)
        if operation is not None:
            said = f"{operation.service}.{operation.name}"
            span = call.service.span.to(call.operation.span)
            if operation.reads:
                yield UndoWithoutEffect(span=span, operation=said)
            elif not operation.idempotent:
                yield UndoNotRepeatable(span=span, operation=said)
        own = next((ref for expr in arguments_of(call) for ref in reads(expr) if ref.name == step.name.text), None)
        # the compensation of another flow runs only where that was ok: what it gave is known then
        if own is not None and child_of(step.call, self.flows) is None:
            yield UndoReadsOwnResult(span=own.span, step=step.name.text)


def _left_behind(child: Child) -> tree.Step | None:
    """The first step of another flow that stays when the flow is undone as a whole, and of which its own check does not
    speak: so it is a step behind which nothing can fail there."""
    own = _Undoing(child.contracts, {})
    own.flow(child.flow.body)
    said = {finding.span for finding in own.diagnostics}
    for statement in statements(child.flow.body):
        if isinstance(statement, tree.Commit):
            return None  # the caller needs a compensation of its own, which is said elsewhere
        if isinstance(statement, tree.Step) and statement.undo is None:
            operation = operation_of(statement.call, child.contracts)
            if operation is not None and not operation.reads and statement.name.span not in said:
                return statement
    return None


def _failing(block: tree.Block, taken: frozenset[str] = frozenset()) -> Span | None:
    """The first thing in `block` that can fail in a way that leaves it; errors of `fail` in `taken` are caught outside."""
    for statement in block.statements:
        match statement:
            case tree.Step():
                return statement.name.span
            case tree.Fail():
                return None if statement.error.text in taken else statement.error.span
            case tree.Return():
                return None
            case tree.Repeat(otherwise=None):
                inner = [_failing(statement.body, taken), None if LIMIT in taken else statement.most.span]
            case tree.Scope():
                names = {
                    error.name.text for catch in statement.catches for error in catch.errors if error.service is None
                }
                whole = any(not catch.errors for catch in statement.catches)
                inside = [statement.body, *(each.body for each in statement.reactions)]
                inside += [] if statement.limit is None else [statement.limit.otherwise]
                inner = [None if whole else _failing(each, taken | names) for each in inside]
                inner += [_failing(catch.body, taken) for catch in statement.catches]
            case _:
                inner = [_failing(body, taken) for body in bodies(statement)]
        found = _first(inner)
        if found is not None:
            return found
    return None


def _alive(block: tree.Block) -> tuple[tree.Statement, ...]:
    """The statements of `block` without those behind its end, which have been complained about already."""
    ends = (number for number, each in enumerate(block.statements, 1) if isinstance(each, tree.Fail | tree.Return))
    return block.statements[: next(ends, None)]


def _first(spans: list[Span | None]) -> Span | None:
    return next((span for span in spans if span is not None), None)
