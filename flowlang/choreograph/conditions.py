"""Whether emitted tables can work at all: conditions that every choreography must meet, looked for in the tables alone.

The compiler checks its own output with a definition that knows nothing of how tables are made. The conditions are those of
swarm protocols (Kuhn, Melgratti and Tuosto, "Behavioural Types for Local-First Software", ECOOP 2023), put in the words of
rows, and two of our own:

1. *The active role is subscribed.* Every event that a row hears is said by somebody, and reaches the row's service.
2. *The next role is subscribed.* Who hears a block's ok or gone is told of it: an event that carries a run on has a hearer.
3. *Who is involved later is subscribed to the guard.* Whoever owns a join, a wait, a timer, an exit or an undo below a
   decision hears the events by which that decision is made known: the start of its way, or the hint that ends it.
4. *Guards are not reused.* An event has one row that says it, so its name tells who decided what.
5. *What a row reads is there.* A value that can exist when the row is started is carried by the event, or held.
6. *What is held was given.* A service adds only values that it made or that an event brought to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from flowlang.choreograph.wiring import heard, parts_of
from flowlang.expression.names import free_names
from flowlang.expression.tree import Expression
from flowlang.table import (
    AlongsideRow,
    CatchRow,
    ChildRow,
    CommitRow,
    EachRow,
    EmitRow,
    FailRow,
    InterruptRow,
    JoinRow,
    LetRow,
    RaceRow,
    RelayRow,
    RepeatRow,
    RetryRow,
    Row,
    RunRow,
    StepRow,
    SwitchRow,
    Table,
    UndoingRow,
    Wire,
    hearings,
    wires,
)

Names = frozenset[str]


def broken(tables: Mapping[str, Table]) -> list[str]:
    """What is wrong with `tables` as a whole, one sentence for each breach; empty for tables that can work."""
    net = _Net()
    for service, table in sorted(tables.items()):
        for row in table.rows:
            net.enter(service, row)
    return [*net.subscriptions(tables), *net.guards(), *net.values(tables)]


@dataclass(slots=True)
class _Net:
    """All rows together: who says and who hears each event."""

    rows: list[tuple[str, Row]] = field(default_factory=list)
    said: dict[str, list[tuple[str, Row, Wire]]] = field(default_factory=dict)
    heard: dict[str, list[tuple[str, Row, str]]] = field(default_factory=dict)
    makes: dict[int, list[tuple[str, set[str]]]] = field(default_factory=dict)  # by the identity of a row

    def enter(self, service: str, row: Row) -> None:
        self.rows.append((service, row))
        self.makes[id(row)] = _all_makes(row)
        for wire in wires(row):
            self.said.setdefault(wire.event, []).append((service, row, wire))
        for event, port, _ in heard(row):
            self.heard.setdefault(event, []).append((service, row, port))

    # ------------------------------------------------------------ 1, 2 and 4

    def subscriptions(self, tables: Mapping[str, Table]) -> Iterator[str]:
        for event, hearers in self.heard.items():
            sayers = self.said.get(event, [])
            if not sayers:
                yield f"`{hearers[0][0]}` hears `{event}`, which nobody says"
            if len(sayers) > 1:
                yield f"`{event}` is said by {len(sayers)} rows"
            for service, row, _ in hearers:
                if any(service not in wire.to for _, _, wire in sayers):
                    yield f"`{service}` has a row for `{event}` ({row.path}) and is not told of it"
        for event, sayers in self.said.items():
            service, row, wire = sayers[0]
            closed = isinstance(row, RunRow) and event == row.closed.event
            deaf = [
                to for to in wire.to if not closed and all(to != hearer for hearer, _, _ in self.heard.get(event, ()))
            ]
            if deaf:
                yield f"`{service}` tells `{deaf[0]}` of `{event}`, which has no row for it"
            if closed and set(wire.to) != set(tables):
                yield f"not every service hears `{event}`"
            if not wire.to and _carries_on(row, wire):
                yield f"nobody hears `{event}`, so the run would stand still"

    # ------------------------------------------------------------ 3

    def guards(self) -> Iterator[str]:
        """Every way that a row can take is known to who must act on it: its start begins something or is the end of an empty
        way, and every hint that a row of a service depends on reaches it."""
        for service, row in self.rows:
            if isinstance(row, JoinRow | AlongsideRow | InterruptRow | CatchRow | RetryRow | ChildRow | RunRow):
                for number, (ok, gone) in enumerate(parts_of(row)):
                    if not ok and not gone:
                        yield f"`{service}` can't learn how part {number} of {row.path} ends"
            for hint in getattr(row, "hints", ()):
                if isinstance(hint, str) and not any(
                    to == service for _, _, w in self.said.get(hint, ()) for to in w.to
                ):
                    yield f"`{service}` is deaf to `{hint}`, which ends {row.path}"

    # ------------------------------------------------------------ 5 and 6

    def values(self, tables: Mapping[str, Table]) -> Iterator[str]:
        holds = {(s, one.event): frozenset(one.names) for s, table in tables.items() for one in table.holds}
        possible, given, made = self.possible(), self.given(), self.made()
        owner = next(service for service, row in self.rows if isinstance(row, RunRow))
        for service, row in self.rows:
            for event, port, part in heard(row):
                reads = _reads(row, port, part)
                if not reads:
                    continue
                carried = frozenset(name for _, _, wire in self.said.get(event, ()) for name in wire.carry)
                missing = (
                    (reads & possible.get(event, frozenset())) - carried - holds.get((service, event), frozenset())
                )
                for name in sorted(missing):
                    yield f"`{service}` reads `{name}` at `{event}` ({row.path}), and does not have it"
        for (service, event), names in holds.items():
            begun = names - made if service == owner else frozenset()  # what nobody makes is the run's input
            for name in sorted(names - given.get(service, frozenset()) - begun):
                yield f"`{service}` is taken to hold `{name}` at `{event}`, and was never given it"

    def possible(self) -> dict[str, Names]:
        """The values that may exist when an event is said: those that some way to it has made."""
        found: dict[str, set[str]] = {}
        todo: list[str] = []
        for _, row in self.rows:
            if isinstance(row, RunRow):
                found[row.start.event] = set(row.start.carry) - self.made()
                todo.append(row.start.event)
        while todo:
            event = todo.pop()
            for _, row, port in self.heard.get(event, ()):
                after = _after(row, event, found) if port == "ok" else (event,)
                if after is None:
                    continue
                known = set[str]().union(*(found.get(one, ()) for one in after))
                for said, made in _makes(row, port):
                    before = found.get(said)
                    now = (before or set()) | known | made
                    if now != before:
                        found[said] = now
                        todo.append(said)
        return {event: frozenset(names) for event, names in found.items()}

    def given(self) -> dict[str, Names]:
        """What each service ever takes in or makes."""
        found: dict[str, set[str]] = {}
        for event, sayers in self.said.items():
            for service, row, wire in sayers:
                for to in wire.to:
                    found.setdefault(to, set()).update(wire.carry)
                for said, made in self.makes[id(row)]:
                    if said == event:
                        found.setdefault(service, set()).update(made)
        return {service: frozenset(names) for service, names in found.items()}

    def made(self) -> Names:
        """The names that some row gives to a value."""
        return frozenset(name for makes in self.makes.values() for _, names in makes for name in names)


def _after(row: Row, event: str, said: Mapping[str, object]) -> tuple[str, ...] | None:
    """The events whose values are there when `event`, the end of a part, makes `row` go on; None where it does not: too few
    branches of a join can be ok, the body that others run beside is never ok, or it is the undoing that ended."""
    match row:
        case JoinRow():
            able = sum(any(one in said for one in branch.ok) for branch in row.branches)
            return tuple(one for branch in row.branches for one in branch.ok) if able >= row.need else None
        case AlongsideRow():
            return row.body.ok if any(one in said for one in row.body.ok) else None
        case UndoingRow():
            return (event,) if event in row.body.ok else None
        case _:
            return (event,)


def _carries_on(row: Row, wire: Wire) -> bool:
    """Whether the run depends on somebody hearing `wire`: an ok or a start does; a gone does not where nothing before it can
    be undone (a firm block), and what tells the run's owner of trouble is told to it by `stuck` alone."""
    port = wire.event.rpartition(".")[2]
    return port in ("ok", "start", "done", "do") and not isinstance(row, FailRow)


