"""A store that stays as large as what it is needed for: runs that ended long ago go, a few at a time.

Whoever prunes is one more writer beside the engine. Each batch is a transaction of some milliseconds, and the pause after it
is as long as it took, so that the engine has the store at least half of the time. A process that is killed at it has pruned
whole runs and no half ones. The space is used again by later runs; the file does not shrink.
"""

from __future__ import annotations

import time

from flowlang.runtime.sqlite import open_store

BATCH = 500  # runs for each transaction


def prune(path: str, before: int, batch: int = BATCH) -> int:
    """Take out of the store at `path` all runs that ended before `before` (ms since 1970); returns how many they were.
    Raises StoreError."""
    store = open_store(path)
    try:
        after, pruned = 0, 0
        while True:
            begun = time.monotonic()
            with store.transaction():
                after, gone = store.prune(before, after, batch)
            pruned += gone
            if not after:
                break
            time.sleep(time.monotonic() - begun)
        more = True
        while more:
            begun = time.monotonic()
            with store.transaction():
                more = store.prune_events(before, batch) == batch
            time.sleep(time.monotonic() - begun)
        return pruned
    finally:
        store.close()
