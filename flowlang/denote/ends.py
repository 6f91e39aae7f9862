"""How a block ends: ok, gone or parked, and how several ends become one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from flowlang.event import EffectId, Reason, Value

Causes = tuple[EffectId, ...]
Env = dict[str, Value]
Undo = Callable[[Reason, Causes], Causes | None]  # None: parked


@dataclass(frozen=True, slots=True)
class Done:
    """Ok. `open` has, for each join that went on without its losers, the calls with which the last of them ends, or None
    where one of them never settles; whoever leaves the scope around the join waits for that."""

    env: Env
    causes: Causes
    undo: Undo
    open: tuple[Causes | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Gone:
    """Nothing of the block remains."""

    reason: Reason
    causes: Causes


@dataclass(frozen=True, slots=True)
class Parked:
    """The block waits, or an operator has to decide."""


End = Done | Gone | Parked


def union(many: Iterable[Causes]) -> Causes:
    """All the calls of `many`, each once."""
    return tuple(dict.fromkeys(cause for causes in many for cause in causes))


def nothing(reason: Reason, causes: Causes) -> Causes | None:
    """The undoing of what has nothing to undo."""
    return causes


def backwards(undos: Sequence[Undo]) -> Undo:
    """Undo one after another, the last first."""

    def undo(reason: Reason, causes: Causes) -> Causes | None:
        for part in reversed(undos):
            ended = part(reason, causes)
            if ended is None:
                return None
            causes = ended
        return causes

    return undo


def at_once(undos: Sequence[Undo]) -> Undo:
    """Undo all from one point, all of them even if one is parked."""

    def undo(reason: Reason, causes: Causes) -> Causes | None:
        ends = [part(reason, causes) for part in undos]
        return None if None in ends else union([causes, *(end for end in ends if end is not None)])

    return undo


def gone(undo: Undo, reason: Reason, causes: Causes) -> Gone | Parked:
    """What was done is undone by `undo`, because of `reason`."""
    ended = undo(reason, causes)
    return Parked() if ended is None else Gone(reason, ended)


def left(done: Done) -> Done | Parked:
    """A scope is left once the joins that began directly in it have no losers any more."""
    closed = [causes for causes in done.open if causes is not None]
    if len(closed) < len(done.open):
        return Parked()
    return Done(done.env, union([done.causes, *closed]), done.undo)
