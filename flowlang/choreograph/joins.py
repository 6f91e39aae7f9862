"""The row of a join: a fork goes on when enough branches are ok, and undoes those that are ok when it can't."""

from __future__ import annotations

from flowlang.cell import Causes
from flowlang.choreograph.state import Data, JoinCell, Said
from flowlang.choreograph.turn import Heard, Turn, all_open, union
from flowlang.event import CANCELLED, LOST, Index, Reason
from flowlang.reason import first_reason
from flowlang.table import JoinRow


def branch_ok(turn: Turn, row: JoinRow, branch: int, heard: Heard) -> None:
    """A branch is done. It settles once: a second word of the same branch changes nothing."""
    cell = _cell(turn, row, heard.index)
    if branch in cell.ok or branch in cell.gone:
        return
    cell.ok[branch] = heard.said
    if cell.went_on:  # a loser that was ok all the same
        lost = cell.undoing is None or branch not in cell.won
        after = union(heard.said.causes, *cell.winners.values())
        return turn.say_back(row.branches[branch].undo, heard.index, after, LOST if lost else cell.undoing)
    _look(turn, row, heard.index, cell)


def branch_gone(turn: Turn, row: JoinRow, branch: int, heard: Heard) -> None:
    """A branch failed, turned round, or has been undone."""
    cell, reason = _cell(turn, row, heard.index), heard.reason
    assert reason is not None
    if branch in cell.gone:
        return
    if cell.ok.pop(branch, None) is None and cell.undoing is None:
        cell.reasons.setdefault(branch, reason)
    cell.gone[branch] = heard.said.causes
    if row.join == "cancel" and not cell.hinted and cell.undoing is None:
        cell.hinted = True
        for number in range(len(row.branches)):
            if number not in cell.ok and number not in cell.gone:
                turn.say(row.hints[number], heard.index, Said({}, ()), CANCELLED)
    _look(turn, row, heard.index, cell)


def undo_fork(turn: Turn, row: JoinRow, index: Index, reason: Reason, causes: Causes) -> None:
    """Undo the branches with which the fork went on, from one point."""
    cell = _cell(turn, row, index)
    cell.undoing, cell.undo_causes = reason, causes
    for branch in cell.won:
        turn.say_back(row.branches[branch].undo, index, causes, reason)


def _look(turn: Turn, row: JoinRow, index: Index, cell: JoinCell) -> None:
    """What follows from the branches that have settled so far."""
    everything = len(cell.ok) + len(cell.gone) == len(row.branches)
    if not cell.went_on and cell.undoing is None:
        if len(cell.ok) >= row.need:
            _go_on(turn, row, index, cell)
        elif everything:
            _rewind(turn, row, index, cell)
    elif cell.went_on and cell.undoing is None:
        if everything and all(branch in cell.gone for branch in range(len(row.branches)) if branch not in cell.won):
            _close(turn, row, index, cell)
    elif everything and not cell.ok:
        if cell.went_on:
            _close(turn, row, index, cell)
        turn.say_back(row.gone, index, union(*cell.gone.values(), cell.undo_causes), cell.undoing)


def _go_on(turn: Turn, row: JoinRow, index: Index, cell: JoinCell) -> None:
    cell.went_on, cell.won = True, tuple(sorted(cell.ok))
    brought = [cell.ok[branch] for branch in cell.won]
    cell.winners = {branch: cell.ok[branch].causes for branch in cell.won}
    data: Data = {}
    for said in brought:
        data |= said.data
    still_open = all_open(brought)
    if row.join == "some":
        still_open = tuple(sorted({*still_open, (row.path, index)}))
    turn.say(row.ok, index, Said(data, union(*(said.causes for said in brought)), still_open))
    if row.join != "some":
        return
    for number in range(len(row.branches)):
        if number not in cell.ok and number not in cell.gone:
            turn.say(row.hints[number], index, Said({}, ()), LOST)
    _look(turn, row, index, cell)


def _close(turn: Turn, row: JoinRow, index: Index, cell: JoinCell) -> None:
    """All losers have settled; said always, so that what follows does not depend on who was late."""
    if row.closed is not None and not cell.closed:
        cell.closed = True
        turn.say(row.closed, index, Said({}, union(*cell.winners.values(), *cell.gone.values())))


def _rewind(turn: Turn, row: JoinRow, index: Index, cell: JoinCell) -> None:
    cell.undoing = first_reason([cell.reasons[branch] for branch in sorted(cell.reasons)])
    causes = union(*(said.causes for said in cell.ok.values()), *cell.gone.values())
    if not cell.ok:
        return turn.say_back(row.gone, index, causes, cell.undoing)
    for branch in sorted(cell.ok):
        turn.say_back(row.branches[branch].undo, index, causes, cell.undoing)


def _cell(turn: Turn, row: JoinRow, index: Index) -> JoinCell:
    cell = turn.state.cells.setdefault((row.path, index), JoinCell())
    assert isinstance(cell, JoinCell)
    return cell
