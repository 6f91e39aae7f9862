"""What a handler returned, to a value: the gate between Python objects and everything that is stored or sent."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, DecimalException
from typing import Any, Final

from flowlang.values.kinds import DECIMALS, MAX_DEPTH, MAX_INT, MAX_SIZE, MIN_INT, Duration, Timestamp

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_exact: Final = DECIMALS.create_decimal


class BadValue(Exception):
    """The object is no value. `path` leads to the culprit (`items[3].qty`, "" for the whole), `why` is a clause."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}" if path else why)
        self.path = path
        self.why = why


def from_python(thing: Any, *, max_depth: int = MAX_DEPTH, max_size: int = MAX_SIZE) -> Any:
    """A fresh value equal to `thing`: finite floats become decimals, tuples become lists. Raises BadValue.

    Depth and size are bounded while walking, so a list that contains itself ends like any other that is too deep."""
    if type(thing) is dict or type(thing) is list:
        try:
            return _plain(thing, max_depth, _Budget(max_size - 8))
        except (_Unusual, DecimalException):
            pass
    return _value(thing, None, max_depth, _Budget(max_size))


def measure(value: Any, *, max_depth: int = MAX_DEPTH, max_size: int = MAX_SIZE) -> None:
    """Raise BadValue if `value` is too deep or too large; shared parts count as often as they occur, as in its JSON."""
    kind = type(value)
    left = max_size - 8 - (len(value) if kind is str else 0)
    if kind is dict or kind is list:
        left = _measured(value, left, max_depth, max_depth, max_size)
    if left < 0:
        raise BadValue("", f"the value is larger than {max_size:,} bytes")


def _measured(value: Any, left: int, depth: int, max_depth: int, max_size: int) -> int:
    """What is `left` after the parts of a dict or list. Every part takes something, so a value whose parts are shared over
    and over ends as soon as nothing is left."""
    if depth == 0:
        raise BadValue("", f"the value is nested deeper than {max_depth} levels")
    items: Any = value
    left -= 8 * len(value)
    if type(value) is dict:
        items = value.values()
        left -= 4 * len(value) + len("".join(value))
    if left < 0:
        raise BadValue("", f"the value is larger than {max_size:,} bytes")
    for item in items:
        kind = type(item)
        if kind is str:
            left -= len(item)
        elif kind is dict or kind is list:
            left = _measured(item, left, depth - 1, max_depth, max_size)
    if left < 0:
        raise BadValue("", f"the value is larger than {max_size:,} bytes")
    return left


_Way = tuple[Any, str | int] | None
"""The way to a part, from the inside out; written out only where something is wrong, since nearly nothing ever is."""


@dataclass(slots=True)
class _Budget:
    """What may still be spent, in estimated characters of JSON."""

    left: int


class _Unusual(Exception):
    """Not the plain case: an error, or what only `_value` knows to read."""


def _plain(thing: Any, depth: int, budget: _Budget) -> Any:
    """`_value` of what is nearly always handed over: dicts and lists of plain scalars, in which nothing is wrong."""
    if depth == 0:
        raise _Unusual
    spent = 8 * len(thing)
    result: Any
    items: Iterable[tuple[Any, Any]]
    if type(thing) is dict:
        for key in thing:
            if type(key) is not str:
                raise _Unusual
        names = "".join(thing)  # what is asked of all names is asked once
        if not names.isascii():
            raise _Unusual
        spent += len(names)
        result, items = thing.copy(), thing.items()
    else:
        result, items = thing.copy(), enumerate(thing)
    for key, item in items:  # `result` is right already where nothing is put in
        kind = type(item)
        if kind is str:
            if not item.isascii() and _SURROGATE.search(item) is not None:
                raise _Unusual
            spent += len(item)
        elif kind is int:
            if not MIN_INT <= item <= MAX_INT:
                raise _Unusual
        elif kind is dict or kind is list:
            result[key] = _plain(item, depth - 1, budget)
        elif kind is float or kind is Decimal:
            number = result[key] = _exact(repr(item) if kind is float else item)
            if not number or not number.is_finite():
                raise _Unusual
        elif item is not None and kind is not bool:
            raise _Unusual
    budget.left -= spent
    if budget.left < 0:
        raise _Unusual
    return result


