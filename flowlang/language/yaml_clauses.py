"""What stands inside of the statements of the YAML twin: calls, errors, retries, counts, limits and events."""

from __future__ import annotations

from flowlang.expression import tree as expression
from flowlang.language import tree, twin_words, words
from flowlang.language.nodes import Mapping, Node, Scalar
from flowlang.language.yaml_values import Values
from flowlang.source import Span


class Clauses(Values):
    """Reads the parts of statements that hold no statements."""

    def call(self, parts: dict[str, Node]) -> tree.Call | None:
        target = self.scalar(parts.get("call"), "`service.operation`")
        if target is None:
            return None
        words_ = self.dotted(target)
        if len(words_) != 2:
            self.shape(target, "`service.operation`")
            return None
        args = self.arguments(parts["with"]) if "with" in parts else None
        return tree.Call(words_[0], words_[1], args, target.span)

    def arguments(self, node: Node) -> tree.NamedArgs | tree.Whole | None:
        """A map is named arguments; everything else is one value that is the whole input."""
        value = self.value(node)
        if isinstance(node, Mapping) and isinstance(value, expression.MapOf):
            return tree.NamedArgs(value, value.span) if value.entries else None
        return tree.Whole(value, node.span) if value else None

    def undo_call(self, node: Node, key: Span) -> tree.UndoBy | tree.UndoNone | None:
        """`compensate` of a step."""
        if isinstance(node, Scalar):
            if node.text == "none":
                return tree.UndoNone(key)
            self.shape(node, "`none` or `{ call: service.operation }`")
            return None
        parts = self.fields(node, "`compensate`", ("call", "with"), ("call",)) or {}
        call = self.call(parts)
        return tree.UndoBy(call, key) if call else None

    def retry(self, node: Node, key: Span) -> tree.Retry | None:
        parts = self.fields(node, "`retry`", ("limit", "backoff", "errors"), ("limit",)) or {}
        limit = self.count(parts.get("limit"))
        backoff = self.backoff(parts["backoff"]) if "backoff" in parts else None
        errors = self.errors(parts.get("errors"))
        return tree.Retry(limit, backoff, errors, key) if limit else None

    def errors(self, node: Node | None) -> tuple[tree.ErrorRef, ...]:
        found = []
        for item in self.listing(node, "a list of errors") if node else []:
            scalar = self.scalar(item, "an error")
            if scalar is None:
                continue
            parts = self.dotted(scalar)
            if scalar.text == "event":  # in text, `on event` is a reaction
                self.say(words.Reserved(span=scalar.span, word="event"))
            elif len(parts) == 1 and (name := self.name(scalar)):
                found.append(tree.ErrorRef(None, name, scalar.span))
            elif len(parts) == 2:
                found.append(tree.ErrorRef(parts[0], parts[1], scalar.span))
            elif len(parts) != 1:
                self.shape(scalar, "an error, such as `Declined` or `payments.Declined`")
        return tuple(found)

    def count(self, node: Node | None, clause: str = "") -> tree.Count | None:
        """A whole number; where it belongs to a `clause`, 0 means nothing."""
        scalar = self.scalar(node, "a whole number")
        if scalar is None:
            return None
        if not isinstance(scalar.value, int) or isinstance(scalar.value, bool) or scalar.value < 0:
            self.shape(scalar, "a whole number")
            return None
        if clause and scalar.value == 0:
            self.findings.append(words.NoneAtAll(span=scalar.span, clause=clause))
        return tree.Count(scalar.value, scalar.span)

    def join(self, node: Node | None) -> tuple[str, tree.Count | None]:
        """How the branches of a fork come together."""
        scalar = self.scalar(node, "`all`, `all or cancel`, `any` or a number")
        if scalar is None:
            return "all", None
        if isinstance(scalar.value, int) and not isinstance(scalar.value, bool):
            return "some", self.count(scalar, "join")
        if scalar.text not in ("all", "all or cancel", "any"):
            self.shape(scalar, "`all`, `all or cancel`, `any` or a number")
        return scalar.text, None

    def flag(self, parts: dict[str, Node], key: str) -> bool:
        """A key that is either absent or `true`."""
        scalar = self.scalar(parts.get(key), "`true`")
        if scalar is not None and scalar.value is not True:
            self.shape(scalar, "`true`")
        return key in parts

    def event(self, parts: dict[str, Node]) -> tree.Text | None:
        return self.text(parts.get("event"), "the type of an event")

    def at(self, parts: dict[str, Node]) -> tree.Name | None:
        return self.word(parts.get("at"), "a service")

    def pair(self, node: Node, first: str, second: str, where: str) -> None:
        """Report one of two keys that stands without the other."""
        for needed, other in ((first, second), (second, first)):
            if isinstance(node, Mapping) and other in node.entries and needed not in node.entries:
                place = f"`{other}` of {where}"
                self.say(twin_words.MissingKey(span=self.key_of(node, other), where=place, key=needed))
