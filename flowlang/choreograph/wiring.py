"""Which events a row hears, and as what: the one list that projection, liveness, plan and machine read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from flowlang.table import CatchRow, EmitRow, FailRow, JoinRow, LetRow, RaceRow, Row, RunRow, StepRow, SwitchRow


def heard(row: Row) -> Iterator[tuple[str, str, int]]:
    """(event, port, part) for everything that `row` hears: port `start` or `undo` of the row itself, or `ok` or `gone` of
    a part: a branch of a join by position, 0 for a scope's body and 1, 2, ... for its handlers, 0 for a run's flow; to the
    run's owner also `stuck` and `unstuck` of each step."""
    match row:
        case StepRow() | SwitchRow() | RaceRow():
            yield from ((event, "start", 0) for event in row.start)
            yield from ((event, "undo", 0) for event in row.undo)
        case LetRow() | EmitRow() | FailRow():
            yield from ((event, "start", 0) for event in row.start)
        case JoinRow():
            for number, branch in enumerate(row.branches):
                yield from ((event, "ok", number) for event in branch.ok)
                yield from ((event, "gone", number) for event in branch.gone)
            yield from ((event, "undo", 0) for event in row.undo)
        case CatchRow():
            yield from ((event, "start", 0) for event in row.start)
            for number, part in enumerate((row.body, *(taker.part for taker in row.takers))):
                yield from ((event, "ok", number) for event in part.ok)
                yield from ((event, "gone", number) for event in part.gone)
            yield from ((event, "undo", 0) for event in row.undo)
        case RunRow():
            yield from ((event, "ok", 0) for event in row.ok)
            yield from ((event, "gone", 0) for event in row.gone)
            yield from ((event, "stuck", number) for number, event in enumerate(row.stuck))
            yield from ((event, "unstuck", number) for number, event in enumerate(row.unstuck))
        case _:
            assert_never(row)
