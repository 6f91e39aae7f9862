"""The service machine: one service's part of one run, from its table and the events that it hears.

It has never heard of a flow. An event is looked up among the rows; each row that hears it acts on its own cell and says
further events. Those for this service are handled at once, within the same input (so within the same transaction); those
for others leave as messages. A message is identified by run, flow, event and iteration, so hearing it twice changes
nothing, and the order of arrival decides nothing that is not written into a cell.

Undo is routed by cells: a join knows which branches it saw, a switch which way it took, a scope which part ran. So nobody
else has to know, and a service whose step never ran hears nothing.

`advance` changes the state in place, for the reason given at the central machine.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from flowlang import event
from flowlang.cell import Causes, StepCell, attributed, last_call, result_word
from flowlang.choreograph.program import Program
from flowlang.choreograph.state import (
    ChoiceCell,
    Data,
    DoCell,
    JoinCell,
    RunCell,
    SaidCell,
    ScopeCell,
    State,
    WaitCell,
)
from flowlang.event import CANCELLED, Effect, EffectId, External, Input, Message, Reason, message_id
from flowlang.link import Refused
from flowlang.reason import as_value, first_reason, handler_of
from flowlang.table import CatchRow, EmitRow, FailRow, JoinRow, LetRow, RaceRow, Row, RunRow, StepRow, SwitchRow, Wire


class Unheard(Exception):
    """A message that no row of this table hears: not ours, or damaged. The driver makes it a dead letter."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An event on its way through the rows of this service."""

    name: str
    data: Data
    causes: Causes
    reason: Reason | None
    index: tuple[int, ...] = ()


def initial(program: Program, run: str, started: int) -> State:
    """What the service knows of a run that it hears of for the first time; `started` in milliseconds."""
    return State(run, started)


def advance(program: Program, state: State, input: Input) -> list[Effect]:
    """Take `input` in, change `state`, and say what is to be done. Raises Unheard for a message that is not ours."""
    turn = _Turn(program, state, input.at)
    turn.take(input)
    while turn.todo:
        turn.hear(turn.todo.popleft())
    return turn.effects


