"""The service machine: one service's part of one run, from its table and the events that it hears.

It has never heard of a flow. An event is looked up among the rows; each row that hears it acts on its own cell and says
further events. Those for this service are handled at once, within the same input (so within the same transaction); those
for others leave as messages. A message is identified by run, flow, event and iteration, so hearing it twice changes
nothing, and the order of arrival decides nothing that is not written into a cell.

Undo is routed by cells: a join knows which branches it saw, a switch which way it took, a scope which part ran. So nobody
else has to know, and a service whose step never ran hears nothing.

`advance` changes the state in place, for the reason given at the central machine.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from flowlang import event
from flowlang.choreograph import parts, runs, steps, waits
from flowlang.choreograph.program import Program
from flowlang.choreograph.state import ChoiceCell, DoCell, SaidCell, State, WaitCell
from flowlang.choreograph.turn import Heard, Turn
from flowlang.event import Effect, Input, Message, Reason
from flowlang.link import Refused
from flowlang.table import CatchRow, EmitRow, FailRow, JoinRow, LetRow, RaceRow, Row, RunRow, StepRow, SwitchRow


class Unheard(Exception):
    """A message that no row of this table hears: not ours, or damaged. The driver makes it a dead letter."""


def initial(program: Program, run: str, started: int) -> State:
    """What the service knows of a run that it hears of for the first time; `started` in milliseconds."""
    return State(run, started)


def advance(program: Program, state: State, input: Input) -> list[Effect]:
    """Take `input` in, change `state`, and say what is to be done. Raises Unheard for a message that is not ours."""
    turn = Turn(program, state, input.at)
    _take(turn, input)
    while turn.todo:
        _hear(turn, turn.todo.popleft())
    return turn.effects


# ---------------------------------------------------------------- inputs


def _take(turn: Turn, input: Input) -> None:
    match input:
        case event.Start():
            runs.start(turn, _run(turn), input)
        case event.Heard():
            _message(turn, input.message)
        case event.Settled():
            steps.settled(turn, _step(turn, input.path), input)
        case event.Stuck():
            steps.stuck(turn, _step(turn, input.path), input)
        case event.Resolved():
            steps.resolved(turn, _step(turn, input.path), input)
        case event.Fired():
            waits.fired(turn, _race(turn, input.path))
        case event.Arrived():
            waits.arrived(turn, _race(turn, input.path), input)
        case event.Cancel():
            runs.cancel(turn, _run(turn))
        case _:
            assert_never(input)


def _run(turn: Turn) -> RunRow:
    assert turn.program.run is not None, "only the run's owner is asked this"
    return turn.program.run


def _step(turn: Turn, path: str) -> StepRow:
    row = turn.program.rows[path]
    assert isinstance(row, StepRow)
    return row


def _race(turn: Turn, path: str) -> RaceRow:
    row = turn.program.rows[path]
    assert isinstance(row, RaceRow)
    return row


def _message(turn: Turn, message: Message) -> None:
    """Take a message in, once."""
    table, state = turn.program.table, turn.state
    if message.name not in turn.program.hears and message.name not in (table.hint, table.closed):
        raise Unheard(f"`{table.service}` has no row for `{message.name}`")
    if message.id in state.seen:
        return
    state.seen.add(message.id)
    if state.closed:
        state.dropped += 1
        return
    turn.todo.append(Heard(message.name, dict(message.data), message.causes, message.reason, message.index))


# ---------------------------------------------------------------- an event and the rows that hear it


def _hear(turn: Turn, heard: Heard) -> None:
    """Let every row that hears an event act on it; what it does not carry, the service adds from its record."""
    table, state = turn.program.table, turn.state
    if heard.name == table.hint:
        return _hint(turn)
    if heard.name == table.closed:
        state.closed = True
        return
    state.values.update(heard.data)
    kept = turn.program.holds.get(heard.name)
    if kept:
        own = {name: state.values[name] for name in kept if name in state.values}
        heard = replace(heard, data={**own, **heard.data})
    for row, port, part in turn.program.hears.get(heard.name, ()):
        match port:
            case "start":
                _start(turn, row, heard)
            case "undo":
                _undo(turn, row, heard)
            case "ok":
                _part_ok(turn, row, part, heard)
            case "gone":
                _part_gone(turn, row, part, heard)
            case _:
                runs.told(turn, _run(turn), port, part, heard.index[0])


def _start(turn: Turn, row: Row, heard: Heard) -> None:
    link = turn.program.link
    try:
        match row:
            case StepRow():
                steps.start(turn, row, heard)
            case LetRow():
                value = link.value(row.value, heard.data)
                if row.schema is not None:
                    value = link.conformed(row.schema, value, "ExpressionError")
                turn.state.values[row.name] = value
                turn.say(row.ok, {**heard.data, row.name: value}, heard.causes)
            case EmitRow():
                said = link.conformed(row.type.data, link.value(row.data, heard.data), "ExpressionError")
                turn.state.cells[row.path] = SaidCell(said)
                turn.effects.append(event.Publish(row.path, row.type.type, said))
                turn.say(row.ok, heard.data, heard.causes)
            case FailRow():
                message = "" if row.message is None else link.value(row.message, heard.data)
                turn.say(row.gone, {}, heard.causes, event.failed(row.error, message, row.path))
            case SwitchRow():
                _choose(turn, row, heard)
            case RaceRow():
                waits.start(turn, row, heard)
            case CatchRow():
                parts.entered(turn, row, heard)
            case JoinRow() | RunRow():
                raise AssertionError(f"{row.path} is not started")
            case _:
                assert_never(row)
    except Refused as refused:
        assert not isinstance(row, JoinRow | RunRow)
        turn.say(row.gone, {}, heard.causes, Reason("failed", refused.error(row.path)))


def _choose(turn: Turn, row: SwitchRow, heard: Heard) -> None:
    for number, way in enumerate(row.ways):
        if way.when is None or turn.program.link.truth(way.when, heard.data):
            turn.state.cells[row.path] = ChoiceCell(number)
            return turn.say(way.start, heard.data, heard.causes)
    raise AssertionError(f"{row.path} has no else")


def _undo(turn: Turn, row: Row, heard: Heard) -> None:
    reason, causes = heard.reason, heard.causes
    assert reason is not None
    match row:
        case StepRow():
            steps.undo_ok(turn, row, reason, causes)
        case SwitchRow():
            cell = turn.state.cells[row.path]
            assert isinstance(cell, ChoiceCell)
            turn.say(row.ways[cell.way].undo, {}, causes, reason)
        case RaceRow():
            waits.undo(turn, row, heard)
        case JoinRow():
            parts.undo_branches(turn, row, reason, causes)
        case CatchRow():
            parts.undo_scope(turn, row, reason, causes)
        case LetRow() | EmitRow() | FailRow() | RunRow():
            raise AssertionError(f"{row.path} is not undone")
        case _:
            assert_never(row)


def _part_ok(turn: Turn, row: Row, part: int, heard: Heard) -> None:
    match row:
        case JoinRow():
            parts.branch_ok(turn, row, part, heard)
        case CatchRow():
            parts.scope_ok(turn, row, part, heard)
        case RunRow():
            runs.completed(turn, row, heard)
        case _:
            raise AssertionError(f"{row.path} has no parts")


def _part_gone(turn: Turn, row: Row, part: int, heard: Heard) -> None:
    assert heard.reason is not None
    match row:
        case JoinRow():
            parts.branch_gone(turn, row, part, heard.reason, heard.causes)
        case CatchRow():
            parts.scope_gone(turn, row, part, heard.reason, heard.causes)
        case RunRow():
            runs.gone(turn, row, heard.reason)
        case _:
            raise AssertionError(f"{row.path} has no parts")


def _hint(turn: Turn) -> None:
    """The run is cancelled: whatever only waits here turns round, and the next step that is started will."""
    turn.state.hinted = True
    for path, cell in list(turn.state.cells.items()):
        row = turn.program.rows[path]
        if isinstance(row, RaceRow) and isinstance(cell, WaitCell):
            waits.turn_round(turn, row, cell)
        elif isinstance(row, StepRow) and isinstance(cell, DoCell):
            steps.halt(turn, row, cell)
