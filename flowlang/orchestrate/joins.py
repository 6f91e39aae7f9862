"""Forks, parallel loops and handlers beside a scope: several branches that settle, and what follows when they have.

Each branch is in `ok` or in `gone` once it has settled. When all have, those that are ok are undone if one is gone. A join
that needs only some goes on before that: it is then *open* at the scope around it, which waits for the rest to settle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from flowlang import event, ir
from flowlang.cell import Causes
from flowlang.event import CANCELLED, LOST, Index, Reason
from flowlang.link import Refused
from flowlang.orchestrate import scopes, waits
from flowlang.orchestrate.state import AlongsideCell, EachCell, ForkCell, JoinCell, Key
from flowlang.orchestrate.walk import Walk, union
from flowlang.reason import first_reason

Address = Callable[[int], Key]  # of a branch by its number


def _went(cell: JoinCell, branch: int, reason: Reason, causes: Causes) -> None:
    """A branch is gone, by itself or because it was undone."""
    if cell.ok.pop(branch, None) is None:
        cell.reasons[branch] = reason
    cell.gone[branch] = causes


def _rewind(walk: Walk, number: int, index: Index, cell: JoinCell, address: Address) -> None:
    """All branches have settled and one is gone: undo the rest, then the whole is gone."""
    if not cell.ok:
        reason = cell.undoing or first_reason([cell.reasons[branch] for branch in sorted(cell.reasons)])
        walk.gone(number, index, reason, union(*cell.gone.values()))
    elif cell.undoing is None:
        cell.undoing = first_reason([cell.reasons[branch] for branch in sorted(cell.reasons)])
        causes = union(*cell.ok.values(), *cell.gone.values())
        _undo(walk, sorted(cell.ok), cell.undoing, causes, address)


def _undo(walk: Walk, branches: Iterable[int], reason: Reason, causes: Causes, address: Address) -> None:
    for branch in branches:
        walk.undo(*address(branch), reason, causes)


# ---------------------------------------------------------------- fork


def start_fork(walk: Walk, number: int, node: ir.Fork, index: Index, causes: Causes) -> None:
    walk.state.cells[number, index] = ForkCell()
    for part in walk.program.places[number].parts:
        if node.join == "some":
            walk.begin(part, index, {}, causes)
        else:
            walk.start(part, index, causes)


def _fork(walk: Walk, number: int, index: Index) -> tuple[ForkCell, Address]:
    cell, parts = walk.state.cells[number, index], walk.program.places[number].parts
    assert isinstance(cell, ForkCell)
    return cell, lambda branch: (parts[branch], index)


def branch_ok(walk: Walk, number: int, node: ir.Fork, branch: int, index: Index, causes: Causes) -> None:
    cell, address = _fork(walk, number, index)
    cell.ok[branch] = causes
    if node.join != "some":
        return _settled(walk, number, node, index)
    if cell.winners:
        walk.end(*address(branch), False)
        walk.undo(*address(branch), LOST, union(causes, cell.won))
    elif len(cell.ok) == node.need and cell.undoing is None:
        _won(walk, number, node, index, cell, address)
    else:
        _settled(walk, number, node, index)


def branch_gone(
    walk: Walk, number: int, node: ir.Fork, branch: int, index: Index, reason: Reason, causes: Causes
) -> None:
    cell, address = _fork(walk, number, index)
    _went(cell, branch, reason, causes)
    if node.join == "some":
        walk.state.frames.pop(address(branch), None)
    if walk.state.hints:
        walk.state.hints.pop(address(branch), None)
    if cell.winners:
        return _closes(walk, number, index, cell)
    if node.join == "cancel" and not cell.hinted and cell.undoing is None:
        cell.hinted = True
        _hint_the_rest(walk, node, cell, address, CANCELLED)
    _settled(walk, number, node, index)


def _settled(walk: Walk, number: int, node: ir.Fork, index: Index) -> None:
    """Go on when all branches have settled: with ok, or by undoing those that are ok."""
    cell, address = _fork(walk, number, index)
    if len(cell.ok) + len(cell.gone) < len(node.branches):
        return
    if cell.gone:
        return _rewind(walk, number, index, cell, address)
    walk.ok(number, index, union(*cell.ok.values()))


def _hint_the_rest(walk: Walk, node: ir.Fork, cell: ForkCell, address: Address, reason: Reason) -> None:
    for branch in range(len(node.branches)):
        if branch not in cell.ok and branch not in cell.gone:
            walk.hint(*address(branch), reason)


def _won(walk: Walk, number: int, node: ir.Fork, index: Index, cell: ForkCell, address: Address) -> None:
    """Enough branches are ok: go on with them, turn the rest, and let the scope around wait until it has settled."""
    cell.winners = tuple(sorted(cell.ok))
    cell.won = union(*(cell.ok[branch] for branch in cell.winners))
    for branch in cell.winners:
        walk.end(*address(branch), True)
    exit, depth = walk.program.places[number].around.exit
    walk.state.open.setdefault((exit, index[:depth]), set()).add((number, index))
    walk.ok(number, index, cell.won)
    _hint_the_rest(walk, node, cell, address, LOST)
    _closes(walk, number, index, cell)


def _closes(walk: Walk, number: int, index: Index, cell: ForkCell) -> None:
    """Say so once all losers are gone, and that the whole is gone once the winners were undone as well."""
    branches = len(walk.program.places[number].parts)
    losers = [branch for branch in cell.gone if branch not in cell.winners]
    if len(losers) + len(cell.winners) < branches:
        return
    if not cell.closed:
        cell.closed = True
        closed = union(cell.won, *(cell.gone[branch] for branch in losers))
        exit, depth = walk.program.places[number].around.exit
        scopes.closed(walk, (exit, index[:depth]), (number, index), closed)
    if len(cell.gone) == branches:
        assert cell.undoing is not None
        walk.gone(number, index, cell.undoing, union(*cell.gone.values()))


def undo_fork(walk: Walk, number: int, index: Index, reason: Reason, causes: Causes) -> None:
    """Losers that have not settled yet do so for the reason that they lost."""
    cell, address = _fork(walk, number, index)
    cell.undoing = reason
    _undo(walk, cell.winners or sorted(cell.ok), reason, causes, address)


# ---------------------------------------------------------------- for each


def start_each(walk: Walk, number: int, node: ir.Each, index: Index, causes: Causes) -> None:
    """Start the first item, or as many as there is room for. Raises Refused where there is no list."""
    place = walk.program.places[number]
    items = walk.program.link.value(node.items, walk.env(place, index))
    if not isinstance(items, list):
        raise Refused("ExpressionError", f"`{node.items.text}` is no list")
    cell = walk.state.cells[number, index] = EachCell(items=items, causes=causes)
    if not items:
        return _each_ok(walk, number, node, index, cell, causes)
    for _ in range(min(max(node.width, 1), len(items))):
        _start_item(walk, number, node, index, cell, causes)


def _start_item(walk: Walk, number: int, node: ir.Each, index: Index, cell: EachCell, causes: Causes) -> None:
    item = cell.started
    cell.started += 1
    walk.begin(walk.program.places[number].parts[0], (*index, item), {node.variable: cell.items[item]}, causes)


def _each(walk: Walk, number: int, index: Index) -> tuple[EachCell, Address]:
    cell, body = walk.state.cells[number, index], walk.program.places[number].parts[0]
    assert isinstance(cell, EachCell)
    return cell, lambda item: (body, (*index, item))


def item_ok(walk: Walk, number: int, node: ir.Each, item: int, index: Index, causes: Causes) -> None:
    cell, address = _each(walk, number, index)
    cell.ok[item] = causes
    if node.yields:
        cell.yielded[item] = walk.state.frames[address(item)][node.yields]
    walk.end(*address(item), False)
    if node.width:
        return _items(walk, number, node, index, cell, address)
    if cell.started < len(cell.items):
        return _start_item(walk, number, node, index, cell, causes)
    _each_ok(walk, number, node, index, cell, causes)


def item_gone(walk: Walk, number: int, node: ir.Each, item: int, index: Index, reason: Reason, causes: Causes) -> None:
    cell, address = _each(walk, number, index)
    walk.state.frames.pop(address(item), None)
    if node.width:
        _went(cell, item, reason, causes)
        return _items(walk, number, node, index, cell, address)
    if item:
        return walk.undo(*address(item - 1), reason, causes)
    walk.gone(number, index, reason, causes)


def _items(walk: Walk, number: int, node: ir.Each, index: Index, cell: EachCell, address: Address) -> None:
    """Start the next item as long as none is gone; go on when all that were started have settled."""
    if not cell.gone and cell.started < len(cell.items):
        return _start_item(walk, number, node, index, cell, cell.causes)
    if len(cell.ok) + len(cell.gone) < cell.started:
        return
    if cell.gone:
        return _rewind(walk, number, index, cell, address)
    _each_ok(walk, number, node, index, cell, union(*cell.ok.values()))


def _each_ok(walk: Walk, number: int, node: ir.Each, index: Index, cell: EachCell, causes: Causes) -> None:
    if node.collect:
        known = walk.env(walk.program.places[number], index)
        known[node.collect] = [cell.yielded[item] for item in range(len(cell.items))]
    walk.ok(number, index, causes)


def undo_each(walk: Walk, number: int, node: ir.Each, index: Index, reason: Reason, causes: Causes) -> None:
    cell, address = _each(walk, number, index)
    if not cell.items:
        return walk.gone(number, index, reason, causes)
    cell.undoing = reason
    _undo(walk, sorted(cell.ok) if node.width else [len(cell.items) - 1], reason, causes, address)


# ---------------------------------------------------------------- alongside


def start_alongside(walk: Walk, number: int, node: ir.Alongside, index: Index, causes: Causes) -> None:
    """Raises Refused where it can't be told what a handler listens for."""
    place = walk.program.places[number]
    env = walk.env(place, index)
    values = [walk.program.link.value(handler.value, env) for handler in node.handlers]
    walk.state.cells[number, index] = AlongsideCell(causes=causes)
    waits.listen(walk, walk.path(place, index), node.handlers, values, None)
    walk.begin(place.parts[0], index, {}, causes)


