"""One connection to the store: transactions, statements, and SQLite's errors in words about the store.

Rows of the four tables that every step writes to are gathered and written in batches, insertions first: a statement for
each row would cost more than the row. Whoever reads these tables does it with `_fresh`, which writes what was gathered.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

import apsw

from flowlang.runtime.store import StoreError, StoreLocked, StoreRefused

ADD_RUN = (
    "INSERT INTO runs(run, flow, hash, mode, owner, key, input, status, started, ended, options) "
    "VALUES (?,?,?,?,?,?,?,?,?,?,?)"
)
ADD_PART = "INSERT INTO parts VALUES (?,?,?,?,?,?,?,?)"
APPEND = "INSERT INTO journal VALUES (?,?,?,?,?,?)"
PUT_WORK = (
    "INSERT INTO work(role, run, call, state, attempts, answered, spent, closed, last, due, halted, round, begun, ended, "
    "created, path, kind) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(run, role, path, kind) DO UPDATE SET "
    "state = excluded.state, attempts = excluded.attempts, answered = excluded.answered, spent = excluded.spent, "
    "closed = excluded.closed, last = excluded.last, due = excluded.due, halted = excluded.halted, "
    "round = excluded.round, begun = excluded.begun, ended = excluded.ended"
)
SET_PART = "UPDATE parts SET status = ? WHERE run = ? AND role = ?"
SET_ASLEEP = "UPDATE parts SET asleep = ? WHERE run = ? AND role = ?"
FINISH_RUN = "UPDATE runs SET status = ?, ended = ? WHERE run = ?"
LATE = (ADD_RUN, ADD_PART, APPEND, PUT_WORK, SET_PART, SET_ASLEEP, FINISH_RUN)
"""What is gathered, in the order in which it is written. An insertion never follows a change of the same row."""

COMMITS_WEIGHED = 8  # commits that the time of one is averaged over, roughly


class Connection:
    """An open store, without its tables."""

    def __init__(self, path: str, connection: apsw.Connection) -> None:
        self.path = path
        self.commits = 0
        self.commit_time = 0.0  # seconds that a commit takes, the last ones weighing most
        self._apart: Future[None] | None = None  # a commit under way in the thread of `_committer`
        self._committer: ThreadPoolExecutor | None = None
        self._connection = connection
        self._cursor = connection.cursor()
        self._seen_version = -1
        self._late: dict[str, list[tuple[Any, ...]]] = {sql: [] for sql in LATE}

    def wait_at_most(self, milliseconds: int) -> None:
        """From now on a statement waits no longer for a lock that another process has."""
        self._connection.set_busy_timeout(milliseconds)

    def begin(self) -> None:
        """Take the write lock. Raises StoreLocked where another process has it all the time."""
        self._run("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Make everything since `begin` durable, or nothing of it."""
        self.commits += 1
        self._write_late()
        self._commit()

    def commit_apart(self) -> Future[None]:
        """`commit` of which the last part, the wait for the disk, happens in a thread of its own. Whoever uses the store
        before it is over waits for it. The future has the exception that `commit` would raise."""
        self.commits += 1
        self._write_late()
        if self._committer is None:
            self._committer = ThreadPoolExecutor(1, thread_name_prefix="commit")
        self._apart = self._committer.submit(self._commit)
        return self._apart

    def _commit(self) -> None:
        begun = time.perf_counter()
        try:
            self._cursor.execute("COMMIT")
        except apsw.Error as error:
            raise store_error(self.path, error, self._connection) from error
        finally:
            self.commit_time += (time.perf_counter() - begun - self.commit_time) / COMMITS_WEIGHED

    def _settle(self) -> None:
        """Wait until a commit that is under way is over; what came of it is told to whoever asked for it."""
        apart, self._apart = self._apart, None
        if apart is not None:
            wait((apart,))

    def rollback(self) -> None:
        """Forget everything since `begin`."""
        self._settle()
        for rows in self._late.values():
            rows.clear()
        if self._connection.in_transaction:
            self._run("ROLLBACK")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """`begin`, then `commit`, or `rollback` where an exception leaves the block."""
        self.begin()
        try:
            yield
            self.commit()
        except BaseException:
            self.rollback()
            raise

    def changed(self) -> bool:
        """Whether another process has committed since this was asked last."""
        version = self._one("PRAGMA data_version")[0]
        before, self._seen_version = self._seen_version, version
        return bool(before != version)

    def limit_pages(self, pages: int) -> int:
        """Let the file grow to so many pages and no further; returns how many it may have (at least what it has)."""
        allowed: int = self._one(f"PRAGMA max_page_count = {pages or 1}")[0]
        return allowed

    def close(self) -> None:
        """Close the file; the store can't be used any more."""
        self._settle()
        if self._committer is not None:
            self._committer.shutdown()
        self._connection.close()

    def _run(self, sql: str, values: Sequence[Any] = ()) -> None:
        if self._apart is not None:
            self._settle()
        try:
            self._cursor.execute(sql, values)
        except apsw.Error as error:
            raise store_error(self.path, error, self._connection) from error

    def _many(self, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if self._apart is not None:
            self._settle()
        try:
            self._cursor.executemany(sql, rows)
        except apsw.Error as error:
            raise store_error(self.path, error, self._connection) from error

    def _write_late(self) -> None:
        """Write what was gathered."""
        for sql, rows in self._late.items():
            if rows:
                self._many(sql, rows)
                rows.clear()

    def _fresh(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """`_all` of a table whose rows are gathered."""
        self._write_late()
        return self._all(sql, values)

    def _all(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        if self._apart is not None:
            self._settle()
        try:
            return list(self._connection.execute(sql, values))
        except apsw.Error as error:
            raise store_error(self.path, error, self._connection) from error

    def _one(self, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
        return self._all(sql, values)[0]


def store_error(path: str, error: apsw.Error, connection: apsw.Connection | None) -> StoreError:
    """What SQLite said, in words about the store. `connection` is where it said it, when it came so far."""
    match error:
        case apsw.BusyError() | apsw.LockedError():
            return StoreLocked(f"the store `{path}` is locked by another process")
        case apsw.FullError():
            return StoreError(f"there is no space left for the store `{path}`")
        case apsw.ReadOnlyError() | apsw.PermissionsError():
            return StoreError(f"the store `{path}` is read-only")
        case apsw.NotADBError() | apsw.CorruptError():
            return StoreRefused(f"the store `{path}` is damaged: {error}")
        case apsw.ConstraintError():
            raise AssertionError(f"a row that can't be: {error}") from error
        case apsw.IOError() if connection is not None and connection.system_errno == errno.EFBIG:
            return StoreError(
                f"the store `{path}` may not grow any more: a file has reached its greatest size (`ulimit -f`)"
            )
        case _:
            return StoreError(f"the store `{path}` can't be used: {error}")


def of_run(role: str, run: str) -> tuple[str, tuple[str, ...]]:
    """The condition that picks the rows of one run, or of all."""
    return (" AND run = ?", (role, run)) if run else ("", (role,))
