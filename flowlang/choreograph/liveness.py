"""Which values each event must carry, and which its hearers hold already.

Two questions over the same links (a row hears an event and says others):

*What does a service hold?* Forward: a service surely holds a value when, on every way to an event, it took in an earlier
event at which the value was settled, or made the value itself. Only what lies in the causal past counts: an event that
was merely sent to a service may still be on its way. Only services that read a value themselves hold it, so that nobody
is given a value to keep for somebody else's sake.

*What does an event carry?* Backward liveness: what a hearer reads, or passes on to an event that must carry it, less what
the hearer holds. What is to be held later must have been given before: that obligation travels back to where the service
last took something in.

Undo and gone events carry no values: each service undoes from its own record. Of the branches of a fork only one passes on
what was known before the fork, since the join waits for all of them: the one that visits the fewest services.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import assert_never

from flowlang import ir
from flowlang.choreograph.wiring import heard
from flowlang.expression.names import free_names
from flowlang.expression.tree import Expression
from flowlang.table import CatchRow, EmitRow, FailRow, JoinRow, LetRow, RaceRow, Row, RunRow, StepRow, SwitchRow

Names = frozenset[str]
NONE: Names = frozenset()


@dataclass(frozen=True, slots=True)
class Link:
    """`service` hears `event` and reads `reads` of it; it says `said` (or nothing), which may carry on what it heard, less
    `without` and with no more than `only`, and what it `defines`. Links with the same `part` of a join are alternatives,
    those of different parts come together."""

    service: str
    event: str
    reads: Names
    said: str | None
    defines: Names = NONE
    without: Names = NONE
    only: Names | None = None
    part: int = 0
    deaf: bool = False  # `said` follows from `event`, but the service takes nothing in

    def passing(self, names: Names) -> Names:
        """Of `names` needed after this link those that must be there before it."""
        names = names - self.defines - self.without
        return names if self.only is None else names & self.only


@dataclass(frozen=True, slots=True)
class Carriage:
    """The values of each event, and those that each service adds from its own record when it hears the event."""

    carried: dict[str, Names]
    held: dict[tuple[str, str], Names]  # by service and event


def carriage(flow: ir.Flow, rows: list[tuple[str, Row]], holding: bool = True, deaf: frozenset[str] = NONE) -> Carriage:
    """What the events of `rows` (with the service of each row) carry; without `holding` as if nobody kept a record. The
    scopes in `deaf`, by path, won't hear their start: their handlers follow from it, but their owner takes nothing in."""
    forks = {node.path: node for node in ir.walk(flow.body) if isinstance(node, ir.Fork)}
    links = [link for service, row in rows for link in _links(service, row, forks, deaf)]
    hearers: dict[str, set[str]] = {}
    for service, row in rows:
        for event, port, _ in heard(row):
            if not (port == "start" and row.path in deaf):
                hearers.setdefault(event, set()).add(service)
    return _Analysis(flow, hearers, links, holding).result()


