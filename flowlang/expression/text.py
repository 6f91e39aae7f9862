"""An expression as one line of text, as the formatter prints it: few parentheses, double quotes, spaced operators."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import assert_never

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
from flowlang.expression.walk import bottom_up
from flowlang.values import Duration, decimal_text

# How tightly a form binds; a part that binds less than its place asks for is put into parentheses.
TERNARY, OR, AND, RELATION, SUM, PRODUCT, UNARY, MEMBER = range(8)
BINDING = {
    "||": OR,
    "&&": AND,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in"), RELATION),
    **dict.fromkeys(("+", "-"), SUM),
    **dict.fromkeys(("*", "/", "%"), PRODUCT),
}

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_MUST_ESCAPE = re.compile('["\\\\\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]')


def to_text(expr: Expr) -> str:
    """`expr` as text; parsing it gives the same tree."""
    return bottom_up(expr, _text).text()


def quoted(text: str) -> str:
    """`text` as a string literal in double quotes. What changes the line or its direction is escaped."""
    return f'"{_MUST_ESCAPE.sub(_escape, text)}"'


class _Piece:
    """Text in pieces, joined once at the end: joining at each operator would make a long chain quadratic."""

    __slots__ = ("binding", "pieces")

    def __init__(self, binding: int, *pieces: str | _Piece) -> None:
        self.binding = binding
        self.pieces = pieces

    def at_least(self, binding: int) -> _Piece:
        """This text where only forms that bind like `binding` or tighter may stand."""
        return self if self.binding >= binding else _Piece(MEMBER, "(", self, ")")

    def text(self) -> str:
        """The whole text."""
        done: list[str] = []
        todo: list[str | _Piece] = [self]
        while todo:
            piece = todo.pop()
            if isinstance(piece, str):
                done.append(piece)
            else:
                todo.extend(reversed(piece.pieces))
        return "".join(done)


def _text(node: Expr, inside: list[_Piece]) -> _Piece:
    match node:
        case Literal(value=value):
            return _literal(value)
        case Ref(name=name):
            return _Piece(MEMBER, name)
        case Select(name=name, optional=optional):
            return _Piece(MEMBER, _receiver(node.of, inside[0]), ".?" if optional else ".", name)
        case Index():
            return _Piece(MEMBER, _receiver(node.of, inside[0]), "[", inside[1], "]")
        case Function(name=name):
            return _Piece(MEMBER, name, "(", *_list(inside), ")")
        case Method(name=name):
            return _Piece(MEMBER, _receiver(node.of, inside[0]), ".", name, "(", *_list(inside[1:]), ")")
        case Unary(op=op):
            return _Piece(UNARY, op, inside[0].at_least(UNARY))
        case Binary(op=op):
            # Operators of one level associate to the left: the right side must bind tighter.
            binding = BINDING[op]
            return _Piece(binding, inside[0].at_least(binding), f" {op} ", inside[1].at_least(binding + 1))
        case Ternary():
            test, then, otherwise = inside[0].at_least(OR), inside[1].at_least(OR), inside[2]
            return _Piece(TERNARY, test, " ? ", then, " : ", otherwise)
        case ListOf():
            return _Piece(MEMBER, "[", *_list(inside), "]")
        case MapOf(entries=()):
            return _Piece(MEMBER, "{}")
        case MapOf(entries=entries):
            members = [
                _Piece(TERNARY, key_text(entry.key), ": ", value) for entry, value in zip(entries, inside, strict=True)
            ]
            return _Piece(MEMBER, "{ ", *_list(members), " }")
        case _:
            assert_never(node)


def key_text(key: str) -> str:
    """The key of a map entry or a named argument: bare where it is a name."""
    return key if _NAME.fullmatch(key) else quoted(key)


def _receiver(node: Expr, piece: _Piece) -> _Piece:
    """What stands before a dot or a bracket. `3.x` would be read as a broken number."""
    number = isinstance(node, Literal) and not isinstance(node.value, (str, bool, type(None)))
    return _Piece(MEMBER, "(", piece, ")") if number else piece.at_least(MEMBER)


def _list(items: list[_Piece]) -> list[str | _Piece]:
    return [piece for item in items for piece in (", ", item)][1:]


def _literal(value: bool | int | Decimal | str | Duration | None) -> _Piece:
    match value:
        case None:
            text = "null"
        case bool():
            text = "true" if value else "false"
        case int() | Duration():
            text = str(value)
        case Decimal():
            text = decimal_text(value)
            text = text if "." in text or "e" in text else f"{text}.0"
        case str():
            text = quoted(value)
        case _:
            assert_never(value)
    return _Piece(UNARY if text.startswith("-") else MEMBER, text)


def _escape(found: re.Match[str]) -> str:
    char = found[0]
    return _ESCAPES.get(char) or f"\\u{ord(char):04x}"
