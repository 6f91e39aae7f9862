"""What nodes may be: words, texts, lists, and maps with a fixed set of keys. Everything else is reported where it stands."""

from __future__ import annotations

import re

from flowlang.diagnostic import Diagnostic, nearest
from flowlang.language import tree, twin_words, words
from flowlang.language.automaton import automaton
from flowlang.language.lexer import HIDDEN
from flowlang.language.nodes import Listing, Mapping, Node, Scalar
from flowlang.source import Source, Span

WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Shapes:
    """Takes nodes for what they should be. A method gives None, or nothing, for a node that is something else."""

    def __init__(self, source: Source, findings: list[Diagnostic]) -> None:
        self.source = source
        self.findings = findings
        self.whole = True
        self.depth = 0

    def say(self, finding: Diagnostic) -> None:
        self.findings.append(finding)
        self.whole = False

    # ------------------------------------------------------------ words

    def text(self, node: Node | None, what: str) -> tree.Text | None:
        """A text as it was written, also where YAML would see a number or a date."""
        scalar = self.scalar(node, what) if node is not None else None
        return tree.Text(scalar.text, scalar.span) if scalar else None

    def name(self, node: Node | None) -> tree.Name | None:
        """A word that is declared."""
        name = self.word(node, "a name")
        if name is not None and name.text in automaton().reserved:
            self.say(words.Reserved(span=name.span, word=name.text))
            return None
        return name

    def word(self, node: Node | None, what: str) -> tree.Name | None:
        scalar = self.scalar(node, what) if node is not None else None
        if scalar is None:
            return None
        if not WORD.fullmatch(scalar.text):
            self.say(words.OddName(span=scalar.span, name=scalar.text[:40]))
            return None
        return tree.Name(scalar.text, scalar.exact or scalar.span)

    def dotted(self, scalar: Scalar) -> list[tree.Name]:
        """The words between dots; nothing when one of them is no word."""
        texts = scalar.text.split(".")
        if not all(WORD.fullmatch(text) for text in texts):
            return []
        names, place = [], scalar.exact.start if scalar.exact else None
        for text in texts:
            span = scalar.span if place is None else Span(self.source, place, place + len(text))
            names.append(tree.Name(text, span))
            place = None if place is None else place + len(text) + 1
        return names

    def doc(self, parts: dict[str, Node], beside: str | None = None) -> str | None:
        """The documentation inside of a part, or that which stood beside it."""
        inside = self.doc_text(parts.get("doc"))
        if inside is not None and beside is not None:
            self.say(words.RepeatedKey(span=parts["doc"].span, key="doc"))
        return inside if inside is not None else beside

    def doc_text(self, node: Node | None) -> str | None:
        scalar = self.scalar(node, "a text") if node is not None else None
        if scalar is None:
            return None
        if found := HIDDEN.search(scalar.text):
            self.say(words.HiddenCharacter(span=scalar.span, code_point=f"U+{ord(found[0][0]):04X}"))
            return None
        text = scalar.text.replace("\r\n", "\n").replace("\r", "\n")
        if scalar.span.text[:1] in ("|", ">"):  # a block of text ends with a line break that says nothing
            text = text.removesuffix("\n")
        lines = text.split("\n")
        return "\n".join(line.rstrip() for line in lines)

    # ------------------------------------------------------------ shapes

    def fields(
        self, node: Node | None, where: str, known: tuple[str, ...], needed: tuple[str, ...] = ()
    ) -> dict[str, Node] | None:
        """The values of a map with a fixed set of keys; None when it is no map."""
        if node is None:
            return None
        if not isinstance(node, Mapping):
            self.shape(node, f"a map with `{' '.join(known)}`")
            return None
        missing = [name for name in needed if name not in node.entries]
        for key, _ in node.entries.values():
            if key.text not in known:
                meant = nearest(key.text, known)
                if meant in missing:  # misspelt, so not missing
                    missing.remove(meant)
                hint = f"did you mean `{meant}`?" if meant else ""
                listed = f"`{' '.join(known)}`"
                self.say(twin_words.UnknownKey(span=key.span, where=where, key=key.text[:40], known=listed, hint=hint))
        for name in missing:
            self.say(twin_words.MissingKey(span=head(node.span), where=where, key=name))
        return {name: value for name, (_, value) in node.entries.items() if name in known}

    def mapping(self, node: Node | None, what: str) -> dict[str, tuple[Scalar, Node]]:
        if isinstance(node, Mapping):
            return node.entries
        if node is not None:
            self.shape(node, what)
        return {}

    def listing(self, node: Node | None, what: str) -> list[Node]:
        if isinstance(node, Listing):
            return node.items
        if node is not None:
            self.shape(node, what)
        return []

    def scalar(self, node: Node | None, what: str) -> Scalar | None:
        """A scalar that says something."""
        if isinstance(node, Scalar) and not (node.plain and node.text in ("", "~")):
            return node
        if node is not None:
            self.shape(node, what)
        return None

    def shape(self, node: Node, expected: str) -> None:
        match node:
            case Scalar():
                found = f"`{node.text[:40]}`" if node.text else "nothing"
            case Listing():
                found = "a list"
            case Mapping():
                found = "a map"
        self.say(twin_words.WrongShape(span=head(node.span), expected=expected, found=found))

    def key_of(self, node: Node, name: str) -> Span:
        """The place of a key; of the map itself when it lacks it."""
        if isinstance(node, Mapping) and name in node.entries:
            return node.entries[name][0].span
        return head(node.span)


def head(span: Span) -> Span:
    """The first line of a span."""
    return Span(span.source, span.start, span.start + len(span.text.split("\n", 1)[0].rstrip()))
