"""The text of a pattern to a tree: the regular part of ECMA-262's regular expressions."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

MAX_LENGTH = 2_000
MAX_GROUPS = 50  # in each other
MAX_COUNT = 1_000
_TOP = 0x10FFFF


class BadPattern(Exception):
    """The text is no pattern that can be used. `at` is the place in it, from 0."""

    def __init__(self, why: str, at: int) -> None:
        super().__init__(why)
        self.why = why
        self.at = at


@dataclass(frozen=True, slots=True)
class Chars:
    """One character out of a set. `ranges` are sorted, do not touch each other, and include both ends."""

    ranges: tuple[tuple[int, int], ...]

    def has(self, code: int) -> bool:
        """Whether the character with this code point is in the set."""
        place = bisect_right(self.ranges, (code, _TOP + 1)) - 1
        return place >= 0 and code <= self.ranges[place][1]

    def readable(self) -> int:
        """A character of the set: a letter or digit where it has one. Raises BadPattern for an empty set."""
        usual: list[int] = [97, 65, 48, *range(32, 127)]
        for code in usual:
            if self.has(code):
                return code
        for low, high in self.ranges:
            if not 0xD800 <= low <= 0xDFFF:
                return low
            if high > 0xDFFF:
                return 0xE000
        raise BadPattern("nothing matches it", 0)

    def meets(self, other: Chars) -> bool:
        """Whether the two sets have a character in common."""
        return any(low <= top and bottom <= high for low, high in self.ranges for bottom, top in other.ranges)


@dataclass(frozen=True, slots=True)
class Begin:
    """`^`."""


@dataclass(frozen=True, slots=True)
class End:
    """`$`."""


@dataclass(frozen=True, slots=True)
class Row:
    """One after another."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """`a|b`."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`a*`, `a{2,5}`; `most` None: without end."""

    item: Node
    least: int
    most: int | None


Node = Chars | Begin | End | Row | Choice | Repeat


