"""The kernel: what a flow means once sugar is gone, contracts are resolved and every block has its path.

Ten node kinds, of which three are leaves without an operation (`Let`, `Emit`, `Fail`). A path is the block's identity in
drawings, tables, events, journals and messages. The IR is complete: whoever holds it needs neither the flow's text nor
the contracts. `hash_of` is the identity of the flow; labels, documentation and spans take no part in it.

Later statements take their place here: `Loop` beside `Switch`; `Catch` gets siblings (`Again`, `Interrupt`, `Alongside`,
`Undoing`); `Race` has several alternatives already; `Fork.join` gets its other kinds; `Commit` and `Child` are leaves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, assert_never

from flowlang import shape
from flowlang.declared import EventType, Operation, Schema, Undo
from flowlang.event import Policy
from flowlang.expression.tree import Expression
from flowlang.source import Span


@dataclass(frozen=True, slots=True)
class Step:
    """Call `operation` with `input` and name its result `name`. `undo` None: nothing to undo."""

    path: str
    name: str
    operation: Operation
    input: Expression
    policy: Policy
    undo: Undo | None
    uncompensated: bool  # `compensate none` was written
    doc: str | None = field(default=None, compare=False)
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Let:
    """Name a value. A flow's `return e` is the let of the name `return`, evaluated at the run's owner."""

    path: str
    name: str
    value: Expression
    schema: Schema | None  # of `return`: the flow's output
    doc: str | None = field(default=None, compare=False)
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Emit:
    """Publish a business event."""

    path: str
    event: EventType
    data: Expression
    doc: str | None = field(default=None, compare=False)
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Fail:
    """This place fails with `error`."""

    path: str
    error: str
    message: Expression | None
    doc: str | None = field(default=None, compare=False)
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after another; an empty one is done at once. Has no cell and no path of its own."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """One branch of a fork; `name` is "" for a bare statement."""

    name: str
    body: Sequence
    doc: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Fork:
    """All branches run concurrently. `join` is `all`; `at` is the service that the user named, or ""."""

    path: str
    branches: tuple[Branch, ...]
    join: str
    at: str
    doc: str | None = field(default=None, compare=False)
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Arm:
    """One way out of a switch; `when` None is the `else`, always last."""

    when: Expression | None
    body: Sequence
    doc: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Switch:
    """The first arm whose guard is true. `subject` is kept for drawings only (guards already compare with it).
    Synthetic ones (the rest of a flow after a `return` in an arm) have `drawn` false."""

    path: str
    arms: tuple[Arm, ...]
    at: str
    subject: Expression | None = None
    drawn: bool = True
    doc: str | None = field(default=None, compare=False)
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Alternative:
    """One event that a race listens for. An event fits when `field` of it (a dotted path into its data, or `subject`)
    equals `value`, evaluated at arming, and `where` (the whole condition; may read `bind`) is true. `bind` may be ""."""

    event: EventType
    bind: str
    field: str
    value: Expression
    where: Expression | None
    body: Sequence


@dataclass(frozen=True, slots=True)
class Race:
    """The first of several events, or a timer, wins; a `wait for event` is a race with one event. `after` is a duration
    expression or None (`forever`), `late` what happens when it is over."""

    path: str
    alternatives: tuple[Alternative, ...]
    after: Expression | None
    late: Sequence
    at: str
    doc: str | None = field(default=None, compare=False)
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Handler:
    """One `catch`: `errors` as (service or "", name), empty takes any; the error is named `bind` unless that is ""."""

    errors: tuple[tuple[str, str], ...]
    bind: str
    body: Sequence
    doc: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Catch:
    """A scope: the body succeeds as a whole or leaves nothing behind; then the first handler that takes the error runs.
    Names that a body defined are absent again once it is gone."""

    path: str
    body: Sequence
    handlers: tuple[Handler, ...]
    at: str
    doc: str | None = field(default=None, compare=False)
    span: Span | None = field(default=None, compare=False, repr=False)


Node = Step | Let | Emit | Fail | Sequence | Fork | Switch | Race | Catch
"""In this order in every `match` of a phase."""


def parts_of(node: Node) -> tuple[Node, ...]:
    """The blocks directly inside `node`, in source order."""
    match node:
        case Step() | Let() | Emit() | Fail():
            return ()
        case Sequence():
            return node.items
        case Fork():
            return tuple(branch.body for branch in node.branches)
        case Switch():
            return tuple(arm.body for arm in node.arms)
        case Race():
            return (*(alternative.body for alternative in node.alternatives), node.late)
        case Catch():
            return (node.body, *(handler.body for handler in node.handlers))
        case _:
            assert_never(node)


def defined_by(node: Node) -> Iterator[str]:
    """The names that `node` itself gives to values."""
    match node:
        case Step() | Let():
            yield node.name
        case Race():
            yield from (alternative.bind for alternative in node.alternatives if alternative.bind)
        case Catch():
            yield from (handler.bind for handler in node.handlers if handler.bind)
        case Emit() | Fail() | Sequence() | Fork() | Switch():
            pass
        case _:
            assert_never(node)


def walk(node: Node) -> Iterator[Node]:
    """`node` and every block inside it, outer before inner, in source order."""
    yield node
    for part in parts_of(node):
        yield from walk(part)


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter and the schema of its values."""

    name: str
    schema: Schema
    required: bool


@dataclass(frozen=True, slots=True)
class Begin:
    """Header `on event`: each `event` for which `where` is true starts a run, its data named `bind` ("" if unnamed)."""

    event: EventType
    bind: str
    where: Expression | None


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow ready to run in either mode. `owner` answers for the run. `key` is the business key or None."""

    name: str
    owner: str
    params: tuple[Param, ...]
    output: Schema | None
    key: Expression | None
    start: Begin | None
    body: Sequence
    version: str = field(default="", compare=False)
    doc: str | None = field(default=None, compare=False)


KINDS = (Step, Let, Emit, Fail, Sequence, Fork, Switch, Race, Catch)


def to_data(flow: Flow) -> Any:
    """`flow` as JSON data, valid against `specs/ir.schema.json`."""
    return {"ir": 1, "hash": hash_of(flow), **shape.to_data(flow, KINDS)}


def from_data(data: Any) -> Flow:
    """The flow that `data` describes. Raises Misshapen."""
    if not isinstance(data, dict) or data.get("ir") != 1:
        raise shape.Misshapen("this is no kernel of version 1")
    flow: Flow = shape.from_data(Flow, {key: value for key, value in data.items() if key not in ("ir", "hash")})
    return flow


def hash_of(flow: Flow) -> str:
    """The identity of `flow`: it changes with what the flow means, not with its labels, its layout or its comments."""
    return shape.hash_of(flow, KINDS)
