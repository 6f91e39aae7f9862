"""A driver for as long as it is needed: begun, kept tidy, drained, ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from flowlang.runtime.clock import VirtualClock
from flowlang.runtime.driver import Driver
from flowlang.runtime.setting import Outside
from flowlang.runtime.sqlite import SqliteStore
from flowlang.runtime.store import StoreError

EXPIRY = 60_000  # milliseconds between two looks for kept events whose time is over


@asynccontextmanager
async def running(store: SqliteStore, outside: Outside, roles: tuple[str, ...], expires: bool) -> AsyncIterator[Driver]:
    """A driver of `roles` for as long as the block lasts. One of those who share a store `expires` kept events."""
    driver = Driver(store, roles, outside)
    watch = asyncio.create_task(_expire(driver)) if expires else None
    try:
        yield driver
    finally:
        _rest(driver)
        driver.stop()
        driver.fail(asyncio.CancelledError())
        await end(watch)
        calls = driver.work.running()
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await driver.dismiss()


def _rest(driver: Driver) -> None:
    """Tell the next process which parts it need not look at."""
    if driver.failure is None:
        with suppress(StoreError), driver.store.transaction():  # without this it looks at more
            driver.rest()


async def drain(driver: Driver) -> None:
    """Begin nothing any more, and return when what is under way has ended and is on the disk."""
    driver.stop()
    while calls := driver.work.running():
        await asyncio.wait(calls)
    await driver.submit(lambda: None)


async def _expire(driver: Driver) -> None:
    """Give up kept events whose time is over, now and then. Not under a virtual clock, whose time would never end."""
    if isinstance(driver.clock, VirtualClock):
        return
    while True:
        if driver.store.next_expiry() is not None:
            driver.do(driver.waiting.expire)
        await asyncio.sleep(EXPIRY / 1000)


async def end(task: asyncio.Task[None] | None) -> None:
    """Cancel a task, where there is one, and wait until it is gone."""
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
