"""A drawing of a flow before any format: nodes, edges, and the scopes around them, as data.

Identity: the node of a block has the block's path as its id, so whatever knows a path (a journal, a report, a live view)
finds its place in the picture. What a block needs besides hangs on its path: `PATH:join`, `PATH:undo`. The start is the
flow's name. Texts are whole; a writer wraps and cuts them, and says the whole in the tooltip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

NodeKind = Literal[
    "start",  # where a run begins
    "trigger",  # where a run begins: an event
    "step",
    "undo",  # the operation that undoes a step
    "let",
    "emit",
    "wait",  # for an event
    "timer",
    "race",  # of several events
    "switch",
    "fork",
    "join",
    "empty",  # a frame in which nothing is done
    "commit",  # no way back from here
    "until",  # whether a loop goes round again
    "service",  # one that takes part in a choreography
    "outside",  # whoever starts runs and publishes what services only hear
    "fail",
    "return",
    "end",
]
EdgeKind = Literal[
    "forward",
    "undo",  # from a step to what undoes it
    "event",  # an event that was waited for has come
    "time",  # it has not come in time
    "error",  # from a scope to a handler of its failures
    "again",  # back to where a loop begins
    "beside",  # to what runs beside a scope and does not hold it up
]
FrameKind = Literal[
    "scope",  # succeeds as a whole or leaves nothing behind
    "loop",  # what is inside happens several times
    "child",  # another flow
    "region",  # one service conducts what is inside
    "undo",  # what is done in place of undoing a scope
]


@dataclass(frozen=True, slots=True)
class Node:
    """One shape. `label` is what it says first, `detail` what it says below in smaller words. `scope` is the id of the
    innermost scope around it, or "". `doc` is
    the user's own, which the tooltip has too. `slots` is how many edges a bar takes side by side, 0 for any other shape."""

    id: str
    kind: NodeKind
    label: str
    detail: str = ""
    service: str = ""
    tooltip: str = ""
    doc: str = ""
    scope: str = ""
    slots: int = 0


@dataclass(frozen=True, slots=True)
class Edge:
    """One arrow. With `scope`, it leaves the border of that scope, in which `source` stands. Slots are counted from 0
    from the left of a bar, -1 elsewhere."""

    id: str
    source: str
    target: str
    kind: EdgeKind
    label: str = ""
    tooltip: str = ""
    scope: str = ""
    source_slot: int = -1
    target_slot: int = -1


@dataclass(frozen=True, slots=True)
class Scope:
    """A frame around nodes: a scope, a loop, another flow. `parent` is the id of the frame around it, or "". `detail` is
    what it says below its label; `service` is who conducts it, or ""."""

    id: str
    label: str
    parent: str = ""
    tooltip: str = ""
    kind: FrameKind = "scope"
    detail: str = ""
    service: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """A flow as a drawing. `services` in the order in which they appear; their position gives them their colour, which the
    `legend` explains."""

    name: str
    version: str
    doc: str
    services: tuple[str, ...]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    scopes: tuple[Scope, ...]
    legend: bool = True

    @property
    def title(self) -> str:
        """The flow's name and version."""
        return f"{self.name} (version {self.version})" if self.version else self.name
