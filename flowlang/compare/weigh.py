"""The figures of a mode: every way of a run, weighed by how likely it is.

A run is played with the likeliest choices first; each choice that it met gives further runs, until what is left out is
next to nothing or there are too many. Then each call of each of these runs is made to fail, once: a run in which two
calls fail is too rare to count. All figures are means over those runs.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from flowlang import ir
from flowlang.compare.play import COORDINATOR, Forms, Played, TooLong, play
from flowlang.compare.rates import Rates, short

MOST_RUNS = 200
MOST_FAILING = 400
MOST_CALLS = 40_000  # in all of those runs: of a long flow fewer are played
ENOUGH = 0.999


@dataclass(frozen=True, slots=True)
class Figures:
    """Means of the messages of a run: of one that completes, and of one that is undone. `hops` is the critical path.
    `share` is the part of the deliveries that the busiest service sends or gets, and `busiest` its name."""

    deliveries: float
    publications: float
    hops: float
    bytes: float
    undo_deliveries: float
    undo_hops: float
    undone: float  # how likely it is that a run is undone
    busiest: str
    share: float
    between: tuple[tuple[str, str, float], ...] = field(repr=False)  # deliveries from one to another


def weigh(flow: ir.Flow, forms: Forms, mode: str, rates: Rates) -> Figures:
    """The figures of `flow` in `mode`."""
    runs = list(_runs(flow, forms, mode, rates))
    good = [(weight, run) for weight, run in runs if run.played.status == "completed"]
    bad = [(weight, run.played) for weight, run in runs if run.played.status != "completed"]
    bad += _failing(flow, forms, mode, rates, runs)
    completed = [(weight, run.played) for weight, run in good]
    between: Counter[tuple[str, str]] = Counter()
    total = sum(weight for weight, _ in completed) or 1.0
    for weight, played in completed:
        for one in played.deliveries:
            between[one.source, one.target] += weight / total  # type: ignore[assignment]
    busiest, share = _busiest(between)
    return Figures(
        deliveries=_mean((w, len(p.deliveries)) for w, p in completed),
        publications=_mean((w, len({one.id for one in p.deliveries})) for w, p in completed),
        hops=_mean((w, p.hops) for w, p in completed),
        bytes=_mean((w, sum(one.bytes for one in p.deliveries)) for w, p in completed),
        undo_deliveries=_mean((w, len(p.deliveries)) for w, p in bad),
        undo_hops=_mean((w, p.hops) for w, p in bad),
        undone=min(1.0, sum(weight for weight, _ in bad)),
        busiest=busiest,
        share=share,
        between=tuple((a, b, count) for (a, b), count in sorted(between.items())),
    )


@dataclass(frozen=True, slots=True)
class Run:
    """A run with the choices that were made in it, as (block, way) in their order."""

    choices: tuple[tuple[str, int], ...]
    played: Played


class _Choosing:
    """Makes the choices of a script, then the likeliest ones, and writes down what there was to choose."""

    def __init__(self, script: tuple[int, ...], rates: Rates) -> None:
        self.script, self.rates = script, rates
        self.made: list[tuple[str, int]] = []
        self.others: list[tuple[tuple[int, ...], float]] = []  # scripts of the ways not taken, with their probability
        self.probability = 1.0

    def __call__(self, path: str, count: int) -> int:
        ways = self.rates.ways(path, count)
        number = len(self.made)
        if number < len(self.script):
            way = self.script[number]
        else:
            way = max(range(count), key=lambda n: (ways[n], -n))
            before = tuple(way for _, way in self.made)
            self.others += [((*before, n), self.probability * ways[n]) for n in range(count) if n != way and ways[n]]
        self.made.append((path, way))
        self.probability *= ways[way]
        return way


def _runs(flow: ir.Flow, forms: Forms, mode: str, rates: Rates) -> Iterator[tuple[float, Run]]:
    """The likeliest runs without a failing call, with the probability of each."""
    waiting: list[tuple[float, tuple[int, ...]]] = [(-1.0, ())]
    left, played = 1.0, 0
    calls = 0
    while waiting and played < MOST_RUNS and calls < MOST_CALLS and left > 1 - ENOUGH:
        _, script = heapq.heappop(waiting)
        choosing = _Choosing(script, rates)
        try:
            run = play(flow, forms(mode, choosing), choosing)
        except TooLong:
            continue
        for other, probability in choosing.others:
            heapq.heappush(waiting, (-probability, other))
        left -= choosing.probability
        played += 1
        calls += len(run.calls)
        yield choosing.probability, Run(tuple(choosing.made), run)


def _failing(
    flow: ir.Flow, forms: Forms, mode: str, rates: Rates, runs: list[tuple[float, Run]]
) -> list[tuple[float, Played]]:
    """Runs in which one call fails: those that are undone then, with the probability of each."""
    found: list[tuple[float, Played]] = []
    todo = [
        (weight * rate / len(call.fails_with), run, call.path, name)
        for weight, run in runs
        for call in run.played.calls
        if (rate := rates.failure(short(call.path), f"{call.operation.service}.{call.operation.name}")) > 0
        for name in call.fails_with
    ]
    longest = max((len(run.played.calls) for _, run in runs), default=0)
    most = min(MOST_FAILING, MOST_CALLS // max(1, longest))
    for weight, run, path, name in heapq.nlargest(most, todo, key=lambda one: one[0]):
        choosing = _Choosing(tuple(way for _, way in run.choices), rates)
        try:
            played = play(flow, forms(mode, choosing), choosing, (path, name))
        except TooLong:
            continue
        if played.status != "completed":
            found.append((weight, played))
    return found


def _mean(values: Iterable[tuple[float, float]]) -> float:
    known = list(values)
    total = sum(weight for weight, _ in known)
    return sum(weight * value for weight, value in known) / total if total else 0.0


def _busiest(between: Counter[tuple[str, str]]) -> tuple[str, float]:
    touched: dict[str, float] = {}
    for (source, target), count in between.items():
        touched[source] = touched.get(source, 0.0) + count
        touched[target] = touched.get(target, 0.0) + count
    if not touched:
        return "", 0.0
    name = max(sorted(touched), key=lambda service: (touched[service], service == COORDINATOR))
    return name, touched[name] / sum(between.values())
