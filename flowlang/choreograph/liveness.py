"""Which values each event must carry, and which its hearers hold already.

Two questions over the same links (a row hears an event and says others):

*What does a service hold?* Forward: a service surely holds a value when, on every way to an event, it took in an earlier
event at which the value was settled, or made the value itself. Only what lies in the causal past counts: an event that
was merely sent to a service may still be on its way. Only services that read a value themselves hold it, so that nobody
is given a value to keep for somebody else's sake.

*What does an event carry?* Backward liveness: what a hearer reads, or passes on to an event that must carry it, less what
the hearer holds. What is to be held later must have been given before: that obligation travels back to where the service
last took something in.

Undo and gone events carry no values: each service undoes from its own record. Of the branches of a fork that waits for all
only one passes on what was known before it: the one that visits the fewest services. A loop, a scope that is tried again
and a child flow keep what was known at their entry, so what happens inside passes on only what it made; that is also why
no event follows from itself here: a further iteration begins with the values of the entry and those that its owner holds.
What a service took in inside an iteration is recorded under that iteration and is not held outside of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import assert_never

from flowlang import ir
from flowlang.choreograph.wiring import heard
from flowlang.expression.names import free_names
from flowlang.expression.tree import Expression
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
    RaceRow,
    Reaction,
    RelayRow,
    RepeatRow,
    RetryRow,
    Row,
    RunRow,
    StepRow,
    SwitchRow,
    UndoingRow,
)

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
    leaves: bool = False  # out of an iteration or attempt: what was taken in inside is held no more

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
    inside = _Inside(
        {node.path: node for node in ir.walk(flow.body) if isinstance(node, ir.Fork)},
        {
            node.path: ir.visible_after(node.body)
            for node in ir.walk(flow.body)
            if isinstance(node, ir.Repeat | ir.Retry)
        },
    )
    links = [link for service, row in rows for link in _links(service, row, inside, deaf)]
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
        if not self.holding or link.leaves:
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
        todo = dict.fromkeys(self.possible)  # the last first: nearly everything that follows an event is then known
        while todo:
            event, _ = todo.popitem()
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
                todo |= {link.event: None for link in self.before.get(event, ()) if link.event in self.possible}
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
        if link.leaves:
            return NONE
        known = self.holds[link.event].get(service, NONE)
        if link.service == service and not link.deaf:
            known |= self.settled[link.event] | link.defines
        return known


def _common(sets: list[Names]) -> Names:
    return frozenset.intersection(*sets)


# ---------------------------------------------------------------- the links of a row


@dataclass(frozen=True, slots=True)
class _Inside:
    """What the kernel knows of the inside of a row: the forks, and what is visible after the body of a repeat or retry."""

    forks: dict[str, ir.Fork]
    visible: dict[str, Names]


def _links(service: str, row: Row, inside: _Inside, deaf: Names) -> Iterator[Link]:
    match row:
        case StepRow():
            # the compensation's input is evaluated here when the step ends, from what the step was started with
            reads = _read(row.input) | (_read(row.compensate.input) if row.compensate else NONE) | _names(row.reason)
            for event in row.start:
                yield Link(service, event, reads - {row.name}, row.ok.event, _names(row.name))
        case LetRow():
            for event in row.start:
                yield Link(service, event, _read(row.value), row.ok.event, _names(row.name))
        case EmitRow():
            for event in row.start:
                yield Link(service, event, _read(row.data), row.ok.event)
        case FailRow():
            for event in row.start:
                yield Link(service, event, _read(row.message), None)
        case CommitRow():
            for event in row.start:
                yield Link(service, event, NONE, row.ok.event)
        case JoinRow():
            yield from _join_links(service, row, inside.forks[row.path])
        case SwitchRow():
            reads = frozenset().union(*(_read(way.when) for way in row.ways))
            for event in row.start:
                for way in row.ways:
                    yield Link(service, event, reads, way.start.event)
        case RaceRow():
            yield from _race_links(service, row)
        case EachRow():
            for event in row.start:
                yield Link(service, event, _read(row.items), row.begin.event, _names(row.variable))
                yield Link(service, event, NONE, row.ok.event, _names(row.collect))
            for event in row.body.ok:
                yield Link(service, event, _names(row.yields), None)
        case RepeatRow():
            yield from _repeat_links(service, row, inside.visible[row.path])
        case AlongsideRow():
            yield from _reaction_links(service, row.start, row.handlers)
            yield from _out(service, row.body.ok, row.ok.event)
        case RetryRow():
            yield from _retry_links(service, row, inside.visible[row.path], row.path in deaf)
        case InterruptRow():
            yield from _reaction_links(service, row.start, row.reactions)
            for part in (row.body, *(reaction.part for reaction in row.reactions)):
                yield from _out(service, part.ok, row.ok.event)
            if row.late is not None:
                for event in row.start:
                    yield Link(service, event, _read(row.after), row.late.start.event)
                yield from _out(service, row.late.part.ok, row.ok.event)
        case CatchRow():
            for event in row.start:
                for taker in row.takers:
                    bound = _names(taker.bind)
                    if row.path in deaf:
                        yield Link(service, event, NONE, taker.start.event, bound, only=NONE, deaf=True)
                    else:
                        yield Link(service, event, NONE, taker.start.event, bound)
            for part in (row.body, *(taker.part for taker in row.takers)):
                yield from _out(service, part.ok, row.ok.event)
        case UndoingRow():
            for event in row.body.ok:
                yield Link(service, event, NONE, row.ok.event)
                yield Link(service, event, NONE, row.begin.event, frozenset((f"{row.path}.reason",)))
        case ChildRow():
            for event in row.start:
                yield Link(service, event, NONE, row.begin.event)
                yield Link(service, event, NONE, row.ok.event, without=_names(row.name))
            for event in row.body.ok:
                made = _names(row.name)
                yield Link(service, event, _names(row.returned), row.ok.event, made, only=made, part=1)
        case RelayRow():
            for event in row.start:
                yield Link(service, event, NONE, row.begin.event)
            yield from _out(service, row.part.ok, row.ok.event)
        case RunRow():
            for event in row.ok:
                yield Link(service, event, frozenset(("return",)), None)
        case _:
            assert_never(row)


def _out(service: str, events: Events, said: str) -> Iterator[Link]:
    return (Link(service, event, NONE, said) for event in events)


def _race_links(service: str, row: RaceRow) -> Iterator[Link]:
    for event in row.start:
        for hearing in row.hearings:
            reads = _read(hearing.value) | (_read(hearing.where) - {hearing.bind})
            yield Link(service, event, reads, hearing.start.event, _names(hearing.bind))
        if row.late is not None:
            yield Link(service, event, _read(row.after), row.late.start.event)


def _reaction_links(service: str, start: Events, reactions: tuple[Reaction, ...]) -> Iterator[Link]:
    for event in start:
        for reaction in reactions:
            reads = _read(reaction.value) | (_read(reaction.where) - {reaction.bind})
            yield Link(service, event, reads, reaction.start.event, _names(reaction.bind))


def _repeat_links(service: str, row: RepeatRow, made: Names) -> Iterator[Link]:
    carried = frozenset(one.name for one in row.carried)
    asked = _read(row.until) | _read(row.every)
    after = [row.ok.event] if row.late is None else [row.ok.event, row.late.start.event]
    for event in row.start:
        first = frozenset().union(*(_read(one.first) for one in row.carried))
        yield Link(service, event, first | (asked - made - carried), row.begin.event, carried)
        for said in after:
            yield Link(service, event, NONE, said, without=made | carried)
    for event in row.body.ok:
        reads = (asked & made) | frozenset(one.next for one in row.carried)
        for said in after:
            yield Link(service, event, reads, said, carried, only=made, part=1, leaves=True)


def _retry_links(service: str, row: RetryRow, made: Names, deaf: bool) -> Iterator[Link]:
    for event in row.start:
        if deaf:
            yield Link(service, event, NONE, row.begin.event, only=NONE, deaf=True)
            yield Link(service, event, NONE, row.ok.event, only=NONE, deaf=True)
        else:
            yield Link(service, event, NONE, row.begin.event)
            yield Link(service, event, NONE, row.ok.event, without=made)
    for event in row.body.ok:
        yield Link(service, event, NONE, row.ok.event, only=made, part=1, leaves=True)


def _join_links(service: str, row: JoinRow, fork: ir.Fork) -> Iterator[Link]:
    if row.join == "some":  # any branch may be among the winners, so each passes everything on
        for branch in row.branches:
            yield from _out(service, branch.ok, row.ok.event)
        return
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


def _names(name: str) -> Names:
    return frozenset((name,)) - {""}
