"""The floor: a bare journal in SQLite without an interpreter, each result committed before the next step starts.

python floor.py PATH. No parser, no contracts, no retries, no timers: what the storage costs, not a product.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys

import msgspec
from contender import ORDER, main, serve

encode = msgspec.json.Encoder().encode


class Journal:
    """Rows of one turn of the event loop are committed together."""

    def __init__(self, path: str) -> None:
        self.commits = 0
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute(
            "CREATE TABLE journal(run INTEGER, seq INTEGER, kind TEXT, body BLOB, PRIMARY KEY(run, seq)) WITHOUT ROWID"
        )
        self._rows: list[tuple[int, int, str, bytes]] = []
        self._written: asyncio.Future[None] | None = None

    def append(self, run: int, seq: int, kind: str, body: bytes) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        if self._written is None:
            self._written = loop.create_future()
            loop.call_soon(self._write)
        self._rows.append((run, seq, kind, body))
        return self._written

    def _write(self) -> None:
        rows, written = self._rows, self._written
        self._rows, self._written = [], None
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany("INSERT INTO journal VALUES (?,?,?,?)", rows)
        self._connection.execute("COMMIT")
        self.commits += 1
        assert written is not None
        written.set_result(None)


async def nothing(order: dict[str, object]) -> dict[str, object]:
    return order


async def floor(path: str) -> None:
    journal = Journal(path)
    number = 0

    def begin() -> int:
        nonlocal number
        number += 1
        return number

    async def row(steps: int) -> None:
        run = begin()
        await journal.append(run, 0, "start", encode(ORDER))
        for step in range(1, steps + 1):
            await journal.append(run, step, "step", encode(await nothing(ORDER)))
        await journal.append(run, steps + 1, "end", encode(ORDER))

    async def fork() -> None:
        run = begin()
        await journal.append(run, 0, "start", encode(ORDER))

        async def branch(step: int) -> None:
            await journal.append(run, step, "step", encode(await nothing(ORDER)))

        await asyncio.gather(*[branch(step) for step in range(1, 5)])
        await journal.append(run, 5, "end", encode(ORDER))

    works = {"three": lambda: row(3), "ten": lambda: row(10), "fork": fork}
    await serve(works, lambda: {"commits": journal.commits}, sqlite=sqlite3.sqlite_version)


if __name__ == "__main__":
    main(floor(sys.argv[1]))
