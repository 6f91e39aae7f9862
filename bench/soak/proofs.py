"""The long proofs, each a list of slices that take some seconds. A slice is the same whenever and wherever it is done."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product, takewhile, zip_longest
from pathlib import Path
from typing import Any

from bench.soak import examples, recovery
from bench.soak.state import Found
from flowlang.contract import Contracts, load
from flowlang.event import External
from flowlang.source import Source
from flowlang.verify import agree, generate, killing, small
from flowlang.verify.case import Case, plain
from flowlang.verify.choices import Choices
from flowlang.verify.explore import MODES, Freedom, explore
from flowlang.verify.listening import events_for
from flowlang.verify.mutants import hunt
from flowlang.verify.planted import MUTANTS
from flowlang.verify.schedule import Leaves, Prepared, prepare
from flowlang.verify.simulate import simulate
from flowlang.verify.subject import Subject

DEPTH = 3
WORLDS = 5_000  # of one exploration
RECOVERY = 2_000  # milliseconds that it may take until the first of 10,000 open runs goes on
SEEDS, FLOWS, KILLS = 200_000, 100_000, 5_000
SEEDS_AT_ONCE, FLOWS_AT_ONCE, EXPLORED_AT_ONCE, KILLS_AT_ONCE = 50, 20, 6, 10
MOST_HISTORIES = 100  # of one slice; most see a kill or several
LAYOUTS = {"orchestrate": "central engine", "together": "one process", "choreograph": "service processes"}
"""The layouts of the crash harness, as the page calls them."""


@dataclass(frozen=True, slots=True)
class Proof:
    """`slices` are what `act` takes, each once; together they are what was to be proved. After `enough` of them, where that
    is not 0, the rest is done when all other proofs are through."""

    slices: Sequence[Any]
    act: Callable[[Any, Path], Found]
    enough: int = 0


@cache
def proofs() -> dict[str, Proof]:
    """All, in the order in which they are begun."""
    of_examples = list(example_slices())
    return {
        "mutants": Proof([mutant.name for mutant in MUTANTS], _mutant),
        "recovery": Proof(range(3), _recovery),
        "examples": Proof(of_examples, _example, enough=sum(1 for _ in takewhile(_is_first, of_examples))),
        "crashes": Proof(list(crash_slices()), _crashes),
        "kills": Proof(list(kill_slices()), _kills),
        "simulations": Proof(range(0, SEEDS, SEEDS_AT_ONCE), _simulations),
        "flows": Proof(range(0, FLOWS, FLOWS_AT_ONCE), _flows),
        "explorations": Proof(range(0, small.count(DEPTH), EXPLORED_AT_ONCE), _explorations),
    }


# ---------------------------------------------------------------- simulated, explored, compared


def _mutant(name: str, folder: Path) -> Found:
    """One planted mistake."""
    found = hunt(next(mutant for mutant in MUTANTS if mutant.name == name))
    return {"n": 1, "trials": {name: found.trials}, "broken": [] if found.why else [f"got away: {name}"]}


def _simulations(first: int, folder: Path) -> Found:
    """Seed n: flow n / 10 of all small flows, drawn; every fault; both modes."""
    total = {"n": 0, "faults": 0, "effects": 0}
    broken = []
    for tenth in range(first // 10, (first + SEEDS_AT_ONCE) // 10):
        text = small.text(Choices(tenth).below(small.count(DEPTH)), DEPTH)
        prepared = prepare(small.kernel(text))
        subject = Subject(prepared, small.INPUT, events_for(prepared, small.INPUT, 4))
        for seed, mode in product(range(tenth * 10, tenth * 10 + 10), MODES):
            found = simulate(subject, mode, Choices(seed))
            total["faults"] += sum(found.faults.values())
            total["effects"] += found.effects
            if found.broken:
                broken.append(f"seed {seed} {mode}: {found.broken}\n{text}")
        total["n"] += 10
    return {**total, "broken": broken}


def _explorations(first: int, folder: Path) -> Found:
    """Some small flows of the depth, spread so that a short soak sees all constructs; each in both modes."""
    many = small.count(DEPTH)
    total = {"n": 0, "worlds": 0, "complete": 0}
    broken = []
    for place in range(first, min(first + EXPLORED_AT_ONCE, many)):
        number = place * 7_919 % many  # a prime that does not divide them: each is met once
        text = small.text(number, DEPTH)
        prepared = prepare(small.kernel(text), _leaves())
        events = events_for(prepared, small.INPUT, 4)
        for mode in MODES:
            found = explore(prepared, mode, small.INPUT, Freedom(events), WORLDS)
            total["n"] += 1
            total["worlds"] += found.worlds
            total["complete"] += found.complete
            if found.broken:
                broken.append(f"flow {number} {mode}: {found.broken.why}\n{text}")
    return {**total, "broken": broken}


@cache
def _leaves() -> Leaves:
    """What small flows have in common."""
    return Leaves()


def _flows(first: int, folder: Path) -> Found:
    """Random flows of the generator, both modes against the meaning."""
    runs, broken, leaves = 0, [], Leaves()
    for seed in range(first, first + FLOWS_AT_ONCE):
        tally, difference = agree.agree(_contracts(), [seed], schedules=2, leaves=leaves)
        runs += sum(tally.runs.values())
        if difference is not None:
            broken.append(f"flow {seed}: {difference.why}")
    return {"n": FLOWS_AT_ONCE, "runs": runs, "broken": broken}


@cache
def _contracts() -> Contracts:
    contracts, _ = load([Source(name, text) for name, text in generate.CONTRACTS.items()], _nothing_else)
    return contracts


def _nothing_else(reference: str, beside: Source) -> Source:
    raise AssertionError(f"{beside.name} refers to {reference}")


def _recovery(number: int, folder: Path) -> Found:
    """From the start of a process to its first call, with 10,000 runs open."""
    took = round(max(recovery.measure(1)) * 1000)
    return {"n": 1, "took": [took], "broken": [f"recovery took {took:,} ms"] if took > RECOVERY else []}


# ---------------------------------------------------------------- crashes of examples


def example_slices() -> Iterable[tuple[str, str, str, str]]:
    """(case, layout, process, place): of each example its first scenario, then of each its second, and so on. Service
    processes cost five times as much as the other layouts, so all but the first scenarios come last in those."""
    cases = list(product(in_turn(), killing.MODES))
    for case, layout in sorted(cases, key=lambda one: not _is_first(one)):
        for victim in killing.victims(examples.case(case).prepared, layout):
            for place in killing.places(layout):
                yield case, layout, victim, place


def _is_first(slice: Sequence[str]) -> bool:
    """Whether it is one of those that have to be done before other proofs may be."""
    case, layout = slice[:2]
    return layout != "choreograph" or case in _first_scenarios()


@cache
def _first_scenarios() -> frozenset[str]:
    first: dict[str, str] = {}
    for name in examples.names():
        first.setdefault(examples.flow_of(name), name)
    return frozenset(first.values())


def in_turn() -> Iterable[str]:
    """All cases, as one deals cards: no example waits until another one is through."""
    of: dict[str, list[str]] = {}
    for name in examples.names():
        of.setdefault(examples.flow_of(name), []).append(name)
    return (name for round in zip_longest(*of.values()) for name in round if name is not None)


def _example(slice: tuple[str, str, str, str], folder: Path) -> Found:
    """One process at each pass of one place."""
    name, layout, victim, place = slice
    return _at_places(killing.Harness(_case(name, 2), layout, folder / "crash"), victim, place)


def _at_places(harness: killing.Harness, victim: str, place: str) -> Found:
    try:
        harness.all_passes(victim, place)
    finally:
        harness.close()
    assert len(harness.tally.points) == harness.tally.kills, "a point was counted twice"
    return _told(harness)


def _told(harness: killing.Harness) -> Found:
    tally = harness.tally
    return {
        "n": tally.kills,
        "again": tally.again,
        "asked again": tally.asked_again,
        "effects": tally.calls,
        "by": {_title(harness): {harness.mode: tally.kills}},
        "broken": tally.broken,
    }


def _title(harness: killing.Harness) -> str:
    name = harness.case.name
    flow = name if name in SMALL else examples.flow_of(name)
    return f"{flow}, commits in a thread" if harness.in_thread else flow


# ---------------------------------------------------------------- crashes of small flows, and with commits in a thread

_STEPS = "\n".join(f"step {s} = {s}.act(id: id) {{ compensate {s}.undo(id: id) }}" for s in "abc")
SMALL = {
    "small: undone": f"{_STEPS}\nfail Odd",
    "small: fork": f"fork {{ {_STEPS} }} join all",
    "small: wait": f'{_STEPS}\nwait for event "b.told" as e where e.id == id within 5m else fail Late',
    "small: each": f"for each i in [1, 2, 3] parallel 2 {{ {_STEPS} }}",
    "small: catch": f"scope k {{ {_STEPS} fail Odd }} catch as e -> {{ step d = b.act(id: id) {{ compensate none }} }}",
}
"""Flows of which every run comes to an end by itself: what waits for ever can't be killed until it is over."""


