"""The nodes of yamltree as the YAML twin needs them: scalars as they were written, maps by key.

A flow asks for text where YAML sees a number (`version: 1.10`), and for the place of the characters inside of quotes, so
that a mistake in an expression is shown where it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import assert_never

from flowlang.diagnostic import Diagnostic
from flowlang.source import Source, Span
from flowlang.yamltree import YMapping, YNode, YScalar, YSequence, read_yaml

MAX_DEPTH = 340
"""Lists and maps in each other. A block of a flow takes up to five: its list, the entry, the statement, a list of clauses
and one of these. Of blocks there are MAX_NESTING (text.py) at most."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """`text` is the content, without quotes; `value` what it stands for where it is a literal."""

    text: str
    value: None | bool | int | Decimal | str
    plain: bool
    span: Span

    @property
    def exact(self) -> Span | None:
        """Where the content stands character for character in the source; None where it was escaped or folded."""
        for cut in (0, 1):
            inner = Span(self.span.source, self.span.start + cut, self.span.end - cut)
            if inner.text == self.text:
                return inner
        return None


@dataclass(frozen=True, slots=True)
class Listing:
    items: list[Node]
    span: Span


@dataclass(frozen=True, slots=True)
class Mapping:
    """Entries in the order in which they were written."""

    entries: dict[str, tuple[Scalar, Node]]
    span: Span


Node = Scalar | Listing | Mapping


def compose(source: Source, findings: list[Diagnostic]) -> Node | None:
    """The one document of `source`; None when it is broken in a way that hides its shape."""
    root, found = read_yaml(source, max_depth=MAX_DEPTH)
    findings += found
    return None if root is None else _node(root)


def _node(node: YNode) -> Node:
    match node:
        case YScalar(value=value, quoted=quoted, span=span):
            text = value if isinstance(value, str) else "" if value is None and not span.text.strip("~") else span.text
            return Scalar(text, value, not quoted, span)
        case YSequence(items=items, span=span):
            return Listing([_node(item) for item in items], span)
        case YMapping(entries=entries, span=span):
            keys = {entry.key: Scalar(entry.key, entry.key, True, entry.span) for entry in entries}
            return Mapping({entry.key: (keys[entry.key], _node(entry.value)) for entry in entries}, span)
        case _:
            assert_never(node)
