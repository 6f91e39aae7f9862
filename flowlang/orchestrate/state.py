"""The state of a run under the central machine: a cell for each block that saw or decided something."""

from __future__ import annotations

from dataclasses import dataclass, field

from flowlang.cell import Causes, StepCell
from flowlang.event import Error, External, Reason, Value


@dataclass(slots=True)
class ForkCell:
    """Which branches have settled, and how; `reasons` keeps the first reason of each that was gone by itself."""

    ok: dict[int, Causes] = field(default_factory=dict)
    gone: dict[int, Causes] = field(default_factory=dict)
    reasons: dict[int, Reason] = field(default_factory=dict)
    undoing: Reason | None = None


@dataclass(slots=True)
class SwitchCell:
    """The arm that was taken."""

    arm: int


@dataclass(slots=True)
class RaceCell:
    """`armed`, `event`, `timer` or `turned`; `taken` is the part that was started."""

    state: str
    causes: Causes
    taken: int = -1
    event: External | None = None


@dataclass(slots=True)
class CatchCell:
    """The part that runs or ran (0 the body, then the handlers), and whether the scope was left with ok."""

    ran: int = 0
    closed: bool = False


@dataclass(slots=True)
class EmitCell:
    """The data that was published."""

    data: Value


Cell = StepCell | ForkCell | SwitchCell | RaceCell | CatchCell | EmitCell


@dataclass(slots=True)
class State:
    """All that is known of one run. `verdict` is latched once: `cancelled` or `closed`. `taken` are the external events
    that a wait of this run has consumed: an event satisfies one wait of a run."""

    run: str
    started: int
    env: dict[str, Value] = field(default_factory=dict)
    cells: dict[int, Cell] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    verdict: str = ""
    status: str = "open"  # then completed | failed | cancelled
    output: Value = None
    error: Error | None = None
