"""Waits, and the events that are kept for them."""

from __future__ import annotations

from collections.abc import Iterable

from flowlang import codec
from flowlang.event import External
from flowlang.runtime.rows.connection import Connection
from flowlang.runtime.store import KeptRow, WaitRow


class EventRows(Connection):
    """Who listens for what, what there is to hear, and who has heard it."""

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
        """Kept events whose time is over, and which are on their way to nobody: a service that was down may take one yet."""
        return [
            KeptRow(seq, codec.load_external(body), arrived, until, to)
            for seq, body, arrived, until, to in self._all(
                "SELECT seq, body, arrived, until, whom FROM events WHERE until <= ? AND body <> '' "
                "AND id NOT IN (SELECT id FROM bus WHERE run = '') ORDER BY seq LIMIT ?",
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
