"""What a contract says arrives: operations, events, types and their places."""

from __future__ import annotations

from flowlang.contract import Contracts, schema_for, type_for
from flowlang.expression.types import (
    ANY,
    BOOL,
    DECIMAL,
    INT,
    NULL,
    STRING,
    Field,
    ListType,
    MapType,
    Maybe,
    Record,
    String,
    Type,
)
from flowlang.language import tree
from flowlang.schema import conformer
from flowlang.source import Source, Span
from tests.contract.reading import loaded, together

PAYMENTS = """
service: payments
title: takes money and gives it back
operations:
  charge:
    description: takes it
    input:  { type: object, required: [orderId, amount], properties: { orderId: { type: string }, amount: { type: number, minimum: 0 } } }
    output: { $ref: "#/schemas/Payment" }
    errors: { Declined: "the bank said no", Busy: }
    timeout: 10s
    example: { paymentId: p-77, amount: 3 }
  refund:
    idempotent: false
  balance: { effect: none, output: { type: number } }
events:
  payment.settled: { data: { $ref: "#/schemas/Payment" }, keep: 7d, to: all }
  payment.lost:
hears: [delivery.confirmed]
schemas:
  Payment:
    type: object
    required: [paymentId]
    properties:
      paymentId: { type: string }
      card: { $ref: "#/schemas/Card" }
      amount: { type: number }
  Card: { type: string, x-pii: true }
x-team: money
"""


def payments() -> Contracts:
    """The contract above, which has no faults."""
    contracts, found = loaded(PAYMENTS)
    assert found == []
    return contracts


def type_of(schema: str, more: str = "") -> Type:
    """The type of a schema written in YAML's flow style."""
    contracts, found = loaded(f"service: one\nschemas:\n  T: {schema}\n{more}")
    assert found == []
    return contracts.services["one"].schemas["T"].type


def field(name: str, type_: Type, required: bool = False, personal: bool = False) -> Field:
    return Field(name, type_, required, personal)


def test_an_operation() -> None:
    charge = payments().services["payments"].operations["charge"]
    assert charge.operation.service == "payments"
    assert charge.operation.name == "charge"
    assert charge.operation.errors == ("Busy", "Declined")
    assert charge.errors == {"Declined": "the bank said no", "Busy": ""}
    assert charge.timeout_ms == 10_000
    assert charge.operation.idempotent
    assert not charge.operation.reads
    assert charge.description == "takes it"
    assert charge.input == Record((field("amount", DECIMAL, True), field("orderId", STRING, True)))
    assert charge.output == Record(
        (field("amount", DECIMAL), field("card", STRING, personal=True), field("paymentId", STRING, True))
    )
    assert (charge.span.line, charge.span.text) == (5, "charge")
    assert charge.error_spans["Declined"].text == "Declined"


def test_the_example_comes_as_its_schema_has_it() -> None:
    [example] = payments().services["payments"].operations["charge"].operation.example
    assert str(example["amount"]) == "3"
    assert type(example["amount"]).__name__ == "Decimal"


def test_schemas_are_self_contained() -> None:
    entry = payments().services["payments"].operations["charge"]
    assert entry.operation.output == {
        "type": "object",
        "required": ["paymentId"],
        "properties": {
            "paymentId": {"type": "string"},
            "card": {"$ref": "#/$defs/Card"},
            "amount": {"type": "number"},
        },
        "$defs": {"Card": {"type": "string", "x-pii": True}},
    }


def test_what_is_left_out() -> None:
    services = payments().services["payments"]
    refund = services.operations["refund"]
    assert refund.input == Record(())
    assert refund.operation.input == {"type": "object"}
    assert refund.output == NULL
    assert refund.operation.output == {}
    assert refund.timeout_ms is None
    assert not refund.operation.idempotent
    assert services.operations["balance"].operation.reads
    lost = services.events["payment.lost"]
    assert (lost.event.keep, lost.event.to, lost.data) == (86_400_000, "one", Record(()))


def test_events() -> None:
    contracts = payments()
    settled = contracts.event("payment.settled")
    assert settled is not None
    assert settled is contracts.events["payment.settled"]
    assert (settled.event.service, settled.event.keep, settled.event.to) == ("payments", 7 * 86_400_000, "all")
    assert settled.span.text == "payment.settled"
    assert contracts.event("payment.loss") is None
    assert contracts.services["payments"].hears == ("delivery.confirmed",)


def test_fields_know_where_they_are_declared() -> None:
    output = payments().services["payments"].operations["charge"].output
    assert isinstance(output, Record)
    assert output.name == "Payment"
    places = {each.name: each.span for each in output.fields}
    span = places["card"]
    assert span is not None
    assert (span.line, span.text) == (25, "card")


