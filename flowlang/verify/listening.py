"""The events that the waits of a flow would take, made from the contracts: whoever verifies a flow has to send some.

A flow listens for a value that is known when it comes to its wait, so it is let go some ways, and what it listens for on
them is noted.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from flowlang import event, ir
from flowlang.event import External, Value
from flowlang.schema import example_of
from flowlang.verify.canary import planted
from flowlang.verify.choices import Choices
from flowlang.verify.explore import Freedom, wander
from flowlang.verify.schedule import Prepared
from flowlang.verify.states import key

WAYS = 12


def events_for(prepared: Prepared, input: Mapping[str, Value], ways: int = WAYS) -> tuple[External, ...]:
    """One event for each value that a wait of the flow was seen to listen for."""
    types = {one.event.type: one.event for node in ir.walk(prepared.flow.body) for one in _alternatives(node)}
    examples = {name: planted(type.data, example_of(type.data)) for name, type in types.items()}
    found: dict[tuple[str, str, Any], External] = {}
    for seed in range(ways if types else 0):
        freedom = Freedom(tuple(found.values()), cancel=False)
        for arm in wander(prepared, "orchestrate", input, freedom, Choices(seed)).armed:
            name = arm.type, arm.field, key(arm.value)
            if name not in found:
                found[name] = _event_for(f"e{len(found) + 1}", arm, examples[arm.type])
    return tuple(found.values())


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