def _alongside(walk: Walk, number: int, index: Index) -> tuple[AlongsideCell, Address]:
    cell, parts = walk.state.cells[number, index], walk.program.places[number].parts
    assert isinstance(cell, AlongsideCell)

    def address(branch: int) -> Key:
        if branch == 0:
            return parts[0], index
        handler, kid, _ = cell.kids[branch - 1]
        return parts[1 + handler], (*index, kid)

    return cell, address


def arrived(walk: Walk, number: int, node: ir.Alongside, index: Index, input: event.Arrived) -> bool:
    """Whether the scope took the event: then one more kid starts."""
    cell = walk.state.cells.get((number, index))
    if not isinstance(cell, AlongsideCell) or cell.settled:
        return False
    place = walk.program.places[number]
    taken = waits.first_fit(walk, node.handlers, input.event, walk.env(place, index))
    if taken is None:
        return False
    kid = cell.counts.get(taken, 0)
    cell.counts[taken] = kid + 1
    cell.kids.append((taken, kid, input.event))
    cell.branches[taken, kid] = len(cell.kids)
    waits.took(walk, input.path, input.event)
    bind = node.handlers[taken].bind
    more = {bind: input.event.data} if bind else {}
    walk.begin(place.parts[1 + taken], (*index, kid), more, cell.causes)
    return True


