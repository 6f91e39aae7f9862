"""The event loop of a process that is ours: the command's, and that of each service.

A program that opens an `Engine` of its own has a loop, and decides itself what kind it is.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any, TypeVar

try:
    import uvloop  # type: ignore[import-not-found,unused-ignore]
except ImportError:  # the extra `fast`; without it only slower
    uvloop = None  # type: ignore[assignment,unused-ignore]

T = TypeVar("T")

COLLECTED = (10_000, 20, 20)
"""How many objects are made before the collector looks through the young ones, and how often through the older. Runs leave no
cycles behind, so by default it would look ten times as often and find nothing."""


def run_loop(main: Coroutine[Any, Any, T]) -> T:
    """What `main` gives, on `uvloop` where that is installed. Interrupted like `asyncio.run`."""
    before = gc.get_threshold()
    gc.set_threshold(*COLLECTED)
    try:
        with asyncio.Runner(loop_factory=None if uvloop is None else uvloop.new_event_loop) as runner:
            return runner.run(main)
    finally:
        gc.set_threshold(*before)
