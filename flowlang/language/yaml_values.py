"""Values, expressions, types and durations of the YAML twin: what its scalars say, beyond being words."""

from __future__ import annotations

import re
from dataclasses import fields
from decimal import Decimal
from functools import partial
from typing import Any

from flowlang.diagnostic import Diagnostic, Label
from flowlang.expression import tree as expression
from flowlang.expression.tree import Expr
from flowlang.language import literals, tree, twin_words, words
from flowlang.language.nodes import Listing, Mapping, Node, Scalar
from flowlang.language.shapes import Shapes, head
from flowlang.language.text import MAX_NESTING, parse_part
from flowlang.source import Source, Span
from flowlang.values import Duration


class Values(Shapes):
    """Reads scalars, and the lists and maps in value positions."""

    # ------------------------------------------------------------ values and expressions

    def value(self, node: Node | None) -> Expr | None:
        """What stands in a value position."""
        match node:
            case None:
                return None
            case Scalar():
                return self.literal(node)
            case Listing() | Mapping() if self.depth == MAX_NESTING:
                self.say(words.DeepNesting(span=head(node.span), limit=MAX_NESTING))
                return None
            case Listing(items=items):
                self.depth += 1
                values = tuple(value for value in map(self.value, items) if value is not None)
                self.depth -= 1
                return expression.ListOf(values, node.span)
            case Mapping(entries=entries):
                self.depth += 1
                found = []
                for key, part in entries.values():
                    value = self.value(part)
                    if value is not None:
                        found.append(expression.Entry(key.text, value, key.span))
                self.depth -= 1
                return expression.MapOf(tuple(found), node.span)

    def literal(self, scalar: Scalar) -> Expr | None:
        if "${" in scalar.text:
            inner = scalar.text.strip()
            if not (inner.startswith("${") and inner.endswith("}")):
                self.say(twin_words.Interpolation(span=scalar.span))
                return None
            before = len(self.findings)
            value = self.expression(scalar)
            if value is None and "${" in inner[2:]:
                del self.findings[before:]
                self.say(twin_words.Interpolation(span=scalar.span))
            return value
        constant = scalar.value
        digits = scalar.text.lstrip("+-")
        if isinstance(constant, Decimal) and re.fullmatch(r"[0-9.]{35,}(?:[eE][-+]?[0-9]+)?", digits):
            literals.decimal(Span(self.source, scalar.span.end - len(digits), scalar.span.end), self.findings)
        if isinstance(constant, int | Decimal) and not isinstance(constant, bool) and scalar.text.lstrip()[:1] == "-":
            # A negative number is a minus and a number, as in text; so is a zero with a minus. Arithmetic would round.
            number = constant.copy_abs() if isinstance(constant, Decimal) else abs(constant)
            return expression.Unary("-", expression.Literal(number, scalar.span), scalar.span)
        return expression.Literal(constant, scalar.span)

    def expression(self, node: Node | None) -> Expr | None:
        """What stands in an expression position."""
        part = self.part("expr", node, "an expression") if node is not None else None
        assert part is None or not isinstance(part, tuple)
        return part

    def type(self, node: Node) -> tree.TypeRef | None:
        part: tree.TypeRef | None = self.part("type", node, "a type")
        return part

    def part(self, symbol: str, node: Node, what: str) -> Any:
        """The text of a scalar, read by the parser of flow text as `symbol`."""
        scalar = self.scalar(node, what)
        if scalar is None:
            return None
        text, exact = scalar.text, scalar.exact
        start, end = len(text) - len(text.lstrip()), len(text.rstrip())
        if symbol == "expr" and text[start:end].startswith("${") and text[start:end].endswith("}"):
            start, end = start + 2, end - 1
        if not text[start:end].strip():
            self.shape(scalar, what)
            return None
        if exact is not None:
            part, findings = parse_part(symbol, self.source, exact.start + start, exact.start + end)
        else:
            part, findings = parse_part(symbol, Source(self.source.name, text), start, end)
            findings = [_placed(finding, scalar.span) for finding in findings]
            part = _moved(part, scalar.span)
        self.findings += findings
        if part is None:
            self.whole = False
        return part

    def backoff(self, node: Node) -> tuple[tree.Time, tree.Time] | None:
        scalar = self.scalar(node, "`1s..30s`")
        if scalar is None:
            return None
        ends = scalar.text.split("..")
        if len(ends) != 2:
            self.shape(scalar, "`1s..30s`")
            return None
        place, first, second = scalar.exact, ends[0].strip(), ends[1].strip()
        spans = [scalar.span, scalar.span]
        if place is not None:
            at = place.start + scalar.text.index("..") + 2 + (len(ends[1]) - len(ends[1].lstrip()))
            spans = [Span(self.source, place.start, place.start + len(first)), Span(self.source, at, at + len(second))]
        low = self.time(Scalar(first, first, True, spans[0]))
        high = self.time(Scalar(second, second, True, spans[1]))
        return (low, high) if low and high else None

    def time(self, node: Node) -> tree.Time | None:
        """A duration: a whole number of one unit."""
        scalar = self.scalar(node, "a duration")
        if scalar is None:
            return None
        if re.fullmatch(r"[0-9]+", scalar.text):
            self.say(words.NoUnit(span=scalar.span, number=scalar.text[:40]))
        elif not re.fullmatch(r"[0-9]+(?:ms|s|m|h|d|w)", scalar.text):
            self.shape(scalar, "a duration such as `10s`")
        else:
            value, findings = parse_part("expr", Source("", scalar.text), 0, len(scalar.text))
            if isinstance(value, expression.Literal) and not findings:
                assert isinstance(value.value, Duration)
                return tree.Time(value.value, scalar.span)
            self.findings += [finding.but(span=scalar.span) for finding in findings]
        self.whole = False
        return None


def _placed(finding: Diagnostic, span: Span) -> Diagnostic:
    """The same finding at another place."""
    return finding.but(span=span, related=tuple(Label(span, label.text) for label in finding.related))


def _moved(part: Any, span: Span) -> Any:
    """The same expression or type with one place for all of its nodes: its parts have none in the source."""
    if isinstance(part, tuple):
        return tuple(map(partial(_moved, span=span), part))
    if not hasattr(part, "__dataclass_fields__") or isinstance(part, Duration):
        return part
    values = {
        field.name: span if field.name.endswith("span") else _moved(getattr(part, field.name), span)
        for field in fields(part)
    }
    return type(part)(**values)
