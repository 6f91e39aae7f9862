"""The kernel with its parents: a flow made ready for the central machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import assert_never

from flowlang import ir
from flowlang.link import Link


@dataclass(frozen=True, slots=True)
class Place:
    """A node, its parent's number (-1 for the flow's body), its position there, and its parts in the order of the IR."""

    node: ir.Node
    parent: int
    position: int
    parts: tuple[int, ...]
    names: frozenset[str]  # everything that it defines, parts included


@dataclass(frozen=True, slots=True)
class Program:
    """A flow made ready for the central machine; shared by all its runs."""

    flow: ir.Flow
    hash: str
    places: tuple[Place, ...]
    numbers: dict[str, int]  # by path
    link: Link = field(default_factory=Link)


def load(flow: ir.Flow, flow_hash: str = "") -> Program:
    """`flow` with every block numbered and linked to its parent."""
    places: list[Place | None] = []

    def enter(node: ir.Node, parent: int, position: int) -> int:
        number = len(places)
        places.append(None)
        parts = tuple(enter(part, number, place) for place, part in enumerate(parts_of(node)))
        names = set(defines(node))
        for part in parts:
            names |= _known(places[part]).names
        places[number] = Place(node, parent, position, parts, frozenset(names))
        return number

    enter(flow.body, -1, 0)
    known = tuple(_known(place) for place in places)
    numbers = {p.node.path: n for n, p in enumerate(known) if not isinstance(p.node, ir.Sequence)}
    return Program(flow, flow_hash, known, numbers)


def _known(place: Place | None) -> Place:
    assert place is not None
    return place


def parts_of(node: ir.Node) -> tuple[ir.Node, ...]:
    """The blocks directly inside `node`, in the order of the IR."""
    match node:
        case ir.Step() | ir.Let() | ir.Emit() | ir.Fail():
            return ()
        case ir.Sequence():
            return node.items
        case ir.Fork():
            return tuple(branch.body for branch in node.branches)
        case ir.Switch():
            return tuple(arm.body for arm in node.arms)
        case ir.Race():
            return (*(alternative.body for alternative in node.alternatives), node.late)
        case ir.Catch():
            return (node.body, *(handler.body for handler in node.handlers))
        case _:
            assert_never(node)


def defines(node: ir.Node) -> Iterator[str]:
    """The names that `node` itself gives to values."""
    match node:
        case ir.Step() | ir.Let():
            yield node.name
        case ir.Race():
            yield from (alternative.bind for alternative in node.alternatives if alternative.bind)
        case ir.Catch():
            yield from (handler.bind for handler in node.handlers if handler.bind)
        case _:
            pass
