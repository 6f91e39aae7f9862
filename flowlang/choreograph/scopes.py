"""The exits of scopes: handlers beside the body, further attempts, interruptions, catches, a compensation of its own.

They differ in what a failure or an event does, and have three things in common. An ok leaves a scope only when the losers
of every join begun directly inside have settled (`_leave`); a handler or a further attempt begins with the values of the
scope's entry, which a failure can overtake (`wanted`); and an undo goes to the part that ran.
"""

from __future__ import annotations

from typing import assert_never

from flowlang import event, place
from flowlang.cell import Causes
from flowlang.choreograph.program import further_of
from flowlang.choreograph.runs import closing
from flowlang.choreograph.state import (
    AlongsideCell,
    ExitCell,
    InterruptCell,
    Open,
    RetryCell,
    Said,
    UndoingCell,
)
from flowlang.choreograph.steps import as_data
from flowlang.choreograph.turn import Heard, Turn, all_open, union
from flowlang.choreograph.waits import bound, fitting, take
from flowlang.event import CANCELLED, External, Index, Reason
from flowlang.lifecycle import backoff_before
from flowlang.reason import as_value, first_reason, handler_of
from flowlang.table import AlongsideRow, CatchRow, InterruptRow, Part, Reaction, RetryRow, UndoingRow

Exit = AlongsideRow | RetryRow | InterruptRow | CatchRow | UndoingRow

# ---------------------------------------------------------------- the ports of every exit


def entered(turn: Turn, row: AlongsideRow | RetryRow | InterruptRow | CatchRow, index: Index, said: Said) -> None:
    """The values at a scope's entry are there; a handler, an attempt or an ok may have been waiting for them."""
    cell = _cell(turn, row, index)
    cell.entry = said
    match row:
        case AlongsideRow():
            assert isinstance(cell, AlongsideCell)
            if not cell.settled:
                cell.armed = True
                _arm(turn, row.path, index, row.handlers, said)
        case InterruptRow():
            assert isinstance(cell, InterruptCell)
            if not cell.verdict:
                cell.armed = True
                _arm(turn, row.path, index, row.reactions, said)
                if row.after is not None:
                    due = turn.at + turn.program.link.value(row.after, said.data).ms
                    turn.effects.append(event.SetTimer(place.instance(row.path, index), due))
        case CatchRow():
            if cell.wanted is not None:
                _handle(turn, row, index, cell)
        case RetryRow():
            assert isinstance(cell, RetryCell)
            if cell.wanted is not None and cell.pause is None:
                _attempt(turn, row, index, cell)
            elif cell.waiting is not None:
                _leave(turn, row, index, cell, *cell.waiting)
        case _:
            assert_never(row)


def part_ok(turn: Turn, row: Exit, part: int, heard: Heard) -> None:
    """The body or a handler is done."""
    index, number = _place(turn, row, part, heard)
    cell = _cell(turn, row, index)
    if isinstance(row, AlongsideRow):
        assert isinstance(cell, AlongsideCell)
        return _beside(turn, row, index, cell, number, heard)
    _leave(turn, row, index, cell, number, heard.said)


def part_gone(turn: Turn, row: Exit, part: int, heard: Heard) -> None:
    """Nothing of the body, or of a handler, remains."""
    index, number = _place(turn, row, part, heard)
    cell, reason, causes = _cell(turn, row, index), heard.reason, heard.said.causes
    assert reason is not None
    match row:
        case AlongsideRow():
            assert isinstance(cell, AlongsideCell)
            _beside(turn, row, index, cell, number, heard)
        case RetryRow():
            assert isinstance(cell, RetryCell)
            _try_again(turn, row, index, cell, number, reason, causes)
        case InterruptRow():
            assert isinstance(cell, InterruptCell)
            if number == 0 and cell.verdict == "interrupted":
                return _react(turn, row, index, cell, causes)
            if number == 0 and not cell.verdict:
                cell.verdict = "gone"
                _disarm(turn, row, index, cell)
            turn.say_back(row.gone, index, causes, reason)
        case CatchRow():
            taken = None
            if number == 0 and not cell.closed and reason.error is not None:
                taken = handler_of([taker.errors for taker in row.takers], reason.error)
            if taken is None or reason.error is None:
                return turn.say_back(row.gone, index, causes, reason)
            cell.wanted = (taken, reason.error, causes)
            if cell.entry is not None or not row.start:
                _handle(turn, row, index, cell)
        case UndoingRow():
            raise AssertionError("a compensation block is never gone")
        case _:
            assert_never(row)


