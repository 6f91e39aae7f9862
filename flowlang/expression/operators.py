"""Which types the operators take, and what type comes out."""

from __future__ import annotations

from itertools import product

from flowlang.expression.fit import EITHER, bare, common, join
from flowlang.expression.types import (
    ANY,
    BOOL,
    DECIMAL,
    DURATION,
    INT,
    NULL,
    STRING,
    TIMESTAMP,
    Anything,
    ListType,
    MapType,
    Record,
    Scalar,
    String,
    Type,
)

NUMBERS: tuple[Type, ...] = (INT, DECIMAL)
ORDERED: tuple[Type, ...] = (INT, DECIMAL, STRING, DURATION, TIMESTAMP)


def operator_type(op: str, left: Type, right: Type) -> Type | None:
    """The type of `left op right`, or None when the operator does not take these; `any` could be whatever fits."""
    if isinstance(left, Anything) and isinstance(right, Anything):
        return ANY if op in ("+", "-", "*", "/", "%") else BOOL
    candidates: tuple[Type, ...] = (*ORDERED, BOOL, ListType(ANY), MapType(ANY))
    if not isinstance(left, Anything) and not isinstance(right, Anything):
        return _operator(op, left, right)
    lefts = candidates if isinstance(left, Anything) else (left,)
    rights = candidates if isinstance(right, Anything) else (right,)
    results = {one for pair in product(lefts, rights) if (one := _operator(op, *pair)) is not None}
    return None if not results else next(iter(results)) if len(results) == 1 else ANY


def _operator(op: str, left: Type, right: Type) -> Type | None:
    if left in NUMBERS and right in NUMBERS:
        if op in ("+", "-", "*", "/", "%"):
            if left == right == INT:
                return INT
            return EITHER if all(side == INT or side is EITHER for side in (left, right)) else DECIMAL
        return None if op == "in" else BOOL
    strings = isinstance(left, String) and isinstance(right, String)
    match op:
        case "<" | "<=" | ">" | ">=":
            return BOOL if strings or (left == right and left in ORDERED) else None
        case "in":
            return BOOL if isinstance(right, ListType) or (isinstance(left, String) and _is_map(right)) else None
        case "+" if strings:
            return STRING
        case "+" if isinstance(left, ListType) and isinstance(right, ListType):
            return ListType(join(left.item, right.item))
        case "+" if {left, right} == {TIMESTAMP, DURATION}:
            return TIMESTAMP
        case "+" | "-" if left == right == DURATION:
            return DURATION
        case "-" if left == TIMESTAMP and right in (TIMESTAMP, DURATION):
            return DURATION if right == TIMESTAMP else TIMESTAMP
        case "*" if {left, right} == {INT, DURATION}:
            return DURATION
        case "/" if left == DURATION and right == INT:
            return DURATION
        case _:
            return None


def comparable(left: Type, right: Type) -> bool:
    """Whether a value of one type can equal one of the other."""
    left, right = bare(left), bare(right)
    if isinstance(left, Anything) or isinstance(right, Anything) or NULL in (left, right):
        return True
    if isinstance(left, ListType) and isinstance(right, ListType):
        return comparable(left.item, right.item)
    if _is_map(left) and _is_map(right):
        return True
    return isinstance(left, Scalar | String) and common(left, right) is not None


def _is_map(type: Type) -> bool:
    return isinstance(type, Record | MapType)
