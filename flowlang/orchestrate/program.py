"""The kernel with its parents: a flow made ready for the central machine."""

from __future__ import annotations

from dataclasses import dataclass, field

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
        parts = tuple(enter(part, number, place) for place, part in enumerate(ir.parts_of(node)))
        names = set(ir.defined_by(node))
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
