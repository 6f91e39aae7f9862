"""Examples are small, look like something, are always the same, and fit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from flowlang.schema import SchemaError, conformer, example_of
from tests.schema.generated import SCHEMAS

EXAMPLES: list[tuple[Any, Any]] = [
    ({}, None),
    (True, None),
    ({"type": "string"}, "value"),
    ({"type": "number"}, Decimal(0)),
    ({"type": "boolean"}, True),
    ({"type": "array", "items": {"type": "string"}}, []),
    ({"type": ["string", "null"]}, "value"),
    ({"type": "object", "properties": {"a": {"type": "string"}}}, {}),
    (
        {"type": "object", "required": ["paymentId"], "properties": {"paymentId": {"type": "string"}}},
        {"paymentId": "paymentId"},
    ),
    ({"type": "string", "example": "p-77", "default": "x"}, "p-77"),
    ({"type": "string", "examples": ["a", "b"]}, "a"),
    ({"enum": ["open", "closed"]}, "open"),
    ({"const": {"a": 1}}, {"a": 1}),
    ({"type": "string", "format": "date-time"}, "2026-01-01T00:00:00Z"),
    ({"type": "string", "minLength": 8}, "valuexxx"),
    ({"type": "string", "maxLength": 2}, "va"),
    ({"type": "string", "pattern": "^p-[0-9]{2}$"}, "p-00"),
    ({"type": "integer", "minimum": 3}, 3),
    ({"type": "integer", "exclusiveMinimum": 3}, 4),
    ({"type": "integer", "maximum": -3}, -3),
    ({"type": "integer", "minimum": 4, "multipleOf": 3}, 6),
    ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, Decimal("0.5")),
    ({"type": "number", "multipleOf": Decimal("0.25"), "minimum": Decimal("0.3")}, Decimal("0.5")),
    ({"type": "array", "minItems": 2, "uniqueItems": True, "items": {"type": "integer"}}, [0, 1]),
    ({"type": "array", "minItems": 2, "uniqueItems": True, "items": {"enum": ["a", "b"]}}, ["a", "b"]),
    ({"type": "array", "contains": {"const": 3}}, [3]),
    ({"allOf": [{"type": "object", "required": ["a"]}, {"properties": {"a": {"type": "integer"}}}]}, {"a": 0}),
    ({"anyOf": [False, {"type": "integer"}]}, 0),
    ({"$ref": "#/$defs/A", "$defs": {"A": {"type": "integer"}}}, 0),
    ({"type": "object", "minProperties": 2, "properties": {"a": {"const": 1}}}, {"a": 1, "key1": None}),
    (
        {
            "type": "object",
            "required": ["kind"],
            "properties": {"kind": {"enum": ["card"]}, "card": {"type": "string"}},
            "if": {"properties": {"kind": {"const": "card"}}},
            "then": {"required": ["card"]},
        },
        {"kind": "card", "card": "card"},
    ),
]


@pytest.mark.parametrize(("schema", "wanted"), EXAMPLES)
def test_examples(schema: Any, wanted: Any) -> None:
    assert repr(example_of(schema)) == repr(wanted)


IMPOSSIBLE: list[Any] = [
    False,
    {"type": "integer", "minimum": 3, "maximum": 2},
    {"type": "object", "required": ["a"], "properties": {"a": False}},
    {"type": "string", "not": {"type": "string"}},
    {
        "$ref": "#/$defs/A",
        "$defs": {"A": {"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#/$defs/A"}}}},
    },
    {"type": "string", "pattern": "^a$", "minLength": 2},
    {"type": "array", "minItems": 3, "uniqueItems": True, "items": {"type": "boolean"}},
    {"type": "string", "minLength": 10**18},
    {"type": "array", "minItems": 10**18},
]


@pytest.mark.parametrize("schema", IMPOSSIBLE)
def test_where_none_can_be_made_the_contract_needs_one(schema: Any) -> None:
    with pytest.raises(SchemaError, match="the contract needs an `example`"):
        example_of(schema)


@given(SCHEMAS)
def test_an_example_fits_its_schema(schema: Any) -> None:
    try:
        made = example_of(schema)
    except SchemaError:
        return
    assert conformer(schema)(made) == (made, ())
    assert repr(example_of(schema)) == repr(made)