def test_types() -> None:
    assert type_of("{ type: string, format: date-time }") == STRING
    assert type_of("{ type: integer }") == INT
    assert type_of("{ type: boolean }") == BOOL
    assert type_of("{ enum: [a, b] }") == String(("a", "b"))
    assert type_of("{ const: a }") == String(("a",))
    assert type_of("{ enum: [a, 1] }") == ANY
    assert type_of("{ enum: [a, null] }") == Maybe(String(("a",)))
    assert type_of("{ type: array, items: { type: string } }") == ListType(STRING)
    assert type_of("{ type: object, additionalProperties: { type: integer } }") == MapType(INT)
    assert type_of('{ type: [string, "null"] }') == Maybe(STRING)
    assert type_of('{ anyOf: [ { type: string }, { type: "null" } ] }') == Maybe(STRING)
    assert type_of("{ anyOf: [ { type: string }, { type: integer } ] }") == ANY
    assert type_of("{ type: [integer, number] }") == ANY
    assert type_of("{ type: object }") == ANY
    assert type_of("true") == ANY
    assert type_of('{ type: "null" }') == NULL


def test_records() -> None:
    assert type_of(
        '{ type: object, required: [a, b], properties: { a: { type: [string, "null"] }, b: { type: string } } }'
    ) == Record((field("a", STRING), field("b", STRING, True)))
    assert type_of("{ properties: { a: { type: string } } }") == ANY, "a string would fit, too"
    opened = type_of("{ type: object, properties: { a: {} }, additionalProperties: true }")
    assert isinstance(opened, Record)
    assert opened.open
    closed = type_of("{ type: object, properties: { a: {} } }")
    assert isinstance(closed, Record)
    assert not closed.open


def test_records_of_parts() -> None:
    more = "  Base: { type: object, required: [id], properties: { id: { type: string } } }\n"
    whole = Record((field("id", STRING, True), field("total", DECIMAL)))
    assert (
        type_of('{ allOf: [ { $ref: "#/schemas/Base" }, { properties: { total: { type: number } } } ] }', more) == whole
    )
    assert type_of('{ $ref: "#/schemas/Base", type: object, properties: { total: { type: number } } }', more) == whole


def test_recursion_becomes_opaque() -> None:
    found = type_of(
        '{ type: object, properties: { name: { type: string }, sub: { type: array, items: { $ref: "#/schemas/T" } } } }'
    )
    assert found == Record((field("name", STRING), field("sub", ListType(ANY))))


def test_everything_referring_to_everything_ends() -> None:
    names = [f"A{n}" for n in range(40)]
    fields = ", ".join(f'{name}: {{ $ref: "#/schemas/{name}" }}' for name in names)
    text = "service: one\nschemas:\n" + "".join(
        f"  {name}: {{ type: object, properties: {{ {fields} }} }}\n" for name in names
    )
    contracts, found = loaded(text)
    assert found == []
    assert isinstance(contracts.services["one"].schemas["A0"].type, Record)
    assert conformer(contracts.services["one"].schemas["A0"].schema)({"A1": {"A2": {}}}) == ({"A1": {"A2": {}}}, ())


# ---------------------------------------------------------------- types as a flow writes them

NOWHERE = Span(Source("flow", ""), 0, 0)


def named(name: str, service: str | None = None) -> tree.NamedType:
    asked = None if service is None else tree.Name(service, NOWHERE)
    return tree.NamedType(asked, tree.Name(name, NOWHERE), NOWHERE)


TWO = """# file: contracts/orders.yaml
service: orders
schemas:
  Order: { type: object, required: [lines], properties: { lines: { type: array, items: { $ref: "#/schemas/Line" } } } }
  Line: { type: string }
  Report: { type: string }
# file: contracts/risk.yaml
service: risk
schemas:
  Report: { type: integer }
"""


def test_types_of_flows() -> None:
    contracts, found = together(TWO)
    assert found == []
    order = Record((field("lines", ListType(STRING), True),))
    assert type_for(named("Order"), contracts) == order
    assert type_for(named("Order", "orders"), contracts) == order
    assert type_for(named("Report", "risk"), contracts) == INT
    assert type_for(tree.ListType(named("Order"), NOWHERE), contracts) == ListType(order)
    assert type_for(tree.OptionalType(named("int"), NOWHERE), contracts) == Maybe(INT)
    assert [type_for(named(name), contracts) for name in ("string", "int", "decimal", "bool", "any")] == [
        STRING, INT, DECIMAL, BOOL, ANY,
    ]  # fmt: skip
    assert [entry.service for entry in contracts.type_named(None, "Report")] == ["orders", "risk"]
    assert contracts.type_named("shop", "Report") == ()
    assert contracts.type_names() == ("Line", "Order", "Report")


def test_schemas_of_flows_stay_self_contained() -> None:
    contracts, _ = together(TWO)
    schema = schema_for(tree.OptionalType(tree.ListType(named("Order"), NOWHERE), NOWHERE), contracts)
    conform = conformer(schema)
    assert conform([{"lines": ["a"]}])[1] == ()
    assert conform(None)[1] == ()
    assert conform([{"lines": [1]}])[1] != ()
