"""Scopes, child flows and the run: what latches them, what runs after them, and when they may be left.

Whatever is a scope waits, when its inside is ok, for the losers of the joins that began directly in it. Until then its
verdict is open, so an interruption or a cancel still wins.
"""

from __future__ import annotations

from flowlang import event, ir
from flowlang.cell import Causes
from flowlang.event import CANCELLED, Index, Reason
from flowlang.orchestrate import waits
from flowlang.orchestrate.state import (
    RUN,
    AlongsideCell,
    CatchCell,
    ChildCell,
    CommitCell,
    InterruptCell,
    Key,
    RetryCell,
    UndoingCell,
)
from flowlang.orchestrate.walk import Walk, union
from flowlang.reason import as_value, handler_of

# ---------------------------------------------------------------- leaving


def leave(walk: Walk, scope: Key, causes: Causes) -> None:
    """The inside of a scope is ok: go on, unless losers have still to settle."""
    state = walk.state
    if state.open and state.open.get(scope):
        state.waiting[scope] = causes
        return
    if state.closed:
        causes = union(causes, state.closed.pop(scope, ()))
    _left(walk, scope, causes)


def closed(walk: Walk, scope: Key, join: Key, causes: Causes) -> None:
    """All losers of a join that began directly in a scope have settled, with the calls `causes`."""
    state = walk.state
    state.open[scope].discard(join)
    state.closed[scope] = union(state.closed.get(scope, ()), causes)
    if not state.open[scope]:
        del state.open[scope]
        waiting = state.waiting.pop(scope, None)
        if waiting is not None:
            leave(walk, scope, waiting)


def _left(walk: Walk, scope: Key, causes: Causes) -> None:
    """Nothing more can come of what was begun in a scope: latch that, and keep its names."""
    if scope == RUN:
        return _complete(walk)
    number, index = scope
    place, cell = walk.program.places[number], walk.state.cells[scope]
    match cell:
        case CatchCell():
            cell.closed = True
            walk.end(place.parts[cell.ran], index, True)
        case RetryCell():
            cell.closed = True
            walk.end(place.parts[0], (*index, cell.attempt), True)
        case AlongsideCell():
            walk.end(place.parts[0], index, True)
        case InterruptCell():
            if not cell.verdict:
                _latch(walk, scope, cell, "closed")
            walk.end(place.parts[cell.ran], index, True)
        case UndoingCell():
            if cell.reason is not None:  # the compensation block is over
                walk.end(place.parts[1], index, False)
                return walk.gone(number, index, cell.reason, causes)
            cell.env = dict(walk.env(place, index))
        case ChildCell():
            assert isinstance(place.node, ir.Child)
            cell.verdict = cell.verdict or "closed"
            del walk.state.live[scope]
            inside = walk.state.frames[place.parts[0], index]
            if place.node.name and place.node.returned in inside:
                walk.env(place, index)[place.node.name] = inside[place.node.returned]
            walk.end(place.parts[0], index, False)
        case _:
            raise AssertionError(f"{place.template} is no scope")
    walk.ok(number, index, causes)


def _latch(walk: Walk, scope: Key, cell: InterruptCell, verdict: str) -> None:
    """The verdict of an interruptible scope, after which it listens no more."""
    number, index = scope
    place = walk.program.places[number]
    assert isinstance(place.node, ir.Interrupt)
    cell.verdict = verdict
    waits.disarm(walk, walk.path(place, index), place.node.alternatives, place.node.after is not None)


# ---------------------------------------------------------------- interrupt


def start_interrupt(walk: Walk, number: int, node: ir.Interrupt, index: Index, causes: Causes) -> None:
    """Raises Refused where it can't be told what the scope listens for."""
    place, link = walk.program.places[number], walk.program.link
    env = walk.env(place, index)
    values = [link.value(alternative.value, env) for alternative in node.alternatives]
    due = None if node.after is None else walk.at + link.value(node.after, env).ms
    walk.state.cells[number, index] = InterruptCell(causes)
    waits.listen(walk, walk.path(place, index), node.alternatives, values, due)
    walk.begin(place.parts[0], index, {}, causes)


def _interrupt(walk: Walk, number: int, index: Index) -> InterruptCell:
    cell = walk.state.cells[number, index]
    assert isinstance(cell, InterruptCell)
    return cell


