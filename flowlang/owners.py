"""Who owns each decision of a choreography, and why: total functions over the kernel.

The *next service* of a point is the one that acts next: a step's own, a fork's first branch's, the owner of a switch, a
race or a loop, a scope's first inside; at the end of a branch the join's owner, of a body or handler the exit's owner, of
an iteration the loop's owner, of the flow the run's owner. Joins, waits, scope exits and values belong to the next
service, so that arriving there costs no message of its own. A switch or a loop belongs to the producer of the data that
it reads, the latest in source order (which agrees with control order); data of the flow's input, of an external event or
of a caught error has no producer among the steps, so a decision that reads only such data belongs to the run's owner.
A child flow belongs to the first service inside. `at service` overrides, and in a region its conductor owns everything.

All waits of a flow on one event type have one owner, above any region, since one place must decide which of them consumes
an event: where the rules above name several, a service named by `at` wins, else the first in source order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from flowlang import ir
from flowlang.expression.names import free_names
from flowlang.expression.tree import Expression


@dataclass(frozen=True, slots=True)
class Owner:
    """The service that owns a block, and the reason in a few words."""

    service: str
    why: str


Listening = ir.Race | ir.Interrupt | ir.Alongside
"""What hears events from outside."""


def owners(flow: ir.Flow) -> dict[str, Owner]:
    """The owner of every block of `flow` by path; the flow's own path is its name."""
    natural = _place(flow, {})
    forced = _one_owner_for_each_type(flow, natural)
    return _place(flow, forced) if forced else natural


def heard_by(node: Listening) -> tuple[ir.Alternative, ...]:
    """The events that `node` listens for, and what follows from each."""
    return node.handlers if isinstance(node, ir.Alongside) else node.alternatives


def _place(flow: ir.Flow, forced: Mapping[str, Owner]) -> dict[str, Owner]:
    placing = _Placing(flow.owner, _producers(flow), forced)
    placing.found[flow.name] = Owner(flow.owner, "answers for the run")
    placing.place(flow.body, flow.owner)
    return placing.found


@dataclass(slots=True)
class _Placing:
    run_owner: str
    producers: dict[str, tuple[int, str]]
    forced: Mapping[str, Owner]
    conductor: str = ""  # of the innermost region around
    answering: str = ""  # who owns the child flow around
    found: dict[str, Owner] = field(default_factory=dict)

    def place(self, node: ir.Node, following: str) -> str:
        """Enter the owners of `node` and its parts, given the service that acts after it; returns who acts first."""
        match node:
            case ir.Step():
                self.own(node.path, node.operation.service, "does it")
                return self.conductor or node.operation.service
            case ir.Let() if node.name == "return":
                return self.own(node.path, self.run_owner, "answers for the run")
            case ir.Let() | ir.Fail():
                if self.conductor:
                    return self.own(node.path, self.conductor, "conducts the region")
                return self.own(node.path, following, "is the next service")
            case ir.Emit():
                self.own(node.path, node.event.service, f"declares `{node.event.type}`")
                return self.conductor or node.event.service
            case ir.Commit():
                if self.answering:
                    return self.own(node.path, self.answering, "answers for the child flow")
                return self.own(node.path, self.run_owner, "answers for the run")
            case ir.Sequence():
                for item in reversed(node.items):
                    following = self.place(item, following)
                return following
            case ir.Fork():
                owner = self.named_or_next(node.path, node.at, following)
                entries = [self.place(branch.body, owner) for branch in node.branches]
                return entries[0]
            case ir.Switch():
                owner = self.decider(node.path, node.at, (arm.when for arm in node.arms))
                for arm in node.arms:
                    self.place(arm.body, following)
                return owner
            case ir.Race():
                return self.race(node, following)
            case ir.Each():
                owner = self.decider(node.path, node.at, (node.items,))
                self.place(node.body, owner)
                return owner
            case ir.Repeat():
                owner = self.decider(node.path, node.at, (node.until, node.every))
                self.place(node.body, owner)
                if node.late is not None:
                    self.place(node.late, following)
                return owner
            case ir.Alongside() | ir.Interrupt() | ir.Catch():
                return self.scope(node, following)
            case ir.Retry():
                owner = self.named_or_next(node.path, node.at, following)
                return self.place(node.body, owner)
            case ir.Undoing():
                owner = self.named_or_next(node.path, node.at, following)
                self.place(node.undo, owner)
                return self.place(node.body, owner)
            case ir.Child():
                return self.child(node, following)
            case ir.Region():
                outer, self.conductor = self.conductor, node.at
                self.place(node.body, following)
                self.conductor = outer
                return self.own(node.path, node.at, "conducts the region")
            case _:
                assert_never(node)

    def own(self, path: str, service: str, why: str) -> str:
        self.found[path] = Owner(service, why)
        return service

    def named_or_next(self, path: str, at: str, following: str) -> str:
        if path in self.forced:
            self.found[path] = self.forced[path]
            return self.forced[path].service
        if at:
            return self.own(path, at, "is named by `at`")
        if self.conductor:
            return self.own(path, self.conductor, "conducts the region")
        return self.own(path, following, "is the next service")

    def decider(self, path: str, at: str, reading: Iterator[Expression | None] | tuple[Expression | None, ...]) -> str:
        if at:
            return self.own(path, at, "is named by `at`")
        if self.conductor:
            return self.own(path, self.conductor, "conducts the region")
        read = {name for expression in reading if expression is not None for name in free_names(expression.tree)}
        made = sorted((*self.producers[name], name) for name in read if name in self.producers)
        if not made:
            return self.own(path, self.run_owner, "answers for the run, whose input is all that it reads")
        _, service, name = made[-1]
        return self.own(path, service, f"produced `{name}`")

    def scope(self, node: ir.Alongside | ir.Interrupt | ir.Catch, following: str) -> str:
        owner = self.named_or_next(node.path, node.at, following)
        for handler in node.handlers if isinstance(node, ir.Alongside | ir.Catch) else node.alternatives:
            self.place(handler.body, owner)
        if isinstance(node, ir.Interrupt):
            self.place(node.late, owner)
        return self.place(node.body, owner)

    def race(self, node: ir.Race, following: str) -> str:
        entries = [self.place(alternative.body, following) for alternative in node.alternatives]
        self.place(node.late, following)
        acting = [e for e, a in zip(entries, node.alternatives, strict=True) if any(_steps(a.body))]
        return self.named_or_next(node.path, node.at, acting[0] if acting else following)

    def child(self, node: ir.Child, following: str) -> str:
        first = next(_steps(node.body), None)
        owner = node.at or self.conductor or (first.operation.service if first is not None else following)
        outer, self.answering = self.answering, owner
        self.place(node.body, owner)
        self.answering = outer
        return self.own(node.path, owner, "is the first service inside" if first is not None else "is the next service")


