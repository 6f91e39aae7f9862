"""The YAML twin to the tree, and back through yaml_text.py. Same tree as the text form, and spans in the YAML file.

There are two kinds of positions. In a value position (`with data let yield next return`) YAML values are literals, and
only a whole-scalar `"${ e }"` is an expression. In an expression position (`key where when is of in until every within
after wait message`) the text is the expression, `${ }` around it optional. An expression that is written character for
character gets its own places; one that YAML has unescaped or folded gets the place of its scalar.
"""

from __future__ import annotations

import re

from flowlang.diagnostic import Diagnostic
from flowlang.language import tree, twin_words
from flowlang.language.nodes import Listing, Mapping, Node, Scalar, compose
from flowlang.language.yaml_blocks import Blocks
from flowlang.language.yaml_text import to_yaml
from flowlang.source import Source, Span

__all__ = ["format_source", "parse", "to_yaml"]

DIALECT = "flowlang/1"


def parse(source: Source) -> tuple[tree.Flow | None, list[Diagnostic]]:
    """The flow that `source` holds, and everything that is wrong with its form. The flow is None when a part of it could
    not be read."""
    findings: list[Diagnostic] = []
    root = compose(source, findings)
    flow = None
    if root is not None and not findings:
        reader = _Reader(source, findings)
        flow = reader.flow(root)
        if not reader.whole:
            flow = None
    elif root is not None:
        _Reader(source, findings).flow(root)
    findings.sort(key=lambda finding: (finding.span.start, finding.span.end))
    return flow, findings


class _Reader(Blocks):
    """Reads a whole file."""

    def flow(self, node: Node) -> tree.Flow | None:
        keys = ("document", "use", "input", "output", "key", "owner", "start", "do")
        parts = self.fields(node, "a flow", keys, ("document", "do"))
        if parts is None:
            return None
        inside = ("dsl", "name", "version", "doc")
        document = self.fields(parts.get("document"), "`document`", inside, ("dsl", "name")) or {}
        dialect = self.scalar(document.get("dsl"), f"`{DIALECT}`")
        if dialect is not None and dialect.text != DIALECT:
            self.say(twin_words.WrongDialect(span=dialect.span, dsl=dialect.text[:40]))
        name = self.name(document.get("name"))
        version = self.text(document.get("version"), "a version")
        uses = self.uses(parts.get("use"))
        params = self.params(parts.get("input"))
        output = self.type(parts["output"]) if "output" in parts else None
        key = self.expression(parts.get("key"))
        owner = self.word(parts.get("owner"), "a service")
        start = self.start(parts["start"]) if "start" in parts else None
        body = self.block(parts.get("do"))
        doc = self.doc(document)
        if name is None or body is None:
            return None
        return tree.Flow(name, uses, params, output, version, key, owner, start, body, doc, name.span)

    def uses(self, node: Node | None) -> tuple[tree.Use, ...]:
        """`{ contracts: [...], flows: [...] }`, or a list of these where the text has further lines."""
        found = []
        for part in node.items if isinstance(node, Listing) else [node] if node else []:
            given = self.fields(part, "`use`", ("contracts", "flows"))
            if isinstance(part, Mapping) and not part.entries:
                self.shape(part, "`contracts` or `flows`")
            for kind, files in (given or {}).items():
                listed = self.listing(files, "a list of files")
                patterns = tuple(filter(None, (self.text(item, "the name of a file") for item in listed)))
                if not patterns:
                    self.shape(files, "at least one file")
                found.append(tree.Use(kind, patterns, self.key_of(part, kind)))
        return tuple(found)

    def params(self, node: Node | None) -> tuple[tree.Param, ...]:
        found = []
        for key, value in self.mapping(node, "a map from names to types").values():
            name, type = self.name(key), self.type(value)
            if name and type:
                found.append(tree.Param(name, type, key.span))
        return tuple(found)

    def start(self, node: Node) -> tree.Start | None:
        parts = self.fields(node, "`start`", ("event", "as", "where"), ("event",)) or {}
        event = self.text(parts.get("event"), "the type of an event")
        bind, where = self.name(parts.get("as")), self.expression(parts.get("where"))
        return tree.Start(event, bind, where, event.span) if event else None


def format_source(source: Source) -> str:
    """`source` in the canonical layout. Raises NotFormatted where it has errors, and where it has `#` comments: those have
    no place in the tree, and dropping them in silence is not what a formatter may do."""
    from flowlang.language.format import NotFormatted

    flow, findings = parse(source)
    if flow is None or any(finding.severity == "error" for finding in findings):
        raise NotFormatted("a flow with errors can't be formatted")
    comment = _first_comment(source)
    if comment is not None:
        line = Span(source, comment, comment + 1).line
        raise NotFormatted(
            f"line {line} has a `#` comment, which the YAML layout can't keep; write it as `doc:` or delete it"
        )
    return to_yaml(flow)


def _first_comment(source: Source) -> int | None:
    """Where the first `#` stands that begins a comment."""
    root = compose(source, [])
    inside: list[tuple[int, int]] = []
    waiting = [root] if root else []
    while waiting:
        node = waiting.pop()
        match node:
            case Scalar(span=span):
                header = span.text.split("\n", 1)[0]
                if header[:1] in ("|", ">") and "#" in header:  # behind the sign of a block of text
                    return span.start + header.index("#")
                inside.append((span.start, span.end))
            case Listing(items=items):
                waiting += items
            case Mapping(entries=entries):
                waiting += [part for pair in entries.values() for part in pair]
    scalars = iter(sorted(inside))
    start, end = next(scalars, (-1, -1))
    for match in re.finditer(r"(?:^|(?<=[ \t\r\n\ufeff]))#", source.text):
        while end <= match.start() and start >= 0:
            start, end = next(scalars, (-1, -1))
        if start < 0 or match.start() < start:
            return match.start()
    return None
