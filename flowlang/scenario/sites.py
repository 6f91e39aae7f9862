"""The calls that a flow may make, by place, and which of them follow one another whatever happens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flowlang import ir
from flowlang.declared import EventType, Operation


@dataclass(frozen=True, slots=True)
class Site:
    """A call of a step or of its compensation. `place` is what a scenario calls it."""

    place: str  # flow/step, flow/step:undo, or service.operation
    path: str
    kind: str  # do | undo | "" for an operation
    operation: Operation

    @property
    def name(self) -> str:
        """`service.operation`."""
        return f"{self.operation.service}.{self.operation.name}"


def sites_of(flow: ir.Flow) -> Iterator[Site]:
    """Every call that `flow` may make, in source order."""
    for node in ir.walk(flow.body):
        if isinstance(node, ir.Step):
            yield Site(node.path, node.path, "do", node.operation)
            if node.undo is not None:
                yield Site(f"{node.path}:undo", node.path, "undo", node.undo.operation)


def event_types(flow: ir.Flow) -> Iterator[EventType]:
    """The types of event that `flow` starts by or waits for."""
    if flow.start is not None:
        yield flow.start.event
    for node in ir.walk(flow.body):
        if isinstance(node, ir.Race):
            yield from (alternative.event for alternative in node.alternatives)


def unordered(flow: ir.Flow, sites: Sequence[Site]) -> tuple[Site, Site, str] | None:
    """Two of `sites` that may be called in any order, and the fork that is to blame. None when each two follow one another.

    Only the branches of a fork run side by side: what is in one block in any other way is in sequence, excludes the other,
    or is undone in reverse.
    """
    branches: dict[str, dict[str, int]] = {site.path: {} for site in sites}
    _mark(flow.body, {}, branches)
    for number, one in enumerate(sites):
        for other in sites[number + 1 :]:
            for fork, branch in branches[one.path].items():
                if branches[other.path].get(fork, branch) != branch:
                    return one, other, fork
    return None


def _mark(node: ir.Node, inside: dict[str, int], branches: dict[str, dict[str, int]]) -> None:
    """Write down for each wanted step the branches that it is in, by the path of their fork."""
    if isinstance(node, ir.Step) and node.path in branches:
        branches[node.path] = inside
    for number, part in enumerate(ir.parts_of(node)):
        _mark(part, {**inside, node.path: number} if isinstance(node, ir.Fork) else inside, branches)