def _steps(node: ir.Node) -> Iterator[ir.Step]:
    for inner in ir.walk(node):
        if isinstance(inner, ir.Step):
            yield inner


def _producers(flow: ir.Flow) -> dict[str, tuple[int, str]]:
    """For each name that a step had a hand in: the position of the latest such step in source order, and its service."""
    found: dict[str, tuple[int, str]] = {}

    def made(name: str, of: Iterator[str] | frozenset[str] | tuple[str, ...]) -> None:
        known = [found[one] for one in (name, *of) if one in found]
        if known:
            found[name] = max(known)

    for position, node in enumerate(_inside_out(flow.body)):
        match node:
            case ir.Step():
                found[node.name] = (position, node.operation.service)
            case ir.Let():
                made(node.name, free_names(node.value.tree))
            case ir.Each() if node.collect:
                made(node.collect, (node.yields,))
            case ir.Repeat():
                for carried in node.carried:
                    made(carried.name, (*free_names(carried.first.tree), carried.next))
            case ir.Child() if node.name:
                made(node.name, (node.returned,))
            case _:
                pass
    return found


def _inside_out(node: ir.Node) -> Iterator[ir.Node]:
    """`node` after everything inside it: what a block collects has been made by then."""
    for part in ir.parts_of(node):
        yield from _inside_out(part)
    yield node


def _one_owner_for_each_type(flow: ir.Flow, natural: Mapping[str, Owner]) -> dict[str, Owner]:
    """The listeners whose owner must be another than the rule says, because they share an event type."""
    groups: list[tuple[set[str], list[Listening]]] = []
    for node in ir.walk(flow.body):
        if not isinstance(node, Listening):
            continue
        types = {one.event.type for one in heard_by(node)}
        nodes = [node]
        for group in [g for g in groups if g[0] & types]:
            groups.remove(group)
            types, nodes = types | group[0], group[1] + nodes
        groups.append((types, nodes))
    forced: dict[str, Owner] = {}
    for types, nodes in groups:
        if len({natural[node.path].service for node in nodes}) > 1:
            named = [node.at for node in nodes if node.at]
            service = named[0] if named else natural[nodes[0].path].service
            why = f"owns all waits on {', '.join(f'`{t}`' for t in sorted(types))}"
            forced |= {node.path: Owner(service, why) for node in nodes}
    return forced
