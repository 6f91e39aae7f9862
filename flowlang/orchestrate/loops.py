"""What is done again: the iterations of a repeat, the attempts of a scope, and the pauses before them."""

from __future__ import annotations

from flowlang import event, ir
from flowlang.cell import Causes
from flowlang.event import Error, Index, Reason
from flowlang.lifecycle import backoff_before
from flowlang.link import Refused
from flowlang.orchestrate import scopes
from flowlang.orchestrate.program import attempts_of
from flowlang.orchestrate.state import RepeatCell, RetryCell
from flowlang.orchestrate.walk import Walk, union
from flowlang.place import instance
from flowlang.reason import handler_of

# ---------------------------------------------------------------- repeat


def start_repeat(walk: Walk, number: int, node: ir.Repeat, index: Index, causes: Causes) -> None:
    """Raises Refused where a first value can't be told."""
    place = walk.program.places[number]
    env = walk.env(place, index)
    first = {carried.name: walk.program.link.value(carried.first, env) for carried in node.carried}
    walk.state.cells[number, index] = RepeatCell()
    walk.begin(place.parts[0], (*index, 0), first, causes)


def _repeat(walk: Walk, number: int, index: Index) -> RepeatCell:
    cell = walk.state.cells[number, index]
    assert isinstance(cell, RepeatCell)
    return cell


def iteration_ok(walk: Walk, number: int, node: ir.Repeat, at: Index, causes: Causes) -> None:
    """Once more, unless `until` is true or the bound is reached."""
    index, place, link = at[:-1], walk.program.places[number], walk.program.link
    cell, body = _repeat(walk, number, index), place.parts[0]
    env = walk.state.frames[body, at]
    cell.carried = {carried.name: env.pop(carried.next, env[carried.name]) for carried in node.carried}
    env.update(cell.carried)
    over, last, pause = False, at[-1] + 1 == node.most, 0
    try:
        over = link.truth(node.until, env)
        if not over and not last and node.every is not None:
            pause = link.value(node.every, env).ms
    except Refused as refused:
        return _repeat_fails(walk, number, at, refused.error(walk.path(place, index)), causes)
    if last and not over and node.late is None:
        message = f"`{node.until.text}` is still false after {node.most} iterations"
        return _repeat_fails(walk, number, at, Error("LimitReached", message, walk.path(place, index)), causes)
    walk.end(body, at, over or last)
    if over:
        return walk.ok(number, index, causes)
    if last:
        cell.late = True
        return walk.start(place.parts[1], index, causes)
    cell.causes = causes
    if node.every is None:
        return _go_on(walk, number, index, cell)
    cell.turned = walk.hinted(place, index)
    if cell.turned is not None:
        return walk.undo(body, at, cell.turned, causes)
    cell.pausing, walk.state.live[number, index] = True, None
    walk.effects.append(event.SetTimer(_next_iteration(walk, number, index, cell), walk.at + pause))


def _repeat_fails(walk: Walk, number: int, at: Index, error: Error, causes: Causes) -> None:
    """The repeat itself fails: its iterations are undone, the last one first."""
    body = walk.program.places[number].parts[0]
    if walk.may_fail(number, at[:-1], error):
        walk.end(body, at, False)
        walk.undo(body, at, Reason("failed", error), causes)


def _go_on(walk: Walk, number: int, index: Index, cell: RepeatCell) -> None:
    cell.iteration += 1
    walk.begin(walk.program.places[number].parts[0], (*index, cell.iteration), cell.carried, cell.causes)


def _next_iteration(walk: Walk, number: int, index: Index, cell: RepeatCell) -> str:
    return f"{walk.path(walk.program.places[number], index)}[{cell.iteration + 1}]"


def iteration_gone(walk: Walk, number: int, at: Index, reason: Reason, causes: Causes) -> None:
    """The iteration before it is undone next."""
    body, index = walk.program.places[number].parts[0], at[:-1]
    walk.state.frames.pop((body, at), None)
    if at[-1]:
        walk.undo(body, (*index, at[-1] - 1), reason, causes)
    else:
        walk.gone(number, index, reason, causes)


def late_gone(walk: Walk, number: int, index: Index, reason: Reason, causes: Causes) -> None:
    """What followed the last iteration is gone, and the iterations are to go as well."""
    cell = _repeat(walk, number, index)
    walk.undo(walk.program.places[number].parts[0], (*index, cell.iteration), reason, causes)


