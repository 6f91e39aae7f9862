"""What one service knows of one run: a cell for each of its rows that saw or decided something."""

from __future__ import annotations

from dataclasses import dataclass, field

from flowlang.cell import Causes, StepCell
from flowlang.event import Error, External, Reason, Value

Data = dict[str, Value]


@dataclass(slots=True)
class DoCell:
    """A step, the values that it was started with, and how often it was stuck."""

    step: StepCell
    data: Data
    times: int = 0


@dataclass(slots=True)
class SaidCell:
    """A business event that was published."""

    data: Value


@dataclass(slots=True)
class JoinCell:
    """Which branches have settled, with what they brought; a keyed set, so a duplicate changes nothing."""

    ok: dict[int, Causes] = field(default_factory=dict)
    gone: dict[int, Causes] = field(default_factory=dict)
    data: dict[int, Data] = field(default_factory=dict)
    reasons: dict[int, Reason] = field(default_factory=dict)
    undoing: Reason | None = None


@dataclass(slots=True)
class ChoiceCell:
    """The way that a switch took; -1 where a guard could not be evaluated."""

    way: int


@dataclass(slots=True)
class WaitCell:
    """`armed`, `event`, `timer` or `turned`. `way` is the hearing that won, -1 for the timer."""

    state: str
    causes: Causes
    data: Data
    way: int = -1
    event: External | None = None


@dataclass(slots=True)
class ScopeCell:
    """The part that ran (0 the body, 1, 2, ... the handlers), whether the scope was left, the values at its entry, and a
    handler that waits for them: an entry can be overtaken by the failure."""

    ran: int = 0
    closed: bool = False
    entry: Data | None = None
    wanted: tuple[int, Error, Causes] | None = None


@dataclass(slots=True)
class RunCell:
    """At the run's owner: the verdict, latched once, and what the run came to. `stuck` and `unstuck` say for each step by
    its position among the run's steps how often it was stuck, and how often an operator decided."""

    verdict: str = ""  # cancelled | closed
    status: str = "open"  # completed | failed | cancelled
    output: Value = None
    error: Error | None = None
    stuck: dict[int, int] = field(default_factory=dict)
    unstuck: dict[int, int] = field(default_factory=dict)

    def waits_for_operator(self) -> bool:
        """Whether a step is stuck, as far as the owner has heard."""
        return any(times > self.unstuck.get(step, 0) for step, times in self.stuck.items())


Cell = DoCell | SaidCell | JoinCell | ChoiceCell | WaitCell | ScopeCell | RunCell


@dataclass(slots=True)
class State:
    """`seen` is the inbox: the ids of all messages of this run that this service has ever taken in. `dropped` counts what
    came after the run was closed. `taken` are the external events that a wait of this run has consumed; all waits on one
    type have one owner, so this service's own knowledge is enough. `values` is
    the record of every value that it was given or made."""

    run: str
    started: int
    seen: set[str] = field(default_factory=set)
    cells: dict[str, Cell] = field(default_factory=dict)
    values: Data = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    hinted: bool = False
    closed: bool = False
    dropped: int = 0
