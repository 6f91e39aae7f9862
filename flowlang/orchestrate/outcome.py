"""What a run under the central machine came to, and the oracle that its cells hold."""

from __future__ import annotations

from typing import assert_never

from flowlang import ir
from flowlang.cell import StepCell, calls_of, read_step
from flowlang.event import Emitted, Index, Outcome, path_key
from flowlang.oracle import Oracle
from flowlang.orchestrate.program import Program, attempts_of
from flowlang.orchestrate.state import (
    AlongsideCell,
    CatchCell,
    Cell,
    ChildCell,
    CommitCell,
    EachCell,
    EmitCell,
    ForkCell,
    InterruptCell,
    RaceCell,
    RepeatCell,
    RetryCell,
    State,
    SwitchCell,
    UndoingCell,
)
from flowlang.place import instance


def outcome(program: Program, state: State) -> Outcome:
    """The outcome of the run so far."""
    calls, events, residue = [], [], []
    for (number, index), cell in state.cells.items():
        place = program.places[number]
        node = place.node
        if isinstance(node, ir.Step) and isinstance(cell, StepCell):
            path = instance(place.template, index)
            undo = None if node.undo is None else (node.undo.operation.service, node.undo.operation.name)
            calls += calls_of(path, cell, (node.operation.service, node.operation.name), undo)
            residue += [path] if cell.state == "skipped" else []
        elif isinstance(node, ir.Emit) and isinstance(cell, EmitCell):
            events.append(Emitted(instance(place.template, index), node.event.type, cell.data))
    return Outcome(
        "stuck" if state.status == "open" and state.stuck else state.status,
        state.output,
        state.error,
        tuple(sorted(residue, key=path_key)),
        tuple(sorted(calls, key=lambda c: (path_key(c.id.path), c.id.kind, c.id.number))),
        tuple(sorted(events, key=lambda e: path_key(e.path))),
    )


def stuck(program: Program, state: State) -> list[tuple[str, str, str]]:
    """The blocks that can't go on by themselves, as (path, kind, why); kind "" where no call of theirs is stuck."""
    return [
        (instance(program.places[number].template, index), kind, _why(state, number, index))
        for (number, index), kind in state.stuck.items()
    ]


def _why(state: State, number: int, index: Index) -> str:
    cell = state.cells.get((number, index))
    error = cell.stuck if isinstance(cell, StepCell) else state.parked.get((number, index))
    return "" if error is None else error.message or error.name


def oracle(program: Program, state: State) -> Oracle:
    """Everything that timing or the outside decided in this run."""
    found = Oracle(cancelled=state.verdict == "cancelled")
    for (number, index), cell in state.cells.items():
        template = program.places[number].template
        _read(found, instance(template, index), template, index, cell)
    return found


def _read(found: Oracle, path: str, template: str, index: Index, cell: Cell) -> None:
    """Enter what the cell of block `path` knows."""
    match cell:
        case StepCell():
            read_step(found, path, cell)
        case CommitCell():
            if cell.reason is None:
                found.committed.add(path)
            else:
                found.turned[path] = cell.reason
        case ForkCell():
            if cell.winners:
                found.winners[path] = cell.winners
        case SwitchCell():
            found.decisions[path] = cell.arm
        case RaceCell():
            if cell.reason is not None:
                found.turned[path] = cell.reason
            else:
                found.races[path] = cell.event if cell.event is not None else cell.state
        case EachCell():
            found.started[path] = cell.started
        case RepeatCell():
            _read_pause(found, f"{path}[{cell.iteration + 1}]", cell)
        case AlongsideCell():
            found.kids[path] = tuple((handler, event) for handler, _, event in cell.kids)
        case RetryCell():
            _read_pause(found, instance(attempts_of(template), (*index, cell.attempt + 1)), cell)
        case InterruptCell():
            if cell.verdict:
                found.verdicts[path] = cell.verdict
            if cell.which >= 0:
                found.interrupts[path] = (cell.which, cell.event)
        case ChildCell():
            if cell.reason is not None:
                found.turned[path] = cell.reason
            elif cell.verdict:
                found.verdicts[path] = cell.verdict
        case EmitCell() | CatchCell() | UndoingCell():
            pass
        case _:
            assert_never(cell)


def _read_pause(found: Oracle, to_come: str, cell: RepeatCell | RetryCell) -> None:
    if cell.pausing:
        found.pauses.add(to_come)
    if cell.turned is not None:
        found.turned[to_come] = cell.turned