def undo_repeat(walk: Walk, number: int, index: Index, reason: Reason, causes: Causes) -> None:
    cell, parts = _repeat(walk, number, index), walk.program.places[number].parts
    if cell.late:
        walk.undo(parts[1], index, reason, causes)
    else:
        walk.undo(parts[0], (*index, cell.iteration), reason, causes)


def iteration_due(walk: Walk, number: int, index: Index, iteration: int) -> None:
    cell = walk.state.cells.get((number, index))
    if isinstance(cell, RepeatCell) and cell.pausing and iteration == cell.iteration + 1:
        cell.pausing = False
        del walk.state.live[number, index]
        _go_on(walk, number, index, cell)


def turn_repeat(walk: Walk, number: int, index: Index, reason: Reason) -> None:
    cell = _repeat(walk, number, index)
    if cell.pausing:
        cell.pausing, cell.turned = False, reason
        del walk.state.live[number, index]
        walk.effects.append(event.StopTimer(_next_iteration(walk, number, index, cell)))
        walk.undo(walk.program.places[number].parts[0], (*index, cell.iteration), reason, cell.causes)


# ---------------------------------------------------------------- retry


def start_retry(walk: Walk, number: int, index: Index, causes: Causes) -> None:
    walk.state.cells[number, index] = RetryCell(causes)
    walk.begin(walk.program.places[number].parts[0], (*index, 1), {}, causes)


def _retry(walk: Walk, number: int, index: Index) -> RetryCell:
    cell = walk.state.cells[number, index]
    assert isinstance(cell, RetryCell)
    return cell


def attempt_ok(walk: Walk, number: int, at: Index, causes: Causes) -> None:
    scopes.leave(walk, (number, at[:-1]), causes)


def attempt_gone(walk: Walk, number: int, node: ir.Retry, at: Index, reason: Reason, causes: Causes) -> None:
    """Once more, where the failure is one of those and attempts are left; never after the scope was left."""
    index, place = at[:-1], walk.program.places[number]
    cell = _retry(walk, number, index)
    walk.state.frames.pop((place.parts[0], at), None)
    if cell.closed or reason.error is None or cell.attempt > node.limit:
        return walk.gone(number, index, reason, causes)
    if handler_of([node.errors], reason.error) is None:
        return walk.gone(number, index, reason, causes)
    cell.causes = union(causes, cell.causes)
    to_come = _next_attempt(walk, number, index, cell)
    pause = backoff_before(walk.state.run, to_come, cell.attempt + 1, node.backoff_min, node.backoff_max)
    cell.turned = walk.hinted(place, index)
    if cell.turned is not None:
        return walk.gone(number, index, cell.turned, cell.causes)
    if pause == 0:
        return _try_again(walk, number, index, cell)
    cell.pausing, walk.state.live[number, index] = True, None
    walk.effects.append(event.SetTimer(to_come, walk.at + pause))


def _try_again(walk: Walk, number: int, index: Index, cell: RetryCell) -> None:
    cell.attempt += 1
    walk.begin(walk.program.places[number].parts[0], (*index, cell.attempt), {}, cell.causes)


def _next_attempt(walk: Walk, number: int, index: Index, cell: RetryCell) -> str:
    return instance(attempts_of(walk.program.places[number].template), (*index, cell.attempt + 1))


def attempt_due(walk: Walk, number: int, index: Index, attempt: int) -> None:
    cell = walk.state.cells.get((number, index))
    if isinstance(cell, RetryCell) and cell.pausing and attempt == cell.attempt + 1:
        cell.pausing = False
        del walk.state.live[number, index]
        _try_again(walk, number, index, cell)


def undo_retry(walk: Walk, number: int, index: Index, reason: Reason, causes: Causes) -> None:
    cell = _retry(walk, number, index)
    walk.undo(walk.program.places[number].parts[0], (*index, cell.attempt), reason, causes)


def turn_retry(walk: Walk, number: int, index: Index, reason: Reason) -> None:
    cell = _retry(walk, number, index)
    if cell.pausing:
        cell.pausing, cell.turned = False, reason
        del walk.state.live[number, index]
        walk.effects.append(event.StopTimer(_next_attempt(walk, number, index, cell)))
        walk.gone(number, index, reason, cell.causes)
