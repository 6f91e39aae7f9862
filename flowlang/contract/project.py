"""The files among which references lead, and where each reference leads.

Only `read`, which the caller hands in, ever opens a file, and it is only asked for paths; whatever looks like an address
of a network is refused here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from flowlang.contract import words
from flowlang.declared import Schema
from flowlang.diagnostic import Diagnostic, nearest
from flowlang.expression.types import Type
from flowlang.schema import pointed
from flowlang.source import Source, Span
from flowlang.unread import Refusal
from flowlang.yamltree import YMapping, YNode, YScalar, YSequence, read_yaml
from flowlang.yamltree.words import TooLong

Read = Callable[[str, Source], Source | Refusal | Diagnostic]
"""From the file part of a `$ref` and the file in which it stands to the text, or why there is none."""

MAX_COPIES = 100_000
"""Parts of schemas that are copied into what refers to them: a contract in which everything refers to everything would
otherwise fill the memory."""

MAX_SIZE = 250_000
"""Characters of a contract: five thousand lines."""

MAX_FINDINGS = 100
"""Then the rest of the contracts is probably as wrong, and nobody reads on."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


@dataclass(frozen=True, slots=True, eq=False)
class File:
    """A file and its tree."""

    source: Source
    root: YNode


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A schema: a mapping, `true` or `false`, in its file. `name` is what the reference calls it."""

    file: File
    node: YMapping | YScalar
    name: str


@dataclass(slots=True)
class Project:
    """The files read so far, and what is wrong with them."""

    read: Read
    found: list[Diagnostic]
    files: dict[str, File | None] = field(default_factory=dict)  # None: could not be read, and that was said
    left: int = MAX_COPIES
    bundles: dict[int, Schema] = field(default_factory=dict)  # by identity of the schema's node
    types: dict[int, Type] = field(default_factory=dict)  # the same
    places: dict[int, Place | None] = field(default_factory=dict)  # by identity of the scalar after `$ref`

    def open(self, source: Source) -> File | None:
        """The file of `source`, read once; what is wrong with its YAML is found on the way."""
        if source.name not in self.files:
            root, found = _parsed(source)
            self.found += found
            self.files[source.name] = None if root is None else File(source, root)
        return self.files[source.name]

    def spend(self) -> bool:
        """Whether one more part of a schema may be copied."""
        self.left -= 1
        return self.left >= 0

    def place(self, ref: YScalar, file: File) -> Place | None:
        """Where `ref` leads; None if nowhere, which is then found once."""
        if id(ref) not in self.places:
            self.places[id(ref)] = self._place(ref, file)
        return self.places[id(ref)]

    def target(self, schema: YNode, file: File) -> Place | None:
        """Where the `$ref` of `schema` leads, or None if it has none, or none that leads anywhere."""
        ref = schema.get("$ref") if isinstance(schema, YMapping) else None
        return self.place(ref, file) if isinstance(ref, YScalar) and isinstance(ref.value, str) else None

    def _place(self, ref: YScalar, file: File) -> Place | None:
        text = str(ref.value)
        path, _, pointer = text.partition("#")
        if path:
            target = self._file(path, ref.span, file)
            if target is None:
                return None
            file = target
        return self._follow(pointer, text, ref.span, file)

    def _file(self, path: str, span: Span, beside: File) -> File | None:
        if (_SCHEME.match(path) and not re.match(r"[A-Za-z]:[\\/]", path)) or path.startswith("//"):
            if not path.lower().startswith("file:"):
                self.found.append(words.RemoteRef(span=span, ref=path))
                return None
        if _SCHEME.match(path) or path.startswith("/") or "\\" in path or "\0" in path:
            self.found.append(words.OutsideRef(span=span, ref=path))
            return None
        answer = self.read(path, beside.source)
        match answer:
            case Source():
                known = answer.name in self.files
                file = self.open(answer)
                if file is None and known:  # said already, but not why this reference fails
                    return None
                return file
            case Refusal():
                if answer.kind == "outside":
                    self.found.append(words.OutsideRef(span=span, ref=path))
                else:
                    self.found.append(words.UnreadRef(span=span, file=path, why=answer.why))
            case Diagnostic():
                self.found.append(answer)
        return None

    def _follow(self, pointer: str, text: str, span: Span, file: File) -> Place | None:
        """Walk along a JSON pointer."""
        here: YNode = file.root
        name = file.source.name.rpartition("/")[2].partition(".")[0]
        if pointer and not pointer.startswith("/"):
            self.lost(span, text, "after `#` stands a path that begins with `/`, as in `#/schemas/Name`")
            return None
        for part in pointer.split("/")[1:]:
            name = pointed(part)
            after = _member(here, name)
            if after is None:
                known = [entry.key for entry in here.entries] if isinstance(here, YMapping) else []
                close = nearest(name, known)
                hint = f"did you mean `{close}`?" if close else ""
                self.lost(span, text, f"there is no `{name}` in {file.source.name}", hint)
                return None
            here = after
        if isinstance(here, YMapping) or (isinstance(here, YScalar) and isinstance(here.value, bool)):
            return Place(file, here, name)
        self.lost(span, text, "what is there is not a schema")
        return None

    def lost(self, span: Span, ref: str, why: str, hint: str = "") -> None:
        """Report a reference that leads nowhere."""
        self.found.append(words.LostRef(span=span, ref=ref, why=why, hint=hint))


def _parsed(source: Source) -> tuple[YNode | None, list[Diagnostic]]:
    if len(source.text) <= MAX_SIZE:
        return read_yaml(source)
    size, limit = f"{len(source.text):,}", f"{MAX_SIZE:,}"
    return None, [TooLong(span=Span(source, 0, 0), limit=limit, size=size)]


def _member(node: YNode, name: str) -> YNode | None:
    if isinstance(node, YMapping):
        return node.get(name)
    if isinstance(node, YSequence) and name.isascii() and name.isdigit() and int(name[:9]) < len(node.items):
        return node.items[int(name)] if len(name) < 9 else None
    return None
