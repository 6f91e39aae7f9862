"""The row of a race: wait for the first of some external events or for a timer, whatever comes first, once."""

from __future__ import annotations

from dataclasses import replace

from flowlang import event, place
from flowlang.cell import Causes
from flowlang.choreograph.state import Data, Said, WaitCell
from flowlang.choreograph.turn import Turn
from flowlang.event import External, Index, Reason
from flowlang.link import Refused, carries
from flowlang.table import Hearing, RaceRow, Reaction


def start(turn: Turn, row: RaceRow, index: Index, said: Said) -> None:
    """Arm a wait, unless a hint came first."""
    turned = turn.hinted(row.hints, index)
    if turned is not None:
        turn.state.cells[row.path, index] = WaitCell("turned", said, reason=turned)
        return turn.say_back(row.gone, index, said.causes, turned)
    link, path = turn.program.link, place.instance(row.path, index)
    values = [link.value(hearing.value, said.data) for hearing in row.hearings]
    due = None
    if row.after is not None:
        due = link.value(row.after, said.data).ms + (0 if row.absolute else turn.at)
    turn.state.cells[row.path, index] = WaitCell("armed", said)
    for hearing, value in zip(row.hearings, values, strict=True):
        turn.effects.append(event.Arm(path, hearing.type.type, hearing.field, value))
    if due is not None:
        turn.effects.append(event.SetTimer(path, due))


def arrived(turn: Turn, row: RaceRow, index: Index, input: event.Arrived) -> bool:
    """An external event that fits by its correlation: take it, or let it be kept for another wait. Whether it was taken."""
    cell = turn.state.cells.get((row.path, index))
    if not isinstance(cell, WaitCell) or cell.state != "armed" or input.event.id in turn.state.taken:
        return False
    way = fitting(turn, row.hearings, cell.start.data, input.event)
    if way is None:
        return False
    hearing = row.hearings[way]
    cell.state, cell.way, cell.event = "event", way, input.event
    take(turn, input)
    _disarm(turn, row, input.path)
    if hearing.bind:
        turn.record(hearing.bind, row.path, index, input.event.data)
    turn.say(hearing.start, index, bound(cell.start, hearing.bind, input.event))
    return True


def fired(turn: Turn, row: RaceRow, index: Index) -> None:
    """The time is over, unless an event was first."""
    cell = turn.state.cells.get((row.path, index))
    if isinstance(cell, WaitCell) and cell.state == "armed":
        assert row.late is not None
        cell.state = "timer"
        _disarm(turn, row, place.instance(row.path, index))
        turn.say(row.late.start, index, cell.start)


def undo(turn: Turn, row: RaceRow, index: Index, reason: Reason, causes: Causes) -> None:
    """Take back the way that was taken."""
    cell = turn.state.cells[row.path, index]
    assert isinstance(cell, WaitCell)
    way = row.late if cell.way < 0 else row.hearings[cell.way]
    assert way is not None
    turn.say_back(way.undo, index, causes, reason)


def turn_round(turn: Turn, row: RaceRow, index: Index, reason: Reason) -> None:
    """An armed wait ends at once when it is hinted."""
    cell = turn.state.cells[row.path, index]
    if isinstance(cell, WaitCell) and cell.state == "armed":
        cell.state, cell.reason = "turned", reason
        _disarm(turn, row, place.instance(row.path, index))
        turn.say_back(row.gone, index, cell.start.causes, reason)


def take(turn: Turn, input: event.Arrived) -> None:
    """An event is used up: an event satisfies one wait of a run."""
    turn.state.taken.add(input.event.id)
    turn.effects.append(event.Took(input.path, input.event.id))


def bound(start: Said, bind: str, arrived: External) -> Said:
    """What was known, and the event under its name."""
    return replace(start, data={**start.data, bind: arrived.data}) if bind else start


def fitting(turn: Turn, hearings: tuple[Hearing | Reaction, ...], data: Data, arrived: External) -> int | None:
    """The first hearing that `arrived` satisfies; a condition that can't be evaluated on it is not met."""
    for number, hearing in enumerate(hearings):
        if hearing.type.type != arrived.type:
            continue
        seen = {**data, hearing.bind: arrived.data} if hearing.bind else data
        try:
            if hearing.where is None:  # another hearing of the type may be the one that it is correlated with
                if carries(arrived, hearing.field, turn.program.link.value(hearing.value, data)):
                    return number
            elif turn.program.link.truth(hearing.where, seen):
                return number
        except Refused:
            continue
    return None


def _disarm(turn: Turn, row: RaceRow, path: str) -> None:
    turn.effects.append(event.Disarm(path))
    if row.late is not None:
        turn.effects.append(event.StopTimer(path))
