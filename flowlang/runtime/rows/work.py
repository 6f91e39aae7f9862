"""Calls and how far they are; timers."""

from __future__ import annotations

from typing import Any

from flowlang import codec
from flowlang.lifecycle import Item
from flowlang.runtime.rows.connection import PUT_WORK, Connection, of_run
from flowlang.runtime.store import TimerRow, WorkRow

_WORK = "role, run, call, state, attempts, answered, spent, closed, last, due, halted, round, begun, ended, created, path, kind"


class WorkRows(Connection):
    """What is to be done, and when."""

    def put_work(self, row: WorkRow) -> None:
        """A call that does not go straight, and how far it is."""
        self._late[PUT_WORK].append(_work_values(row))

    def work(self, role: str, run: str) -> list[WorkRow]:
        """The calls of a part that have a row."""
        return [
            _work_row(row)
            for row in self._fresh(f"SELECT {_WORK} FROM work WHERE role = ? AND run = ? ORDER BY rowid", (role, run))
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
        one, values = of_run(role, run)
        return [
            TimerRow(*row) for row in self._all(f"SELECT role, run, path, due FROM timers WHERE role = ?{one}", values)
        ]

    def timers(self, run: str) -> list[TimerRow]:
        """The timers of a run, for those who look at it from outside."""
        return [TimerRow(*row) for row in self._all("SELECT * FROM timers WHERE run = ? ORDER BY due, path", (run,))]


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
        codec.dump_results(item.closed) if item.closed else "",
        codec.dump_results((item.last,)) if item.last is not None else "",
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