def arrived(walk: Walk, number: int, node: ir.Interrupt, index: Index, input: event.Arrived) -> bool:
    """Whether the scope took the event: only when it interrupts."""
    cell, place = walk.state.cells.get((number, index)), walk.program.places[number]
    if not isinstance(cell, InterruptCell) or cell.verdict:
        return False
    taken = waits.first_fit(walk, node.alternatives, input.event, walk.env(place, index))
    if taken is None:
        return False
    cell.event = input.event
    waits.took(walk, input.path, input.event)
    _interrupted(walk, number, index, cell, taken)
    return True


def fired(walk: Walk, number: int, node: ir.Interrupt, index: Index) -> None:
    cell = walk.state.cells.get((number, index))
    if isinstance(cell, InterruptCell) and not cell.verdict:
        _interrupted(walk, number, index, cell, len(node.alternatives))


def _interrupted(walk: Walk, number: int, index: Index, cell: InterruptCell, which: int) -> None:
    """Turn the body, and undo it where it was ok and only waited for losers."""
    cell.which = which
    _latch(walk, (number, index), cell, "interrupted")
    body = walk.program.places[number].parts[0]
    walk.hint(body, index, CANCELLED)
    waiting = walk.state.waiting.pop((number, index), None)
    if waiting is not None:
        walk.undo(body, index, CANCELLED, waiting)


def interrupt_ok(walk: Walk, number: int, position: int, index: Index, causes: Causes) -> None:
    cell = _interrupt(walk, number, index)
    if position == 0 and cell.verdict == "interrupted":
        walk.undo(walk.program.places[number].parts[0], index, CANCELLED, causes)
    else:
        leave(walk, (number, index), causes)


def interrupt_gone(
    walk: Walk, number: int, node: ir.Interrupt, position: int, index: Index, reason: Reason, causes: Causes
) -> None:
    cell, parts = _interrupt(walk, number, index), walk.program.places[number].parts
    walk.state.frames.pop((parts[position], index), None)
    if position or cell.verdict != "interrupted":
        if not cell.verdict:
            _latch(walk, (number, index), cell, "gone")
        return walk.gone(number, index, reason, causes)
    walk.state.hints.pop((parts[0], index), None)
    cell.ran = 1 + cell.which
    bind = node.alternatives[cell.which].bind if cell.event is not None else ""
    more = {bind: cell.event.data} if bind and cell.event is not None else {}
    walk.begin(parts[cell.ran], index, more, union(causes, cell.causes))


def undo_interrupt(walk: Walk, number: int, index: Index, reason: Reason, causes: Causes) -> None:
    cell = _interrupt(walk, number, index)
    walk.undo(walk.program.places[number].parts[cell.ran], index, reason, causes)


# ---------------------------------------------------------------- catch


def start_catch(walk: Walk, number: int, index: Index, causes: Causes) -> None:
    walk.state.cells[number, index] = CatchCell(causes)
    walk.begin(walk.program.places[number].parts[0], index, {}, causes)


def _catch(walk: Walk, number: int, index: Index) -> CatchCell:
    cell = walk.state.cells[number, index]
    assert isinstance(cell, CatchCell)
    return cell


def catch_gone(
    walk: Walk, number: int, node: ir.Catch, position: int, index: Index, reason: Reason, causes: Causes
) -> None:
    """A failure of the body that a handler names is not passed on; one of a handler, or after the end, always is."""
    cell, parts = _catch(walk, number, index), walk.program.places[number].parts
    walk.state.frames.pop((parts[position], index), None)
    taken = None
    if position == 0 and not cell.closed and reason.error is not None:
        taken = handler_of([handler.errors for handler in node.handlers], reason.error)
    if taken is None or reason.error is None:
        return walk.gone(number, index, reason, causes)
    bind = node.handlers[taken].bind
    cell.ran = 1 + taken
    more = {bind: as_value(reason.error)} if bind else {}
    walk.begin(parts[cell.ran], index, more, union(causes, cell.causes))


def undo_catch(walk: Walk, number: int, index: Index, reason: Reason, causes: Causes) -> None:
    cell = _catch(walk, number, index)
    walk.undo(walk.program.places[number].parts[cell.ran], index, reason, causes)


# ---------------------------------------------------------------- compensate


def start_undoing(walk: Walk, number: int, index: Index, causes: Causes) -> None:
    walk.state.cells[number, index] = UndoingCell()
    walk.start(walk.program.places[number].parts[0], index, causes)


