"""YAML text to nodes with places: only the events of PyYAML are used, so nothing is ever constructed from a tag.

What the twin does not have is reported here and the reading goes on: anchors, aliases, tags, directives, a second document,
keys that are there twice. The depth is bounded while the events come in, before anything is built from them. Plain scalars
follow the core schema of YAML 1.2: `true` and `null` in three spellings each, decimal numbers (`010` is ten), `0x` and `0o`;
everything else is text as it was written, `on`, `no`, `22:30` and dates too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal

import yaml as pyyaml

from flowlang.diagnostic import Diagnostic, Label
from flowlang.language import twin_words, words
from flowlang.language.lexer import hidden_characters
from flowlang.source import Source, Span

MAX_DEPTH = 200
"""Lists and maps in each other. One block of a flow takes about three."""

LOADER = getattr(pyyaml, "CSafeLoader", pyyaml.SafeLoader)


@dataclass(slots=True)
class Scalar:
    """`text` is the content, without quotes; `plain` says that it was written without any."""

    text: str
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


@dataclass(slots=True)
class Listing:
    items: list[Node]
    span: Span


@dataclass(slots=True)
class Mapping:
    """Keys in the order in which they were written, as text."""

    entries: dict[str, tuple[Scalar, Node]]
    span: Span


Node = Scalar | Listing | Mapping


def compose(source: Source, findings: list[Diagnostic]) -> Node | None:
    """The one document of `source`; None when it is empty, or broken in a way that hides its shape."""
    if hidden_characters(source, findings):
        return None
    text = source.text.removeprefix("\ufeff")
    composer = _Composer(source, len(source.text) - len(text), findings)
    try:
        for event in pyyaml.parse(text, Loader=LOADER):
            if not composer.take(event):
                return None
    except pyyaml.MarkedYAMLError as error:
        composer.broken(error)
        return None
    except pyyaml.reader.ReaderError as error:
        place = composer.shift + (error.position if isinstance(error.position, int) else 0)
        findings.append(words.HiddenCharacter(span=Span(source, place, place + 1), code_point="of this kind"))
        return None
    return composer.root


@dataclass(slots=True)
class _Open:
    """A list or map whose end has not come yet. In a map every second node is a key."""

    node: Listing | Mapping
    key: Scalar | None = None
    waits_for_value: bool = False


@dataclass(slots=True)
class _Composer:
    source: Source
    shift: int  # the BOM, which the events don't count
    findings: list[Diagnostic]
    root: Node | None = None
    documents: int = 0
    opened: list[_Open] = field(default_factory=list)

    def take(self, event: pyyaml.Event) -> bool:
        """Take in one event; False to stop."""
        span = self.span(event)
        match event:
            case pyyaml.DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    self.findings.append(twin_words.SecondDocument(span=span))
                    return False
                if event.version or event.tags:
                    self.findings.append(twin_words.Feature(span=span, feature="a directive"))
            case pyyaml.AliasEvent():
                self.findings.append(twin_words.Feature(span=span, feature="an alias"))
                self.add(Scalar("", False, span))
            case pyyaml.ScalarEvent():
                self.check(event, span)
                self.add(Scalar(event.value, event.style in (None, ""), span))
            case pyyaml.SequenceStartEvent() | pyyaml.MappingStartEvent():
                self.check(event, span)
                if len(self.opened) == MAX_DEPTH:
                    self.findings.append(twin_words.DeepYaml(span=span, limit=MAX_DEPTH))
                    return False
                is_list = isinstance(event, pyyaml.SequenceStartEvent)
                self.opened.append(_Open(Listing([], span) if is_list else Mapping({}, span)))
            case pyyaml.SequenceEndEvent() | pyyaml.MappingEndEvent():
                node = self.opened.pop().node
                node.span = self.trimmed(node.span.start, span.end)
                self.add(node)
            case _:
                pass
        return True

    def add(self, node: Node) -> None:
        """Put a finished node where it belongs."""
        if not self.opened:
            self.root = node
            return
        top = self.opened[-1]
        if isinstance(top.node, Listing):
            top.node.items.append(node)
        elif not top.waits_for_value:
            top.waits_for_value = True
            top.key = node if isinstance(node, Scalar) else None
            if top.key is None:
                self.findings.append(twin_words.OddKey(span=_first(node.span)))
            elif top.key.text == "<<" and top.key.plain:
                self.findings.append(twin_words.Feature(span=top.key.span, feature="a merge key"))
                top.key = None
        else:
            top.waits_for_value = False
            if top.key is not None:
                self.enter(top.node, top.key, node)

    def enter(self, mapping: Mapping, key: Scalar, node: Node) -> None:
        if key.text in mapping.entries:
            first = (Label(mapping.entries[key.text][0].span, "first here"),)
            self.findings.append(words.RepeatedKey(span=key.span, key=key.text, related=first))
        else:
            mapping.entries[key.text] = (key, node)

    def check(self, event: pyyaml.NodeEvent, span: Span) -> None:
        """Report an anchor or a tag on a node."""
        if event.anchor is not None:
            self.findings.append(twin_words.Feature(span=_first(span), feature="an anchor"))
        tag: str | None = getattr(event, "tag", None)
        if tag is not None:
            hint = "put it in quotes if it is an expression" if tag.startswith("!") else ""
            self.findings.append(twin_words.Feature(span=_first(span), feature="a tag", hint=hint))

    def span(self, event: pyyaml.Event) -> Span:
        start, end = event.start_mark, event.end_mark
        assert start and end
        return Span(self.source, start.index + self.shift, end.index + self.shift)

    def trimmed(self, start: int, end: int) -> Span:
        """A block node ends where the next one begins; the blanks and comments between are not its own."""
        text = self.source.text
        while end > start and text[end - 1] in " \t\r\n":
            end -= 1
        return Span(self.source, start, end)

    def broken(self, error: pyyaml.MarkedYAMLError) -> None:
        mark = error.problem_mark or error.context_mark
        place = min((mark.index if mark else 0) + self.shift, len(self.source.text))
        span = Span(self.source, place, min(place + 1, len(self.source.text)))
        if self.source.text[place : place + 1] == "\t":
            self.findings.append(twin_words.Tab(span=span))
            return
        related: tuple[Label, ...] = ()
        if error.context_mark and error.context:
            at = min(error.context_mark.index + self.shift, len(self.source.text))
            related = (Label(Span(self.source, at, min(at + 1, len(self.source.text))), error.context),)
        problem = (error.problem or "it can't be read").replace("\n", " ").replace("{", "(").replace("}", ")")
        self.findings.append(twin_words.NotYaml(span=span, problem=problem, related=related))


def _first(span: Span) -> Span:
    """The first character: what is wrong begins there, and may go on for pages."""
    return Span(span.source, span.start, span.start + 1)


NULL = {"", "~", "null", "Null", "NULL"}
TRUE = {"true", "True", "TRUE"}
FALSE = {"false", "False", "FALSE"}
INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
NO_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


def resolved(scalar: Scalar) -> None | bool | int | Decimal | str:
    """The value of a scalar in the core schema of YAML 1.2. Numbers may be of any size here."""
    text = scalar.text
    if not scalar.plain:
        return text
    if text in NULL:
        return None
    if text in TRUE or text in FALSE:
        return text in TRUE
    if len(text) > 400:
        return text
    if INTEGER.fullmatch(text):
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if FLOAT.fullmatch(text):
        return Decimal(text)
    return text