def part_ok(walk: Walk, number: int, node: ir.Alongside, position: int, at: Index, causes: Causes) -> None:
    index = at[: walk.program.places[number].depth]
    cell, address = _alongside(walk, number, index)
    branch = _branch(cell, position, at)
    cell.ok[branch] = causes
    if branch:
        walk.end(*address(branch), False)
    _parts(walk, number, node, branch, index, cell, address)


def part_gone(
    walk: Walk, number: int, node: ir.Alongside, position: int, at: Index, reason: Reason, causes: Causes
) -> None:
    index = at[: walk.program.places[number].depth]
    cell, address = _alongside(walk, number, index)
    branch = _branch(cell, position, at)
    _went(cell, branch, reason, causes)
    walk.state.frames.pop(address(branch), None)
    _parts(walk, number, node, branch, index, cell, address)


def _branch(cell: AlongsideCell, position: int, at: Index) -> int:
    return cell.branches[position - 1, at[-1]] if position else 0


def _parts(
    walk: Walk, number: int, node: ir.Alongside, branch: int, index: Index, cell: AlongsideCell, address: Address
) -> None:
    """No kid starts once the body has settled; go on when all kids have, too."""
    if branch == 0 and not cell.settled:
        cell.settled = True
        waits.disarm(walk, walk.path(walk.program.places[number], index), node.handlers, False)
    if not cell.settled or len(cell.ok) + len(cell.gone) < 1 + len(cell.kids):
        return
    if cell.gone:
        return _rewind(walk, number, index, cell, address)
    scopes.leave(walk, (number, index), union(*cell.ok.values()))


def undo_alongside(walk: Walk, number: int, index: Index, reason: Reason, causes: Causes) -> None:
    cell, address = _alongside(walk, number, index)
    cell.undoing = reason
    _undo(walk, sorted(cell.ok), reason, causes, address)
