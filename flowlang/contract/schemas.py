"""Is a schema one of JSON Schema 2020-12? Each keyword is known, has a value that it takes, and leads somewhere.

Schemas of other files are looked at when something refers to them.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from flowlang.contract import words
from flowlang.contract.keywords import (
    CHOICE,
    COUNT,
    FLAG,
    KEYWORDS,
    MEANT,
    NAME_MAP,
    NAMES,
    NUMBER,
    PATTERN,
    REF,
    SAME,
    SCHEMA,
    SCHEMA_MAP,
    SCHEMAS,
    STEP,
    TEXT,
    TYPE,
    TYPES,
    UNSUPPORTED,
    VALUES,
    inner,
)
from flowlang.contract.project import MAX_FINDINGS, File, Project
from flowlang.diagnostic import Diagnostic, nearest
from flowlang.schema import BadPattern, Pattern
from flowlang.source import Span
from flowlang.yamltree import YEntry, YMapping, YNode, YScalar, YSequence

MAX_WORK = 1_000  # schemas that look at one and the same part of a value
MAX_CHAIN = 100  # of them in or after each other


def said(node: YNode) -> str:
    """What a node is, in a sentence."""
    match node:
        case YMapping():
            return "a mapping"
        case YSequence():
            return "a list"
        case YScalar(value=None):
            return "empty"
        case YScalar(value=bool()):
            return "`true`" if node.value else "`false`"
        case YScalar(value=str()):
            text = str(node.value)
            return f"`{text}`" if 0 < len(text) <= 30 and "\n" not in text else "a text"
        case _:
            return f"the number {node.span.text}" if len(node.span.text) <= 30 else "a number"


class Schemas:
    """Checks schemas, each once. `sound` tells whether nothing was found so far: what is built from schemas relies on
    each keyword having a value that it takes."""

    def __init__(self, project: Project, found: list[Diagnostic]) -> None:
        self.project = project
        self.found = found
        self.sound = True
        self._seen: set[int] = set()
        self._circled: set[int] = set()
        self._work: dict[int, int] = {}

    def check(self, node: YNode, file: File) -> None:
        """Find what is wrong with the schema `node`, and with all that it refers to."""
        before = len(self.found)
        self._keywords(node, file)
        self._circles(node, file)
        self.sound = self.sound and len(self.found) == before and before < MAX_FINDINGS

    def _keywords(self, node: YNode, file: File) -> None:
        todo = [("", node, file)]
        while todo and len(self.found) < MAX_FINDINGS:
            keyword, node, file = todo.pop()
            if id(node) in self._seen:
                continue
            self._seen.add(id(node))
            if not isinstance(node, YMapping):
                if not (isinstance(node, YScalar) and isinstance(node.value, bool)):
                    self._wrong(keyword or "schema", node, "a schema: a mapping such as `{ type: string }`")
                continue
            for entry in node.entries:
                self._entry(entry)
            target = self.project.target(node, file)
            if target is not None:
                todo.append(("$ref", target.node, target.file))
            todo.extend((word, each, file) for word, each in reversed(list(inner(node))))

    def _circles(self, node: YNode, file: File) -> None:
        """Find what goes in a circle or multiplies."""
        todo = [(node, file)]
        while todo and len(self.found) < MAX_FINDINGS:
            here, file = todo.pop()
            if id(here) in self._circled or not isinstance(here, YMapping):
                continue
            self._circled.add(id(here))
            self._amount(here, file, set())
            target = self.project.target(here, file)
            if target is not None:
                todo.append((target.node, target.file))
            todo.extend((each, file) for _, each in inner(here))

    def _amount(self, node: YNode, file: File, above: set[int]) -> int:
        """How many schemas look at the value that `node` describes."""
        if not isinstance(node, YMapping):
            return 1
        if id(node) in self._work:
            return self._work[id(node)]
        above.add(id(node))
        total = 1
        target = self.project.target(node, file)
        ref = node.get("$ref")
        if target is not None and isinstance(ref, YScalar):
            if id(target.node) in above:
                self.found.append(words.CircularRef(span=ref.span, ref=str(ref.value)))
            elif len(above) > MAX_CHAIN:
                total = MAX_WORK + 1
            else:
                total += self._amount(target.node, target.file, above)
        total += sum(self._amount(each, file, above) for word, each in inner(node) if word in SAME)
        above.discard(id(node))
        if total > MAX_WORK:
            self.found.append(words.Entangled(span=_head(node)))
            total = 1  # said once
        self._work[id(node)] = total
        return total

    # ------------------------------------------------------------ one keyword

    def _entry(self, entry: YEntry) -> None:
        kind = KEYWORDS.get(entry.key)
        if kind is not None:
            _KINDS.get(kind, _anything)(self, entry)
        elif entry.key in UNSUPPORTED:
            repair = UNSUPPORTED[entry.key]
            self.found.append(words.ForeignKeyword(span=entry.span, keyword=entry.key, repair=repair))
        elif not entry.key.startswith("x-"):
            close = nearest(entry.key, list(KEYWORDS))
            hint = f"did you mean `{close}`?" if close else ""
            self.found.append(words.UnknownKeyword(span=entry.span, keyword=entry.key, hint=hint))

    def _wrong(self, keyword: str, node: YNode, want: str, hint: str = "") -> None:
        span = node.span if isinstance(node, YScalar) else _head(node)
        self.found.append(words.KeywordValue(span=span, keyword=keyword, got=said(node), want=want, hint=hint))

    def schemas(self, entry: YEntry) -> None:
        """`allOf` and its like: a list with something in it."""
        if not (isinstance(entry.value, YSequence) and entry.value.items):
            self._wrong(entry.key, entry.value, "a list with at least one schema")

    def schema_map(self, entry: YEntry) -> None:
        """`properties` and its like."""
        if not isinstance(entry.value, YMapping):
            self._wrong(entry.key, entry.value, "a mapping from names to schemas")
        elif entry.key == "patternProperties":
            for each in entry.value.entries:
                self._pattern(each.key, each.span)

    def number(self, entry: YEntry) -> None:
        """`minimum`, `minLength`, `multipleOf` and their like."""
        kind, value = KEYWORDS[entry.key], entry.value.value if isinstance(entry.value, YScalar) else None
        if type(value) not in (int, Decimal):
            self._wrong(entry.key, entry.value, "a number")
        elif kind == COUNT and (type(value) is not int or value < 0):
            self._wrong(entry.key, entry.value, "a whole number of at least 0")
        elif kind == STEP and isinstance(value, int | Decimal) and value <= 0:
            self._wrong(entry.key, entry.value, "a number above 0")

    def text(self, entry: YEntry) -> None:
        """`description` and its like."""
        if not (isinstance(entry.value, YScalar) and isinstance(entry.value.value, str)):
            self._wrong(entry.key, entry.value, "a text")

    def flag(self, entry: YEntry) -> None:
        """`uniqueItems` and its like."""
        if not (isinstance(entry.value, YScalar) and isinstance(entry.value.value, bool)):
            self._wrong(entry.key, entry.value, "`true` or `false`")

    def names(self, entry: YEntry) -> None:
        """`required`."""
        self._names(entry.key, entry.value)

    def name_map(self, entry: YEntry) -> None:
        """`dependentRequired`."""
        if not isinstance(entry.value, YMapping):
            self._wrong(entry.key, entry.value, "a mapping from names to lists of names")
            return
        for each in entry.value.entries:
            self._names(each.key, each.value)

    def _names(self, keyword: str, node: YNode) -> None:
        if not isinstance(node, YSequence):
            self._wrong(keyword, node, "a list of names")
            return
        seen: set[str] = set()
        for item in node.items:
            if not (isinstance(item, YScalar) and isinstance(item.value, str)):
                self._wrong(keyword, item, "a list of names")
            elif item.value in seen:
                self._wrong(keyword, item, "a list of different names")
            else:
                seen.add(item.value)

    def values(self, entry: YEntry) -> None:
        """`examples`, and `enum`, which needs something in it."""
        if not isinstance(entry.value, YSequence):
            self._wrong(entry.key, entry.value, "a list of values")
        elif not entry.value.items and KEYWORDS[entry.key] == CHOICE:
            self._wrong(entry.key, entry.value, "a list with at least one value")

    def type(self, entry: YEntry) -> None:
        """`type`: one name, or several different ones."""
        names = entry.value.items if isinstance(entry.value, YSequence) else (entry.value,)
        if not names:
            self._wrong("type", entry.value, "one of " + ", ".join(TYPES))
        seen: set[str] = set()
        for item in names:
            name = item.value if isinstance(item, YScalar) else None
            if not isinstance(name, str) or name not in TYPES:
                close = MEANT.get(str(name).lower()) or nearest(str(name), TYPES)
                hint = 'put it in quotes: `"null"`' if name is None and isinstance(item, YScalar) else ""
                hint = hint or (f"did you mean `{close}`?" if close else "")
                self._wrong("type", item, "one of " + ", ".join(TYPES), hint)
            elif name in seen:
                self._wrong("type", item, "a list of different types")
            else:
                seen.add(name)

    def pattern(self, entry: YEntry) -> None:
        """`pattern`."""
        self.text(entry)
        if isinstance(entry.value, YScalar) and isinstance(entry.value.value, str):
            self._pattern(entry.value.value, entry.value.span)

    def _pattern(self, text: str, span: Span) -> None:
        try:
            explosive = Pattern(text).explosive
        except BadPattern as bad:
            start = span.start + span.text.find(text) + bad.at if text in span.text else span.start
            place = Span(span.source, start, min(start + 1, span.end)) if text in span.text else span
            self.found.append(words.WrongPattern(span=place, why=bad.why))
            return
        if explosive:
            self.found.append(words.ExplosivePattern(span=span))


def _anything(checker: Schemas, entry: YEntry) -> None:
    """A keyword that takes any value, or whose schema is looked at by itself."""


_KINDS: Final[dict[str, Callable[[Schemas, YEntry], None]]] = {
    SCHEMAS: Schemas.schemas,
    SCHEMA_MAP: Schemas.schema_map,
    SCHEMA: _anything,
    COUNT: Schemas.number,
    NUMBER: Schemas.number,
    STEP: Schemas.number,
    TEXT: Schemas.text,
    REF: Schemas.text,
    FLAG: Schemas.flag,
    NAMES: Schemas.names,
    NAME_MAP: Schemas.name_map,
    VALUES: Schemas.values,
    CHOICE: Schemas.values,
    TYPE: Schemas.type,
    PATTERN: Schemas.pattern,
}


def _head(node: YNode) -> Span:
    """The beginning of a mapping or list: its first line at most."""
    line = node.span.text.split("\n", 1)[0].rstrip()
    return Span(node.span.source, node.span.start, node.span.start + max(1, len(line)))
