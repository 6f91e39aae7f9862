"""What was to be reached, and whether it was: each goal is a sentence, a bound, and how to read the figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.duel import STEPS, WORKS, Figures

OURS, CHOREOGRAPHED, MEMORY, FLOOR = "flowlang", "flowlang, choreographed", "flowlang, in memory", "floor"
DURABLE_PEERS = ("DBOS, SQLite", "DBOS, PostgreSQL", "Restate")


@dataclass(frozen=True, slots=True)
class Goal:
    """One figure: `at_least` or at most the bound."""

    text: str
    bound: float
    found: float
    unit: str = ""
    at_least: bool = True

    @property
    def reached(self) -> bool:
        """Whether it is."""
        return self.found >= self.bound if self.at_least else self.found <= self.bound

    def row(self) -> str:
        """A row of the table."""
        sign = "at least" if self.at_least else "at most"
        word = (
            "reached"
            if self.reached
            else f"not reached: {_number(self.found)}{self.unit} instead of {_number(self.bound)}{self.unit}"
        )
        return f"| {self.text} | {sign} {_number(self.bound)}{self.unit} | {_number(self.found)}{self.unit} | {word} |"


def goals(figures: Figures) -> Iterator[Goal]:
    """All goals for which there are figures."""
    for work, one_bound, best_bound in (("three", 8, 25), ("ten", 0, 12), ("fork", 8, 15)):
        if not figures.median((OURS, work, 1)):
            continue
        name = WORKS[work]
        peers = [peer for peer in DURABLE_PEERS if figures.median((peer, work, 1))]
        if peers and one_bound:
            better = max(peers, key=lambda peer: figures.median((peer, work, 1)))
            ratio = figures.ratio((OURS, work, 1), (better, work, 1))[0]
            yield Goal(f"{name}, one at a time, times the better peer ({better})", one_bound, ratio, "x")
        if peers:
            better = max(peers, key=lambda peer: figures.median((peer, work, figures.best(peer, work))))
            theirs = (better, work, figures.best(better, work))
            ratio = figures.ratio((OURS, work, figures.best(OURS, work)), theirs)[0]
            yield Goal(
                f"{name}, best concurrency, times the best peer ({better} at {theirs[2]})", best_bound, ratio, "x"
            )
    if figures.median((FLOOR, "three", 1)):
        share = figures.ratio((OURS, "three", 1), (FLOOR, "three", 1))[0]
        yield Goal("3 steps, one at a time, share of the floor", 25, 100 * share, " %")
        best, floor = figures.best(OURS, "three"), figures.best(FLOOR, "three")
        share = figures.ratio((OURS, "three", best), (FLOOR, "three", floor))[0]
        yield Goal("3 steps, best concurrency, share of the floor", 15, 100 * share, " %")
    yield Goal("3 steps, one at a time, p50", 1, figures.median((OURS, "three", 1), "p50"), " ms", at_least=False)
    for work, name in WORKS.items():
        one = (OURS, work, 1)
        if figures.rounds.get(one):
            commits = max(found["commits"] / found["runs"] for found in figures.rounds[one])
            yield Goal(f"{name}, one at a time, commits for a run", STEPS[work] + 2, commits, "", at_least=False)
        many = (OURS, work, 64)
        if figures.rounds.get(many):
            commits = max(found["commits"] / found["runs"] / STEPS[work] for found in figures.rounds[many])
            yield Goal(f"{name}, 64 at once, commits for a step", 0.1, commits, "", at_least=False)
            spread = figures.ratio(many, many)[0] and _median(
                [found["p99"] / found["p50"] for found in figures.rounds[many]]
            )
            yield Goal(f"{name}, 64 at once, p99 / p50", 4, spread, "", at_least=False)
    if figures.median((MEMORY, "three", 1)) and figures.median(("SpiffWorkflow", "three", 1)):
        theirs = max(
            ((at) for at in (1, figures.best("SpiffWorkflow", "three")) if at),
            key=lambda at: figures.median(("SpiffWorkflow", "three", at)),
        )
        ratio = figures.ratio((MEMORY, "three", figures.best(MEMORY, "three")), ("SpiffWorkflow", "three", theirs))[0]
        yield Goal("3 steps without durability, times SpiffWorkflow in memory", 2, ratio, "x")
    if figures.median((CHOREOGRAPHED, "three", 1)):
        best = figures.best(CHOREOGRAPHED, "three")
        ratio = figures.ratio((CHOREOGRAPHED, "three", best), (OURS, "three", figures.best(OURS, "three")))[0]
        yield Goal("3 steps choreographed, best concurrency, share of the orchestrated figure", 50, 100 * ratio, " %")
        p50 = figures.median((CHOREOGRAPHED, "three", 1), "p50")
        yield Goal("3 steps choreographed, one at a time, p50", 2, p50, " ms", at_least=False)


def _median(found: list[float]) -> float:
    return sorted(found)[len(found) // 2]


def _number(number: float) -> str:
    """Three digits that say something."""
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.3g}"
