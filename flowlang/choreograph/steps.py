"""The row of a step: do an operation, record what would undo it, undo it, and wait for an operator where it is stuck.

Whatever happens to the calls is in the step's cell (`flowlang.cell`); what the service was given when the step started is
kept beside it, since the compensation's input is evaluated from that when the step ends. A firm step, after the point of
no return or in a compensation block, does not fail: what can't be done waits for an operator.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, assert_never

from flowlang import event, place
from flowlang.cell import Causes, StepCell, attributed, last_call, result_word
from flowlang.choreograph.state import Data, DoCell, Said
from flowlang.choreograph.turn import Turn, refuses
from flowlang.declared import Undo
from flowlang.event import CANCELLED, EffectId, Error, Index, Policy, Reason
from flowlang.link import Refused
from flowlang.table import StepRow


def start(turn: Turn, row: StepRow, index: Index, said: Said) -> None:
    """Begin a step, unless a hint came first or its input breaks the contract."""
    state = turn.state
    assert (row.path, index) not in state.cells, f"{row.path} {index} was started before"
    step = StepCell("running", said.causes)
    cell = state.cells[row.path, index] = DoCell(step, said)
    if row.firm is not None:
        step.kind = kind_of(row)
    if row.reason:
        step.reason = why(said.data[row.reason])
    turned = turn.hinted(row.hints, index) if state.hints else None
    if turned is not None:
        step.state, step.reason = "turned", turned
        return turn.say_back(row.gone, index, said.causes, turned)
    link, operation = turn.program.link, row.operation
    try:
        step.input = link.given(operation.input, row.input, said.data, "InvalidInput")
    except Refused as refused:
        error = refused.error(place.instance(row.path, index))
        if refuses(row.firm, index, refused):
            step.state, step.reason = "refused", Reason("failed", error)
            return turn.say_back(row.gone, index, said.causes, step.reason)
        step.state, step.stuck = "stuck", error
        return _tell_stuck(turn, row, index, cell)
    step.called = True
    policy, path = policy_of(row, index), place.instance(row.path, index)
    undoes = 0 if step.kind == "do" else -1
    turn.effects.append(
        event.Invoke(
            path,
            step.kind,
            operation.service,
            operation.name,
            step.input,
            policy,
            step.reason if step.kind == "undo" else None,
            undoes,
        )
    )


def kind_of(row: StepRow) -> str:
    """As what the call of a step is reported: those of a compensation block undo something."""
    return "undo" if row.firm is not None and row.firm.kind == "undo" else "do"


def policy_of(row: StepRow, index: Index) -> Policy:
    """How often the call is tried; a firm one is not given up but for an error that is taken."""
    return row.policy if row.firm is None else replace(row.policy, firm=True, lets=row.firm.lets(index))


def settled(turn: Turn, row: StepRow, index: Index, input: event.Settled) -> None:
    """The call of a step, or of its compensation, has its final result."""
    cell = _cell(turn, row, index)
    if input.kind == cell.step.kind and cell.step.state == "running":
        _ended(turn, row, index, cell, attributed(input.results, input.path, row.operation.service))
    elif input.kind == "undo" and cell.step.state == "undoing":
        _undone(turn, row, index, cell.step, "undone", result_word(input.results[-1]))


def stuck(turn: Turn, row: StepRow, index: Index, input: event.Stuck) -> None:
    """A call cannot go on by itself: an operator decides, and the run's owner is told."""
    cell = _cell(turn, row, index)
    step = cell.step
    own = input.kind == step.kind
    if step.state != ("running" if own else "undoing"):
        return
    step.state = "stuck" if own else "stuck_undo"
    step.stuck, step.attempts = input.error, input.attempts
    results = attributed(input.results, input.path, row.operation.service)
    if own:
        step.results = results
    elif results:
        step.undo_result = result_word(results[-1])
    _tell_stuck(turn, row, index, cell)


def resolved(turn: Turn, row: StepRow, index: Index, input: event.Resolved) -> None:
    """What an operator said. An answer to a call that is not stuck, or that can't be, changes nothing."""
    cell = _cell(turn, row, index)
    step, said = cell.step, input.decision
    own = input.kind == step.kind
    if step.state != ("stuck" if own else "stuck_undo"):
        return
    called = step.called if own else step.undo_called
    if said == "retry" and not called:
        return  # it could not be called, and still can't be
    if own and said == "fail" and not _may_fail(row, index, input.error):
        return
    del turn.state.stuck[row.path, index]
    turn.say(row.unstuck, (*index, cell.times), Said({}, ()))
    if not own:
        if said == "retry":
            step.state, step.stuck = "undoing", None
        else:
            _undone(turn, row, index, step, "skipped" if said == "skip" else "done", step.undo_result)
    elif said == "retry":
        step.state, step.stuck, step.results = "running", None, ()
    elif said == "skip":
        step.state, step.stuck = "skipped", None
        after = last_call(input.path, step) if step.results else step.causes
        turn.say(row.ok, index, Said(cell.start.data, after, cell.start.open))
    else:
        step.state = "running"
        final: event.Result = event.Ok(input.value)
        if said == "fail":
            final = event.Failed(input.error or Error("Failed", "an operator said so", input.path))
        decided = attributed((final,), input.path, row.operation.service)
        _ended(turn, row, index, cell, (*step.results[:-1], *decided))


