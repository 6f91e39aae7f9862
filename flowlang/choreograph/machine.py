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

from typing import assert_never

from flowlang import event, place
from flowlang.choreograph import children, joins, loops, runs, scopes, steps, waits
from flowlang.choreograph.program import Program
from flowlang.choreograph.state import ChoiceCell, DoCell, ParkedCell, Said, SaidCell, State
from flowlang.choreograph.turn import Heard, Turn, refuses
from flowlang.event import Effect, Index, Input, Message, Reason
from flowlang.link import Refused
from flowlang.table import (
    AlongsideRow,
    CatchRow,
    ChildRow,
    CommitRow,
    EachRow,
    EmitRow,
    FailRow,
    InterruptRow,
    JoinRow,
    LetRow,
    RaceRow,
    RelayRow,
    RepeatRow,
    RetryRow,
    Row,
    RunRow,
    StepRow,
    SwitchRow,
    UndoingRow,
)


class Unheard(Exception):
    """A message that no row of this table hears: not ours, or damaged. The driver makes it a dead letter."""


def initial(program: Program, run: str, started: int) -> State:
    """What the service knows of a run that it hears of for the first time; `started` in milliseconds."""
    return State(run, started)


def advance(program: Program, state: State, input: Input) -> list[Effect]:
    """Take `input` in, change `state`, and say what is to be done. Raises Unheard for a message that is not ours."""
    turn = Turn(program, state, input.at, [], [])
    _take(turn, input)
    for heard in turn.todo:  # to which each of them may add
        _hear(turn, heard)
    return turn.effects


# ---------------------------------------------------------------- inputs


def _take(turn: Turn, input: Input) -> None:
    match input:
        case event.Start():
            runs.start(turn, _run(turn), input)
        case event.Heard():
            _message(turn, input.message)
        case event.Settled():
            row, index = _step(turn, input.path)
            steps.settled(turn, row, index, input)
        case event.Stuck():
            row, index = _step(turn, input.path)
            steps.stuck(turn, row, index, input)
        case event.Resolved():
            row, index = _step(turn, input.path)
            steps.resolved(turn, row, index, input)
        case event.Fired():
            _fired(turn, input)
        case event.Arrived():
            _arrived(turn, input)
        case event.Cancel():
            runs.cancel(turn, _run(turn))
        case _:
            assert_never(input)


def _run(turn: Turn) -> RunRow:
    assert turn.program.run is not None, "only the run's owner is asked this"
    return turn.program.run


def _asked(turn: Turn, path: str) -> tuple[Row, Index]:
    """The row that the instance at `path` belongs to, and its index (of a pause: that of what comes behind it)."""
    row, template = turn.program.asked.get(path) or turn.program.asked[place.bare(path)]
    return row, () if template == path else place.index_of(template, path)


def _step(turn: Turn, path: str) -> tuple[StepRow, Index]:
    row, index = _asked(turn, path)
    assert isinstance(row, StepRow)
    return row, index


def _fired(turn: Turn, input: event.Fired) -> None:
    row, index = _asked(turn, input.path)
    match row:
        case RaceRow():
            waits.fired(turn, row, index)
        case RepeatRow():
            loops.pause_over(turn, row, index)
        case RetryRow():
            scopes.pause_over(turn, row, index)
        case InterruptRow():
            scopes.time_over(turn, row, index)
        case _:
            raise AssertionError(f"{row.path} has no timer")


def _arrived(turn: Turn, input: event.Arrived) -> None:
    row, index = _asked(turn, input.path)
    match row:
        case RaceRow():
            took = waits.arrived(turn, row, index, input)
        case InterruptRow():
            took = scopes.interrupted(turn, row, index, input)
        case AlongsideRow():
            took = scopes.joined(turn, row, index, input)
        case _:
            raise AssertionError(f"{row.path} does not wait")
    if not took:
        turn.effects.append(event.Declined(input.path, input.event.id))


def _message(turn: Turn, message: Message) -> None:
    """Take a message in, once."""
    program, state, name = turn.program, turn.state, message.name
    if name not in program.hears and name != program.table.closed:
        raise Unheard(f"`{program.table.service}` has no row for `{name}`")
    if message.id in state.seen:
        return
    state.seen.add(message.id)
    if state.closed:
        state.dropped += 1
        return
    said = Said(dict(message.data), message.causes, message.open)
    turn.todo.append(Heard(name, message.index, said, message.reason))


