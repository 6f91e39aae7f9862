"""The gate of values: what comes in is exact or refused with its place, and what is written comes back."""

from __future__ import annotations

import datetime
import enum
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flowlang.values import (
    ABSENT,
    DECIMALS,
    MAX_INT,
    MAX_TEXT,
    MIN_INT,
    BadJson,
    BadValue,
    Duration,
    Timestamp,
    canonical,
    from_python,
    measure,
    parse_json,
    plain_dumps,
    wire_dumps,
    wire_loads,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
KEYS = st.one_of(TEXT, st.sampled_from(["$", "$$", "$duration", "$timestamp", "$$duration", "a"]))
DECIMAL = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=6).map(
    DECIMALS.create_decimal
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(MIN_INT, MAX_INT),
    DECIMAL,
    TEXT,
    st.integers(-Duration.LIMIT, Duration.LIMIT).map(Duration),
    st.integers(Timestamp.FIRST, Timestamp.LAST).map(Timestamp),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=12
)
PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(MIN_INT, MAX_INT), TEXT),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
)


def kinds(value: Any) -> Any:
    """The types of `value` and of everything in it."""
    if isinstance(value, dict):
        return {key: kinds(item) for key, item in value.items()}
    return [kinds(item) for item in value] if isinstance(value, list) else type(value)


# ---------------------------------------------------------------- journals and hashes


@given(VALUES)
@example({"$duration": 3, "$$": Duration(0)})
@example({"$duration": 3})
@example([Decimal(3), Decimal("1E+30"), Decimal("-0.0"), Decimal("1E-300")])
def test_a_journal_keeps_values_and_their_types(value: Any) -> None:
    again = wire_loads(wire_dumps(value))
    assert again == value
    assert kinds(again) == kinds(value)


@given(VALUES)
def test_equal_values_have_one_text_in_a_journal(value: Any) -> None:
    turned = wire_loads(wire_dumps(value))
    if isinstance(turned, dict):
        turned = dict(reversed(turned.items()))
    assert wire_dumps(turned) == wire_dumps(value)


def test_a_decimal_in_a_journal_keeps_its_mark() -> None:
    assert wire_dumps(Decimal(3)) == "3.0"
    assert wire_dumps(Decimal("120.50")) == "120.5"
    assert wire_dumps(Decimal("100")) == "100.0"
    assert wire_dumps(Decimal("1E+40")) == "1e40"
    assert wire_dumps(3) == "3"


def test_a_users_key_is_never_taken_for_a_tag() -> None:
    assert wire_dumps(Duration(5)) == '{"$duration":5}'
    assert wire_dumps({"$duration": 5}) == '{"$$duration":5}'


@pytest.mark.parametrize("value", [ABSENT, [ABSENT], {"a": ABSENT}, 1.5, object()])
def test_what_is_no_value_is_our_bug(value: Any) -> None:
    with pytest.raises(AssertionError):
        wire_dumps(value)


def test_absent_is_neither_true_nor_false() -> None:
    assert repr(ABSENT) == "ABSENT"
    with pytest.raises(AssertionError):
        bool(ABSENT)


def test_one_hash_for_equal_values() -> None:
    assert canonical({"b": 3, "a": [Decimal("1.50")]}) == canonical({"a": [Decimal("1.5")], "b": Decimal("3.0")})
    assert canonical(3) == "3"
    for one, other in ((3, "3"), (True, 1), (None, False), ("3d", Duration.parse("3d")), ({}, []), ({"a": None}, {})):
        assert canonical(one) != canonical(other)


# ---------------------------------------------------------------- plain JSON


@given(PLAIN, st.sampled_from([None, 0, 2]))
def test_plain_json_is_what_every_reader_understands(value: Any, indent: int | None) -> None:
    assert json.loads(plain_dumps(value, indent=indent)) == value


