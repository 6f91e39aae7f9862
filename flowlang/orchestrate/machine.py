"""The central machine: one state for a whole run, and `advance` that walks the kernel.

Every block has four ports: it is started, and answers ok or gone; after an ok it may be undone, and answers gone. The
machine passes these words between a block and its parent until nothing more follows from the input, then hands back what
should be done outside. It keeps no program counter: a cell for each block that saw or decided something is all its state,
and replaying the inputs gives the same state again. A block stands for all its instances, one for each iteration, attempt
and kid around it; a cell is found by the block's number and the numbers of these.

`advance` changes the state in place. A copy for each input would make a run of many steps quadratic; whoever wants to
look at two futures of one state (the explorer) clones it first. For the same reason nothing in it looks at all cells: a
hint goes to what is alive, and a scope knows what it waits for.

This file says which block does what when it is told which word; `steps`, `waits`, `joins`, `loops` and `scopes` do it.
"""

from __future__ import annotations

from typing import assert_never

from flowlang import event, ir
from flowlang.cell import Causes, StepCell
from flowlang.event import Effect, Index, Input, Reason
from flowlang.link import Refused
from flowlang.orchestrate import joins, loops, scopes, steps, waits
from flowlang.orchestrate.program import Program
from flowlang.orchestrate.state import EmitCell, RaceCell, State, SwitchCell
from flowlang.orchestrate.walk import Walk


def initial(program: Program, run: str, started: int) -> State:
    """The state of a run that has seen nothing yet; `started` in milliseconds."""
    return State(run, started)


def advance(program: Program, state: State, input: Input) -> list[Effect]:
    """Take `input` in, change `state`, and say what is to be done. An input that comes too late changes nothing."""
    walk = Walk(program, state, input.at)
    _take(walk, input)
    todo = walk.todo
    while todo:
        port, number, index, reason, causes = todo.popleft()
        match port:
            case "start":
                _start(walk, number, index, causes)
            case "ok":
                _ok(walk, number, index, causes)
            case "gone":
                _gone(walk, number, index, reason, causes)
            case "undo":
                _undo(walk, number, index, reason, causes)
            case _:
                _turn(walk, number, index, reason)
    return walk.effects


def _take(walk: Walk, input: Input) -> None:
    match input:
        case event.Start():
            walk.state.env.update(input.input)
            walk.start(0, (), ())
        case event.Settled() | event.Stuck() | event.Resolved():
            number, index = walk.program.find(input.path)
            node = walk.program.places[number].node
            assert isinstance(node, ir.Step), f"{input.path} is no step"
            if isinstance(input, event.Settled):
                steps.settled(walk, number, node, index, input)
            elif isinstance(input, event.Stuck):
                steps.stuck(walk, number, node, index, input)
            else:
                steps.resolved(walk, number, node, index, input)
        case event.Fired():
            _fired(walk, *walk.program.find(input.path))
        case event.Arrived():
            if not _arrived(walk, *walk.program.find(input.path), input):
                walk.effects.append(event.Declined(input.path, input.event.id))
        case event.Cancel():
            scopes.cancel(walk)
        case event.Heard():
            raise AssertionError("the central machine hears no messages")
        case _:
            assert_never(input)


def _fired(walk: Walk, number: int, index: Index) -> None:
    match walk.program.places[number].node:
        case ir.Race() as node:
            waits.fired(walk, number, node, index)
        case ir.Repeat():
            loops.iteration_due(walk, number, index[:-1], index[-1])
        case ir.Retry():
            loops.attempt_due(walk, number, index[:-1], index[-1])
        case ir.Interrupt() as node:
            scopes.fired(walk, number, node, index)
        case node:
            raise AssertionError(f"{node} has no timer")


def _arrived(walk: Walk, number: int, index: Index, input: event.Arrived) -> bool:
    match walk.program.places[number].node:
        case ir.Race() as node:
            return waits.arrived(walk, number, node, index, input)
        case ir.Alongside() as node:
            return joins.arrived(walk, number, node, index, input)
        case ir.Interrupt() as node:
            return scopes.arrived(walk, number, node, index, input)
        case node:
            raise AssertionError(f"{node} waits for no event")


# ---------------------------------------------------------------- start


