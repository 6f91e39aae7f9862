"""Expressions under the names of the kernel: an inlined flow's `order` is `pay/order` in the flow that runs it."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace
from typing import assert_never

from flowlang.expression.names import macro_variable
from flowlang.expression.text import to_text
from flowlang.expression.tree import (
    Binary,
    Expr,
    Expression,
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
from flowlang.expression.walk import bottom_up, parts


def expression(tree: Expr) -> Expression:
    """An expression with its text."""
    return Expression(to_text(tree), tree)


@dataclass(frozen=True, slots=True)
class Names:
    """How the names of one flow are called in the kernel: `pay/order` for `order`, with `prefix` `pay/`; as they are where
    it is empty. Of a parameter in `maybe` nobody knows whether it was given, and a value that is absent can't be named: it
    stands in a record that can always be made, `pay/note.given.note`."""

    prefix: str = ""
    maybe: frozenset[str] = frozenset()

    def of(self, name: str) -> str:
        """The kernel's name; "" stays that."""
        return f"{self.prefix}{name}" if name else ""

    def given(self, parameter: str) -> str:
        """The kernel's name of the record that a parameter stands in which may be absent."""
        return f"{self.prefix}{parameter}.given"

    def ref(self, ref: Ref) -> Expr:
        """What reads the name that `ref` reads."""
        if ref.name in self.maybe:
            return Select(Ref(self.given(ref.name), ref.span), ref.name, False, ref.span, ref.span)
        return Ref(self.of(ref.name), ref.span)

    def expression(self, tree: Expr) -> Expression:
        """`tree` with the kernel's names, and its text."""
        return expression(self.tree(tree))

    def tree(self, tree: Expr) -> Expr:
        """`tree` with the kernel's names. Variables of macros are no names of the flow and stay as they are."""
        if not self.prefix:
            return tree
        bound = _bound(tree)
        return bottom_up(tree, lambda node, inside: self._renamed(node, inside, bound))

    def _renamed(self, node: Expr, inside: list[Expr], bound: Set[int]) -> Expr:
        match node:
            case Literal():
                return node
            case Ref():
                return node if id(node) in bound else self.ref(node)
            case Select() | Unary():
                return replace(node, of=inside[0])
            case Index():
                return replace(node, of=inside[0], at=inside[1])
            case Function():
                return replace(node, args=tuple(inside))
            case Method():
                return replace(node, of=inside[0], args=tuple(inside[1:]))
            case Binary():
                return replace(node, left=inside[0], right=inside[1])
            case Ternary():
                return replace(node, test=inside[0], then=inside[1], otherwise=inside[2])
            case ListOf():
                return replace(node, items=tuple(inside))
            case MapOf():
                entries = zip(node.entries, inside, strict=True)
                return replace(node, entries=tuple(replace(entry, value=value) for entry, value in entries))
            case _:
                assert_never(node)


def _bound(tree: Expr) -> set[int]:
    """The references, by identity, that mean the variable of a macro around them."""
    found: set[int] = set()
    todo: list[tuple[Expr, frozenset[str]]] = [(tree, frozenset())]
    while todo:
        node, variables = todo.pop()
        if isinstance(node, Ref) and node.name in variables:
            found.add(id(node))
        variable = macro_variable(node) if isinstance(node, Method) else None
        if variable is None or not isinstance(node, Method):
            todo += ((part, variables) for part in parts(node))
        else:
            todo.append((node.of, variables))
            todo += ((part, variables | {variable.name}) for part in node.args)
    return found
