"""The subscription table of one service: what it hears, does and says in the flows that it takes part in.

A row belongs to one block of the flow and is wired by the names of events only. `start`, `undo` and the ports of parts
name events that are heard; a `Wire` names an event that is said, who hears it and which values it carries. A service
that holds its table needs nothing else: no flow, no kernel, no contract of anybody else.

Event names are path and port (`order_fulfilment/charge.ok`): an event is named by who produced it, so an event of one
block can play several parts at once (the ok of a step is the start of the next one and, at the end of a branch, what the
join waits for). An empty part adds no row: its start counts as its ok, its undo as its gone. What has nothing to undo is
passed over by an undo in the same way.

A row that is `firm` does not say that it failed unless somebody after the point of no return takes the error: it tells the
run's owner that it is `stuck`.

Paths are templates, and an event comes with the iterations and attempts of its block as an index: a row acts for each
index by itself. A row inside a scope that is tried again may be started by what starts the scope: that is attempt 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, assert_never

from flowlang import shape
from flowlang.declared import EventType, Firm, Operation, Schema, Undo
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
    """Do an operation when started; undo it when told so (`undo` is empty where there is nothing to undo). `hints` are the
    events that turn it round before its call. `stuck` and `unstuck` tell the run's owner that an operator is needed, and
    that one has decided; they are numbered, since the second can overtake the first. In a compensation block `reason` is
    the name of the value that says why something is undone."""

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
    hints: Events = ()
    firm: Firm | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LetRow:
    """Name a value. What breaks the `schema` is the error `breach`."""

    path: str
    start: Events
    name: str
    value: Expression
    schema: Schema | None
    ok: Wire
    gone: Wire
    breach: str = "ExpressionError"
    firm: Firm | None = None
    stuck: Wire | None = None


@dataclass(frozen=True, slots=True)
class EmitRow:
    """Publish a business event."""

    path: str
    start: Events
    type: EventType
    data: Expression
    ok: Wire
    gone: Wire
    firm: Firm | None = None
    stuck: Wire | None = None


@dataclass(frozen=True, slots=True)
class FailRow:
    """Fail with a declared error."""

    path: str
    start: Events
    error: str
    message: Expression | None
    gone: Wire


@dataclass(frozen=True, slots=True)
class CommitRow:
    """The point of no return: latch the verdict of the run, or of the child flow `child`, whose row this service holds."""

    path: str
    start: Events
    child: str
    ok: Wire
    gone: Wire


@dataclass(frozen=True, slots=True)
class Part:
    """A block inside another, as the owner of the outer one sees it: what it hears of it and how it is undone."""

    ok: Events
    gone: Events
    undo: Wire


@dataclass(frozen=True, slots=True)
class JoinRow:
    """The end of a fork: a keyed set of branches, never a counter. `join` is `all`, `cancel` or `some`; `need` branches must
    be ok. `hints` turn a branch round (one for each branch, none for `all`); `closed` says that the losers of a `some` have
    settled."""

    path: str
    branches: tuple[Part, ...]
    join: str
    need: int
    undo: Events
    ok: Wire
    gone: Wire
    hints: tuple[Wire, ...] = ()
    closed: Wire | None = None


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
    firm: Firm | None = None
    stuck: Wire | None = None


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
    """Wait for the first of some events or for a timer. `late` is None when it waits for ever; `absolute` says that `after`
    is a point in time."""

    path: str
    start: Events
    undo: Events
    hearings: tuple[Hearing, ...]
    after: Expression | None
    late: Way | None
    gone: Wire
    absolute: bool = False
    hints: Events = ()
    firm: Firm | None = None
    stuck: Wire | None = None


@dataclass(frozen=True, slots=True)
class EachRow:
    """One iteration for each item of a list: `begin` starts one. `width` 0: one after another. `yields` is what an
    iteration hands over for the list `collect`."""

    path: str
    start: Events
    undo: Events
    variable: str
    items: Expression
    width: int
    yields: str
    collect: str
    begin: Wire
    body: Part
    ok: Wire
    gone: Wire
    firm: Firm | None = None
    stuck: Wire | None = None


@dataclass(frozen=True, slots=True)
class Carrying:
    """A value that goes from one iteration to the next."""

    name: str
    first: Expression
    next: str


@dataclass(frozen=True, slots=True)
class RepeatRow:
    """Iterations until a condition holds, `most` at the most; then `late`, or LimitReached where it is None."""

    path: str
    start: Events
    undo: Events
    carried: tuple[Carrying, ...]
    until: Expression
    every: Expression | None
    most: int
    begin: Wire
    body: Part
    late: Way | None
    late_gone: Events
    ok: Wire
    gone: Wire
    hints: Events = ()
    firm: Firm | None = None
    stuck: Wire | None = None


@dataclass(frozen=True, slots=True)
class Reaction:
    """One external event that a scope listens for and the handler that it starts."""

    type: EventType
    bind: str
    field: str
    value: Expression
    where: Expression | None
    start: Wire
    part: Part


@dataclass(frozen=True, slots=True)
class AlongsideRow:
    """The exit of a scope whose handlers run beside its body. `joins` (here and below) are the events that say that a join
    begun directly inside has closed."""

    path: str
    start: Events
    body: Part
    handlers: tuple[Reaction, ...]
    undo: Events
    ok: Wire
    gone: Wire
    joins: Events = ()


@dataclass(frozen=True, slots=True)
class RetryRow:
    """The exit of a scope that is tried again: `begin` starts a further attempt, from the values at the scope's entry."""

    path: str
    start: Events
    begin: Wire
    body: Part
    limit: int
    backoff_min: int
    backoff_max: int
    errors: tuple[tuple[str, str], ...]
    undo: Events
    ok: Wire
    gone: Wire
    hints: Events = ()
    joins: Events = ()


