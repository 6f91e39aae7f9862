"""Undoing: which effects would stay when something fails, and which compensations cannot do their work.

The walk goes backwards, because the question of a step is what comes *after* it: each statement is told the first thing
that can fail once it is done, and answers with the first thing that can fail once it is begun. Every step can fail, since
every call can time out; an expression that fails is not counted, or the last step before a `return` would be accused.
What can go wrong with the values that a compensation reads is found where values are typed, in `types`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from flowlang.check.resolve import operation_of
from flowlang.check.walk import arguments as arguments_of
from flowlang.check.walk import bodies, branch_body, reads
from flowlang.check.words.saga import (
    NothingToUndo,
    NothingUndoes,
    UndoNotRepeatable,
    UndoReadsOwnResult,
    UndoWithoutEffect,
)
from flowlang.contract import Contracts
from flowlang.diagnostic import Diagnostic, Label
from flowlang.language import tree
from flowlang.source import Span


def saga(flow: tree.Flow, contracts: Contracts) -> list[Diagnostic]:
    """Findings about the undoing of `flow`."""
    found = _Undoing(contracts)
    found.block(flow.body, None)
    return found.diagnostics


class _Undoing:
    def __init__(self, contracts: Contracts) -> None:
        self.contracts = contracts
        self.diagnostics: list[Diagnostic] = []

    def block(self, block: tree.Block, after: Span | None) -> Span | None:
        """What can fail first from the beginning of `block` on, when `after` is what can fail first behind it."""
        for statement in reversed(_alive(block)):
            after = self.statement(statement, after)
        return after

    def statement(self, statement: tree.Statement, after: Span | None) -> Span | None:
        match statement:
            case tree.Step():
                self.diagnostics += self.step(statement, after)
                return statement.name.span
            case tree.Let() | tree.Emit():
                return after
            case tree.Sequence():
                return self.block(statement.body, after)
            case tree.Fork():
                return self.fork(statement, after)
            case tree.Switch():
                arms = [self.block(case.body, after) for case in statement.cases]
                arms.append(after if statement.default is None else self.block(statement.default, after))
                return _first(arms)
            case tree.WaitEvent():
                late = statement.limit.otherwise if isinstance(statement.limit, tree.Within) else None
                return _first([None if late is None else self.block(late, after), after])
            case tree.Scope():
                return self.scope(statement, after)
            case tree.Fail():
                return statement.error.span
            case tree.Return():
                return None
            case _:
                assert_never(statement)

    def fork(self, fork: tree.Fork, after: Span | None) -> Span | None:
        """A branch that is ok is undone when a sibling fails, before or after it."""
        failing = [_failing(branch_body(branch)) for branch in fork.branches]
        able = [number for number, span in enumerate(failing) if span is not None]
        for number, branch in enumerate(fork.branches):
            # Of the branches that can fail, the first or the second is another than this one.
            sibling = next((failing[other] for other in able[:2] if other != number), None)
            self.block(branch_body(branch), sibling or after)
        return failing[able[0]] if able else after

    def scope(self, scope: tree.Scope, after: Span | None) -> Span | None:
        """Any failure inside undoes the body; only what no handler takes for certain is a failure outside."""
        self.block(scope.body, after)
        for catch in scope.catches:
            self.block(catch.body, after)
        return _failing(tree.Block((scope,), scope.span)) or after

    def step(self, step: tree.Step, after: Span | None) -> Iterator[Diagnostic]:
        operation = operation_of(step.call, self.contracts)
        if operation is None:
            return
        said = f"{operation.service}.{operation.name}"
        match step.undo:
            case tree.UndoBy():
                if operation.reads:
                    yield NothingToUndo(span=step.undo.span, step=step.name.text, operation=said)
                else:
                    yield from self.undo(step, step.undo.call)
            case tree.UndoNone():
                pass
            case None:
                if after is not None and not operation.reads:
                    failing = Label(after, "this can still fail")
                    yield NothingUndoes(span=step.name.span, related=(failing,), step=step.name.text, operation=said)
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
        if own is not None:
            yield UndoReadsOwnResult(span=own.span, step=step.name.text)


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
            case tree.Scope():
                names = {
                    error.name.text for catch in statement.catches for error in catch.errors if error.service is None
                }
                whole = any(not catch.errors for catch in statement.catches)
                inner = [None if whole else _failing(statement.body, taken | names)]
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
