"""What a handler returned, to a value: the gate between Python objects and everything that is stored or sent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, DecimalException
from typing import Any, Final

from flowlang.values.kinds import DECIMALS, MAX_DEPTH, MAX_INT, MAX_SIZE, MIN_INT, Duration, Timestamp

_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class BadValue(Exception):
    """The object is no value. `path` leads to the culprit (`items[3].qty`, "" for the whole), `why` is a clause."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}" if path else why)
        self.path = path
        self.why = why


def from_python(thing: Any, *, max_depth: int = MAX_DEPTH, max_size: int = MAX_SIZE) -> Any:
    """A fresh value equal to `thing`: finite floats become decimals, tuples become lists. Raises BadValue.

    Depth and size are bounded while walking, so a list that contains itself ends like any other that is too deep."""
    return _value(thing, "", max_depth, _Budget(max_size))


def measure(value: Any, *, max_depth: int = MAX_DEPTH, max_size: int = MAX_SIZE) -> None:
    """Raise BadValue if `value` is too deep or too large; shared parts count as often as they occur, as in its JSON."""
    left = max_size
    depth = 0
    level = [value]
    while level:
        below: list[Any] = []
        for item in level:
            kind = type(item)
            if kind is dict:
                left -= sum(map(len, item)) + 4 * len(item)
                below.extend(item.values())
            elif kind is list:
                below.extend(item)
            elif kind is str:
                left -= len(item)
            left -= 8
            if left < 8 * len(below):
                raise BadValue("", f"the value is larger than {max_size:,} bytes")
            if depth == max_depth and (kind is dict or kind is list):
                raise BadValue("", f"the value is nested deeper than {max_depth} levels")
        level = below
        depth += 1


@dataclass(slots=True)
class _Budget:
    """What may still be spent, in estimated characters of JSON."""

    left: int


def _value(thing: Any, path: str, depth: int, budget: _Budget) -> Any:
    budget.left -= 8
    if budget.left < 0:
        raise BadValue(path, "the value is too large")
    if thing is None or isinstance(thing, (bool, Duration, Timestamp)):
        return thing
    if isinstance(thing, str):
        return _text(thing, path, budget)
    if isinstance(thing, int):
        if not MIN_INT <= thing <= MAX_INT:
            raise BadValue(path, "the integer does not fit into 64 bits")
        return int(thing)
    if isinstance(thing, (float, Decimal)):
        return _decimal(thing, path)
    if isinstance(thing, (list, tuple, dict)) and depth == 0:
        raise BadValue(_short(path), "nested too deeply, or contains itself")
    if isinstance(thing, (list, tuple)):
        return [_value(item, f"{path}[{index}]", depth - 1, budget) for index, item in enumerate(thing)]
    if isinstance(thing, dict):
        return _members(thing, path, depth, budget)
    raise BadValue(path, f"a Python `{type(thing).__name__}` is not a JSON value")


def _members(thing: dict[Any, Any], path: str, depth: int, budget: _Budget) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for key, item in thing.items():
        if not isinstance(key, str):
            raise BadValue(path, f"a key is a Python `{type(key).__name__}`, not a string")
        name = _text(key, path, budget)
        members[name] = _value(item, f"{path}.{name}" if path else name, depth - 1, budget)
    return members


def _text(thing: str, path: str, budget: _Budget) -> str:
    text = str.__str__(thing)  # of a subclass (an enum of strings): the characters, not what its __str__ says
    budget.left -= len(text)
    if budget.left < 0:
        raise BadValue(path, "the value is too large")
    if _SURROGATE.search(text):
        raise BadValue(path, "the string contains a lone surrogate")
    return text


def _decimal(thing: float | Decimal, path: str) -> Decimal:
    try:
        number = DECIMALS.create_decimal(repr(float(thing)) if isinstance(thing, float) else thing)
    except DecimalException:
        raise BadValue(path, "the number is too large") from None
    if not number.is_finite():
        raise BadValue(path, f"`{number}` is not a number of JSON")
    return number if number else Decimal("0.0")


def _short(path: str) -> str:
    return path if len(path) <= 80 else f"{path[:80]}..."