def _may_fail(row: StepRow, index: Index, error: Error | None) -> bool:
    return row.firm is None or (error.name if error else "Failed") in row.firm.lets(index)


def undo_ok(turn: Turn, row: StepRow, index: Index, reason: Reason, causes: Causes) -> None:
    """Undo a step that was ok."""
    cell = _cell(turn, row, index)
    assert cell.step.state == "ok", (row.path, cell)
    _undo(turn, row, index, cell, reason, causes)


def halt(turn: Turn, row: StepRow, index: Index, cell: DoCell) -> None:
    """A hint came: a call that only waits is not tried again, a running one is left to end."""
    if cell.step.state == "running":
        turn.effects.append(event.Halt(place.instance(row.path, index)))


def _cell(turn: Turn, row: StepRow, index: Index) -> DoCell:
    cell = turn.state.cells[row.path, index]
    assert isinstance(cell, DoCell)
    return cell


def _ended(turn: Turn, row: StepRow, index: Index, cell: DoCell, results: tuple[event.Result, ...]) -> None:
    step, final, path = cell.step, results[-1], place.instance(row.path, index)
    if isinstance(final, event.Failed) and final.error.name == "":  # halted before its first attempt
        turned = turn.hinted(row.hints, index) or CANCELLED
        step.state, step.called, step.reason = "turned", False, turned
        return turn.say_back(row.gone, index, step.causes, turned)
    step.results, step.stuck = results, None
    after = last_call(path, step) if step.called else step.causes
    match final:
        case event.Ok():
            step.state, step.value = "ok", final.value
            data = cell.start.data
            if row.name:
                data = {**data, row.name: final.value}
                turn.record(row.name, row.path, index, final.value)
            if row.compensate is not None:
                _record_undo(turn, row.compensate, step, data)
            turn.say(row.ok, index, Said(data, after, cell.start.open))
        case event.Failed(error):
            step.state = "failed"
            turn.say_back(row.gone, index, after, Reason("failed", error))
        case event.Unknown(error):
            assert row.firm is None, "nobody gives up a firm call"
            step.state = "unknown"
            if row.compensate is not None:
                _record_undo(turn, row.compensate, step, cell.start.data)
            _undo(turn, row, index, cell, Reason("failed", error), after)
        case _:
            assert_never(final)


def _record_undo(turn: Turn, undo: Undo, step: StepCell, data: Data) -> None:
    """Evaluate what the compensation will be called with, while this service still has the values."""
    try:
        given = turn.program.link.value(undo.input, data)
        step.undo_input = turn.program.link.conformed(undo.operation.input, given, "InvalidInput")
    except Refused as refused:
        step.undo_problem = refused.message or refused.name


def _tell_stuck(turn: Turn, row: StepRow, index: Index, cell: DoCell) -> None:
    cell.times += 1
    turn.state.stuck[row.path, index] = None
    turn.say(row.stuck, (*index, cell.times), Said({}, ()))


def _undo(turn: Turn, row: StepRow, index: Index, cell: DoCell, reason: Reason, causes: Causes) -> None:
    step, path = cell.step, place.instance(row.path, index)
    step.reason = reason
    if row.compensate is None:
        step.state = "undone"
        return turn.say_back(row.gone, index, causes, reason)
    step.undo_causes = causes
    if step.undo_problem:
        step.state = "stuck_undo"
        step.stuck = Error("ExpressionError", step.undo_problem, path)
        return _tell_stuck(turn, row, index, cell)
    step.state, step.undo_called = "undoing", True
    by, number = row.compensate.operation, max(len(step.results) - 1, 0)
    policy = row.compensate.policy
    turn.effects.append(event.Invoke(path, "undo", by.service, by.name, step.undo_input, policy, reason, number))


def _undone(turn: Turn, row: StepRow, index: Index, step: StepCell, state: str, word: str) -> None:
    step.state, step.undo_result, step.stuck = state, word, None
    causes = (EffectId(place.instance(row.path, index), "undo"),) if step.undo_called else step.undo_causes
    turn.say_back(row.gone, index, causes, step.reason)


# ---------------------------------------------------------------- a reason as a value


def as_data(reason: Reason) -> Any:
    """A reason as a value, for the steps of a compensation block: they report why they undo."""
    error = reason.error
    if error is None:
        return {"kind": reason.kind}
    data = {"name": error.name, "message": error.message, "path": error.path, "service": error.service}
    return {"kind": reason.kind, "error": {**data, "data": error.data} if error.has_data else data}


def why(value: Any) -> Reason:
    """The reason that a value says."""
    error = value.get("error")
    if error is None:
        return Reason(value["kind"])
    found = Error(error["name"], error["message"], error["path"], error.get("data"), "data" in error, error["service"])
    return Reason(value["kind"], found)
