"""What a run under the central machine came to, and the oracle that its cells hold."""

from __future__ import annotations

from typing import assert_never

from flowlang import ir
from flowlang.cell import StepCell, calls_of, read_step
from flowlang.event import CANCELLED, Emitted, Outcome, path_key
from flowlang.oracle import Oracle
from flowlang.orchestrate.program import Program
from flowlang.orchestrate.state import CatchCell, EmitCell, ForkCell, RaceCell, State, SwitchCell


def outcome(program: Program, state: State) -> Outcome:
    """The outcome of the run so far."""
    calls, events, residue, stuck = [], [], [], False
    for number, cell in state.cells.items():
        node = program.places[number].node
        if isinstance(node, ir.Step) and isinstance(cell, StepCell):
            undo = None if node.undo is None else (node.undo.operation.service, node.undo.operation.name)
            calls += calls_of(node.path, cell, (node.operation.service, node.operation.name), undo)
            stuck |= cell.state in ("stuck", "stuck_undo")
            residue += [node.path] if cell.state == "skipped" else []
        elif isinstance(node, ir.Emit) and isinstance(cell, EmitCell):
            events.append(Emitted(node.path, node.event.type, cell.data))
    return Outcome(
        "stuck" if state.status == "open" and stuck else state.status,
        state.output,
        state.error,
        tuple(sorted(residue, key=path_key)),
        tuple(sorted(calls, key=lambda c: (path_key(c.id.path), c.id.kind, c.id.number))),
        tuple(sorted(events, key=lambda e: path_key(e.path))),
    )


def oracle(program: Program, state: State) -> Oracle:
    """Everything that timing or the outside decided in this run."""
    found = Oracle(cancelled=state.verdict == "cancelled")
    for number, cell in state.cells.items():
        node = program.places[number].node
        if isinstance(node, ir.Sequence):
            continue
        match cell:
            case StepCell():
                read_step(found, node.path, cell)
            case SwitchCell():
                found.decisions[node.path] = cell.arm
            case RaceCell():
                if cell.state == "turned":
                    found.turned[node.path] = CANCELLED
                else:
                    found.races[node.path] = cell.event if cell.event is not None else cell.state
            case ForkCell() | CatchCell() | EmitCell():
                pass
            case _:
                assert_never(cell)
    return found
