"""The rows of loops: one iteration for each item of a list, or iterations until a condition holds.

The owner of a loop keeps what was known at its entry, so an iteration hands over only what it made. One after another,
iterations are undone from the last to the first; items that ran beside each other are undone together.
"""

from __future__ import annotations

from flowlang import event, place
from flowlang.cell import Causes
from flowlang.choreograph.program import further_of
from flowlang.choreograph.state import Data, EachCell, ParkedCell, RepeatCell, Said
from flowlang.choreograph.turn import Heard, Turn, all_open, refuses, union
from flowlang.event import Index, Reason, failed
from flowlang.link import Refused
from flowlang.reason import first_reason
from flowlang.table import EachRow, RepeatRow

# ---------------------------------------------------------------- for each


def start_each(turn: Turn, row: EachRow, index: Index, said: Said) -> None:
    """Evaluate the list once and start the first items."""
    items = turn.program.link.value(row.items, said.data)
    if not isinstance(items, list):
        raise Refused("ExpressionError", f"`{row.items.text}` is no list")
    cell = turn.state.cells[row.path, index] = EachCell(items, said)
    for _ in range(min(row.width or 1, len(items))):
        _start_item(turn, row, index, cell, said.causes)
    if not items:
        _leave_each(turn, row, index, cell)


def item_ok(turn: Turn, row: EachRow, heard: Heard) -> None:
    """An item is done: the next one starts, unless one is gone."""
    index, number, cell = _item(turn, row, heard)
    if number in cell.ok or number in cell.gone:
        return
    cell.ok[number] = heard.said
    if cell.started < len(cell.items) and not cell.gone:
        _start_item(turn, row, index, cell, cell.start.causes if row.width else heard.said.causes)
    elif row.width and cell.gone:
        _rewind(turn, row, index, cell)
    elif len(cell.ok) == len(cell.items):
        _leave_each(turn, row, index, cell)


def item_gone(turn: Turn, row: EachRow, heard: Heard) -> None:
    """An item failed, turned round, or has been undone."""
    index, number, cell = _item(turn, row, heard)
    assert heard.reason is not None
    if number in cell.gone:
        return
    if cell.ok.pop(number, None) is None and cell.undoing is None:
        cell.reasons.setdefault(number, heard.reason)
    cell.gone[number] = heard.said.causes
    if row.width:
        _rewind(turn, row, index, cell)
    elif number > 0:
        turn.say_back(row.body.undo, (*index, number - 1), heard.said.causes, heard.reason)
    else:
        turn.say_back(row.gone, index, heard.said.causes, heard.reason)


def undo_each(turn: Turn, row: EachRow, index: Index, reason: Reason, causes: Causes) -> None:
    """Undo every item: the last one first, or all from one point."""
    cell = turn.state.cells[row.path, index]
    assert isinstance(cell, EachCell)
    cell.undoing = reason
    if not cell.items:
        return turn.say_back(row.gone, index, causes, reason)
    last = len(cell.items) - 1
    for number in range(last + 1) if row.width else (last,):
        turn.say_back(row.body.undo, (*index, number), causes, reason)


def _item(turn: Turn, row: EachRow, heard: Heard) -> tuple[Index, int, EachCell]:
    index, number = heard.index[:-1], heard.index[-1]
    cell = turn.state.cells[row.path, index]
    assert isinstance(cell, EachCell)
    return index, number, cell


def _start_item(turn: Turn, row: EachRow, index: Index, cell: EachCell, causes: Causes) -> None:
    number, cell.started = cell.started, cell.started + 1
    item = cell.items[number]
    turn.record(row.variable, row.begin.event, (*index, number), item)
    turn.say(row.begin, (*index, number), Said({**cell.start.data, row.variable: item}, causes, cell.start.open))


def _rewind(turn: Turn, row: EachRow, index: Index, cell: EachCell) -> None:
    """Of items beside each other one is gone: when all that were started have settled, the ok ones are undone."""
    if len(cell.ok) + len(cell.gone) < cell.started:
        return
    causes = union(*(said.causes for said in cell.ok.values()), *cell.gone.values())
    if cell.undoing is None:
        cell.undoing = first_reason([cell.reasons[number] for number in sorted(cell.reasons)])
        for number in sorted(cell.ok):
            turn.say_back(row.body.undo, (*index, number), causes, cell.undoing)
    if not cell.ok:
        turn.say_back(row.gone, index, causes, cell.undoing)


def _leave_each(turn: Turn, row: EachRow, index: Index, cell: EachCell) -> None:
    numbers = range(len(cell.items))
    data: Data = dict(cell.start.data)
    if row.collect:
        data[row.collect] = [cell.ok[number].data[row.yields] for number in numbers]
        turn.record(row.collect, row.path, index, data[row.collect])
    ended = [cell.ok[number] for number in numbers]
    last = ended if row.width else ended[-1:]
    causes = union(*(said.causes for said in last)) if ended else cell.start.causes
    turn.say(row.ok, index, Said(data, causes, all_open([cell.start, *ended])))


# ---------------------------------------------------------------- repeat


