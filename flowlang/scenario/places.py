"""Where each part of a JSON text stands, so that a value that does not fit is shown in the user's own words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from flowlang.source import Source, Span

Place = tuple[str | int, ...]
"""The way from the whole value to a part: names of members and positions in lists."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{}:,]|[^\s\[\]{}:,"]+', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Places:
    """The spans of a value's parts; `names` has those of the members' names. A part without one has its owner's."""

    whole: Span
    values: dict[Place, Span] = field(default_factory=dict)
    names: dict[Place, Span] = field(default_factory=dict)

    def of(self, place: Place) -> Span:
        """The span of the part at `place`, or of the nearest part around it that has one."""
        while place:
            if place in self.values:
                return self.values[place]
            place = place[:-1]
        return self.values.get((), self.whole)

    def name(self, place: Place) -> Span:
        """The span of the name of the member at `place`."""
        return self.names[place] if place in self.names else self.of(place)


def places_of(source: Source) -> Places:
    """The places of the JSON text `source`, which `parse_json` has read without complaint."""
    found = Places(Span(source, 0, len(source.text)))
    tokens = _tokens(source)
    # each open list or record waits with its place, where it began, and what comes next in it
    open: list[tuple[Place, int, str | int]] = []
    place: Place = ()
    for span in tokens:
        match span.text[0]:
            case "{" | "[":
                open.append((place, span.start, 0 if span.text == "[" else ""))
                place = (*place, 0)
            case "}" | "]":
                place, start, _ = open.pop()
                found.values[place] = Span(source, start, span.end)
            case ",":
                around, start, at = open[-1]
                if isinstance(at, int):
                    open[-1] = around, start, at + 1
                    place = (*around, at + 1)
            case ":":
                pass
            case '"' if open and _is_name(source, span):
                around = open[-1][0]
                place = (*around, json.loads(span.text))
                found.names[place] = span
            case _:
                found.values[place] = span
    return found


def _tokens(source: Source) -> Iterator[Span]:
    for found in _TOKEN.finditer(source.text):
        yield Span(source, found.start(), found.end())


_COLON = re.compile(r"\s*:")


def _is_name(source: Source, span: Span) -> bool:
    return _COLON.match(source.text, span.end) is not None