def _all_makes(row: Row) -> list[tuple[str, set[str]]]:
    return [pair for port in ("start", "ok", "undo") for pair in _makes(row, port)]


def _makes(row: Row, port: str) -> list[tuple[str, set[str]]]:
    """The events by which `row` carries on what it hears at `port`, with the names that it adds."""
    match row:
        case StepRow() | LetRow() if port == "start":
            return [(row.ok.event, {row.name} - {""})]
        case EmitRow() | CommitRow() if port == "start":
            return [(row.ok.event, set())]
        case JoinRow() if port == "ok":
            return [(row.ok.event, set())]
        case SwitchRow() if port == "start":
            return [(way.start.event, set()) for way in row.ways]
        case RaceRow() if port == "start":
            late = [] if row.late is None else [(row.late.start.event, set[str]())]
            return [*((one.start.event, {one.bind} - {""}) for one in row.hearings), *late]
        case EachRow() if port == "start":
            return [(row.begin.event, {row.variable}), (row.ok.event, {row.collect} - {""})]
        case RepeatRow() if port in ("start", "ok"):
            carried = {one.name for one in row.carried}
            late = [] if row.late is None else [(row.late.start.event, carried)]
            begin = [(row.begin.event, carried)] if port == "start" else []
            return [*begin, (row.ok.event, carried), *late]
        case AlongsideRow() | InterruptRow() if port == "start":
            late = (
                [(row.late.start.event, set[str]())] if isinstance(row, InterruptRow) and row.late is not None else []
            )
            return [*((one.start.event, {one.bind} - {""}) for one in hearings(row)), *late]
        case AlongsideRow() | RetryRow() | InterruptRow() | CatchRow() | RelayRow() if port == "ok":
            return [(row.ok.event, set())]
        case RetryRow() if port == "start":
            return [(row.begin.event, set()), (row.ok.event, set())]
        case CatchRow() if port == "start":
            return [(taker.start.event, {taker.bind} - {""}) for taker in row.takers]
        case UndoingRow() if port == "ok":
            return [(row.ok.event, set()), (row.begin.event, {f"{row.path}.reason"})]
        case ChildRow() if port in ("start", "ok"):
            begin = [(row.begin.event, set[str]())] if port == "start" else []
            return [*begin, (row.ok.event, {row.name} - {""})]
        case RelayRow() if port == "start":
            return [(row.begin.event, set())]
        case _:
            return []