# ---------------------------------------------------------------- an event and the rows that hear it


def _hear(turn: Turn, heard: Heard) -> None:
    """Let every row that hears an event act on it; what it does not carry, the service adds from its record."""
    program, name, index = turn.program, heard.name, heard.index
    if name == program.table.closed:
        turn.state.closed = True
        return
    if program.kept:
        for given, value in heard.said.data.items():
            turn.record(given, name, index, value)
    kept = program.holds.get(name)
    if kept:
        own, said = turn.recorded(kept, name, index), heard.said
        heard = Heard(name, index, Said({**own, **said.data}, said.causes, said.open), heard.reason)
    hinting = False
    for row, port, part in program.hears.get(name, ()):
        missing = program.depths[row.path] - len(index)
        if missing <= 0 or port == "hint":
            at = heard
        else:
            at = Heard(name, index + (1,) * missing, heard.said, heard.reason)
        match port:
            case "start":
                _start(turn, row, at.index, at.said)
            case "undo":
                _undo(turn, row, at)
            case "ok":
                _part_ok(turn, row, part, at)
            case "gone":
                _part_gone(turn, row, part, at)
            case "closed":
                _join_closed(turn, row, at)
            case "hint":
                hinting = True
            case _:
                runs.told(turn, _run(turn), port, part, index)
    if hinting:
        _hint(turn, heard)


def _start(turn: Turn, row: Row, index: Index, said: Said) -> None:
    link = turn.program.link
    try:
        match row:
            case StepRow():
                steps.start(turn, row, index, said)
            case LetRow():
                value = link.value(row.value, said.data)
                if row.schema is not None:
                    value = link.conformed(row.schema, value, row.breach)
                turn.record(row.name, row.path, index, value)
                turn.say(row.ok, index, Said({**said.data, row.name: value}, said.causes, said.open))
            case EmitRow():
                spoken = link.conformed(row.type.data, link.value(row.data, said.data), "ExpressionError")
                turn.state.cells[row.path, index] = SaidCell(spoken)
                turn.effects.append(event.Publish(place.instance(row.path, index), row.type.type, spoken))
                turn.say(row.ok, index, said)
            case FailRow():
                path = place.instance(row.path, index)
                message = "" if row.message is None else link.value(row.message, said.data)
                turn.say_back(row.gone, index, said.causes, event.failed(row.error, message, path))
            case CommitRow():
                runs.commit(turn, row, index, said)
            case SwitchRow():
                _choose(turn, row, index, said)
            case RaceRow():
                waits.start(turn, row, index, said)
            case EachRow():
                loops.start_each(turn, row, index, said)
            case RepeatRow():
                loops.start_repeat(turn, row, index, said)
            case AlongsideRow() | RetryRow() | InterruptRow() | CatchRow():
                scopes.entered(turn, row, index, said)
            case ChildRow():
                children.start(turn, row, index, said)
            case RelayRow():
                children.relay(turn, row, index, said)
            case JoinRow() | UndoingRow() | RunRow():
                raise AssertionError(f"{row.path} is not started")
            case _:
                assert_never(row)
    except Refused as refused:
        assert isinstance(row, LetRow | EmitRow | FailRow | SwitchRow | RaceRow | EachRow | RepeatRow), row
        error = refused.error(place.instance(row.path, index))
        if isinstance(row, FailRow) or refuses(row.firm, index, refused):
            return turn.say_back(row.gone, index, said.causes, Reason("failed", error))
        assert row.stuck is not None
        turn.state.cells[row.path, index] = ParkedCell(error)
        turn.state.stuck[row.path, index] = None
        turn.say(row.stuck, (*index, 1), Said({}, ()))


def _choose(turn: Turn, row: SwitchRow, index: Index, said: Said) -> None:
    for number, way in enumerate(row.ways):
        if way.when is None or turn.program.link.truth(way.when, said.data):
            turn.state.cells[row.path, index] = ChoiceCell(number)
            return turn.say(way.start, index, said)
    raise AssertionError(f"{row.path} has no else")


