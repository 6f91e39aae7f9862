"""Which events a row hears, and as what: the one list that projection, liveness, plan and machine read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from flowlang.table import (
    AlongsideRow,
    CatchRow,
    ChildRow,
    CommitRow,
    EachRow,
    EmitRow,
    Events,
    FailRow,
    InterruptRow,
    JoinRow,
    LetRow,
    Part,
    RaceRow,
    RelayRow,
    RepeatRow,
    RetryRow,
    Row,
    RunRow,
    StepRow,
    SwitchRow,
    UndoingRow,
)

Heard = tuple[str, str, int]


def heard(row: Row) -> Iterator[Heard]:
    """(event, port, part) for everything that `row` hears: port `start` or `undo` of the row itself, `hint`, `closed` (of a
    join inside), or `ok` or `gone` of a part, in the order of `parts_of`; to the run's owner also `stuck` and `unstuck` of
    each step."""
    match row:
        case StepRow() | RaceRow():
            yield from _as("start", row.start)
            yield from _as("undo", row.undo)
            yield from _as("hint", row.hints)
        case LetRow() | EmitRow() | FailRow() | CommitRow():
            yield from _as("start", row.start)
        case JoinRow() | UndoingRow():
            yield from _parts(row)
            yield from _as("undo", row.undo)
        case SwitchRow() | EachRow() | RepeatRow() | AlongsideRow() | RetryRow() | InterruptRow() | CatchRow():
            yield from _as("start", row.start)
            yield from _parts(row)
            yield from _as("undo", row.undo)
        case ChildRow() | RelayRow():
            yield from _as("start", row.start)
            yield from _parts(row)
            yield from _as("undo", row.undo)
            yield from _as("hint", row.hints)
        case RunRow():
            yield from _parts(row)
            yield from ((event, "stuck", number) for number, event in enumerate(row.stuck))
            yield from ((event, "unstuck", number) for number, event in enumerate(row.unstuck))
        case _:
            assert_never(row)
    if isinstance(row, RepeatRow | RetryRow):
        yield from _as("hint", row.hints)
    if isinstance(row, AlongsideRow | RetryRow | InterruptRow | CatchRow | UndoingRow | ChildRow | RunRow):
        yield from _as("closed", row.joins)


def parts_of(row: Row) -> tuple[tuple[Events, Events], ...]:
    """The ok and the gone events of each part whose end `row` hears: the branches of a join; the body and then the
    handlers of a scope; the body and then the `else` of a loop; the body and then the block that undoes it."""
    match row:
        case StepRow() | LetRow() | EmitRow() | FailRow() | CommitRow() | SwitchRow() | RaceRow():
            return ()
        case JoinRow():
            return tuple(map(_ends, row.branches))
        case EachRow() | RetryRow() | ChildRow():
            return (_ends(row.body),)
        case RepeatRow():
            return (_ends(row.body), ((), row.late_gone))
        case AlongsideRow():
            return (_ends(row.body), *(_ends(handler.part) for handler in row.handlers))
        case InterruptRow():
            late = () if row.late is None else (_ends(row.late.part),)
            return (_ends(row.body), *(_ends(reaction.part) for reaction in row.reactions), *late)
        case CatchRow():
            return (_ends(row.body), *(_ends(taker.part) for taker in row.takers))
        case UndoingRow():
            return ((row.body.ok, ()), _ends(row.block))  # that the body is gone is no business of the exit
        case RelayRow():
            return (_ends(row.part),)
        case RunRow():
            return ((row.ok, row.gone),)
        case _:
            assert_never(row)


def _ends(part: Part) -> tuple[Events, Events]:
    return part.ok, part.gone


def _parts(row: Row) -> Iterator[Heard]:
    for number, (ok, gone) in enumerate(parts_of(row)):
        yield from ((event, "ok", number) for event in ok)
        yield from ((event, "gone", number) for event in gone)


def _as(port: str, events: Events) -> Iterator[Heard]:
    return ((event, port, 0) for event in events)
