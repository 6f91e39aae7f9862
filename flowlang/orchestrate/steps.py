"""Steps: called, settled, undone, and what an operator says about one that is stuck."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from flowlang import event, ir
from flowlang.cell import Causes, StepCell, attributed, last_call, result_word
from flowlang.declared import Firm
from flowlang.event import CANCELLED, Index, Reason
from flowlang.link import Refused
from flowlang.orchestrate.program import Place
from flowlang.orchestrate.walk import Walk


def start(walk: Walk, number: int, node: ir.Step, index: Index, causes: Causes) -> None:
    """Call the operation, unless a hint has come. Raises Refused, after `refused`, where it has no input."""
    place, state = walk.program.places[number], walk.state
    reason = walk.hinted(place, index)
    if reason is not None:
        state.cells[number, index] = StepCell("turned", causes, reason=reason)
        return walk.gone(number, index, reason, causes)
    given = walk.program.link.given(node.operation.input, node.input, walk.env(place, index), "InvalidInput")
    cell = state.cells[number, index] = StepCell("running", causes, given, called=True)
    state.live[number, index] = None
    if node.firm is None:
        invoke = event.Invoke(
            walk.path(place, index), "do", node.operation.service, node.operation.name, given, node.policy
        )
    else:
        invoke = _firm(walk, place, node, node.firm, index, cell)
    walk.effects.append(invoke)


def _firm(walk: Walk, place: Place, node: ir.Step, firm: Firm, index: Index, cell: StepCell) -> event.Invoke:
    """The call of a step that may only fail where somebody takes it."""
    policy = replace(node.policy, firm=True, lets=firm.lets(index))
    path, operation = walk.path(place, index), node.operation
    if firm.kind != "undo":
        return event.Invoke(path, "do", operation.service, operation.name, cell.input, policy)
    scope, depth = place.around.compensation
    cell.kind, cell.reason = "undo", walk.reason_of(scope, index[:depth])
    return event.Invoke(path, "undo", operation.service, operation.name, cell.input, policy, cell.reason, -1)


def refused(walk: Walk, number: int, node: ir.Step, index: Index, causes: Causes, error: event.Error) -> None:
    """A step has no input that could be sent: it fails, or an operator has to do its work."""
    cell = walk.state.cells[number, index] = StepCell("refused", causes, reason=Reason("failed", error))
    if walk.may_fail(number, index, error):
        return walk.gone(number, index, Reason("failed", error), causes)
    cell.state, cell.stuck, cell.reason = "stuck", error, None
    if node.firm is not None and node.firm.kind == "undo":
        cell.kind = "undo"
    walk.state.stuck[number, index] = cell.kind


# ---------------------------------------------------------------- results


def settled(walk: Walk, number: int, node: ir.Step, index: Index, input: event.Settled) -> None:
    cell = walk.state.cells.get((number, index))
    if not isinstance(cell, StepCell):
        return
    if input.kind == cell.kind:
        if cell.state == "running":
            ended(walk, number, node, index, cell, attributed(input.results, input.path, node.operation.service))
    elif cell.state == "undoing":
        undone(walk, number, index, cell, "undone", result_word(input.results[-1]))


def ended(
    walk: Walk, number: int, node: ir.Step, index: Index, cell: StepCell, results: tuple[event.Result, ...]
) -> None:
    """The call has its final result."""
    place, final = walk.program.places[number], results[-1]
    walk.state.live.pop((number, index), None)
    if isinstance(final, event.Failed) and final.error.name == "":  # halted before its first attempt
        reason = walk.hinted(place, index) or CANCELLED
        cell.state, cell.called, cell.reason = "turned", False, reason
        return walk.gone(number, index, reason, cell.causes)
    cell.results, cell.stuck = results, None
    after = last_call(walk.path(place, index), cell) if cell.called else cell.causes
    match final:
        case event.Ok(value):
            cell.state, cell.value = "ok", value
            if node.name:
                walk.env(place, index)[node.name] = value
            if node.undo is not None:
                prepare_undo(walk, place, node, index, cell)
            walk.ok(number, index, after)
        case event.Failed(error):
            cell.state = "failed"
            walk.gone(number, index, Reason("failed", error), after)
        case event.Unknown(error):
            cell.state = "unknown"
            if node.undo is not None:
                prepare_undo(walk, place, node, index, cell)
            undo(walk, number, node, index, cell, Reason("failed", error), after)
        case _:
            assert_never(final)


def prepare_undo(walk: Walk, place: Place, node: ir.Step, index: Index, cell: StepCell) -> None:
    """Evaluate the compensation's input now, while everything that it may read is in scope."""
    assert node.undo is not None
    link = walk.program.link
    try:
        given = link.value(node.undo.input, walk.env(place, index))
        cell.undo_input = link.conformed(node.undo.operation.input, given, "InvalidInput")
    except Refused as refused:
        cell.undo_problem = refused.message or refused.name


