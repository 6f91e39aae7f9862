"""The tree of a flow: one class for each rule of `grammar/flow.lark`, the same from text and from YAML.

Braces, quotes, parentheses and trailing commas are not in it; comments are not either (the formatter finds those by their
place). Every node keeps the span that a diagnostic would point at; spans take no part in comparison. `doc` is the text of
the `##` lines before a node, joined with newlines, or None.
"""

from __future__ import annotations

from dataclasses import field

from flowlang.expression.tree import Expr, MapOf
from flowlang.frozen import dataclass
from flowlang.source import Span
from flowlang.values import Duration


@dataclass(frozen=True, slots=True)
class Name:
    """A word that the user wrote as a name."""

    text: str
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Text:
    """A string literal, unquoted and unescaped."""

    value: str
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Time:
    """A duration literal."""

    value: Duration
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Count:
    """A whole number literal that is not an expression (`retry 5`)."""

    value: int
    span: Span = field(compare=False, repr=False)


# ---------------------------------------------------------------- types


@dataclass(frozen=True, slots=True)
class NamedType:
    """`Order`, `orders.Order`, or one of `string int decimal bool any`."""

    service: Name | None
    name: Name
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ListType:
    """`[T]`."""

    item: TypeRef
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class OptionalType:
    """`T?`."""

    item: TypeRef
    span: Span = field(compare=False, repr=False)


TypeRef = NamedType | ListType | OptionalType

# ---------------------------------------------------------------- the flow


