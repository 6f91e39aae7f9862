"""A sequence of choices that makes a random thing, can be repeated, and can be made simpler.

A generator asks for numbers; the numbers drawn *are* the thing. To shrink a failing example, shorter and smaller
sequences are tried: whatever a generator makes of them is a well-formed, simpler example. The idea is Hypothesis'
(MacIver and Donaldson, "Test-case reduction via test-case generation", ECOOP 2020).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


class Choices:
    """Draws from `seed`, or from recorded `draws` and zeros after their end. By convention 0 is the simplest choice."""

    def __init__(self, seed: int = 0, draws: Sequence[int] | None = None) -> None:
        self._random = random.Random(seed)
        self._given = draws
        self.draws: list[int] = []

    def below(self, bound: int) -> int:
        """A number from 0 up to but not including `bound`."""
        if self._given is None:
            drawn = self._random.randrange(bound)
        else:
            place = len(self.draws)
            drawn = min(self._given[place], bound - 1) if place < len(self._given) else 0
        self.draws.append(drawn)
        return drawn

    def chance(self, percent: int) -> bool:
        """True in about `percent` of 100 draws; False is the simpler one."""
        return self.below(100) >= 100 - percent

    def pick(self, items: Sequence[T]) -> T:
        """One of `items`, the first being the simplest."""
        return items[self.below(len(items))]

    def weighted(self, items: Sequence[tuple[int, T]]) -> T:
        """One of `items` by weight, the first being the simplest."""
        drawn = self.below(sum(weight for weight, _ in items))
        for weight, item in items:
            if drawn < weight:
                return item
            drawn -= weight
        raise AssertionError("weights do not add up")


def shrink(draws: Sequence[int], fails: Callable[[Sequence[int]], bool], tries: int = 2000) -> list[int]:
    """The simplest draws found, within `tries` attempts, for which `fails` is still true."""
    best = list(draws)

    def better(candidate: list[int]) -> bool:
        nonlocal tries
        if tries <= 0 or candidate == best or (len(candidate), candidate) >= (len(best), best):
            return False
        tries -= 1
        return fails(candidate)

    improved = True
    while improved and tries > 0:
        improved = False
        for size in (32, 16, 8, 4, 2, 1):
            place = 0
            while place + size <= len(best):
                candidate = best[:place] + best[place + size :]
                if better(candidate):
                    best, improved = candidate, True
                else:
                    place += 1 if size < 4 else size // 2
        for place in range(len(best)):
            for smaller in {0, best[place] // 2, best[place] - 1}:
                if 0 <= smaller < best[place]:
                    candidate = [*best[:place], smaller, *best[place + 1 :]]
                    if better(candidate):
                        best, improved = candidate, True
                        break
    return best
