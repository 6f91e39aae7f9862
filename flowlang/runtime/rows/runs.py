"""Flows, runs, the parts that roles have in them, and the journals of the parts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import apsw

from flowlang.runtime.rows.connection import (
    ADD_PART,
    ADD_RUN,
    APPEND,
    FINISH_RUN,
    SET_ASLEEP,
    SET_PART,
    Connection,
    of_run,
)
from flowlang.runtime.store import FlowRow, ListenRow, PartRow, RunRow

_FLOW = "hash, mode, name, owner, gate, options"
_PART = "role, run, hash, mode, started, status, dropped, asleep"
_RUN = "run, flow, hash, mode, owner, key, input, status, started, ended, options"


class RunRows(Connection):
    """What was asked for, and what happened."""

    def __init__(self, path: str, connection: apsw.Connection) -> None:
        super().__init__(path, connection)
        self._options: tuple[Mapping[str, str], str] = ({}, "{}")  # nearly always those of the run before
        self._flows: dict[tuple[str, str], FlowRow] = {}  # only whoever owns the store starts runs, and installs flows

    def add_flow(self, flow: FlowRow, shares: dict[str, str]) -> None:
        """Install a flow with the body of each role's share; what is there stays, and counts as the newest of its name."""
        self._flows.pop((flow.hash, flow.mode), None)
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
        known = self._flows.get((hash, mode))
        if known is None:
            found = self._all(f"SELECT {_FLOW} FROM flows WHERE hash = ? AND mode = ?", (hash, mode))
            if not found:
                return None
            known = self._flows[hash, mode] = _flow_row(found[0])
        return known

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
        if row.options != self._options[0]:
            self._options = (row.options, json.dumps(dict(row.options)))
        self._late[ADD_RUN].append(
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
                self._options[1],
            )
        )

    def run(self, run: str) -> RunRow | None:
        """A run, as it was asked for."""
        found = self._fresh(f"SELECT {_RUN} FROM runs WHERE run = ?", (run,))
        return _run_row(found[0]) if found else None

    def is_known(self, run: str) -> bool:
        """Whether there was a run of this id before this transaction."""
        return bool(self._all("SELECT 1 FROM runs WHERE run = ?", (run,)))

    def known_between(self, first: str, last: str) -> set[str]:
        """The runs from one id to another that there were before this transaction."""
        return {row[0] for row in self._all("SELECT run FROM runs WHERE run BETWEEN ? AND ?", (first, last))}

    def runs(self, status: str = "") -> list[RunRow]:
        """All runs, or those of one status, in the order in which they were asked for."""
        where, values = ("WHERE status = ?", (status,)) if status else ("", ())
        return [_run_row(row) for row in self._fresh(f"SELECT {_RUN} FROM runs {where} ORDER BY seq", values)]

    def open_runs(self) -> list[str]:
        """The runs that are not over, in the order in which they were asked for."""
        return [row[0] for row in self._fresh("SELECT run FROM runs WHERE status = 'open' ORDER BY seq")]

    def options(self, run: str) -> dict[str, str]:
        """What was stored with a run for those who answer its calls."""
        found = self._fresh("SELECT options FROM runs WHERE run = ?", (run,))
        return json.loads(found[0][0]) if found else {}

    def finish_run(self, run: str, status: str, ended: int) -> None:
        """The run is over."""
        self._late[FINISH_RUN].append((status, ended, run))

    def holder(self, flow: str, mode: str, key: str) -> RunRow | None:
        """The open or completed run that has a business key."""
        found = self._fresh(
            f"SELECT {_RUN} FROM runs WHERE flow = ? AND mode = ? AND key = ? AND status IN ('open', 'completed')",
            (flow, mode, key),
        )
        return _run_row(found[0]) if found else None

    def add_part(self, row: PartRow) -> None:
        """A role's part of a run begins."""
        self._late[ADD_PART].append(
            (row.role, row.run, row.hash, row.mode, row.started, row.status, row.dropped, row.asleep)
        )

    def part(self, role: str, run: str) -> PartRow | None:
        """A role's part of a run."""
        found = self._fresh(f"SELECT {_PART} FROM parts WHERE role = ? AND run = ?", (role, run))
        return _part_row(found[0]) if found else None

    def parts(self, run: str) -> list[PartRow]:
        """All parts of a run. For those who look at a run from outside only."""
        found = self._fresh(f"SELECT {_PART} FROM parts WHERE run = ? ORDER BY role", (run,))
        return [_part_row(row) for row in found]

    def set_part(self, role: str, run: str, status: str) -> None:
        """A part's status has changed."""
        self._late[SET_PART].append((status, run, role))

    def set_asleep(self, role: str, run: str, asleep: bool) -> None:
        """Whether a part may have calls under way. That it has none is written later, or never; that it may have some at
        once, with the first of them."""
        self._late[SET_ASLEEP].append((asleep, run, role))

    def awake(self, role: str, run: str = "") -> list[str]:
        """The runs, or the one, in which a part of the role may have calls under way or to be made."""
        one, values = of_run(role, run)
        sql = f"SELECT run FROM parts WHERE role = ?{one} AND asleep = 0 AND status IN ('open', 'stuck') ORDER BY run"
        return [row[0] for row in self._fresh(sql, values)]

    def drop(self, role: str, run: str) -> None:
        """Count something that came after the end."""
        self._write_late()
        self._run("UPDATE parts SET dropped = dropped + 1 WHERE role = ? AND run = ?", (role, run))

    def stuck_runs(self) -> set[str]:
        """The runs of which some part waits for an operator."""
        return {row[0] for row in self._fresh("SELECT DISTINCT run FROM parts WHERE status = 'stuck'")}

    # ------------------------------------------------------------ journals

    def append(self, role: str, run: str, seq: int, id: str, at: int, body: str) -> None:
        """One more input of a part."""
        self._late[APPEND].append((role, run, seq, id, at, body))

    def journal(self, role: str, run: str) -> list[tuple[str, int, str]]:
        """The inputs of a part as (id, at, body), in order."""
        return self._fresh("SELECT id, at, body FROM journal WHERE role = ? AND run = ? ORDER BY seq", (role, run))

    def latest(self, run: str) -> int:
        """The time of the last thing that happened in a run, or 0."""
        found = self._fresh("SELECT max(at) FROM journal WHERE run = ?", (run,))
        return found[0][0] or 0


def _flow_row(row: tuple[Any, ...]) -> FlowRow:
    hash, mode, name, owner, gate, options = row
    return FlowRow(hash, mode, name, owner, gate, json.loads(options))


def _part_row(row: tuple[Any, ...]) -> PartRow:
    role, run, hash, mode, started, status, dropped, asleep = row
    return PartRow(role, run, hash, mode, started, status, dropped, bool(asleep))


def _run_row(row: tuple[Any, ...]) -> RunRow:
    run, flow, hash, mode, owner, key, input, status, started, ended, options = row
    return RunRow(run, flow, hash, mode, owner, key, input, status, started, ended, json.loads(options))
