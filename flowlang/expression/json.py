"""An expression as JSON: how the IR and the tables carry it, so that a service runs its table without the parser.

A node is an array whose first item says what it is: `["select", ["ref", "order"], "total"]`. Chains are written flat
(`["chain", a, "+", b, "-", c]`, `["select", a, "b", "c"]`, `["if", p, x, q, y, z]`), because readers of JSON and YAML
bound the nesting. A literal is itself where JSON has it; the others name their kind: `["decimal", "3.0"]`,
`["duration", "3d"]`.
"""

from __future__ import annotations

import re
from decimal import Decimal, DecimalException
from typing import Any, assert_never

from flowlang.expression.names import MACROS
from flowlang.expression.text import BINDING
from flowlang.expression.tree import (
    Binary,
    Entry,
    Expr,
    Function,
    Index,
    ListOf,
    Literal,
    MapOf,
    Method,
    Ref,
    Select,
    Ternary,
    Unary,
)
from flowlang.expression.walk import bottom_up
from flowlang.source import Source, Span
from flowlang.values import DECIMALS, MAX_INT, MIN_INT, Duration, decimal_text

Json = Any

NOWHERE = Span(Source("", ""), 0, 0)
"""The span of a node that was not read from a text."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REF = re.compile(rf"{_NAME.pattern}([/.]{_NAME.pattern})*")  # the compiler's own names are `line.yield`, `pay/order`
_MAX_DEPTH = 250  # of what `from_json` takes; more than the parser lets through


class BadTree(Exception):
    """The JSON is no expression."""


def to_json(expr: Expr) -> Json:
    """The JSON of `expr`: lists, strings, integers, booleans and None only."""
    return bottom_up(expr, _to_json)


def from_json(data: Json) -> Expr:
    """The inverse of `to_json`, for data that nobody vouches for. Raises BadTree. The nodes have the span NOWHERE."""
    return _expr(data, _MAX_DEPTH)


def _to_json(node: Expr, inside: list[Json]) -> Json:
    match node:
        case Literal(value=value):
            return _literal_to_json(value)
        case Ref(name=name):
            return ["ref", name]
        case Select(name=name, optional=True):
            return ["select?", inside[0], name]
        case Select(of=Select(optional=False), name=name):
            inside[0].append(name)
            return inside[0]
        case Select(name=name):
            return ["select", inside[0], name]
        case Index():
            return ["index", *inside]
        case Function(name=name):
            return ["call", name, *inside]
        case Method(name=name):
            return ["method", inside[0], name, *inside[1:]]
        case Unary(op=op):
            return [op, inside[0]] if op == "!" else ["negate", inside[0]]
        case Binary(op=op, left=Binary()):
            chain, right = inside
            if chain[0] != "chain":
                chain = ["chain", chain[1], chain[0], chain[2]]
            chain.extend((op, right))
            return chain
        case Binary(op=op):
            return [op, *inside]
        case Ternary(otherwise=Ternary()):
            test, then, otherwise = inside
            return ["if", test, then, *otherwise[1:]]
        case Ternary():
            return ["if", *inside]
        case ListOf():
            return ["list", *inside]
        case MapOf(entries=entries):
            return ["map", *([entry.key, value] for entry, value in zip(entries, inside, strict=True))]
        case _:
            assert_never(node)


def _literal_to_json(value: bool | int | Decimal | str | Duration | None) -> Json:
    match value:
        case Decimal():
            return ["decimal", decimal_text(value)]
        case Duration():
            return ["duration", str(value)]
        case _:
            return value


def _expr(data: Json, depth: int) -> Expr:
    if data is None or isinstance(data, (bool, str)):
        return Literal(data, NOWHERE)
    if isinstance(data, int):
        # One more than the largest: `-9223372036854775808` is written as the negation of a literal.
        _require(MIN_INT <= data <= MAX_INT + 1, "an integer beyond 64 bits")
        return Literal(data, NOWHERE)
    if isinstance(data, Decimal):
        raise BadTree('a number with a fraction must be written as ["decimal", "..."]')
    _require(isinstance(data, list) and bool(data) and isinstance(data[0], str), "expected an array with a kind")
    _require(depth > 0, "nested too deeply")
    kind, rest = data[0], data[1:]
    match kind:
        case "decimal" | "duration":
            return Literal(_special(kind, rest), NOWHERE)
        case "ref":
            [name] = _counted(kind, rest, 1)
            return Ref(_name(name, _REF), NOWHERE)
        case "select" | "select?":
            return _select(kind, rest, depth - 1)
        case "index":
            of, at = (_expr(item, depth - 1) for item in _counted(kind, rest, 2))
            return Index(of, at, NOWHERE)
        case "call":
            _require(len(rest) >= 1, "`call` without a name")
            return Function(_name(rest[0]), _all(rest[1:], depth - 1), NOWHERE, NOWHERE)
        case "method":
            return _method(rest, depth - 1)
        case "!" | "negate":
            [of] = _counted(kind, rest, 1)
            return Unary("!" if kind == "!" else "-", _expr(of, depth - 1), NOWHERE)
        case "chain":
            return _chain(rest, depth - 1)
        case "if":
            return _ternary(rest, depth - 1)
        case "list":
            return ListOf(_all(rest, depth - 1), NOWHERE)
        case "map":
            return MapOf(tuple(_entry(item, depth - 1) for item in rest), NOWHERE)
        case _ if kind in BINDING:
            left, right = (_expr(item, depth - 1) for item in _counted(kind, rest, 2))
            return Binary(kind, left, right, NOWHERE)
        case _:
            raise BadTree(f"unknown kind `{kind[:40]}`")


def _special(kind: str, rest: list[Json]) -> Decimal | Duration:
    [text] = _counted(kind, rest, 1)
    _require(isinstance(text, str) and len(text) <= 400, f"`{kind}` takes a string")
    try:
        if kind == "duration":
            return Duration.parse(text)
        number = DECIMALS.create_decimal(text)
    except (ValueError, DecimalException):
        raise BadTree(f"`{text[:40]}` is no {kind}") from None
    _require(number.is_finite(), f"`{text[:40]}` is no decimal")
    return number


def _select(kind: str, rest: list[Json], depth: int) -> Expr:
    _require(len(rest) >= 2 and (kind == "select" or len(rest) == 2), f"`{kind}` takes a value and a field")
    of = _expr(rest[0], depth)
    for name in rest[1:]:
        of = Select(of, _name(name), kind == "select?", NOWHERE, NOWHERE)
    return of


def _method(rest: list[Json], depth: int) -> Expr:
    _require(len(rest) >= 2, "`method` takes a value and a name")
    name = _name(rest[1])
    args = _all(rest[2:], depth)
    if name in MACROS:
        _require(bool(args) and isinstance(args[0], Ref), f"`{name}` must declare its variable")
    return Method(_expr(rest[0], depth), name, args, NOWHERE, NOWHERE)


def _chain(rest: list[Json], depth: int) -> Expr:
    _require(len(rest) >= 5 and len(rest) % 2 == 1, "a chain needs three values and two operators at least")
    left = _expr(rest[0], depth)
    for op, right in zip(rest[1::2], rest[2::2], strict=True):
        _require(isinstance(op, str) and op in BINDING, "unknown operator in a chain")
        left = Binary(op, left, _expr(right, depth), NOWHERE)
    return left


def _ternary(rest: list[Json], depth: int) -> Expr:
    _require(len(rest) >= 3 and len(rest) % 2 == 1, "`if` takes conditions with values, and a last value")
    otherwise = _expr(rest[-1], depth)
    for at in range(len(rest) - 3, -1, -2):
        otherwise = Ternary(_expr(rest[at], depth), _expr(rest[at + 1], depth), otherwise, NOWHERE)
    return otherwise


def _entry(item: Json, depth: int) -> Entry:
    _require(isinstance(item, list) and len(item) == 2 and isinstance(item[0], str), "an entry is a key and a value")
    return Entry(item[0], _expr(item[1], depth), NOWHERE)


def _all(items: list[Json], depth: int) -> tuple[Expr, ...]:
    return tuple(_expr(item, depth) for item in items)


def _name(item: Json, form: re.Pattern[str] = _NAME) -> str:
    _require(isinstance(item, str) and form.fullmatch(item) is not None, "expected a name")
    assert isinstance(item, str)
    return item


def _counted(kind: str, rest: list[Json], count: int) -> list[Json]:
    _require(len(rest) == count, f"`{kind}` takes {count}, not {len(rest)}")
    return rest


def _require(holds: bool, why: str) -> None:
    if not holds:
        raise BadTree(why)
