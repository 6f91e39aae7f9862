"""One service of a choreography as a process: `python -m flowlang.runtime.service --store PATH --service NAME`.

It loads its own table from the store and nothing else of any flow, reads its own rows and those of the bus, and serves
until it is told to stop or its parent is gone. No parser, tree or kernel is ever imported here.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from flowlang.runtime import blocking, damage, failpoint, lock
from flowlang.runtime.callers import HandlersUnusable, callers
from flowlang.runtime.clock import SystemClock
from flowlang.runtime.driver import Driver
from flowlang.runtime.loop import run_loop
from flowlang.runtime.ports import ScenarioMistake
from flowlang.runtime.processes import UNUSABLE
from flowlang.runtime.running import drain, running
from flowlang.runtime.setting import Crash, Outside
from flowlang.runtime.sqlite import DURABILITIES, open_store
from flowlang.runtime.store import StoreError

QUICK, SLOW = 0.001, 0.02  # seconds between two looks at the bus: soon after something happened, and later
UNREACHABLE = 69  # an exit status


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve; the exit status."""
    parser = argparse.ArgumentParser(prog="flowlang.runtime.service", description="One service of a choreography.")
    parser.add_argument("--store", required=True)
    parser.add_argument("--service", required=True)
    parser.add_argument("--crash-before", action="append", default=[])
    parser.add_argument("--crash-after", action="append", default=[])
    parser.add_argument("--durability", choices=tuple(DURABILITIES), default="full")
    given = parser.parse_args(arguments)
    failpoint.set_hook(failpoint.from_environment(os.environ.get(failpoint.VARIABLE)))
    try:
        crash = Crash(tuple(given.crash_before), tuple(given.crash_after))
        with damage.blamed(given.store), blocking.watched(partial(_say, given.service)):
            run_loop(serve(given.store, given.service, crash, given.durability))
    except (StoreError, HandlersUnusable, ScenarioMistake) as problem:
        print(f"error: service {given.service}: {problem}", file=sys.stderr)
        return UNREACHABLE if isinstance(problem, StoreError) else UNUSABLE
    return 0


async def serve(path: str, service: str, crash: Crash, durability: str = "full", given: Outside | None = None) -> None:
    """Be `service` until the parent says stop or is gone. Raises StoreError, HandlersUnusable."""
    stop = _stop_signals()
    held = await lock.take_when_free(path, service, partial(_say, service), stop.is_set)
    if held is None:
        return
    store = open_store(path, durability=durability)
    try:
        outside = given or Outside(callers, SystemClock(), crash=crash, say=partial(_say, service))
        async with running(store, outside, (service,), expires=False) as driver:
            driver.exact = True
            driver.do(driver.take_up)
            listening = asyncio.create_task(_listen(driver))
            await _first(stop, driver)
            listening.cancel()
            await drain(driver)
    finally:
        store.close()
        held.release()


def _say(service: str, what: str) -> None:
    print(f"note: service {service}: {what}", file=sys.stderr, flush=True)


def _stop_signals() -> asyncio.Event:
    """Set when the parent sends SIGTERM, or has gone and so closed our input. Ctrl-C is the parent's to handle."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)

    def read() -> None:
        if not os.read(0, 1024):
            loop.remove_reader(0)
            stop.set()

    with suppress(PermissionError):  # our input is a file or nothing: whoever started us by hand stops us by signal
        loop.add_reader(0, read)
    return stop


async def _listen(driver: Driver) -> None:
    """Look for what others have put on the bus."""
    pause = QUICK
    try:
        while driver.failure is None:
            if driver.store.changed():
                pause = QUICK
                driver.do(driver.bus.look)
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, SLOW)
    except StoreError as problem:
        driver.fail(problem)


async def _first(stop: asyncio.Event, driver: Driver) -> None:
    """Return when told to stop; raise what has broken the driver."""
    waits = asyncio.create_task(stop.wait())
    never: asyncio.Task[None] = asyncio.create_task(driver.until(lambda: None))
    try:
        await asyncio.wait((waits, never), return_when=asyncio.FIRST_COMPLETED)
        if never.done():
            await never
    finally:
        waits.cancel()
        never.cancel()
        await asyncio.gather(waits, never, return_exceptions=True)


if __name__ == "__main__":
    sys.exit(main())
