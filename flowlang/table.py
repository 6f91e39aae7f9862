"""The subscription table of one service: what it hears, does and says in the flows that it takes part in.

A row belongs to one block of the flow and is wired by the names of events only. `start`, `undo` and the ports of parts
name events that are heard; a `Wire` names an event that is said, who hears it and which values it carries. A service
that holds its table needs nothing else: no flow, no kernel, no contract of anybody else.

Event names are path and port (`order_fulfilment/charge.ok`): an event is named by who produced it, so an event of one
block can play several parts at once (the ok of a step is the start of the next one and, at the end of a branch, what the
join waits for). An empty part adds no row: its start counts as its ok, its undo as its gone. What has nothing to undo is
passed over by an undo in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flowlang import shape
from flowlang.declared import EventType, Operation, Schema, Undo
from flowlang.event import Policy
from flowlang.expression.tree import Expression

Events = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wire:
    """An event that a row says. `to` are the services that hear it (this one among them where a row of its own does);
    `carry` the names of the values that it carries where they are present."""

    event: str
    to: tuple[str, ...]
    carry: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepRow:
    """Do an operation when started; undo it when told so (`undo` is empty where there is nothing to undo). `stuck` and `unstuck` tell the run's owner that an operator is
    needed, and that one has decided; they are numbered, since the second can overtake the first."""

    path: str
    start: Events
    undo: Events
    name: str
    operation: Operation
    input: Expression
    policy: Policy
    compensate: Undo | None
    ok: Wire
    gone: Wire
    stuck: Wire
    unstuck: Wire


@dataclass(frozen=True, slots=True)
class LetRow:
    """Name a value."""

    path: str
    start: Events
    name: str
    value: Expression
    schema: Schema | None
    ok: Wire
    gone: Wire


@dataclass(frozen=True, slots=True)
class EmitRow:
    """Publish a business event."""

    path: str
    start: Events
    type: EventType
    data: Expression
    ok: Wire
    gone: Wire


@dataclass(frozen=True, slots=True)
class FailRow:
    """Fail with a declared error."""

    path: str
    start: Events
    error: str
    message: Expression | None
    gone: Wire


@dataclass(frozen=True, slots=True)
class Part:
    """A block inside another, as the owner of the outer one sees it: what it hears of it and how it is undone."""

    ok: Events
    gone: Events
    undo: Wire


@dataclass(frozen=True, slots=True)
class JoinRow:
    """The end of a fork: a keyed set of branches, never a counter."""

    path: str
    branches: tuple[Part, ...]
    undo: Events
    ok: Wire
    gone: Wire


@dataclass(frozen=True, slots=True)
class Way:
    """One way out of a decision: its guard (None is `else`), the event that starts it and the one that undoes it."""

    when: Expression | None
    start: Wire
    undo: Wire


@dataclass(frozen=True, slots=True)
class SwitchRow:
    """Decide once, and route an undo to the way that was taken. `gone` is said when a guard can't be evaluated."""

    path: str
    start: Events
    undo: Events
    ways: tuple[Way, ...]
    gone: Wire


@dataclass(frozen=True, slots=True)
class Hearing:
    """One external event that a race listens for, as `ir.Alternative` has it."""

    type: EventType
    bind: str
    field: str
    value: Expression
    where: Expression | None
    start: Wire
    undo: Wire


@dataclass(frozen=True, slots=True)
class RaceRow:
    """Wait for the first of some events or for a timer. `late` is None when it waits for ever."""

    path: str
    start: Events
    undo: Events
    hearings: tuple[Hearing, ...]
    after: Expression | None
    late: Way | None
    gone: Wire


@dataclass(frozen=True, slots=True)
class Taker:
    """One handler of a scope."""

    errors: tuple[tuple[str, str], ...]
    bind: str
    start: Wire
    part: Part


@dataclass(frozen=True, slots=True)
class CatchRow:
    """The exit of a scope. `start` is heard only where a handler needs values from the scope's entry."""

    path: str
    start: Events
    body: Part
    takers: tuple[Taker, ...]
    undo: Events
    ok: Wire
    gone: Wire


@dataclass(frozen=True, slots=True)
class RunRow:
    """Whoever answers for the run: begins it, latches its verdict, closes it, and knows which steps are stuck."""

    path: str
    start: Wire
    ok: Events
    gone: Events
    stuck: Events
    unstuck: Events
    undo: Wire
    hint: Wire
    closed: Wire


Row = StepRow | LetRow | EmitRow | FailRow | JoinRow | SwitchRow | RaceRow | CatchRow | RunRow
"""In this order in every `match`."""


@dataclass(frozen=True, slots=True)
class Holding:
    """Values that the service adds to `event` from its own record: it surely has them, so the event does not carry them."""

    event: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """All rows of one service for one flow. `owner` is the service that answers for the run; `hint` and `closed` are the
    events by which it says that the run is cancelled, and that it is over."""

    service: str
    flow: str
    hash: str
    owner: str
    hint: str
    closed: str
    rows: tuple[Row, ...]
    holds: tuple[Holding, ...]
    version: str = ""


KINDS = (StepRow, LetRow, EmitRow, FailRow, JoinRow, SwitchRow, RaceRow, CatchRow, RunRow)


def to_data(table: Table) -> Any:
    """`table` as JSON data, valid against `specs/table.schema.json`."""
    return {"table": 1, **shape.to_data(table, KINDS)}


def from_data(data: Any) -> Table:
    """The table that `data` describes. Raises Misshapen."""
    if not isinstance(data, dict) or data.get("table") != 1:
        raise shape.Misshapen("this is no table of version 1")
    table: Table = shape.from_data(Table, {key: value for key, value in data.items() if key != "table"})
    return table
