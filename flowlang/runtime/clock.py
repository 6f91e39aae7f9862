"""The time that decides: the machine's own clock, or a virtual one that jumps when there is nothing to do.

The virtual clock is the event loop's: its time stands still while anything is ready, and where the loop would sleep it
moves on by as much as the loop would have slept. So back-offs, timers and sleeping stand-ins obey it alike, three days take
milliseconds, and the order of what happens does not depend on how fast the machine is. While the user's own code runs (see
`real`) it passes as real time does, since nobody knows how long that code wants to take.
"""

from __future__ import annotations

import asyncio
import math
import selectors
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeVar

T = TypeVar("T")

EPOCH = 1_767_225_600_000
"""2026-01-01T00:00:00Z, where virtual time begins unless told otherwise."""

RESOLUTION = 1e-6
"""Seconds of virtual time that count as none, or more where a float knows no less, thousands of years from its beginning:
a timer that is due exactly now would never be seen to be due."""

LONGEST = 60_000  # milliseconds after which a sleeper looks at the clock again: somebody may have set it


class Stalled(Exception):
    """Virtual time can't go on: nothing is ready, nothing is timed, and somebody waits."""


class SystemClock:
    """The clock of the machine."""

    def now(self) -> int:
        """The present time."""
        return time.time_ns() // 1_000_000

    async def sleep_until(self, due: int) -> None:
        """Return at `due` or later, never earlier."""
        while (left := due - self.now()) > 0:
            await asyncio.sleep(self.nap(left))

    def nap(self, left: int) -> float:
        """At most a minute."""
        return min(left, LONGEST) / 1000

    def real(self) -> AbstractContextManager[None]:
        """Hold this around the user's own code. Real time passes anyway."""
        return nullcontext()


class VirtualClock:
    """The clock of a `_VirtualLoop`."""

    def __init__(self, loop: _VirtualLoop, start: int) -> None:
        self._loop = loop
        self._start = start

    def now(self) -> int:
        """The present virtual time."""
        return self._start + int((self._loop.time() + 2 * RESOLUTION) * 1000)

    async def sleep_until(self, due: int) -> None:
        """Return at `due` or later, never earlier."""
        while (left := due - self.now()) > 0:
            await asyncio.sleep(self.nap(left))

    def nap(self, left: int) -> float:
        """All of it, for nobody sets this clock: thousands of years would be billions of minutes."""
        return left / 1000

    @contextmanager
    def real(self) -> Iterator[None]:
        """Hold this around the user's own code: meanwhile virtual time passes as real time does."""
        self._loop.outside += 1
        try:
            yield
        finally:
            self._loop.outside -= 1


def run_virtual(main: Callable[[VirtualClock], Awaitable[T]], start: int = EPOCH) -> T:
    """Run `main` in a loop of its own whose time is virtual and begins at `start` (milliseconds since 1970 UTC)."""
    with virtual(start) as (runner, clock):

        async def enter() -> T:
            return await main(clock)

        return runner.run(enter())


@contextmanager
def virtual(start: int = EPOCH) -> Iterator[tuple[asyncio.Runner, VirtualClock]]:
    """A loop whose time is virtual, for whoever runs one thing after the other in it: in between its time stands still."""
    loop = _VirtualLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        yield runner, VirtualClock(loop, start)


def is_virtual(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether the time of `loop` jumps to what is due next."""
    return isinstance(loop, _VirtualLoop)


class _VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time moves only when it has nothing to do. `outside` counts what real time is needed for."""

    def __init__(self) -> None:
        self.moved = 0.0
        self.outside = 0
        super().__init__(_JumpingSelector(self))
        self._clock_resolution = RESOLUTION

    def time(self) -> float:
        return self.moved

    def jump(self, timeout: float) -> None:
        """Move on to what is due next: the loop itself never sleeps longer than a day at once."""
        scheduled: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
        self.moved = max(self.moved + timeout, scheduled[0].when() if scheduled else 0.0)
        self._clock_resolution = max(RESOLUTION, math.ulp(self.moved))

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        self.outside += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._came_back)
        return future

    async def shutdown_default_executor(self, *args: Any) -> None:
        self.outside += 1  # a thread of its own waits for the others
        try:
            await super().shutdown_default_executor(*args)
        finally:
            self.outside -= 1

    def _came_back(self, _: asyncio.Future[Any]) -> None:
        self.outside -= 1


class _JumpingSelector(selectors.BaseSelector):
    """A selector that moves the loop's time on in place of sleeping."""

    def __init__(self, loop: _VirtualLoop) -> None:
        self._loop = loop
        self._real = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if self._loop.outside:
            before = time.monotonic()
            ready = self._real.select(timeout)
            self._loop.moved += time.monotonic() - before
            return ready
        if timeout is None:
            raise Stalled("nothing is left to happen, and somebody waits for it")
        self._loop.jump(timeout)
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def close(self) -> None:
        self._real.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()
