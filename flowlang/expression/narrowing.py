"""What a condition tells about the values it speaks of: after `has(order.note)` the note is there."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from flowlang.expression.fit import bare
from flowlang.expression.tree import Binary, Expr, Function, Index, Literal, Ref, Select, Unary
from flowlang.expression.types import ANY, Field, MapType, Record, Type

Env = Mapping[str, Type]


def narrow(expr: Expr, env: Env, truth: bool) -> Env:
    """The types of `env` where `expr` is known to be `truth`; `env` itself when that says nothing.

    A value is known to be there after `has(a.b)` or `a.b != null` is true, after `a.b == null` is false, and after what
    `!`, `&&` and `||` make of these."""
    while isinstance(expr, Unary) and expr.op == "!":
        expr, truth = expr.of, not truth
    chain = "&&" if truth else "||"  # the operator whose both sides then have the same truth
    rights: list[Expr] = []
    while isinstance(expr, Binary) and expr.op == chain:
        rights.append(expr.right)
        expr = expr.left
    if rights:
        for part in (expr, *reversed(rights)):
            env = narrow(part, env, truth)
        return env
    tested = _tested(expr, truth)
    return env if tested is None else with_present(tested, env)


def with_present(expr: Expr, env: Env) -> Env:
    """`env` where the value of the path `expr`, and all on the way to it, is there."""
    path: list[str] = []
    while not isinstance(expr, Ref):
        match expr:
            case Select(of=of, name=name):
                path.append(name)
                expr = of
            case Index(of=of, at=Literal(value=str() as key)):
                path.append(key)
                expr = of
            case Index(of=of):
                path.clear()  # of an item nothing can be remembered, but its list is there
                expr = of
            case _:
                return env
    known = env.get(expr.name)
    if known is None:
        return env
    present = _present(known, path[::-1])
    return env if present == known else with_name(expr.name, present, env)


def with_name(name: str, type: Type, env: Env) -> Env:
    """`env` with one name more, or another type for it. A layer, since `env` may have thousands of names."""
    return ChainMap({name: type}, cast(dict[str, Type], env))


def _tested(expr: Expr, truth: bool) -> Expr | None:
    """The path that is there when `expr` is `truth`."""
    match expr:
        case Function(name="has", args=(path,)) if truth:
            return path
        case Binary(op="!=" | "==" as op, left=left, right=Literal(value=None)) if truth == (op == "!="):
            return left
        case Binary(op="!=" | "==" as op, left=Literal(value=None), right=right) if truth == (op == "!="):
            return right
        case _:
            return None


def _present(type: Type, path: list[str]) -> Type:
    type = bare(type)
    if not path:
        return type
    name, rest = path[0], path[1:]
    match type:
        case Record(fields=fields):
            others = tuple(field for field in fields if field.name != name)
            field = next((field for field in fields if field.name == name), None)
            if field is None:
                if not type.open:
                    return type  # reported where it is read
                field = Field(name, ANY, True)
            field = replace(field, type=_present(field.type, rest), required=True)
            return replace(type, fields=tuple(sorted((*others, field), key=lambda each: each.name)))
        case MapType(item=item):
            # Only this key is known to be there; what else the map has is as unknown as the fields of an open record.
            return Record((Field(name, _present(item, rest), True),), open=True)
        case _:
            return type