def _value(thing: Any, way: _Way, depth: int, budget: _Budget) -> Any:
    kind = type(thing)
    if kind is str:
        budget.left -= 8 + len(thing)
        if budget.left < 0 or not (thing.isascii() or _SURROGATE.search(thing) is None):
            raise _bad_text(way, budget)
        return thing
    budget.left -= 8
    if budget.left < 0:
        raise _bad(way, "the value is too large")
    if kind is dict:
        if depth == 0:
            raise BadValue(_short(_path(way)), "nested too deeply, or contains itself")
        return _members(thing, way, depth - 1, budget)
    if kind is list:
        if depth == 0:
            raise BadValue(_short(_path(way)), "nested too deeply, or contains itself")
        return [_value(item, (way, index), depth - 1, budget) for index, item in enumerate(thing)]
    if thing is None or isinstance(thing, (bool, Duration, Timestamp)):
        return thing
    if isinstance(thing, int):
        if not MIN_INT <= thing <= MAX_INT:
            raise _bad(way, "the integer does not fit into 64 bits")
        return int(thing)
    if isinstance(thing, (float, Decimal)):
        return _decimal(thing, way)
    if isinstance(thing, str):
        return _text(thing, way, budget)
    if isinstance(thing, (list, tuple, dict)) and depth == 0:
        raise BadValue(_short(_path(way)), "nested too deeply, or contains itself")
    if isinstance(thing, (list, tuple)):
        return [_value(item, (way, index), depth - 1, budget) for index, item in enumerate(thing)]
    if isinstance(thing, dict):
        return _members(thing, way, depth - 1, budget)
    raise _bad(way, f"a Python `{type(thing).__name__}` is not a JSON value")


def _members(thing: dict[Any, Any], way: _Way, depth: int, budget: _Budget) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for key, item in thing.items():
        if type(key) is str and key.isascii() and budget.left >= len(key):
            budget.left -= len(key)
            members[key] = _value(item, (way, key), depth, budget)
        elif isinstance(key, str):
            name = _text(key, way, budget)
            members[name] = _value(item, (way, name), depth, budget)
        else:
            raise _bad(way, f"a key is a Python `{type(key).__name__}`, not a string")
    return members


def _text(thing: str, way: _Way, budget: _Budget) -> str:
    text = str.__str__(thing)  # of a subclass (an enum of strings): the characters, not what its __str__ says
    budget.left -= len(text)
    if budget.left < 0 or _SURROGATE.search(text):
        raise _bad_text(way, budget)
    return text


def _bad_text(way: _Way, budget: _Budget) -> BadValue:
    return _bad(way, "the value is too large" if budget.left < 0 else "the string contains a lone surrogate")


def _decimal(thing: float | Decimal, way: _Way) -> Decimal:
    try:
        number = DECIMALS.create_decimal(repr(float(thing)) if isinstance(thing, float) else thing)
    except DecimalException:
        raise _bad(way, "the number is too large") from None
    if not number.is_finite():
        raise _bad(way, f"`{number}` is not a number of JSON")
    return number if number else Decimal("0.0")


def _bad(way: _Way, why: str) -> BadValue:
    return BadValue(_path(way), why)


def _path(way: _Way) -> str:
    """`items[3].qty`."""
    parts: list[str] = []
    while way is not None:
        way, key = way
        parts.append(f"[{key}]" if isinstance(key, int) else f".{key}")
    return "".join(reversed(parts)).removeprefix(".")


def _short(path: str) -> str:
    return path if len(path) <= 80 else f"{path[:80]}..."
