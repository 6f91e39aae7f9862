"""A store for as long as the process lives: a private SQLite database that never touches a disk.

The same statements over the same schema rather than a second implementation: what a test finds in memory is what happens
on a disk, and nothing has to be kept alike by hand.
"""

from __future__ import annotations

from flowlang.runtime.sqlite import MEMORY, SqliteStore, open_store


def memory_store() -> SqliteStore:
    """An empty store that nobody else can see."""
    return open_store(MEMORY)
