"""The side of a contender: it waits for a line that asks for a workload, does it for some seconds, and says what it took.

    {"work": "three", "at_once": 64, "seconds": 0.5}    ->    {"rate": 8000.0, "p50": 7.9, "p99": 9.1, "runs": 4000}

Standard library only: it runs in the environment of each peer.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

ORDER = {
    "id": "o-20260103-000117",
    "total": 120.5,
    "currency": "EUR",
    "email": "someone@example.org",
    "address": "Main Street 1, 12345 Springfield",
    "items": [
        {"sku": "chair-oak-natural", "qty": 2, "price": 50.25},
        {"sku": "table-oak-natural", "qty": 1, "price": 20.5},
        {"sku": "lamp-brass-small", "qty": 1, "price": 12.25},
    ],
}
"""The payload: about 300 bytes of JSON."""

Once = Callable[[], Awaitable[object]]
Counts = Callable[[], dict[str, int]]


def say(answer: dict[str, Any]) -> None:
    """One line for whoever compares us."""
    sys.__stdout__.write(json.dumps(answer) + "\n")
    sys.__stdout__.flush()


async def serve(works: dict[str, Once], counts: Counts = dict, **about: object) -> None:
    """Answer until there is nothing more to read. `counts` are numbers that grow, such as commits; they are answered by
    how much they grew."""
    for once in works.values():
        for _ in range(5):
            await once()
    say({"ready": True, **about})
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        asked = json.loads(line)
        say(await measure(works[asked["work"]], asked["at_once"], asked["seconds"], counts))


async def measure(once: Once, at_once: int, seconds: float, counts: Counts = dict) -> dict[str, Any]:
    """Run `once` over and over, `at_once` at a time, and begin none after `seconds`."""
    took: list[float] = []
    now = time.perf_counter
    before, begin, processor = counts(), now(), time.process_time()
    end = begin + seconds

    async def work() -> None:
        started = now()
        while not took or started < end:  # at least one, however busy the machine is
            await once()
            took.append(now() - started)
            started = now()

    if at_once == 1:
        await work()
    else:
        await asyncio.gather(*[work() for _ in range(at_once)])
    whole = now() - begin
    after = counts()
    took.sort()
    return {
        "rate": len(took) / whole,
        "p50": took[len(took) // 2] * 1e3,
        "p99": took[min(len(took) - 1, int(len(took) * 0.99))] * 1e3,
        "cpu": (time.process_time() - processor) / len(took) * 1e6,
        "runs": len(took),
        **{name: after[name] - before[name] for name in after},
    }


def main(serving: Awaitable[None]) -> None:
    """Run `serving`, on uvloop where it is installed, as a user who cares for speed would."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(serving)  # type: ignore[arg-type]
    else:
        uvloop.run(serving)  # type: ignore[arg-type]
