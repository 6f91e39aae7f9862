"""From text to tokens: three parallel lists, and beside them the `##` and `#` lines, which the grammar never sees.

The lexer never stops: what is no token gets its diagnostic here and is left out, or stands for the token that was meant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice

from flowlang.diagnostic import Diagnostic
from flowlang.language import words
from flowlang.language.automaton import automaton
from flowlang.source import Source, Span
from flowlang.values import Duration


@dataclass(slots=True)
class Tokens:
    """Kinds (numbers of terminals), starts and ends of the tokens, closed by the end of the input (kind 0)."""

    source: Source
    kinds: list[int] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    docs: dict[int, list[tuple[int, int]]] = field(default_factory=dict)  # token they stand before -> stretches of text
    comments: list[tuple[int, int, int]] = field(default_factory=list)  # token they stand before, start, end
    findings: list[Diagnostic] = field(default_factory=list)
    stopped: bool = False  # too much is wrong to go on

    def span(self, first: int, last: int) -> Span:
        """From the token `first` to the token `last`."""
        return Span(self.source, self.starts[first], self.ends[last])

    def text(self, index: int) -> str:
        """The token as it was written; empty for the end of the input."""
        return self.source.text[self.starts[index] : self.ends[index]]

    def first_on_line(self, index: int) -> bool:
        """Whether only blanks stand before the token on its line."""
        text, place = self.source.text, self.starts[index] - 1
        while place >= 0 and text[place] in " \t\f\ufeff":
            place -= 1
        return place < 0 or text[place] in "\r\n"

    def indentation(self, index: int) -> int:
        """How far the line of the token is indented."""
        text, place = self.source.text, self.starts[index]
        begin = max(text.rfind("\n", 0, place), text.rfind("\r", 0, place)) + 1
        return len(text[begin:place]) - len(text[begin:place].lstrip())

    def insert(self, index: int, *kinds: int) -> None:
        """Put tokens without text before the token `index`: what the user forgot."""
        place = self.ends[index - 1] if index else 0
        self.kinds[index:index] = kinds
        self.starts[index:index] = self.ends[index:index] = [place] * len(kinds)
        self._move(index, len(kinds))

    def delete(self, index: int, count: int) -> None:
        """Take `count` tokens out."""
        del self.kinds[index : index + count], self.starts[index : index + count], self.ends[index : index + count]
        self._move(index + count, -count)

    def _move(self, index: int, by: int) -> None:
        """Documentation before the token `index`, or before a later one, has moved with it."""
        self.docs = {at + by if at >= index else at: lines for at, lines in self.docs.items()}


# Characters that a reader can't see or that turn the direction of the text round: a flow must be what it looks like.
HIDDEN = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")

MAX_FINDINGS = 100


def tokens(source: Source, start: int = 0, end: int | None = None) -> Tokens:
    """The tokens of `source` from `start` to `end`."""
    tables = automaton()
    words_of, signs = tables.words, tables.signs
    name, string, integer = tables.number["NAME"], tables.number["STRING"], tables.number["INT"]
    duration = tables.number["DURATION"]
    fixed = {group: tables.number.get(group) for group in tables.groups}
    groups = tables.groups
    stop = len(source.text) if end is None else end
    found = Tokens(source)
    kinds, starts, ends = found.kinds, found.starts, found.ends
    text = _without_hidden(found, start, stop)
    if start == 0 and text.startswith("\ufeff"):
        start = 1
    scan = tables.lexer.finditer(text, start, stop)
    while match := next(scan, None):
        index = match.lastindex or 0
        group = groups[index]
        first, last = match.span(index)
        if group == "NAME":
            kinds.append(words_of.get(match[index], name))
        elif group == "SIGN":
            kinds.append(signs[match[index]])
        elif group == "COMMENT":
            found.comments.append((len(kinds), first, last))
            continue
        elif group == "DOC":
            found.docs.setdefault(len(kinds), []).append((first, last))
            continue
        elif group == "END":
            break
        elif len(found.findings) >= MAX_FINDINGS:
            found.findings.append(words.TooManyErrors(span=Span(source, first, last), limit=MAX_FINDINGS))
            found.stopped = True
            break
        elif group == "UNCLOSED":
            found.findings.append(words.UnclosedString(span=Span(source, first, last)))
            kinds.append(string)
            if (end_of_broken := _end_of_broken(text, first, last, stop)) is not None:
                last = end_of_broken
                scan = tables.lexer.finditer(text, last, stop)
        elif group == "ODD_NUMBER":
            found.findings.append(_odd_number(Span(source, first, last)))
            kinds.append(duration if isinstance(found.findings[-1], words.UnknownUnit) else integer)
        elif group == "ODD":
            glued = bool(ends) and ends[-1] == first and kinds[-1] == name and match[index].isalnum()
            begin = starts[-1] if glued else first
            found.findings.append(_odd_character(Span(source, begin, last)))
            if glued:
                ends[-1] = last
                continue
            if not match[index].isalnum():
                continue
            kinds.append(name)
        else:
            kinds.append(fixed[group] or 0)
        starts.append(first)
        ends.append(last)
    kinds.append(0)
    starts.append(stop)
    ends.append(stop)
    return found


WRAPPED = 20
"""Lines over which a string may be broken for us to see that it is one."""
CLOSED = re.compile(
    r"""[ \t\f]*(?:$|[]),}:?.+\-*/%&|=!<>#])(?:[^"'\r\n]|"[^"\r\n]*"|'[^'\r\n]*')*(?:#[^\r\n]*)?$""", re.MULTILINE
)
LINE = re.compile(r"\r\n?|\n")


