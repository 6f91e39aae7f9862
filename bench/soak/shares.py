"""Which proof goes on next: each is given time by what is left of it, and one that is done gives its time to the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

LARGEST = 0.25  # of the time that there is: more of it doesn't count as left, or one bottomless proof would take all


@dataclass(slots=True)
class Share:
    """What one proof has taken: over all soaks `done` of the `slices` that it should do, or more, in `seconds`; and of this
    soak's time `used`."""

    slices: int
    done: int
    seconds: float
    used: float = 0.0

    @property
    def left(self) -> float:
        """Seconds, by what a slice has taken so far."""
        return max(0, self.slices - self.done) * self.seconds / self.done


@dataclass(slots=True)
class Shares:
    """`time` is what all workers together have, in seconds."""

    time: float
    of: dict[str, Share] = field(default_factory=dict)

    def next(self, open: Sequence[str], busy: Callable[[str], float]) -> str | None:
        """Of the proofs that have slices to begin, the one that has had least of its share; those that have done what they
        should wait for the others. `busy` is for how long slices of a proof have been going on. One of which nothing is known
        begins one slice first."""
        return min(open, key=lambda name: self._had(self.of[name], busy(name)), default=None)

    def _had(self, share: Share, busy: float) -> tuple[bool, float]:
        used = share.used + busy
        if not share.done:
            return False, used
        return not share.left, used / max(min(share.left + share.used, self.time * LARGEST), 1e-9)

    def over(self, name: str, seconds: float) -> None:
        """A slice is."""
        share = self.of[name]
        share.done += 1
        share.seconds += seconds
        share.used += seconds