def undoing_gone(walk: Walk, number: int, position: int, index: Index, reason: Reason, causes: Causes) -> None:
    """A body that fails half-way is gone as usual. A compensation block never is; where one is, an operator must know."""
    if position == 0:
        return walk.gone(number, index, reason, causes)
    walk.state.stuck[number, index] = ""
    if reason.error is not None:
        walk.state.parked[number, index] = reason.error


def undo_undoing(walk: Walk, number: int, index: Index, reason: Reason, causes: Causes) -> None:
    """Run the block in place of undoing the parts."""
    cell, block = walk.state.cells[number, index], walk.program.places[number].parts[1]
    assert isinstance(cell, UndoingCell) and cell.env is not None
    cell.reason = reason
    walk.state.frames[block, index] = dict(cell.env)
    walk.start(block, index, causes)


# ---------------------------------------------------------------- child flow


def start_child(walk: Walk, number: int, index: Index, causes: Causes) -> None:
    place = walk.program.places[number]
    reason = walk.hinted(place, index)
    if reason is not None:
        walk.state.cells[number, index] = ChildCell("turned", reason)
        return walk.gone(number, index, reason, causes)
    walk.state.cells[number, index] = ChildCell()
    walk.state.live[number, index] = None
    walk.begin(place.parts[0], index, {}, causes)


def _child(walk: Walk, number: int, index: Index) -> ChildCell:
    cell = walk.state.cells[number, index]
    assert isinstance(cell, ChildCell)
    return cell


def turn_child(walk: Walk, number: int, index: Index) -> None:
    """The hint of the parent latches the child's own verdict, unless that is latched."""
    cell, body = _child(walk, number, index), walk.program.places[number].parts[0]
    if cell.verdict:
        return
    cell.verdict = "cancelled"
    walk.hint(body, index, CANCELLED)
    waiting = walk.state.waiting.pop((number, index), None)
    if waiting is not None:
        walk.undo(body, index, CANCELLED, waiting)


def child_ok(walk: Walk, number: int, index: Index, causes: Causes) -> None:
    if _child(walk, number, index).verdict == "cancelled":
        walk.undo(walk.program.places[number].parts[0], index, CANCELLED, causes)
    else:
        leave(walk, (number, index), causes)


def child_gone(walk: Walk, number: int, index: Index, reason: Reason, causes: Causes) -> None:
    cell, body = _child(walk, number, index), walk.program.places[number].parts[0]
    walk.state.live.pop((number, index), None)
    walk.state.frames.pop((body, index), None)
    walk.state.hints.pop((body, index), None)
    if not cell.verdict:
        cell.verdict = "gone"
    walk.gone(number, index, CANCELLED if cell.verdict == "cancelled" else reason, causes)


# ---------------------------------------------------------------- commit, and the run


def commit(walk: Walk, number: int, index: Index, causes: Causes) -> None:
    """Latch the verdict of the child flow around, or of the run."""
    place = walk.program.places[number]
    reason = walk.hinted(place, index)
    walk.state.cells[number, index] = CommitCell(reason)
    if reason is not None:
        return walk.gone(number, index, reason, causes)
    child, depth = place.around.child
    if child < 0:
        walk.state.verdict = "committed"
    else:
        _child(walk, child, index[:depth]).verdict = "committed"
    walk.ok(number, index, causes)


def run_ok(walk: Walk, causes: Causes) -> None:
    if walk.state.verdict == "cancelled":
        walk.undo(0, (), CANCELLED, causes)
    else:
        leave(walk, RUN, causes)


def run_gone(walk: Walk, reason: Reason) -> None:
    state = walk.state
    if state.verdict == "cancelled" or reason.kind == "cancelled":
        return _finish(walk, "cancelled")
    state.verdict = state.verdict or "closed"
    state.error = reason.error
    _finish(walk, "failed")


def _complete(walk: Walk) -> None:
    state = walk.state
    state.verdict = state.verdict or "closed"
    state.output = state.env.get("return")
    _finish(walk, "completed")


def _finish(walk: Walk, status: str) -> None:
    walk.state.status = status
    walk.effects.append(event.Finish(status))


def cancel(walk: Walk) -> None:
    """Latch the verdict of the run, and turn round whatever only waits. A running call is left to end."""
    state = walk.state
    if state.verdict:
        return
    state.verdict = "cancelled"
    walk.hint(0, (), CANCELLED)
    waiting = state.waiting.pop(RUN, None)
    if waiting is not None:
        walk.undo(0, (), CANCELLED, waiting)