def _end_of_broken(text: str, first: int, last: int, stop: int) -> int | None:
    """Where the string from `first` to `last`, the end of its line, ends when it was broken over lines: behind the first
    such quote further down, if what follows it could follow a string and no statement begins before it."""
    quote = text[first]
    starts_statement = automaton().reserved
    place = last
    for _ in range(WRAPPED):
        line = LINE.match(text, place, stop)
        if line is None:
            return None
        match = LINE.search(text, line.end(), stop)
        place = match.start() if match else stop
        word = re.match(r"[ \t\f]*(\w*)", text[line.end() : place])
        if word and word[1] in starts_statement:
            return None
        closing = text.find(quote, line.end(), place)
        if closing >= 0:
            return closing + 1 if CLOSED.match(text[closing + 1 : place]) else None
    return None


def _without_hidden(found: Tokens, start: int, stop: int) -> str:
    """The text with blanks for the characters that may not be in a flow, after reporting them."""
    text = found.source.text
    if not hidden_characters(found.source, found.findings, start, stop):
        return text
    return HIDDEN.sub(lambda match: " " * len(match[0]), text)


def hidden_characters(source: Source, findings: list[Diagnostic], start: int = 0, stop: int | None = None) -> bool:
    """Whether there are characters that may not be in a flow; reports the first ones."""
    matches = HIDDEN.finditer(source.text, start, len(source.text) if stop is None else stop)
    found = list(islice(matches, MAX_FINDINGS))
    for match in found:
        span = Span(source, match.start(), match.end())
        findings.append(words.HiddenCharacter(span=span, code_point=f"U+{ord(match[0][0]):04X}"))
    return bool(found)


UNITS = {"sec": "s", "secs": "s", "second": "s", "seconds": "s", "min": "m", "mins": "m", "minute": "m", "minutes": "m"}
UNITS |= {"hour": "h", "hours": "h", "hr": "h", "hrs": "h", "day": "d", "days": "d", "week": "w", "weeks": "w"}
UNITS |= {
    "millis": "ms",
    "msec": "ms",
    "milliseconds": "ms",
    "S": "s",
    "M": "m",
    "H": "h",
    "D": "d",
    "W": "w",
    "MS": "ms",
}


SEVERAL_UNITS = re.compile(r"(?:[0-9]+(?:ms|[smhdw])){2,}")
ONE_UNIT = re.compile(r"([0-9]+)(ms|[smhdw])")


def _odd_number(span: Span) -> Diagnostic:
    if len(span.text) <= 40 and SEVERAL_UNITS.fullmatch(span.text):
        lengths = {unit: Duration.parse(f"1{unit}").ms for _, unit in ONE_UNIT.findall(span.text)}
        total = sum(int(number) * lengths[unit] for number, unit in ONE_UNIT.findall(span.text))
        unit = min(lengths, key=lengths.__getitem__)
        hint = f"a duration has one unit: write `{total // lengths[unit]}{unit}`"
        return words.UnknownUnit(span=span, unit=span.text.lstrip("0123456789"), hint=hint)
    digits = re.match(r"[0-9.]*", span.text)
    unit = span.text[digits.end() :] if digits else ""
    if unit in UNITS:
        number = span.text[: -len(unit)]
        hint = f"write `{number}{UNITS[unit]}`" if number.isdigit() else ""
        return words.UnknownUnit(span=span, unit=unit, hint=hint)
    if unit in UNITS.values():
        return words.UnknownUnit(span=span, unit=unit, hint="a duration is a whole number of one unit")
    return words.OddNumber(span=span, text=span.text[:40])


def _odd_character(span: Span) -> Diagnostic:
    text = span.text
    if len(text) > 1 or text.isalnum():
        return words.OddName(span=span, name=text[:40])
    meant = {
        "&": "write `&&`",
        "|": "write `||`",
        ";": "nothing separates statements",
        "“": 'write `"`',
        "”": 'write `"`',
    }
    meant |= {
        "‘": "write `'`",
        "’": "write `'`",
        "–": "write `-`",
        "−": "write `-`",
        "→": "write `->`",
        "×": "write `*`",
    }
    return words.OddCharacter(span=span, character=text, hint=meant.get(text, ""))
