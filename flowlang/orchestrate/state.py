"""The state of a run under the central machine: a cell for each block that saw or decided something."""

from __future__ import annotations

from dataclasses import dataclass, field

from flowlang.cell import Causes, StepCell
from flowlang.event import Error, External, Index, Reason, Value

Key = tuple[int, Index]  # the number of a block and its index

RUN: Key = (-1, ())


@dataclass(slots=True)
class JoinCell:
    """Which branches have settled, and how; `reasons` keeps the first reason of each that was gone by itself."""

    ok: dict[int, Causes] = field(default_factory=dict)
    gone: dict[int, Causes] = field(default_factory=dict)
    reasons: dict[int, Reason] = field(default_factory=dict)
    undoing: Reason | None = None


@dataclass(slots=True)
class ForkCell(JoinCell):
    """`winners` are those of a join that goes on without the rest, `won` the calls that they ended with; `closed` says
    that all the rest has settled. `hinted` says that a branch that is gone has turned its siblings."""

    winners: tuple[int, ...] = ()
    won: Causes = ()
    closed: bool = False
    hinted: bool = False


@dataclass(slots=True)
class EachCell(JoinCell):
    """The list, how many of its items were started, and what those that are ok have yielded."""

    items: list[Value] = field(default_factory=list)
    causes: Causes = ()
    started: int = 0
    yielded: dict[int, Value] = field(default_factory=dict)


@dataclass(slots=True)
class AlongsideCell(JoinCell):
    """Branch 0 is the body, the others are the kids in the order of their events: the handler, its how-manieth kid it is,
    and the event. `branches` finds them by the first two. `settled`: the body has, no further kid starts."""

    causes: Causes = ()
    kids: list[tuple[int, int, External]] = field(default_factory=list)
    branches: dict[tuple[int, int], int] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)
    settled: bool = False


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
    reason: Reason | None = None


@dataclass(slots=True)
class RepeatCell:
    """The iteration that runs or ran last, the carried values of the next, and whether it is paused for; `late`: the bound
    was reached. `turned` says why the pause was the end."""

    iteration: int = 0
    carried: dict[str, Value] = field(default_factory=dict)
    causes: Causes = ()
    pausing: bool = False
    late: bool = False
    turned: Reason | None = None


@dataclass(slots=True)
class RetryCell:
    """The attempt that runs or ran last, whether the next is paused for, and whether the scope was left with ok."""

    causes: Causes
    attempt: int = 1
    pausing: bool = False
    closed: bool = False
    turned: Reason | None = None


@dataclass(slots=True)
class InterruptCell:
    """`verdict` is latched once: `closed`, `gone` or `interrupted`, then by alternative `which` and its event, or by the
    time limit. `ran` is the part that runs or ran last."""

    causes: Causes
    verdict: str = ""
    which: int = -1
    event: External | None = None
    ran: int = 0


@dataclass(slots=True)
class CatchCell:
    """The part that runs or ran (0 the body, then the handlers), and whether the scope was left with ok."""

    causes: Causes
    ran: int = 0
    closed: bool = False


@dataclass(slots=True)
class UndoingCell:
    """The values that the compensation block sees, once the body was ok, and why the block runs, once it does."""

    env: dict[str, Value] | None = None
    reason: Reason | None = None


@dataclass(slots=True)
class ChildCell:
    """`verdict` is latched once: `closed`, `gone`, `cancelled`, `committed`, or `turned` for `reason`."""

    verdict: str = ""
    reason: Reason | None = None


@dataclass(slots=True)
class EmitCell:
    """The data that was published."""

    data: Value


@dataclass(slots=True)
class CommitCell:
    """A commit that was passed, or that turned round for `reason`."""

    reason: Reason | None = None


Cell = (
    StepCell
    | EmitCell
    | CommitCell
    | ForkCell
    | SwitchCell
    | RaceCell
    | EachCell
    | RepeatCell
    | AlongsideCell
    | RetryCell
    | InterruptCell
    | CatchCell
    | UndoingCell
    | ChildCell
)


@dataclass(slots=True)
class State:
    """All that is known of one run.

    `env` are the values of the flow's own names, `frames` those of parts that have names of their own (an iteration, an
    attempt, a handler, a branch that may lose). `live` are the blocks that a hint can turn: calls under way, armed waits,
    pauses, open children; `hints` the parts whose blocks turn. `open` are, by scope, the joins begun directly in it whose
    losers have not settled, `closed` the calls with which those ended that have, and `waiting` the calls with which a
    scope will be left when there is none open any more. `stuck` are the blocks that can't go on by themselves, with the
    kind of call, or "" where there is none that an operator could answer for; `parked` says why these are. `verdict` is latched once: `cancelled`, `committed` or `closed`. `taken` are the ids of the external events
    that this run has consumed: an event satisfies one wait of a run.
    """

    run: str
    started: int
    env: dict[str, Value] = field(default_factory=dict)
    frames: dict[Key, dict[str, Value]] = field(default_factory=dict)
    cells: dict[Key, Cell] = field(default_factory=dict)
    live: dict[Key, None] = field(default_factory=dict)
    hints: dict[Key, Reason] = field(default_factory=dict)
    open: dict[Key, set[Key]] = field(default_factory=dict)
    closed: dict[Key, Causes] = field(default_factory=dict)
    waiting: dict[Key, Causes] = field(default_factory=dict)
    stuck: dict[Key, str] = field(default_factory=dict)
    parked: dict[Key, Error] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    verdict: str = ""
    status: str = "open"  # then completed | failed | cancelled
    output: Value = None
    error: Error | None = None