def _undo(turn: Turn, row: Row, heard: Heard) -> None:
    index, reason, causes = heard.index, heard.reason, heard.said.causes
    assert reason is not None
    match row:
        case StepRow():
            steps.undo_ok(turn, row, index, reason, causes)
        case SwitchRow():
            cell = turn.state.cells[row.path, index]
            assert isinstance(cell, ChoiceCell)
            turn.say_back(row.ways[cell.way].undo, index, causes, reason)
        case RaceRow():
            waits.undo(turn, row, index, reason, causes)
        case JoinRow():
            joins.undo_fork(turn, row, index, reason, causes)
        case EachRow():
            loops.undo_each(turn, row, index, reason, causes)
        case RepeatRow():
            loops.undo_repeat(turn, row, index, reason, causes)
        case AlongsideRow() | RetryRow() | InterruptRow() | CatchRow() | UndoingRow():
            scopes.undo(turn, row, index, reason, causes)
        case ChildRow() | RelayRow():
            children.undo(turn, row, index, reason, causes)
        case LetRow() | EmitRow() | FailRow() | CommitRow() | RunRow():
            raise AssertionError(f"{row.path} is not undone")
        case _:
            assert_never(row)


def _part_ok(turn: Turn, row: Row, part: int, heard: Heard) -> None:
    match row:
        case JoinRow():
            joins.branch_ok(turn, row, part, heard)
        case EachRow():
            loops.item_ok(turn, row, heard)
        case RepeatRow():
            loops.iteration_ok(turn, row, heard)
        case AlongsideRow() | RetryRow() | InterruptRow() | CatchRow() | UndoingRow():
            scopes.part_ok(turn, row, part, heard)
        case ChildRow() | RelayRow():
            children.ok(turn, row, heard)
        case RunRow():
            runs.completed(turn, row, heard.said)
        case _:
            raise AssertionError(f"{row.path} has no parts")


def _part_gone(turn: Turn, row: Row, part: int, heard: Heard) -> None:
    assert heard.reason is not None
    match row:
        case JoinRow():
            joins.branch_gone(turn, row, part, heard)
        case EachRow():
            loops.item_gone(turn, row, heard)
        case RepeatRow():
            loops.iteration_gone(turn, row, part, heard)
        case AlongsideRow() | RetryRow() | InterruptRow() | CatchRow() | UndoingRow():
            scopes.part_gone(turn, row, part, heard)
        case ChildRow() | RelayRow():
            children.gone(turn, row, heard)
        case RunRow():
            runs.gone(turn, row, heard.reason)
        case _:
            raise AssertionError(f"{row.path} has no parts")


def _join_closed(turn: Turn, row: Row, heard: Heard) -> None:
    """The losers of a join inside have settled: an exit may have waited for that."""
    match row:
        case AlongsideRow() | RetryRow() | InterruptRow() | CatchRow() | UndoingRow():
            scopes.join_closed(turn, row, heard)
        case ChildRow():
            children.join_closed(turn, row, heard)
        case RunRow():
            runs.join_closed(turn, row, heard)
        case _:
            raise AssertionError(f"{row.path} waits for no join")


def _hint(turn: Turn, heard: Heard) -> None:
    """Whatever only waits below the block of this hint turns round, and the next step that is started there will."""
    assert heard.reason is not None
    key = heard.name, heard.index
    if key in turn.state.hints:
        return
    turn.state.hints[key] = heard.reason
    for (path, index), cell in list(turn.state.cells.items()):
        row = turn.program.rows[path]
        if index[: len(heard.index)] != heard.index:
            continue
        if not isinstance(row, StepRow | RaceRow | RepeatRow | RetryRow | ChildRow) or heard.name not in row.hints:
            continue
        match row:
            case StepRow():
                assert isinstance(cell, DoCell)
                steps.halt(turn, row, index, cell)
            case RaceRow():
                waits.turn_round(turn, row, index, heard.reason)
            case RepeatRow():
                loops.turn_round(turn, row, index, heard.reason)
            case RetryRow():
                scopes.turn_round(turn, row, index, heard.reason)
            case ChildRow():
                children.latch(turn, row, index)
            case _:
                assert_never(row)
