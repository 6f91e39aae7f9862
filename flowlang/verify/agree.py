"""Random flows in both modes against what they mean; a failing one is shrunk to the smallest that still fails."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from flowlang import ir
from flowlang.contract import Contracts
from flowlang.event import External, Outcome, Value
from flowlang.lower import lower
from flowlang.oracle import Oracle
from flowlang.place import bare
from flowlang.verify.choices import Choices, shrink
from flowlang.verify.generate import SERVICES, Family, flow
from flowlang.verify.schedule import Choreographed, Leaves, Mode, Odds, Orchestrated, Prepared, Schedule, prepare

USUAL = Odds()
MODES: dict[str, Callable[[Prepared], Mode]] = {"orchestrate": Orchestrated, "choreograph": Choreographed}


@dataclass(slots=True)
class Tally:
    """How many runs came to what, by mode and status; in how many flows each kind of block stands; and how often what is
    rare was seen in a run, by mode: so that a pass in which nothing happened can be told from a proof."""

    flows: int = 0
    runs: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Difference:
    """A flow whose run and meaning differ, in which mode and schedule, and what was seen."""

    family: Family
    mode: str
    seed: int
    why: str


def kernel(family: Family, contracts: Contracts) -> ir.Flow:
    """The kernel of a generated flow."""
    return lower(family.flow, contracts, {name: (other, contracts) for name, other in family.others.items()})


def agree(
    contracts: Contracts,
    seeds: Sequence[int],
    schedules: int = 4,
    depth: int = 3,
    modes: Sequence[str] = tuple(MODES),
    odds: Odds = USUAL,
    leaves: Leaves | None = None,
) -> tuple[Tally, Difference | None]:
    """Run one random flow for each seed under some schedules in each mode; stops at the first difference, shrunk."""
    tally, leaves = Tally(), leaves or Leaves()
    for seed in seeds:
        choices = Choices(seed)
        found = under(kernel(flow(choices, depth), contracts), seed, schedules, modes, tally, odds, leaves)
        if found is not None:
            return tally, smallest(contracts, choices.draws, *found, depth, odds)
    return tally, None


def agree_on(
    contracts: Contracts,
    families: Iterable[Family],
    schedules: int = 4,
    modes: Sequence[str] = tuple(MODES),
    odds: Odds = USUAL,
) -> tuple[Tally, Difference | None]:
    """The same for flows that are given."""
    tally, leaves = Tally(), Leaves()
    for seed, family in enumerate(families):
        found = under(kernel(family, contracts), seed, schedules, modes, tally, odds, leaves)
        if found is not None:
            return tally, Difference(family, *found)
    return tally, None


def under(
    lowered: ir.Flow,
    seed: int,
    schedules: int,
    modes: Sequence[str],
    tally: Tally,
    odds: Odds = USUAL,
    leaves: Leaves | None = None,
) -> tuple[str, int, str] | None:
    """Some schedules of one flow in each mode: the first in which it differs from its meaning, and how."""
    prepared = prepare(lowered, leaves)
    tally.flows += 1
    tally.kinds.update({type(node).__name__ for node in ir.walk(lowered.body)})
    for number in range(seed * schedules, (seed + 1) * schedules):
        for mode in modes:
            why = run(prepared, mode, number, tally, odds)
            if why is not None:
                return mode, number, why
    return None


def run(prepared: Prepared, mode: str, seed: int, tally: Tally, odds: Odds = USUAL) -> str | None:
    """One run of a flow under the schedule of `seed`; what is wrong with it, or None. An assertion of a machine counts: it
    is what a machine says when it is driven to where it can't be."""
    rng = random.Random(seed)
    order: dict[str, Value] = {"id": "o-1", "n": rng.randrange(4)} | ({"m": 1} if rng.randrange(2) else {})
    events = [
        External(
            f"x{n}", f"{rng.choice(SERVICES)}.told", rng.choice(("o-1", "")), {"key": "o-1", "n": rng.randrange(4)}
        )
        for n in range(rng.randrange(9))
    ]
    try:
        machine = MODES[mode](prepared)
        outcome = Schedule(prepared, machine, rng, {"order": order}, events, odds).run()
    except (
        AssertionError,
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
    ) as wrong:  # Disagreement and IllegalOracle too
        return "\n".join([f"{type(wrong).__name__}: {wrong}", *getattr(wrong, "__notes__", ())])
    tally.runs[f"{mode} {outcome.status}"] += 1
    tally.seen.update({f"{mode} {what}" for what in seen(prepared.nodes, outcome, machine.oracle())})
    return None


