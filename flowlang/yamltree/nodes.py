"""The nodes of a YAML file: mapping, sequence and scalar, each with its place."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import assert_never

from flowlang.source import Span
from flowlang.values import Value


@dataclass(frozen=True, slots=True)
class YScalar:
    """A scalar. `quoted` says that it was written in quotes or as a block, and so is a string whatever it looks like."""

    value: None | bool | int | Decimal | str
    quoted: bool
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class YSequence:
    """`[a, b]`, or lines that begin with `-`."""

    items: tuple[YNode, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class YEntry:
    """`key: value`. A key is its text, also where it looks like a number or like `true`."""

    key: str
    value: YNode
    span: Span = field(compare=False, repr=False)  # of the key


@dataclass(frozen=True, slots=True)
class YMapping:
    """`{a: 1}`, or lines with `:`; no key twice."""

    entries: tuple[YEntry, ...]
    span: Span = field(compare=False, repr=False)

    def get(self, key: str) -> YNode | None:
        """The value under `key`, or None."""
        entry = self.entry(key)
        return None if entry is None else entry.value

    def entry(self, key: str) -> YEntry | None:
        """The entry of `key`, or None."""
        return next((entry for entry in self.entries if entry.key == key), None)


YNode = YScalar | YSequence | YMapping


def plain(node: YNode) -> Value:
    """`node` as a value of flows, without places."""
    match node:
        case YScalar():
            return node.value
        case YSequence():
            return [plain(item) for item in node.items]
        case YMapping():
            return {entry.key: plain(entry.value) for entry in node.entries}
        case _:
            assert_never(node)