def join_closed(turn: Turn, row: Exit, heard: Heard) -> None:
    """The losers of a join inside have settled; an ok may have waited for that."""
    index = heard.index[: turn.program.depths[row.path]]
    cell = _cell(turn, row, index)
    cell.joins[heard.name.removesuffix(".closed"), heard.index] = heard.said.causes
    if isinstance(row, AlongsideRow):
        assert isinstance(cell, AlongsideCell)
        if cell.why is None:  # on the way back it waits for no join, and may be gone already
            _look(turn, row, index, cell)
    elif cell.waiting is not None:
        _leave(turn, row, index, cell, *cell.waiting)


def undo(turn: Turn, row: Exit, index: Index, reason: Reason, causes: Causes) -> None:
    """Undo what ran."""
    cell = _cell(turn, row, index)
    match row:
        case AlongsideRow():
            assert isinstance(cell, AlongsideCell)
            cell.why = reason
            for number in sorted(cell.ok):
                _undo_beside(turn, row, index, cell, number, causes, reason)
        case RetryRow():
            turn.say_back(row.body.undo, (*index, cell.ran), causes, reason)
        case InterruptRow():
            turn.say_back(_interrupt_parts(row)[cell.ran].undo, index, causes, reason)
        case CatchRow():
            part = row.body if cell.ran == 0 else row.takers[cell.ran - 1].part
            turn.say_back(part.undo, index, causes, reason)
        case UndoingRow():
            assert isinstance(cell, UndoingCell) and cell.kept is not None
            cell.reason = reason
            name = f"{row.path}.reason"
            data = {**cell.kept.data, name: as_data(reason)}
            turn.record(name, row.path, index, data[name])
            turn.say(row.begin, index, Said(data, causes))
        case _:
            assert_never(row)


# ---------------------------------------------------------------- leaving with ok


def _leave(turn: Turn, row: Exit, index: Index, cell: ExitCell, number: int, said: Said) -> None:
    """Part `number` (of a retry: the attempt) is ok: go on when every join begun directly inside has closed."""
    if isinstance(cell, InterruptCell) and number == 0:
        cell.ended = said.causes
        if cell.verdict == "interrupted":
            cell.waiting = None
            return turn.say_back(row.body.undo, index, said.causes, CANCELLED)
    mine = tuple(join for join in said.open if f"{join[0]}.closed" in row.joins)
    overtaken = isinstance(row, RetryRow) and bool(row.start) and cell.entry is None
    if overtaken or any(join not in cell.joins for join in mine):
        cell.waiting = (number, said)
        return
    causes = closing(cell.joins, mine, said.causes)
    rest: Open = tuple(join for join in said.open if join not in mine)
    cell.waiting, data = None, said.data
    match row:
        case UndoingRow() if number == 1:
            assert isinstance(cell, UndoingCell)
            return turn.say_back(row.gone, index, causes, cell.reason)
        case UndoingRow():
            assert isinstance(cell, UndoingCell)
            cell.kept = said
        case RetryRow():
            data = {**(cell.entry.data if cell.entry else {}), **data}
        case InterruptRow():
            assert isinstance(cell, InterruptCell)
            if number == 0:
                cell.verdict = "closed"
                _disarm(turn, row, index, cell)
        case CatchRow():
            pass
        case AlongsideRow():
            raise AssertionError("it leaves when all its parts are ok")
        case _:
            assert_never(row)
    cell.ran, cell.closed = number, True
    turn.say(row.ok, index, Said(data, causes, rest))


def _place(turn: Turn, row: Exit, part: int, heard: Heard) -> tuple[Index, int]:
    """The index of the scope and the number of the part: of a retry the attempt, of an alongside handler the kid."""
    index = heard.index[: turn.program.depths[row.path]]
    if isinstance(row, RetryRow):
        return index, heard.index[-1]
    if isinstance(row, AlongsideRow) and part > 0:
        cell = _cell(turn, row, index)
        assert isinstance(cell, AlongsideCell)
        here = (part - 1, heard.index[-1])
        return index, 1 + next(n for n, (handler, kid, _) in enumerate(cell.kids) if (handler, kid) == here)
    return index, part


def _cell(turn: Turn, row: Exit, index: Index) -> ExitCell:
    found = turn.state.cells.get((row.path, index))
    if found is None:
        kinds = {AlongsideRow: AlongsideCell, RetryRow: RetryCell, InterruptRow: InterruptCell, UndoingRow: UndoingCell}
        found = turn.state.cells[row.path, index] = kinds.get(type(row), ExitCell)()
    assert isinstance(found, ExitCell)
    return found


# ---------------------------------------------------------------- catch