def smallest(
    contracts: Contracts,
    draws: Sequence[int],
    mode: str,
    seed: int,
    why: str,
    depth: int = 3,
    odds: Odds = USUAL,
) -> Difference:
    """The simplest flow found that still differs, over a few schedules since a smaller flow needs another one."""

    def differs(tried: Sequence[int]) -> tuple[int, str] | None:
        prepared = prepare(kernel(flow(Choices(draws=tried), depth), contracts))
        found = ((number, run(prepared, mode, number, Tally(), odds)) for number in range(seed, seed + 20))
        return next(((number, why) for number, why in found if why), None)

    best = shrink(draws, lambda tried: differs(tried) is not None, 300)
    return Difference(flow(Choices(draws=best), depth), mode, *(differs(best) or (seed, why)))


# ---------------------------------------------------------------- what was seen

RARE = (
    "winners",
    "loser undone",
    "interrupted by an event",
    "interrupted by the time limit",
    "kid",
    "turned step",
    "turned race",
    "turned pause",
    "turned back-off",
    "turned child",
    "turned commit",
    "turned: cancelled",
    "turned: lost",
    "firm step stuck",
    "committed",
    "child committed",
    "child cancelled",
    "further attempt",
    "not all items started",
    "compensation block",
    "compensation block skipped",
    "race won by an event",
    "race won by the timer",
    "waiting",
    "residue",
    "unknown undone",
)


def seen(nodes: Mapping[str, ir.Node], outcome: Outcome, oracle: Oracle) -> set[str]:
    """Which of `RARE` happened in a run of the flow with these blocks."""
    steps = {path: node for path in oracle.results for node in (nodes.get(bare(path)),)}
    found = {
        "winners": oracle.winners,
        "loser undone": [c for c in outcome.calls if c.id.kind == "undo" and c.reason and c.reason.kind == "lost"],
        "interrupted by an event": [event for _, event in oracle.interrupts.values() if event is not None],
        "interrupted by the time limit": [event for _, event in oracle.interrupts.values() if event is None],
        "kid": [kids for kids in oracle.kids.values() if kids],
        "firm step stuck": [path for path in oracle.stuck if _is_firm(nodes.get(bare(path)))],
        "committed": oracle.committed,
        "child committed": [verdict for verdict in oracle.verdicts.values() if verdict == "committed"],
        "child cancelled": [verdict for verdict in oracle.verdicts.values() if verdict == "cancelled"],
        "further attempt": [path for path in oracle.results if "#" in path],
        "not all items started": [path for path, count in oracle.started.items() if count == 1],
        "compensation block": [c for c in outcome.calls if c.id.kind == "undo" and _is_firm(steps.get(c.id.path))],
        "compensation block skipped": oracle.skipped,
        "race won by an event": [taken for taken in oracle.races.values() if isinstance(taken, External)],
        "race won by the timer": [taken for taken in oracle.races.values() if taken == "timer"],
        "waiting": [taken for taken in oracle.races.values() if taken == "armed"],
        "residue": outcome.residue,
        "unknown undone": [c for c in outcome.calls if c.result == "unknown" and c.id.path in oracle.undone],
    }
    turned = {_turned(path, nodes) for path in oracle.turned}
    reasons = {f"turned: {reason.kind}" for reason in oracle.turned.values()}
    return {what for what, places in found.items() if places} | turned | reasons


def _is_firm(node: ir.Node | None) -> bool:
    return isinstance(node, ir.Step) and node.firm is not None


def _turned(path: str, nodes: Mapping[str, ir.Node]) -> str:
    """What turned round at `path`."""
    if path.endswith("]"):
        return "turned pause"
    if "#" in path.rpartition("/")[2]:
        return "turned back-off"
    return f"turned {type(nodes[bare(path)]).__name__.lower()}"
