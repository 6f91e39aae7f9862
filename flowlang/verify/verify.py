"""Everything that can be tried with one flow: explored, simulated, and the same checks held against planted mistakes.

A pass is only worth something when things happened: without an effect, or without a fault where faults were asked for, the
verdict is that nothing was proven.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from flowlang import event, ir
from flowlang.event import Value
from flowlang.verify.canary import in_input
from flowlang.verify.choices import Choices
from flowlang.verify.explore import MODES, Explored, Freedom, explore
from flowlang.verify.listening import events_for
from flowlang.verify.mutants import Hunt, hunt, hunt_here
from flowlang.verify.outside import words
from flowlang.verify.planted import MUTANTS
from flowlang.verify.process import Services
from flowlang.verify.schedule import Prepared, prepare
from flowlang.verify.simulate import KINDS, shortest, simulate
from flowlang.verify.subject import Subject


@dataclass(frozen=True, slots=True)
class Plan:
    """What is tried: `seeds` histories in each mode with these families of faults, up to `worlds` in each exploration."""

    seeds: int = 200
    kinds: tuple[str, ...] = KINDS
    worlds: int = 50_000
    mutants: bool = True
    services: Services | None = None
    shows: Callable[[event.Input], object] = words  # what is told to people of an input that was taken in


@dataclass(frozen=True, slots=True)
class Failure:
    """A promise that was broken: by which seed (-1: found by exploring), in which mode, and the shortest schedule found."""

    mode: str
    why: str
    schedule: tuple[str, ...]
    seed: int = -1


@dataclass(slots=True)
class Verdict:
    """What was tried, and what came of it."""

    flow: str
    explored: dict[str, Explored] = field(default_factory=dict)
    histories: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    effects: int = 0
    replayed: int = 0
    ordered: int = 0
    secrets: int = 0  # histories through which a text went that stands for what is personal
    lines: int = 0  # in which it was looked for
    hunts: list[tuple[Hunt, bool]] = field(default_factory=list)  # and whether it was found on this very flow
    failure: Failure | None = None
    empty: str = ""  # why a pass would prove nothing

    @property
    def holds(self) -> bool:
        """Whether no promise was broken, every planted mistake was found, and something happened at all."""
        return self.failure is None and not self.empty and all(one.why for one, _ in self.hunts)


def verify(
    flow: ir.Flow, input: Mapping[str, Value], plan: Plan, told: Callable[[str], None] = lambda line: None
) -> Verdict:
    """Try everything of the plan with one flow; stops at the first promise that is broken. `told` hears how far it is."""
    verdict = Verdict(flow.name)
    prepared = prepare(flow)
    if plan.services is None:  # a user's handlers may know what they do with what they are given
        input = in_input(flow, input)
    events = events_for(prepared, input)
    told(f"exploring {flow.name}")
    _explore(verdict, prepared, input, Freedom(events), plan)
    if verdict.failure is None:
        told(f"simulating {2 * plan.seeds} histories")
        _simulate(verdict, Subject(prepared, input, events, plan.shows), plan)
    if verdict.failure is None and plan.mutants:
        told(f"planting {len(MUTANTS)} mistakes")
        _hunt(verdict, flow, input)
    verdict.empty = _empty(verdict, plan)
    return verdict


def _explore(verdict: Verdict, prepared: Prepared, input: Mapping[str, Value], freedom: Freedom, plan: Plan) -> None:
    for mode in MODES:
        found = verdict.explored[mode] = explore(prepared, mode, input, freedom, plan.worlds)
        if found.broken is not None:
            verdict.failure = Failure(mode, found.broken.why, found.broken.schedule)
            return


def _simulate(verdict: Verdict, subject: Subject, plan: Plan) -> None:
    is_personal = plan.services is None and subject.is_personal()
    for seed in range(plan.seeds):
        for mode in MODES:
            choices = Choices(seed)
            found = simulate(subject, mode, choices, plan.kinds, plan.services)
            verdict.histories += 1
            verdict.statuses.update(found.statuses)
            verdict.faults += found.faults
            verdict.calls += found.calls
            verdict.effects += found.effects
            verdict.replayed += found.checks.replayed
            verdict.ordered += found.checks.ordered
            verdict.secrets += is_personal
            verdict.lines += len(found.seen) if is_personal else 0
            if found.broken:
                if plan.services is None:
                    _, found = shortest(subject, mode, choices.draws, plan.kinds)
                verdict.failure = Failure(mode, found.broken, tuple(found.trace), seed)
                return


def _hunt(verdict: Verdict, flow: ir.Flow, input: Mapping[str, Value]) -> None:
    """Each planted mistake on this flow, and where this flow has not what it is about, on one of its own."""
    for mutant in MUTANTS:
        here = hunt_here(mutant, flow, input)
        verdict.hunts.append((here, True) if here.why else (hunt(mutant), False))


def _empty(verdict: Verdict, plan: Plan) -> str:
    if verdict.failure is not None:
        return ""
    if not verdict.effects:
        return "no effect happened in any history"
    if plan.kinds and not verdict.faults:
        return "no fault was fired in any history"
    return ""


def families(names: Sequence[str]) -> tuple[str, ...]:
    """The families of faults of these names. Raises ValueError for a name that there is not."""
    for name in names:
        if name not in KINDS:
            raise ValueError(f"there is no kind of fault `{name}`; there are {', '.join(KINDS)}")
    return tuple(kind for kind in KINDS if kind in names)
