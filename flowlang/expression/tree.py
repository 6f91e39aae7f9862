"""The tree of an expression: what the user wrote, after parsing and before anything is known of types.

One node for each form of the language; operators keep their own text. Spans say where each node stands and take no part
in comparison. `to_json` and `from_json` are the form in which IR and tables carry an expression, so that a service can
run its table without the parser.
"""

from __future__ import annotations

from dataclasses import field
from decimal import Decimal

from flowlang.frozen import dataclass
from flowlang.source import Span
from flowlang.values import Duration


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant: None, bool, int, Decimal, str or Duration."""

    value: None | bool | int | Decimal | str | Duration
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Ref:
    """A name of the flow, or a macro's variable."""

    name: str
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Select:
    """`of.name`, or with `optional` the `of.?name` that is absent where the field is."""

    of: Expr
    name: str
    optional: bool
    span: Span = field(compare=False, repr=False)
    name_span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Index:
    """`of[at]`: of a list by position from 0, of a map by key."""

    of: Expr
    at: Expr
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Function:
    """`name(args)`: size, has, int, double, string, timestamp, duration, sum, min, max."""

    name: str
    args: tuple[Expr, ...]
    span: Span = field(compare=False, repr=False)
    name_span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Method:
    """`of.name(args)`: contains, startsWith, endsWith, size, orValue and the macros all, exists, exists_one, map,
    filter, whose first argument is a `Ref` that declares their variable."""

    of: Expr
    name: str
    args: tuple[Expr, ...]
    span: Span = field(compare=False, repr=False)
    name_span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Unary:
    """`!of` or `-of`."""

    op: str
    of: Expr
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Binary:
    """`left op right`, op one of `|| && == != < <= > >= in + - * / %`."""

    op: str
    left: Expr
    right: Expr
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Ternary:
    """`test ? then : otherwise`."""

    test: Expr
    then: Expr
    otherwise: Expr
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ListOf:
    """`[items]`."""

    items: tuple[Expr, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Entry:
    """`key: value` of a map literal or of named arguments; keys are names or strings, never variables."""

    key: str
    value: Expr
    span: Span = field(compare=False, repr=False)  # of the key


@dataclass(frozen=True, slots=True)
class MapOf:
    """`{ entries }`; an entry whose value is absent is left out of the map."""

    entries: tuple[Entry, ...]
    span: Span = field(compare=False, repr=False)


Expr = Literal | Ref | Select | Index | Function | Method | Unary | Binary | Ternary | ListOf | MapOf


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression together with its text: one line, as the formatter prints it."""

    text: str
    tree: Expr
