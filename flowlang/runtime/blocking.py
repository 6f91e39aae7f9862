"""Who holds up the engine: an `async` handler that does not await, seen from a thread beside.

An engine does everything in one thread, so a handler that blocks there stops all runs and all time limits, its own too, and
nobody in that thread can say so. The thread beside looks at the stack now and then. A handler that awaits leaves the stack;
one whose frame stands there look after look blocks.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType

PAUSE = 1.0  # seconds between two looks
PATIENCE = 5.0  # seconds that a handler may hold up the engine before it is named; named again each time it has doubled

_handlers: dict[CodeType, str] = {}


def know(code: CodeType, operation: str) -> None:
    """`code` is the body of an `async` handler of `operation`."""
    _handlers[code] = operation


@contextmanager
def watched(say: Callable[[str], object]) -> Iterator[None]:
    """While this lasts, `say` is told of handlers that block the calling thread; from another thread."""
    over = threading.Event()
    watch = threading.Thread(
        target=_watch, args=(threading.get_ident(), say, over), name="blocked handlers", daemon=True
    )
    watch.start()
    try:
        yield
    finally:
        over.set()
        watch.join()


def _watch(thread: int, say: Callable[[str], object], over: threading.Event) -> None:
    seen: FrameType | None = None  # held, so that no other frame gets its place in memory and looks like it
    since, patience = 0.0, PATIENCE
    while not over.wait(PAUSE):
        frame = _handler_in(sys._current_frames().get(thread))
        if frame is None or frame is not seen:
            seen, since, patience = frame, time.monotonic(), PATIENCE
            continue
        blocked = time.monotonic() - since
        if blocked >= patience:
            patience = 2 * blocked
            place = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
            say(
                f"the handler of `{_handlers[frame.f_code]}` has held up everything for {blocked:.0f}s ({place}): "
                "an `async` handler must await what takes time; one without `async` gets a thread of its own"
            )


def _handler_in(frame: FrameType | None) -> FrameType | None:
    """The frame of a handler on a stack, from its innermost frame outwards."""
    while frame is not None and frame.f_code not in _handlers:
        frame = frame.f_back
    return frame
