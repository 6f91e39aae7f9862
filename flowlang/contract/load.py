"""Contract files to `Contracts`: what a contract may say, each key with its check.

`specs/contract.schema.json` says the same in JSON Schema for everybody else; a test holds the two against each other.
They are two because a validator says where a value breaks a rule, and not what the author should do about it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from flowlang.contract import words
from flowlang.contract.bundle import bundle
from flowlang.contract.entries import Contract, Contracts, EventEntry, OperationEntry, SchemaEntry
from flowlang.contract.project import MAX_COPIES, MAX_FINDINGS, File, Project, Read
from flowlang.contract.schemas import Schemas, said
from flowlang.contract.types import type_of
from flowlang.declared import EventType, Operation, Schema
from flowlang.diagnostic import Diagnostic, Label, nearest
from flowlang.expression.types import ANY, NULL, Record, Type
from flowlang.schema import SchemaError, conformer, made_for
from flowlang.source import Source, Span
from flowlang.values import Duration, Value
from flowlang.yamltree import YEntry, YMapping, YNode, YScalar, YSequence, plain

ENGINE_ERRORS: Final = (
    "ExpressionError",
    "HandlerError",
    "InvalidInput",
    "InvalidOutput",
    "LimitReached",
    "Timeout",
    "Unavailable",
)
KEEP: Final = 24 * 60 * 60 * 1000  # of an event, where the contract does not say

Conform = Callable[[Value], tuple[Value, tuple[str, ...]]]

_CONTRACT: Final = ("service", "title", "description", "operations", "events", "hears", "schemas")
_OPERATION: Final = ("title", "description", "input", "output", "errors", "timeout", "idempotent", "effect", "example")
_EVENT: Final = ("title", "description", "data", "keep", "to")
_FLOW: Final = "flow"
_BUILT_IN: Final = ("string", "int", "decimal", "bool", "any")
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_EVENT_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,199}")
_WORD_RULE: Final = "letters, digits and `_`, not beginning with a digit"
_EVENT_RULE: Final = "letters, digits and `_`, with `.`, `-`, `:` or `/` between them"


def load(sources: Sequence[Source], read: Read) -> tuple[Contracts, list[Diagnostic]]:
    """The contracts of `sources` and everything that is wrong with them. `read` gives the files that a `$ref` names:
    it is asked with the file part of the reference and the source in which it stands, and decides what lies in the project.
    Where something is wrong, what is right is still there."""
    found: list[Diagnostic] = []
    project = Project(read, found)
    schemas = Schemas(project, found)
    services: dict[str, Contract] = {}
    files = [file for file in map(project.open, sources) if file is not None]
    for file in files:
        for node in _schemas(file.root):
            schemas.check(node, file)
    for file in files:
        contract = _Loading(file, project, schemas.sound, found).contract()
        if contract is not None:
            _unite(contract, services, found)
    return Contracts(services), found


def _schemas(root: YNode) -> Iterator[YNode]:
    """Every schema that a contract declares or uses."""
    for section, keys in (("operations", ("input", "output")), ("events", ("data",)), ("schemas", None)):
        node = root.get(section) if isinstance(root, YMapping) else None
        for entry in node.entries if isinstance(node, YMapping) else ():
            if entry.key.startswith("x-"):
                continue
            if keys is None:
                yield entry.value
            elif isinstance(entry.value, YMapping):
                yield from filter(None, map(entry.value.get, keys))


def _unite(contract: Contract, services: dict[str, Contract], found: list[Diagnostic]) -> None:
    """Add `contract`: one for each service, and one publisher for each event."""
    other = services.get(contract.service)
    if other is not None:
        related = (Label(other.span, "first contract"),)
        found.append(words.SameService(span=contract.span, related=related, service=contract.service))
        return
    for type_, entry in list(contract.events.items()):
        owner = next((each for each in services.values() if type_ in each.events), None)
        if owner is not None:
            related = (Label(owner.events[type_].span, "declared here"),)
            found.append(words.SameEvent(span=entry.span, related=related, type=type_, owner=owner.service))
            del contract.events[type_]
    services[contract.service] = contract


@dataclass(frozen=True, slots=True)
class _Loading:
    """One contract on its way."""

    file: File
    project: Project
    sound: bool
    found: list[Diagnostic]
    conformers: dict[int, tuple[Schema, Conform]] = field(default_factory=dict)  # by identity, and so with the schema

    def contract(self) -> Contract | None:
        """The contract of the file, or None where it does not even name its service."""
        root = self.file.root
        if not isinstance(root, YMapping):
            self.found.append(words.WrongShape(span=root.span, what="a contract", got=said(root), want="a mapping"))
            return None
        self.keys("a contract", root, _CONTRACT)
        entry = root.entry("service")
        service = self.text("`service`", entry.value) if entry else None
        if entry is None:
            place = Span(root.span.source, root.span.start, root.span.start + 1)
            self.found.append(words.MissingKey(span=place, where="a contract", key="service"))
        if service is not None and entry is not None:
            self.name(service, entry.value.span, "a service", _WORD, _WORD_RULE)
            if service == _FLOW:
                rule = "`flow.other(...)` runs another flow, so this word stands for no service"
                self.found.append(words.BadName(span=entry.value.span, name=service, what="a service", rule=rule))
        name = service or ""
        operations = [self.operation(name, each) for each in self.entries("`operations`", root.get("operations"))]
        events = [self.event(name, each) for each in self.entries("`events`", root.get("events"))]
        types = [self.schema(name, each) for each in self.entries("`schemas`", root.get("schemas"))]
        title, _ = self.text_of(root, "title"), self.text_of(root, "description")
        hears = self.hears(root.get("hears"))
        if entry is None or service is None:
            return None
        return Contract(
            service,
            title,
            {each.operation.name: each for each in operations},
            {each.event.type: each for each in events},
            hears,
            {each.name: each for each in types},
            entry.value.span,
        )

    # ------------------------------------------------------------ operations, events, schemas

    def operation(self, service: str, entry: YEntry) -> OperationEntry:
        """One entry of `operations`."""
        self.name(entry.key, entry.span, "an operation", _WORD, _WORD_RULE)
        node = self.mapping(f"`{entry.key}`", entry.value)
        self.keys(f"operation `{entry.key}`", node, _OPERATION)
        self.text_of(node, "title")
        description = self.text_of(node, "description")
        input_, input_type = self.value(node.get("input"), {"type": "object"}, Record(()))
        output, output_type = self.value(node.get("output"), {}, NULL)
        errors = self.entries("`errors`", node.get("errors"))
        texts = {each.key: self.error(each) for each in errors}
        idempotent = self.flag(node, "idempotent", True)
        operation = Operation(
            service,
            entry.key,
            input_,
            output,
            tuple(sorted(texts)),
            idempotent,
            self.choice(node, "effect", ("none",)) == "none",
            self.example(node, output),
        )
        timeout = self.duration(node.get("timeout"), least=1)
        spans = {each.key: each.span for each in errors}
        return OperationEntry(operation, input_type, output_type, timeout, texts, spans, entry.span, description)

    def error(self, entry: YEntry) -> str:
        """The text of one entry of `errors`; it may be empty."""
        self.name(entry.key, entry.span, "an error", _WORD, _WORD_RULE)
        if entry.key in ENGINE_ERRORS:
            known = ", ".join(ENGINE_ERRORS)
            self.found.append(words.EngineError(span=entry.span, name=entry.key, known=known))
        if isinstance(entry.value, YScalar) and entry.value.value is None:
            return ""
        return self.text(f"the text of `{entry.key}`", entry.value) or ""

    def example(self, node: YMapping, output: Schema) -> tuple[Value, ...]:
        """The example of an answer, which has to fit `output`; () if there is none."""
        example, said = node.get("example"), node.get("output")
        if self.project.left < 0 or (example is None and said is None):  # too much was found already, or all is said
            return ()
        try:
            conform = self.conform(output)
        except SchemaError as error:  # what `schemas` finds should leave nothing for here
            if example is not None:
                self.found.append(words.ExampleMisfit(span=self.head(example), problem=str(error)))
            return ()
        if example is None:
            assert said is not None
            self.must_be_makeable(said, output, conform)
            return ()
        fitted, problems = conform(plain(example))
        if problems:
            self.found.append(words.ExampleMisfit(span=self.head(example), problem=problems[0]))
            return ()
        return (fitted,)

    def conform(self, output: Schema) -> Conform:
        """What holds values against `output`; made once for each schema. Raises SchemaError."""
        known = self.conformers.get(id(output))
        if known is None:
            known = self.conformers[id(output)] = (output, conformer(output))
        return known[1]

    def must_be_makeable(self, said: YNode, output: Schema, conform: Conform) -> None:
        """Without an example one is made from the schema, where that can be done."""
        try:
            made_for(output, conform)
        except SchemaError:
            self.found.append(words.NoExample(span=self.head(said)))

    def event(self, service: str, entry: YEntry) -> EventEntry:
        """One entry of `events`."""
        self.name(entry.key, entry.span, "an event", _EVENT_NAME, _EVENT_RULE)
        node = self.mapping(f"`{entry.key}`", entry.value)
        self.keys(f"event `{entry.key}`", node, _EVENT)
        self.text_of(node, "title")
        description = self.text_of(node, "description")
        data, type_ = self.value(node.get("data"), {"type": "object"}, Record(()))
        keep = self.duration(node.get("keep"), least=0)
        to = self.choice(node, "to", ("one", "all")) or "one"
        event = EventType(entry.key, service, data, KEEP if keep is None else keep, to)
        return EventEntry(event, type_, entry.span, description)

    def schema(self, service: str, entry: YEntry) -> SchemaEntry:
        """One entry of `schemas`."""
        self.name(entry.key, entry.span, "a type", _WORD, _WORD_RULE)
        if entry.key in _BUILT_IN:
            rule = f"built-in types: {', '.join(_BUILT_IN)}"
            self.found.append(words.BadName(span=entry.span, name=entry.key, what="a type", rule=rule))
        made = cache(lambda: self.named(entry))
        return SchemaEntry(service, entry.key, lambda: made()[0], lambda: made()[1], entry.span)

    def named(self, entry: YEntry) -> tuple[Schema, Type]:
        """What a flow asks for by name, after everything else: it has all the room again."""
        self.project.left = MAX_COPIES
        return self.value(entry.value, {}, ANY, entry.key)

    def value(self, node: YNode | None, schema: Schema, type_: Type, name: str = "") -> tuple[Schema, Type]:
        """The self-contained schema and the type of `node`; those given where there is none. Nothing is made of schemas
        when one of them is broken: it may be part of any other."""
        if node is None:
            return schema, type_
        if not self.sound:
            return {}, ANY
        before = self.project.left
        made = bundle(node, self.file, self.project), type_of(node, self.file, self.project, name)
        if before >= 0 > self.project.left:
            self.found.append(words.TooManyParts(span=self.head(node)))
        return made

    def hears(self, node: YNode | None) -> tuple[str, ...]:
        """The events of others."""
        if node is None:
            return ()
        if not isinstance(node, YSequence):
            self.wrong("`hears`", node, "a list of events")
            return ()
        texts = [(self.text("an entry of `hears`", item), item) for item in node.items]
        for text, item in texts:
            if text is not None:
                self.name(text, item.span, "an event", _EVENT_NAME, _EVENT_RULE)
        return tuple(dict.fromkeys(text for text, _ in texts if text is not None))

    # ------------------------------------------------------------ shapes

    def keys(self, where: str, node: YMapping, known: tuple[str, ...]) -> None:
        """Report the keys of `node` that are none of `known`."""
        for entry in node.entries:
            if len(self.found) >= MAX_FINDINGS:
                return
            if entry.key not in known and not entry.key.startswith("x-"):
                close = nearest(entry.key, known)
                hint = f"did you mean `{close}`?" if close else ""
                text = ", ".join(known)
                self.found.append(words.UnknownKey(span=entry.span, where=where, key=entry.key, known=text, hint=hint))

    def entries(self, what: str, node: YNode | None) -> tuple[YEntry, ...]:
        """The entries of a mapping; none where it is left out or empty. `x-` keys are the user's."""
        if node is None:
            return ()
        return tuple(each for each in self.mapping(what, node).entries if not each.key.startswith("x-"))

    def mapping(self, what: str, node: YNode) -> YMapping:
        """`node`, or an empty mapping where it is none."""
        if isinstance(node, YMapping):
            return node
        if not (isinstance(node, YScalar) and node.value is None):
            self.wrong(what, node, "a mapping")
        return YMapping((), node.span)

    def text(self, what: str, node: YNode) -> str | None:
        """The text of a scalar."""
        if isinstance(node, YScalar) and isinstance(node.value, str):
            return node.value
        self.wrong(what, node, "a text")
        return None

    def text_of(self, node: YMapping, key: str) -> str:
        """The text under `key`, "" where it is left out."""
        value = node.get(key)
        return "" if value is None else self.text(f"`{key}`", value) or ""

    def flag(self, node: YMapping, key: str, otherwise: bool) -> bool:
        """`true` or `false` under `key`."""
        value = node.get(key)
        if isinstance(value, YScalar) and isinstance(value.value, bool):
            return value.value
        if value is not None:
            self.wrong(f"`{key}`", value, "`true` or `false`")
        return otherwise

    def choice(self, node: YMapping, key: str, known: tuple[str, ...]) -> str | None:
        """One of a few words under `key`."""
        value = node.get(key)
        text = None if value is None else self.text(f"`{key}`", value)
        if text is None or value is None:
            return None
        if text not in known:
            listed = " or ".join(f"`{each}`" for each in known) + (" or left out" if len(known) == 1 else "")
            self.found.append(words.BadChoice(span=value.span, key=key, text=text[:40], known=listed))
            return None
        return text

    def duration(self, node: YNode | None, least: int) -> int | None:
        """A duration in milliseconds."""
        if node is None:
            return None
        if not (isinstance(node, YScalar) and isinstance(node.value, str)):
            self.wrong("a time", node, "a number with its unit, such as `10s`")
            return None
        try:
            found = Duration.parse(node.value).ms
        except ValueError as error:
            self.found.append(words.BadDuration(span=node.span, why=str(error)))
            return None
        if found < least:
            why = f"`{node.value}` is {'less than nothing' if found < 0 else 'no time at all'}"
            self.found.append(words.BadDuration(span=node.span, why=why))
            return None
        return found

    def name(self, text: str, span: Span, what: str, form: re.Pattern[str], rule: str) -> None:
        """Report a name that flows could not write."""
        if form.fullmatch(text) is None:
            self.found.append(words.BadName(span=span, name=text[:60], what=what, rule=rule))

    def wrong(self, what: str, node: YNode, want: str) -> None:
        """Report a value of the wrong kind."""
        self.found.append(words.WrongShape(span=self.head(node), what=what, got=said(node), want=want))

    def head(self, node: YNode) -> Span:
        """A place to point at: of a mapping or list the first line."""
        if isinstance(node, YScalar):
            return node.span
        line = node.span.text.split("\n", 1)[0].rstrip()
        return Span(node.span.source, node.span.start, node.span.start + max(1, len(line)))
