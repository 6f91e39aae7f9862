"""What contracts declare, resolved: operations and event types as the IR and the tables carry them."""

from __future__ import annotations

from dataclasses import dataclass, field

from flowlang.event import Policy
from flowlang.expression.tree import Expression
from flowlang.values import Value

Schema = dict[str, Value]
"""A self-contained JSON Schema 2020-12: every $ref points into its own $defs."""


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation as its contract declares it. `errors` are the declared names, sorted. `reads` = `effect: none`."""

    service: str
    name: str
    input: Schema
    output: Schema
    errors: tuple[str, ...]
    idempotent: bool
    reads: bool
    example: tuple[Value, ...] = field(default=(), compare=False)  # the contract's example of an answer, if it has one


@dataclass(frozen=True, slots=True)
class EventType:
    """A business event as its contract declares it. `keep` in milliseconds; `to` is `one` or `all`."""

    type: str
    service: str  # who publishes it
    data: Schema
    keep: int
    to: str


@dataclass(frozen=True, slots=True)
class Undo:
    """How a step is undone: an operation and its input, evaluated when the step ended. `needs_result` says that the input
    reads the step's own result. `policy` is the compensation's own: its time limit, and whether it may be sent again."""

    operation: Operation
    input: Expression
    needs_result: bool
    policy: Policy
