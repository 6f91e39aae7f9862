"""The lines of a flow as they are printed: indentation, blank lines, comments at their places, and where things stand."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

from flowlang.language.automaton import automaton
from flowlang.language.lexer import Tokens
from flowlang.language.lines import Part
from flowlang.source import Source, Span

WIDTH = 100
INDENT = "  "


class Layout:
    """The lines so far, and the comments that wait for theirs. Without tokens there are neither comments nor places, so a
    tree that has no text is printed by the same code."""

    def __init__(self, found: Tokens | None) -> None:
        self.tokens = found
        self.comments: list[tuple[int, str]] = []
        self.next = 0  # the first comment that is not printed
        self.docs = {found.starts[at]: lines[0][0] for at, lines in found.docs.items()} if found else {}
        self.pairs = _pairs(found) if found else {}
        self.lines: list[str] = []
        self.indent = ""
        self.blanks = False  # whether a blank line of the source is kept before the next line

    # ------------------------------------------------------------ lines

    def unit(self, span: Span, text: str, doc: str | None = None, trailing: bool = True, spaced: bool = True) -> None:
        """A line for what stands at `span`, with the comments before, in and behind it; `spaced` when `span` begins where
        the line did, so that a blank line before it counts."""
        self.comments_before(span.end)
        if doc is not None:
            start = self.docs.get(span.start, span.start)
            for number, line in enumerate(doc.split("\n")):
                self.line(f"## {line}".rstrip(), start if number == 0 else None)
        self.line(text, span.start if doc is None and spaced else None)
        if trailing:
            self.comment_behind(span.end)

    def parts(self, parts: list[Part], end: int) -> None:
        """One part a line, up to the closing bracket, whose line ends at `end`."""

        def write() -> None:
            for span, text in parts:
                self.blanks = False
                self.unit(span, f"{text},")

        self.inside(write, end)

    def reordered(self, parts: Sequence[tuple[Span, Callable[[], None]]], blanks: bool = False) -> None:
        """Print parts in their order; with `blanks` those lines between them that are blank in the source stay so."""
        for place, lines in enumerate(self.apart(parts, blanks)):
            self.lines += lines[1:] if place == 0 and lines[0] == "" else lines

    def apart(self, parts: Sequence[tuple[Span, Callable[[], None]]], blanks: bool = False) -> list[list[str]]:
        """The lines of each part, with the comments that it has in the source, whose order may be another."""
        before = self.lines
        printed: dict[int, list[str]] = {}
        for place in sorted(range(len(parts)), key=lambda place: parts[place][0].start if self.tokens else place):
            self.lines, self.blanks = [], blanks and bool(printed)
            parts[place][1]()
            printed[place] = self.lines
        self.lines = before
        return [printed[place] for place in range(len(parts))]

    def inside(self, write: Callable[[], None], end: int) -> None:
        """Run `write` one step further in; the comments up to the end of the closing line belong there too."""
        outer, self.indent = self.indent, self.indent + INDENT
        self.blanks = False
        before = len(self.lines)
        write()
        self.blanks = len(self.lines) > before
        self.comments_before(end)
        self.indent = outer
        self.blanks = False

    def line(self, text: str, start: int | None) -> None:
        if start is not None and self.blanks and self.blank_before(start):
            self.lines.append("")
        if start is not None:
            self.blanks = True
        self.lines.append(f"{self.indent}{text}")

    def fits(self, text: str) -> bool:
        return len(self.indent) + len(text) <= WIDTH

    # ------------------------------------------------------------ places in the source

    def comments_before(self, end: int | None) -> None:
        """Print the comments that stand before `end`, or all that are left."""
        while self.next < len(self.comments) and (end is None or self.comments[self.next][0] < end):
            start, text = self.comments[self.next]
            self.next += 1
            self.line(text, start)

    def comment_behind(self, end: int) -> None:
        """Put a comment that stands on the same line behind `end` there again."""
        if self.tokens is None or self.next == len(self.comments):
            return
        start, text = self.comments[self.next]
        if start >= end and not self.tokens.source.text[end:start].replace(",", "", 1).strip(" \t"):
            self.next += 1
            self.lines[-1] += f"  {text}"

    def has_comments(self, span: Span) -> bool:
        """Whether a comment that is not printed yet stands inside of `span`."""
        first = bisect_left(self.comments, (span.start + 1, ""), self.next)
        return first < len(self.comments) and self.comments[first][0] < span.end

    def blank_before(self, start: int) -> bool:
        """Whether there is a blank line in the source before `start`."""
        if self.tokens is None:
            return False
        text = self.tokens.source.text
        return _gap(text, start).replace("\r\n", "\n").replace("\r", "\n").count("\n") > 1

    def token(self, place: int) -> int:
        """The index of the first token at or after `place`."""
        return bisect_left(self.tokens.starts, place) if self.tokens else 0

    def bracket(self, place: int) -> Span:
        """The first pair of brackets that opens at or after `place`."""
        if self.tokens is None:
            return NOWHERE
        index = self.token(place)
        while index not in self.pairs:
            index += 1
        return self.tokens.span(index, self.pairs[index])


NOWHERE = Span(Source("", ""), 0, 0)


def _gap(text: str, start: int) -> str:
    """The blanks before `start`."""
    begin = start
    while begin > 0 and text[begin - 1] in " \t\f\r\n":
        begin -= 1
    return text[begin:start]


def _pairs(found: Tokens) -> dict[int, int]:
    """From the index of each opening bracket to that of its closing one."""
    signs = automaton().signs
    opened: list[int] = []
    pairs = {}
    for index, kind in enumerate(found.kinds):
        if kind in (signs["("], signs["["], signs["{"]):
            opened.append(index)
        elif kind in (signs[")"], signs["]"], signs["}"]) and opened:
            pairs[opened.pop()] = index
    return pairs


def opening(span: Span) -> Span:
    return Span(span.source, span.start, span.start + 1)


def closing(span: Span) -> Span:
    return Span(span.source, span.end - 1, span.end)
