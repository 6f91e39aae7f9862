"""What the driver meets in a simulation in place of the world: a clock that is wrong, a disk that fails, a network that
loses, repeats, delays and turns around what is on it. The driver, its relay, its timers and the rows of the store are the
real ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import apsw

from flowlang.runtime.bus import Bus
from flowlang.runtime.clock import VirtualClock
from flowlang.runtime.programs import Share, share_of
from flowlang.runtime.schema import SCHEMA
from flowlang.runtime.sqlite import SqliteStore
from flowlang.runtime.store import BusRow, StoreError
from flowlang.verify.choices import Choices

if TYPE_CHECKING:
    from flowlang.runtime.driver import Driver

FLAGS = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI
BUSY = 1_000  # milliseconds; nobody holds a lock across a turn


class WrongClock(VirtualClock):
    """The virtual clock of one process: `skew` milliseconds away from the true one."""

    def __init__(self, true: VirtualClock) -> None:
        super().__init__(true._loop, true._start)
        self.skew = 0

    def now(self) -> int:
        """What this process takes for the present time."""
        return super().now() + self.skew


class Disk:
    """A file in memory that lives as long as this object, whoever opens and loses it.

    The file of a history that is over is emptied and used again, with its connections: to make the tables, and to read
    what they are at every opening, took longer than most histories.
    """

    _spare: ClassVar[list[_File]] = []

    def __init__(self) -> None:
        self._file = Disk._spare.pop() if Disk._spare else _File()

    def open(self, watch: Watch) -> WatchedStore:
        """A connection of one process; what it has not committed when it is closed is lost."""
        file = self._file
        return WatchedStore(file.path, file.take(), watch, file.give_back)

    def look(self) -> SqliteStore:
        """The store, to look at; nobody need close it."""
        return SqliteStore(self._file.path, self._file.anchor)

    def close(self) -> None:
        """Throw away what is in the file."""
        self._file.empty()
        Disk._spare.append(self._file)


class _File:
    """A store in memory, and connections to it that nobody uses. It is there as long as one of them is."""

    made = 0

    def __init__(self) -> None:
        _File.made += 1
        self.path = f"file:/simulated-{_File.made}?vfs=memdb"
        self.anchor = self._open()
        self.anchor.execute(SCHEMA)
        tables = self.anchor.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        self._empty = "".join(
            f"DELETE FROM {name};" for (name,) in tables
        )  # sqlite_sequence is one: numbers begin anew
        self._idle: list[apsw.Connection] = []

    def take(self) -> apsw.Connection:
        return self._idle.pop() if self._idle else self._open()

    def give_back(self, connection: apsw.Connection) -> None:
        assert connection not in self._idle, "a process dies once"
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        self._idle.append(connection)

    def empty(self) -> None:
        with self.anchor:
            self.anchor.execute(self._empty)

    def _open(self) -> apsw.Connection:
        connection = apsw.Connection(self.path, flags=FLAGS, statementcachesize=200)
        connection.set_busy_timeout(BUSY)
        return connection


class Watch:
    """Who wants to know what a store does. `before_commit` may raise StoreError."""

    def before_commit(self, store: WatchedStore) -> None:
        """All is written and nothing is durable."""

    def after_commit(self, store: WatchedStore) -> None:
        """What was written is durable."""


class WatchedStore(SqliteStore):
    """The store of one process, over rows that are the real ones. `appended` are the inputs of this transaction."""

    def __init__(
        self, path: str, connection: apsw.Connection, watch: Watch, give_back: Callable[[apsw.Connection], None]
    ) -> None:
        super().__init__(path, connection)
        self.appended: list[tuple[str, str, str, int, str]] = []
        self.armed: list[tuple[str, str, str]] = []
        self.wrote = False  # whether the last transaction changed anything
        self._changes = 0
        self._watch = watch
        self._give_back = give_back

    def close(self) -> None:
        self._give_back(self._connection)

    def begin(self) -> None:
        self.appended.clear()
        self.armed.clear()
        super().begin()
        self._changes = self._connection.total_changes()

    def append(self, role: str, run: str, seq: int, id: str, at: int, body: str) -> None:
        self.appended.append((role, run, id, at, body))
        super().append(role, run, seq, id, at, body)

    def arm(self, role: str, run: str, path: str, type: str, field: str, value: str, at: int) -> None:
        self.armed.append((role, run, path))
        super().arm(role, run, path, type, field, value, at)

    def commit(self) -> None:
        self._watch.before_commit(self)
        super().commit()
        self.wrote = self._connection.total_changes() != self._changes
        self._watch.after_commit(self)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a question about the tables is answered, for those who check them."""
        return self._all(sql)


class Network(Bus):
    """The relay of one driver over a network that is not to be trusted: what lies on the bus is heard of late, twice, out of
    order, or not until somebody looks again."""

    def __init__(self, driver: Driver, choices: Choices, percent: int, fault: Callable[[str], None]) -> None:
        super().__init__(driver)
        self._choices = choices
        self._percent = percent
        self._fault = fault

    def _take_note(self, row: BusRow) -> None:
        kind = ""
        if self._percent and self._choices.below(100) >= 100 - self._percent:
            kind = self._choices.pick(("duplicate", "delay", "loss", "reorder"))
            self._fault(kind)
        match kind:
            case "duplicate":
                super()._take_note(row)
                super()._take_note(row)
            case "delay" | "loss":  # what is lost stays on the bus, and is delivered again much later
                self._held.add(row.seq)
                pause = self._choices.below(50) if kind == "delay" else 1_000 + self._choices.below(20_000)
                self._later(row, pause)
            case "reorder":
                super()._take_note(row)
                self.came.appendleft(self.came.pop())
            case _:
                super()._take_note(row)

    def _later(self, row: BusRow, pause: int) -> None:
        if not row.parked:
            self._driver.count(row.run, 1)  # it is on its way: the run goes on by itself

        def arrive() -> None:
            if not row.parked:
                self._driver.count(row.run, -1)
            if self._driver.failure is None:
                Bus._take_note(self, row)

        asyncio.get_running_loop().call_later(pause / 1000, arrive)


class DiskFull(StoreError):
    """A commit that the disk refused."""


_SHARES: dict[tuple[str, str, str], tuple[str, Share]] = {}


def known_share(hash: str, mode: str, role: str, body: str) -> Share:
    """The share that `body` describes; read once, since a simulation opens the same flow again and again."""
    found = _SHARES.get((hash, mode, role))
    if found is None or found[0] != body:
        if len(_SHARES) > 100:
            _SHARES.clear()
        found = _SHARES[hash, mode, role] = (body, share_of(hash, mode, role, body))
    return found[1]
