"""What one service knows of one run: a cell for each of its rows, at each index, that saw or decided something."""

from __future__ import annotations

from dataclasses import dataclass, field

from flowlang.cell import Causes, StepCell
from flowlang.event import Error, External, Index, Reason, Value
from flowlang.frozen import dataclass as record

Data = dict[str, Value]
Open = tuple[tuple[str, Index], ...]
"""Joins that went on before all their branches had settled: path template and index, sorted."""


@record(frozen=True, slots=True)
class Said:
    """What an event said: its values, the calls that it follows, and the joins that are still open."""

    data: Data
    causes: Causes
    open: Open = ()


NOTHING = Said({}, ())


@dataclass(slots=True)
class DoCell:
    """A step, what it was started with, and how often it was stuck."""

    step: StepCell
    start: Said
    times: int = 0


@dataclass(slots=True)
class SaidCell:
    """A business event that was published."""

    data: Value


@dataclass(slots=True)
class ParkedCell:
    """A block after the point of no return that could not be evaluated."""

    error: Error


@dataclass(slots=True)
class CommitCell:
    """A commit that was passed, or turned round."""

    turned: Reason | None = None


@dataclass(slots=True)
class JoinCell:
    """Which branches have settled, with what they brought; a keyed set, so a duplicate changes nothing. `won` are the
    branches with which a `some` went on. `undo_causes` are those of an undo of the fork as a whole."""

    ok: dict[int, Said] = field(default_factory=dict)
    gone: dict[int, Causes] = field(default_factory=dict)
    reasons: dict[int, Reason] = field(default_factory=dict)
    won: tuple[int, ...] = ()
    went_on: bool = False
    hinted: bool = False
    closed: bool = False
    undoing: Reason | None = None
    undo_causes: Causes = ()
    winners: dict[int, Causes] = field(default_factory=dict)  # what the winners had done when the fork went on


@dataclass(slots=True)
class ChoiceCell:
    """The way that a switch took."""

    way: int


@dataclass(slots=True)
class WaitCell:
    """`armed`, `event`, `timer` or `turned`. `way` is the hearing that won, -1 for the timer."""

    state: str
    start: Said
    way: int = -1
    event: External | None = None
    reason: Reason | None = None


@dataclass(slots=True)
class EachCell:
    """The items, how many of them were started, and how they ended, as a join knows it."""

    items: list[Value]
    start: Said
    started: int = 0
    ok: dict[int, Said] = field(default_factory=dict)
    gone: dict[int, Causes] = field(default_factory=dict)
    reasons: dict[int, Reason] = field(default_factory=dict)
    undoing: Reason | None = None
    left: bool = False


@dataclass(slots=True)
class RepeatCell:
    """The iteration that runs or ran last, and the carried values in it. `pause` is the iteration before which there is a
    pause, `late` whether the bound was reached, `turned` the pause that a hint ended, and why."""

    start: Said
    carried: Data
    number: int = 0
    pause: int | None = None
    after: Said = NOTHING  # what the iteration before the pause said
    late: bool = False
    turned: tuple[int, Reason] | None = None


@dataclass(slots=True)
class ExitCell:
    """What every exit of a scope remembers: the values at its entry, the joins inside that have closed, and an ok of a part
    that waits for them. `ran` is the part that was ok (or runs, from 1 on a handler), `closed` whether the scope was left
    with ok. `wanted` is a handler or attempt that waits for the entry, which a failure can overtake: its number, the error that
    it handles, and the calls that it follows."""

    entry: Said | None = None
    joins: dict[tuple[str, Index], Causes] = field(default_factory=dict)
    waiting: tuple[int, Said] | None = None
    ran: int = 0
    closed: bool = False
    wanted: tuple[int, Error | None, Causes] | None = None


