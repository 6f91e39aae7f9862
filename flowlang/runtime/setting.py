"""What the driver is given from outside, and what it tells whoever watches."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from flowlang.declared import Operation
from flowlang.event import Input
from flowlang.place import bare
from flowlang.runtime.ports import Caller
from flowlang.runtime.programs import Share, share_of
from flowlang.runtime.store import Recorded, RuntimeRefusal


class RealClock(Protocol):
    """A clock that knows when the user's own code runs."""

    def now(self) -> int:
        """The present time in milliseconds since 1970 UTC."""
        ...

    async def sleep_until(self, due: int) -> None:
        """Return at `due` or later, never earlier."""
        ...

    def nap(self, left: int) -> float:
        """The seconds to sleep at once when `left` milliseconds are left: a clock that may be set is looked at again."""
        ...

    def real(self) -> AbstractContextManager[None]:
        """Hold this around the user's own code."""
        ...


@dataclass(frozen=True, slots=True)
class Setting:
    """What a caller may know of the run whose calls it answers. `options` were stored with the run; `operations` are all
    that this role may call; `recorded` gives the calls of this run that this role has recorded. `kept` is for callers that
    serve all runs of a flow at this role, under a name that their maker chooses."""

    run: str
    flow: str
    options: Mapping[str, str]
    operations: Mapping[tuple[str, str], Operation]
    clock: RealClock
    recorded: Callable[[], list[Recorded]]
    kept: dict[str, Caller] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that is true now: an input that was taken in, or (`input` None) attempt `attempt` of a call. An event that
    a wait was offered is `declined` when it is not the one that the wait is for."""

    at: int
    run: str
    role: str
    input: Input | None
    path: str = ""
    kind: str = ""
    attempt: int = 0
    declined: bool = False


@dataclass(frozen=True, slots=True)
class Crash:
    """Steps, by path or its last part, around which the process kills itself: right before the call, after its attempt
    was stored, or right after its result was committed."""

    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


NO_CRASH = Crash()


def names(step: str, path: str) -> bool:
    """Whether a user who says `step` means the block `path`. In a loop `[]` is any item, and no `#` any attempt."""
    return any(one == step or one.endswith(f"/{step}") for one in (path, bare(path)))


@dataclass(frozen=True, slots=True)
class Outside:
    """Everything that is not in the store. `jitter` gives numbers from 0 up to but not including 1."""

    callers: Callable[[Setting], Caller]
    clock: RealClock
    notice: Callable[[Notice], None] | None = None
    crash: Crash = NO_CRASH
    jitter: Callable[[], float] = field(default=random.random)
    load: Callable[[str, str, str, str], Share] = share_of
    workers: int = 256  # calls under way at once
    horizon: int = 400 * 86_400_000  # milliseconds after its start at which a run may still reach a new service
    grace: int = 5_000  # milliseconds beyond a call's limit after which the driver gives up on the caller
    refusals: tuple[type[Exception], ...] = (RuntimeRefusal,)
    say: Callable[[str], object] = lambda said: None  # a sentence for whoever wonders why nothing goes on
