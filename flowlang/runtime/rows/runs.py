"""Flows, runs, the parts that roles have in them, and the journals of the parts."""

from __future__ import annotations

import json
from typing import Any

from flowlang.runtime.rows.connection import Connection
from flowlang.runtime.store import FlowRow, ListenRow, PartRow, RunRow

_FLOW = "hash, mode, name, owner, gate, options"
_RUN = "run, flow, hash, mode, owner, key, input, status, started, ended, options"


class RunRows(Connection):
    """What was asked for, and what happened."""

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


def _flow_row(row: tuple[Any, ...]) -> FlowRow:
    hash, mode, name, owner, gate, options = row
    return FlowRow(hash, mode, name, owner, gate, json.loads(options))


def _run_row(row: tuple[Any, ...]) -> RunRow:
    run, flow, hash, mode, owner, key, input, status, started, ended, options = row
    return RunRow(run, flow, hash, mode, owner, key, input, status, started, ended, json.loads(options))