@dataclass(slots=True)
class AlongsideCell(ExitCell):
    """The body is part 0, kid k (in the order of acceptance) part k + 1. `kids` gives for each kid the handler and its number
    there, with its event. `settled` says that the body has."""

    kids: list[tuple[int, int, External]] = field(default_factory=list)
    armed: bool = False
    settled: bool = False
    ok: dict[int, Said] = field(default_factory=dict)
    gone: dict[int, Causes] = field(default_factory=dict)
    reasons: dict[int, Reason] = field(default_factory=dict)
    why: Reason | None = None  # it is undone


@dataclass(slots=True)
class RetryCell(ExitCell):
    """`ran` is the number of the attempt that runs, or that was ok. `pause` is the attempt before which it backs off."""

    pause: int | None = None
    turned: tuple[int, Reason] | None = None


@dataclass(slots=True)
class InterruptCell(ExitCell):
    """The latch: `verdict` is `closed`, `gone` or `interrupted`, by the alternative `by` (the last one is the time limit) and
    its event. `ended` are the causes of the body when it was ok."""

    verdict: str = ""
    by: int = -1
    event: External | None = None
    armed: bool = False
    ended: Causes = ()


@dataclass(slots=True)
class UndoingCell(ExitCell):
    """`kept` is what the compensation block may read; `reason` why it runs."""

    kept: Said | None = None
    reason: Reason | None = None


@dataclass(slots=True)
class ChildCell(ExitCell):
    """The verdict of a child flow: `closed`, `gone`, `cancelled` or `committed`; or `turned`, and why."""

    verdict: str = ""
    turned: Reason | None = None
    ended: Causes = ()


@dataclass(slots=True)
class RelayCell:
    """What the conductor knows of a block: `running`, `ok`, or `turned` and why."""

    state: str
    start: Said
    turned: Reason | None = None


@dataclass(slots=True)
class RunCell:
    """At the run's owner: the verdict, latched once, and what the run came to. `stuck` and `unstuck` say for each step by
    its position among the run's steps, and its index, how often it was stuck, and how often an operator decided."""

    verdict: str = ""  # cancelled | committed | closed
    status: str = "open"  # completed | failed | cancelled
    output: Value = None
    error: Error | None = None
    stuck: dict[tuple[int, Index], int] = field(default_factory=dict)
    unstuck: dict[tuple[int, Index], int] = field(default_factory=dict)
    joins: dict[tuple[str, Index], Causes] = field(default_factory=dict)
    waiting: Said | None = None

    def waits_for_operator(self) -> bool:
        """Whether a step is stuck, as far as the owner has heard."""
        return any(times > self.unstuck.get(step, 0) for step, times in self.stuck.items())


Cell = (
    DoCell
    | SaidCell
    | ParkedCell
    | CommitCell
    | JoinCell
    | ChoiceCell
    | WaitCell
    | EachCell
    | RepeatCell
    | AlongsideCell
    | RetryCell
    | InterruptCell
    | ExitCell
    | UndoingCell
    | ChildCell
    | RelayCell
    | RunCell
)


@dataclass(slots=True)
class State:
    """`cells` by path template and index. `seen` is the inbox: the ids of all messages of this run that this service has ever
    taken in. `dropped` counts what came after the run was closed. `taken` are the external events that a wait of this run
    has consumed; all waits on one type have one owner, so this service's own knowledge is enough. `values` is the record of
    those values that it adds to events, by name, the loop or scope whose iteration it belongs to, and the index. `hints` are
    those that it has heard, by event and index. `stuck` are the cells that wait for an operator: nobody looks for them
    among all, or a loop of many iterations would be quadratic."""

    run: str
    started: int
    seen: set[str] = field(default_factory=set)
    cells: dict[tuple[str, Index], Cell] = field(default_factory=dict)
    values: dict[tuple[str, str, Index], Value] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    hints: dict[tuple[str, Index], Reason] = field(default_factory=dict)
    stuck: dict[tuple[str, Index], None] = field(default_factory=dict)
    closed: bool = False
    dropped: int = 0
