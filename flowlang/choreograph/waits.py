"""The row of a race: wait for the first of some external events or for a timer, whatever comes first, once."""

from __future__ import annotations

from flowlang import event
from flowlang.choreograph.state import WaitCell
from flowlang.choreograph.turn import Heard, Turn
from flowlang.event import CANCELLED, External
from flowlang.link import Refused
from flowlang.table import RaceRow


def start(turn: Turn, row: RaceRow, heard: Heard) -> None:
    """Arm a wait, unless the run was cancelled."""
    if turn.state.hinted:
        turn.state.cells[row.path] = WaitCell("turned", heard.causes, {})
        return turn.say(row.gone, {}, heard.causes, CANCELLED)
    values = [turn.program.link.value(hearing.value, heard.data) for hearing in row.hearings]
    due = None if row.after is None else turn.at + turn.program.link.value(row.after, heard.data).ms
    turn.state.cells[row.path] = WaitCell("armed", heard.causes, heard.data)
    for hearing, value in zip(row.hearings, values, strict=True):
        turn.effects.append(event.Arm(row.path, hearing.type.type, hearing.field, value))
    if due is not None:
        turn.effects.append(event.SetTimer(row.path, due))


def arrived(turn: Turn, row: RaceRow, input: event.Arrived) -> None:
    """An external event that fits by its correlation: take it, or let it be kept for another wait."""
    cell = turn.state.cells.get(row.path)
    way = None
    if isinstance(cell, WaitCell) and cell.state == "armed" and input.event.id not in turn.state.taken:
        way = _fits(turn, row, cell, input.event)
    if way is None or not isinstance(cell, WaitCell):
        turn.effects.append(event.Declined(row.path, input.event.id))
        return
    hearing = row.hearings[way]
    cell.state, cell.way, cell.event = "event", way, input.event
    turn.state.taken.add(input.event.id)
    turn.effects.append(event.Took(row.path, input.event.id))
    _disarm(turn, row)
    data = {**cell.data, hearing.bind: input.event.data} if hearing.bind else cell.data
    turn.state.values.update(data)
    turn.say(hearing.start, data, cell.causes)


def fired(turn: Turn, row: RaceRow) -> None:
    """The time is over, unless an event was first."""
    cell = turn.state.cells.get(row.path)
    if isinstance(cell, WaitCell) and cell.state == "armed":
        assert row.late is not None
        cell.state = "timer"
        _disarm(turn, row)
        turn.say(row.late.start, cell.data, cell.causes)


def undo(turn: Turn, row: RaceRow, heard: Heard) -> None:
    """Take back the way that was taken."""
    cell = turn.state.cells[row.path]
    assert isinstance(cell, WaitCell)
    way = row.late if cell.way < 0 else row.hearings[cell.way]
    assert way is not None
    turn.say(way.undo, {}, heard.causes, heard.reason)


def turn_round(turn: Turn, row: RaceRow, cell: WaitCell) -> None:
    """The run is cancelled: an armed wait ends at once."""
    if cell.state == "armed":
        cell.state = "turned"
        _disarm(turn, row)
        turn.say(row.gone, {}, cell.causes, CANCELLED)


def _fits(turn: Turn, row: RaceRow, cell: WaitCell, arrived: External) -> int | None:
    """The first hearing that `arrived` satisfies; a condition that can't be evaluated on it is not met."""
    for number, hearing in enumerate(row.hearings):
        if hearing.type.type != arrived.type:
            continue
        data = {**cell.data, hearing.bind: arrived.data} if hearing.bind else cell.data
        try:
            if hearing.where is None or turn.program.link.truth(hearing.where, data):
                return number
        except Refused:
            continue
    return None


def _disarm(turn: Turn, row: RaceRow) -> None:
    turn.effects.append(event.Disarm(row.path))
    if row.late is not None:
        turn.effects.append(event.StopTimer(row.path))
