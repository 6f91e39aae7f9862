"""Places at which a test can kill the process or step in. Off, a place costs one comparison.

    FLOWLANG_FAILPOINT=after-commit:3 flowlang run ...        # kill -9 when the place is passed for the third time

Places: before-commit, after-commit (of a turn), before-effect, after-effect (a call), after-publish, before-mark-sent
(the outbox), before-ack (the bus); and while-committing, which only those pass whose commits have a thread.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

PLACES = (
    "before-commit",
    "after-commit",
    "before-effect",
    "after-effect",
    "after-publish",
    "before-mark-sent",
    "before-ack",
)

COMMITTING = "while-committing"
"""Whether what is committed in this moment will be on the disk, nobody can tell who dies here."""

VARIABLE = "FLOWLANG_FAILPOINT"

_OF_BUS = ("after-publish", "before-mark-sent", "before-ack")


def is_of_bus(text: str | None) -> bool:
    """Whether `place:count` names a place that only messages pass which take the way over the bus."""
    return bool(text) and str(text).partition(":")[0] in _OF_BUS


_hooks: list[Callable[[str], None]] = []


def hit(place: str) -> None:
    """The process is at `place`."""
    if _hooks:
        _hooks[0](place)


def set_hook(hook: Callable[[str], None] | None) -> None:
    """What happens at every place from now on; None switches all off."""
    _hooks[:] = [] if hook is None else [hook]


def kill() -> None:
    """End this process as `kill -9` does: nothing is flushed, nobody is told."""
    os.kill(os.getpid(), signal.SIGKILL)


def stop() -> None:
    """Let this process stand, as `kill -STOP` does, until somebody lets it go on."""
    os.kill(os.getpid(), signal.SIGSTOP)


def at_pass(wanted: str, number: int, act: Callable[[], None] = kill) -> Callable[[str], None]:
    """The hook that does `act` at the `number`th pass of a place."""
    left = number

    def count(place: str) -> None:
        nonlocal left
        if place == wanted:
            left -= 1
            if left == 0:
                act()

    return count


def from_environment(text: str | None) -> Callable[[str], None] | None:
    """The hook that `place:count` asks for. Raises ValueError for a place that there is not."""
    if not text:
        return None
    wanted, _, number = text.partition(":")
    if wanted not in (*PLACES, COMMITTING):
        raise ValueError(f"there is no failpoint `{wanted}`; there are {', '.join((*PLACES, COMMITTING))}")
    return at_pass(wanted, int(number or 1))
