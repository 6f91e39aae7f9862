"""What is told at once is what the long way says: the same values, changed in the same way."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flowlang.schema import DOUBT, Conformer, conformer, quick
from flowlang.values import BadValue, Duration, from_python
from flowlang.values.writing import _quickly, _wire


@cache
def asked_before() -> Conformer:
    """The conformer of SCHEMA, asked once: the quick way is made when it is asked for the second time."""
    made = conformer(SCHEMA)
    assert made.take({"id": "o-1", "total": 3}) is DOUBT and made.look({"id": "o-1", "total": 3}) is DOUBT
    assert (
        made.take({"id": "o-1", "total": 3}) is not DOUBT and made.look({"id": "o-1", "total": Decimal(3)}) is not DOUBT
    )
    return made


SCHEMA = {
    "type": "object",
    "required": ["id", "total"],
    "properties": {
        "id": {"type": "string", "minLength": 2},
        "total": {"type": "number", "minimum": 0},
        "kind": {"type": "string", "enum": ["a", "b"]},
        "paid": {"type": "boolean", "x-pii": True},
        "mail": {"type": "string", "format": "email"},
        "lines": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/Line"}},
    },
    "$defs": {
        "Line": {
            "type": "object",
            "required": ["qty"],
            "properties": {
                "qty": {"type": "integer", "minimum": 1},
                "price": {"type": "number"},
                "inner": {"$ref": "#/$defs/Line"},
            },
        }
    },
}

words = st.sampled_from(["a", "b", "ab", "é\u2028", "\ud800", "x@example.org", ""])
numbers = st.sampled_from([0, 1, -1, 2**63, 1.5, 0.0, -0.0, float("inf"), Decimal("3.0"), Decimal("1e400"), True, None])
lines = st.recursive(
    st.fixed_dictionaries({"qty": numbers}, optional={"price": numbers, "more": words}),
    lambda inner: st.fixed_dictionaries({"qty": numbers}, optional={"inner": inner}),
    max_leaves=3,
)
things = st.fixed_dictionaries(
    {"id": words | numbers, "total": numbers},
    optional={
        "kind": words,
        "paid": numbers,
        "mail": words,
        "lines": st.lists(lines, max_size=3) | numbers,
        "x": words,
    },
)


@given(things)
@settings(max_examples=1000, deadline=None)
def test_what_is_taken_is_what_the_gate_and_the_contract_make_of_it(thing: Any) -> None:
    known = asked_before()
    taken = known.take(thing)
    try:
        fitted, problems = known(from_python(thing))
    except BadValue:
        assert taken is DOUBT
        return
    if taken is not DOUBT:
        assert problems == ()
        assert repr(taken) == repr(fitted)


def test_what_plainly_fits_is_taken_as_a_copy() -> None:
    thing = {"id": "o-1", "total": 3, "lines": [{"qty": 1, "price": 2.5}]}
    taken = asked_before().take(thing)
    assert taken == {"id": "o-1", "total": Decimal(3), "lines": [{"qty": 1, "price": Decimal("2.5")}]}
    assert type(taken["total"]) is Decimal
    taken["lines"][0]["qty"] = 9
    assert thing["lines"] == [{"qty": 1, "price": 2.5}]


@pytest.mark.parametrize("thing", [{"id": "o" * 20_000_000, "total": 1}, {"id": "ab", "total": 1, "x": 1}, [], None])
def test_what_is_large_or_has_more_than_the_contract_says_is_left_to_the_long_way(thing: Any) -> None:
    assert asked_before().take(thing) is DOUBT


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(max_size=5)
    | st.sampled_from(["$", "$x", "\x7f", "é"])
    | st.decimals(allow_nan=False, allow_infinity=False, places=3)
    | st.sampled_from(
        [
            Decimal("1e40"),
            Decimal("-0.0"),
            Decimal("1e-300"),
            Decimal(10**31) + Decimal("0.001"),
            Decimal("1" * 35 + ".1"),
        ]
    )
    | st.builds(Duration, st.integers(0, 9)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.just("$a"), inner, max_size=3),
)


@given(values, st.booleans())
@example(Decimal("10000000000000000000000000000000.001"), False)
@settings(max_examples=1000, deadline=None)
def test_the_text_of_a_value_does_not_depend_on_the_library(value: Any, merged: bool) -> None:
    assert _quickly(value, merged) == _wire(value, merged)


ORDER = {
    "type": "object",
    "required": ["id", "qty"],
    "properties": {"id": {"type": "string"}, "qty": {"type": "integer"}},
}
SAME = {
    "type": "object",
    "properties": {"order": {"$ref": "#/$defs/Named"}},
    "$defs": {"Named": {**ORDER, "title": "the same in other words"}},
}
OTHER = {
    "type": "object",
    "properties": {
        "order": {**ORDER, "properties": {"id": {"type": "string"}, "qty": {"type": "integer", "minimum": 5}}}
    },
}


def asked(schema: Any) -> Conformer:
    """A conformer that answers at once."""
    made = conformer(schema)
    for _ in range(2):
        made.take({}), made.look({})
    return made


def test_what_was_taken_is_handed_on_as_it_is_and_only_under_a_contract_that_says_the_same() -> None:
    order = asked(ORDER).take({"id": "o-1", "qty": 2})
    assert asked(OTHER).look({"order": order}) is DOUBT
    handed = {"order": order}
    assert asked(SAME).look(handed) is handed
    assert asked(SAME).look(handed) is handed  # known or not


def test_what_only_equals_a_value_that_was_taken_is_looked_at() -> None:
    taken = asked(ORDER).take({"id": "o-1", "qty": 2})
    assert asked(SAME).look({"order": {**taken, "qty": "2"}}) is DOUBT
    assert asked(SAME).look({"order": {**taken, "more": 1}}) is DOUBT


def test_values_that_are_handed_on_to_nobody_are_not_kept_for_ever() -> None:
    made = asked(ORDER)
    taken = [made.take({"id": "o-1", "qty": number}) for number in range(2000)]
    assert len(taken) == 2000
    assert max(len(known) for known in quick._FITTING.values()) <= quick._KEPT


def test_a_large_value_is_not_kept() -> None:
    made = asked(ORDER)
    made.take({"id": "x" * 5000, "qty": 1})
    assert all(len(value.get("id", "")) < 5000 for known in quick._FITTING.values() for value in known.values())


def test_null_is_no_object_among_those_that_fit_either() -> None:
    made = asked(SAME)
    assert made.look({"order": None}) is DOUBT
    assert made({"order": None})[1] == ("order: null is not an object",)
