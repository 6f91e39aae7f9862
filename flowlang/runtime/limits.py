"""Time limits of things under way: one alarm for all that have the same limit, since nearly all end long before it.

Things with one limit come due in the order in which they began, so a row in that order is all there is to keep. An alarm
stands until it rings, and then looks who is due: to set one for each of many short calls in turn would cost more than the
rest of this. Under a virtual clock nothing is armed while nothing is under way: it must not jump to a limit of something
that has ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from flowlang.runtime.clock import is_virtual

T = TypeVar("T")


class Limits(Generic[T]):
    """Calls `late` with each thing that has not `ended` in time. `T` is compared by identity or value, as its hash says."""

    def __init__(self, late: Callable[[T], object]) -> None:
        self._late = late
        self._rows: dict[int, _Row[T]] = {}

    def began(self, thing: T, limit: int) -> None:
        """`thing` has `limit` milliseconds from now."""
        row = self._rows.get(limit)
        if row is None:
            row = self._rows[limit] = _Row(limit, self._late)
        row.due[thing] = due = row.time() + row.seconds
        if row.alarm is None:
            row.arm(due)

    def ended(self, thing: T, limit: int) -> None:
        """`thing`, which began with this limit, is over."""
        row = self._rows.get(limit)
        if row is not None and row.due.pop(thing, None) is not None and row.jumps and not row.due:
            row.disarm()


class _Row(Generic[T]):
    """The things of one limit, the one that is due first at the front."""

    def __init__(self, limit: int, late: Callable[[T], object]) -> None:
        self.seconds = limit / 1000
        self._late = late
        self._loop = asyncio.get_running_loop()
        self.time = self._loop.time
        self.jumps = is_virtual(self._loop)
        self.due: dict[T, float] = {}
        self.alarm: asyncio.TimerHandle | None = None

    def arm(self, due: float) -> None:
        self.alarm = self._loop.call_at(due, self._ring)

    def disarm(self) -> None:
        if self.alarm is not None:
            self.alarm.cancel()
            self.alarm = None

    def _ring(self) -> None:
        self.alarm = None
        while self.due:
            thing = next(iter(self.due))
            if self.due[thing] > self.time():
                return self.arm(self.due[thing])
            del self.due[thing]
            self._late(thing)
            if self.alarm is not None:  # `late` has begun something anew
                return