def _reads(row: Row, port: str, part: int) -> Names:
    """The names that `row` itself reads when it hears something at `port`."""
    match row:
        case StepRow() if port == "start":
            undo = _free(row.compensate.input) if row.compensate is not None else frozenset()
            return (_free(row.input) | undo | (frozenset((row.reason,)) - {""})) - {row.name}
        case LetRow() if port == "start":
            return _free(row.value)
        case EmitRow() if port == "start":
            return _free(row.data)
        case FailRow() if port == "start":
            return _free(row.message)
        case SwitchRow() if port == "start":
            return frozenset().union(*(_free(way.when) for way in row.ways))
        case RaceRow() | AlongsideRow() | InterruptRow() if port == "start":
            after = frozenset() if isinstance(row, AlongsideRow) else _free(row.after)
            return after.union(*(_free(one.value) | (_free(one.where) - {one.bind}) for one in hearings(row)))
        case EachRow() if port == "start":
            return _free(row.items)
        case EachRow() if port == "ok":
            return frozenset((row.yields,)) - {""}
        case RepeatRow() if port == "start":
            return frozenset().union(*(_free(one.first) for one in row.carried))
        case RepeatRow() if port == "ok" and part == 0:
            return frozenset(one.next for one in row.carried)
        case ChildRow() if port == "ok":
            return frozenset((row.returned,)) - {""}
        case RunRow() if port == "ok":
            return frozenset(("return",))
        case (
            StepRow()
            | LetRow()
            | EmitRow()
            | FailRow()
            | CommitRow()
            | JoinRow()
            | SwitchRow()
            | RaceRow()
            | EachRow()
            | RepeatRow()
            | AlongsideRow()
            | RetryRow()
            | InterruptRow()
            | CatchRow()
            | UndoingRow()
            | ChildRow()
            | RelayRow()
            | RunRow()
        ):
            return frozenset()
        case _:
            assert_never(row)


def _free(expression: Expression | None) -> Names:
    return frozenset() if expression is None else free_names(expression.tree)
