"""A parser's complaint in words for those who wrote the file, at the place where they can repair it.

The two parsers of PyYAML phrase one fault in two ways; what is looked for here is common to both.
"""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

from flowlang.diagnostic import Diagnostic
from flowlang.source import Source, Span, line_starts
from flowlang.yamltree import words

# part of the parser's problem, part of its context, whether the place is where the thing began, our words, the repair
_FAULTS: Final = (
    ("mapping values are not allowed", "", False, "a `:` can not stand here", "quote text that holds `: `; check the indentation"),
    ("unexpected end of stream", "quoted scalar", True, "this quote is never closed", "close it"),
    ("',' or ']'", "", True, "this `[` is never closed, or a `,` is missing in it", "close it with `]`"),
    ("',' or '}'", "", True, "this `{` is never closed, or a `,` is missing in it", "close it with `}`"),
    ("unknown escape", "", False, "there is no such escape", "write a backslash as `\\\\`, or use single quotes"),
    ("escape sequence", "", False, "this escape is not complete", "`\\x` takes 2 digits, `\\u` 4 and `\\U` 8"),
    ("escape code", "", False, "this escape is no character", "use a code point up to 10FFFF"),
    ("expected ':'", "", True, "this line has no `:` after its key", "write `key: value`"),
    ("not allowed", "", False, "this can not stand here", "check the indentation, and what the line before ends with"),
    ("undefined tag", "", False, "tags such as `!name` are not supported", "leave it out, or quote the text"),
    ("directive", "", False, "directives (`%`) are not supported", "leave the line out, or quote the text"),
    ("document start", "", False, "text follows after the end of the document", "remove the `...` or `---` before it"),
    ("'-' indicator", "", False, "this line belongs to no item of the list", "indent it, or begin it with `- `"),
    ("expected key", "", False, "this line belongs to no block", "check its indentation and its brackets"),
    ("block end", "", False, "this line belongs to no block", "check its indentation and its brackets"),
    ("node content", "", False, "a value was expected here", "write one, or quote the text"),
    ("indentation indicator", "", False, "the number after `|` or `>` must be from 1 to 9", "leave it out"),
)  # fmt: skip


_PAIR: Final = re.compile(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")


def syntax(source: Source, error: yaml.YAMLError) -> Diagnostic:
    """The finding for what PyYAML raised."""
    problem, context = str(getattr(error, "problem", "") or ""), str(getattr(error, "context", "") or "")
    place = _index(source, getattr(error, "problem_mark", None))
    if _tab_in_indent(source, place):
        start = source.text.index("\t", _line_start(source, place))
        return words.TabIndent(span=Span(source, start, start + 1))
    char = source.text[place : place + 1]
    if "start any token" in problem:
        repair = "quote the text that begins with it"
        return words.NotYaml(span=_one(source, place), what=f"`{char}` can not begin a value", repair=repair)
    pair = pair_of_escapes(Span(source, max(place - 2, 0), place + 10)) if "escape code" in problem else None
    if pair is not None:
        return pair
    for part, inside, at_start, what, repair in _FAULTS:
        if part in problem and inside in context:
            begun = getattr(error, "context_mark", None) if at_start else None
            place = place if begun is None else _index(source, begun)
            return words.NotYaml(span=_one(source, place), what=what, repair=repair)
    return words.NotYaml(span=_one(source, place), what="this is not YAML", repair="look at the line before, too")


def pair_of_escapes(part: Span) -> Diagnostic | None:
    """The finding for the first character of more than 16 bits in this part of a file that is written as JSON does it."""
    pair = _PAIR.search(part.source.text, part.start, part.end)
    if pair is None:
        return None
    high, low = int(pair[1], 16), int(pair[2], 16)
    whole = f"\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08X}"
    span = Span(part.source, pair.start(), pair.end())
    return words.NotYaml(span=span, what="YAML has no pairs of escapes", repair=f"write `{whole}`, or the character")


def _index(source: Source, mark: Any) -> int:
    return len(source.text) if mark is None else min(int(mark.index), len(source.text))


def _one(source: Source, place: int) -> Span:
    return Span(source, place, min(place + 1, len(source.text)))


def _line_start(source: Source, place: int) -> int:
    return max((start for start in line_starts(source) if start <= place), default=0)


def _tab_in_indent(source: Source, place: int) -> bool:
    """Whether a tab is part of the indentation of the line at `place`, or of what stands right before it."""
    start = _line_start(source, place)
    line = source.text[start : place + 1]
    return "\t" in line[: len(line) - len(line.lstrip())]
