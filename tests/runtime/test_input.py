"""The input of a run: read strictly, put together from `--input` and `--set`, and shown where it does not fit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from flowlang import ir
from flowlang.cli.input import Given, nothing, put, read_json
from flowlang.diagnostic import Diagnostic
from flowlang.scenario.fit import example_input, fit
from flowlang.source import Source
from tests.runtime.flows import CHARGE, flow, step

ORDER = {
    "type": "object",
    "required": ["id", "total"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string"},
        "total": {"type": "number"},
        "items": {"type": "array", "items": {"type": "object", "properties": {"qty": {"type": "integer"}}}},
    },
}
PLACE = ir.Flow(
    "place",
    "payments",
    (ir.Param("order", ORDER, True), ir.Param("note", {"type": "string"}, False)),
    None,
    None,
    None,
    ir.Sequence((step("charge", CHARGE),)),
)


def reading(text: str) -> Given:
    given = read_json(Source("in.json", text), "the input")
    assert isinstance(given, Given), given
    return given


def setting(*settings: str, text: str = "{}") -> Any:
    given = reading(text)
    for one in settings:
        assert put(given, one) is None
    return given.value


def problem(text: str, *settings: str) -> Diagnostic:
    """The one thing that is wrong with an input."""
    given = read_json(Source("in.json", text), "the input")
    if isinstance(given, Diagnostic):
        return given
    refused = [found for one in settings if (found := put(given, one)) is not None]
    found = refused or fit(PLACE, given.value, given.places)[1]
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize(
    ("text", "line", "column", "why"),
    [
        ('{"a": NaN}', 1, 7, "`NaN` is not a number of JSON"),
        ('{"a": 1e999}', 1, 7, "the number is too large"),
        ('{"a": 1,\n "a": 2}', 2, 2, "the member `a` is there twice"),
        ('{"a": 12345678901234567890123456789012345}', 1, 7, "the integer has more than 34 digits"),
        ('{"a": "\\ud800"}', 1, 8, "a lone surrogate is not a character"),
        ("[" * 100_000, 1, 101, "nested deeper than 100 levels"),
        ('{"a": 1', 1, 8, "expected `,` or `}`"),
        ("", 1, 1, "the text ends where a value is expected"),
        ("{'a': 1}", 1, 2, "expected the name of a member in double quotes"),
    ],
)
def test_what_is_no_json_is_shown_where_it_is(text: str, line: int, column: int, why: str) -> None:
    found = problem(text)
    assert (found.code, found.span.line, found.span.column) == ("FL0361", line, column)
    assert found.say(found.message) == f"the input is not JSON: {why}"


@pytest.mark.parametrize(
    ("text", "code", "marked", "message"),
    [
        ("[1]", "FL0362", "[1]", "the input of `place` is a record with its parameters, not a list"),
        ("{}", "FL0363", "{}", "the input has no `order`, which `place` needs"),
        ('{"order": null}', "FL0363", '"order"', "the input has no `order`, which `place` needs"),
        ('{"odrer": {}}', "FL0364", '"odrer"', "`place` has no parameter `odrer`"),
        ('{"order": 5}', "FL0365", "5", "`order` does not fit its contract: 5 is not an object"),
        (
            '{"order": {"id": "o"}}',
            "FL0365",
            '{"id": "o"}',
            "`total` of `order` is missing",
        ),
        (
            '{"order": {"id": "o", "total": "x"}}',
            "FL0365",
            '"x"',
            '`total` of `order` does not fit its contract: "x" is not a number',
        ),
        (
            '{"order": {"id": "o", "total": 1, "items": [{}, {"qty": 1.5}]}}',
            "FL0365",
            "1.5",
            "`items[1].qty` of `order` does not fit its contract: 1.5 is not an integer",
        ),
        (
            '{"order": {"id": "o", "total": 1, "items": [{"qty": 9223372036854775808}]}}',
            "FL0365",
            "9223372036854775808",
            "`items[0].qty` of `order` does not fit its contract: 9223372036854775808 does not fit into 64 bits",
        ),
        (
            '{"order": {"id": "o", "total": 1, "extra": 2}}',
            "FL0365",
            '"extra"',
            "`extra` of `order` is not allowed here",
        ),
    ],
)
def test_what_does_not_fit_is_shown_where_it_is(text: str, code: str, marked: str, message: str) -> None:
    found = problem(text)
    assert (found.code, found.span.text, found.say(found.message)) == (code, marked, message)


@pytest.mark.parametrize("total", [2**63, -(2**63) - 1, 10**33 + 1, 10**40])
def test_a_decimal_field_takes_a_whole_number_of_more_than_64_bits(total: int) -> None:
    given = reading(f'{{"order": {{"id": "o", "total": {total}}}}}')
    values, found = fit(PLACE, given.value, given.places)
    assert (values["order"]["total"], found) == (Decimal(total), [])
    assert type(values["order"]["total"]) is Decimal


def test_a_missing_parameter_comes_with_an_input_that_would_do() -> None:
    found = problem("{}")
    help = found.say(found.help)
    assert help.startswith('an input that would do: {"order": {"')
    example = example_input(PLACE)
    assert fit(PLACE, example, reading("{}").places)[1] == []


def test_an_input_that_fits_is_as_the_contract_has_it() -> None:
    given = reading('{"order": {"id": "o-1", "total": 3}}')
    values, found = fit(PLACE, given.value, given.places)
    assert found == []
    assert values == {"order": {"id": "o-1", "total": Decimal(3)}}
    assert isinstance(values["order"]["total"], Decimal)


def test_without_input_the_command_itself_is_marked() -> None:
    given = nothing("flowlang run order.flow")
    [found] = fit(PLACE, given.value, given.places)[1]
    assert found.span.text == "flowlang run order.flow"


def test_a_flow_without_parameters_needs_no_input() -> None:
    bare = ir.Flow("f", "payments", (), None, None, None, flow().body)
    assert fit(bare, {}, nothing("run").places) == ({}, [])


@pytest.mark.parametrize(
    ("settings", "value"),
    [
        (["order.id=o-1"], {"order": {"id": "o-1"}}),
        (["order.total=120.50"], {"order": {"total": Decimal("120.5")}}),
        (["n=5", "n=6"], {"n": 6}),
        (["flag=true", "none=null"], {"flag": True, "none": None}),
        (['text="17"'], {"text": "17"}),
        (["zip=007"], {"zip": "007"}),
        (["empty="], {"empty": ""}),
        (["a.b=1", "a.c=[1, 2]"], {"a": {"b": 1, "c": [1, 2]}}),
        (["formula=a=b"], {"formula": "a=b"}),
        (["words=hello world"], {"words": "hello world"}),
    ],
)
def test_set_puts_a_value_into_the_input(settings: list[str], value: Any) -> None:
    assert setting(*settings) == value


def test_set_counts_more_than_the_file() -> None:
    assert setting("order.id=o-2", text='{"order": {"id": "o-1", "total": 1}}') == {"order": {"id": "o-2", "total": 1}}


@pytest.mark.parametrize(
    ("settings", "code", "marked"),
    [
        ("order.total", "FL0366", "order.total"),
        ("order..total=1", "FL0366", "order..total"),
        ("=1", "FL0366", ""),
        ("order.total=1e999", "FL0361", "1e999"),
        ("order.id=12345678901234567890123456789012345", "FL0361", "12345678901234567890123456789012345"),
        ("order.total=NaN", "FL0361", "NaN"),
        ("order={", "FL0361", "{"),
        ('order.id="x', "FL0361", '"x'),
    ],
)
def test_a_set_that_cannot_be_read_is_shown(settings: str, code: str, marked: str) -> None:
    found = problem("{}", settings)
    assert (found.code, found.span.text) == (code, marked)


def test_set_into_what_is_no_record_is_refused() -> None:
    found = problem('{"order": 5}', "order.id=o-1")
    assert found.say(found.message) == "`--set` can't take this: `order` is no record"


def test_what_set_has_put_is_marked_in_the_setting() -> None:
    found = problem('{"order": {"id": "o-1", "total": 1}}', "order.total=lots")
    assert (found.code, found.span.source.name, found.span.text) == ("FL0365", "<--set>", "lots")
