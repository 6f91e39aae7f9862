"""What a service remembers: a SQLite file for each service, so that a crash loses nothing and a repeated call does nothing.

A call is remembered under its idempotency key. An undo also remembers the key that it undoes: when that call was late and
arrives afterwards, it is refused.
"""

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flowlang import Call

FOLDER = Path(os.environ.get("ORDER_BOOKS", ".flowlang/books"))


class Book:
    """The calls that one service has answered, by key."""

    def __init__(self, service: str) -> None:
        self._file = FOLDER / f"{service}.db"

    def once(self, call: Call, do: Callable[[], Any]) -> Any:
        """What `do` returned when it was first called under the key of `call`."""
        with self._open() as book:
            known = book.execute("SELECT answer FROM calls WHERE key = ?", [call.key]).fetchone()
            if known:
                return json.loads(known[0])
            if book.execute("SELECT 1 FROM undone WHERE key = ?", [call.key]).fetchone():
                raise RuntimeError("this call has been undone, it came too late")
            answer = do()
            book.execute("INSERT INTO calls VALUES (?, ?, ?)", [call.key, call.operation, json.dumps(answer)])
            return answer

    def undo(self, call: Call) -> None:
        """Take back the call that `call` undoes, whether it has happened, is on its way, or never will."""
        with self._open() as book:
            book.execute("INSERT OR IGNORE INTO undone VALUES (?)", [call.undoes])
            book.execute("DELETE FROM calls WHERE key = ?", [call.undoes])

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        book = sqlite3.connect(self._file, timeout=30, isolation_level=None)
        try:
            book.execute("CREATE TABLE IF NOT EXISTS calls (key TEXT PRIMARY KEY, operation TEXT, answer TEXT)")
            book.execute("CREATE TABLE IF NOT EXISTS undone (key TEXT PRIMARY KEY)")
            book.execute("BEGIN IMMEDIATE")
            yield book
            book.execute("COMMIT")
        finally:
            book.close()  # and with it goes what was not committed