@dataclass(slots=True)
class _Analysis:
    flow: ir.Flow
    hearers: dict[str, set[str]]
    links: list[Link]
    holding: bool
    after: dict[str, list[Link]] = field(default_factory=dict)  # by event heard
    before: dict[str, list[Link]] = field(default_factory=dict)  # by event said
    possible: dict[str, Names] = field(default_factory=dict)
    settled: dict[str, Names] = field(default_factory=dict)
    holds: dict[str, dict[str, Names]] = field(default_factory=dict)  # by event, then service

    def result(self) -> Carriage:
        for link in self.links:
            self.after.setdefault(link.event, []).append(link)
        for event in self.reachable():
            for link in self.after.get(event, ()):
                if link.said is not None:
                    self.before.setdefault(link.said, []).append(link)
        self.forward()
        return self.backward()

    def reachable(self) -> set[str]:
        """The events that can be said at all: a scope whose every way fails is never left with ok."""
        found, todo = {f"{self.flow.name}.start"}, [f"{self.flow.name}.start"]
        while todo:
            for link in self.after.get(todo.pop(), ()):
                if link.said is not None and link.said not in found:
                    found.add(link.said)
                    todo.append(link.said)
        return found

    # ------------------------------------------------------------ forward: what may, must and is held to be there

    def forward(self) -> None:
        """Events in an order in which everything that says an event comes before it; a flow without loops has one."""
        start = f"{self.flow.name}.start"
        given = frozenset([p.name for p in self.flow.params] + ([self.flow.start.bind] if self.flow.start else []))
        self.possible[start] = self.settled[start] = given
        self.holds[start] = {self.flow.owner: given} if self.holding else {}
        readers = self.readers()
        waiting = {event: len(links) for event, links in self.before.items()}
        ready = [start]
        while ready:
            for link in self.after.get(ready.pop(), ()):
                if link.said is None:
                    continue
                waiting[link.said] -= 1
                if waiting[link.said] == 0:
                    self.arrive(link.said, readers)
                    ready.append(link.said)

    def readers(self) -> dict[str, set[str]]:
        """The services that read each name in a row of their own."""
        found: dict[str, set[str]] = {}
        for link in self.links:
            for name in link.reads:
                found.setdefault(name, set()).add(link.service)
        return found

    def arrive(self, event: str, readers: dict[str, set[str]]) -> None:
        """The facts of `event` from those of the events before it: alternatives agree, parts of a join add up."""
        parts: dict[int, list[Link]] = {}
        for link in self.before[event]:
            parts.setdefault(link.part, []).append(link)
        links = self.before[event]
        self.possible[event] = frozenset().union(*(self.possible[link.event] | link.defines for link in links))
        self.settled[event] = frozenset().union(
            *(_common([self.settled[link.event] | link.defines for link in part]) for part in parts.values())
        )
        after = {number: [self.held_after(link, readers) for link in part] for number, part in parts.items()}
        services = {service for part in after.values() for known in part for service in known}
        self.holds[event] = {
            service: frozenset().union(
                *(_common([known.get(service, NONE) for known in part]) for part in after.values())
            )
            for service in services
        }

    def held_after(self, link: Link, readers: dict[str, set[str]]) -> dict[str, Names]:
        """What each service holds once `link` has said its event."""
        if not self.holding:
            return {}
        known = dict(self.holds[link.event])
        if link.deaf:
            return known
        kept = frozenset(name for name in self.settled[link.event] if link.service in readers.get(name, ()))
        known[link.service] = known.get(link.service, NONE) | kept | link.defines
        return known

    # ------------------------------------------------------------ backward: what must be carried

    def backward(self) -> Carriage:
        carried: dict[str, Names] = {}
        wanted: dict[tuple[str, str], Names] = {}  # (service, event): what it must have when it hears the event
        owed: dict[tuple[str, str], Names] = {}  # (service, event): what it must hold when the event is said
        todo = set(self.possible)
        while todo:
            event = todo.pop()
            possible, changed = self.possible[event], False
            for service in self.hearers.get(event, ()):
                need = frozenset().union(
                    *(
                        self.need(link, carried, owed)
                        for link in self.after.get(event, ())
                        if link.service == service and not link.deaf
                    )
                )
                need &= possible
                holds = self.holds[event].get(service, NONE)
                if need != wanted.get((service, event), NONE):
                    wanted[service, event], changed = need, True
                carried[event] = carried.get(event, NONE) | (need - holds)
            for service in {*self.holds[event], *self.hearers.get(event, ())}:
                holds = self.holds[event].get(service, NONE)
                debt = wanted.get((service, event), NONE) & holds
                for link in self.after.get(event, ()):
                    if link.said is not None and (link.service != service or link.deaf):
                        debt |= self.share(link, service, owed) & holds
                if debt != owed.get((service, event), NONE):
                    owed[service, event], changed = debt, True
            if changed:
                todo |= {link.event for link in self.before.get(event, ()) if link.event in self.possible}
        held = {
            (service, event): names & self.holds[event].get(service, NONE) for (service, event), names in wanted.items()
        }
        return Carriage(carried, {key: names for key, names in held.items() if names})

    def need(self, link: Link, carried: dict[str, Names], owed: dict[tuple[str, str], Names]) -> Names:
        """What the service of `link` must have to read, to pass on, and to hold for later."""
        if link.said is None:
            return link.reads
        onward = link.passing(carried.get(link.said, NONE))
        return link.reads | onward | (self.share(link, link.service, owed) - link.defines)

    def share(self, link: Link, service: str, owed: dict[tuple[str, str], Names]) -> Names:
        """What `service` must hold after `link`. Of a join's parts the first sees to it that holds it on all its ways: a
        part that holds it on some of them only can't be relied upon."""
        assert link.said is not None
        debt = owed.get((service, link.said), NONE)
        for part in range(link.part if debt else 0):
            ways = [self.held_by(service, other) for other in self.before[link.said] if other.part == part]
            debt -= _common(ways) if ways else NONE
        return debt

    def held_by(self, service: str, link: Link) -> Names:
        """What `service` can hold once `link` has said its event."""
        known = self.holds[link.event].get(service, NONE)
        if link.service == service and not link.deaf:
            known |= self.settled[link.event] | link.defines
        return known


