"""Random flows in both modes against what they mean; a failing one is shrunk to the smallest that still fails."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from flowlang.contract import Contracts
from flowlang.event import External, Value
from flowlang.lower import lower
from flowlang.verify.choices import Choices, shrink
from flowlang.verify.generate import SERVICES, flow
from flowlang.verify.schedule import Choreographed, Mode, Orchestrated, Prepared, Schedule, prepare

MODES: dict[str, Callable[[Prepared], Mode]] = {"orchestrate": Orchestrated, "choreograph": Choreographed}
INPUT: dict[str, Value] = {"order": {"id": "o-1", "n": 2}}


@dataclass(slots=True)
class Tally:
    """How many runs came to what, by mode and status, so that a pass in which nothing happened can be told from a proof."""

    flows: int = 0
    runs: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Difference:
    """A flow whose run and meaning differ: the draws that make it, in which mode and schedule, and what was seen."""

    draws: tuple[int, ...]
    mode: str
    seed: int
    why: str


def agree(
    contracts: Contracts, seeds: Sequence[int], schedules: int = 4, depth: int = 3
) -> tuple[Tally, Difference | None]:
    """Run one random flow for each seed under some schedules in both modes; stops at the first difference, shrunk."""
    tally = Tally()
    for seed in seeds:
        choices = Choices(seed)
        prepared = prepare(lower(flow(choices, depth), contracts))
        tally.flows += 1
        for number in range(schedules):
            for mode in MODES:
                why = run(prepared, mode, seed * schedules + number, tally)
                if why is not None:
                    return tally, smallest(contracts, choices.draws, mode, seed * schedules + number, depth)
    return tally, None


def run(prepared: Prepared, mode: str, seed: int, tally: Tally) -> str | None:
    """One run of a flow under the schedule of `seed`; what is wrong with it, or None. An assertion of a machine counts: it
    is what a machine says when it is driven to where it can't be."""
    rng = random.Random(seed)
    events = [
        External(f"x{n}", f"{rng.choice(SERVICES)}.told", "", {"key": INPUT["order"]["id"], "n": rng.randrange(4)})
        for n in range(rng.randrange(5))
    ]
    machine = MODES[mode](prepared)
    try:
        outcome = Schedule(prepared, machine, rng, dict(INPUT), events).run()
    except (AssertionError, KeyError, ValueError) as wrong:  # Disagreement and IllegalOracle among them
        return f"{type(wrong).__name__}: {wrong}"
    tally.runs[f"{mode} {outcome.status}"] += 1
    return None


def smallest(contracts: Contracts, draws: Sequence[int], mode: str, seed: int, depth: int = 3) -> Difference:
    """The simplest flow found that still differs, over a few schedules since a smaller flow needs another one."""

    def differs(tried: Sequence[int]) -> str | None:
        prepared = prepare(lower(flow(Choices(draws=tried), depth), contracts))
        return next((why for n in range(20) if (why := run(prepared, mode, seed + n, Tally()))), None)

    found = shrink(draws, lambda tried: differs(tried) is not None, 1000) if differs(draws) else list(draws)
    why = differs(found) or "only under the schedule of this seed"
    return Difference(tuple(found), mode, seed, why)
