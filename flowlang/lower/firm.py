"""What may fail after a point of no return: a failure is reported where a catch or a retry begun after it takes it."""

from __future__ import annotations

from dataclasses import dataclass

from flowlang.declared import Firm, Operation, Taking

Errors = tuple[tuple[str, str], ...]  # (service or "", name) of each error; empty takes any


@dataclass(frozen=True, slots=True)
class Taker:
    """A catch (`level` -1), or a retry up to attempt `most`, whose attempt stands at place `level` of the index."""

    errors: Errors
    level: int = -1
    most: int = 0

    def takes(self, raised: Errors) -> Taking | None:
        """What it takes of the errors that a block can raise, by bare name."""
        names = {
            name
            for service, name in raised
            if not self.errors or any(name == mine and of in ("", service) for of, mine in self.errors)
        }
        return Taking(tuple(sorted(names)), self.level, self.most) if names else None


@dataclass(frozen=True, slots=True)
class Firmness:
    """Where a block stands: `kind` is `commit`, `undo`, or "" before any point of no return."""

    kind: str = ""
    takers: tuple[Taker, ...] = ()

    def within(self, *takers: Taker) -> Firmness:
        """The same inside of further takers; before a point of no return nobody asks for them."""
        return Firmness(self.kind, (*self.takers, *takers)) if self.kind else self

    def committed(self) -> Firmness:
        """After a commit: what was begun before it takes nothing any more."""
        return Firmness(self.kind or "commit")

    def of(self, *raised: tuple[str, str]) -> Firm | None:
        """The firmness of a block that can raise the errors `raised`."""
        if not self.kind:
            return None
        takings = (taker.takes(raised) for taker in self.takers)
        return Firm(self.kind, tuple(taking for taking in takings if taking is not None))


def raised_by(operation: Operation) -> Errors:
    """What a firm call can fail with: an unknown result is never a failure of it, it is asked for again."""
    declared = ((operation.service, name) for name in operation.errors)
    return (*declared, ("", "ExpressionError"), ("", "InvalidInput"))
