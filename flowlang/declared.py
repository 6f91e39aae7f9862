"""What contracts declare, resolved: operations and event types as the IR and the tables carry them."""

from __future__ import annotations

from dataclasses import field

from flowlang.event import Policy
from flowlang.expression.tree import Expression
from flowlang.frozen import dataclass
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
    """How a step is undone: an operation and its input, evaluated when the step ended. `policy` is the
    compensation's own: its time limit, and whether it may be sent again."""

    operation: Operation
    input: Expression
    policy: Policy


@dataclass(frozen=True, slots=True)
class Taking:
    """Errors by bare name that a catch takes (`level` -1), or a retry as long as the number of its attempt, which stands at
    place `level` of the index, is below `most`."""

    names: tuple[str, ...]
    level: int = -1
    most: int = 0


@dataclass(frozen=True, slots=True)
class Firm:
    """A block after the point of no return (`kind` is `commit`) or in a compensation block (`undo`): it reports a failure
    only where one of `takers` takes it, else its call is made again, and then waits for an operator."""

    kind: str
    takers: tuple[Taking, ...]

    def lets(self, index: tuple[int, ...]) -> tuple[str, ...]:
        """The errors that the block at `index` may report, sorted."""
        names = (taker.names for taker in self.takers if taker.level < 0 or index[taker.level] < taker.most)
        return tuple(sorted({name for one in names for name in one}))
