"""What a scenario expects against what a report says: the fields that it names, and nothing else.

A record is compared by the fields that are named, a list item by item, so the whole of a list is meant. Numbers
are equal when they are worth the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from flowlang.event import Value
from flowlang.values import parse_json, plain_dumps


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where the report is not as expected. `place` is as one would write it: `effects[2].result`."""

    place: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.place}\n    expected  {self.expected}\n    found     {self.found}"


def differences(expected: Mapping[str, Value], report: Mapping[str, Value]) -> tuple[Difference, ...]:
    """All places where `report` is not as expected, in the order in which they are written."""
    # as a reader of the printed report sees it: a duration is a text there
    return tuple(_compare("", expected, parse_json(plain_dumps(report))))


def _compare(place: str, expected: Value, found: Value) -> Iterator[Difference]:
    match expected, found:
        case dict(), dict():
            for name, value in expected.items():
                inner = f"{place}.{name}" if place else name
                if name in found:
                    yield from _compare(inner, value, found[name])
                else:
                    yield Difference(inner, plain_dumps(value), "nothing of that name")
        case list(), list():
            for position, (one, other) in enumerate(zip(expected, found, strict=False)):
                yield from _compare(f"{place}[{position}]", one, other)
            if len(expected) != len(found):
                yield Difference(place, _counted(expected), _counted(found))
        case _ if not _same(expected, found):
            yield Difference(place, plain_dumps(expected), plain_dumps(found))


def _counted(items: list[Value]) -> str:
    return f"{len(items)} item{'' if len(items) == 1 else 's'}: {plain_dumps(items)}"


def _same(one: Value, other: Value) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):  # True == 1 for Python, not for us
        return one is other
    if isinstance(one, int | Decimal) and isinstance(other, int | Decimal):
        return one == other
    return type(one) is type(other) and bool(one == other)
