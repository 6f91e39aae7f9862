"""All against all, a little of each in turn, so that whatever else the machine does meets everybody alike."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.peers import CONTENDERS, Peer

WORKS = {"three": "3 steps", "ten": "10 steps", "fork": "fork of 4, join"}
STEPS = {"three": 3, "ten": 10, "fork": 4}
AT_ONCE = (1, 8, 64, 256)
QUICK = 1.5  # seconds
Cell = tuple[str, str, int]  # peer, workload, how many at once


@dataclass(slots=True)
class Figures:
    """What was measured: for each cell all its rounds."""

    rounds: dict[Cell, list[dict[str, Any]]] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)

    def all(self, cell: Cell, what: str) -> list[float]:
        """One figure of a cell, round by round."""
        return [one[what] for one in self.rounds.get(cell, ())]

    def median(self, cell: Cell, what: str = "rate") -> float:
        """0 where there is none."""
        found = self.all(cell, what)
        return statistics.median(found) if found else 0.0

    def best(self, peer: str, work: str) -> int:
        """How many at once serve a peer best, of those that were measured most often; 0 where none was."""
        return next(iter(self._from_the_best(peer, work)), 0)

    def candidates(self, peer: str, work: str, round: int) -> tuple[int, ...]:
        """How many at once are worth a round: all of them in the first two, then one at a time and the best; in two more also
        the second best, where a cell takes no longer than `QUICK`, because two rounds can't tell those apart."""
        found = self._from_the_best(peer, work)
        if round < 2:
            return AT_ONCE
        quick = all(self._took((peer, work, many)) <= QUICK for many in found[:2])
        return (1, *found[: 2 if round < 4 and quick else 1])

    def _from_the_best(self, peer: str, work: str) -> list[int]:
        known = [cell for cell in self.rounds if cell[:2] == (peer, work) and cell[2] > 1]
        most = max((len(self.rounds[cell]) for cell in known), default=0)
        left = [cell for cell in known if len(self.rounds[cell]) == most]
        return [many for _, _, many in sorted(left, key=self.median, reverse=True)]

    def _took(self, cell: Cell) -> float:
        """Seconds of the longest round of a cell."""
        return max(runs / rate for runs, rate in zip(self.all(cell, "runs"), self.all(cell, "rate"), strict=True))

    def ratio(self, one: Cell, other: Cell, what: str = "rate") -> tuple[float, float, float]:
        """The ratio of two cells: the median of those of the rounds in which both were measured, the least, the largest."""
        theirs = {found["round"]: found[what] for found in self.rounds.get(other, ())}
        pairs = [
            found[what] / theirs[found["round"]] for found in self.rounds.get(one, ()) if theirs.get(found["round"])
        ]
        return (statistics.median(pairs), min(pairs), max(pairs)) if pairs else (0.0, 0.0, 0.0)


class Side:
    """The process of a peer."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self._process = subprocess.Popen(
            peer.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=CONTENDERS, text=True
        )
        self.read()

    def ask(self, work: str, at_once: int, seconds: float) -> dict[str, Any]:
        """Let it work for some seconds."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"work": work, "at_once": at_once, "seconds": seconds}) + "\n")
        self._process.stdin.flush()
        return self.read()

    def read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.peer.name} ended with status {self._process.wait()}")
        found: dict[str, Any] = json.loads(line)
        return found

    def end(self) -> None:
        """Close its input; it goes."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def fight(peers: Sequence[Peer], works: Sequence[str], rounds: int, seconds: float) -> Figures:
    """Measure everybody in every workload: `rounds` times, forwards and backwards in turn, with as many at once as are worth
    it: see `Figures.candidates`."""
    figures = Figures()
    sides: list[Side] = []
    try:
        for peer in peers:
            try:
                sides.append(Side(peer))
            except RuntimeError as problem:
                figures.broken[peer.name] = str(problem)
        for number in range(rounds):
            worth = {
                (s.peer.name, work): figures.candidates(s.peer.name, work, number) for s in sides for work in works
            }
            for work in works:
                for many in AT_ONCE:
                    for side in tuple(sides) if number % 2 == 0 else tuple(reversed(sides)):
                        if many not in worth[side.peer.name, work]:
                            continue
                        try:
                            found = side.ask(work, many, seconds)
                        except RuntimeError as problem:
                            figures.broken[side.peer.name] = str(problem)
                            sides.remove(side)
                            continue
                        figures.rounds.setdefault((side.peer.name, work, many), []).append({"round": number, **found})
            print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    finally:
        for side in sides:
            side.end()
    return figures