def start_repeat(turn: Turn, row: RepeatRow, index: Index, said: Said) -> None:
    """Begin the first iteration."""
    carried = {one.name: turn.program.link.value(one.first, said.data) for one in row.carried}
    cell = turn.state.cells[row.path, index] = RepeatCell(said, carried)
    _iterate(turn, row, index, cell, 0, said)


def iteration_ok(turn: Turn, row: RepeatRow, heard: Heard) -> None:
    """An iteration is done: was it the last one, and is there a pause before the next?"""
    index, number = heard.index[:-1], heard.index[-1]
    cell = _repeat(turn, row, index)
    seen = {**cell.start.data, **cell.carried, **heard.said.data}
    carried = {one.name: heard.said.data.get(one.next, cell.carried[one.name]) for one in row.carried}
    cell.carried, cell.after = carried, heard.said
    seen |= carried
    link, pause = turn.program.link, 0
    try:
        done = link.truth(row.until, seen)
        further = not done and number + 1 < row.most
        if further and row.every is not None:
            pause = link.value(row.every, seen).ms
    except Refused as refused:
        return _refuse(turn, row, index, heard, refused)
    if done:
        return turn.say(row.ok, index, Said(seen, heard.said.causes, heard.said.open))
    if further:
        return _go_on(turn, row, index, cell, number + 1, pause)
    if row.late is not None:
        cell.late = True
        return turn.say(row.late.start, index, Said(seen, heard.said.causes, heard.said.open))
    message = f"`{row.until.text}` is still false after {row.most} iterations"
    _refuse(turn, row, index, heard, Refused("LimitReached", message))


def iteration_gone(turn: Turn, row: RepeatRow, part: int, heard: Heard) -> None:
    """An iteration (or the `else`, part 1) is gone: the one before it is undone."""
    if part == 1:
        number = _repeat(turn, row, heard.index).number
        return turn.say_back(row.body.undo, (*heard.index, number), heard.said.causes, heard.reason)
    index, number = heard.index[:-1], heard.index[-1]
    if number > 0:
        turn.say_back(row.body.undo, (*index, number - 1), heard.said.causes, heard.reason)
    else:
        turn.say_back(row.gone, index, heard.said.causes, heard.reason)


def undo_repeat(turn: Turn, row: RepeatRow, index: Index, reason: Reason, causes: Causes) -> None:
    """Undo the `else` where the bound was reached, then the iterations from the last one."""
    cell = _repeat(turn, row, index)
    if cell.late:
        assert row.late is not None
        return turn.say_back(row.late.undo, index, causes, reason)
    turn.say_back(row.body.undo, (*index, cell.number), causes, reason)


def pause_over(turn: Turn, row: RepeatRow, index: Index) -> None:
    """The pause before an iteration is over; `index` has that iteration's number."""
    cell = _repeat(turn, row, index[:-1])
    if cell.pause == index[-1]:
        cell.pause = None
        _iterate(turn, row, index[:-1], cell, index[-1], cell.after)


def turn_round(turn: Turn, row: RepeatRow, index: Index, reason: Reason) -> None:
    """A hint ends a pause: the iterations before it are undone."""
    cell = turn.state.cells[row.path, index]
    if isinstance(cell, RepeatCell) and cell.pause is not None:
        turn.effects.append(event.StopTimer(_further(row, index, cell.pause)))
        _turn(turn, row, index, cell, cell.pause, reason)


def _repeat(turn: Turn, row: RepeatRow, index: Index) -> RepeatCell:
    cell = turn.state.cells[row.path, index]
    assert isinstance(cell, RepeatCell)
    return cell


def _iterate(turn: Turn, row: RepeatRow, index: Index, cell: RepeatCell, number: int, after: Said) -> None:
    cell.number = number
    for name, value in cell.carried.items():
        turn.record(name, row.begin.event, (*index, number), value)
    turn.say(row.begin, (*index, number), Said({**cell.start.data, **cell.carried}, after.causes, after.open))


def _go_on(turn: Turn, row: RepeatRow, index: Index, cell: RepeatCell, number: int, pause: int) -> None:
    if pause <= 0:
        return _iterate(turn, row, index, cell, number, cell.after)
    turned = turn.hinted(row.hints, index)
    if turned is not None:
        return _turn(turn, row, index, cell, number, turned)
    cell.pause = number
    turn.effects.append(event.SetTimer(_further(row, index, number), turn.at + pause))


def _turn(turn: Turn, row: RepeatRow, index: Index, cell: RepeatCell, number: int, reason: Reason) -> None:
    cell.turned, cell.pause = (number, reason), None
    turn.say_back(row.body.undo, (*index, number - 1), cell.after.causes, reason)


def _further(row: RepeatRow, index: Index, number: int) -> str:
    return place.instance(further_of(row), (*index, number))


def _refuse(turn: Turn, row: RepeatRow, index: Index, heard: Heard, refused: Refused) -> None:
    """The loop fails behind an iteration: that one and those before it are undone."""
    path = place.instance(row.path, index)
    if refuses(row.firm, index, refused):
        reason = failed(refused.name, refused.message, path)
        return turn.say_back(row.body.undo, heard.index, heard.said.causes, reason)
    assert row.stuck is not None
    turn.state.cells[row.path, index] = ParkedCell(refused.error(path))
    turn.say(row.stuck, (*index, 1), Said({}, ()))