@dataclass(slots=True)
class _Turn:
    program: Program
    state: State
    at: int
    effects: list[Effect] = field(default_factory=list)
    todo: deque[Heard] = field(default_factory=deque)

    # ------------------------------------------------------------ inputs

    def take(self, input: Input) -> None:
        match input:
            case event.Start():
                row = self.run_row()
                self.state.cells[row.path] = RunCell()
                self.state.values.update(input.input)
                self.say(row.start, dict(input.input), ())
            case event.Heard():
                self.message(input.message)
            case event.Settled():
                self.settled(self.step_row(input.path), input)
            case event.Stuck():
                self.stuck(self.step_row(input.path), input)
            case event.Resolved():
                self.resolved(self.step_row(input.path), input)
            case event.Fired():
                self.fired(self.race_row(input.path))
            case event.Arrived():
                self.arrived(self.race_row(input.path), input)
            case event.Cancel():
                self.cancel()
            case _:
                assert_never(input)

    def run_row(self) -> RunRow:
        assert self.program.run is not None, "only the run's owner is asked this"
        return self.program.run

    def step_row(self, path: str) -> StepRow:
        row = self.program.rows[path]
        assert isinstance(row, StepRow)
        return row

    def race_row(self, path: str) -> RaceRow:
        row = self.program.rows[path]
        assert isinstance(row, RaceRow)
        return row

    def message(self, message: Message) -> None:
        """Take a message in, once."""
        table = self.program.table
        if message.name not in self.program.hears and message.name not in (table.hint, table.closed):
            raise Unheard(f"`{table.service}` has no row for `{message.name}`")
        if message.id in self.state.seen:
            return
        self.state.seen.add(message.id)
        if self.state.closed:
            self.state.dropped += 1
            return
        self.todo.append(Heard(message.name, dict(message.data), message.causes, message.reason, message.index))

    # ------------------------------------------------------------ saying and hearing

    def say(
        self,
        wire: Wire,
        data: Mapping[str, event.Value],
        causes: Causes,
        reason: Reason | None = None,
        index: tuple[int, ...] = (),
    ) -> None:
        """Say an event: at once to this service, as a message to others. It carries what its hearers need."""
        carried = {name: data[name] for name in wire.carry if name in data}
        table, state = self.program.table, self.state
        for service in wire.to:
            if service == table.service:
                self.todo.append(Heard(wire.event, carried, causes, reason, index))
            else:
                id = message_id(state.run, table.hash, wire.event, index)
                message = Message(
                    id,
                    state.run,
                    state.started,
                    table.flow,
                    table.hash,
                    wire.event,
                    index,
                    reason,
                    (),
                    causes,
                    tuple(carried.items()),
                )
                self.effects.append(event.Send(service, message))

    def hear(self, heard: Heard) -> None:
        """Let every row that hears an event act on it."""
        if heard.name == self.program.table.hint:
            return self.hint()
        if heard.name == self.program.table.closed:
            self.state.closed = True
            return
        self.state.values.update(heard.data)
        kept = self.program.holds.get(heard.name)
        if kept:
            values = self.state.values
            heard = replace(heard, data={**{name: values[name] for name in kept if name in values}, **heard.data})
        for row, port, part in self.program.hears.get(heard.name, ()):
            match port:
                case "start":
                    self.start(row, heard)
                case "undo":
                    self.undo(row, heard)
                case "ok":
                    self.part_ok(row, part, heard)
                case "stuck" | "unstuck":
                    self.told(row, port, part, heard.index[0])
                case _:
                    self.part_gone(row, part, heard)

    # ------------------------------------------------------------ start

    def start(self, row: Row, heard: Heard) -> None:
        try:
            match row:
                case StepRow():
                    self.start_step(row, heard)
                case LetRow():
                    value = self.program.link.value(row.value, heard.data)
                    if row.schema is not None:
                        value = self.program.link.conformed(row.schema, value, "ExpressionError")
                    self.state.values[row.name] = value
                    self.say(row.ok, {**heard.data, row.name: value}, heard.causes)
                case EmitRow():
                    said = self.program.link.value(row.data, heard.data)
                    said = self.program.link.conformed(row.type.data, said, "ExpressionError")
                    self.state.cells[row.path] = SaidCell(said)
                    self.effects.append(event.Publish(row.path, row.type.type, said))
                    self.say(row.ok, heard.data, heard.causes)
                case FailRow():
                    message = "" if row.message is None else self.program.link.value(row.message, heard.data)
                    self.say(row.gone, {}, heard.causes, event.failed(row.error, message, row.path))
                case SwitchRow():
                    self.choose(row, heard)
                case RaceRow():
                    self.arm(row, heard)
                case CatchRow():
                    self.enter(row, heard)
                case JoinRow() | RunRow():
                    raise AssertionError("joins and runs are not started")
                case _:
                    assert_never(row)
        except Refused as refused:
            assert not isinstance(row, JoinRow | RunRow)
            self.say(row.gone, {}, heard.causes, Reason("failed", refused.error(row.path)))

    def start_step(self, row: StepRow, heard: Heard) -> None:
        if self.state.hinted:
            self.state.cells[row.path] = DoCell(StepCell("turned", heard.causes, reason=CANCELLED), {})
            return self.say(row.gone, {}, heard.causes, CANCELLED)
        link, operation = self.program.link, row.operation
        try:
            given = link.conformed(operation.input, link.value(row.input, heard.data), "InvalidInput")
        except Refused as refused:
            reason = Reason("failed", refused.error(row.path))
            self.state.cells[row.path] = DoCell(StepCell("refused", heard.causes, reason=reason), {})
            return self.say(row.gone, {}, heard.causes, reason)
        self.state.cells[row.path] = DoCell(StepCell("running", heard.causes, given, called=True), heard.data)
        self.effects.append(event.Invoke(row.path, "do", operation.service, operation.name, given, row.policy))

    def choose(self, row: SwitchRow, heard: Heard) -> None:
        for number, way in enumerate(row.ways):
            if way.when is None or self.program.link.truth(way.when, heard.data):
                self.state.cells[row.path] = ChoiceCell(number)
                return self.say(way.start, heard.data, heard.causes)
        raise AssertionError(f"{row.path} has no else")

    def arm(self, row: RaceRow, heard: Heard) -> None:
        if self.state.hinted:
            self.state.cells[row.path] = WaitCell("turned", heard.causes, {})
            return self.say(row.gone, {}, heard.causes, CANCELLED)
        values = [self.program.link.value(hearing.value, heard.data) for hearing in row.hearings]
        due = None if row.after is None else self.at + self.program.link.value(row.after, heard.data).ms
        self.state.cells[row.path] = WaitCell("armed", heard.causes, heard.data)
        for hearing, value in zip(row.hearings, values, strict=True):
            self.effects.append(event.Arm(row.path, hearing.type.type, hearing.field, value))
        if due is not None:
            self.effects.append(event.SetTimer(row.path, due))

    # ------------------------------------------------------------ results of calls

    def settled(self, row: StepRow, input: event.Settled) -> None:
        cell = self.step_cell(row)
        if input.kind == "undo":
            if cell.step.state == "undoing":
                self.undone(row, cell.step, "undone", result_word(input.results[-1]))
        elif cell.step.state == "running":
            self.ended(row, cell, attributed(input.results, row.path, row.operation.service))

    def step_cell(self, row: StepRow) -> DoCell:
        cell = self.state.cells[row.path]
        assert isinstance(cell, DoCell)
        return cell

    def ended(self, row: StepRow, cell: DoCell, results: tuple[event.Result, ...]) -> None:
        step, final = cell.step, results[-1]
        if isinstance(final, event.Failed) and final.error.name == "":  # halted before its first attempt
            step.state, step.called, step.reason = "turned", False, CANCELLED
            return self.say(row.gone, {}, step.causes, CANCELLED)
        step.results, step.stuck = results, None
        after = last_call(row.path, step)
        match final:
            case event.Ok(value):
                step.state, step.value = "ok", value
                data = {**cell.data, row.name: value}
                self.state.values[row.name] = value
                self.record_undo(row, step, data)
                self.say(row.ok, data, after)
            case event.Failed(error):
                step.state = "failed"
                self.say(row.gone, {}, after, Reason("failed", error))
            case event.Unknown(error):
                step.state = "unknown"
                self.record_undo(row, step, cell.data)
                self.undo_step(row, cell, Reason("failed", error), after)
            case _:
                assert_never(final)

    def record_undo(self, row: StepRow, step: StepCell, data: Data) -> None:
        """Evaluate what the compensation will be called with, while this service still has the values."""
        if row.compensate is None:
            return
        try:
            given = self.program.link.value(row.compensate.input, data)
            step.undo_input = self.program.link.conformed(row.compensate.operation.input, given, "InvalidInput")
        except Refused as refused:
            step.undo_problem = refused.message or refused.name

    def stuck(self, row: StepRow, input: event.Stuck) -> None:
        cell = self.step_cell(row)
        step = cell.step
        if step.state != ("running" if input.kind == "do" else "undoing"):
            return
        step.state = "stuck" if input.kind == "do" else "stuck_undo"
        step.stuck, step.attempts = input.error, input.attempts
        results = attributed(input.results, row.path, row.operation.service)
        if input.kind == "do":
            step.results = results
        elif results:
            step.undo_result = result_word(results[-1])
        self.tell_stuck(row, cell)

    def tell_stuck(self, row: StepRow, cell: DoCell) -> None:
        cell.times += 1
        self.say(row.stuck, {}, (), index=(cell.times,))

    def told(self, row: Row, port: str, step: int, times: int) -> None:
        """The run's owner hears that a step is stuck, or no more; a late word is older and changes nothing."""
        assert isinstance(row, RunRow)
        cell = self.run_cell(row)
        known = cell.stuck if port == "stuck" else cell.unstuck
        known[step] = max(known.get(step, 0), times)

    def resolved(self, row: StepRow, input: event.Resolved) -> None:
        """What an operator said. An answer to a call that is not stuck changes nothing."""
        cell = self.step_cell(row)
        step, said = cell.step, input.decision
        if step.state != ("stuck_undo" if input.kind == "undo" else "stuck"):
            return
        if input.kind == "undo" and said == "retry" and not step.undo_called:
            return  # it could not be called, and still can't be
        self.say(row.unstuck, {}, (), index=(cell.times,))
        if input.kind == "undo" and said == "retry":
            step.state, step.stuck = "undoing", None
        elif input.kind == "undo":
            self.undone(row, step, "skipped" if said == "skip" else "done", step.undo_result)
        elif said == "retry":
            step.state, step.stuck, step.results = "running", None, ()
        else:
            step.state = "running"
            final: event.Result = event.Ok(input.value)
            if said == "fail":
                final = event.Failed(input.error or event.Error("Failed", "an operator said so", row.path))
            decided = attributed((final,), row.path, row.operation.service)
            self.ended(row, cell, (*step.results[:-1], *decided))

    # ------------------------------------------------------------ undo

    def undo(self, row: Row, heard: Heard) -> None:
        reason = heard.reason
        assert reason is not None
        cell = self.state.cells.get(row.path)
        match row:
            case StepRow():
                assert isinstance(cell, DoCell) and cell.step.state == "ok", (row.path, cell)
                self.undo_step(row, cell, reason, heard.causes)
            case SwitchRow():
                assert isinstance(cell, ChoiceCell)
                self.say(row.ways[cell.way].undo, {}, heard.causes, reason)
            case RaceRow():
                assert isinstance(cell, WaitCell)
                way = row.late if cell.way < 0 else row.hearings[cell.way]
                assert way is not None
                self.say(way.undo, {}, heard.causes, reason)
            case JoinRow():
                assert isinstance(cell, JoinCell)
                cell.undoing = reason
                for branch in row.branches:
                    self.say(branch.undo, {}, heard.causes, reason)
            case CatchRow():
                assert isinstance(cell, ScopeCell)
                part = row.body if cell.ran == 0 else row.takers[cell.ran - 1].part
                self.say(part.undo, {}, heard.causes, reason)
            case LetRow() | EmitRow() | FailRow() | RunRow():
                raise AssertionError(f"{row.path} is not undone")
            case _:
                assert_never(row)

    def undo_step(self, row: StepRow, cell: DoCell, reason: Reason, causes: Causes) -> None:
        step = cell.step
        step.reason = reason
        if row.compensate is None:
            step.state = "undone"
            return self.say(row.gone, {}, causes, reason)
        step.undo_causes = causes
        if step.undo_problem:
            step.state = "stuck_undo"
            step.stuck = event.Error("ExpressionError", step.undo_problem, row.path)
            return self.tell_stuck(row, cell)
        step.state, step.undo_called = "undoing", True
        by, number = row.compensate.operation, max(len(step.results) - 1, 0)
        self.effects.append(
            event.Invoke(row.path, "undo", by.service, by.name, step.undo_input, row.policy, reason, number)
        )

    def undone(self, row: StepRow, step: StepCell, state: str, word: str) -> None:
        step.state, step.undo_result, step.stuck = state, word, None
        causes = (EffectId(row.path, "undo"),) if step.undo_called else step.undo_causes
        self.say(row.gone, {}, causes, step.reason)

    # ------------------------------------------------------------ parts: joins, scopes, the run

    def part_ok(self, row: Row, part: int, heard: Heard) -> None:
        match row:
            case JoinRow():
                cell = self.join_cell(row)
                if part not in cell.ok and part not in cell.gone:
                    cell.ok[part], cell.data[part] = heard.causes, heard.data
                    self.join(row, cell)
            case CatchRow():
                scope = self.scope_cell(row)
                scope.ran, scope.closed = part, True
                self.say(row.ok, heard.data, heard.causes)
            case RunRow():
                self.run_ok(row, heard)
            case _:
                raise AssertionError(f"{row.path} has no parts")

    def part_gone(self, row: Row, part: int, heard: Heard) -> None:
        assert heard.reason is not None
        match row:
            case JoinRow():
                cell = self.join_cell(row)
                if cell.ok.pop(part, None) is None:
                    cell.reasons.setdefault(part, heard.reason)
                cell.gone[part] = heard.causes
                self.join(row, cell)
            case CatchRow():
                self.scope_gone(row, part, heard.reason, heard.causes)
            case RunRow():
                self.run_gone(row, heard.reason)
            case _:
                raise AssertionError(f"{row.path} has no parts")

    def join_cell(self, row: JoinRow) -> JoinCell:
        cell = self.state.cells.setdefault(row.path, JoinCell())
        assert isinstance(cell, JoinCell)
        return cell

    def scope_cell(self, row: CatchRow) -> ScopeCell:
        cell = self.state.cells.setdefault(row.path, ScopeCell())
        assert isinstance(cell, ScopeCell)
        return cell

    def join(self, row: JoinRow, cell: JoinCell) -> None:
        """Fire once, when every branch has settled."""
        if len(cell.ok) + len(cell.gone) < len(row.branches):
            return
        causes = tuple(dict.fromkeys(c for known in (*cell.ok.values(), *cell.gone.values()) for c in known))
        if not cell.gone:
            merged: Data = {}
            for number in sorted(cell.data):
                merged |= cell.data[number]
            return self.say(row.ok, merged, causes)
        if cell.ok and cell.undoing is None:
            cell.undoing = first_reason([cell.reasons[number] for number in sorted(cell.reasons)])
            for number in sorted(cell.ok):
                self.say(row.branches[number].undo, {}, causes, cell.undoing)
        elif not cell.ok:
            reason = cell.undoing or first_reason([cell.reasons[number] for number in sorted(cell.reasons)])
            self.say(row.gone, {}, causes, reason)

    def enter(self, row: CatchRow, heard: Heard) -> None:
        """The values at a scope's entry are there; a handler may have been waiting for them."""
        cell = self.scope_cell(row)
        cell.entry = heard.data
        if cell.wanted is not None:
            taker, error, causes = cell.wanted
            cell.wanted = None
            self.handle(row, cell, taker, error, causes)

    def scope_gone(self, row: CatchRow, part: int, reason: Reason, causes: Causes) -> None:
        cell = self.scope_cell(row)
        taken = None
        if part == 0 and not cell.closed and reason.error is not None:
            taken = handler_of([taker.errors for taker in row.takers], reason.error)
        if taken is None or reason.error is None:
            return self.say(row.gone, {}, causes, reason)
        if row.start and cell.entry is None:
            cell.wanted = (taken, reason.error, causes)
        else:
            self.handle(row, cell, taken, reason.error, causes)

    def handle(self, row: CatchRow, cell: ScopeCell, taken: int, error: event.Error, causes: Causes) -> None:
        taker = row.takers[taken]
        data = dict(cell.entry or {})
        if taker.bind:
            data[taker.bind] = self.state.values[taker.bind] = as_value(error)
        cell.ran = taken + 1
        self.say(taker.start, data, causes)

    def run_cell(self, row: RunRow) -> RunCell:
        cell = self.state.cells[row.path]
        assert isinstance(cell, RunCell)
        return cell

    def run_ok(self, row: RunRow, heard: Heard) -> None:
        cell = self.run_cell(row)
        if cell.verdict == "cancelled":
            return self.say(row.undo, {}, heard.causes, CANCELLED)
        cell.verdict, cell.output = "closed", heard.data.get("return")
        self.finish(row, cell, "completed")

    def run_gone(self, row: RunRow, reason: Reason) -> None:
        cell = self.run_cell(row)
        if cell.verdict == "cancelled" or reason.kind == "cancelled":
            return self.finish(row, cell, "cancelled")
        cell.verdict, cell.error = "closed", reason.error
        self.finish(row, cell, "failed")

    def finish(self, row: RunRow, cell: RunCell, status: str) -> None:
        cell.status = status
        self.effects.append(event.Finish(status))
        self.say(row.closed, {}, ())

    # ------------------------------------------------------------ external events, timers, cancel

    def arrived(self, row: RaceRow, input: event.Arrived) -> None:
        cell = self.state.cells.get(row.path)
        way = None
        if isinstance(cell, WaitCell) and cell.state == "armed" and input.event.id not in self.state.taken:
            way = self.fits(row, cell, input.event)
        if way is None or not isinstance(cell, WaitCell):
            self.effects.append(event.Declined(row.path, input.event.id))
            return
        hearing = row.hearings[way]
        cell.state, cell.way, cell.event = "event", way, input.event
        self.state.taken.add(input.event.id)
        self.effects.append(event.Took(row.path, input.event.id))
        self.disarm(row)
        data = {**cell.data, hearing.bind: input.event.data} if hearing.bind else cell.data
        self.state.values.update(data)
        self.say(hearing.start, data, cell.causes)

    def fits(self, row: RaceRow, cell: WaitCell, arrived: External) -> int | None:
        """The first hearing that `arrived` satisfies; a condition that can't be evaluated on it is not met."""
        for number, hearing in enumerate(row.hearings):
            if hearing.type.type != arrived.type:
                continue
            data = {**cell.data, hearing.bind: arrived.data} if hearing.bind else cell.data
            try:
                if hearing.where is None or self.program.link.truth(hearing.where, data):
                    return number
            except Refused:
                continue
        return None

    def disarm(self, row: RaceRow) -> None:
        self.effects.append(event.Disarm(row.path))
        if row.late is not None:
            self.effects.append(event.StopTimer(row.path))

    def fired(self, row: RaceRow) -> None:
        cell = self.state.cells.get(row.path)
        if isinstance(cell, WaitCell) and cell.state == "armed":
            assert row.late is not None
            cell.state = "timer"
            self.disarm(row)
            self.say(row.late.start, cell.data, cell.causes)

    def cancel(self) -> None:
        """Latch the run's verdict, and tell every service that takes part."""
        row = self.run_row()
        cell = self.run_cell(row)
        if not cell.verdict:
            cell.verdict = "cancelled"
            self.say(row.hint, {}, ())

    def hint(self) -> None:
        """Turn round whatever only waits here; a running call is left to end, and the next step will turn."""
        self.state.hinted = True
        for path, cell in list(self.state.cells.items()):
            row = self.program.rows[path]
            if isinstance(row, RaceRow) and isinstance(cell, WaitCell) and cell.state == "armed":
                cell.state = "turned"
                self.disarm(row)
                self.say(row.gone, {}, cell.causes, CANCELLED)
            elif isinstance(cell, DoCell) and cell.step.state == "running":
                self.effects.append(event.Halt(path))
