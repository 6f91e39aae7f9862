"""Whether a store is damaged: asked when something in it could not be understood, so that a disk is blamed and not us.

SQLite notices by itself only what breaks the shape of its file. Where other bytes stand in a row, whoever reads the row
fails somewhere, with an error that looks like a bug.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from flowlang.codec import Undecodable
from flowlang.runtime.sqlite import MEMORY
from flowlang.runtime.store import StoreRefused
from flowlang.shape import Misshapen
from flowlang.values import wire_loads

MISREAD = (ValueError, TypeError, LookupError, AttributeError, AssertionError)
"""What reading a damaged row may raise, and a bug of ours too."""

_NOT_OURS = (Undecodable, Misshapen)  # what stands in the row is nothing that this version writes

_JSON = {
    "flows": ("gate", "options"),
    "shares": ("body",),
    "types": ("schema",),
    "runs": ("input", "options"),
    "journal": ("body",),
    "work": ("call", "last", "closed"),
    "events": ("body",),
    "outbox": ("body",),
    "bus": ("body",),
}
"""The columns that hold our own JSON, or nothing."""


@contextmanager
def blamed(path: str) -> Iterator[None]:
    """Raises StoreRefused in place of an error that a damage of the store at `path` explains."""
    try:
        yield
    except (*MISREAD, *_NOT_OURS) as error:
        found = None if path in ("memory", MEMORY) else damage(path)
        if found is None and not isinstance(error, _NOT_OURS):
            raise
        raise StoreRefused(f"the store `{path}` is damaged: {found or error}") from error


def damage(path: str) -> str | None:
    """What is damaged in the store at `path`; None where nothing is found. Reads all of it."""
    try:
        connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
        try:
            [found] = connection.execute("PRAGMA integrity_check(1)")
            return _unreadable(connection) if found[0] == "ok" else str(found[0]).split("\n")[-1]
        finally:
            connection.close()
    except apsw.Error as error:
        return str(error)


def _unreadable(connection: apsw.Connection) -> str | None:
    """The first table in which a text is none, or no JSON where there should be some."""
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    for table in names:
        columns = [column for _, column, *_ in connection.execute(f"PRAGMA table_info({table})")]
        try:
            for row in connection.execute(f"SELECT * FROM {table}"):
                for column, text in zip(columns, row, strict=True):
                    if text and column in _JSON.get(str(table), ()):
                        wire_loads(str(text))
        except ValueError:
            return f"a row of its table `{table}` can't be read"
    return None