def test_plain_json_for_people() -> None:
    value = {"total": Decimal("120.50"), "n": Decimal("3.0"), "wait": Duration.parse("3d"), "at": Timestamp(1_500_000)}
    assert plain_dumps(value) == '{"total": 120.5, "n": 3, "wait": "3d", "at": "1970-01-01T00:00:01.5Z"}'
    assert plain_dumps({"b": 1, "a": []}, sort=True) == '{"a": [], "b": 1}'
    assert plain_dumps({"b": [1, {}], "a": {"x": None}}, indent=2) == json.dumps(
        {"b": [1, {}], "a": {"x": None}}, indent=2
    )


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("120.50", "120.5"),
        ("3.0", "3"),
        ("-0.0", "0"),
        ("1e3", "1000"),
        ("0.000001", "0.000001"),
        ("1e33", "1" + 33 * "0"),
        ("1e34", "1e34"),
        ("1.5e-300", "1.5e-300"),
        ("0.1", "0.1"),
    ],
)
def test_decimals_print_normalised(text: str, printed: str) -> None:
    assert plain_dumps(parse_json(text)) == printed


# ---------------------------------------------------------------- reading


@given(PLAIN)
def test_reads_what_others_write(value: Any) -> None:
    for text in (json.dumps(value), json.dumps(value, indent=1, ensure_ascii=False)):
        again = parse_json(text)
        assert again == value
        assert kinds(again) == kinds(value)


@given(st.text(st.sampled_from(list('[]{},:"\\ud8dec0019-+.eE tfn\n')), max_size=20))
def test_takes_nothing_that_the_standard_library_refuses(text: str) -> None:
    try:
        value = parse_json(text)
    except BadJson as error:
        assert 0 <= error.offset <= len(text)
    else:
        assert json.loads(text, parse_float=Decimal) == value


def test_numbers_are_exact_and_keep_their_kind() -> None:
    assert parse_json("[1, 1.0, 1e2]") == [1, Decimal(1), Decimal(100)]
    assert kinds(parse_json("[1, 1.0, 1e2, -0, -0.0]")) == [int, Decimal, Decimal, int, Decimal]
    assert parse_json("0.1") + parse_json("0.2") == parse_json("0.3")
    assert kinds(parse_json(f"[{MIN_INT}, {MIN_INT - 1}, {-MIN_INT}, {-MIN_INT - 1}]")) == [int, Decimal, Decimal, int]
    assert parse_json(f"[{MIN_INT}, {MIN_INT - 1}, {-MIN_INT}]") == [MIN_INT, Decimal(MIN_INT - 1), Decimal(-MIN_INT)]
    assert parse_json("1" + 300 * "0") == Decimal("1e300")
    assert parse_json("1." + 40 * "3") == Decimal("1." + 33 * "3")


@pytest.mark.parametrize(
    ("text", "message", "offset"),
    [
        ("", "the text ends where a value is expected", 0),
        ("  ", "the text ends where a value is expected", 2),
        ('{"a": 1, "b": 2, "a": 3}', "the member `a` is there twice", 17),
        ('{"a": {"b": 1, "\\u0062": 2}}', "the member `b` is there twice", 15),
        ("[1, NaN]", "`NaN` is not a number of JSON", 4),
        ("-Infinity", "`-Infinity` is not a number of JSON", 0),
        ("[Infinity]", "`Infinity` is not a number of JSON", 1),
        ("[1e999]", "the number is too large", 1),
        ("[1e-999]", "the number is too close to zero", 1),
        ("9" * 5000, "the integer has more than 34 digits", 0),
        ("[12345678901234567890123456789012345]", "the integer has more than 34 digits", 1),
        ("-" + "9" * 35, "the integer has more than 34 digits", 0),
        ('["ab\\ud800"]', "a lone surrogate is not a character", 4),
        ('["\\udc00\\ud800"]', "a lone surrogate is not a character", 2),
        ('["\\ud83d\\ude00\\ud83d"]', "a lone surrogate is not a character", 14),
        ('["\\ud83dx\\ude00"]', "a lone surrogate is not a character", 2),
        ('["a\ud800"]', "a lone surrogate is not a character", 3),
        ('{"\\ud800": 1}', "a lone surrogate is not a character", 2),
        ('["abc', "the string does not end", 1),
        ('["ab\nc"]', "the string does not end", 1),
        ('["a\tb"]', "a control character must be written as an escape", 3),
        ('["a\\x41"]', "there is no such escape in a string", 3),
        ("[1 2]", "expected `,` or `]`", 3),
        ('{"a": 1 "b": 2}', "expected `,` or `}`", 8),
        ("[1,]", "expected a value", 3),
        ('{"a": 1,}', "expected the name of a member in double quotes", 8),
        ("{a: 1}", "expected the name of a member in double quotes", 1),
        ('{"a" 1}', "expected `:`", 5),
        ("[1}", "expected `,` or `]`", 2),
        ("1 2", "something follows the value", 2),
        ("01", "something follows the value", 1),
        ("'a'", "expected a value", 0),
        ("True", "expected a value", 0),
        ("\ufeff1", "expected a value", 0),
    ],
)
def test_refuses_with_the_place(text: str, message: str, offset: int) -> None:
    with pytest.raises(BadJson) as caught:
        parse_json(text)
    assert (caught.value.message, caught.value.offset) == (message, offset)


