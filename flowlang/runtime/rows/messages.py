"""Outbox and bus, what other processes ask of the engine, and dead letters."""

from __future__ import annotations

from flowlang.runtime.rows.connection import Connection, of_run
from flowlang.runtime.store import BusRow, CommandRow, DeadRow, OutboxRow


class MessageRows(Connection):
    """What is on its way."""

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
        one, values = of_run(role, run)
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
        one, values = of_run(role, run)
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

    def on_their_way(self) -> set[str]:
        """The runs of which a message is on its way."""
        return {
            row[0]
            for row in self._all("SELECT run FROM outbox WHERE sent = 0 UNION SELECT run FROM bus WHERE parked = ''")
        }

    def goes_on(self, now: int) -> set[str]:
        """The roles that have something to do: a call, something to say or to hear, or a timer that is due."""
        return {
            role
            for (role,) in self._fresh(
                "SELECT role FROM parts WHERE status = 'open' AND asleep = 0 "
                "UNION SELECT role FROM outbox WHERE sent = 0 UNION SELECT role FROM bus WHERE parked = '' "
                "UNION SELECT role FROM timers WHERE due <= ?",
                (now,),
            )
        }

    def busy(self, run: str) -> bool:
        """Whether anything of a run goes on by itself: a call, or something on its way. "" asks for all runs. An event on
        the bus may be for any run."""
        one, either, values = (" AND run = ?", " AND run IN (?, '')", (run,)) if run else ("", "", ())
        return bool(
            self._fresh(f"SELECT 1 FROM parts WHERE status = 'open' AND asleep = 0{one} LIMIT 1", values)
            or self._all(f"SELECT 1 FROM outbox WHERE sent = 0{one} LIMIT 1", values)
            or self._all(f"SELECT 1 FROM bus WHERE parked = ''{either} LIMIT 1", values)
        )