def _start(walk: Walk, number: int, index: Index, causes: Causes) -> None:
    """Begin a block after `causes`."""
    place = walk.program.places[number]
    node = place.node
    try:
        match node:
            case ir.Step():
                steps.start(walk, number, node, index, causes)
            case ir.Let():
                value = walk.program.link.value(node.value, walk.env(place, index))
                if node.schema is not None:
                    value = walk.program.link.conformed(node.schema, value, node.breach)
                walk.env(place, index)[node.name] = value
                walk.ok(number, index, causes)
            case ir.Emit():
                data = walk.program.link.value(node.data, walk.env(place, index))
                data = walk.program.link.conformed(node.event.data, data, "ExpressionError")
                walk.state.cells[number, index] = EmitCell(data)
                walk.effects.append(event.Publish(walk.path(place, index), node.event.type, data))
                walk.ok(number, index, causes)
            case ir.Fail():
                env = walk.env(place, index)
                message = "" if node.message is None else walk.program.link.value(node.message, env)
                walk.gone(number, index, event.failed(node.error, message, walk.path(place, index)), causes)
            case ir.Commit():
                scopes.commit(walk, number, index, causes)
            case ir.Sequence():
                if place.parts:
                    walk.start(place.parts[0], index, causes)
                else:
                    walk.ok(number, index, causes)
            case ir.Fork():
                joins.start_fork(walk, number, node, index, causes)
            case ir.Switch():
                arm = _choose(walk, node, walk.env(place, index))
                walk.state.cells[number, index] = SwitchCell(arm)
                walk.start(place.parts[arm], index, causes)
            case ir.Race():
                waits.arm(walk, number, node, index, causes)
            case ir.Each():
                joins.start_each(walk, number, node, index, causes)
            case ir.Repeat():
                loops.start_repeat(walk, number, node, index, causes)
            case ir.Alongside():
                joins.start_alongside(walk, number, node, index, causes)
            case ir.Retry():
                loops.start_retry(walk, number, index, causes)
            case ir.Interrupt():
                scopes.start_interrupt(walk, number, node, index, causes)
            case ir.Catch():
                scopes.start_catch(walk, number, index, causes)
            case ir.Undoing():
                scopes.start_undoing(walk, number, index, causes)
            case ir.Child():
                scopes.start_child(walk, number, index, causes)
            case ir.Region():
                walk.start(place.parts[0], index, causes)
            case _:
                assert_never(node)
    except Refused as refused:
        error = refused.error(walk.path(place, index))
        if isinstance(node, ir.Step):
            steps.refused(walk, number, node, index, causes, error)
        elif walk.may_fail(number, index, error):
            walk.gone(number, index, Reason("failed", error), causes)


def _choose(walk: Walk, node: ir.Switch, env: dict[str, event.Value]) -> int:
    for number, arm in enumerate(node.arms):
        if arm.when is None or walk.program.link.truth(arm.when, env):
            return number
    raise AssertionError(f"{node.path} has no else")


# ---------------------------------------------------------------- ok and gone reach the parent


def _ok(walk: Walk, number: int, index: Index, causes: Causes) -> None:
    """A block is done; its parent goes on."""
    place = walk.program.places[number]
    above = place.parent
    if above < 0:
        return scopes.run_ok(walk, causes)
    parent = walk.program.places[above]
    match parent.node:
        case ir.Sequence():
            if place.position + 1 < len(parent.parts):
                walk.start(parent.parts[place.position + 1], index, causes)
            else:
                walk.ok(above, index, causes)
        case ir.Fork() as node:
            joins.branch_ok(walk, above, node, place.position, index, causes)
        case ir.Switch() | ir.Race() | ir.Region():
            walk.ok(above, index, causes)
        case ir.Each() as node:
            joins.item_ok(walk, above, node, index[-1], index[:-1], causes)
        case ir.Repeat() as node:
            if place.position == 0:
                loops.iteration_ok(walk, above, node, index, causes)
            else:
                walk.ok(above, index, causes)
        case ir.Alongside() as node:
            joins.part_ok(walk, above, node, place.position, index, causes)
        case ir.Retry():
            loops.attempt_ok(walk, above, index, causes)
        case ir.Interrupt():
            scopes.interrupt_ok(walk, above, place.position, index, causes)
        case ir.Catch() | ir.Undoing():
            scopes.leave(walk, (above, index), causes)
        case ir.Child():
            scopes.child_ok(walk, above, index, causes)
        case ir.Step() | ir.Let() | ir.Emit() | ir.Fail() | ir.Commit():
            raise AssertionError(f"{parent.template} has no parts")
        case _ as other:
            assert_never(other)


