"""The store as one SQLite file: write-ahead log, synced at every commit, one writer for each process.

A transaction takes the write lock when it begins, so what it reads cannot be changed under it, and rows get their numbers
in the order of the commits. Whatever goes wrong in SQLite leaves as `StoreError`; the transaction is then rolled back as
a whole. In a file of somebody else's nothing is touched: it is looked at read-only before it is opened for writing.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import apsw

from flowlang.runtime.rows.connection import store_error
from flowlang.runtime.rows.events import EventRows
from flowlang.runtime.rows.messages import MessageRows
from flowlang.runtime.rows.pruning import Pruning
from flowlang.runtime.rows.runs import RunRows
from flowlang.runtime.rows.work import WorkRows
from flowlang.runtime.schema import APPLICATION, SCHEMA, VERSION
from flowlang.runtime.store import StoreError, StoreRefused

BUSY = 10_000  # milliseconds that a transaction waits for another process's
MEMORY = ":memory:"
_MAGIC = b"SQLite format 3\x00"


class SqliteStore(RunRows, WorkRows, EventRows, MessageRows, Pruning):
    """An open store. Use one from one thread: SQLite takes no locks of its own within a process (NOMUTEX), and the thread of
    a commit is waited for before anything else is asked of the store."""


DURABILITIES = {"full": "FULL", "fast": "NORMAL"}
"""What survives when the power fails: with `full` every commit that somebody was told of; with `fast` the store, but perhaps
not the commits of the last moments. A process that is killed loses nothing either way."""


def open_store(path: str, write: bool = True, durability: str = "full") -> SqliteStore:
    """The store at `path`, created where there is none (and `write`); `durability` as in DURABILITIES. Raises StoreRefused for a file that is no store of
    this version, StoreError where the file can't be opened."""
    if path != MEMORY:
        _look_first(path, write)
        if not write and _is_half_born(path):
            open_store(path).close()
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE if write else apsw.SQLITE_OPEN_READONLY
    connection = None
    try:
        connection = apsw.Connection(path, flags=flags | apsw.SQLITE_OPEN_NOMUTEX, statementcachesize=200)
        if write:
            _prepare_patiently(connection, DURABILITIES[durability])
        connection.set_busy_timeout(BUSY)
        if not write:
            connection.execute("SELECT count(*) FROM flows")
    except apsw.Error as error:
        raise store_error(path, error, connection) from error
    return SqliteStore(path, connection)


def _look_first(path: str, write: bool) -> None:
    """Refuse what is no store of ours before SQLite may change a byte of it."""
    try:
        if write:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        if os.path.isdir(path):
            raise StoreRefused(f"`{path}` is a directory, not a store")
        if not os.path.exists(path):
            if write:
                return
            raise StoreError(f"there is no store at `{path}`")
        if not os.path.isfile(path):  # a pipe would keep us waiting for whoever writes into it
            raise StoreRefused(f"`{path}` is no file that a store could be in")
        look = _look(path)
        if look.is_cut_short:
            look = _look(path)  # whoever wrote it at that moment has ended meanwhile
    except OSError as error:
        raise StoreError(f"the store `{path}` can't be opened: {error.strerror}") from error
    if look.head or look.has_log:
        _check(path, look)


@dataclass(frozen=True, slots=True)
class _Look:
    """The first hundred bytes of a SQLite file, which say whose it is, in which version, and how long it should be; and how
    long it is. They are put in before the pages behind them, so whoever looks at that moment, or after a kill at that moment,
    finds the rest in the log or the journal beside it."""

    head: bytes
    size: int
    has_log: bool  # before the head was read: whoever makes the store makes its head before its log
    is_written: bool  # there was a log or a journal, before or after

    def number(self, first: int, size: int = 4) -> int:
        """A number of the head."""
        return int.from_bytes(self.head[first : first + size], "big")

    @property
    def should_be(self) -> int:
        """Bytes."""
        page = self.number(16, 2)
        return (65_536 if page == 1 else page) * self.number(28)

    @property
    def is_cut_short(self) -> bool:
        """Whether pages are missing which are nowhere else."""
        return self.size < self.should_be and not self.is_written and self.number(24) == self.number(92)


def _look(path: str) -> _Look:
    has_log = os.path.exists(f"{path}-wal")
    before = _is_written(path)
    with open(path, "rb") as file:
        head = file.read(100)
        size = file.seek(0, os.SEEK_END)
    return _Look(head, size, has_log, before or _is_written(path))


def _is_written(path: str) -> bool:
    """Whether somebody writes into the file, or was killed at it."""
    return os.path.exists(f"{path}-wal") or os.path.exists(f"{path}-journal")


def _is_half_born(path: str) -> bool:
    """Whether whoever made the store was killed at it: nothing stands there yet, or what does is rolled back by whoever
    opens it for writing."""
    return os.path.getsize(path) == 0 or os.path.exists(f"{path}-journal")


def _check(path: str, look: _Look) -> None:
    if look.head[:16] != _MAGIC[: len(look.head)] or len(look.head) < 100:
        found = "it is cut short" if look.head[:16] == _MAGIC else "it is no SQLite file"
        raise StoreRefused(f"`{path}` is not a store of flows: {found}")
    if look.is_cut_short:
        raise StoreRefused(f"the store `{path}` is cut short: {look.size} bytes of {look.should_be}")
    if look.number(68) != APPLICATION:
        raise StoreRefused(f"`{path}` is a database of another program, not a store of flows")
    if (version := look.number(60)) != VERSION:
        word = "newer" if version > VERSION else "older"
        raise StoreRefused(f"the store `{path}` has schema {version}, {word} than this version's {VERSION}")


def _prepare_patiently(connection: apsw.Connection, synchronous: str) -> None:
    """The processes of a choreography open their store at the same moment. SQLite does not wait for whoever takes the log,
    whatever its time limit is, so we do; and we look anew each time: once another has made the store, nobody need write."""
    until = time.monotonic() + BUSY / 1000
    while True:
        try:
            return _prepare(connection, synchronous)
        except apsw.BusyError:
            if time.monotonic() > until:
                raise
        time.sleep(0.01)


def _prepare(connection: apsw.Connection, synchronous: str) -> None:
    """The schema where the file is new, and settings; two processes that do so at once agree. The schema comes first: with
    a rollback journal the file is empty or ours wherever its maker is killed, while a log would leave a head of nobody's."""
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    if _version(connection) == 0:
        _create(connection)
    connection.execute("PRAGMA journal_mode = WAL")


def _create(connection: apsw.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _version(connection) == 0:
            connection.execute(SCHEMA)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except apsw.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: apsw.Connection) -> int:
    found = connection.execute("PRAGMA user_version").fetchall()
    version: int = found[0][0]  # type: ignore[assignment]
    return version