def chars(ranges: list[tuple[int, int]], negated: bool = False) -> Chars:
    """A set from ranges in any order."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    if not negated:
        return Chars(tuple(merged))
    gaps, start = [], 0
    for low, high in merged:
        if start < low:
            gaps.append((start, low - 1))
        start = high + 1
    if start <= _TOP:
        gaps.append((start, _TOP))
    return Chars(tuple(gaps))


_DIGIT: Final = [(48, 57)]
_WORD: Final = [(48, 57), (65, 90), (95, 95), (97, 122)]
_SPACE: Final = [
    (9, 13), (32, 32), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F),
    (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF),
]  # fmt: skip
_CLASSES: Final = {"d": _DIGIT, "w": _WORD, "s": _SPACE}
_CONTROLS: Final = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13, "0": 0}
_DOT: Final = chars([(10, 10), (13, 13), (0x2028, 0x2029)], negated=True)


def parse(text: str) -> Node:
    """The tree of `text`. Raises BadPattern."""
    if len(text) > MAX_LENGTH:
        raise BadPattern(f"it is longer than {MAX_LENGTH} characters", 0)
    reading = _Reading(text)
    node = reading.choice()
    if reading.at < len(text):
        raise BadPattern("`)` has no `(` before it", reading.at)
    return node


class _Reading:
    """A place in the text that moves on."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self, text: str) -> bool:
        if self.text.startswith(text, self.at):
            self.at += len(text)
            return True
        return False

    def choice(self) -> Node:
        items = [self.row()]
        while self.take("|"):
            items.append(self.row())
        return items[0] if len(items) == 1 else Choice(tuple(items))

    def row(self) -> Node:
        items: list[Node] = []
        while self.peek() not in ("", "|", ")"):
            items.append(self.repeat(self.atom()))
        return items[0] if len(items) == 1 else Row(tuple(items))

    def repeat(self, item: Node) -> Node:
        start = self.at
        bounds = self.bounds()
        if bounds is None:
            return item
        if isinstance(item, Begin | End):
            raise BadPattern("an anchor can not be repeated", start)
        self.take("?")  # lazy or greedy: whether it fits is the same
        if self.peek() in ("*", "+", "?") and self.peek():
            raise BadPattern("there is nothing to repeat", self.at)
        least, most = bounds
        if max(least, most or 0) > MAX_COUNT:
            raise BadPattern(f"it repeats more than {MAX_COUNT:,} times; use `maxLength`", start)
        if most is not None and most < least:
            raise BadPattern("the bounds of the repetition are the wrong way round", start)
        return Repeat(item, least, most)

    def bounds(self) -> tuple[int, int | None] | None:
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self.take(sign):
                return bounds
        if self.peek() != "{":
            return None
        start, end = self.at, self.text.find("}", self.at)
        low, comma, high = self.text[start + 1 : end if end > 0 else start + 1].partition(",")
        if not _number(low) or not (high == "" or _number(high)):
            raise BadPattern("`{` begins a count such as `{2,5}`; the character itself is `\\{`", start)
        self.at = end + 1
        return (int(low), int(low) if not comma else int(high) if high else None)

    def atom(self) -> Node:
        start, char = self.at, self.peek()
        self.at += 1
        match char:
            case "^":
                return Begin()
            case "$":
                return End()
            case ".":
                return _DOT
            case "(":
                return self.group(start)
            case "[":
                return self.set(start)
            case "\\":
                found = self.escape(start)
                return chars([(found, found)]) if isinstance(found, int) else found
            case "*" | "+" | "?":
                raise BadPattern("there is nothing to repeat", start)
            case "{" | "}" | "]":
                raise BadPattern(f"the character itself is `\\{char}`", start)
            case _:
                return chars([(ord(char), ord(char))])

    def group(self, start: int) -> Node:
        if self.take("?"):
            if self.take("<") and self.peek() not in ("=", "!"):
                end = self.text.find(">", self.at)
                if end < 0:
                    raise BadPattern("the name of the group does not end", start)
                self.at = end + 1
            elif not self.take(":"):
                raise BadPattern("lookahead, lookbehind and flags are not supported", start)
        self.depth += 1
        if self.depth > MAX_GROUPS:
            raise BadPattern("its groups are nested too deeply", start)
        node = self.choice()
        if not self.take(")"):
            raise BadPattern("`(` is never closed", start)
        self.depth -= 1
        return node

    def set(self, start: int) -> Chars:
        negated = self.take("^")
        ranges: list[tuple[int, int]] = []
        while not self.take("]"):
            low = self.member(start)
            if self.peek() == "-" and self.text[self.at + 1 : self.at + 2] not in ("]", ""):
                dash = self.at
                self.at += 1
                high = self.member(start)
                if not isinstance(low, int) or not isinstance(high, int):
                    raise BadPattern("a class of characters can not be the end of a range", dash)
                if high < low:
                    raise BadPattern("the range is the wrong way round", dash)
                ranges.append((low, high))
            elif isinstance(low, int):
                ranges.append((low, low))
            else:
                ranges.extend(low.ranges)
        return chars(ranges, negated)

    def member(self, start: int) -> int | Chars:
        char = self.peek()
        if char == "":
            raise BadPattern("`[` is never closed", start)
        self.at += 1
        if char == "\\":
            return 8 if self.take("b") else self.escape(self.at - 1)
        return ord(char)

    def escape(self, start: int) -> int | Chars:
        char = self.peek()
        self.at += 1
        if char in _CONTROLS and not (char == "0" and self.peek().isdigit()):
            return _CONTROLS[char]
        if char and char in "dwsDWS":
            return chars(_CLASSES[char.lower()], negated=char.isupper())
        if char == "x":
            return self.code(start, 2)
        if char == "u":
            if self.take("{"):
                end = self.text.find("}", self.at)
                return self.code(start, end - self.at, closing=1)
            return self.pair(start)
        if char in ("b", "B"):
            raise BadPattern("word boundaries are not supported", start)
        if char.isdigit() or char == "k":
            raise BadPattern("backreferences are not supported", start)
        if char in ("p", "P", "c"):
            raise BadPattern(f"`\\{char}` is not supported", start)
        if char == "" or char.isalpha():
            raise BadPattern("there is no such escape", start)
        return ord(char)

    def pair(self, start: int) -> int:
        """`\\uD83D\\uDE00` is one character."""
        high = self.code(start, 4, half=True)
        if 0xD800 <= high <= 0xDBFF and self.take("\\u"):
            low = self.code(start, 4, half=True)
            if 0xDC00 <= low <= 0xDFFF:
                return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)
        if 0xD800 <= high <= 0xDFFF:
            raise BadPattern("half of a surrogate pair is no character", start)
        return high

    def code(self, start: int, length: int, *, closing: int = 0, half: bool = False) -> int:
        digits = self.text[self.at : self.at + max(0, length)]
        right = 0 < len(digits) == length <= 6 and all(digit in "0123456789abcdefABCDEF" for digit in digits)
        number = int(digits, 16) if right else _TOP + 1
        if number > _TOP or (0xD800 <= number <= 0xDFFF and not half):
            raise BadPattern("the escape is no character", start)
        self.at += length + closing
        return number


def _number(text: str) -> bool:
    return 0 < len(text) <= 5 and text.isascii() and text.isdigit()
