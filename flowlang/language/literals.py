"""From the text of a literal to its value; what is out of range or badly written is reported, and something stands for it."""

from __future__ import annotations

import re
from decimal import Decimal

from flowlang.diagnostic import Diagnostic
from flowlang.language import words
from flowlang.source import Span
from flowlang.values import DECIMALS, MAX_INT, Duration

SIMPLE = {'"': '"', "'": "'", "\\": "\\", "n": "\n", "t": "\t", "r": "\r"}
PAIR = re.compile(r"\\u([dD][89abAB][0-9A-Fa-f]{2})\\u([dD][c-fC-F][0-9A-Fa-f]{2})")
ESCAPE = re.compile(r"\\(?:u\{([0-9A-Fa-f]{1,6})\}|u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
SOUND = re.compile(r"[0-9]+(?:ms|s|m|h|d|w)")
SURROGATES = range(0xD800, 0xE000)
DIGITS = 34


def integer(span: Span, findings: list[Diagnostic]) -> int:
    """A whole number of at most 64 bits, sign included. One more than the largest is reported as well, and given: behind a
    minus it is the smallest, and whoever reads that takes the report back."""
    digits = span.text.lstrip("0") or "0"
    if not digits.isdecimal():  # the lexer has said what is wrong with it
        return 0
    if len(digits) > 19 or int(digits) > MAX_INT:
        findings.append(words.BigNumber(span=span, digits=len(digits)))
        return MAX_INT + 1 if digits == str(MAX_INT + 1) else 0
    return int(digits)


def decimal(span: Span, findings: list[Diagnostic]) -> Decimal:
    """A number with a fraction or an exponent: at most 34 digits that count."""
    text = span.text
    mantissa, _, exponent = text.lower().partition("e")
    digits = mantissa.replace(".", "").lstrip("0").rstrip("0")
    if len(digits) > DIGITS:
        findings.append(words.LongDecimal(span=span, digits=len(digits)))
        return Decimal(0)
    value = Decimal(text) if len(exponent) < 6 and len(text) < 400 else None
    if value is None or (value and not DECIMALS.Emin <= value.adjusted() <= DECIMALS.Emax):
        findings.append(words.DecimalRange(span=span))
        return Decimal(0)
    return value


def duration(span: Span, findings: list[Diagnostic]) -> Duration:
    """A whole number of one unit."""
    if not SOUND.fullmatch(span.text):  # reported by the lexer, or as a number without unit
        return Duration(0)
    try:
        return Duration.parse(span.text)
    except ValueError:
        findings.append(words.LongDuration(span=span))
        return Duration(0)


def unquote(span: Span, findings: list[Diagnostic]) -> str:
    """The characters that a string literal stands for."""
    raw = span.text
    if len(raw) < 2 or raw[-1] != raw[0]:  # never closed, reported by the lexer
        return raw[1:]
    body = raw[1:-1]
    if "\\" not in body:
        return body
    parts, place = [], 0
    for match in ESCAPE.finditer(body):
        if match.start() < place:  # the second half of a pair
            continue
        if pair := PAIR.match(body, match.start()):
            whole = 0x10000 + (int(pair[1], 16) - 0xD800) * 0x400 + int(pair[2], 16) - 0xDC00
            finding = words.NoCharacter(
                span=_inside(span, pair), code_point=f"U+{pair[1].upper()}", hint=f"write `\\u{{{whole:X}}}`"
            )
            findings.append(finding)
            parts.append(body[place : match.start()])
            place = pair.end()
            continue
        parts.append(body[place : match.start()])
        place = match.end()
        code = match[1] or match[2]
        if code is None:
            meant = SIMPLE.get(match[3])
            if meant is None:
                findings.append(words.UnknownEscape(span=_inside(span, match), escape=match[0]))
            parts.append(meant or "")
        elif int(code, 16) > 0x10FFFF or int(code, 16) in SURROGATES:
            findings.append(words.NoCharacter(span=_inside(span, match), code_point=f"U+{code.upper()}"))
        else:
            parts.append(chr(int(code, 16)))
    return "".join((*parts, body[place:]))


def _inside(span: Span, match: re.Match[str]) -> Span:
    return Span(span.source, span.start + 1 + match.start(), span.start + 1 + match.end())
