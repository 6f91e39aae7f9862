"""The row of the run, at its owner: begin it, latch its verdict once, close it, and know which steps are stuck."""

from __future__ import annotations

from flowlang import event
from flowlang.choreograph.state import RunCell
from flowlang.choreograph.turn import Heard, Turn
from flowlang.event import CANCELLED, Reason
from flowlang.table import RunRow


def start(turn: Turn, row: RunRow, input: event.Start) -> None:
    """Begin the run with its input."""
    turn.state.cells[row.path] = RunCell()
    turn.state.values.update(input.input)
    turn.say(row.start, dict(input.input), ())


def completed(turn: Turn, row: RunRow, heard: Heard) -> None:
    """The flow is done; where the run was cancelled meanwhile, it is undone."""
    cell = _cell(turn, row)
    if cell.verdict == "cancelled":
        return turn.say(row.undo, {}, heard.causes, CANCELLED)
    cell.verdict, cell.output = "closed", heard.data.get("return")
    _finish(turn, row, cell, "completed")


def gone(turn: Turn, row: RunRow, reason: Reason) -> None:
    """Nothing of the flow remains."""
    cell = _cell(turn, row)
    if cell.verdict == "cancelled" or reason.kind == "cancelled":
        return _finish(turn, row, cell, "cancelled")
    cell.verdict, cell.error = "closed", reason.error
    _finish(turn, row, cell, "failed")


def told(turn: Turn, row: RunRow, port: str, step: int, times: int) -> None:
    """The run's owner hears that a step is stuck, or no more; a late word is older and changes nothing."""
    cell = _cell(turn, row)
    known = cell.stuck if port == "stuck" else cell.unstuck
    known[step] = max(known.get(step, 0), times)


def cancel(turn: Turn, row: RunRow) -> None:
    """Latch the run's verdict, and tell every service that takes part."""
    cell = _cell(turn, row)
    if not cell.verdict:
        cell.verdict = "cancelled"
        turn.say(row.hint, {}, ())


def _cell(turn: Turn, row: RunRow) -> RunCell:
    cell = turn.state.cells[row.path]
    assert isinstance(cell, RunCell)
    return cell


def _finish(turn: Turn, row: RunRow, cell: RunCell, status: str) -> None:
    cell.status = status
    turn.effects.append(event.Finish(status))
    turn.say(row.closed, {}, ())