def test_depth_is_bounded() -> None:
    assert parse_json("[" * 100 + "]" * 100, max_depth=100) is not None
    for text in ("[" * 101 + "]" * 101, "[" * 100_000, '{"a":' * 100_000):
        with pytest.raises(BadJson, match="nested deeper than 100 levels"):
            parse_json(text)


def test_length_is_bounded() -> None:
    with pytest.raises(BadJson, match="longer than"):
        parse_json('"' + "a" * MAX_TEXT + '"')


# ---------------------------------------------------------------- Python objects


class Colour(enum.StrEnum):
    RED = "red"

    def __str__(self) -> str:
        return "Colour.RED"  # as an enum with the mixin `str` prints itself


def test_what_handlers_return() -> None:
    value = from_python({"a": (1.5, 0.1, 3, True, None), "b": Colour.RED, "c": Decimal("1.50"), "d": Duration(5)})
    assert value == {
        "a": [Decimal("1.5"), Decimal("0.1"), 3, True, None],
        "b": "red",
        "c": Decimal("1.5"),
        "d": Duration(5),
    }
    assert type(value["b"]) is str


@given(VALUES)
def test_values_pass_the_gate_unchanged(value: Any) -> None:
    again = from_python(value)
    assert again == value
    assert kinds(again) == kinds(value)
    measure(value)


@given(st.floats())
def test_a_float_is_the_decimal_that_it_prints_as(number: float) -> None:
    if number != number or number in (float("inf"), float("-inf")):
        with pytest.raises(BadValue):
            from_python(number)
    else:
        assert from_python(number) == Decimal(repr(number))


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def cyclic() -> Any:
    value: dict[str, Any] = {}
    value["self"] = [value]
    return value


@pytest.mark.parametrize(
    ("thing", "path", "why"),
    [
        (object(), "", "a Python `object` is not a JSON value"),
        (b"x", "", "a Python `bytes` is not a JSON value"),
        ({1, 2}, "", "a Python `set` is not a JSON value"),
        (datetime.date(2026, 1, 3), "", "a Python `date` is not a JSON value"),
        (ABSENT, "", "a Python `Absent` is not a JSON value"),
        ({"items": [{"qty": 1}, {"qty": object()}]}, "items[1].qty", "a Python `object` is not a JSON value"),
        ({"a": float("nan")}, "a", "`NaN` is not a number of JSON"),
        ({"a": Decimal("Infinity")}, "a", "`Infinity` is not a number of JSON"),
        (Decimal("1e999"), "", "the number is too large"),
        (2**63, "", "the integer does not fit into 64 bits"),
        ({"a": {1: 2}}, "a", "a key is a Python `int`, not a string"),
        ({"a": ["\ud800"]}, "a[0]", "the string contains a lone surrogate"),
    ],
)
def test_refuses_objects_with_their_path(thing: Any, path: str, why: str) -> None:
    with pytest.raises(BadValue) as caught:
        from_python(thing)
    assert (caught.value.path, caught.value.why) == (path, why)


