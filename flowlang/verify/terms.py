"""What random flows are made of: four services, names with what is known of them, and expressions over these names."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flowlang.expression.tree import (
    Binary,
    Entry,
    Expr,
    Function,
    ListOf,
    Literal,
    MapOf,
    Method,
    Ref,
    Select,
    Ternary,
    Unary,
)
from flowlang.language import tree
from flowlang.source import Source, Span
from flowlang.values import Duration
from flowlang.verify.choices import Choices

SERVICES = ("alpha", "beta", "gamma", "delta")

_RECORD = "{ type: object, required: [v], properties: { v: { type: integer }, w: { type: integer } } }"
_INPUT = "{ type: object, required: [x], properties: { x: { type: integer }, y: { type: integer } } }"
_ORDER = "{ type: object, required: [id, n], properties: { id: { type: string }, n: { type: integer }, m: { type: integer } } }"
_DATA = "{ type: object, required: [key, n], properties: { key: { type: string }, n: { type: integer } } }"


def contract(service: str) -> str:
    """The contract of one of the services that generated flows use."""
    heard = ", ".join(f"{other}.told" for other in SERVICES if other != service)
    schemas = f"schemas:\n  Order: {_ORDER}\n" if service == SERVICES[0] else ""
    return (
        f"service: {service}\noperations:\n"
        f"  act: {{ input: {_INPUT}, output: {_RECORD}, errors: {{ E0: zero, E1: one }} }}\n"
        f"  undo: {{ input: {_INPUT} }}\n"
        f"  read: {{ effect: none, input: {_INPUT}, output: {_RECORD}, errors: {{ E0: zero }} }}\n"
        f"events:\n  {service}.told: {{ data: {_DATA}, keep: 7d, to: all }}\n"
        f"hears: [{heard}]\n{schemas}"
    )


CONTRACTS = {f"{service}.yaml": contract(service) for service in SERVICES}

SPAN = Span(Source("generated.flow", ""), 0, 0)


@dataclass(frozen=True, slots=True)
class Known:
    """A name in scope. `kind` is `int`, `record` (a result), `event`, `error` or `list` (of numbers); `sure` is false when
    it may be absent."""

    name: str
    kind: str
    sure: bool = True


Scope = tuple[Known, ...]


def unsure(names: Scope) -> Scope:
    """The same names where it is not known whether they are there."""
    return tuple(replace(known, sure=False) for known in names)


def name(text: str) -> tree.Name:
    return tree.Name(text, SPAN)


def text(value: str) -> tree.Text:
    return tree.Text(value, SPAN)


def literal(value: int | str | Duration) -> Expr:
    return Literal(value, SPAN)


def ref(name: str) -> Expr:
    return Ref(name, SPAN)


def select(of: Expr, field: str, optional: bool = False) -> Expr:
    return Select(of, field, optional, SPAN, SPAN)


def function(name: str, *args: Expr) -> Expr:
    return Function(name, args, SPAN, SPAN)


def method(of: Expr, name: str, *args: Expr) -> Expr:
    return Method(of, name, args, SPAN, SPAN)


def binary(left: Expr, op: str, right: Expr) -> Expr:
    return Binary(op, left, right, SPAN)


@dataclass(slots=True)
class Terms:
    """Random expressions, each of the type that its name says; now and then one that can't be evaluated."""

    choices: Choices

    def number(self, scope: Scope) -> Expr:
        form = self.choices.weighted(
            ((3, "literal"), (2, "order"), (6, "name"), (3, "sum"), (1, "divide"), (1, "maybe"), (1, "macro"))
        )
        if form == "order":
            return select(ref("order"), "n")
        if form == "maybe":
            return method(select(ref("order"), "m", optional=True), "orValue", literal(self.choices.below(4)))
        if form == "sum":
            return binary(self.number(scope), "+", literal(1 + self.choices.below(3)))
        if form == "divide":
            return binary(literal(7), "/", self.divisor(scope))
        if form == "macro":
            return function("size", method(self.items(scope), "filter", ref("it"), binary(ref("it"), ">", literal(1))))
        if form == "name" and scope:
            return self.read(self.choices.pick(scope))
        return literal(self.choices.below(4))

    def divisor(self, scope: Scope) -> Expr:
        """A number that may be zero, which only a run can tell."""
        if scope:
            return self.read(self.choices.pick(scope))
        return binary(select(ref("order"), "n"), "%", literal(2))

    def read(self, known: Known) -> Expr:
        """The number in a name, guarded where the name may be absent."""
        named = ref(known.name)
        if known.kind == "error":
            value = function("size", select(named, "name"))
        elif known.kind == "list":
            value = function("size", named)
        elif known.kind == "int":
            value = named
        else:
            value = select(named, "n" if known.kind == "event" else "v")
        if known.kind == "record" and known.sure and self.choices.chance(20):
            value = method(select(named, "w", optional=True), "orValue", literal(1))
        if known.sure:
            return value
        return Ternary(function("has", named), value, literal(self.choices.below(3)), SPAN)

    def guard(self, scope: Scope) -> Expr:
        form = self.choices.weighted(((4, "compare"), (2, "even"), (1, "has"), (1, "and"), (1, "not")))
        maybe = [known for known in scope if not known.sure]
        if form == "has" and maybe:
            return function("has", ref(self.choices.pick(maybe).name))
        if form == "even":
            return binary(binary(self.number(scope), "%", literal(2)), "==", literal(0))
        if form == "and":
            return binary(self.guard(scope), "&&", self.guard(scope))
        if form == "not":
            return Unary("!", self.guard(scope), SPAN)
        return binary(self.number(scope), self.choices.pick((">", "<=")), literal(self.choices.below(3)))

    def items(self, scope: Scope) -> Expr:
        """A list of up to three numbers."""
        lists = [known for known in scope if known.kind == "list" and known.sure]
        if lists and self.choices.chance(25):
            return ref(self.choices.pick(lists).name)
        return ListOf(tuple(self.number(scope) for _ in range(self.choices.pick((2, 1, 3, 0)))), SPAN)

    def time(self, scope: Scope) -> Expr:
        """A duration of some minutes."""
        some = literal(Duration(60_000 * (1 + self.choices.below(5))))
        if self.choices.chance(25):
            return Ternary(self.guard(scope), some, literal(Duration(120_000)), SPAN)
        return some

    def point(self) -> Expr:
        """A point in time soon after the run's start."""
        return function("timestamp", literal(f"1970-01-01T0{1 + self.choices.below(3)}:00:00Z"))

    def where(self, bind: str) -> Expr:
        """The condition of an event, with its correlation; sometimes one that not every event lets evaluate."""
        event = ref(bind)
        where = binary(select(event, "key"), "==", select(ref("order"), "id"))
        form = self.choices.weighted(((6, "plain"), (3, "more"), (1, "odd")))
        if form == "more":
            return binary(where, "&&", binary(select(event, "n"), ">", literal(self.choices.below(3))))
        if form == "odd":
            return binary(where, "&&", binary(binary(literal(7), "/", select(event, "n")), ">", literal(2)))
        return where

    def args(self, scope: Scope, extra: Expr | None = None) -> tree.NamedArgs:
        entries = [Entry("x", self.number(scope), SPAN)]
        if extra is not None:
            entries.append(Entry("y", extra, SPAN))
        return tree.NamedArgs(MapOf(tuple(entries), SPAN), SPAN)
