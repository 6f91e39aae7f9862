"""Races: armed, won by an event or by the timer, or turned round by a hint."""

from __future__ import annotations

from collections.abc import Sequence

from flowlang import event, ir
from flowlang.cell import Causes
from flowlang.event import External, Index, Reason, Value
from flowlang.link import Refused, carries
from flowlang.orchestrate.state import RaceCell
from flowlang.orchestrate.walk import Walk


def arm(walk: Walk, number: int, node: ir.Race, index: Index, causes: Causes) -> None:
    """Listen for the events, and set the timer. Raises Refused."""
    place, state, link = walk.program.places[number], walk.state, walk.program.link
    reason = walk.hinted(place, index)
    if reason is not None:
        state.cells[number, index] = RaceCell("turned", causes, reason=reason)
        return walk.gone(number, index, reason, causes)
    env = walk.env(place, index)
    values = [link.value(alternative.value, env) for alternative in node.alternatives]
    due = None
    if node.after is not None:
        after = link.value(node.after, env)
        due = after.ms if node.absolute else walk.at + after.ms
    state.cells[number, index] = RaceCell("armed", causes)
    state.live[number, index] = None
    listen(walk, walk.path(place, index), node.alternatives, values, due)


def listen(
    walk: Walk, path: str, alternatives: Sequence[ir.Alternative], values: Sequence[Value], due: int | None
) -> None:
    """Arm block `path` for some events, and set its timer."""
    for alternative, value in zip(alternatives, values, strict=True):
        walk.effects.append(event.Arm(path, alternative.event.type, alternative.field, value))
    if due is not None:
        walk.effects.append(event.SetTimer(path, due))


def disarm(walk: Walk, path: str, alternatives: Sequence[ir.Alternative], timer: bool) -> None:
    """Take back what `listen` did."""
    if alternatives:
        walk.effects.append(event.Disarm(path))
    if timer:
        walk.effects.append(event.StopTimer(path))


def first_fit(
    walk: Walk, alternatives: Sequence[ir.Alternative], arrived: External, env: dict[str, Value]
) -> int | None:
    """The first alternative that `arrived` satisfies. A condition that can't be evaluated on it is not met: the event
    stays kept and visible, and a malformed event from outside can't fail a run."""
    link = walk.program.link
    if arrived.id in walk.state.taken:
        return None
    for number, alternative in enumerate(alternatives):
        if alternative.event.type != arrived.type:
            continue
        try:
            if alternative.where is None:
                if carries(arrived, alternative.field, link.value(alternative.value, env)):
                    return number
            elif link.truth(alternative.where, {**env, alternative.bind: arrived.data} if alternative.bind else env):
                return number
        except Refused:
            continue
    return None


def took(walk: Walk, path: str, arrived: External) -> None:
    """This run has consumed an event."""
    walk.state.taken.add(arrived.id)
    walk.effects.append(event.Took(path, arrived.id))


def arrived(walk: Walk, number: int, node: ir.Race, index: Index, input: event.Arrived) -> bool:
    """Whether the race took the event."""
    cell = walk.state.cells.get((number, index))
    if not isinstance(cell, RaceCell) or cell.state != "armed":
        return False
    env = walk.env(walk.program.places[number], index)
    taken = first_fit(walk, node.alternatives, input.event, env)
    if taken is None:
        return False
    cell.state, cell.event = "event", input.event
    took(walk, input.path, input.event)
    bind = node.alternatives[taken].bind
    if bind:
        env[bind] = input.event.data
    _leave(walk, number, node, index, cell, taken)
    return True


def fired(walk: Walk, number: int, node: ir.Race, index: Index) -> None:
    cell = walk.state.cells.get((number, index))
    if isinstance(cell, RaceCell) and cell.state == "armed":
        cell.state = "timer"
        _leave(walk, number, node, index, cell, len(node.alternatives))


def _leave(walk: Walk, number: int, node: ir.Race, index: Index, cell: RaceCell, taken: int) -> None:
    cell.taken = taken
    _end(walk, number, node, index)
    walk.start(walk.program.places[number].parts[taken], index, cell.causes)


def turn(walk: Walk, number: int, node: ir.Race, index: Index, reason: Reason) -> None:
    cell = walk.state.cells.get((number, index))
    if isinstance(cell, RaceCell) and cell.state == "armed":
        cell.state, cell.reason = "turned", reason
        _end(walk, number, node, index)
        walk.gone(number, index, reason, cell.causes)


def _end(walk: Walk, number: int, node: ir.Race, index: Index) -> None:
    del walk.state.live[number, index]
    disarm(walk, walk.path(walk.program.places[number], index), node.alternatives, node.after is not None)
