"""The kernel with its surroundings: a flow made ready for the central machine.

Whatever the machine has to know of a block's surroundings is worked out here, once for a flow: whose names it sees, whose
hints reach it, which scope waits for its losers, whose verdict a commit latches. In a run these are found by the block's
index cut to the depth that stands beside each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import assert_never

from flowlang import ir, place
from flowlang.event import Index
from flowlang.link import Link

Region = tuple[int, int]  # the number of a block and how long its index is

NOWHERE: Region = (-1, 0)


@dataclass(frozen=True, slots=True)
class Place:
    """A node, its parent's number (-1 for the flow's body), its position there, and its parts in the order of the IR."""

    node: ir.Node
    parent: int
    position: int
    parts: tuple[int, ...]
    template: str  # its path, "" for a sequence
    around: Around
    exports: tuple[str, ...]  # the names that a part with a frame of its own gives to the one around

    @property
    def depth(self) -> int:
        """How long the index of the block is."""
        return self.around.depth


@dataclass(frozen=True, slots=True)
class Around:
    """What is around a block. `frame` is the part whose names it sees; `domains` are the parts whose hints reach it, the
    innermost first; `exit` is the scope that waits for the losers of a join, `child` the child flow whose verdict a commit
    latches, `compensation` the scope whose compensation block it is in. The last three are NOWHERE for the run."""

    depth: int = 0
    frame: Region = (0, 0)
    domains: tuple[Region, ...] = ((0, 0),)
    exit: Region = NOWHERE
    child: Region = NOWHERE
    compensation: Region = NOWHERE


@dataclass(frozen=True, slots=True)
class Target:
    """The block that an input names, and the template of the path by which it does."""

    number: int
    template: str
    depth: int


@dataclass(frozen=True, slots=True)
class Program:
    """A flow made ready for the central machine; shared by all its runs."""

    flow: ir.Flow
    hash: str
    places: tuple[Place, ...]
    targets: dict[str, Target]  # by bare path
    link: Link = field(default_factory=Link)

    def find(self, path: str) -> tuple[int, Index]:
        """The block that the path of an instance names, with its index; that of a pause, the iteration or attempt to come,
        is one longer than its block's."""
        target = self.targets.get(path)
        if target is None:
            target = self.targets[place.bare(path)]
        return target.number, place.index_of(target.template, path) if target.depth else ()


def load(flow: ir.Flow, flow_hash: str = "") -> Program:
    """`flow` with every block numbered, linked to its parent and told what is around it."""
    places: list[Place] = []

    def enter(node: ir.Node, parent: int, position: int, around: Around, way: _Way) -> int:
        number = len(places)
        around = _inside(around, number, way)
        template = "" if isinstance(node, ir.Sequence) else node.path
        assert not template or place.depth(template) == around.depth, f"{template} is in {around.depth} iterations"
        names: frozenset[str] = frozenset()
        if way.frame:
            names = ir.visible_after(node).union(ir.defined_by(places[parent].node))
        places.append(Place(node, parent, position, (), template, around, tuple(sorted(names))))
        parts: list[int] = []
        for part, inner in zip(ir.parts_of(node), _ways(node), strict=True):
            parts.append(enter(part, number, len(parts), _begun(node, number, around), inner))
        places[number] = replace(places[number], parts=tuple(parts))
        return number

    enter(flow.body, -1, 0, Around(), _Way())
    return Program(flow, flow_hash, tuple(places), _targets(places))


def _targets(places: list[Place]) -> dict[str, Target]:
    """By bare path the blocks to which inputs go. A repeat or retry is named by what its pause is for."""
    found: dict[str, Target] = {}
    for number, one in enumerate(places):
        match one.node:
            case ir.Step() | ir.Race() | ir.Alongside() | ir.Interrupt():
                template = one.template
            case ir.Repeat():
                template = f"{one.template}[]"
            case ir.Retry():
                template = attempts_of(one.template)
            case _:
                continue
        key = place.key(template)
        assert key not in found, f"two blocks are called {template}"
        found[key] = Target(number, template, place.depth(template))
    return found


def attempts_of(template: str) -> str:
    """The template of the attempts of a retry, by which its back-offs are named: `order/fulfil#`."""
    return template.removesuffix(":retry") + "#"


@dataclass(frozen=True, slots=True)
class _Way:
    """How a part is inside its block: once more for each of several, with names, hints or a reason of its own."""

    again: bool = False
    frame: bool = False
    domain: bool = False
    compensation: bool = False


def _ways(node: ir.Node) -> Iterator[_Way]:
    """For each part of `node` how it is inside."""
    match node:
        case ir.Step() | ir.Let() | ir.Emit() | ir.Fail() | ir.Commit():
            pass
        case ir.Sequence() | ir.Switch() | ir.Race() | ir.Region():
            yield from (_Way() for _ in ir.parts_of(node))
        case ir.Fork():
            yield from (_Way(frame=node.join == "some", domain=node.join != "all") for _ in node.branches)
        case ir.Each() | ir.Retry():
            yield _Way(again=True, frame=True)
        case ir.Repeat():
            yield _Way(again=True, frame=True)
            yield from () if node.late is None else (_Way(),)
        case ir.Alongside():
            yield _Way(frame=True)
            yield from (_Way(again=True, frame=True) for _ in node.handlers)
        case ir.Interrupt():
            yield _Way(frame=True, domain=True)
            yield from (_Way(frame=True) for _ in (*node.alternatives, node.late))
        case ir.Catch():
            yield from (_Way(frame=True) for _ in ir.parts_of(node))
        case ir.Undoing():
            yield from (_Way(), _Way(frame=True, compensation=True))
        case ir.Child():
            yield _Way(frame=True, domain=True)
        case _:
            assert_never(node)


def _begun(node: ir.Node, number: int, around: Around) -> Around:
    """What is around the parts of `node`, as far as it is the same for all."""
    here = (number, around.depth)
    match node:
        case ir.Alongside() | ir.Retry() | ir.Interrupt() | ir.Catch() | ir.Undoing():
            return replace(around, exit=here)
        case ir.Child():
            return replace(around, exit=here, child=here, domains=())
        case _:
            return around


def _inside(around: Around, number: int, way: _Way) -> Around:
    """What is around part `number`."""
    depth = around.depth + way.again
    here = (number, depth)
    if way.compensation:  # `exit` is the scope whose block it is
        return replace(around, depth=depth, frame=here, domains=(), compensation=around.exit)
    domains = (here, *around.domains) if way.domain else around.domains
    return replace(around, depth=depth, frame=here if way.frame else around.frame, domains=domains)
