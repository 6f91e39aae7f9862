"""What could come from outside of a flow: the answers of its operations; which event fits a wait; and how it is said."""

from __future__ import annotations

from typing import Any, assert_never

from flowlang import event, ir
from flowlang.declared import Operation
from flowlang.event import External, Input, Value
from flowlang.place import is_instance
from flowlang.schema import example_of


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
    return next(node for node in ir.walk(flow.body) if isinstance(node, ir.Step) and is_instance(node.path, path))