@dataclass(frozen=True, slots=True)
class Ending:
    """The handler of a time limit."""

    start: Wire
    part: Part


@dataclass(frozen=True, slots=True)
class InterruptRow:
    """The exit of a scope that events or a time limit interrupt: one latch. `hint` turns its body round."""

    path: str
    start: Events
    body: Part
    reactions: tuple[Reaction, ...]
    after: Expression | None
    late: Ending | None
    undo: Events
    ok: Wire
    gone: Wire
    hint: Wire
    joins: Events = ()


@dataclass(frozen=True, slots=True)
class Taker:
    """One handler of a scope."""

    errors: tuple[tuple[str, str], ...]
    bind: str
    start: Wire
    part: Part


@dataclass(frozen=True, slots=True)
class CatchRow:
    """The exit of a scope that catches. `start` is heard only where a handler needs values from the scope's entry."""

    path: str
    start: Events
    body: Part
    takers: tuple[Taker, ...]
    undo: Events
    ok: Wire
    gone: Wire
    joins: Events = ()


@dataclass(frozen=True, slots=True)
class UndoingRow:
    """The exit of a scope with a compensation of its own: once the body was ok, `begin` starts the block that undoes it."""

    path: str
    body: Part
    begin: Wire
    block: Part
    undo: Events
    ok: Wire
    gone: Wire
    joins: Events = ()


@dataclass(frozen=True, slots=True)
class ChildRow:
    """A child flow: `begin` starts it unless one of `hints` came first, `hint` turns it round. Its verdict is latched here.
    `name` is afterwards what it `returned` ("" for nothing)."""

    path: str
    start: Events
    begin: Wire
    body: Part
    name: str
    returned: str
    undo: Events
    ok: Wire
    gone: Wire
    hint: Wire
    hints: Events = ()
    joins: Events = ()


@dataclass(frozen=True, slots=True)
class RelayRow:
    """The conductor of a region starts a block at another service, hears how it ended, and passes an undo on."""

    path: str
    start: Events
    begin: Wire
    part: Part
    undo: Events
    ok: Wire
    gone: Wire
    hints: Events = ()


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
    joins: Events = ()


Row = (
    StepRow
    | LetRow
    | EmitRow
    | FailRow
    | CommitRow
    | JoinRow
    | SwitchRow
    | RaceRow
    | EachRow
    | RepeatRow
    | AlongsideRow
    | RetryRow
    | InterruptRow
    | CatchRow
    | UndoingRow
    | ChildRow
    | RelayRow
    | RunRow
)
"""In this order in every `match`."""


@dataclass(frozen=True, slots=True)
class Holding:
    """Values that the service adds to `event` from its own record: it surely has them, so the event does not carry them."""

    event: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """All rows of one service for one flow. `owner` is the service that answers for the run; `closed` is the event by which
    it says that the run is over."""

    service: str
    flow: str
    hash: str
    owner: str
    closed: str
    rows: tuple[Row, ...]
    holds: tuple[Holding, ...]
    version: str = ""


KINDS = (
    StepRow,
    LetRow,
    EmitRow,
    FailRow,
    CommitRow,
    JoinRow,
    SwitchRow,
    RaceRow,
    EachRow,
    RepeatRow,
    AlongsideRow,
    RetryRow,
    InterruptRow,
    CatchRow,
    UndoingRow,
    ChildRow,
    RelayRow,
    RunRow,
)


def to_data(table: Table) -> Any:
    """`table` as JSON data, valid against `specs/table.schema.json`."""
    return {"table": 1, **shape.to_data(table, KINDS)}


