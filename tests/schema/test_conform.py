"""A conformer says what JSON Schema says, gives numbers back as the schema has them, and says where a problem is."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from flowlang.schema import SchemaError, conformer
from flowlang.values import Duration, Timestamp
from tests.schema.generated import SCHEMAS, VALUES

ORDER: dict[str, Any] = {
    "type": "object",
    "required": ["id", "total", "items"],
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "total": {"type": "number", "minimum": 0},
        "currency": {"enum": ["EUR", "USD"]},
        "items": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/Line"}},
    },
    "$defs": {
        "Line": {
            "type": "object",
            "required": ["sku", "qty"],
            "properties": {"sku": {"type": "string", "pattern": "^[a-z]+$"}, "qty": {"type": "integer", "minimum": 1}},
        }
    },
}

PROBLEMS: list[tuple[Any, Any, tuple[str, ...]]] = [
    (ORDER, {"id": "o", "total": 1, "items": [{"sku": "a", "qty": 1}]}, ()),
    (ORDER, {"id": "o", "total": -1, "items": [{"sku": "a", "qty": 1}]}, ("total: -1 is below the minimum 0",)),
    (ORDER, {"total": 1, "items": [{"qty": 0}]}, (
        "id: is missing", "items[0].sku: is missing", "items[0].qty: 0 is below the minimum 1",
    )),
    (ORDER, {"id": 3, "total": "1", "items": {}}, (
        "id: 3 is not a string", 'total: "1" is not a number', "items: an object is not a list",
    )),
    (ORDER, {"id": "o", "total": 1, "currency": "DM", "items": [{"sku": "A", "qty": Decimal("1.5")}]}, (
        'currency: "DM" is not one of "EUR", "USD"', 'items[0].sku: "A" does not match the pattern `^[a-z]+$`',
        "items[0].qty: 1.5 is not an integer",
    )),
    (ORDER, [], ("a list is not an object",)),
    ({"additionalProperties": False, "properties": {"a": {}}}, {"a": 1, "b c": 2}, ('["b c"]: is not allowed here',)),
    ({"type": "boolean"}, 1, ("1 is not true or false",)),
    ({"type": "integer"}, True, ("true is not an integer",)),
    ({"const": 1}, True, ("true is not 1",)),
    ({"enum": [[1]]}, [Decimal("1.0")], ()),
    ({"uniqueItems": True}, [1, Decimal("1.0")], ("[1]: is the same as item 0",)),
    ({"uniqueItems": True}, [1, True], ()),
    ({"multipleOf": Decimal("0.01")}, Decimal("0.29"), ()),
    ({"multipleOf": Decimal("0.01")}, Decimal("0.295"), ("0.295 is not a multiple of 0.01",)),
    ({"multipleOf": 3}, Decimal("1e300"), ("1e300 is not a multiple of 3",)),
    ({"minLength": 2}, "\U0001f600", ('"\U0001f600" is shorter than 2 characters',)),
    ({"format": "date-time"}, "2026-02-30T00:00:00Z", (
        '"2026-02-30T00:00:00Z" is not a date-time such as `2026-01-03T00:00:00Z`',
    )),
    ({"format": "email"}, "someone", ('"someone" is not an e-mail address',)),
    ({"format": "color"}, "someone", ()),
    ({}, {"a": [Duration(5)]}, ("a[0]: a duration is not JSON; use `string(...)`",)),
    ({"type": "string"}, Timestamp(0), ("a timestamp is not JSON; use `string(...)`",)),
    ({"anyOf": [{"type": "string"}, {"type": "object", "required": ["a"]}]}, {}, (
        'fits none of the 2 alternatives; the nearest one: an object is not a string',
    )),
    ({"oneOf": [{"type": "integer"}, {"minimum": 1}]}, 2, ("fits 2 of the 2 alternatives, and may fit only one",)),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "value", "problems"), PROBLEMS)
def test_problems_in_words_with_their_place(schema: Any, value: Any, problems: tuple[str, ...]) -> None:
    assert conformer(schema)(value)[1] == problems


NUMBERS: list[tuple[Any, Any, Any]] = [
    ({"type": "number"}, 3, Decimal(3)),
    ({"type": "integer"}, Decimal("3.0"), 3),
    ({"type": ["integer", "number"]}, 3, 3),
    ({"type": ["string", "number"]}, 3, Decimal(3)),
    ({"minimum": 0}, 3, 3),
    ({"properties": {"a": {"type": "number"}}}, {"a": 3, "b": 3}, {"a": Decimal(3), "b": 3}),
    ({"patternProperties": {"^a": {"type": "number"}}}, {"a": 3, "b": 3}, {"a": Decimal(3), "b": 3}),
    ({"additionalProperties": {"type": "number"}}, {"a": 3}, {"a": Decimal(3)}),
    ({"items": {"type": "number"}}, [1, 2], [Decimal(1), Decimal(2)]),
    ({"prefixItems": [{"type": "number"}]}, [1, 2], [Decimal(1), 2]),
    ({"allOf": [{"type": "number"}, {"minimum": 0}]}, 3, Decimal(3)),
    ({"anyOf": [{"type": "string"}, {"type": "number"}]}, 3, Decimal(3)),
    ({"oneOf": [{"type": "string"}, {"type": "number"}]}, 3, Decimal(3)),
    ({"if": {"minimum": 2}, "then": {"type": "number"}}, 3, Decimal(3)),
    ({"$ref": "#/$defs/N", "$defs": {"N": {"type": "number"}}}, 3, Decimal(3)),
]


@pytest.mark.parametrize(("schema", "value", "wanted"), NUMBERS)
def test_numbers_come_out_as_the_schema_has_them(schema: Any, value: Any, wanted: Any) -> None:
    before = deepcopy(value)
    fitted, problems = conformer(schema)(value)
    assert problems == ()
    assert repr(fitted) == repr(wanted)
    assert repr(value) == repr(before), "what came in is never changed"


def test_at_most_ten_problems() -> None:
    schema = {"type": "array", "items": {"type": "object", "required": ["a", "b", "c"]}}
    assert len(conformer(schema)([{}] * 100_000)[1]) == 10


def test_a_tree_of_hundred_levels() -> None:
    schema = {"$ref": "#/$defs/T", "$defs": {"T": {"type": "object", "properties": {"sub": {"$ref": "#/$defs/T"}}}}}
    value: Any = {}
    for _ in range(99):
        value = {"sub": value}
    assert conformer(schema)(value) == (value, ())
    assert conformer(schema)({"sub": value})[1] == ("nested deeper than 100 levels",)


def test_alternatives_within_recursion_do_not_multiply() -> None:
    """Each level would be looked at twice as often as the one above it."""
    tree = {
        "anyOf": [
            {"type": "object", "properties": {"sub": {"$ref": "#/$defs/T"}}, "required": ["a"]},
            {"type": "object", "properties": {"sub": {"$ref": "#/$defs/T"}}, "required": ["b"]},
            {"type": "null"},
        ]
    }
    value: Any = None
    for _ in range(60):
        value = {"b": 1, "sub": value}
    assert conformer({"$ref": "#/$defs/T", "$defs": {"T": tree}})(value) == (value, ())


BROKEN: list[Any] = [
    {"$ref": "#"},
    {"$ref": "#/$defs/A", "$defs": {"A": {"allOf": [{"$ref": "#/$defs/A"}]}}},
    {"$ref": "#/$defs/B"},
    {"$ref": "http://example.org/"},
    {"$ref": "other.yaml"},
    {"type": "int"},
    {"pattern": "("},
    {"multipleOf": 0},
    {"$id": "x"},
    {"$dynamicRef": "#x"},
    {"items": "string"},
    {
        "$ref": "#/$defs/A0",
        "$defs": {f"A{n}": {"anyOf": [{"$ref": f"#/$defs/A{n + 1}"}] * 2} for n in range(60)} | {"A60": True},
    },
]


@pytest.mark.parametrize("schema", BROKEN)
def test_a_broken_schema_is_refused_before_any_value_comes(schema: Any) -> None:
    with pytest.raises(SchemaError):
        conformer(schema)


# ---------------------------------------------------------------- held against jsonschema


def _is_integer(checker: Any, value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | Decimal) and value == int(value)


def _multiple(validator: Any, step: Any, value: Any, schema: Any) -> Any:
    """The remainder of decimals rounds; that of fractions does not."""
    if validator.is_type(value, "number") and (Fraction(value) / Fraction(step)).denominator != 1:
        yield ValidationError("not a multiple")


REFERENCE = extend(
    Draft202012Validator,
    validators={"multipleOf": _multiple},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)


U = "unevaluatedProperties"
RARE: list[tuple[Any, list[Any]]] = [
    ({"dependentRequired": {"a": ["b"]}}, [{}, {"a": 1}, {"b": 1}, {"a": 1, "b": 1}, 3]),
    ({"dependentSchemas": {"a": {"required": ["c"]}}}, [{"a": 1}, {"a": 1, "c": 1}, {"b": 1}, "a"]),
    ({"properties": {"a": {}}, U: False}, [{}, {"a": 1}, {"a": 1, "b": 1}]),
    ({"patternProperties": {"^a": {}}, U: {"type": "string"}}, [{"ab": 1}, {"b": 1}, {"b": "x"}]),
    ({"allOf": [{"properties": {"a": {}}}], U: False}, [{"a": 1}, {"b": 1}]),
    ({"anyOf": [{"properties": {"a": {"type": "string"}}, "required": ["a"]}, {"properties": {"b": {}}}], U: False},
     [{"a": "x"}, {"a": 1}, {"b": 1}, {"a": "x", "b": 1}, {"a": 1, "b": 1}]),
    ({"oneOf": [{"required": ["a"], "properties": {"a": {}}}, {"required": ["b"]}], U: False}, [{"a": 1}, {"b": 1}]),
    ({"if": {"properties": {"a": {"const": 1}}, "required": ["a"]}, "then": {"properties": {"b": {}}},
      "else": {"properties": {"c": {}}}, U: False}, [{"a": 1}, {"a": 1, "b": 1}, {"a": 1, "c": 1}, {"c": 1}, {"a": 2}]),
    ({"allOf": [{U: True}], U: False}, [{"a": 1}]),
    ({"allOf": [{"additionalProperties": True}], U: False}, [{"a": 1}]),
    ({"$ref": "#/$defs/A", "$defs": {"A": {"properties": {"a": {}}}}, U: False}, [{"a": 1}, {"b": 1}]),
    ({"dependentSchemas": {"a": {"properties": {"b": {}}}}, "properties": {"a": {}}, U: False}, [{"a": 1, "b": 1}, {"b": 1}]),
    ({"not": {"properties": {"a": {"const": 2}}, "required": ["a"]}, U: False}, [{"a": 1}, {}]),
    ({"unevaluatedItems": False}, [[], [1], "x"]),
    ({"prefixItems": [{}], "unevaluatedItems": False}, [[1], [1, 2]]),
    ({"items": {}, "unevaluatedItems": False}, [[1, 2]]),
    ({"contains": {"type": "string"}, "unevaluatedItems": {"type": "integer"}}, [["a"], ["a", 1], ["a", None], [1]]),
    ({"anyOf": [{"prefixItems": [{"const": 1}]}, {"prefixItems": [{}, {"const": 2}]}], "unevaluatedItems": False},
     [[1], [1, 2], [3, 2], [1, 3]]),
    ({"contains": {"const": 1}, "minContains": 0, "maxContains": 1}, [[], [1], [1, 1], [2]]),
    ({"contains": {"const": 1}, "minContains": 2}, [[1], [1, 1], []]),
    ({"properties": {"a": False}}, [{}, {"a": 1}]),
    ({"propertyNames": {"maxLength": 1}}, [{"a": 1}, {"ab": 1}, {}]),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "values"), RARE)
def test_rare_keywords_accept_what_jsonschema_accepts(schema: Any, values: list[Any]) -> None:
    reference = REFERENCE(schema)
    conform = conformer(schema)
    for value in values:
        assert (conform(value)[1] == ()) == reference.is_valid(value), value


def test_numbers_of_members_that_nothing_else_looked_at() -> None:
    assert repr(conformer({U: {"type": "number"}})({"a": 1})[0]) == repr({"a": Decimal(1)})
    assert repr(conformer({"unevaluatedItems": {"type": "number"}})([1])[0]) == repr([Decimal(1)])


@given(SCHEMAS, st.lists(VALUES, min_size=1, max_size=5))
def test_accepts_what_jsonschema_accepts(schema: Any, values: list[Any]) -> None:
    try:
        conform = conformer(schema)
    except SchemaError as error:
        assert "refers to itself" in str(error) or "multiply" in str(error)
        return
    reference = REFERENCE(schema)
    for value in values:
        fitted, problems = conform(value)
        assert (problems == ()) == reference.is_valid(value), problems
        if not problems:
            assert fitted == value, "only the kind of a number changes"
            assert conform(fitted) == (fitted, ()), "what came out goes in again"
            assert repr(conform(fitted)[0]) == repr(fitted)