def _handle(turn: Turn, row: CatchRow, index: Index, cell: ExitCell) -> None:
    assert cell.wanted is not None
    (taken, error, causes), cell.wanted = cell.wanted, None
    taker, entry = row.takers[taken], cell.entry or Said({}, ())
    assert error is not None
    data = dict(entry.data)
    if taker.bind:
        data[taker.bind] = as_value(error)
        turn.record(taker.bind, row.path, index, data[taker.bind])
    cell.ran = taken + 1
    turn.say(taker.start, index, Said(data, union(causes, entry.causes), entry.open))


# ---------------------------------------------------------------- further attempts


def _try_again(
    turn: Turn, row: RetryRow, index: Index, cell: RetryCell, attempt: int, reason: Reason, causes: Causes
) -> None:
    """Attempt `attempt` is wholly gone: try again after a back-off, if the failure is one of those and attempts are left."""
    listed = reason.error is not None and handler_of([row.errors], reason.error) is not None
    if cell.closed or not listed or attempt > row.limit:
        return turn.say_back(row.gone, index, causes, reason)
    cell.wanted = (attempt + 1, None, causes)
    turned = turn.hinted(row.hints, index)
    path = place.instance(further_of(row), (*index, attempt + 1))
    delay = backoff_before(turn.state.run, path, attempt + 1, row.backoff_min, row.backoff_max)
    if delay == 0:
        if cell.entry is not None or not row.start:
            _attempt(turn, row, index, cell)
    elif turned is not None:
        _turn(turn, row, index, cell, attempt + 1, turned)
    else:
        cell.pause = attempt + 1
        turn.effects.append(event.SetTimer(path, turn.at + delay))


def pause_over(turn: Turn, row: RetryRow, index: Index) -> None:
    """The back-off before an attempt is over; `index` has that attempt's number."""
    cell = _cell(turn, row, index[:-1])
    assert isinstance(cell, RetryCell)
    if cell.pause == index[-1]:
        cell.pause = None
        if cell.entry is not None or not row.start:
            _attempt(turn, row, index[:-1], cell)


def turn_round(turn: Turn, row: RetryRow, index: Index, reason: Reason) -> None:
    """A hint ends a back-off: nothing remains of the attempts before."""
    cell = _cell(turn, row, index)
    if isinstance(cell, RetryCell) and cell.pause is not None:
        turn.effects.append(event.StopTimer(place.instance(further_of(row), (*index, cell.pause))))
        _turn(turn, row, index, cell, cell.pause, reason)


def _turn(turn: Turn, row: RetryRow, index: Index, cell: RetryCell, attempt: int, reason: Reason) -> None:
    assert cell.wanted is not None
    causes, cell.wanted = cell.wanted[2], None
    cell.turned, cell.pause = (attempt, reason), None
    turn.say_back(row.gone, index, causes, reason)


def _attempt(turn: Turn, row: RetryRow, index: Index, cell: RetryCell) -> None:
    assert cell.wanted is not None
    (attempt, _, causes), cell.wanted = cell.wanted, None
    entry = cell.entry or Said({}, ())
    turn.say(row.begin, (*index, attempt), Said(entry.data, union(causes, entry.causes), entry.open))


# ---------------------------------------------------------------- interruptions


def interrupted(turn: Turn, row: InterruptRow, index: Index, input: event.Arrived) -> bool:
    """An external event that a handler of the scope waits for: it interrupts the body, unless the latch is closed."""
    cell = _cell(turn, row, index)
    assert isinstance(cell, InterruptCell)
    if not cell.armed or cell.verdict or input.event.id in turn.state.taken or cell.entry is None:
        return False
    way = fitting(turn, row.reactions, cell.entry.data, input.event)
    if way is None:
        return False
    take(turn, input)
    _interrupt(turn, row, index, cell, way, input.event)
    return True


def time_over(turn: Turn, row: InterruptRow, index: Index) -> None:
    """The time limit of the scope is reached, unless the latch is closed."""
    cell = _cell(turn, row, index)
    assert isinstance(cell, InterruptCell)
    if cell.armed and not cell.verdict:
        _interrupt(turn, row, index, cell, len(row.reactions), None)


def _interrupt(
    turn: Turn, row: InterruptRow, index: Index, cell: InterruptCell, way: int, arrived: External | None
) -> None:
    cell.verdict, cell.by, cell.event = "interrupted", way, arrived
    _disarm(turn, row, index, cell)
    turn.say(row.hint, index, Said({}, ()), CANCELLED)
    if cell.waiting is not None:  # the body was ok and waited for losers
        cell.waiting = None
        turn.say_back(row.body.undo, index, cell.ended, CANCELLED)


