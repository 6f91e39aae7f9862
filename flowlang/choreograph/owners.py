"""Who owns each decision of a choreography, and why: total functions over the kernel.

The *next service* of a point is the one that acts next: a step's own, a fork's first branch's, the owner of a switch or a
race, a scope's first inside; at the end of a branch the join's owner, of a body or handler the exit's owner, of the flow
the run's owner. Joins, waits, scope exits and values belong to the next service, so that arriving there costs no message
of its own. A switch belongs to the producer of the data that it reads, the latest in source order (which agrees with
control order); data of the flow's input, of an external event or of a caught error has no producer among the steps, so a
switch that reads only such data belongs to the run's owner. `at service` overrides.

All waits of a flow on one event type have one owner, since one place must decide which of them consumes an event: where
the rule above names several, a service named by `at` wins, else the first in source order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from flowlang import ir
from flowlang.expression.names import free_names


@dataclass(frozen=True, slots=True)
class Owner:
    """The service that owns a block, and the reason in a few words."""

    service: str
    why: str


def owners(flow: ir.Flow) -> dict[str, Owner]:
    """The owner of every block of `flow` by path; the flow's own path is its name."""
    natural = _place(flow, {})
    forced = _one_owner_for_each_type(flow, natural)
    return _place(flow, forced) if forced else natural


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
    found: dict[str, Owner] = field(default_factory=dict)

    def place(self, node: ir.Node, following: str) -> str:
        """Enter the owners of `node` and its parts, given the service that acts after it; returns who acts first."""
        match node:
            case ir.Step():
                return self.own(node.path, node.operation.service, "does it")
            case ir.Let() if node.name == "return":
                return self.own(node.path, self.run_owner, "answers for the run")
            case ir.Let():
                return self.own(node.path, following, "is the next service")
            case ir.Emit():
                return self.own(node.path, node.event.service, f"declares `{node.event.type}`")
            case ir.Fail():
                return self.own(node.path, following, "is the next service")
            case ir.Sequence():
                for item in reversed(node.items):
                    following = self.place(item, following)
                return following
            case ir.Fork():
                owner = self.named_or_next(node.path, node.at, following)
                entries = [self.place(branch.body, owner) for branch in node.branches]
                return entries[0]
            case ir.Switch():
                owner = self.decider(node)
                for arm in node.arms:
                    self.place(arm.body, following)
                return owner
            case ir.Race():
                return self.race(node, following)
            case ir.Catch():
                owner = self.named_or_next(node.path, node.at, following)
                for handler in node.handlers:
                    self.place(handler.body, owner)
                return self.place(node.body, owner)
            case _:
                assert_never(node)

    def own(self, path: str, service: str, why: str) -> str:
        self.found[path] = Owner(service, why)
        return service

    def named_or_next(self, path: str, at: str, following: str) -> str:
        return self.own(path, at or following, "is named by `at`" if at else "is the next service")

    def decider(self, node: ir.Switch) -> str:
        if node.at:
            return self.own(node.path, node.at, "is named by `at`")
        read = {name for arm in node.arms if arm.when is not None for name in free_names(arm.when.tree)}
        made = sorted((*self.producers[name], name) for name in read if name in self.producers)
        if not made:
            return self.own(node.path, self.run_owner, "answers for the run, whose input is all that it reads")
        _, service, name = made[-1]
        return self.own(node.path, service, f"produced `{name}`")

    def race(self, node: ir.Race, following: str) -> str:
        entries = [self.place(alternative.body, following) for alternative in node.alternatives]
        self.place(node.late, following)
        if node.path in self.forced:
            self.found[node.path] = self.forced[node.path]
            return self.forced[node.path].service
        if node.at:
            return self.own(node.path, node.at, "is named by `at`")
        acting = [e for e, a in zip(entries, node.alternatives, strict=True) if any(_steps(a.body))]
        return self.own(node.path, acting[0] if acting else following, "is the next service")


def _steps(node: ir.Node) -> Iterator[ir.Step]:
    for inner in ir.walk(node):
        if isinstance(inner, ir.Step):
            yield inner


def _producers(flow: ir.Flow) -> dict[str, tuple[int, str]]:
    """For each name that a step had a hand in: the position of the latest such step in source order, and its service."""
    found: dict[str, tuple[int, str]] = {}
    for position, node in enumerate(ir.walk(flow.body)):
        if isinstance(node, ir.Step):
            found[node.name] = (position, node.operation.service)
        elif isinstance(node, ir.Let):
            made = [found[name] for name in free_names(node.value.tree) if name in found]
            if made:
                found[node.name] = max([*made, *([found[node.name]] if node.name in found else [])])
    return found


def _one_owner_for_each_type(flow: ir.Flow, natural: Mapping[str, Owner]) -> dict[str, Owner]:
    """The races whose owner must be another than the rule says, because they share an event type."""
    groups: list[tuple[set[str], list[ir.Race]]] = []
    for node in ir.walk(flow.body):
        if not isinstance(node, ir.Race):
            continue
        types = {alternative.event.type for alternative in node.alternatives}
        races = [node]
        for group in [g for g in groups if g[0] & types]:
            groups.remove(group)
            types, races = types | group[0], group[1] + races
        groups.append((types, races))
    forced: dict[str, Owner] = {}
    for types, races in groups:
        if len({natural[race.path].service for race in races}) > 1:
            named = [race.at for race in races if race.at]
            service = named[0] if named else natural[races[0].path].service
            why = f"owns all waits on {', '.join(f'`{t}`' for t in sorted(types))}"
            forced |= {race.path: Owner(service, why) for race in races}
    return forced
