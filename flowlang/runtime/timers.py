"""The timers of blocks: on the disk and in one heap, with one alarm for the earliest; never early.

The alarm is only a hint. Whether a timer is due is asked of the clock that decides, so one that was set back makes timers
wait, and the loop looks again as often as the clock wants it (once a minute), in case it was set forward.
"""

from __future__ import annotations

import asyncio
import heapq
from typing import TYPE_CHECKING

from flowlang import event
from flowlang.runtime.store import TimerRow

if TYPE_CHECKING:
    from flowlang.runtime.driver import Driver

BATCH = 32  # timers that fire in one turn, so that a flood of them holds up nobody else: each may begin a call, or more


class Timers:
    """The timers of one driver's runs."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._heap: list[tuple[int, str, str, str]] = []
        self._due: dict[tuple[str, str, str], int] = {}
        self._alarm: asyncio.TimerHandle | None = None

    def any(self) -> bool:
        """Whether some block waits for a timer."""
        return bool(self._due)

    def is_due(self) -> bool:
        """Whether a block is to be woken now."""
        return bool(self._heap) and self._heap[0][0] <= self._driver.now()

    def remember(self, timer: TimerRow) -> None:
        """A timer that is on the disk, or will be with this turn."""
        key = (timer.role, timer.run, timer.path)
        self._due[key] = timer.due
        heapq.heappush(self._heap, (timer.due, *key))

    def forget(self, role: str, run: str, path: str) -> None:
        """A timer that was stopped; its entry in the heap is skipped when it comes up."""
        self._due.pop((role, run, path), None)

    def fire(self) -> None:
        """Wake the blocks whose time has come, the earliest first. Within a turn."""
        driver = self._driver
        for _ in range(BATCH):
            if not self._heap or self._heap[0][0] > driver.now():
                return
            due, role, run, path = heapq.heappop(self._heap)
            if self._due.get((role, run, path)) != due:
                continue  # stopped, or set anew
            del self._due[role, run, path]
            driver.store.stop_timer(role, run, path)
            part = driver.part(role, run)
            if part is not None:
                driver.feed(part, f"fired:{path}:{due}", event.Fired(driver.now(), path))
                driver.drain()
        driver.schedule()

    def set_alarm(self) -> None:
        """See to it that there is a turn when the earliest timer is due."""
        while self._heap and self._due.get(self._heap[0][1:]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        self.silence()
        if self._heap:
            left = self._heap[0][0] - self._driver.now()
            loop = asyncio.get_running_loop()
            self._alarm = loop.call_later(self._driver.clock.nap(max(left, 0)), self._ring)

    def silence(self) -> None:
        """No alarm rings any more."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _ring(self) -> None:
        if self.is_due():
            self._driver.schedule()
        else:
            self.set_alarm()
