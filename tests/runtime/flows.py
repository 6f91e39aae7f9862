"""Small flows as the kernel has them, written by hand so that tests of the runtime need no parser."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flowlang import ir
from flowlang.declared import EventType, Operation, Undo
from flowlang.event import Policy
from flowlang.expression.tree import Expression, Literal, MapOf, Ref, Select
from flowlang.source import Source, Span

NOWHERE = Span(Source("order.flow", ""), 0, 0)
RECORD = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}
PAYMENT = {"type": "object", "required": ["paymentId"], "properties": {"paymentId": {"type": "string"}}}


def operation(name: str, output: object = None, errors: tuple[str, ...] = (), example: object = None) -> Operation:
    """An operation that takes any input."""
    service, _, bare = name.partition(".")
    shown = () if example is None else (example,)
    return Operation(service, bare, {}, {} if output is None else output, errors, True, False, shown)  # type: ignore[arg-type]


CHARGE = operation("payments.charge", PAYMENT, ("Declined",), {"paymentId": "p-77"})
REFUND = operation("payments.refund", {}, (), True)
RESERVE = operation("inventory.reserve", {}, ("SoldOut",), True)
RELEASE = operation("inventory.release", {}, (), True)
CONFIRMED = EventType("delivery.confirmed", "shipping", RECORD, 604_800_000, "one")

LOOK_ALIKES: list[Any] = [
    [one]
    for one in (1, Decimal("1.0"), True, "1", 0, Decimal(0), Decimal("-0.0"), False, None, "", [], {}, [[]], {"": None})
]
LOOK_ALIKES += [{}, {"a": None}, {"a": {}}, {"$a": 1}, {"$duration": 5}]
LOOK_ALIKES += [
    {"a": Decimal("1.10")},
    {"a": Decimal("1.1")},
    {"a": Decimal("11e-1")},
    {"a": 'quote " \\ \n \x7f é 🙂'},
]
"""Values of which some are equal for Python, or look so, and of which each has a text that says what it is."""


def ref(name: str) -> Expression:
    """An expression that reads a name."""
    return Expression(name, Ref(name, NOWHERE))


def select(of: str, name: str) -> Expression:
    """`of.name`."""
    return Expression(f"{of}.{name}", Select(Ref(of, NOWHERE), name, False, NOWHERE, NOWHERE))


def empty() -> Expression:
    """`{}`."""
    return Expression("{}", MapOf((), NOWHERE))


def text(value: str) -> Expression:
    """A literal text."""
    return Expression(f'"{value}"', Literal(value, NOWHERE))


def step(name: str, does: Operation, undo: Operation | None = None, flow: str = "order") -> ir.Step:
    """A step that hands over the flow's parameter `order`, and `{}` to its compensation."""
    undone = None if undo is None else Undo(undo, empty(), Policy())
    return ir.Step(f"{flow}/{name}", name, does, ref("order"), Policy(), undone, False)


def fork(*bodies: ir.Sequence, name: str = "fork1", join: str = "all", need: int = 0) -> ir.Fork:
    """Branches that run side by side; `need` 0 is all of them."""
    return ir.Fork(f"order/{name}", tuple(ir.Branch("", body) for body in bodies), join, need or len(bodies), "")


def flow(*items: ir.Node, start: ir.Begin | None = None, name: str = "order") -> ir.Flow:
    """A flow with one parameter, `order`, or one that starts by an event."""
    params = () if start else (ir.Param("order", RECORD, True), ir.Param("note", {"type": "string"}, False))
    return ir.Flow(name, "payments", params, None, None, start, ir.Sequence(items))
