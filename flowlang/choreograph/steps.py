"""The row of a step: do an operation, record what would undo it, undo it, and wait for an operator where it is stuck.

Whatever happens to the calls is in the step's cell (`flowlang.cell`); what the service was given when the step started is
kept beside it, since the compensation's input is evaluated from that when the step ends.
"""

from __future__ import annotations

from typing import assert_never

from flowlang import event
from flowlang.cell import Causes, StepCell, attributed, last_call, result_word
from flowlang.choreograph.state import Data, DoCell
from flowlang.choreograph.turn import Heard, Turn
from flowlang.event import CANCELLED, EffectId, Reason
from flowlang.link import Refused
from flowlang.table import StepRow


def start(turn: Turn, row: StepRow, heard: Heard) -> None:
    """Begin a step, unless the run was cancelled or its input breaks the contract."""
    if turn.state.hinted:
        turn.state.cells[row.path] = DoCell(StepCell("turned", heard.causes, reason=CANCELLED), {})
        return turn.say(row.gone, {}, heard.causes, CANCELLED)
    link, operation = turn.program.link, row.operation
    try:
        given = link.conformed(operation.input, link.value(row.input, heard.data), "InvalidInput")
    except Refused as refused:
        reason = Reason("failed", refused.error(row.path))
        turn.state.cells[row.path] = DoCell(StepCell("refused", heard.causes, reason=reason), {})
        return turn.say(row.gone, {}, heard.causes, reason)
    turn.state.cells[row.path] = DoCell(StepCell("running", heard.causes, given, called=True), heard.data)
    turn.effects.append(event.Invoke(row.path, "do", operation.service, operation.name, given, row.policy))


def settled(turn: Turn, row: StepRow, input: event.Settled) -> None:
    """The call of a step, or of its compensation, has its final result."""
    cell = _cell(turn, row)
    if input.kind == "undo":
        if cell.step.state == "undoing":
            _undone(turn, row, cell.step, "undone", result_word(input.results[-1]))
    elif cell.step.state == "running":
        _ended(turn, row, cell, attributed(input.results, row.path, row.operation.service))


def stuck(turn: Turn, row: StepRow, input: event.Stuck) -> None:
    """A call cannot go on by itself: an operator decides, and the run's owner is told."""
    cell = _cell(turn, row)
    step = cell.step
    if step.state != ("running" if input.kind == "do" else "undoing"):
        return
    step.state = "stuck" if input.kind == "do" else "stuck_undo"
    step.stuck, step.attempts = input.error, input.attempts
    results = attributed(input.results, row.path, row.operation.service)
    if input.kind == "do":
        step.results = results
    elif results:
        step.undo_result = result_word(results[-1])
    _tell_stuck(turn, row, cell)


def resolved(turn: Turn, row: StepRow, input: event.Resolved) -> None:
    """What an operator said. An answer to a call that is not stuck changes nothing."""
    cell = _cell(turn, row)
    step, said = cell.step, input.decision
    if step.state != ("stuck_undo" if input.kind == "undo" else "stuck"):
        return
    if input.kind == "undo" and said == "retry" and not step.undo_called:
        return  # it could not be called, and still can't be
    turn.say(row.unstuck, {}, (), index=(cell.times,))
    if input.kind == "undo" and said == "retry":
        step.state, step.stuck = "undoing", None
    elif input.kind == "undo":
        _undone(turn, row, step, "skipped" if said == "skip" else "done", step.undo_result)
    elif said == "retry":
        step.state, step.stuck, step.results = "running", None, ()
    else:
        step.state = "running"
        final: event.Result = event.Ok(input.value)
        if said == "fail":
            final = event.Failed(input.error or event.Error("Failed", "an operator said so", row.path))
        decided = attributed((final,), row.path, row.operation.service)
        _ended(turn, row, cell, (*step.results[:-1], *decided))


def undo_ok(turn: Turn, row: StepRow, reason: Reason, causes: Causes) -> None:
    """Undo a step that was ok."""
    cell = _cell(turn, row)
    assert cell.step.state == "ok", (row.path, cell)
    _undo(turn, row, cell, reason, causes)


def halt(turn: Turn, row: StepRow, cell: DoCell) -> None:
    """The run is cancelled: a call that only waits is not tried again, a running one is left to end."""
    if cell.step.state == "running":
        turn.effects.append(event.Halt(row.path))


def _cell(turn: Turn, row: StepRow) -> DoCell:
    cell = turn.state.cells[row.path]
    assert isinstance(cell, DoCell)
    return cell


def _ended(turn: Turn, row: StepRow, cell: DoCell, results: tuple[event.Result, ...]) -> None:
    step, final = cell.step, results[-1]
    if isinstance(final, event.Failed) and final.error.name == "":  # halted before its first attempt
        step.state, step.called, step.reason = "turned", False, CANCELLED
        return turn.say(row.gone, {}, step.causes, CANCELLED)
    step.results, step.stuck = results, None
    after = last_call(row.path, step)
    match final:
        case event.Ok(value):
            step.state, step.value = "ok", value
            data = {**cell.data, row.name: value}
            turn.state.values[row.name] = value
            _record_undo(turn, row, step, data)
            turn.say(row.ok, data, after)
        case event.Failed(error):
            step.state = "failed"
            turn.say(row.gone, {}, after, Reason("failed", error))
        case event.Unknown(error):
            step.state = "unknown"
            _record_undo(turn, row, step, cell.data)
            _undo(turn, row, cell, Reason("failed", error), after)
        case _:
            assert_never(final)


def _record_undo(turn: Turn, row: StepRow, step: StepCell, data: Data) -> None:
    """Evaluate what the compensation will be called with, while this service still has the values."""
    if row.compensate is None:
        return
    try:
        given = turn.program.link.value(row.compensate.input, data)
        step.undo_input = turn.program.link.conformed(row.compensate.operation.input, given, "InvalidInput")
    except Refused as refused:
        step.undo_problem = refused.message or refused.name


def _tell_stuck(turn: Turn, row: StepRow, cell: DoCell) -> None:
    cell.times += 1
    turn.say(row.stuck, {}, (), index=(cell.times,))


def _undo(turn: Turn, row: StepRow, cell: DoCell, reason: Reason, causes: Causes) -> None:
    step = cell.step
    step.reason = reason
    if row.compensate is None:
        step.state = "undone"
        return turn.say(row.gone, {}, causes, reason)
    step.undo_causes = causes
    if step.undo_problem:
        step.state = "stuck_undo"
        step.stuck = event.Error("ExpressionError", step.undo_problem, row.path)
        return _tell_stuck(turn, row, cell)
    step.state, step.undo_called = "undoing", True
    by, number = row.compensate.operation, max(len(step.results) - 1, 0)
    turn.effects.append(
        event.Invoke(row.path, "undo", by.service, by.name, step.undo_input, row.compensate.policy, reason, number)
    )


def _undone(turn: Turn, row: StepRow, step: StepCell, state: str, word: str) -> None:
    step.state, step.undo_result, step.stuck = state, word, None
    causes = (EffectId(row.path, "undo"),) if step.undo_called else step.undo_causes
    turn.say(row.gone, {}, causes, step.reason)
