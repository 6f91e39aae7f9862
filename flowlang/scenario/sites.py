"""The calls that a flow may make, by place, and which of them follow one another whatever happens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from flowlang import ir
from flowlang.declared import EventType, Operation
from flowlang.place import bare, is_instance, key


@dataclass(frozen=True, slots=True)
class Site:
    """A call of a step or of its compensation. `place` is what a scenario calls it; `path` is that of the kernel, or of one
    instance where the scenario names one. The calls of a compensation block are of kind `undo`."""

    place: str  # flow/step, flow/step:undo, or service.operation
    path: str
    kind: str  # do | undo | "" for an operation
    operation: Operation

    @property
    def name(self) -> str:
        """`service.operation`."""
        return f"{self.operation.service}.{self.operation.name}"


def sites_of(flow: ir.Flow) -> Iterator[Site]:
    """Every call that `flow` may make, in source order. In loops a place stands for every item: `order/line[]/pack`."""
    for node in ir.walk(flow.body):
        if isinstance(node, ir.Step):
            place = key(node.path)
            if node.firm is not None and node.firm.kind == "undo":
                yield Site(f"{place}:undo", node.path, "undo", node.operation)
                continue
            yield Site(place, node.path, "do", node.operation)
            if node.undo is not None:
                yield Site(f"{place}:undo", node.path, "undo", node.undo.operation)


def instance_of(sites: Sequence[Site], place: str) -> Site | None:
    """The call of one item or attempt that `place` names: `order/line[3]/pack:undo`."""
    kind, path = ("undo", place.removesuffix(":undo")) if place.endswith(":undo") else ("do", place)
    for site in sites:
        if site.kind == kind and is_instance(site.path, path):
            return replace(site, place=place, path=path)
    return None


def may_be_undone(flow: ir.Flow, site: Site) -> bool:
    """Whether `flow` has a compensation for the step that `site` is of, or `site` is in a compensation block."""
    return any(one.kind == "undo" and key(one.path) in (key(site.path), bare(site.path)) for one in sites_of(flow))


def event_types(flow: ir.Flow) -> Iterator[EventType]:
    """The types of event that `flow` starts by or listens for."""
    if flow.start is not None:
        yield flow.start.event
    for node in ir.walk(flow.body):
        match node:
            case ir.Race() | ir.Interrupt():
                yield from (alternative.event for alternative in node.alternatives)
            case ir.Alongside():
                yield from (handler.event for handler in node.handlers)


# ---------------------------------------------------------------- what may be called in any order

Chain = tuple[tuple[ir.Node, int], ...]  # the blocks around a step from the outside, each with the part it is in
EXITS = ir.Alongside | ir.Retry | ir.Interrupt | ir.Catch | ir.Undoing | ir.Child
"""Blocks that are left only when the losers of the joins in them have settled."""


def unordered(flow: ir.Flow, sites: Sequence[Site]) -> tuple[Site, Site, ir.Node] | None:
    """Two of `sites` that may be called in any order, maybe one of them twice, and the block that is to blame. None when
    all calls follow one another.

    Side by side are the branches of a fork, the items of a parallel loop, and the handlers that run alongside a scope; so are
    the losers of a join and what comes after it, until the block around is left. What is in one block in any other way
    is in sequence, excludes the other, or is undone in reverse.
    """
    wanted = {site.path for site in sites}
    chains: dict[str, Chain] = {}
    _mark(flow.body, (), wanted, chains)
    for number, one in enumerate(sites):
        for other in sites[number:]:
            if one is other or one.path != other.path:
                blamed = _beside(chains[one.path], chains[other.path])
                if blamed is not None:
                    return one, other, blamed
    return None


def _mark(node: ir.Node, around: Chain, wanted: set[str], chains: dict[str, Chain]) -> None:
    if isinstance(node, ir.Step) and node.path in wanted:
        chains[node.path] = around
    for number, part in enumerate(ir.parts_of(node)):
        _mark(part, (*around, (node, number)), wanted, chains)


def _beside(one: Chain, other: Chain) -> ir.Node | None:
    """The block because of which two calls, or two of one call, may be side by side."""
    pairs = list(zip(one, other, strict=False))
    common = len(list(takewhile(lambda pair: pair[0][0] is pair[1][0] and pair[0][1] == pair[1][1], pairs)))
    for level, (node, part) in enumerate(one[:common]):
        match node:
            case ir.Each(width=width) if width:
                return node
            case ir.Alongside() if part:
                return node
            case ir.Each() | ir.Repeat():  # the losers of one item may meet the next item
                losing = _losing(one[level + 1 :]) or _losing(other[level + 1 :])
                if losing is not None:
                    return losing
    if common == len(pairs):
        return None
    node = one[common][0]
    match node:
        case ir.Fork() | ir.Alongside():
            return node
        case ir.Sequence():
            first = one if one[common][1] < other[common][1] else other
            return _losing(first[common + 1 :])
        case _:
            return None


def _losing(chain: Chain) -> ir.Node | None:
    """The join whose loser this may be, still settling when the block at the head of `chain` has been left."""
    inside = takewhile(lambda one: not isinstance(one[0], EXITS), chain)
    return next((node for node, _ in inside if isinstance(node, ir.Fork) and node.join == "some"), None)