@dataclass(frozen=True, slots=True)
class Use:
    """`use contracts "a/*.yaml", "b.yaml"`; kind is `contracts` or `flows`."""

    kind: str
    patterns: tuple[Text, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Param:
    """`name: Type`."""

    name: Name
    type: TypeRef
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Start:
    """Header `on event "type" as bind where e`: each such event starts a run."""

    event: Text
    bind: Name | None
    where: Expr | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Flow:
    """A whole file."""

    name: Name
    uses: tuple[Use, ...]
    params: tuple[Param, ...]
    output: TypeRef | None
    version: Text | None
    key: Expr | None
    owner: Name | None
    start: Start | None
    body: Block
    doc: str | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Block:
    """Statements one after another: a flow's body, a braced body, or the one simple statement that stands for one."""

    statements: tuple[Statement, ...]
    span: Span = field(compare=False, repr=False)


# ---------------------------------------------------------------- statements


@dataclass(frozen=True, slots=True)
class Call:
    """`service.operation(args)`: named arguments as a `MapOf`, one positional value as that expression, or None.
    `flow.other(args)` runs the flow `other`: the word `flow` stands in place of the service."""

    service: Name
    operation: Name
    args: NamedArgs | Whole | None
    span: Span = field(compare=False, repr=False)

    @property
    def runs_flow(self) -> bool:
        """Whether this runs another flow."""
        return self.service.text == "flow"


@dataclass(frozen=True, slots=True)
class NamedArgs:
    """`(a: 1, b: 2)`."""

    map: MapOf
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Whole:
    """`(order)`: one value that is the whole input."""

    value: Expr
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ErrorRef:
    """`Declined` or `payments.Declined`."""

    service: Name | None
    name: Name
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Retry:
    """`retry 5 backoff 1s..30s on Timeout, Unavailable`: up to `limit` further attempts."""

    limit: Count
    backoff: tuple[Time, Time] | None
    errors: tuple[ErrorRef, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class UndoBy:
    """`compensate service.operation(args)`."""

    call: Call
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class UndoNone:
    """`compensate none`: accepted out loud that the step is not undone."""

    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Step:
    """`step name = service.operation(args) { clauses }`."""

    name: Name
    call: Call
    undo: UndoBy | UndoNone | None
    retry: Retry | None
    timeout: Time | None
    doc: str | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Let:
    """`let name = e`."""

    name: Name
    value: Expr
    doc: str | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Sequence:
    """`sequence { ... }`."""

    body: Block
    doc: str | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Branch:
    """`branch name when e { ... }`."""

    name: Name
    when: Expr | None
    body: Block
    doc: str | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Fork:
    """`fork at service { ... } join all`: every child runs concurrently; a bare statement is a branch of its own. `join` is
    `all`, `all or cancel`, `any`, or `some` with the number that `need` says (`join 2`)."""

    at: Name | None
    branches: tuple[Branch | Statement, ...]
    join: str
    need: Count | None
    doc: str | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Case:
    """`case e -> body`: a guard, or with a subject the values that it is compared with."""

    values: tuple[Expr, ...]
    body: Block
    doc: str | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Switch:
    """`switch subject at service { case ... else ... }`: the first case that is true; `default` is None without `else`."""

    subject: Expr | None
    at: Name | None
    cases: tuple[Case, ...]
    default: Block | None
    doc: str | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Within:
    """`within e else body`."""

    time: Expr
    otherwise: Block
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Forever:
    """`forever`: said out loud that there is no limit."""

    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class WaitEvent:
    """`wait for event "type" as bind where e at service within ... else ...`; limit None when neither form was written."""

    event: Text
    bind: Name | None
    where: Expr | None
    at: Name | None
    limit: Within | Forever | None
    doc: str | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Catch:
    """`catch E1, service.E2 as e -> body`; no errors named takes any."""

    errors: tuple[ErrorRef, ...]
    bind: Name | None
    body: Block
    doc: str | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class OnEvent:
    """`on event "type" as bind where e -> body`: an alternative of a race or a reaction of a scope; there `alongside` says
    that it does not interrupt."""

    event: Text
    bind: Name | None
    where: Expr | None
    alongside: bool
    body: Block
    doc: str | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class After:
    """`after e -> body` of a race."""

    time: Expr
    body: Block
    doc: str | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Race:
    """`race at service { on event ... -> ...  after e -> ... }`: the first one wins. `limit` None when neither `after` nor
    `forever` was written."""

    at: Name | None
    alternatives: tuple[OnEvent, ...]
    limit: After | Forever | None
    doc: str | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ForEach:
    """`for each variable in items parallel 10 as bind at service { ... }`."""

    variable: Name
    items: Expr
    parallel: Count | None
    bind: Name | None
    at: Name | None
    body: Block
    doc: str | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Carried:
    """`name = e` behind `with`: a value that goes from one iteration of a `repeat` to the next."""

    name: Name
    value: Expr
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Repeat:
    """`repeat with a = 1 at service { ... } until e every 6h at most 20 else body`."""

    carried: tuple[Carried, ...]
    at: Name | None
    body: Block
    until: Expr
    every: Expr | None
    most: Count
    otherwise: Block | None
    doc: str | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Scope:
    """`scope name at service { ... }` with trailing clauses: succeeds as a whole or leaves nothing behind. The order of
    clauses means nothing, except among the catches; `reactions` are in the order of the text."""

    name: Name
    at: Name | None
    body: Block
    catches: tuple[Catch, ...]
    reactions: tuple[OnEvent, ...]
    limit: Within | None
    retry: Retry | None
    undo: Block | None
    doc: str | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Wait:
    """`wait 5m`, or `wait until t` with `until` true."""

    time: Expr
    until: bool
    doc: str | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Commit:
    """`commit`: the point of no return."""

    doc: str | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Orchestrate:
    """`orchestrate at service { ... }`: inside a choreography this service conducts the block."""

    at: Name
    body: Block
    doc: str | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Next:
    """`next name = e`: the value that `name` has in the next iteration of the `repeat` around it."""

    name: Name
    value: Expr
    doc: str | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Yield:
    """`yield e`: what this item of the `for each` around it adds to the list that `as` names."""

    value: Expr
    doc: str | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Emit:
    """`emit "type" { ... }`."""

    event: Text
    data: MapOf | None
    doc: str | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Fail:
    """`fail E("why")`."""

    error: Name
    message: Expr | None
    doc: str | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Return:
    """`return e`."""

    value: Expr
    doc: str | None
    span: Span = field(compare=False, repr=False)


Statement = (
    Step
    | Let
    | Sequence
    | Fork
    | Switch
    | WaitEvent
    | Race
    | ForEach
    | Repeat
    | Scope
    | Wait
    | Commit
    | Orchestrate
    | Emit
    | Fail
    | Return
    | Next
    | Yield
)
"""In this order in every `match` of a phase."""
