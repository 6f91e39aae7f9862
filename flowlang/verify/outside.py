"""What could come from outside of a flow: answers of its operations, events that its waits listen for; and how it is said."""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping, Sequence
from typing import Any, assert_never

from flowlang import event, ir
from flowlang.declared import Operation
from flowlang.event import Effect, External, Input, Outcome, Value
from flowlang.oracle import Oracle
from flowlang.schema import example_of
from flowlang.verify.schedule import Orchestrated, Prepared, Schedule
from flowlang.verify.states import key


def operations_of(flow: ir.Flow) -> dict[tuple[str, str], Operation]:
    """All operations that a flow may call, by service and name."""
    found: dict[tuple[str, str], Operation] = {}
    for node in ir.walk(flow.body):
        if isinstance(node, ir.Step):
            for operation in (node.operation, None if node.undo is None else node.undo.operation):
                if operation is not None:
                    found[operation.service, operation.name] = operation
    return found


def answer_of(operation: Operation) -> Value:
    """What an operation answers when nobody says more: its example, or one made from its schema."""
    return operation.example[0] if operation.example else example_of(operation.output)


def events_for(prepared: Prepared, input: Mapping[str, Value], rounds: int = 20) -> tuple[External, ...]:
    """Events that would satisfy the waits of a flow: what it listens for in some rehearsals, made from the contracts."""
    types = {one.event.type: one.event for node in ir.walk(prepared.flow.body) for one in _alternatives(node)}
    found: dict[tuple[str, str, Any], External] = {}
    for seed in range(rounds):
        mode = _Listening(Orchestrated(prepared))
        Schedule(prepared, mode, random.Random(seed), dict(input), list(found.values())).run()
        for arm in mode.armed:
            name = arm.type, arm.field, key(arm.value)
            if name not in found:
                found[name] = _event_for(f"e{len(found) + 1}", arm, example_of(types[arm.type].data))
    return tuple(found.values())


class _Listening:
    """A mode that notes what is listened for."""

    def __init__(self, mode: Orchestrated) -> None:
        self.owner = mode.owner
        self.armed: list[event.Arm] = []
        self._mode = mode

    def advance(self, role: str, input: Input) -> list[Effect]:
        effects = self._mode.advance(role, input)
        self.armed += [effect for effect in effects if isinstance(effect, event.Arm)]
        return effects

    def snapshot(self) -> object:
        return self._mode.snapshot()

    def owner_knows(self, stuck: bool) -> bool:
        return self._mode.owner_knows(stuck)

    def outcome(self) -> Outcome:
        return self._mode.outcome()

    def oracle(self) -> Oracle:
        return self._mode.oracle()


def _alternatives(node: ir.Node) -> Sequence[ir.Alternative]:
    found: Sequence[Any] = getattr(node, "alternatives", ()) or getattr(node, "handlers", ())
    return [one for one in found if isinstance(one, ir.Alternative)]


def _event_for(id: str, arm: event.Arm, data: Value) -> External:
    if arm.field == "subject":
        return External(id, arm.type, str(arm.value), data)
    data = copy.deepcopy(data)
    inner: Any = data
    *way, last = arm.field.split(".")
    for part in way:
        inner = inner.setdefault(part, {})
    inner[last] = arm.value
    return External(id, arm.type, "", data)


def fits(arm: event.Arm, kept: External) -> bool:
    """Whether an event has the value that a wait asks for."""
    if arm.type != kept.type:
        return False
    if arm.field == "subject":
        return bool(kept.subject == arm.value)
    value: Any = kept.data
    for part in arm.field.split("."):
        if not isinstance(value, dict) or part not in value:
            return False
        value = value[part]
    return bool(value == arm.value)


def words(input: Input) -> str:
    """An input as one would say it."""
    match input:
        case event.Start():
            return "the start"
        case event.Heard(_, message):
            return f"`{message.name}`" + (f" of {list(message.index)}" if message.index else "")
        case event.Settled(_, path, kind, results):
            return f"the result of {path}{undo_word(kind)} ({type(results[-1]).__name__.lower()})"
        case event.Stuck(_, path, kind):
            return f"that {path}{undo_word(kind)} is stuck"
        case event.Resolved(_, path, kind, decision):
            return f"`{decision}` for {path}{undo_word(kind)}"
        case event.Fired(_, path):
            return f"the timer of {path}"
        case event.Arrived(_, path, external):
            return f"event {external.id} at {path}"
        case event.Cancel():
            return "the cancel"
        case _:
            assert_never(input)


def undo_word(kind: str) -> str:
    """What is added to a path where its compensation is meant."""
    return ":undo" if kind == "undo" else ""


def step_at(flow: ir.Flow, path: str) -> ir.Step:
    """The step of which `path` is an instance."""
    return next(node for node in ir.walk(flow.body) if isinstance(node, ir.Step) and node.path == path)
