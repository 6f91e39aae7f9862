"""What is around a block: its iterations, and the verdicts above it that allow it to turn round or forbid it to wait.

A hint reaches whatever is below a verdict, up to the next child flow, which has a verdict of its own, or compensation
block, which ignores all hints from outside. Most verdicts are in the oracle before the block is looked at. The one that
is not is `join all or cancel`: that a branch is gone shows only once all of them have been walked. So such a fork writes
down what turned and what waits below it, and judges at its end.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from flowlang.event import CANCELLED, Index, Reason


class IllegalOracle(ValueError):
    """The oracle says something that no run of this flow can have seen."""


@dataclass(slots=True)
class Cancelling:
    """A fork whose branches turn each other round: by branch, what turned for no other reason known yet, and what waits."""

    turned: dict[int, list[str]] = field(default_factory=dict)
    waiting: dict[int, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Around:
    """`reasons` are those for which blocks here turn, `forks` the cancelling forks around with the branch, innermost last,
    `child` the path of the child flow around or None, `why` the reason of the undo that runs a compensation block."""

    index: Index = ()
    reasons: frozenset[str] = frozenset()
    forks: tuple[tuple[Cancelling, int], ...] = ()
    child: str | None = None
    why: Reason | None = None

    def at(self, number: int) -> Around:
        """In iteration, attempt or kid `number`."""
        return replace(self, index=(*self.index, number))

    def hinted(self, reason: Reason | None) -> Around:
        """Below a verdict that hints `reason`, or None for one that does not."""
        return self if reason is None else replace(self, reasons=self.reasons | {reason.kind})

    def branch(self, fork: Cancelling, number: int) -> Around:
        """In a branch of a cancelling fork."""
        return replace(self, forks=(*self.forks, (fork, number)))

    def in_child(self, path: str, cancelled: bool) -> Around:
        """In the child flow `path`, which only its own verdict reaches."""
        return Around(self.index, frozenset({"cancelled"} if cancelled else ()), (), path, self.why)

    def in_compensation(self, why: Reason) -> Around:
        """In a compensation block that runs for the reason `why`: no hint of outside reaches it."""
        return Around(self.index, child=self.child, why=why)

    def turn(self, path: str, reason: Reason) -> None:
        """Block `path` turned round: some verdict above must say so."""
        if reason.kind in self.reasons:
            return
        if reason.kind == CANCELLED.kind and self.forks:
            fork, branch = self.forks[-1]
            fork.turned.setdefault(branch, []).append(path)
            return
        raise IllegalOracle(f"{path} turned round without a verdict around it")

    def latch(self, path: str) -> None:
        """The verdict of child flow `path` was latched by a hint, whatever its reason was."""
        if not self.reasons:
            self.turn(path, CANCELLED)

    def wait(self, path: str) -> None:
        """Block `path` waits for something from outside: no verdict above may have been told to it."""
        if self.reasons:
            raise IllegalOracle(f"{path} is left waiting below a verdict")
        for fork, branch in self.forks:
            fork.waiting.setdefault(branch, []).append(path)

    def judge(self, fork: Cancelling, gone: set[int]) -> None:
        """All branches of `fork` have been walked, and those in `gone` are gone: did that justify what turned? The first
        one was gone without being turned by this fork; where there is none, a fork further out did it."""
        if fork.turned and not gone - set(fork.turned):
            for path in (path for paths in fork.turned.values() for path in paths):
                self.turn(path, CANCELLED)
        if gone and fork.waiting:
            raise IllegalOracle(f"{fork.waiting} is left waiting although a sibling is gone")
