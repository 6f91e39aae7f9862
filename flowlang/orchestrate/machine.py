"""The central machine: one state for a whole run, and `advance` that walks the kernel.

Every block has four ports: it is started, and answers ok or gone; after an ok it may be undone, and answers gone. The
machine passes these words between a block and its parent until nothing more follows from the input, then hands back what
should be done outside. It keeps no program counter: a cell for each block that saw or decided something is all its state,
and replaying the inputs gives the same state again.

`advance` changes the state in place. A copy for each input would make a run of many steps quadratic; whoever wants to
look at two futures of one state (the explorer) clones it first.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import assert_never

from flowlang import event, ir
from flowlang.cell import Causes, StepCell, attributed, last_call, result_word
from flowlang.event import CANCELLED, Effect, External, Input, Reason
from flowlang.link import Refused
from flowlang.orchestrate.program import Program
from flowlang.orchestrate.state import CatchCell, EmitCell, ForkCell, RaceCell, State, SwitchCell
from flowlang.reason import as_value, first_reason, handler_of


def initial(program: Program, run: str, started: int) -> State:
    """The state of a run that has seen nothing yet; `started` in milliseconds."""
    return State(run, started)


def advance(program: Program, state: State, input: Input) -> list[Effect]:
    """Take `input` in, change `state`, and say what is to be done. An input that comes too late changes nothing."""
    walk = _Walk(program, state, input.at)
    walk.take(input)
    walk.settle()
    return walk.effects


@dataclass(slots=True)
class _Walk:
    """One input on its way through the blocks. `todo` holds (port, block, reason, causes)."""

    program: Program
    state: State
    at: int
    effects: list[Effect] = field(default_factory=list)
    todo: deque[tuple[str, int, Reason, Causes]] = field(default_factory=deque)

    # ------------------------------------------------------------ inputs

    def take(self, input: Input) -> None:
        match input:
            case event.Start():
                self.state.env.update(input.input)
                self.say("start", 0, CANCELLED, ())
            case event.Settled():
                self.settled(self.program.numbers[input.path], input)
            case event.Stuck():
                self.stuck(self.program.numbers[input.path], input)
            case event.Resolved():
                self.resolved(self.program.numbers[input.path], input)
            case event.Fired():
                self.fired(self.program.numbers[input.path])
            case event.Arrived():
                self.arrived(self.program.numbers[input.path], input)
            case event.Cancel():
                self.cancel()
            case event.Heard():
                raise AssertionError("the central machine hears no messages")
            case _:
                assert_never(input)

    def say(self, port: str, number: int, reason: Reason, causes: Causes) -> None:
        self.todo.append((port, number, reason, causes))

    def settle(self) -> None:
        while self.todo:
            port, number, reason, causes = self.todo.popleft()
            match port:
                case "start":
                    self.start(number, causes)
                case "undo":
                    self.undo(number, reason, causes)
                case "ok":
                    self.ok(number, causes)
                case _:
                    self.gone(number, reason, causes)

    # ------------------------------------------------------------ start

    def start(self, number: int, causes: Causes) -> None:
        """Begin block `number` after `causes`."""
        place = self.program.places[number]
        node = place.node
        try:
            match node:
                case ir.Step():
                    self.start_step(number, node, causes)
                case ir.Let():
                    self.name_value(node)
                    self.say("ok", number, CANCELLED, causes)
                case ir.Emit():
                    self.publish(number, node)
                    self.say("ok", number, CANCELLED, causes)
                case ir.Fail():
                    message = "" if node.message is None else self.program.link.value(node.message, self.state.env)
                    self.say("gone", number, event.failed(node.error, message, node.path), causes)
                case ir.Sequence():
                    self.say(
                        "start" if place.parts else "ok", place.parts[0] if place.parts else number, CANCELLED, causes
                    )
                case ir.Fork():
                    self.state.cells[number] = ForkCell()
                    for part in place.parts:
                        self.say("start", part, CANCELLED, causes)
                case ir.Switch():
                    arm = self.choose(node)
                    self.state.cells[number] = SwitchCell(arm)
                    self.say("start", place.parts[arm], CANCELLED, causes)
                case ir.Race():
                    self.arm(number, node, causes)
                case ir.Catch():
                    self.state.cells[number] = CatchCell()
                    self.say("start", place.parts[0], CANCELLED, causes)
                case _:
                    assert_never(node)
        except Refused as refused:
            assert not isinstance(node, ir.Sequence)
            reason = Reason("failed", refused.error(node.path))
            if isinstance(node, ir.Step):
                self.state.cells[number] = StepCell("refused", causes, reason=reason)
            self.say("gone", number, reason, causes)

    def start_step(self, number: int, node: ir.Step, causes: Causes) -> None:
        if self.state.verdict == "cancelled":
            self.state.cells[number] = StepCell("turned", causes, reason=CANCELLED)
            return self.say("gone", number, CANCELLED, causes)
        link = self.program.link
        given = link.conformed(node.operation.input, link.value(node.input, self.state.env), "InvalidInput")
        self.state.cells[number] = StepCell("running", causes, given, called=True)
        self.effects.append(
            event.Invoke(node.path, "do", node.operation.service, node.operation.name, given, node.policy)
        )

    def name_value(self, node: ir.Let) -> None:
        value = self.program.link.value(node.value, self.state.env)
        if node.schema is not None:
            value = self.program.link.conformed(node.schema, value, "ExpressionError")
        self.state.env[node.name] = value

    def publish(self, number: int, node: ir.Emit) -> None:
        data = self.program.link.value(node.data, self.state.env)
        data = self.program.link.conformed(node.event.data, data, "ExpressionError")
        self.state.cells[number] = EmitCell(data)
        self.effects.append(event.Publish(node.path, node.event.type, data))

    def choose(self, node: ir.Switch) -> int:
        for number, arm in enumerate(node.arms):
            if arm.when is None or self.program.link.truth(arm.when, self.state.env):
                return number
        raise AssertionError(f"{node.path} has no else")

    def arm(self, number: int, node: ir.Race, causes: Causes) -> None:
        if self.state.verdict == "cancelled":
            self.state.cells[number] = RaceCell("turned", causes)
            return self.say("gone", number, CANCELLED, causes)
        values = [self.program.link.value(a.value, self.state.env) for a in node.alternatives]
        due = None if node.after is None else self.at + self.program.link.value(node.after, self.state.env).ms
        self.state.cells[number] = RaceCell("armed", causes)
        for alternative, value in zip(node.alternatives, values, strict=True):
            self.effects.append(event.Arm(node.path, alternative.event.type, alternative.field, value))
        if due is not None:
            self.effects.append(event.SetTimer(node.path, due))

    # ------------------------------------------------------------ ok and gone reach the parent

    def ok(self, number: int, causes: Causes) -> None:
        """Block `number` is done; its parent goes on."""
        place = self.program.places[number]
        if place.parent < 0:
            return self.flow_ok(causes)
        parent = self.program.places[place.parent]
        match parent.node:
            case ir.Sequence() if place.position + 1 < len(parent.parts):
                self.say("start", parent.parts[place.position + 1], CANCELLED, causes)
            case ir.Fork():
                self.fork_cell(place.parent).ok[place.position] = causes
                self.join(place.parent)
            case ir.Catch():
                cell = self.state.cells[place.parent]
                assert isinstance(cell, CatchCell)
                cell.closed = True
                self.say("ok", place.parent, CANCELLED, causes)
            case _:
                self.say("ok", place.parent, CANCELLED, causes)

    def gone(self, number: int, reason: Reason, causes: Causes) -> None:
        """Nothing of block `number` remains; its parent rewinds, or handles it."""
        place = self.program.places[number]
        if place.parent < 0:
            return self.flow_gone(reason)
        parent = self.program.places[place.parent]
        match parent.node:
            case ir.Sequence() if place.position > 0:
                self.say("undo", parent.parts[place.position - 1], reason, causes)
            case ir.Fork():
                cell = self.fork_cell(place.parent)
                if cell.ok.pop(place.position, None) is None:
                    cell.reasons[place.position] = reason
                cell.gone[place.position] = causes
                self.join(place.parent)
            case ir.Catch() as scope:
                self.caught(place.parent, scope, place.position, reason, causes)
            case _:
                self.say("gone", place.parent, reason, causes)

    def fork_cell(self, number: int) -> ForkCell:
        cell = self.state.cells[number]
        assert isinstance(cell, ForkCell)
        return cell

    def join(self, number: int) -> None:
        """Go on when all branches have settled: with ok, or by undoing those that are ok."""
        cell, parts = self.fork_cell(number), self.program.places[number].parts
        if len(cell.ok) + len(cell.gone) < len(parts):
            return
        causes = _union(*cell.ok.values(), *cell.gone.values())
        if not cell.gone:
            return self.say("ok", number, CANCELLED, causes)
        if not cell.ok:
            reason = cell.undoing or first_reason([cell.reasons[n] for n in sorted(cell.reasons)])
            return self.say("gone", number, reason, _union(*cell.gone.values()))
        if cell.undoing is None:
            cell.undoing = first_reason([cell.reasons[n] for n in sorted(cell.reasons)])
            for position in sorted(cell.ok):
                self.say("undo", parts[position], cell.undoing, causes)

    def caught(self, number: int, scope: ir.Catch, position: int, reason: Reason, causes: Causes) -> None:
        cell, place = self.state.cells[number], self.program.places[number]
        assert isinstance(cell, CatchCell)
        taken = None
        if position == 0 and not cell.closed and reason.error is not None:
            taken = handler_of([handler.errors for handler in scope.handlers], reason.error)
        if taken is None:
            return self.say("gone", number, reason, causes)
        for name in self.program.places[place.parts[0]].names:
            self.state.env.pop(name, None)
        bind = scope.handlers[taken].bind
        if bind and reason.error is not None:
            self.state.env[bind] = as_value(reason.error)
        cell.ran = 1 + taken
        self.say("start", place.parts[cell.ran], CANCELLED, causes)

    def flow_ok(self, causes: Causes) -> None:
        if self.state.verdict == "cancelled":
            return self.say("undo", 0, CANCELLED, causes)
        self.state.verdict = "closed"
        self.state.output = self.state.env.get("return")
        self.finish("completed")

    def flow_gone(self, reason: Reason) -> None:
        if self.state.verdict == "cancelled" or reason.kind == "cancelled":
            return self.finish("cancelled")
        self.state.verdict = "closed"
        self.state.error = reason.error
        self.finish("failed")

    def finish(self, status: str) -> None:
        self.state.status = status
        self.effects.append(event.Finish(status))

    # ------------------------------------------------------------ undo

    def undo(self, number: int, reason: Reason, causes: Causes) -> None:
        """Take back block `number`, which was ok."""
        place, cell = self.program.places[number], self.state.cells.get(number)
        node = place.node
        match node:
            case ir.Step():
                assert isinstance(cell, StepCell) and cell.state == "ok", (node.path, cell)
                self.undo_step(number, node, cell, reason, causes)
            case ir.Let() | ir.Emit() | ir.Fail():
                self.say("gone", number, reason, causes)
            case ir.Sequence():
                self.say("undo" if place.parts else "gone", place.parts[-1] if place.parts else number, reason, causes)
            case ir.Fork():
                self.fork_cell(number).undoing = reason
                for part in place.parts:
                    self.say("undo", part, reason, causes)
            case ir.Switch():
                assert isinstance(cell, SwitchCell)
                self.say("undo", place.parts[cell.arm], reason, causes)
            case ir.Race():
                assert isinstance(cell, RaceCell)
                self.say("undo", place.parts[cell.taken], reason, causes)
            case ir.Catch():
                assert isinstance(cell, CatchCell)
                self.say("undo", place.parts[cell.ran], reason, causes)
            case _:
                assert_never(node)

    def undo_step(self, number: int, node: ir.Step, cell: StepCell, reason: Reason, causes: Causes) -> None:
        cell.reason = reason
        if node.undo is None:
            cell.state = "undone"
            return self.say("gone", number, reason, causes)
        cell.undo_causes = causes
        if cell.undo_problem:
            cell.state = "stuck_undo"
            cell.stuck = event.Error("ExpressionError", cell.undo_problem, node.path)
            return
        cell.state, cell.undo_called = "undoing", True
        self.effects.append(
            event.Invoke(
                node.path,
                "undo",
                node.undo.operation.service,
                node.undo.operation.name,
                cell.undo_input,
                node.undo.policy,
                reason,
                max(len(cell.results) - 1, 0),
            )
        )

    # ------------------------------------------------------------ results of calls

    def settled(self, number: int, input: event.Settled) -> None:
        node, cell = self.program.places[number].node, self.state.cells.get(number)
        assert isinstance(node, ir.Step) and isinstance(cell, StepCell)
        if input.kind == "undo":
            if cell.state == "undoing":
                self.undone(number, cell, "undone", result_word(input.results[-1]))
        elif cell.state == "running":
            self.ended(number, node, cell, attributed(input.results, node.path, node.operation.service))

    def ended(self, number: int, node: ir.Step, cell: StepCell, results: tuple[event.Result, ...]) -> None:
        final = results[-1]
        if isinstance(final, event.Failed) and final.error.name == "":  # halted before its first attempt
            cell.state, cell.called, cell.reason = "turned", False, CANCELLED
            return self.say("gone", number, CANCELLED, cell.causes)
        cell.results, cell.stuck = results, None
        after = last_call(node.path, cell)
        match final:
            case event.Ok(value):
                cell.state, cell.value = "ok", value
                self.state.env[node.name] = value
                self.prepare_undo(node, cell)
                self.say("ok", number, CANCELLED, after)
            case event.Failed(error):
                cell.state = "failed"
                self.say("gone", number, Reason("failed", error), after)
            case event.Unknown(error):
                cell.state = "unknown"
                self.prepare_undo(node, cell)
                self.undo_step(number, node, cell, Reason("failed", error), after)
            case _:
                assert_never(final)

    def prepare_undo(self, node: ir.Step, cell: StepCell) -> None:
        """Evaluate the compensation's input now, while everything that it may read is in scope."""
        if node.undo is None:
            return
        link = self.program.link
        try:
            given = link.value(node.undo.input, self.state.env)
            cell.undo_input = link.conformed(node.undo.operation.input, given, "InvalidInput")
        except Refused as refused:
            cell.undo_problem = refused.message or refused.name

    def undone(self, number: int, cell: StepCell, state: str, word: str) -> None:
        cell.state, cell.undo_result, cell.stuck = state, word, None
        node = self.program.places[number].node
        assert isinstance(node, ir.Step) and cell.reason is not None
        causes = (event.EffectId(node.path, "undo"),) if cell.undo_called else cell.undo_causes
        self.say("gone", number, cell.reason, causes)

    def stuck(self, number: int, input: event.Stuck) -> None:
        node, cell = self.program.places[number].node, self.state.cells.get(number)
        assert isinstance(node, ir.Step) and isinstance(cell, StepCell)
        if cell.state == ("running" if input.kind == "do" else "undoing"):
            cell.state = "stuck" if input.kind == "do" else "stuck_undo"
            cell.stuck, cell.attempts = input.error, input.attempts
            results = attributed(input.results, node.path, node.operation.service)
            if input.kind == "do":
                cell.results = results
            elif results:
                cell.undo_result = result_word(results[-1])

    def resolved(self, number: int, input: event.Resolved) -> None:
        """What an operator said. An answer to a call that is not stuck changes nothing."""
        node, cell = self.program.places[number].node, self.state.cells.get(number)
        assert isinstance(node, ir.Step) and isinstance(cell, StepCell)
        if cell.state == "stuck_undo" and input.kind == "undo":
            if input.decision == "skip":
                self.undone(number, cell, "skipped", cell.undo_result)
            elif input.decision == "done":
                self.undone(number, cell, "done", cell.undo_result)
            elif input.decision == "retry" and cell.undo_called:
                cell.state, cell.stuck = "undoing", None
        elif cell.state == "stuck" and input.kind == "do":
            if input.decision == "retry":
                cell.state, cell.stuck, cell.results = "running", None, ()
            else:
                cell.state = "running"
                final: event.Result = event.Ok(input.value)
                if input.decision == "fail":
                    final = event.Failed(input.error or event.Error("Failed", "an operator said so", node.path))
                self.ended(
                    number, node, cell, (*cell.results[:-1], *attributed((final,), node.path, node.operation.service))
                )

    # ------------------------------------------------------------ events, timers, cancel

    def arrived(self, number: int, input: event.Arrived) -> None:
        node, cell = self.program.places[number].node, self.state.cells.get(number)
        assert isinstance(node, ir.Race)
        taken = None
        if isinstance(cell, RaceCell) and cell.state == "armed" and input.event.id not in self.state.taken:
            taken = self.fits(node, input.event)
        if taken is None or not isinstance(cell, RaceCell):
            self.effects.append(event.Declined(input.path, input.event.id))
            return
        cell.state, cell.event = "event", input.event
        self.state.taken.add(input.event.id)
        self.effects.append(event.Took(input.path, input.event.id))
        bind = node.alternatives[taken].bind
        if bind:
            self.state.env[bind] = input.event.data
        self.leave_race(number, node, cell, taken)

    def fits(self, node: ir.Race, arrived: External) -> int | None:
        """The first alternative that `arrived` satisfies. A condition that can't be evaluated on it is not met: the
        event stays kept and visible, and a malformed event from outside can't fail a run."""
        for number, alternative in enumerate(node.alternatives):
            if alternative.event.type != arrived.type:
                continue
            seen = {**self.state.env, alternative.bind: arrived.data} if alternative.bind else self.state.env
            try:
                if alternative.where is None or self.program.link.truth(alternative.where, seen):
                    return number
            except Refused:
                continue
        return None

    def leave_race(self, number: int, node: ir.Race, cell: RaceCell, taken: int) -> None:
        cell.taken = taken
        self.disarm(node)
        self.say("start", self.program.places[number].parts[taken], CANCELLED, cell.causes)

    def disarm(self, node: ir.Race) -> None:
        self.effects.append(event.Disarm(node.path))
        if node.after is not None:
            self.effects.append(event.StopTimer(node.path))

    def fired(self, number: int) -> None:
        node, cell = self.program.places[number].node, self.state.cells.get(number)
        assert isinstance(node, ir.Race)
        if isinstance(cell, RaceCell) and cell.state == "armed":
            cell.state = "timer"
            self.leave_race(number, node, cell, len(node.alternatives))

    def cancel(self) -> None:
        """Latch the verdict, and turn round whatever only waits. A running call is left to end."""
        if self.state.verdict:
            return
        self.state.verdict = "cancelled"
        for number, cell in list(self.state.cells.items()):
            node = self.program.places[number].node
            if isinstance(node, ir.Race) and isinstance(cell, RaceCell) and cell.state == "armed":
                cell.state = "turned"
                self.disarm(node)
                self.say("gone", number, CANCELLED, cell.causes)
            elif isinstance(node, ir.Step) and isinstance(cell, StepCell) and cell.state == "running":
                self.effects.append(event.Halt(node.path))


def _union(*many: Causes) -> Causes:
    return tuple(dict.fromkeys(cause for causes in many for cause in causes))
