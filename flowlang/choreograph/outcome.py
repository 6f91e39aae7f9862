"""What a choreographed run came to, put together from what each service knows; and the oracle that their cells hold."""

from __future__ import annotations

from collections.abc import Mapping

from flowlang import place
from flowlang.cell import calls_of, read_step
from flowlang.choreograph.program import Program, further_of
from flowlang.choreograph.state import (
    AlongsideCell,
    Cell,
    ChildCell,
    ChoiceCell,
    CommitCell,
    DoCell,
    EachCell,
    InterruptCell,
    JoinCell,
    ParkedCell,
    RelayCell,
    RepeatCell,
    RetryCell,
    RunCell,
    SaidCell,
    State,
    WaitCell,
)
from flowlang.event import Emitted, Index, Outcome, path_key
from flowlang.oracle import Oracle
from flowlang.table import EachRow, EmitRow, JoinRow, RepeatRow, RetryRow, Row, StepRow


def outcome(programs: Mapping[str, Program], states: Mapping[str, State]) -> Outcome:
    """The outcome of the run so far, from the states of those services that have heard of it."""
    calls, events, residue, stuck, run = [], [], [], False, RunCell()
    for service, state in states.items():
        for (template, index), cell in state.cells.items():
            row = programs[service].rows[template]
            path = place.instance(template, index)
            if isinstance(cell, DoCell) and isinstance(row, StepRow):
                undo = row.compensate
                by = None if undo is None else (undo.operation.service, undo.operation.name)
                calls += calls_of(path, cell.step, (row.operation.service, row.operation.name), by)
                stuck |= cell.step.state in ("stuck", "stuck_undo")
                residue += [path] if cell.step.state == "skipped" else []
            elif isinstance(cell, SaidCell) and isinstance(row, EmitRow):
                events.append(Emitted(path, row.type.type, cell.data))
            elif isinstance(cell, ParkedCell):
                stuck = True
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


def oracle(programs: Mapping[str, Program], states: Mapping[str, State]) -> Oracle:
    """Everything that timing or the outside decided in this run."""
    found = Oracle()
    for service, state in states.items():
        for (template, index), cell in state.cells.items():
            _read(found, programs[service].rows[template], index, cell)
    return found


def _read(found: Oracle, row: Row, index: Index, cell: Cell) -> None:
    """Enter what the cell of `row` at `index` decided."""
    path = place.instance(row.path, index)
    match cell:
        case DoCell():
            read_step(found, path, cell.step)
        case CommitCell():
            if cell.turned is None:
                found.committed.add(path)
            else:
                found.turned[path] = cell.turned
        case JoinCell():
            if cell.went_on and isinstance(row, JoinRow) and row.join == "some":
                found.winners[path] = cell.won
        case ChoiceCell():
            found.decisions[path] = cell.way
        case WaitCell():
            if cell.reason is not None:
                found.turned[path] = cell.reason
            else:
                found.races[path] = cell.event if cell.event is not None else cell.state
        case EachCell():
            if isinstance(row, EachRow) and row.width:
                found.started[path] = cell.started
        case RepeatCell() | RetryCell():
            assert isinstance(row, RepeatRow | RetryRow)
            further = further_of(row)
            if cell.pause is not None:
                found.pauses.add(place.instance(further, (*index, cell.pause)))
            if cell.turned is not None:
                number, reason = cell.turned
                found.turned[place.instance(further, (*index, number))] = reason
        case AlongsideCell():
            if cell.kids:
                found.kids[path] = tuple((handler, event) for handler, _, event in cell.kids)
        case InterruptCell():
            if cell.verdict:
                found.verdicts[path] = cell.verdict
            if cell.verdict == "interrupted":
                found.interrupts[path] = (cell.by, cell.event)
        case ChildCell():
            if cell.turned is not None:
                found.turned[path] = cell.turned
            elif cell.verdict:
                found.verdicts[path] = cell.verdict
        case RelayCell():
            if cell.turned is not None:
                found.turned[path] = cell.turned
        case RunCell():
            found.cancelled = cell.verdict == "cancelled"
        case _:
            pass  # what was said, what is parked, and exits that only pass on, decide nothing