# ---------------------------------------------------------------- undo


def undo(walk: Walk, number: int, node: ir.Step, index: Index, cell: StepCell, reason: Reason, causes: Causes) -> None:
    """Take back a step that was ok, or one of which nobody knows whether it was."""
    if node.undo is None or cell.kind == "undo":
        if cell.kind == "do":
            cell.state, cell.reason = "undone", reason
        return walk.gone(number, index, reason, causes)
    cell.reason, cell.undo_causes = reason, causes
    path = walk.path(walk.program.places[number], index)
    if cell.undo_problem:
        cell.state, walk.state.stuck[number, index] = "stuck_undo", "undo"
        cell.stuck = event.Error("ExpressionError", cell.undo_problem, path)
        return
    cell.state, cell.undo_called = "undoing", True
    operation, undoes = node.undo.operation, max(len(cell.results) - 1, 0)
    walk.effects.append(
        event.Invoke(path, "undo", operation.service, operation.name, cell.undo_input, node.undo.policy, reason, undoes)
    )


def undone(walk: Walk, number: int, index: Index, cell: StepCell, state: str, word: str) -> None:
    """The compensation is over, one way or another."""
    cell.state, cell.undo_result, cell.stuck = state, word, None
    path = walk.path(walk.program.places[number], index)
    assert cell.reason is not None
    causes = (event.EffectId(path, "undo"),) if cell.undo_called else cell.undo_causes
    walk.gone(number, index, cell.reason, causes)


def turn(walk: Walk, number: int, index: Index) -> None:
    """A call under way is left alone, but is not to be made again."""
    cell = walk.state.cells.get((number, index))
    if isinstance(cell, StepCell) and cell.state == "running" and cell.kind == "do":
        walk.effects.append(event.Halt(walk.path(walk.program.places[number], index)))


# ---------------------------------------------------------------- operators


def stuck(walk: Walk, number: int, node: ir.Step, index: Index, input: event.Stuck) -> None:
    cell = walk.state.cells.get((number, index))
    if not isinstance(cell, StepCell):
        return
    forward = input.kind == cell.kind
    if cell.state != ("running" if forward else "undoing"):
        return
    walk.state.stuck[number, index] = input.kind
    cell.state = "stuck" if forward else "stuck_undo"
    cell.stuck, cell.attempts = input.error, input.attempts
    results = attributed(input.results, input.path, node.operation.service)
    if forward:
        walk.state.live.pop((number, index), None)
        cell.results = results
    elif results:
        cell.undo_result = result_word(results[-1])


def resolved(walk: Walk, number: int, node: ir.Step, index: Index, input: event.Resolved) -> None:
    """What an operator said. An answer to a call that is not stuck changes nothing."""
    cell = walk.state.cells.get((number, index))
    if not isinstance(cell, StepCell):
        return
    if cell.state == "stuck" and input.kind == cell.kind:
        _resolve(walk, number, node, index, cell, input)
    elif cell.state == "stuck_undo" and input.kind == "undo":
        if input.decision == "retry":
            if cell.undo_called:
                cell.state, cell.stuck = "undoing", None
                del walk.state.stuck[number, index]
        elif input.decision in ("skip", "done"):
            del walk.state.stuck[number, index]
            undone(walk, number, index, cell, "skipped" if input.decision == "skip" else "done", cell.undo_result)


def _resolve(walk: Walk, number: int, node: ir.Step, index: Index, cell: StepCell, input: event.Resolved) -> None:
    """A forward call, or that of a step of a compensation block."""
    path = walk.path(walk.program.places[number], index)
    final: event.Result
    match input.decision:
        case "retry" if cell.called:
            cell.state, cell.stuck, cell.results = "running", None, ()
            walk.state.live[number, index] = None
            del walk.state.stuck[number, index]
            return
        case "skip" if cell.kind == "undo":
            cell.state, cell.stuck = "skipped", None
            del walk.state.stuck[number, index]
            return walk.ok(number, index, last_call(path, cell) if cell.called else cell.causes)
        case "done":
            final = event.Ok(input.value)
        case "fail" if cell.kind == "do":
            error = input.error or event.Error("Failed", "an operator said so", path)
            if node.firm is not None and error.name not in node.firm.lets(index):
                return  # nothing takes it: it stays stuck
            final = event.Failed(error)
        case _:
            return
    del walk.state.stuck[number, index]
    ended(
        walk,
        number,
        node,
        index,
        cell,
        (*cell.results[:-1], *attributed((final,), path, node.operation.service)),
    )
