"""A table made ready to run: which rows hear an event, and as what."""

from __future__ import annotations

from dataclasses import dataclass, field

from flowlang.choreograph.wiring import heard
from flowlang.link import Link
from flowlang.table import Row, RunRow, Table


@dataclass(frozen=True, slots=True)
class Program:
    """One service's table, shared by all runs of its flow. `hears` gives (row, port, part) for each event name."""

    table: Table
    hears: dict[str, tuple[tuple[Row, str, int], ...]]
    rows: dict[str, Row]  # by path
    run: RunRow | None  # at the run's owner
    holds: dict[str, tuple[str, ...]]  # by event: the values that this service adds from its record
    link: Link = field(default_factory=Link)


def load(table: Table) -> Program:
    """`table` indexed by event and by path."""
    hears: dict[str, list[tuple[Row, str, int]]] = {}
    for row in table.rows:
        for event, port, part in heard(row):
            hears.setdefault(event, []).append((row, port, part))
    run = next((row for row in table.rows if isinstance(row, RunRow)), None)
    return Program(
        table,
        {event: tuple(rows) for event, rows in hears.items()},
        {row.path: row for row in table.rows},
        run,
        {holding.event: holding.names for holding in table.holds},
    )
