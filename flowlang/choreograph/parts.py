"""The rows that own other blocks: the join of a fork and the exit of a scope."""

from __future__ import annotations

from flowlang import event
from flowlang.cell import Causes
from flowlang.choreograph.state import Data, JoinCell, ScopeCell
from flowlang.choreograph.turn import Heard, Turn
from flowlang.event import Reason
from flowlang.reason import as_value, first_reason, handler_of
from flowlang.table import CatchRow, JoinRow


def branch_ok(turn: Turn, row: JoinRow, branch: int, heard: Heard) -> None:
    """A branch is done. It settles once: a second word of the same branch changes nothing."""
    cell = _join_cell(turn, row)
    if branch not in cell.ok and branch not in cell.gone:
        cell.ok[branch], cell.data[branch] = heard.causes, heard.data
        _join(turn, row, cell)


def branch_gone(turn: Turn, row: JoinRow, branch: int, reason: Reason, causes: Causes) -> None:
    """A branch failed, or has been undone."""
    cell = _join_cell(turn, row)
    if cell.ok.pop(branch, None) is None:
        cell.reasons.setdefault(branch, reason)
    cell.gone[branch] = causes
    _join(turn, row, cell)


def undo_branches(turn: Turn, row: JoinRow, reason: Reason, causes: Causes) -> None:
    """Undo all branches from one point."""
    _join_cell(turn, row).undoing = reason
    for branch in row.branches:
        turn.say(branch.undo, {}, causes, reason)


def _join(turn: Turn, row: JoinRow, cell: JoinCell) -> None:
    """Fire once, when every branch has settled."""
    if len(cell.ok) + len(cell.gone) < len(row.branches):
        return
    causes = tuple(dict.fromkeys(c for known in (*cell.ok.values(), *cell.gone.values()) for c in known))
    if not cell.gone:
        merged: Data = {}
        for number in sorted(cell.data):
            merged |= cell.data[number]
        return turn.say(row.ok, merged, causes)
    if cell.ok and cell.undoing is None:
        cell.undoing = first_reason([cell.reasons[number] for number in sorted(cell.reasons)])
        for number in sorted(cell.ok):
            turn.say(row.branches[number].undo, {}, causes, cell.undoing)
    elif not cell.ok:
        reason = cell.undoing or first_reason([cell.reasons[number] for number in sorted(cell.reasons)])
        turn.say(row.gone, {}, causes, reason)


def _join_cell(turn: Turn, row: JoinRow) -> JoinCell:
    cell = turn.state.cells.setdefault(row.path, JoinCell())
    assert isinstance(cell, JoinCell)
    return cell


def entered(turn: Turn, row: CatchRow, heard: Heard) -> None:
    """The values at a scope's entry are there; a handler may have been waiting for them."""
    cell = _scope_cell(turn, row)
    cell.entry = heard.data
    if cell.wanted is not None:
        taker, error, causes = cell.wanted
        cell.wanted = None
        _handle(turn, row, cell, taker, error, causes)


def scope_ok(turn: Turn, row: CatchRow, part: int, heard: Heard) -> None:
    """The body (0) or a handler is done: the scope is left, and catches nothing any more."""
    cell = _scope_cell(turn, row)
    cell.ran, cell.closed = part, True
    turn.say(row.ok, heard.data, heard.causes)


def scope_gone(turn: Turn, row: CatchRow, part: int, reason: Reason, causes: Causes) -> None:
    """The body or a handler is gone: the first handler that takes the reason runs, once its entry values are there."""
    cell = _scope_cell(turn, row)
    taken = None
    if part == 0 and not cell.closed and reason.error is not None:
        taken = handler_of([taker.errors for taker in row.takers], reason.error)
    if taken is None or reason.error is None:
        return turn.say(row.gone, {}, causes, reason)
    if row.start and cell.entry is None:
        cell.wanted = (taken, reason.error, causes)
    else:
        _handle(turn, row, cell, taken, reason.error, causes)


def undo_scope(turn: Turn, row: CatchRow, reason: Reason, causes: Causes) -> None:
    """Undo what ran: the body, or the handler in its place."""
    ran = _scope_cell(turn, row).ran
    part = row.body if ran == 0 else row.takers[ran - 1].part
    turn.say(part.undo, {}, causes, reason)


def _handle(turn: Turn, row: CatchRow, cell: ScopeCell, taken: int, error: event.Error, causes: Causes) -> None:
    taker = row.takers[taken]
    data = dict(cell.entry or {})
    if taker.bind:
        data[taker.bind] = turn.state.values[taker.bind] = as_value(error)
    cell.ran = taken + 1
    turn.say(taker.start, data, causes)


def _scope_cell(turn: Turn, row: CatchRow) -> ScopeCell:
    cell = turn.state.cells.setdefault(row.path, ScopeCell())
    assert isinstance(cell, ScopeCell)
    return cell
