"""Visit a tree from the leaves to the root without recursion, so that a chain of operators can be of any length."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, assert_never

from flowlang.expression.tree import (
    Binary,
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

T = TypeVar("T")


def bottom_up(expr: Expr, combine: Callable[[Expr, list[T]], T]) -> T:
    """`combine` each node with the results of its parts, in the order of `parts`; the result of the root."""
    if isinstance(expr, Literal | Ref):  # as most are
        return combine(expr, [])
    order: list[tuple[Expr, int]] = []
    todo: list[Expr] = [expr]
    while todo:
        node = todo.pop()
        inside = parts(node)
        order.append((node, len(inside)))
        todo += inside
    # `order` has every node before its parts, and the last part first: backwards, the parts stand in their order.
    done: list[T] = []
    for node, count in reversed(order):
        if not count:  # most nodes are leaves
            done.append(combine(node, []))
            continue
        results = done[-count:]
        del done[-count:]
        done.append(combine(node, results))
    return done[0]


def parts(node: Expr) -> tuple[Expr, ...]:
    """The expressions directly inside of `node`, as they stand in the text."""
    match node:
        case Literal() | Ref():
            return ()
        case Select(of=of) | Unary(of=of):
            return (of,)
        case Index(of=of, at=at):
            return (of, at)
        case Function(args=args):
            return args
        case Method(of=of, args=args):
            return (of, *args)
        case Binary(left=left, right=right):
            return (left, right)
        case Ternary(test=test, then=then, otherwise=otherwise):
            return (test, then, otherwise)
        case ListOf(items=items):
            return items
        case MapOf(entries=entries):
            return tuple(entry.value for entry in entries)
        case _:
            assert_never(node)
