"""A value to JSON text, in three ways: for journals (types survive), for people (plain), for hashes (equal is equal).

In journals a decimal always has a fraction or an exponent, and durations and timestamps are maps with one member whose
name begins with `$`; a user's own member of such a name gets a second `$`.

Where `orjson` is installed (the extra `fast`) it writes what is known to be a value; whatever has a `$` at the beginning of
a text is written here all the same, so the text does not depend on the library.
"""

from __future__ import annotations

import json
from decimal import Decimal
from json.encoder import encode_basestring as quote
from typing import Any

try:
    import orjson
except ImportError:  # only slower
    orjson = None  # type: ignore[assignment,unused-ignore]

from flowlang.values.kinds import ABSENT, DECIMALS, Duration, Timestamp, decimal_text

_TAG = "$"
_TAG_BYTE = ord(_TAG)  # looked for first: a number is found in bytes ten times as quickly as other bytes are
_DIGITS = DECIMALS.prec


def wire_dumps(value: Any, known: bool = False) -> str:
    """Compact JSON with sorted members from which `wire_loads` gives the same value with the same types. What has passed a
    gate already is `known` to be a value and is not looked at again."""
    return _quickly(value, False) if known and orjson is not None else _wire(value, False)


def wire_loads(text: str) -> Any:
    """The inverse of `wire_dumps`. The text is our own, so it is trusted; raises ValueError if it is not JSON."""
    hook = _untag if '"$' in text else None
    return json.loads(text, parse_float=DECIMALS.create_decimal, object_hook=hook)


def canonical(value: Any, known: bool = False) -> str:
    """One text for all values that are equal: members sorted, the integer 3 and the decimal 3.0 alike. For hashes."""
    return _quickly(value, True) if known and orjson is not None else _wire(value, True)


def plain_dumps(value: Any, indent: int | None = None, sort: bool = False) -> str:
    """JSON as a person or another program expects it: decimals normalised, durations `3d`, timestamps RFC 3339."""
    return "".join(_plain(value, "" if indent is None else "\n", " " * (indent or 0), sort))


def _quickly(value: Any, merged: bool) -> str:
    """What `_wire` says, from the library where it can say it."""
    try:
        text = orjson.dumps(value, default=_merged if merged else _fraction, option=_AS_OURS)
    except TypeError:  # a duration, a timestamp, or nested more deeply than the library goes
        return _wire(value, merged)
    return _wire(value, merged) if _TAG_BYTE in text and b'"$' in text else text.decode()


_AS_OURS = (
    0 if orjson is None else orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_SUBCLASS
)


def _fraction(number: Any) -> Any:
    """What the library asks for a decimal: nearly always it is what Python says of it, and nothing is quicker (a cache is not,
    since to hash a decimal takes longer than to write it)."""
    text = str(number)  # one without room for a digit too many needs no rounding
    if len(text) <= _DIGITS and "." in text and text[-1] != "0" and "E" not in text and type(number) is Decimal:
        return orjson.Fragment(text)
    text = _merged_text(number)
    return orjson.Fragment(text if "." in text or "e" in text else f"{text}.0")


def _merged(number: Any) -> Any:
    return orjson.Fragment(_merged_text(number))


def _merged_text(number: Any) -> str:
    if type(number) is not Decimal:
        raise TypeError(f"not plain JSON: {type(number).__name__}")
    return decimal_text(number)


def _wire(value: Any, merged: bool) -> str:
    """`merged` writes a whole decimal like an integer."""
    kind = type(value)
    if kind is str:
        return quote(value)
    if kind is dict:
        members = [
            f"{quote(key) if key[:1] != _TAG else quote(_TAG + key)}:{_wire(value[key], merged)}"
            for key in sorted(value)
        ]
        return f"{{{','.join(members)}}}"
    if kind is int:
        return str(value)
    if kind is Decimal:
        text = decimal_text(value)
        return text if merged or "." in text or "e" in text else f"{text}.0"
    if kind is list:
        return f"[{','.join([_wire(item, merged) for item in value])}]"
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if kind is Duration:
        return f'{{"$duration":{value.ms}}}'
    assert value is not ABSENT, "ABSENT is not a value"
    assert kind is Timestamp, f"not a value: {kind.__name__}"
    return f'{{"$timestamp":{value.us}}}'


def _untag(members: dict[str, Any]) -> Any:
    if not any(key[:1] == _TAG for key in members):
        return members
    if len(members) == 1:
        [(key, inner)] = members.items()
        if key == "$duration":
            return Duration(inner)
        if key == "$timestamp":
            return Timestamp(inner)
    return {key[1:] if key[:1] == _TAG else key: inner for key, inner in members.items()}


def _plain(value: Any, line: str, step: str, sort: bool) -> list[str]:
    """The pieces of the text; `line` is what a new line begins with, or "" for one line."""
    inner = line + step
    pieces: list[str] = []
    match value:
        case None:
            pieces.append("null")
        case bool():
            pieces.append("true" if value else "false")
        case int():
            pieces.append(str(value))
        case Decimal():
            pieces.append(decimal_text(value))
        case str():
            pieces.append(quote(value))
        case Duration() | Timestamp():
            pieces.append(quote(str(value)))
        case dict():
            for number, key in enumerate(sorted(value) if sort else value):
                pieces.append(f"{_between(number, line)}{inner if line else ''}{quote(key)}: ")
                pieces.extend(_plain(value[key], inner if line else "", step, sort))
            pieces[:0] = ["{"]
            pieces.append(f"{line}}}" if value else "}")
        case list():
            for number, item in enumerate(value):
                pieces.append(f"{_between(number, line)}{inner if line else ''}")
                pieces.extend(_plain(item, inner if line else "", step, sort))
            pieces[:0] = ["["]
            pieces.append(f"{line}]" if value else "]")
        case _:
            raise AssertionError(f"not a value: {value!r}")
    return pieces


def _between(number: int, line: str) -> str:
    return "" if number == 0 else "," if line else ", "