@pytest.mark.parametrize("thing", [deep(101), deep(100_000), cyclic()], ids=["101", "100,000", "cyclic"])
def test_depth_of_objects_is_bounded(thing: Any) -> None:
    with pytest.raises(BadValue, match="nested too deeply, or contains itself"):
        from_python(thing)


def test_size_of_strings_is_bounded() -> None:
    for thing in (["x" * 1_000_000] * 17, {"x" * 1_000_000 + str(n): 1 for n in range(17)}):
        for check in (from_python, measure):
            with pytest.raises(BadValue, match=r"too large|larger than"):
                check(thing)


def test_size_of_objects_is_bounded() -> None:
    shared: Any = "x" * 1000
    for _ in range(40):
        shared = [shared, shared]  # forty lists in memory, a billion strings as JSON
    for check in (from_python, measure):
        with pytest.raises(BadValue, match=r"too large|larger than"):
            check(shared)
    with pytest.raises(BadValue, match="deeper than 100"):
        measure(deep(101))
    measure(deep(100))


# ---------------------------------------------------------------- durations and timestamps


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("3d", "3d"),
        ("1m30s", "90s"),
        ("1h", "1h"),
        ("60m", "1h"),
        ("36h", "36h"),
        ("7d", "1w"),
        ("0s", "0s"),
        ("1500ms", "1500ms"),
        ("1w2d3h4m5s6ms", "788645006ms"),
        ("-5s", "-5s"),
        ("-1m30s", "-90s"),
    ],
)
def test_durations_print_with_the_largest_exact_unit(text: str, printed: str) -> None:
    assert str(Duration.parse(text)) == printed
    assert Duration.parse(printed) == Duration.parse(text)


@pytest.mark.parametrize("text", ["", "-", "3", "d", "3 d", "1s1m", "1.5h", "3D", "1m1m", "٣d", "9" * 30 + "w"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="`"):
        Duration.parse(text)


@given(st.integers(-Duration.LIMIT, Duration.LIMIT).map(Duration))
def test_every_duration_has_a_text(duration: Duration) -> None:
    assert Duration.parse(str(duration)) == duration


@given(st.datetimes(timezones=st.just(datetime.UTC)))
def test_timestamps_agree_with_the_calendar(moment: datetime.datetime) -> None:
    stamp = Timestamp.parse(moment.isoformat())
    assert stamp.us == (moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)) // datetime.timedelta(
        microseconds=1
    )
    assert Timestamp.parse(str(stamp)) == stamp


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("2026-01-03T00:00:00Z", "2026-01-03T00:00:00Z"),
        ("2026-01-03T02:00:00+02:00", "2026-01-03T00:00:00Z"),
        ("2026-01-02T19:30:00-04:30", "2026-01-03T00:00:00Z"),
        ("2026-01-03t00:00:00.500z", "2026-01-03T00:00:00.5Z"),
        ("2024-02-29T23:59:59.9999999Z", "2024-02-29T23:59:59.999999Z"),
    ],
)
def test_timestamps_read_rfc_3339(text: str, printed: str) -> None:
    assert str(Timestamp.parse(text)) == printed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-03",
        "2026-01-03T00:00:00",
        "2026-01-03 00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-32T00:00:00Z",
        "2026-01-03T24:00:00Z",
        "2026-01-03T23:60:00Z",
        "2026-01-03T23:59:60Z",
        "2026-01-03T00:00:00+24:00",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
    ],
)
def test_what_is_no_timestamp(text: str) -> None:
    with pytest.raises(ValueError, match="`"):
        Timestamp.parse(text)


def test_milliseconds_of_a_timestamp_are_never_early() -> None:
    assert Timestamp(1).ms == 1
    assert Timestamp(1000).ms == 1
    assert Timestamp(-1).ms == 0
    assert Timestamp.of_ms(5) == Timestamp(5000)
