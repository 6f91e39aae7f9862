"""What a choreographed run came to, put together from what each service knows; and the oracle that their cells hold."""

from __future__ import annotations

from collections.abc import Mapping

from flowlang.cell import calls_of, read_step
from flowlang.choreograph.program import Program
from flowlang.choreograph.state import ChoiceCell, DoCell, RunCell, SaidCell, State, WaitCell
from flowlang.event import CANCELLED, Emitted, Outcome, path_key
from flowlang.oracle import Oracle
from flowlang.table import EmitRow, StepRow


def outcome(programs: Mapping[str, Program], states: Mapping[str, State]) -> Outcome:
    """The outcome of the run so far, from the states of those services that have heard of it."""
    calls, events, residue, stuck, run = [], [], [], False, RunCell()
    for service, state in states.items():
        for path, cell in state.cells.items():
            row = programs[service].rows[path]
            if isinstance(cell, DoCell) and isinstance(row, StepRow):
                undo = row.compensate
                by = None if undo is None else (undo.operation.service, undo.operation.name)
                calls += calls_of(path, cell.step, (row.operation.service, row.operation.name), by)
                stuck |= cell.step.state in ("stuck", "stuck_undo")
                residue += [path] if cell.step.state == "skipped" else []
            elif isinstance(cell, SaidCell) and isinstance(row, EmitRow):
                events.append(Emitted(path, row.type.type, cell.data))
            elif isinstance(cell, RunCell):
                run = cell
    return Outcome(
        "stuck" if run.status == "open" and stuck else run.status,
        run.output,
        run.error,
        tuple(sorted(residue, key=path_key)),
        tuple(sorted(calls, key=lambda c: (path_key(c.id.path), c.id.kind, c.id.number))),
        tuple(sorted(events, key=lambda e: path_key(e.path))),
    )


def oracle(states: Mapping[str, State]) -> Oracle:
    """Everything that timing or the outside decided in this run."""
    found = Oracle()
    for state in states.values():
        for path, cell in state.cells.items():
            if isinstance(cell, DoCell):
                read_step(found, path, cell.step)
            elif isinstance(cell, ChoiceCell):
                found.decisions[path] = cell.way
            elif isinstance(cell, RunCell):
                found.cancelled = cell.verdict == "cancelled"
            elif isinstance(cell, WaitCell):
                if cell.state == "turned":
                    found.turned[path] = CANCELLED
                else:
                    found.races[path] = cell.event if cell.event is not None else cell.state
    return found
