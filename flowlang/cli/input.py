"""The input of a run, from `--input` and `--set`: read strictly, and shown in the user's own words where it is wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flowlang.diagnostic import Diagnostic
from flowlang.event import Value
from flowlang.scenario.places import Place, Places, places_of
from flowlang.scenario.words import BadSetting, NoJson
from flowlang.source import Source, Span
from flowlang.values import BadJson, parse_json


@dataclass(slots=True)
class Given:
    """A value and where its parts were written."""

    value: Value
    places: Places


def read_json(source: Source, what: str) -> Given | Diagnostic:
    """The JSON text `source`; `what` is what it should be, for the message."""
    try:
        value = parse_json(source.text)
    except BadJson as error:
        end = min(error.offset + 1, len(source.text))
        return NoJson(span=Span(source, min(error.offset, end), end), what=what, why=error.message)
    return Given(value, places_of(source))


def nothing(command: str) -> Given:
    """No input at all, as an empty record: the command itself is what a finding points at."""
    source = Source("<command line>", command)
    return Given({}, Places(Span(source, 0, len(command))))


def put(given: Given, setting: str) -> Diagnostic | None:
    """Put `a.b=5` into the given record, over what is there."""
    source = Source("<--set>", setting)
    whole = Span(source, 0, len(setting))
    name, equals, text = setting.partition("=")
    if not equals:
        return BadSetting(span=whole, why="it has no `=`")
    keys = name.split(".")
    if not all(keys):
        return BadSetting(span=Span(source, 0, len(name)), why="a name is empty")
    if not isinstance(given.value, dict):
        return BadSetting(span=whole, why="the input is no record, so it has no parts to set")
    try:
        value = parse_json(text)
    except BadJson as error:
        if _meant_as_json(text):
            at = len(name) + 1 + error.offset
            return NoJson(
                span=Span(source, min(at, len(setting) - 1), len(setting)), what="the value", why=error.message
            )
        value = text
    record = given.value
    place: Place = ()
    for key in keys[:-1]:
        place = (*place, key)
        if not isinstance(record.setdefault(key, {}), dict):
            return BadSetting(span=Span(source, 0, len(name)), why=f"`{'.'.join(map(str, place))}` is no record")
        for known in (given.places.names, given.places.values):
            known.setdefault(place, Span(source, 0, len(name)))
        record = record[key]
    record[keys[-1]] = value
    place = (*place, keys[-1])
    for known in (given.places.values, given.places.names):
        for old in [other for other in known if other[: len(place)] == place]:
            del known[old]
    given.places.values[place] = Span(source, len(name) + 1, len(setting))
    given.places.names[place] = Span(source, 0, len(name))
    return None


def _meant_as_json(text: str) -> bool:
    """Text that begins like JSON and is none is a slip, not a text; so is a number that is too large. `007` is a text."""
    return text[:1] in ("{", "[", '"') or _NUMBER.fullmatch(text) is not None


_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|-?Infinity|NaN")