def _gone(walk: Walk, number: int, index: Index, reason: Reason, causes: Causes) -> None:
    """Nothing of a block remains; its parent rewinds, or handles it."""
    place = walk.program.places[number]
    above = place.parent
    if above < 0:
        return scopes.run_gone(walk, reason)
    parent = walk.program.places[above]
    match parent.node:
        case ir.Sequence():
            if place.position:
                walk.undo(parent.parts[place.position - 1], index, reason, causes)
            else:
                walk.gone(above, index, reason, causes)
        case ir.Fork() as node:
            joins.branch_gone(walk, above, node, place.position, index, reason, causes)
        case ir.Switch() | ir.Race() | ir.Region():
            walk.gone(above, index, reason, causes)
        case ir.Each() as node:
            joins.item_gone(walk, above, node, index[-1], index[:-1], reason, causes)
        case ir.Repeat():
            if place.position == 0:
                loops.iteration_gone(walk, above, index, reason, causes)
            else:
                loops.late_gone(walk, above, index, reason, causes)
        case ir.Alongside() as node:
            joins.part_gone(walk, above, node, place.position, index, reason, causes)
        case ir.Retry() as node:
            loops.attempt_gone(walk, above, node, index, reason, causes)
        case ir.Interrupt() as node:
            scopes.interrupt_gone(walk, above, node, place.position, index, reason, causes)
        case ir.Catch() as node:
            scopes.catch_gone(walk, above, node, place.position, index, reason, causes)
        case ir.Undoing():
            scopes.undoing_gone(walk, above, place.position, index, reason, causes)
        case ir.Child():
            scopes.child_gone(walk, above, index, reason, causes)
        case ir.Step() | ir.Let() | ir.Emit() | ir.Fail() | ir.Commit():
            raise AssertionError(f"{parent.template} has no parts")
        case _ as other:
            assert_never(other)


# ---------------------------------------------------------------- undo, and turning round


def _undo(walk: Walk, number: int, index: Index, reason: Reason, causes: Causes) -> None:
    """Take back a block that was ok."""
    place, cell = walk.program.places[number], walk.state.cells.get((number, index))
    node = place.node
    match node:
        case ir.Step():
            assert isinstance(cell, StepCell) and cell.state in ("ok", "skipped"), (node.path, cell)
            steps.undo(walk, number, node, index, cell, reason, causes)
        case ir.Let() | ir.Emit() | ir.Fail() | ir.Commit():
            walk.gone(number, index, reason, causes)
        case ir.Sequence():
            if place.parts:
                walk.undo(place.parts[-1], index, reason, causes)
            else:
                walk.gone(number, index, reason, causes)
        case ir.Fork():
            joins.undo_fork(walk, number, index, reason, causes)
        case ir.Switch():
            assert isinstance(cell, SwitchCell)
            walk.undo(place.parts[cell.arm], index, reason, causes)
        case ir.Race():
            assert isinstance(cell, RaceCell)
            walk.undo(place.parts[cell.taken], index, reason, causes)
        case ir.Each():
            joins.undo_each(walk, number, node, index, reason, causes)
        case ir.Repeat():
            loops.undo_repeat(walk, number, index, reason, causes)
        case ir.Alongside():
            joins.undo_alongside(walk, number, index, reason, causes)
        case ir.Retry():
            loops.undo_retry(walk, number, index, reason, causes)
        case ir.Interrupt():
            scopes.undo_interrupt(walk, number, index, reason, causes)
        case ir.Catch():
            scopes.undo_catch(walk, number, index, reason, causes)
        case ir.Undoing():
            scopes.undo_undoing(walk, number, index, reason, causes)
        case ir.Child() | ir.Region():
            walk.undo(place.parts[0], index, reason, causes)
        case _:
            assert_never(node)


def _turn(walk: Walk, number: int, index: Index, reason: Reason) -> None:
    """A hint reaches a block that was alive when it came."""
    match walk.program.places[number].node:
        case ir.Step():
            steps.turn(walk, number, index)
        case ir.Race() as node:
            waits.turn(walk, number, node, index, reason)
        case ir.Repeat():
            loops.turn_repeat(walk, number, index, reason)
        case ir.Retry():
            loops.turn_retry(walk, number, index, reason)
        case ir.Child():
            scopes.turn_child(walk, number, index)
        case node:
            raise AssertionError(f"{node} is never alive")
