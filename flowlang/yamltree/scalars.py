"""What a plain scalar stands for, by the core schema of YAML 1.2."""

from __future__ import annotations

import re
from decimal import Decimal, DecimalException
from typing import Final

from flowlang.diagnostic import Diagnostic
from flowlang.source import Span
from flowlang.values import DECIMALS, MAX_INT, MIN_INT
from flowlang.yamltree import words

_WORDS: Final[dict[str, bool | None]] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WHOLE: Final = re.compile(r"[-+]?[0-9]+")
_BASED: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FRACTION: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NO_NUMBER: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


def resolve(text: str, span: Span, found: list[Diagnostic]) -> None | bool | int | Decimal | str:
    """The value of the plain scalar `text`. A number that is no value of flows is reported, and 0 stands for it."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "-+.0123456789":
        return text
    if _WHOLE.fullmatch(text):
        return _whole(text, span, found)
    if _BASED.fullmatch(text):
        return _bounded(text, 16 if text[1] == "x" else 8, span, found)
    if _FRACTION.fullmatch(text):
        return _fraction(text, span, found)
    if _NO_NUMBER.fullmatch(text):
        found.append(words.NoNumber(span=span, text=text))
        return 0
    return text


def _whole(text: str, span: Span, found: list[Diagnostic]) -> int:
    digits = text.lstrip("+-")
    if len(digits) > 1 and digits[0] == "0":
        found.append(words.LeadingZero(span=span, text=text[:40], decimal=digits.lstrip("0")[:40] or "0"))
        return 0
    return _bounded(text, 10, span, found)


def _bounded(text: str, base: int, span: Span, found: list[Diagnostic]) -> int:
    digits = text.lstrip("+-")
    number = int(text, 0 if base != 10 else 10) if len(digits) <= 25 else MAX_INT + 1
    if MIN_INT <= number <= MAX_INT:
        return number
    found.append(words.NumberRange(span=span, what="a whole number of 64 bits"))
    return 0


def _fraction(text: str, span: Span, found: list[Diagnostic]) -> Decimal | int:
    try:
        number = DECIMALS.create_decimal(text) if len(text) <= 1000 else None
    except DecimalException:
        number = None
    vanished = not number and re.search("[1-9]", re.split("[eE]", text)[0])
    if number is None or vanished or (number and number.adjusted() < DECIMALS.Emin):
        found.append(words.NumberRange(span=span, what="a decimal between 1e-324 and 1e309"))
        return 0
    return number or Decimal("0.0")
