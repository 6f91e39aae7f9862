"""From the events of PyYAML's parser to nodes, with a stack of our own.

PyYAML composes nodes recursively, and its C form then dies on deep nesting; the parsers below do not recurse, they hand
out one event after another. So depth is counted as events come, and reading stops long before it costs anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from flowlang.diagnostic import Diagnostic, Label
from flowlang.source import Source, Span
from flowlang.yamltree import words
from flowlang.yamltree.nodes import YEntry, YMapping, YNode, YScalar, YSequence
from flowlang.yamltree.scalars import resolve
from flowlang.yamltree.syntax import pair_of_escapes, syntax

MAX_DEPTH = 100  # of mappings and lists in each other
MAX_SIZE = 1_000_000  # characters; a flow of 10,000 lines takes half of it
MAX_FINDINGS = 20  # then the rest of the file is probably as wrong

# The parser in C is ten times as fast; every wheel of PyYAML has it, a build from source may not.
FAST: Final[Any] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

_TOO_DEEP_FOR_C: Final = "exceeded maximum nesting depth"

_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


class _Enough(Exception):
    """Reading on makes no sense; what is wrong has been reported."""


def read_yaml(source: Source, loader: Any = FAST, max_depth: int = MAX_DEPTH) -> tuple[YNode | None, list[Diagnostic]]:
    """The tree of `source` and what is wrong with it. With findings there may still be a tree, so that its user can look
    for further mistakes; without a tree there is at least one finding. `loader` is one of PyYAML's."""
    text = source.text
    if len(text) > MAX_SIZE:
        size, limit = f"{len(text):,}", f"{MAX_SIZE:,}"
        return None, [words.TooLong(span=Span(source, 0, 0), limit=limit, size=size)]
    if text.startswith("\ufeff"):
        return None, [words.ByteOrderMark(span=Span(source, 0, 1))]
    bad = _FORBIDDEN.search(text)
    if bad is not None:
        code_point = f"U+{ord(bad[0]):04X}"
        return None, [words.BadCharacter(span=Span(source, bad.start(), bad.end()), code_point=code_point)]
    found: list[Diagnostic] = []
    reading = _Reading(source, found, max_depth)
    try:
        reading.documents(yaml.parse(text, Loader=loader))
    except _Enough:
        return None, found
    except yaml.YAMLError as error:
        if loader is FAST is not yaml.BaseLoader and _TOO_DEEP_FOR_C in str(error):
            # libyaml since 0.2.6 scans ahead to a limit of its own, and then no event comes that could be counted
            return read_yaml(source, yaml.BaseLoader, max_depth)
        return None, [*found, syntax(source, error)]
    return reading.root, found


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not come yet. `key` waits for its value."""

    span: Span
    mapping: bool
    items: list[YNode] = field(default_factory=list)
    entries: list[YEntry] = field(default_factory=list)
    keys: dict[str, Span] = field(default_factory=dict)
    key: YScalar | None = None
    has_key: bool = False
    dropped: bool = False  # the entry under way is left out: its key is a duplicate or no key


@dataclass(slots=True)
class _Reading:
    """The state of one reading."""

    source: Source
    found: list[Diagnostic]
    max_depth: int
    root: YNode | None = None
    stack: list[_Open] = field(default_factory=list)
    shared: bool = False

    def documents(self, events: Iterator[Any]) -> None:
        """Take all events of the file."""
        number = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                number += 1
                if number == 2:
                    self.found.append(words.SeveralDocuments(span=self.span(event)))
                    raise _Enough
            elif isinstance(event, yaml.NodeEvent):
                self.node(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                self.end(event)
            if len(self.found) >= MAX_FINDINGS:
                raise _Enough
        if number == 0 or self.is_nothing():
            self.found.append(words.Empty(span=Span(self.source, 0, 0)))
            raise _Enough
        if self.shared:  # an alias has no value of its own
            raise _Enough

    def is_nothing(self) -> bool:
        """Whether the document is an empty scalar (`---` and nothing after it)."""
        root = self.root
        return isinstance(root, YScalar) and root.value is None and root.span.start == root.span.end

    def node(self, event: Any) -> None:
        """A scalar, an alias, or the start of a collection."""
        span = self.span(event)
        self.properties(event, span)
        if isinstance(event, yaml.CollectionStartEvent):
            if len(self.stack) == self.max_depth:
                self.found.append(words.TooDeep(span=span, limit=self.max_depth))
                raise _Enough
            self.stack.append(_Open(span, isinstance(event, yaml.MappingStartEvent)))
        elif isinstance(event, yaml.ScalarEvent):
            self.add(self.scalar(event, span))
        else:
            self.add(YScalar(None, False, span))

    def scalar(self, event: Any, span: Span) -> YScalar:
        """A scalar with its value; a key stays text."""
        quoted = event.style not in (None, "")
        parent = self.stack[-1] if self.stack else None
        if quoted or (parent is not None and parent.mapping and not parent.has_key):
            return YScalar(self.characters(event.value, span), quoted, span)
        return YScalar(resolve(event.value, span, self.found), quoted, span)

    def characters(self, text: str, span: Span) -> str:
        """The text of a scalar; escapes can make what is no character."""
        half = next((char for char in text if "\ud800" <= char <= "\udfff"), None) if not text.isascii() else None
        if half is None:
            return text
        bad = words.BadCharacter(span=span, code_point=f"U+{ord(half):04X}")
        self.found.append(pair_of_escapes(span) or bad)
        return ""

    def properties(self, event: Any, span: Span) -> None:
        """Anchor, alias and tag: reported once for each file, and tags each."""
        if event.anchor is not None and not self.shared:
            self.shared = True
            sign = "*" if isinstance(event, yaml.AliasEvent) else "&"
            mark = Span(self.source, span.start, span.start + 1 + len(event.anchor))
            self.found.append(words.Shared(span=mark, text=f"{sign}{event.anchor}"))
        tag = getattr(event, "tag", None)
        if tag is not None:
            written = re.match(r"(?:&\S+\s+)?(!\S*)", self.source.text[span.start : span.start + 200])
            text = written[1] if written else tag
            start = span.start + (written.start(1) if written else 0)
            self.found.append(words.Tagged(span=Span(self.source, start, start + len(text)), tag=text))

    def end(self, event: Any) -> None:
        """The end of a collection; a block ends where its last part does, not where the next one begins."""
        done = self.stack.pop()
        end = event.end_mark.index
        if end == event.start_mark.index:
            last = done.entries[-1].value if done.entries else done.items[-1] if done.items else None
            end = done.span.end if last is None else max(done.span.end, last.span.end)
        span = Span(self.source, done.span.start, end)
        self.add(YMapping(tuple(done.entries), span) if done.mapping else YSequence(tuple(done.items), span))

    def add(self, node: YNode) -> None:
        """`node` is complete: it becomes the root, an item, a key or the value of the key before it."""
        if not self.stack:
            self.root = node
            return
        parent = self.stack[-1]
        if not parent.mapping:
            parent.items.append(node)
        elif not parent.has_key:
            parent.has_key = True
            self.key(parent, node)
        else:
            if parent.key is not None:
                parent.entries.append(YEntry(str(parent.key.value), node, parent.key.span))
            parent.key, parent.has_key = None, False

    def key(self, parent: _Open, node: YNode) -> None:
        """Take `node` as the key of the next value, or report why it can be none."""
        if not isinstance(node, YScalar):
            self.found.append(words.BadKey(span=node.span, what="a list or mapping"))
        elif node.value is None:  # an alias, reported already
            pass
        elif node.value == "" and not node.quoted:
            self.found.append(words.BadKey(span=node.span, what="nothing"))
        elif node.value == "<<" and not node.quoted:
            self.found.append(words.MergeKey(span=node.span))
        elif str(node.value) in parent.keys:
            first = Label(parent.keys[str(node.value)], "first use")
            self.found.append(words.DuplicateKey(span=node.span, related=(first,), key=str(node.value)))
        else:
            parent.keys[str(node.value)] = node.span
            parent.key = node

    def span(self, event: Any) -> Span:
        """Where an event stands; the white space after a block scalar does not belong to it."""
        start, end = event.start_mark.index, event.end_mark.index
        text = self.source.text
        while end > start + 1 and text[end - 1 : end].isspace():
            end -= 1
        return Span(self.source, start, end)