def _common(sets: list[Names]) -> Names:
    return frozenset.intersection(*sets)


# ---------------------------------------------------------------- the links of a row


def _links(service: str, row: Row, forks: dict[str, ir.Fork], deaf: frozenset[str]) -> Iterator[Link]:
    match row:
        case StepRow():
            # the compensation's input is evaluated here when the step ends, from what the step was started with
            reads = _read(row.input) | (_read(row.compensate.input) if row.compensate else NONE)
            for event in row.start:
                yield Link(service, event, reads - {row.name}, row.ok.event, frozenset((row.name,)))
        case LetRow():
            for event in row.start:
                yield Link(service, event, _read(row.value), row.ok.event, frozenset((row.name,)))
        case EmitRow():
            for event in row.start:
                yield Link(service, event, _read(row.data), row.ok.event)
        case FailRow():
            for event in row.start:
                yield Link(service, event, _read(row.message), None)
        case JoinRow():
            yield from _join_links(service, row, forks[row.path])
        case SwitchRow():
            reads = frozenset().union(*(_read(way.when) for way in row.ways))
            for event in row.start:
                for way in row.ways:
                    yield Link(service, event, reads, way.start.event)
        case RaceRow():
            yield from _race_links(service, row)
        case CatchRow():
            for event in row.start:
                for taker in row.takers:
                    bound = frozenset((taker.bind,)) - {""}
                    if row.path in deaf:
                        yield Link(service, event, NONE, taker.start.event, bound, only=NONE, deaf=True)
                    else:
                        yield Link(service, event, NONE, taker.start.event, bound)
            for part in (row.body, *(taker.part for taker in row.takers)):
                for event in part.ok:
                    yield Link(service, event, NONE, row.ok.event)
        case RunRow():
            for event in row.ok:
                yield Link(service, event, frozenset(("return",)), None)
        case _:
            assert_never(row)


def _race_links(service: str, row: RaceRow) -> Iterator[Link]:
    for event in row.start:
        for hearing in row.hearings:
            reads = _read(hearing.value) | (_read(hearing.where) - {hearing.bind})
            yield Link(service, event, reads, hearing.start.event, frozenset((hearing.bind,)) - {""})
        if row.late is not None:
            yield Link(service, event, _read(row.after), row.late.start.event)


def _join_links(service: str, row: JoinRow, fork: ir.Fork) -> Iterator[Link]:
    bodies = [branch.body for branch in fork.branches]
    defined = [frozenset(name for node in ir.walk(body) for name in ir.defined_by(node)) for body in bodies]
    visited = [{n.operation.service for n in ir.walk(body) if isinstance(n, ir.Step)} - {service} for body in bodies]
    passing = min(range(len(bodies)), key=lambda n: (len(visited[n]), n))
    for number, branch in enumerate(row.branches):
        for event in branch.ok:
            if number == passing:
                others = frozenset().union(*(names for n, names in enumerate(defined) if n != number))
                yield Link(service, event, NONE, row.ok.event, without=others - defined[number], part=number)
            else:
                yield Link(service, event, NONE, row.ok.event, only=defined[number], part=number)


def _read(expression: Expression | None) -> Names:
    return NONE if expression is None else free_names(expression.tree)
