"""A piece of text with a name, and a stretch of it: what every diagnostic points at."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One file (or stdin) as text. `name` is the path as the user would write it. Compared by identity."""

    name: str
    text: str = field(repr=False)


@lru_cache(maxsize=256)
def line_starts(source: Source) -> tuple[int, ...]:
    """Offsets at which the lines of `source` begin; a line ends after LF, or after CR where no LF follows. The first one
    begins behind a byte order mark, which no editor counts."""
    text = source.text
    starts = [1 if text.startswith("\ufeff") else 0]
    for index, char in enumerate(text):
        if char == "\n" or (char == "\r" and text[index + 1 : index + 2] != "\n"):
            starts.append(index + 1)
    return tuple(starts)


@dataclass(frozen=True, slots=True)
class Span:
    """`start` up to but not including `end`, in code points of `source.text`."""

    source: Source
    start: int
    end: int

    @property
    def line(self) -> int:
        """Line of the first character, from 1."""
        return max(bisect_right(line_starts(self.source), self.start), 1)

    @property
    def column(self) -> int:
        """Column of the first character, from 1, in code points."""
        return max(self.start - line_starts(self.source)[self.line - 1] + 1, 1)

    @property
    def text(self) -> str:
        """The characters themselves."""
        return self.source.text[self.start : self.end]

    def to(self, other: Span) -> Span:
        """From the start of this span to the end of `other`, in the same source."""
        return Span(self.source, self.start, other.end)


def line_text(source: Source, line: int) -> str:
    """The text of `line` (from 1) without its line end."""
    starts = line_starts(source)
    end = starts[line] if line < len(starts) else len(source.text)
    return source.text[starts[line - 1] : end].rstrip("\r\n")
