"""JSON text to a value, strictly: whatever two readers could understand differently is an error with its place.

An own scanner, because the one of the standard library keeps the last of duplicate members, takes NaN, recurses with
the nesting and cannot say where a hook found fault. It keeps its own stack, so depth costs memory only.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal, DecimalException
from typing import Any, Final

from flowlang.values.kinds import DECIMALS, MAX_DEPTH, MAX_TEXT, whole_number

_SPACE: Final = re.compile(r"[ \t\n\r]*")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_PLAIN_STRING: Final = re.compile(r'"([^"\\\x00-\x1f\ud800-\udfff]*)"')
_STRING_START: Final = re.compile(r'"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+')
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)|[\ud800-\udfff]", re.DOTALL)
_WORD: Final = re.compile(r"[A-Za-z]+")
_WORDS: Final = {"true": True, "false": False, "null": None}


class BadJson(Exception):
    """The text is not JSON that we take. `offset` is where, in code points from 0."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


def parse_json(text: str, *, max_depth: int = MAX_DEPTH, max_size: int = MAX_TEXT) -> Any:
    """The value that `text` stands for: integers of 64 bits as int, other numbers as Decimal.

    Raises BadJson for anything but one JSON value, and for duplicate members, lone surrogates, NaN and Infinity,
    integers of more than 34 digits, numbers beyond the exponents of a double, and what is deeper or longer than allowed."""
    if len(text) > max_size:
        raise BadJson(f"the text is longer than {max_size:,} characters", max_size)
    space = _SPACE.match
    # Each open list or map waits on the stack; `key` is the member whose value comes next in the innermost map.
    stack: list[tuple[Any, str]] = []
    box: Any = None
    key = ""
    at = _skip(text, 0)
    while True:
        value, at, opened = _item(text, at)
        if opened:
            if len(stack) >= max_depth:
                raise BadJson(f"nested deeper than {max_depth} levels", at - 1)
            stack.append((box, key))
            box = value
            at = _skip(text, at)
            if text[at : at + 1] != ("]" if type(box) is list else "}"):
                if type(box) is dict:
                    key, at = _key(text, at, box)
                continue
            at += 1
            value = box
            box, key = stack.pop()
        while True:  # `value` is complete: put it into its box, and close as many boxes as end here
            found = space(text, at)
            assert found is not None
            at = found.end()
            if box is None:
                if at < len(text):
                    raise BadJson("something follows the value", at)
                return value
            in_list = type(box) is list
            if in_list:
                box.append(value)
            else:
                box[key] = value
            mark = text[at : at + 1]
            if mark == ",":
                at = _skip(text, at + 1)
                if not in_list:
                    key, at = _key(text, at, box)
                break
            if mark != ("]" if in_list else "}"):
                raise BadJson(f"expected `,` or `{']' if in_list else '}'}`", at)
            at += 1
            value = box
            box, key = stack.pop()


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found is not None
    return found.end()


def _key(text: str, at: int, box: dict[str, Any]) -> tuple[str, int]:
    """The name of a member and the place where its value begins."""
    if text[at : at + 1] != '"':
        raise BadJson("expected the name of a member in double quotes", at)
    key, end = _string(text, at)
    if key in box:
        raise BadJson(f"the member `{key[:80]}` is there twice", at)
    end = _skip(text, end)
    if text[end : end + 1] != ":":
        raise BadJson("expected `:`", end)
    return key, _skip(text, end + 1)


def _item(text: str, at: int) -> tuple[Any, int, bool]:
    """A scalar, or an empty box that has just been opened; the place after it; whether it is a box."""
    char = text[at : at + 1]
    if char == '"':
        value, end = _string(text, at)
        return value, end, False
    if char == "{":
        return {}, at + 1, True
    if char == "[":
        return [], at + 1, True
    found = _NUMBER.match(text, at)
    if found is not None:
        return _number(found), found.end(), False
    word = _WORD.match(text, at)
    if word is not None and word[0] in _WORDS:
        return _WORDS[word[0]], word.end(), False
    if (word is not None and word[0] in ("NaN", "Infinity")) or text.startswith("-Infinity", at):
        raise BadJson(f"`{'-' if char == '-' else ''}{word[0] if word else 'Infinity'}` is not a number of JSON", at)
    raise BadJson("the text ends where a value is expected" if char == "" else "expected a value", at)


def _number(found: re.Match[str]) -> int | Decimal:
    digits = found[0]
    if found[1] is None and found[2] is None:
        whole = whole_number(digits)
        if whole is None:
            raise BadJson("the integer has more than 34 digits", found.start())
        return whole
    try:
        number = DECIMALS.create_decimal(digits)
    except DecimalException:
        raise BadJson("the number is too large", found.start()) from None
    if not number:
        if any(digit in "123456789" for digit in re.split("[eE]", digits)[0]):
            raise BadJson("the number is too close to zero", found.start())
        return Decimal("0.0")
    return number


def _string(text: str, at: int) -> tuple[str, int]:
    found = _PLAIN_STRING.match(text, at)
    if found is not None:
        return found[1], found.end()
    found = _STRING_START.match(text, at)
    assert found is not None
    end = found.end()
    if text[end : end + 1] != '"':
        raise _string_fault(text, at, end)
    value = json.loads(text[at : end + 1])
    assert type(value) is str
    if _SURROGATE.search(value):
        raise BadJson("a lone surrogate is not a character", _lone_surrogate(text, at + 1, end))
    return value, end + 1


def _string_fault(text: str, start: int, at: int) -> BadJson:
    char = text[at : at + 1]
    if char == "\\" and text[at + 1 : at + 2] != "":
        return BadJson("there is no such escape in a string", at)
    if char in ("", "\n", "\r", "\\"):
        return BadJson("the string does not end", start)
    return BadJson("a control character must be written as an escape", at)


def _lone_surrogate(text: str, start: int, end: int) -> int:
    """Where the first surrogate without its other half stands; a pair is two escapes that follow each other."""
    high = -1  # where a high surrogate stands whose low one must come next
    high_end = -1
    for found in _ESCAPE.finditer(text, start, end):
        code = int(found[1], 16) if found[1] else ord(found[0][0])
        if high >= 0 and found.start() == high_end and found[1] and 0xDC00 <= code <= 0xDFFF:
            high = -1
            continue
        if high >= 0:
            return high
        if found[1] and 0xD800 <= code <= 0xDBFF:
            high, high_end = found.start(), found.end()
        elif 0xD800 <= code <= 0xDFFF:
            return found.start()
    return high if high >= 0 else start