def from_data(data: Any) -> Table:
    """The table that `data` describes. Raises Misshapen."""
    if not isinstance(data, dict) or data.get("table") != 1:
        raise shape.Misshapen("this is no table of version 1")
    table: Table = shape.from_data(Table, {key: value for key, value in data.items() if key != "table"})
    return table


def hearings(row: Row) -> tuple[Hearing | Reaction, ...]:
    """The external events that `row` listens for."""
    match row:
        case RaceRow():
            return row.hearings
        case AlongsideRow():
            return row.handlers
        case InterruptRow():
            return row.reactions
        case _:
            return ()


def wires(row: Row) -> tuple[Wire, ...]:
    """Every event that `row` says."""
    found: list[Wire] = []

    def note(wire: Wire) -> Wire:
        found.append(wire)
        return wire

    rewired(row, note)
    return tuple(found)


def rewired(row: Row, fill: Callable[[Wire], Wire]) -> Row:
    """`row` with `fill` applied to each of its wires."""

    def part(p: Part) -> Part:
        return replace(p, undo=fill(p.undo))

    def way(w: Way) -> Way:
        return replace(w, start=fill(w.start), undo=fill(w.undo))

    def reaction(r: Reaction) -> Reaction:
        return replace(r, start=fill(r.start), part=part(r.part))

    def maybe(wire: Wire | None) -> Wire | None:
        return None if wire is None else fill(wire)

    match row:
        case StepRow():
            return replace(row, ok=fill(row.ok), gone=fill(row.gone), stuck=fill(row.stuck), unstuck=fill(row.unstuck))
        case LetRow() | EmitRow():
            return replace(row, ok=fill(row.ok), gone=fill(row.gone), stuck=maybe(row.stuck))
        case CommitRow():
            return replace(row, ok=fill(row.ok), gone=fill(row.gone))
        case FailRow():
            return replace(row, gone=fill(row.gone))
        case JoinRow():
            branches, hints = tuple(map(part, row.branches)), tuple(map(fill, row.hints))
            closed = maybe(row.closed)
            return replace(row, branches=branches, ok=fill(row.ok), gone=fill(row.gone), hints=hints, closed=closed)
        case SwitchRow():
            return replace(row, ways=tuple(map(way, row.ways)), gone=fill(row.gone), stuck=maybe(row.stuck))
        case RaceRow():
            hearings = tuple(replace(h, start=fill(h.start), undo=fill(h.undo)) for h in row.hearings)
            return replace(
                row, hearings=hearings, late=row.late and way(row.late), gone=fill(row.gone), stuck=maybe(row.stuck)
            )
        case EachRow():
            row = replace(row, begin=fill(row.begin), body=part(row.body))
            return replace(row, ok=fill(row.ok), gone=fill(row.gone), stuck=maybe(row.stuck))
        case RepeatRow():
            row = replace(row, begin=fill(row.begin), body=part(row.body), late=row.late and way(row.late))
            return replace(row, ok=fill(row.ok), gone=fill(row.gone), stuck=maybe(row.stuck))
        case AlongsideRow():
            handlers = tuple(map(reaction, row.handlers))
            return replace(row, body=part(row.body), handlers=handlers, ok=fill(row.ok), gone=fill(row.gone))
        case RetryRow():
            return replace(row, begin=fill(row.begin), body=part(row.body), ok=fill(row.ok), gone=fill(row.gone))
        case InterruptRow():
            late = row.late and replace(row.late, start=fill(row.late.start), part=part(row.late.part))
            reactions = tuple(map(reaction, row.reactions))
            row = replace(row, body=part(row.body), reactions=reactions, late=late)
            return replace(row, ok=fill(row.ok), gone=fill(row.gone), hint=fill(row.hint))
        case CatchRow():
            takers = tuple(replace(t, start=fill(t.start), part=part(t.part)) for t in row.takers)
            return replace(row, body=part(row.body), takers=takers, ok=fill(row.ok), gone=fill(row.gone))
        case UndoingRow():
            begin, block = fill(row.begin), part(row.block)
            return replace(row, body=part(row.body), begin=begin, block=block, ok=fill(row.ok), gone=fill(row.gone))
        case ChildRow():
            row = replace(row, begin=fill(row.begin), body=part(row.body))
            return replace(row, ok=fill(row.ok), gone=fill(row.gone), hint=fill(row.hint))
        case RelayRow():
            return replace(row, begin=fill(row.begin), part=part(row.part), ok=fill(row.ok), gone=fill(row.gone))
        case RunRow():
            return replace(
                row, start=fill(row.start), undo=fill(row.undo), hint=fill(row.hint), closed=fill(row.closed)
            )
        case _:
            assert_never(row)
