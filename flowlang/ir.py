"""The kernel: what a flow means once sugar is gone, contracts are resolved and every block has its path.

Leaves: `Step Let Emit Fail Commit`. Order: `Sequence Fork Switch Race Each Repeat`. A scope with several clauses is
several nodes, one in the other, from the inside: `Alongside`, `Retry`, `Interrupt`, `Catch`, `Undoing`; so each of them
has one latch and one rule. `Child` is another flow, inlined with names of its own, and `Region` says who conducts.

A path is the block's identity in drawings, tables, events, journals and messages. It is a template: `order/line[]/pack`
stands in the body of `for each line`, `order/fulfil#/charge` in that of `scope fulfil ... retry`, `order/late[]/note` in
that of an alongside handler; `flowlang.place` fills the iterations in (`order/line[3]/pack`, `order/fulfil#2/charge`).
The IR is complete: whoever holds it needs neither the flow's text nor the contracts. `hash_of` is the identity of the
flow; labels, documentation and spans take no part in it.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from dataclasses import field
from typing import Any, assert_never

from flowlang import shape
from flowlang.declared import EventType, Firm, Operation, Schema, Undo
from flowlang.event import Policy
from flowlang.expression.tree import Expression
from flowlang.frozen import dataclass
from flowlang.source import Span

# Every phase walks the kernel by recursion, and one whose flows run each other a hundred times is a thousand blocks deep.
sys.setrecursionlimit(max(sys.getrecursionlimit(), 20_000))


@dataclass(frozen=True, slots=True)
class Step:
    """Call `operation` with `input` and name its result `name` ("" where nothing can read it). `undo` None: nothing to
    undo. In a compensation block (`firm.kind` is `undo`) the call is reported as kind `undo`."""

    path: str
    name: str
    operation: Operation
    input: Expression
    policy: Policy
    undo: Undo | None
    uncompensated: bool  # `compensate none` was written
    firm: Firm | None = None
    doc: str | None = field(default=None, compare=False)
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Let:
    """Name a value. A flow's `return e` is the let of the name `return`, evaluated at the run's owner. `schema` is what
    the value must fit (the flow's output, a parameter of a child flow), else the error named `breach`. Names that no user
    can write (`line.yield`, `page.next`, `pay/order`) are the compiler's own."""

    path: str
    name: str
    value: Expression
    schema: Schema | None
    breach: str = "ExpressionError"
    firm: Firm | None = None
    doc: str | None = field(default=None, compare=False)
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Emit:
    """Publish a business event."""

    path: str
    event: EventType
    data: Expression
    firm: Firm | None = None
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
class Commit:
    """The point of no return of the flow around it: latches the verdict of the run, or of the `Child` around it."""

    path: str
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
    """All branches run concurrently; at least two. `join` is `all`, `cancel` (all, and a failed branch turns its siblings
    back) or `some`: go on when `need` branches are ok, the others are turned back or undone with the reason lost. `need`
    is the number of branches for the first two. Only names of the winners are there afterwards. `at` is the service that
    the user named, or ""."""

    path: str
    branches: tuple[Branch, ...]
    join: str
    need: int
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
    firm: Firm | None = None
    doc: str | None = field(default=None, compare=False)
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Alternative:
    """An event that a race or a scope listens for, and what follows. An event fits when `field` of it (a dotted path into
    its data, or `subject`) equals `value`, evaluated at arming, and `where` (the whole condition; may read `bind`) is true.
    `bind` may be "". `path` is that of what an alongside handler starts (`order/fulfil#/late[]`), else ""."""

    event: EventType
    bind: str
    field: str
    value: Expression
    where: Expression | None
    body: Sequence
    path: str = ""
    doc: str | None = dataclasses.field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Race:
    """The first of several events, or a timer, wins; a `wait for event` is a race with one event, a `wait` one without.
    `after` is a duration, or a point in time where `absolute`, or None (`forever`); `late` is what happens then."""

    path: str
    alternatives: tuple[Alternative, ...]
    after: Expression | None
    late: Sequence
    at: str
    absolute: bool = False
    firm: Firm | None = None
    doc: str | None = field(default=None, compare=False)
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Each:
    """`body` once for each item of the list `items`, which is evaluated once, with the item named `variable`. `width` 0:
    one after another, undone from the last to the first; else up to `width` at a time, like the branches of a fork, and
    no further item starts once one is gone. With `collect` ("" for none) that name is afterwards the list of what each
    item called `yields`, in item order. Nothing else of the body is visible outside."""

    path: str
    variable: str
    items: Expression
    width: int
    yields: str
    collect: str
    body: Sequence
    at: str
    firm: Firm | None = None
    doc: str | None = field(default=None, compare=False)
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Carried:
    """A value that goes from one iteration to the next: `name` begins as `first`, and after an iteration it is what that
    iteration called `next`, or stays as it is where the iteration called nothing so."""

    name: str
    first: Expression
    next: str


@dataclass(frozen=True, slots=True)
class Repeat:
    """`body` at least once, again until `until` is true, at most `most` times. `until` sees the iteration that has just
    ended, and the carried values after their `next`; so does what follows. `every` is a pause before each further
    iteration, or None. When the bound is reached `late` follows, the iterations staying done; where it is None, the repeat
    fails with LimitReached."""

    path: str
    carried: tuple[Carried, ...]
    body: Sequence
    until: Expression
    every: Expression | None
    most: int
    late: Sequence | None
    at: str
    firm: Firm | None = None
    doc: str | None = field(default=None, compare=False)
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Alongside:
    """Handlers that run beside the body without interrupting it: each event that is accepted until the body has settled
    starts one more branch of a join over the body and them (the kids, in the order of acceptance). They see what was known
    at the scope's entry and their event; nothing of them is visible outside. Each handler counts its kids from 0."""

    path: str
    body: Sequence
    handlers: tuple[Alternative, ...]
    at: str
    doc: str | None = field(default=None, compare=False)
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Retry:
    """The body again, up to `limit` further times, when it is gone with one of `errors` as (service or "", name); empty
    takes any failure. Back-off in milliseconds; the first attempt has number 1."""

    path: str
    body: Sequence
    limit: int
    backoff_min: int
    backoff_max: int
    errors: tuple[tuple[str, str], ...]
    at: str
    doc: str | None = field(default=None, compare=False)
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Interrupt:
    """One latch: the first of several events, or the time limit `after` (with `late`), interrupts the body, unless it was
    left before. The body is undone, then the handler runs, which stands outside of the latch."""

    path: str
    body: Sequence
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
    """The body succeeds as a whole or leaves nothing behind; then the first handler that takes the error runs.
    Names that a body defined are absent again once it is gone."""

    path: str
    body: Sequence
    handlers: tuple[Handler, ...]
    at: str
    doc: str | None = field(default=None, compare=False)
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Undoing:
    """Once the body was ok, `undo` runs in place of undoing its parts. It sees what was known when the body ended, and its
    steps are never gone: they are stuck."""

    path: str
    body: Sequence
    undo: Sequence
    at: str
    doc: str | None = field(default=None, compare=False)
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Child:
    """Another flow, inlined: the sequence around it has named its parameters already, and its names begin with the path of
    the step (`pay/order`). It has a verdict of its own, latched by the parent's hint or by its own `commit`; hints of the
    parent reach its blocks through that latch only. `name` is afterwards what it returned (`pay/return`), "" for nothing."""

    path: str
    flow: str  # the name of the flow that it runs
    name: str
    returned: str
    body: Sequence
    at: str
    doc: str | None = field(default=None, compare=False)
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Region:
    """In a choreography the service `at` conducts `body`: it owns every decision inside, and starts each step."""

    path: str
    body: Sequence
    at: str
    doc: str | None = field(default=None, compare=False)
    span: Span | None = field(default=None, compare=False, repr=False)


Node = (
    Step
    | Let
    | Emit
    | Fail
    | Commit
    | Sequence
    | Fork
    | Switch
    | Race
    | Each
    | Repeat
    | Alongside
    | Retry
    | Interrupt
    | Catch
    | Undoing
    | Child
    | Region
)
"""In this order in every `match` of a phase."""


def parts_of(node: Node) -> tuple[Sequence | Node, ...]:
    """The blocks directly inside `node`, in source order."""
    match node:
        case Step() | Let() | Emit() | Fail() | Commit():
            return ()
        case Sequence():
            return node.items
        case Fork():
            return tuple(branch.body for branch in node.branches)
        case Switch():
            return tuple(arm.body for arm in node.arms)
        case Race():
            return (*(alternative.body for alternative in node.alternatives), node.late)
        case Each() | Retry() | Child() | Region():
            return (node.body,)
        case Repeat():
            return (node.body,) if node.late is None else (node.body, node.late)
        case Alongside() | Catch():
            return (node.body, *(handler.body for handler in node.handlers))
        case Interrupt():
            return (node.body, *(alternative.body for alternative in node.alternatives), node.late)
        case Undoing():
            return (node.body, node.undo)
        case _:
            assert_never(node)


def defined_by(node: Node) -> Iterator[str]:
    """The names that `node` itself gives to values, inside or outside of it."""
    match node:
        case Step() | Let():
            yield from (node.name,) if node.name else ()
        case Race() | Interrupt():
            yield from (alternative.bind for alternative in node.alternatives if alternative.bind)
        case Each():
            yield node.variable
            yield from (node.collect,) if node.collect else ()
        case Repeat():
            yield from (carried.name for carried in node.carried)
        case Alongside() | Catch():
            yield from (handler.bind for handler in node.handlers if handler.bind)
        case Child():
            yield from (node.name,) if node.name else ()
        case Emit() | Fail() | Commit() | Sequence() | Fork() | Switch() | Retry() | Undoing() | Region():
            pass
        case _:
            assert_never(node)


def visible_after(node: Node) -> frozenset[str]:
    """The names that may be there after `node` is ok because of it."""
    match node:
        case Step() | Let():
            return frozenset((node.name,)) - {""}
        case Emit() | Fail() | Commit():
            return frozenset()
        case Sequence() | Fork() | Switch():
            return frozenset().union(*map(visible_after, parts_of(node)))
        case Race():
            return frozenset(defined_by(node)).union(*map(visible_after, parts_of(node)))
        case Each():
            return frozenset((node.collect,)) - {""}
        case Repeat():
            return frozenset(defined_by(node)).union(*map(visible_after, parts_of(node)))
        case Alongside() | Undoing() | Retry() | Region():
            return visible_after(node.body)
        case Interrupt() | Catch():
            return frozenset(defined_by(node)).union(*map(visible_after, parts_of(node)))
        case Child():
            return frozenset((node.name,)) - {""}
        case _:
            assert_never(node)


def firm_of(node: Node) -> Firm | None:
    """Whether `node` must not fail, and where it may after all; only what evaluates something can."""
    match node:
        case Step() | Let() | Emit() | Switch() | Race() | Each() | Repeat():
            return node.firm
        case _:
            return None


def walk(node: Node) -> Iterator[Node]:
    """`node` and every block inside it, outer before inner, in source order."""
    todo = [node]
    while todo:
        node = todo.pop()
        yield node
        todo += reversed(parts_of(node))


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


KINDS = (
    Step,
    Let,
    Emit,
    Fail,
    Commit,
    Sequence,
    Fork,
    Switch,
    Race,
    Each,
    Repeat,
    Alongside,
    Retry,
    Interrupt,
    Catch,
    Undoing,
    Child,
    Region,
)


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