def crash_slices() -> Iterable[tuple[str, str, str, str, bool]]:
    """(case, layout, process, place, whether commits have a thread) of the small flows, and of each example in its first
    scenario with a thread."""
    firsts = [name for name in in_turn() if name in _first_scenarios()]
    cases = [*product(SMALL, (False, True)), *product(firsts, (True,))]
    for (name, in_thread), layout in product(cases, killing.MODES):
        for who in killing.victims(_case(name, 1).prepared, layout):
            for place in killing.places(layout, in_thread):
                yield name, layout, who, place, in_thread


def _case(name: str, runs: int) -> Case:
    """A small flow, or an example in one of its scenarios."""
    if name not in SMALL:
        return examples.case(name, runs)
    prepared, events = _small(name)
    return plain(name, prepared, small.INPUT, events, runs=runs)


@cache
def _small(name: str) -> tuple[Prepared, tuple[External, ...]]:
    prepared = prepare(small.kernel(small.whole(SMALL[name])))
    return prepared, events_for(prepared, small.INPUT)


def _crashes(slice: tuple[str, str, str, str, bool], folder: Path) -> Found:
    """One process at each pass of one place."""
    name, layout, who, place, in_thread = slice
    return _at_places(killing.Harness(_case(name, 1), layout, folder / "crash", in_thread), who, place)


# ---------------------------------------------------------------- kills at any moment


def kill_slices() -> list[tuple[str, str, int]]:
    """(flow, layout, seed): all examples in all scenarios, and the small flows, in all layouts, again and again; in those that
    cost a fifth twice as often."""
    cheap = [layout for layout in killing.MODES if layout != "choreograph"]
    all_of_them = list(product([*in_turn(), *SMALL], [*killing.MODES, *cheap]))
    return [(*all_of_them[seed % len(all_of_them)], seed) for seed in range(KILLS // KILLS_AT_ONCE)]


def _kills(slice: tuple[str, str, int], folder: Path) -> Found:
    """Some kills at any moment, of any process; of some processes again while they recover. With every second seed all
    commits have a thread."""
    name, layout, seed = slice
    harness = killing.Harness(_case(name, 3), layout, folder / "crash", in_thread=seed % 2 == 1)
    try:
        harness.at_random(random.Random(seed), KILLS_AT_ONCE, harness.usual())
    finally:
        harness.close()
    return _told(harness)
