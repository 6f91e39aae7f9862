"""A table made ready to run: which rows hear an event, and as what."""

from __future__ import annotations

from dataclasses import dataclass, field

from flowlang import place
from flowlang.choreograph.wiring import heard
from flowlang.link import Link
from flowlang.table import RepeatRow, RetryRow, Row, RunRow, Table


@dataclass(frozen=True, slots=True)
class Program:
    """One service's table, shared by all runs of its flow. `hears` gives (row, port, part) for each event name, `depths` the
    length of an index for each row, by path."""

    table: Table
    hears: dict[str, tuple[tuple[Row, str, int], ...]]
    rows: dict[str, Row]  # by path
    depths: dict[str, int]
    asked: dict[str, tuple[Row, str]]  # by bare path: who is asked, and the template of that path
    run: RunRow | None  # at the run's owner
    holds: dict[str, tuple[str, ...]]  # by event: the values that this service adds from its record
    kept: frozenset[str]  # the names of all these values
    link: Link = field(default_factory=Link)


def load(table: Table) -> Program:
    """`table` indexed by event and by path."""
    hears: dict[str, list[tuple[Row, str, int]]] = {}
    asked: dict[str, tuple[Row, str]] = {}
    for row in table.rows:
        for event, port, part in heard(row):
            hears.setdefault(event, []).append((row, port, part))
        asked[place.key(row.path)] = (row, row.path)
        if isinstance(row, RepeatRow | RetryRow):  # a pause is named after what comes behind it
            further = further_of(row)
            asked[place.key(further)] = (row, further)
    run = next((row for row in table.rows if isinstance(row, RunRow)), None)
    return Program(
        table,
        {event: tuple(rows) for event, rows in hears.items()},
        {row.path: row for row in table.rows},
        {row.path: place.depth(row.path) for row in table.rows},
        asked,
        run,
        {holding.event: holding.names for holding in table.holds},
        frozenset(name for holding in table.holds for name in holding.names),
    )


def further_of(row: RepeatRow | RetryRow) -> str:
    """The path template of a further iteration or attempt: `order/repeat1[]`, `order/fulfil#`."""
    return row.begin.event.removesuffix(".start")
