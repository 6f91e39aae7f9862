"""A process of its own, forked from this one: it has everything imported already, and so starts in some milliseconds. And
where its files lie."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

MEMORY = Path("/dev/shm")


def forked(main: Callable[[], object]) -> int:
    """Start a process that does `main` and ends, with 0, or with 1 and its problem on the standard error; its id. Only for a
    process that has one thread and no open store: neither is whole in the child."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        main()
        status = 0
    except BaseException as problem:
        print(f"{type(problem).__name__}: {problem}", file=sys.stderr, flush=True)
    finally:
        os._exit(status)


def folder_of_memory() -> Path:
    """A memory file system where there is one, for stores of processes that are killed: what they have written is the
    kernel's then, there as on a disk, and nobody waits for a disk. It proves nothing about loss of power."""
    return MEMORY if os.access(MEMORY, os.W_OK) else Path(tempfile.gettempdir())