def _react(turn: Turn, row: InterruptRow, index: Index, cell: InterruptCell, causes: Causes) -> None:
    """The body is gone: the handler of what interrupted it runs."""
    entry = cell.entry
    assert entry is not None
    after = Said(entry.data, union(causes, entry.causes), entry.open)
    if cell.event is None:
        assert row.late is not None
        return turn.say(row.late.start, index, after)
    reaction = row.reactions[cell.by]
    if reaction.bind:
        turn.record(reaction.bind, row.path, index, cell.event.data)
    turn.say(reaction.start, index, bound(after, reaction.bind, cell.event))


def _interrupt_parts(row: InterruptRow) -> tuple[Part, ...]:
    late = () if row.late is None else (row.late.part,)
    return (row.body, *(reaction.part for reaction in row.reactions), *late)


def _arm(turn: Turn, template: str, index: Index, reactions: tuple[Reaction, ...], said: Said) -> None:
    path = place.instance(template, index)
    for reaction in reactions:
        value = turn.program.link.value(reaction.value, said.data)
        turn.effects.append(event.Arm(path, reaction.type.type, reaction.field, value))


def _disarm(turn: Turn, row: InterruptRow, index: Index, cell: InterruptCell) -> None:
    if not cell.armed:
        return
    cell.armed = False
    path = place.instance(row.path, index)
    if row.reactions:
        turn.effects.append(event.Disarm(path))
    if row.after is not None:
        turn.effects.append(event.StopTimer(path))


# ---------------------------------------------------------------- handlers beside the body


def joined(turn: Turn, row: AlongsideRow, index: Index, input: event.Arrived) -> bool:
    """An external event starts one more handler beside the body, until that has settled."""
    cell = _cell(turn, row, index)
    assert isinstance(cell, AlongsideCell)
    if not cell.armed or cell.settled or input.event.id in turn.state.taken or cell.entry is None:
        return False
    way = fitting(turn, row.handlers, cell.entry.data, input.event)
    if way is None:
        return False
    handler, kid = row.handlers[way], sum(other == way for other, _, _ in cell.kids)
    cell.kids.append((way, kid, input.event))
    take(turn, input)
    if handler.bind:
        turn.record(handler.bind, handler.start.event, (*index, kid), input.event.data)
    turn.say(handler.start, (*index, kid), bound(cell.entry, handler.bind, input.event))
    return True


def _beside(turn: Turn, row: AlongsideRow, index: Index, cell: AlongsideCell, number: int, heard: Heard) -> None:
    """The body (0) or a kid has settled, or has been undone."""
    if number in cell.gone or (heard.reason is None and number in cell.ok):
        return
    if heard.reason is None:
        cell.ok[number] = heard.said
    else:
        if cell.ok.pop(number, None) is None and cell.why is None:
            cell.reasons.setdefault(number, heard.reason)
        cell.gone[number] = heard.said.causes
    if number == 0 and not cell.settled:
        cell.settled = True
        if cell.armed:
            turn.effects.append(event.Disarm(place.instance(row.path, index)))
    _look(turn, row, index, cell)


def _look(turn: Turn, row: AlongsideRow, index: Index, cell: AlongsideCell) -> None:
    """What follows when the body and all kids have settled."""
    if (cell.closed and cell.why is None) or len(cell.ok) + len(cell.gone) < 1 + len(cell.kids):
        return
    causes = union(*(said.causes for said in cell.ok.values()), *cell.gone.values())
    if cell.why is None and not cell.gone:
        still_open = all_open(cell.ok.values())
        mine = tuple(join for join in still_open if f"{join[0]}.closed" in row.joins)
        if all(join in cell.joins for join in mine):
            cell.closed = True
            rest = tuple(join for join in still_open if join not in mine)
            turn.say(row.ok, index, Said(cell.ok[0].data, closing(cell.joins, mine, causes), rest))
    elif cell.why is None:
        cell.why = first_reason([cell.reasons[number] for number in sorted(cell.reasons)])
        for number in sorted(cell.ok):
            _undo_beside(turn, row, index, cell, number, causes, cell.why)
        if not cell.ok:
            turn.say_back(row.gone, index, causes, cell.why)
    elif not cell.ok:
        turn.say_back(row.gone, index, causes, cell.why)


def _undo_beside(
    turn: Turn, row: AlongsideRow, index: Index, cell: AlongsideCell, number: int, causes: Causes, reason: Reason
) -> None:
    if number == 0:
        return turn.say_back(row.body.undo, index, causes, reason)
    handler, kid, _ = cell.kids[number - 1]
    turn.say_back(row.handlers[handler].part.undo, (*index, kid), causes, reason)
