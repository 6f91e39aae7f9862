"""The store as one SQLite file: write-ahead log, synced at every commit, one writer for each process.

A transaction takes the write lock when it begins, so what it reads cannot be changed under it, and rows get their numbers
in the order of the commits. Whatever goes wrong in SQLite leaves as `StoreError`; the transaction is then rolled back as
a whole. In a file of somebody else's nothing is touched: it is looked at read-only before it is opened for writing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from flowlang import codec
from flowlang.event import External
from flowlang.lifecycle import Item
from flowlang.runtime.schema import APPLICATION, SCHEMA, VERSION
from flowlang.runtime.store import (
    BusRow,
    CommandRow,
    DeadRow,
    FlowRow,
    KeptRow,
    ListenRow,
    OutboxRow,
    PartRow,
    Recorded,
    RunRow,
    StoreError,
    StoreRefused,
    TimerRow,
    WaitRow,
    WorkRow,
)

BUSY = 10_000  # milliseconds that a transaction waits for another process's
MEMORY = ":memory:"
_MAGIC = b"SQLite format 3\x00"
_FLOW = "hash, mode, name, owner, gate, options"
_RUN = "run, flow, hash, mode, owner, key, input, status, started, ended, options"
_WORK = "role, run, call, state, attempts, answered, spent, closed, last, due, halted, round, begun, ended, created, path, kind"


class SqliteStore:
    """An open store. Use one from one thread."""

    def __init__(self, path: str, connection: apsw.Connection) -> None:
        self.path = path
        self.commits = 0
        self._connection = connection
        self._cursor = connection.cursor()
        self._seen_version = -1

    # ------------------------------------------------------------ transactions

    def begin(self) -> None:
        """Take the write lock."""
        self._run("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Make everything since `begin` durable, or nothing of it."""
        self.commits += 1
        self._run("COMMIT")

    def rollback(self) -> None:
        """Forget everything since `begin`."""
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
        self._connection.close()

    def _run(self, sql: str, values: Sequence[Any] = ()) -> None:
        try:
            self._cursor.execute(sql, values)
        except apsw.Error as error:
            raise store_error(self.path, error) from error

    def _all(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        try:
            return list(self._connection.execute(sql, values))
        except apsw.Error as error:
            raise store_error(self.path, error) from error

    def _one(self, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
        return self._all(sql, values)[0]

    # ------------------------------------------------------------ flows and the events that they know

    def add_flow(self, flow: FlowRow, shares: dict[str, str]) -> None:
        """Install a flow with the body of each role's share; what is there stays, and counts as the newest of its name."""
        self._run("DELETE FROM flows WHERE hash = ? AND mode = ?", (flow.hash, flow.mode))
        self._run(
            f"INSERT INTO flows({_FLOW}) VALUES (?,?,?,?,?,?)",
            (flow.hash, flow.mode, flow.name, flow.owner, flow.gate, json.dumps(dict(flow.options))),
        )
        for role, body in shares.items():
            self._run("INSERT OR IGNORE INTO shares VALUES (?,?,?,?)", (flow.hash, flow.mode, role, body))

    def flows(self) -> list[FlowRow]:
        """All installed flows, the newest last."""
        return [_flow_row(row) for row in self._all(f"SELECT {_FLOW} FROM flows ORDER BY seq")]

    def newest_flow(self) -> int:
        """A number that grows with every installation."""
        found: int | None = self._one("SELECT max(seq) FROM flows")[0]
        return found or 0

    def flow(self, hash: str, mode: str) -> FlowRow | None:
        """An installed flow."""
        found = self._all(f"SELECT {_FLOW} FROM flows WHERE hash = ? AND mode = ?", (hash, mode))
        return _flow_row(found[0]) if found else None

    def share(self, hash: str, mode: str, role: str) -> str | None:
        """The body of what one role holds of a flow."""
        found = self._all("SELECT body FROM shares WHERE hash = ? AND mode = ? AND role = ?", (hash, mode, role))
        return found[0][0] if found else None

    def shares(self, hash: str, mode: str) -> dict[str, str]:
        """What all roles hold of a flow."""
        return dict(self._all("SELECT role, body FROM shares WHERE hash = ? AND mode = ?", (hash, mode)))

    def roles(self) -> list[str]:
        """All roles of installed flows."""
        return [row[0] for row in self._all("SELECT DISTINCT role FROM shares ORDER BY role")]

    def listen(self, row: ListenRow) -> None:
        """Roles that hear an event type, and the fields by which waits tell its events apart; adds to what is known."""
        self._run("INSERT OR REPLACE INTO types VALUES (?,?,?,?)", (row.type, row.keep, row.to, row.schema))
        for role in row.roles:
            self._run("INSERT OR IGNORE INTO listeners VALUES (?,?)", (row.type, role))
        for field in row.fields:
            self._run("INSERT OR IGNORE INTO fields VALUES (?,?)", (row.type, field))

    def listens(self) -> dict[str, ListenRow]:
        """Everything that installed flows know of events, by type."""
        found = {
            type: ListenRow(type, keep, to, schema)
            for type, keep, to, schema in self._all("SELECT type, keep, whom, schema FROM types")
        }
        roles: dict[str, list[str]] = {}
        fields: dict[str, list[str]] = {}
        for type, role in self._all("SELECT type, role FROM listeners ORDER BY type, role"):
            roles.setdefault(type, []).append(role)
        for type, field in self._all("SELECT type, field FROM fields ORDER BY type, field"):
            fields.setdefault(type, []).append(field)
        return {
            type: ListenRow(type, row.keep, row.to, row.schema, tuple(roles.get(type, ())), tuple(fields.get(type, ())))
            for type, row in found.items()
        }

    # ------------------------------------------------------------ runs and their parts

    def add_run(self, row: RunRow) -> None:
        """A new run."""
        options = json.dumps(dict(row.options)) if row.options else "{}"
        self._run(
            f"INSERT INTO runs({_RUN}) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
            (
                row.run,
                row.flow,
                row.hash,
                row.mode,
                row.owner,
                row.key,
                row.input,
                row.status,
                row.started,
                row.ended,
                options,
            ),
        )

    def run(self, run: str) -> RunRow | None:
        """A run, as it was asked for."""
        found = self._all(f"SELECT {_RUN} FROM runs WHERE run = ?", (run,))
        return _run_row(found[0]) if found else None

    def runs(self, status: str = "") -> list[RunRow]:
        """All runs, or those of one status, in the order in which they were asked for."""
        where, values = ("WHERE status = ?", (status,)) if status else ("", ())
        return [_run_row(row) for row in self._all(f"SELECT {_RUN} FROM runs {where} ORDER BY seq", values)]

    def options(self, run: str) -> dict[str, str]:
        """What was stored with a run for those who answer its calls."""
        found = self._all("SELECT options FROM runs WHERE run = ?", (run,))
        return json.loads(found[0][0]) if found else {}

    def finish_run(self, run: str, status: str, ended: int) -> None:
        """The run is over."""
        self._run("UPDATE runs SET status = ?, ended = ? WHERE run = ?", (status, ended, run))

    def holder(self, flow: str, mode: str, key: str) -> RunRow | None:
        """The open or completed run that has a business key."""
        found = self._all(
            f"SELECT {_RUN} FROM runs WHERE flow = ? AND mode = ? AND key = ? AND status IN ('open', 'completed')",
            (flow, mode, key),
        )
        return _run_row(found[0]) if found else None

    def add_part(self, row: PartRow) -> None:
        """A role's part of a run begins."""
        self._run(
            "INSERT INTO parts VALUES (?,?,?,?,?,?,?)",
            (row.role, row.run, row.hash, row.mode, row.started, row.status, row.dropped),
        )

    def part(self, role: str, run: str) -> PartRow | None:
        """A role's part of a run."""
        found = self._all("SELECT * FROM parts WHERE role = ? AND run = ?", (role, run))
        return PartRow(*found[0]) if found else None

    def parts(self, run: str) -> list[PartRow]:
        """All parts of a run. For those who look at a run from outside only."""
        return [PartRow(*row) for row in self._all("SELECT * FROM parts WHERE run = ? ORDER BY role", (run,))]

    def set_part(self, role: str, run: str, status: str) -> None:
        """A part's status has changed."""
        self._run("UPDATE parts SET status = ? WHERE role = ? AND run = ?", (status, role, run))

    def drop(self, role: str, run: str) -> None:
        """Count something that came after the end."""
        self._run("UPDATE parts SET dropped = dropped + 1 WHERE role = ? AND run = ?", (role, run))

    def stuck_runs(self) -> set[str]:
        """The runs of which some part waits for an operator."""
        return {row[0] for row in self._all("SELECT DISTINCT run FROM parts WHERE status = 'stuck'")}

    # ------------------------------------------------------------ journals

    def append(self, role: str, run: str, seq: int, id: str, at: int, body: str) -> None:
        """One more input of a part."""
        self._run("INSERT INTO journal VALUES (?,?,?,?,?,?)", (role, run, seq, id, at, body))

    def journal(self, role: str, run: str) -> list[tuple[str, int, str]]:
        """The inputs of a part as (id, at, body), in order."""
        return self._all("SELECT id, at, body FROM journal WHERE role = ? AND run = ? ORDER BY seq", (role, run))

    def latest(self, run: str) -> int:
        """The time of the last thing that happened in a run, or 0."""
        found = self._one("SELECT max(at) FROM parts JOIN journal USING (role, run) WHERE run = ?", (run,))
        return found[0] or 0

    # ------------------------------------------------------------ work

    def add_work(self, row: WorkRow) -> None:
        """A call that is to be made."""
        self._run(f"INSERT INTO work({_WORK}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", _work_values(row))

    def set_work(self, row: WorkRow) -> None:
        """How far a call is now."""
        call = row.item.call
        self._run(
            "UPDATE work SET state = ?, attempts = ?, answered = ?, spent = ?, closed = ?, last = ?, due = ?, "
            "halted = ?, round = ?, begun = ?, ended = ? WHERE role = ? AND run = ? AND path = ? AND kind = ?",
            (*_progress(row), row.role, row.run, call.path, call.kind),
        )

    def work(self, role: str, run: str) -> list[WorkRow]:
        """The calls of a part."""
        return [
            _work_row(row)
            for row in self._all(f"SELECT {_WORK} FROM work WHERE role = ? AND run = ? ORDER BY rowid", (role, run))
        ]

    def open_work(self, role: str, run: str = "") -> list[WorkRow]:
        """The calls of a role, of one run or all, that are still to be made, under way, or to be made again."""
        one, values = _of_run(role, run)
        return [
            _work_row(row)
            for row in self._all(
                f"SELECT {_WORK} FROM work WHERE role = ?{one} AND state IN ('ready', 'running', 'backoff') "
                "ORDER BY rowid",
                values,
            )
        ]

    def recorded(self, role: str, run: str) -> list[Recorded]:
        """What a role has recorded of the calls of a run."""
        rows = self.work(role, run)
        return [
            Recorded(r.item.call.path, r.item.call.kind, r.item.call.service, r.item.call.operation, r.item.answered)
            for r in rows
        ]

    # ------------------------------------------------------------ timers

    def set_timer(self, row: TimerRow) -> None:
        """Wake a block."""
        self._run("INSERT OR REPLACE INTO timers VALUES (?,?,?,?)", (row.role, row.run, row.path, row.due))

    def stop_timer(self, role: str, run: str, path: str) -> None:
        """A block need not be woken any more."""
        self._run("DELETE FROM timers WHERE role = ? AND run = ? AND path = ?", (role, run, path))

    def role_timers(self, role: str, run: str = "") -> list[TimerRow]:
        """The timers of a role, of one run or all."""
        one, values = _of_run(role, run)
        return [
            TimerRow(*row) for row in self._all(f"SELECT role, run, path, due FROM timers WHERE role = ?{one}", values)
        ]

    def timers(self, run: str) -> list[TimerRow]:
        """The timers of a run, for those who look at it from outside."""
        return [TimerRow(*row) for row in self._all("SELECT * FROM timers WHERE run = ? ORDER BY due, path", (run,))]

    # ------------------------------------------------------------ waits and the events that they wait for

    def arm(self, role: str, run: str, path: str, type: str, field: str, value: str, at: int) -> None:
        """A wait listens."""
        self._run(
            "INSERT INTO waits(role, run, path, type, field, value, armed) VALUES (?,?,?,?,?,?,?)",
            (role, run, path, type, field, value, at),
        )

    def disarm(self, role: str, run: str, path: str) -> None:
        """A wait does not listen any more."""
        self._run("DELETE FROM waits WHERE role = ? AND run = ? AND path = ?", (role, run, path))

    def waits_of(self, role: str, run: str, path: str) -> list[WaitRow]:
        """What a block listens for."""
        return [
            WaitRow(*row)
            for row in self._all(
                "SELECT * FROM waits WHERE role = ? AND run = ? AND path = ? ORDER BY seq", (role, run, path)
            )
        ]

    def waits_for(self, role: str, type: str, field: str, value: str) -> list[WaitRow]:
        """The waits of a role that an event may satisfy, in the order of arming."""
        return [
            WaitRow(*row)
            for row in self._all(
                "SELECT * FROM waits WHERE role = ? AND type = ? AND field = ? AND value = ? ORDER BY seq",
                (role, type, field, value),
            )
        ]

    def waits(self, run: str) -> list[WaitRow]:
        """What a run listens for, for those who look at it from outside."""
        return [WaitRow(*row) for row in self._all("SELECT * FROM waits WHERE run = ? ORDER BY seq", (run,))]

    def keep(self, event: External, arrived: int, until: int, to: str, keys: Iterable[tuple[str, str]]) -> bool:
        """Keep an event under the values of the fields by which it may be asked for; False if it was known already."""
        self._run(
            "INSERT OR IGNORE INTO events(id, type, body, arrived, until, whom) VALUES (?,?,?,?,?,?)",
            (event.id, event.type, codec.dumps(event), arrived, until, to),
        )
        if not self._connection.changes():
            return False
        seq = self._connection.last_insert_rowid()
        for field, value in keys:
            self._run("INSERT INTO event_keys VALUES (?,?,?,?)", (event.type, field, value, seq))
        return True

    def known_event(self, id: str) -> bool:
        """Whether an event of this id was ever taken in."""
        return bool(self._all("SELECT 1 FROM events WHERE id = ?", (id,)))

    def kept(self, type: str, field: str, value: str, now: int) -> list[KeptRow]:
        """The kept events that a wait may ask for, in the order of arrival."""
        return [
            KeptRow(seq, codec.load_external(body), arrived, until, to)
            for seq, body, arrived, until, to in self._all(
                "SELECT e.seq, body, arrived, until, whom FROM event_keys AS k JOIN events AS e ON e.seq = k.event "
                "WHERE k.type = ? AND k.field = ? AND k.value = ? AND until > ? AND body <> '' ORDER BY e.seq",
                (type, field, value, now),
            )
        ]

    def events_of(self, type: str, now: int) -> list[KeptRow]:
        """All kept events of a type."""
        return [
            KeptRow(seq, codec.load_external(body), arrived, until, to)
            for seq, body, arrived, until, to in self._all(
                "SELECT seq, body, arrived, until, whom FROM events WHERE type = ? AND until > ? AND body <> '' "
                "ORDER BY seq",
                (type, now),
            )
        ]

    def add_key(self, type: str, field: str, value: str, seq: int) -> None:
        """One more field by which a kept event may be asked for."""
        self._run("INSERT OR IGNORE INTO event_keys VALUES (?,?,?,?)", (type, field, value, seq))

    def take(self, event: str, run: str, started: bool) -> None:
        """A wait of a run has used an event up, or the event has started the run."""
        self._run("INSERT OR IGNORE INTO taken VALUES (?,?,?)", (event, run, started))

    def takers(self, event: str) -> dict[str, bool]:
        """The runs that have used an event, and whether it was by being started by it."""
        return {
            run: bool(started) for run, started in self._all("SELECT run, started FROM taken WHERE event = ?", (event,))
        }

    def next_expiry(self) -> int | None:
        """When the next kept event is given up."""
        found: int | None = self._one("SELECT min(until) FROM events WHERE body <> ''")[0]
        return found

    def expired(self, now: int, limit: int) -> list[KeptRow]:
        """Kept events whose time is over."""
        return [
            KeptRow(seq, codec.load_external(body), arrived, until, to)
            for seq, body, arrived, until, to in self._all(
                "SELECT seq, body, arrived, until, whom FROM events WHERE until <= ? AND body <> '' ORDER BY seq "
                "LIMIT ?",
                (now, limit),
            )
        ]

    def erase_event(self, id: str) -> None:
        """Forget that an event ever came, so that it can be sent anew."""
        self._run("DELETE FROM event_keys WHERE event = (SELECT seq FROM events WHERE id = ?)", (id,))
        self._run("DELETE FROM events WHERE id = ?", (id,))

    def forget_event(self, seq: int) -> None:
        """Give a kept event up; its id stays known, so that a late duplicate is still one."""
        self._run("UPDATE events SET body = '' WHERE seq = ?", (seq,))
        self._run("DELETE FROM event_keys WHERE event = ?", (seq,))

    # ------------------------------------------------------------ outbox and bus

    def put_outbox(self, role: str, id: str, run: str, hash: str, to: str, body: str) -> OutboxRow | None:
        """Something that a role has said; None if it has said it before."""
        self._run(
            "INSERT OR IGNORE INTO outbox(role, id, run, hash, recipient, body) VALUES (?,?,?,?,?,?)",
            (role, id, run, hash, to, body),
        )
        if not self._connection.changes():
            return None
        return OutboxRow(self._connection.last_insert_rowid(), role, id, run, hash, to, body)

    def unsent(self, role: str, run: str = "") -> list[OutboxRow]:
        """What a role has said, in one run or all, and nobody has published yet."""
        one, values = _of_run(role, run)
        return [
            OutboxRow(*row)
            for row in self._all(
                "SELECT seq, role, id, run, hash, recipient, body FROM outbox "
                f"WHERE role = ?{one} AND sent = 0 ORDER BY seq",
                values,
            )
        ]

    def mark_sent(self, seq: int) -> None:
        """An outbox row has been published."""
        self._run("UPDATE outbox SET sent = 1 WHERE seq = ?", (seq,))

    def post(self, role: str, id: str, run: str, hash: str, body: str) -> BusRow:
        """Put something on the bus."""
        self._run("INSERT INTO bus(role, id, run, hash, body) VALUES (?,?,?,?,?)", (role, id, run, hash, body))
        return BusRow(self._connection.last_insert_rowid(), role, id, run, hash, body)

    def queue(self, role: str, run: str = "") -> list[BusRow]:
        """What is on the bus for a role, of one run or all, in the order in which it came."""
        one, values = _of_run(role, run)
        return [
            BusRow(*row)
            for row in self._all(
                f"SELECT seq, role, id, run, hash, body, parked FROM bus WHERE role = ?{one} ORDER BY seq", values
            )
        ]

    def park(self, seq: int, why: str) -> None:
        """Something on the bus can't be delivered yet."""
        self._run("UPDATE bus SET parked = ? WHERE seq = ?", (why, seq))

    def parked(self) -> list[BusRow]:
        """What can't be delivered yet."""
        return [
            BusRow(*row)
            for row in self._all(
                "SELECT seq, role, id, run, hash, body, parked FROM bus WHERE parked <> '' ORDER BY seq"
            )
        ]

    def ack(self, seq: int) -> None:
        """Something from the bus has been taken in for good."""
        self._run("DELETE FROM bus WHERE seq = ?", (seq,))

    # ------------------------------------------------------------ commands, dead letters

    def ask(self, id: str, word: str, body: str) -> None:
        """Ask something of the engine."""
        self._run("INSERT INTO mailbox(id, word, body) VALUES (?,?,?)", (id, word, body))

    def commands(self) -> list[CommandRow]:
        """What nobody has answered yet."""
        return [
            CommandRow(*row)
            for row in self._all("SELECT id, word, body, answer FROM mailbox WHERE answer IS NULL ORDER BY seq")
        ]

    def answer(self, id: str, answer: str) -> None:
        """A command was carried out."""
        self._run("UPDATE mailbox SET answer = ? WHERE id = ?", (answer, id))

    def answer_of(self, id: str) -> str | None:
        """The answer to a command."""
        found = self._all("SELECT answer FROM mailbox WHERE id = ?", (id,))
        return found[0][0] if found else None

    def forget_command(self, id: str) -> None:
        """Whoever asked has read the answer."""
        self._run("DELETE FROM mailbox WHERE id = ?", (id,))

    def bury(self, role: str, run: str, hash: str, at: int, reason: str, body: str) -> int:
        """A dead letter; returns its number."""
        self._run(
            "INSERT INTO dead(role, run, hash, at, reason, body) VALUES (?,?,?,?,?,?)",
            (role, run, hash, at, reason, body),
        )
        return self._connection.last_insert_rowid()

    def dead(self) -> list[DeadRow]:
        """All dead letters."""
        return [
            DeadRow(*row) for row in self._all("SELECT id, role, run, hash, at, reason, body FROM dead ORDER BY id")
        ]

    def unbury(self, id: int) -> None:
        """A dead letter is gone."""
        self._run("DELETE FROM dead WHERE id = ?", (id,))

    # ------------------------------------------------------------ looking

    def busy(self, run: str) -> bool:
        """Whether anything of a run goes on by itself: a call, or something on its way. "" asks for all runs. An event on
        the bus may be for any run."""
        one, either, values = (" AND run = ?", " AND run IN (?, '')", (run,)) if run else ("", "", ())
        return bool(
            self._all(f"SELECT 1 FROM work WHERE state IN ('ready', 'running', 'backoff'){one} LIMIT 1", values)
            or self._all(f"SELECT 1 FROM outbox WHERE sent = 0{one} LIMIT 1", values)
            or self._all(f"SELECT 1 FROM bus WHERE parked = ''{either} LIMIT 1", values)
        )


# ---------------------------------------------------------------- opening


def open_store(path: str, write: bool = True) -> SqliteStore:
    """The store at `path`, created where there is none (and `write`). Raises StoreRefused for a file that is no store of
    this version, StoreError where the file can't be opened."""
    if path != MEMORY:
        _look_first(path, write)
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE if write else apsw.SQLITE_OPEN_READONLY
    try:
        connection = apsw.Connection(path, flags=flags, statementcachesize=200)
        connection.set_busy_timeout(BUSY)
        if write:
            _prepare(connection)
        else:
            connection.execute("SELECT count(*) FROM flows")
    except apsw.Error as error:
        raise store_error(path, error) from error
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
        with open(path, "rb") as file:
            head = file.read(100)
            size = file.seek(0, os.SEEK_END)
    except OSError as error:
        raise StoreError(f"the store `{path}` can't be opened: {error.strerror}") from error
    if not head and not os.path.exists(f"{path}-wal"):
        return
    _check_head(path, head, size)


def _check_head(path: str, head: bytes, size: int) -> None:
    """The first hundred bytes of a SQLite file say whose it is, in which version, and how long it should be."""
    if head[:16] != _MAGIC[: len(head)] or len(head) < 100:
        found = "it is cut short" if len(head) < 100 and head[:16] == _MAGIC else "it is no SQLite file"
        raise StoreRefused(f"`{path}` is not a store of flows: {found}")
    page = int.from_bytes(head[16:18], "big")
    page = 65_536 if page == 1 else page
    pages = int.from_bytes(head[28:32], "big")
    if size < page * pages and head[24:28] == head[92:96]:
        raise StoreRefused(f"the store `{path}` is cut short: {size} bytes of {page * pages}")
    application, version = int.from_bytes(head[68:72], "big"), int.from_bytes(head[60:64], "big")
    if application != APPLICATION:
        raise StoreRefused(f"`{path}` is a database of another program, not a store of flows")
    if version != VERSION:
        word = "newer" if version > VERSION else "older"
        raise StoreRefused(f"the store `{path}` has schema {version}, {word} than this version's {VERSION}")


def _prepare(connection: apsw.Connection) -> None:
    """Settings, and the schema where the file is new; two processes that do so at once agree."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    if _version(connection) == VERSION:
        return
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
    # The head of the file itself must say whose it is before anybody else looks at it: the log does not count.
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _version(connection: apsw.Connection) -> int:
    found = connection.execute("PRAGMA user_version").fetchall()
    version: int = found[0][0]  # type: ignore[assignment]
    return version


def store_error(path: str, error: apsw.Error) -> StoreError:
    """What SQLite said, in words about the store."""
    match error:
        case apsw.BusyError() | apsw.LockedError():
            return StoreError(f"the store `{path}` is locked by another process")
        case apsw.FullError():
            return StoreError(f"there is no space left for the store `{path}`")
        case apsw.ReadOnlyError() | apsw.PermissionsError():
            return StoreError(f"the store `{path}` is read-only")
        case apsw.NotADBError() | apsw.CorruptError():
            return StoreRefused(f"the store `{path}` is damaged: {error}")
        case apsw.ConstraintError():
            raise AssertionError(f"a row that can't be: {error}") from error
        case _:
            return StoreError(f"the store `{path}` can't be used: {error}")


# ---------------------------------------------------------------- rows


def _of_run(role: str, run: str) -> tuple[str, tuple[str, ...]]:
    """The condition that picks the rows of one run, or of all."""
    return (" AND run = ?", (role, run)) if run else ("", (role,))


def _flow_row(row: tuple[Any, ...]) -> FlowRow:
    hash, mode, name, owner, gate, options = row
    return FlowRow(hash, mode, name, owner, gate, json.loads(options))


def _run_row(row: tuple[Any, ...]) -> RunRow:
    run, flow, hash, mode, owner, key, input, status, started, ended, options = row
    return RunRow(run, flow, hash, mode, owner, key, input, status, started, ended, json.loads(options))


def _work_values(row: WorkRow) -> tuple[Any, ...]:
    call = row.item.call
    return (row.role, row.run, codec.dumps(call), *_progress(row), row.created, call.path, call.kind)


def _progress(row: WorkRow) -> tuple[Any, ...]:
    """What changes of a call while it is made."""
    item = row.item
    return (
        item.state,
        item.attempts,
        item.answered,
        item.spent,
        codec.dumps(item.closed) if item.closed else "",
        codec.dumps((item.last,)) if item.last is not None else "",
        item.due,
        item.halted,
        item.round,
        row.begun,
        row.ended,
    )


def _work_row(row: tuple[Any, ...]) -> WorkRow:
    (role, run, call, state, attempts, answered, spent, closed, last, due, halted, round, *times) = row[:15]
    begun, ended, created = times
    item = Item(
        codec.load_call(call),
        state,
        attempts,
        answered,
        spent,
        codec.load_results(closed) if closed else (),
        codec.load_results(last)[0] if last else None,
        due,
        bool(halted),
        round,
    )
    return WorkRow(role, run, item, created, begun, ended)
