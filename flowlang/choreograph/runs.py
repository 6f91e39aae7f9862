"""The row of the run, at its owner: begin it, latch its verdict once, close it, and know which steps are stuck. A commit
latches the same verdict, or that of the child flow around it."""

from __future__ import annotations

from flowlang import event
from flowlang.cell import Causes
from flowlang.choreograph.state import ChildCell, CommitCell, RunCell, Said
from flowlang.choreograph.turn import Heard, Turn, union
from flowlang.event import CANCELLED, Index, Reason
from flowlang.table import CommitRow, RunRow


def start(turn: Turn, row: RunRow, input: event.Start) -> None:
    """Begin the run with its input."""
    turn.state.cells[row.path, ()] = RunCell()
    for name, value in input.input:
        turn.record(name, row.path, (), value)
    turn.say(row.start, (), Said(dict(input.input), ()))


def completed(turn: Turn, row: RunRow, said: Said) -> None:
    """The flow is done; where the run was cancelled meanwhile, it is undone. Losers of a join settle first."""
    cell = _cell(turn, row)
    if cell.verdict == "cancelled":
        cell.waiting = None
        return turn.say_back(row.undo, (), said.causes, CANCELLED)
    if any(join not in cell.joins for join in said.open):
        cell.waiting = said
        return
    cell.waiting, cell.verdict, cell.output = None, "closed", said.data.get("return")
    _finish(turn, row, cell, "completed")


def gone(turn: Turn, row: RunRow, reason: Reason) -> None:
    """Nothing of the flow remains."""
    cell = _cell(turn, row)
    assert cell.verdict != "committed", "a failure came back over the point of no return"
    if cell.verdict == "cancelled" or reason.kind == "cancelled":
        return _finish(turn, row, cell, "cancelled")
    cell.verdict, cell.error = "closed", reason.error
    _finish(turn, row, cell, "failed")


def join_closed(turn: Turn, row: RunRow, heard: Heard) -> None:
    """The losers of a join have settled; the run may have waited for that."""
    cell = _cell(turn, row)
    cell.joins[heard.name.removesuffix(".closed"), heard.index] = heard.said.causes
    if cell.waiting is not None and cell.verdict != "cancelled":
        completed(turn, row, cell.waiting)


def told(turn: Turn, row: RunRow, port: str, step: int, index: Index) -> None:
    """The run's owner hears that a step is stuck, or no more; a late word is older and changes nothing."""
    cell = _cell(turn, row)
    known, key = cell.stuck if port == "stuck" else cell.unstuck, (step, index[:-1])
    known[key] = max(known.get(key, 0), index[-1])


def cancel(turn: Turn, row: RunRow) -> None:
    """Latch the run's verdict, and tell every service that has something to turn round. Too late after a commit."""
    cell = _cell(turn, row)
    if cell.verdict:
        return
    cell.verdict = "cancelled"
    turn.say(row.hint, (), Said({}, ()), CANCELLED)
    if cell.waiting is not None:
        completed(turn, row, cell.waiting)


def commit(turn: Turn, row: CommitRow, index: Index, said: Said) -> None:
    """From here on nothing is undone, unless the verdict came first."""
    owner = _latch(turn, row, index)
    if owner.verdict == "cancelled":
        turn.state.cells[row.path, index] = CommitCell(CANCELLED)
        return turn.say_back(row.gone, index, said.causes, CANCELLED)
    owner.verdict = "committed"
    turn.state.cells[row.path, index] = CommitCell()
    turn.say(row.ok, index, said)


def _latch(turn: Turn, row: CommitRow, index: Index) -> RunCell | ChildCell:
    if not row.child:
        assert turn.program.run is not None
        return _cell(turn, turn.program.run)
    cell = turn.state.cells[row.child, index]
    assert isinstance(cell, ChildCell)
    return cell


def _cell(turn: Turn, row: RunRow) -> RunCell:
    cell = turn.state.cells[row.path, ()]
    assert isinstance(cell, RunCell)
    return cell


def _finish(turn: Turn, row: RunRow, cell: RunCell, status: str) -> None:
    cell.status = status
    turn.effects.append(event.Finish(status))
    turn.say(row.closed, (), Said({}, ()))


def closing(known: dict[tuple[str, Index], Causes], mine: tuple[tuple[str, Index], ...], causes: Causes) -> Causes:
    """The calls that an exit follows: those of its part and those of the joins that it waited for."""
    return union(causes, *(known[join] for join in mine))
