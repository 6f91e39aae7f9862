"""The rows that stand for a block elsewhere: a child flow with a verdict of its own, and the conductor of a region."""

from __future__ import annotations

from flowlang.cell import Causes
from flowlang.choreograph.runs import closing
from flowlang.choreograph.state import ChildCell, RelayCell, Said
from flowlang.choreograph.turn import Heard, Turn
from flowlang.event import CANCELLED, Index, Reason
from flowlang.table import ChildRow, RelayRow


def start(turn: Turn, row: ChildRow, index: Index, said: Said) -> None:
    """Begin a child flow, unless a hint came first."""
    cell = _child(turn, row, index)
    turned = turn.hinted(row.hints, index)
    if turned is not None:
        cell.turned = turned
        return turn.say_back(row.gone, index, said.causes, turned)
    cell.entry = said
    turn.say(row.begin, index, said)


def latch(turn: Turn, row: ChildRow, index: Index) -> None:
    """The parent's hint latches the verdict of the child, unless it has one."""
    cell = _child(turn, row, index)
    if cell.entry is None or cell.verdict:
        return
    cell.verdict = "cancelled"
    turn.say(row.hint, index, Said({}, ()), CANCELLED)
    if cell.waiting is not None:
        cell.waiting = None
        turn.say_back(row.body.undo, index, cell.ended, CANCELLED)


def ok(turn: Turn, row: ChildRow | RelayRow, heard: Heard) -> None:
    """The child, or the block at another service, is done."""
    if isinstance(row, ChildRow):
        return _leave(turn, row, heard.index, _child(turn, row, heard.index), heard.said)
    cell = turn.state.cells[row.path, heard.index]
    assert isinstance(cell, RelayCell)
    cell.state = "ok"
    turn.say(row.ok, heard.index, heard.said)


def gone(turn: Turn, row: ChildRow | RelayRow, heard: Heard) -> None:
    """Nothing of it remains; a child that its parent turned round is gone for that reason."""
    reason = heard.reason
    if isinstance(row, ChildRow):
        cell = _child(turn, row, heard.index)
        if cell.verdict == "cancelled":
            reason = CANCELLED
        cell.verdict = cell.verdict or "gone"
    turn.say_back(row.gone, heard.index, heard.said.causes, reason)


def undo(turn: Turn, row: ChildRow | RelayRow, index: Index, reason: Reason, causes: Causes) -> None:
    """Undo what was ok."""
    part = row.body if isinstance(row, ChildRow) else row.part
    turn.say_back(part.undo, index, causes, reason)


def join_closed(turn: Turn, row: ChildRow, heard: Heard) -> None:
    """The losers of a join inside the child have settled; it may have waited for that."""
    index = heard.index[: turn.program.depths[row.path]]
    cell = _child(turn, row, index)
    cell.joins[heard.name.removesuffix(".closed"), heard.index] = heard.said.causes
    if cell.waiting is not None:
        _leave(turn, row, index, cell, cell.waiting[1])


def relay(turn: Turn, row: RelayRow, index: Index, said: Said) -> None:
    """Start a block at another service, unless a hint came first."""
    turned = turn.hinted(row.hints, index)
    turn.state.cells[row.path, index] = RelayCell("running" if turned is None else "turned", said, turned)
    if turned is not None:
        return turn.say_back(row.gone, index, said.causes, turned)
    turn.say(row.begin, index, said)


def _leave(turn: Turn, row: ChildRow, index: Index, cell: ChildCell, said: Said) -> None:
    cell.waiting, cell.ended = None, said.causes
    if cell.verdict == "cancelled":
        return turn.say_back(row.body.undo, index, said.causes, CANCELLED)
    mine = tuple(join for join in said.open if f"{join[0]}.closed" in row.joins)
    if any(join not in cell.joins for join in mine):
        cell.waiting = (0, said)
        return
    assert cell.entry is not None
    cell.verdict = cell.verdict or "closed"
    data = dict(cell.entry.data)
    if row.name:
        data[row.name] = said.data[row.returned]
        turn.record(row.name, row.path, index, data[row.name])
    rest = tuple(join for join in said.open if join not in mine)
    turn.say(row.ok, index, Said(data, closing(cell.joins, mine, said.causes), rest))


def _child(turn: Turn, row: ChildRow, index: Index) -> ChildCell:
    cell = turn.state.cells.setdefault((row.path, index), ChildCell())
    assert isinstance(cell, ChildCell)
    return cell
