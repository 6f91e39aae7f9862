"""What expressions evaluate to, and with which words they fail."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import pytest

from flowlang.expression import bounds
from flowlang.expression.evaluate import ExpressionError, compile_expr
from flowlang.expression.json import NOWHERE, from_json
from flowlang.expression.tree import Binary, Expr, Literal, Method, Ref, Unary
from flowlang.values import ABSENT, MAX_INT, MIN_INT, Duration, Timestamp
from tests.expression.parsing import parsed, value_of

ORDER = {
    "id": "o-1",
    "total": Decimal("120.5"),
    "items": [{"sku": "a", "qty": 2}, {"sku": "b", "qty": 1, "note": "gift"}],
    "email": "a@example.org",
    "nothing": None,
    "to": {"zip": "12345"},
    "due": "2026-01-03T00:00:00Z",
}
ENV: dict[str, Any] = {
    "order": ORDER,
    "n": 7,
    "d": Decimal("2.5"),
    "s": "häuser",
    "flag": True,
    "list": [1, Decimal("2.5"), 3],
    "empty": [],
    "map": {"a": 1, "b": 2},
    "nil": None,
    "absent": ABSENT,
    "pause": Duration.parse("90s"),
    "moment": Timestamp.parse("2026-01-03T00:00:00Z"),
}


def D(text: str) -> Decimal:
    return Decimal(text)


def T(text: str) -> Duration:
    return Duration.parse(text)


VALUES: list[tuple[str, Any]] = [
    # literals
    ("3", 3),
    ("2.50", D("2.5")),
    ("1e3", D("1000")),
    ("3d", T("3d")),
    ('"a\\n\\"b"', 'a\n"b'),
    ("true", True),
    ("null", ABSENT),
    ("[1, 2.5, 3d]", [1, D("2.5"), T("3d")]),
    ('{ a: 1, "x y": [n] }', {"a": 1, "x y": [7]}),
    ("-9223372036854775807 - 1", MIN_INT),
    ("-9223372036854775808", MIN_INT),
    ("[n - -9223372036854775808 % 10]", [15]),
    # reading
    ("order.id", "o-1"),
    ("order.items[1].sku", "b"),
    ('order["id"]', "o-1"),
    ('map["b"]', 2),
    ("order.to.zip", "12345"),
    ("order.?to.?zip", "12345"),
    ("order.?gone", ABSENT),
    ("order.?gone.?deeper", ABSENT),
    ("order.gone.?deeper", ABSENT),
    ("order.?nothing", ABSENT),
    ("order.gone", ABSENT),  # handed on as it is
    ("nil", ABSENT),
    ("absent", ABSENT),
    ("unknown", ABSENT),
    # absence
    ("order.?gone.orValue(3)", 3),
    ("order.gone.orValue(3)", 3),
    ("order.id.orValue(3)", "o-1"),
    ("order.nothing.orValue(3)", 3),
    ("order.nothing.orValue(order.gone.orValue(4))", 4),
    ("order.id.orValue(1 / 0)", "o-1"),  # not evaluated
    ("nil.orValue(3)", 3),
    ('map["z"].orValue(0)', 0),
    ("has(order.id)", True),
    ("has(order.gone)", False),
    ("has(order.gone.deeper)", False),
    ("has(order.nothing)", False),
    ("has(order.items[0].sku)", True),
    ("has(order.items[5].sku)", False),
    ("has(order)", True),
    ("has(nil)", False),
    ("has(unknown)", False),
    ('has(map["a"])', True),
    ('has(map["z"])', False),
    ("order.gone == null", True),
    ("order.id == null", False),
    ("null != order.nothing", False),
    ("nil == null", True),
    ("{ a: order.gone, b: order.nothing, c: null, d: unknown, e: 1 }", {"e": 1}),
    ("{ a: flag ? order.gone : 1 }", {}),
    ("{ a: { b: order.gone } }", {"a": {}}),
    # conditions
    ("true && false", False),
    ("true || false", True),
    ("!flag", False),
    ("flag ? 1 : 2", 1),
    ("!flag ? 1 : flag ? 2 : 3", 2),
    # comparison
    ("1 < 2", True),
    ("1 < 1.5", True),
    ("1.0 <= 1", True),
    ("3 > 2.5", True),
    ("2 >= 2", True),
    ('"a" < "b"', True),
    ('"Z" < "a"', True),
    ('"a" < "ab"', True),
    ("1m < 90s", True),
    ("60s == 1m", True),
    ("moment > timestamp('2025-12-31T23:59:59Z')", True),
    ("1 == 1.0", True),
    ("[1, [2.0]] == [1.0, [2]]", True),
    ("{ a: 1, b: [2] } == { b: [2.0], a: 1.0 }", True),
    ("{ a: 1 } == { a: 1, b: 2 }", False),
    ("{ a: 1 } == { b: 1 }", False),
    ("[1] == [1, 2]", False),
    ('"a" != "b"', True),
    ("true == true", True),
    ('list == "x"', False),  # other kinds are not equal
    ("flag == 1", False),
    ("[true] == [1]", False),
    ('"3" == 3', False),
    ("1 in list", True),
    ("2.5 in list", True),
    ("3.0 in list", True),
    ("true in [1]", False),
    ('"a" in ["a"]', True),
    ("[1] in [[1.0]]", True),
    ('"a" in map', True),
    ('"z" in map', False),
    ('"nothing" in order', False),
    ("1 < 2 == true", True),
    # arithmetic
    ("n + 3", 10),
    ("n - 10", -3),
    ("n * 2", 14),
    ("-n", -7),
    ("--n", 7),
    ("-d", D("-2.5")),
    ("-90s", T("-90s")),
    ("7 % 3", 1),
    ("-7 % 3", -1),
    ("7 % -3", 1),
    ("7.5 % 2", D("1.5")),
    ("-7.5 % 2", D("-1.5")),
    ("n + d", D("9.5")),
    ("d * 2", D("5")),
    ("5 / 2.0", D("2.5")),
    ("1 / 3.0", D("0." + 34 * "3")),
    ("2 / 3.0", D("0." + 33 * "6" + "7")),
    ('"a" + "b"', "ab"),
    ("[1] + [2]", [1, 2]),
    ("1m + 30s", T("90s")),
    ("1m - 90s", T("-30s")),
    ("pause * 2", T("3m")),
    ("2 * pause", T("3m")),
    ("pause / 2", T("45s")),
    ("moment + 1d", Timestamp.parse("2026-01-04T00:00:00Z")),
    ("1d + moment", Timestamp.parse("2026-01-04T00:00:00Z")),
    ("moment - 1d", Timestamp.parse("2026-01-02T00:00:00Z")),
    ("moment - timestamp('2026-01-02T23:59:00.0005Z')", Duration(59_999)),
    # functions
    ("size(s)", 6),
    ("s.size()", 6),
    ("size('😀')", 1),
    ("size(list)", 3),
    ("size(map)", 2),
    ("size('')", 0),
    ('s.contains("äus")', True),
    ('s.contains("")', True),
    ('s.startsWith("hä")', True),
    ('s.endsWith("hä")', False),
    ("int(2.9)", 2),
    ("int(-2.9)", -2),
    ('int("-42")', -42),
    ("int(7)", 7),
    ("int(moment)", 1_767_398_400),
    ("double(3)", D("3")),
    ('double("1.50")', D("1.5")),
    ('double("1e3")', D("1000")),
    ("string(3)", "3"),
    ("string(120.50)", "120.5"),
    ("string(3.0)", "3"),
    ("string(true)", "true"),
    ('string("x")', "x"),
    ("string(pause)", "90s"),
    ("string(moment)", "2026-01-03T00:00:00Z"),
    ("timestamp(order.due) == moment", True),
    ("timestamp(0)", Timestamp(0)),
    ("timestamp(moment) == moment", True),
    ('duration("1m30s")', T("90s")),
    ("duration(pause)", T("90s")),
    ("sum(list)", D("6.5")),
    ("sum([1, 2])", 3),
    ("sum(1, 2, 3)", 6),
    ("sum(empty)", 0),
    ("min(list)", D("1")),
    ("max(3, 2)", 3),
    ("max(2, 2.5)", D("2.5")),
    ('min("b", "a")', "a"),
    ("max([1m, 61s])", T("61s")),
    # macros
    ("list.all(x, x > 0)", True),
    ("empty.all(x, 1 / 0 == 1)", True),
    ("list.exists(x, x == 2.5)", True),
    ("list.exists(x, x > 5)", False),
    ("list.exists_one(x, x > 2.6)", True),
    ("list.exists_one(x, x > 1)", False),
    ("order.items.map(i, i.sku)", ["a", "b"]),
    ("order.items.map(i, { sku: i.sku, note: i.note })", [{"sku": "a"}, {"sku": "b", "note": "gift"}]),
    ("order.items.filter(i, has(i.note)).map(i, i.note)", ["gift"]),
    ("sum(order.items.map(i, i.qty * n))", 21),
    ("map.map(k, k)", ["a", "b"]),
    ("map.all(k, map[k] > 0)", True),
    ("[1, 2].map(x, [10, 20].map(y, x * y))", [[10, 20], [20, 40]]),
    ("[1, 2].map(x, [x].map(x, x + 1))", [[2], [3]]),  # the inner variable hides the outer one
    ("[1].map(order, order) == [1] && has(order.id)", True),  # a variable is gone behind its macro
]


@pytest.mark.parametrize(("text", "value"), VALUES, ids=[text for text, _ in VALUES])
def test_value(text: str, value: Any) -> None:
    result = value_of(text, **ENV)
    assert type(result) is type(value)
    assert result == value


ERRORS: list[tuple[str, str]] = [
    ("order.gone + 1", "`order.gone` is absent"),
    ("order.nothing.x", "`order.nothing` is absent"),
    ("unknown + 1", "`unknown` is absent"),
    ("nil.x", "`nil` is absent"),
    ("size(absent)", "`absent` is absent"),
    ("order.?gone + 1", "`+` does not take an absent value and an int"),
    ("order.?gone == 1", "`==` does not take an absent value and an int"),
    ("1 in order.?gone", "`in` does not take an int and an absent value"),
    ("order.?gone ? 1 : 2", "a condition must be true or false, not an absent value"),
    ("null in list", "`in` does not take an absent value and a list"),
    ("[null]", "an item of the list is absent"),
    ("[order.?gone]", "an item of the list is absent"),
    ("order.items.map(i, i.?note)", "an item of the list is absent"),
    ("order.id.x", "`order.id` is a string: it has no field `x`"),
    ("list.x", "`list` is a list: it has no field `x`"),
    ("list[3]", "`list[3]`: there is no item 3 in a list of 3"),
    ("list[-1]", "`list[-1]`: there is no item -1 in a list of 3"),
    ("list[3].orValue(1)", "`list[3]`: there is no item 3 in a list of 3"),
    ("list[1.0]", "a list has no index that is a decimal: `list[1.0]`"),
    ("list[true]", "a list has no index that is a bool: `list[true]`"),
    ('map["z"] + 1', '`map["z"]` is absent'),
    ("map[1]", "a map has no index that is an int: `map[1]`"),
    ("n[0]", "an int has no index that is an int: `n[0]`"),
    ("n && true", "a condition must be true or false, not an int"),
    ("true && s", "a condition must be true or false, not a string"),
    ("!n", "`!` does not take an int"),
    ("-s", "`-` does not take a string"),
    ("-flag", "`-` does not take a bool"),
    ("flag + 1", "`+` does not take a bool and an int"),
    ('"a" + 1', "`+` does not take a string and an int"),
    ('"a" - "b"', "`-` does not take a string and a string"),
    ('"a" * 2', "`*` does not take a string and an int"),
    ("pause * 2.5", "`*` does not take a duration and a decimal"),
    ("moment + moment", "`+` does not take a timestamp and a timestamp"),
    ("1 < '2'", "`<` does not take an int and a string"),
    ("flag <= true", "`<=` does not take a bool and a bool"),
    ("list > 1", "`>` does not take a list and an int"),
    ("moment >= pause", "`>=` does not take a timestamp and a duration"),
    ("'a' in 'abc'", "`in` does not take a string and a string"),
    ("1 / 0", "division by zero"),
    ("1 % 0", "division by zero"),
    ("1.5 / 0", "division by zero"),
    ("1.5 % 0.0", "division by zero"),
    ("pause / 0", "division by zero"),
    ("9223372036854775807 + 1", "the integer does not fit into 64 bits"),
    ("-9223372036854775807 - 2", "the integer does not fit into 64 bits"),
    ("(-9223372036854775807 - 1) / -1", "the integer does not fit into 64 bits"),
    ("--9223372036854775808", "the integer does not fit into 64 bits"),
    ("-(-9223372036854775807 - 1)", "the integer does not fit into 64 bits"),
    ("4294967296 * 4294967296", "the integer does not fit into 64 bits"),
    ("int(1e30)", "the integer does not fit into 64 bits"),
    ("1e300 * 1e300", "the number is too large"),
    ("1e300 % 1e-300", "the number is too large"),
    ("duration('3650000d') + duration('3650000d')", "the duration is longer than ten thousand years"),
    ("moment + duration('3650000d')", "the timestamp is outside of the years 1 to 9999"),
    ("timestamp(9223372036854775807)", "the timestamp is outside of the years 1 to 9999"),
    ("size(n)", "`size` does not take an int"),
    ('n.contains("a")', "`contains` takes two strings, not an int and a string"),
    ("s.startsWith(1)", "`startsWith` takes two strings, not a string and an int"),
    ('int("4x")', '`int` cannot read "4x"'),
    ('int(" 4")', '`int` cannot read " 4"'),
    ('int("9223372036854775808")', "the integer does not fit into 64 bits"),
    ("int(flag)", "`int` does not take a bool"),
    ('double("NaN")', '`double` cannot read "NaN"'),
    ('double("1e999")', "the number is too large"),
    ("string(list)", "`string` does not take a list"),
    ('timestamp("x")', "`x` is not a date-time such as `2026-01-03T00:00:00Z`"),
    ("timestamp(pause)", "`timestamp` does not take a duration"),
    ('duration("3 days")', "`3 days` is not a duration such as `3d` or `1m30s`"),
    ("duration(3)", "`duration` does not take an int"),
    ("sum([1m])", "`sum` does not take a duration"),
    ("min(empty)", "`min` of an empty list"),
    ("max(n)", "`max` takes a list or several values, not an int"),
    ("sum(['a'])", "`sum` does not take a string"),
    ("max([flag])", "`max` does not take a bool"),
    ("max([1, 'a'])", "`>` does not take a string and an int"),
    ("n.all(x, true)", "`all` does not take an int"),
    ("list.all(x, x)", "a condition must be true or false, not an int"),
    ("list.filter(x, 'a')", "a condition must be true or false, not a string"),
    ("f(1)", "there is no function `f` with 1 arguments"),
    ("size()", "there is no function `size` with 0 arguments"),
    ("s.upper()", "there is no method `upper` with 0 arguments"),
    ("list.all(x)", "`all` takes a variable and an expression"),
    ("list.all(1, true)", "`all` takes a variable and an expression"),
]


@pytest.mark.parametrize(("text", "message"), ERRORS, ids=[text for text, _ in ERRORS])
def test_error(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        value_of(text, **ENV)
    assert caught.value.message == message


# ---------------------------------------------------------------- where this is not CEL


def test_deviation_fractions_are_exact_decimals() -> None:
    assert value_of("0.1 + 0.2 == 0.3") is True
    assert value_of("1.0 / 3 * 3") == D("0." + 34 * "9")
    assert value_of("0.5 + 1e-34 == 0.5") is False


def test_deviation_decimals_round_half_even_at_34_digits() -> None:
    base = "1" + 32 * "0"  # 33 digits: one fraction digit is left
    assert value_of(f"{base}.2 + 0.05") == D(f"{base}.2")
    assert value_of(f"{base}.3 + 0.05") == D(f"{base}.4")


def test_deviation_integers_and_decimals_mix() -> None:
    for text in ("1 + 1.0", "1.0 + 1", "2 * 1.5", "3 - 0.5", "7 / 2.0", "7 % 2.0"):
        assert type(value_of(text)) is Decimal
    assert value_of("1 < 1.5 && 2 == 2.0 && max(1, 0.5) == 1") is True


def test_deviation_integer_division_truncates() -> None:
    assert [value_of(text) for text in ("7 / 2", "-7 / 2", "7 / -2", "-7 / -2")] == [3, -3, -3, 3]
    assert type(value_of("7 / 2")) is int


def test_deviation_decimals_print_normalised() -> None:
    assert value_of("string(120.50) + ' ' + string(3.0) + ' ' + string(1e3)") == "120.5 3 1000"


def test_deviation_durations_are_written_with_units() -> None:
    assert value_of("3d == 72h && 1w == 7d && 1500ms > 1s") is True
    assert value_of("string(72h)") == "3d"


def test_deviation_and_and_or_go_from_left_to_right() -> None:
    assert value_of("false && 1 / 0 == 1") is False
    assert value_of("true || 1 / 0 == 1") is True
    for text in ("1 / 0 == 1 && false", "1 / 0 == 1 || true"):  # CEL absorbs these errors
        with pytest.raises(ExpressionError, match="division by zero"):
            value_of(text)


def test_deviation_null_counts_as_absent() -> None:
    env = {"x": {"a": None}}
    assert value_of("has(x.a)", **env) is False
    assert value_of("x.?a.orValue(1)", **env) == 1
    assert value_of("x.a == null", **env) is True
    assert value_of("'a' in x", **env) is False
    with pytest.raises(ExpressionError, match=r"`x.a` is absent"):
        value_of("x.a + 1", **env)


def test_deviation_an_absent_value_leaves_its_key_out() -> None:
    assert value_of("{ a: x.?b, c: x.b, d: null, e: 1 }", x={}) == {"e": 1}


def test_deviation_a_date_time_stays_a_string() -> None:
    assert value_of("x + '!'", x="2026-01-03T00:00:00Z") == "2026-01-03T00:00:00Z!"
    with pytest.raises(ExpressionError, match="`<` does not take a string and a timestamp"):
        value_of("x < timestamp(x)", x="2026-01-03T00:00:00Z")


def test_deviation_integers_overflow_with_an_error() -> None:
    assert value_of("9223372036854775806 + 1") == MAX_INT
    with pytest.raises(ExpressionError, match="does not fit into 64 bits"):
        value_of("9223372036854775807 * 2")


def test_deviation_there_is_no_clock_and_no_randomness() -> None:
    for text in ("now()", "random()", "uuid()", "timestamp()"):
        with pytest.raises(ExpressionError, match="there is no function"):
            value_of(text)


def test_deviation_other_parts_of_cel_are_out() -> None:
    for text in ("uint(1)", "bytes('a')", "dyn(1)", "type(1)"):
        with pytest.raises(ExpressionError, match="there is no function"):
            value_of(text)
    with pytest.raises(ExpressionError, match="there is no method `matches`"):
        value_of("'a'.matches('a')")


# ---------------------------------------------------------------- bounds


def nested(levels: int, text: str = "1") -> Expr:
    expr: Expr = Literal(1, NOWHERE)
    for _ in range(levels):
        expr = Unary("-", expr, NOWHERE)
    return expr


def test_a_sum_of_two_thousand_terms() -> None:
    expr: Expr = Ref("n", NOWHERE)
    for _ in range(2_000):
        expr = Binary("+", expr, Literal(1, NOWHERE), NOWHERE)
    assert compile_expr(expr)({"n": 5}) == 2_005


@pytest.mark.parametrize("levels", [1, 29, 30, 31, 61, 2_000])
def test_depth_does_not_matter(levels: int) -> None:
    assert compile_expr(nested(levels))({}) == (-1) ** levels


@pytest.mark.parametrize("levels", [1, 28, 29, 30, 31, 32, 100])
def test_what_may_be_absent_does_not_depend_on_depth(levels: int) -> None:
    path = "x" + ".y" * levels
    record: dict[str, Any] = {}
    for _ in range(levels - 1):
        record = {"y": record}
    assert value_of(f"has({path})", x=record) is False
    assert value_of(f"has({path}.z.z)", x=record) is False
    assert value_of(f"{path} == null", x=record) is True
    assert value_of(f"{path}.orValue(5)", x=record) == 5
    assert value_of(path, x=record) is ABSENT
    with pytest.raises(ExpressionError, match="is absent"):
        value_of(f"{path}.z", x=record)


def test_conditions_of_two_thousand_parts_stop_early() -> None:
    expr: Expr = Ref("no", NOWHERE)
    for _ in range(2_000):
        expr = Binary("&&", expr, Ref("gone", NOWHERE), NOWHERE)
    assert compile_expr(expr)({"no": False}) is False


def test_macros_are_bounded_in_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_COST", 10_000)
    env = {"xs": list(range(100))}
    assert value_of("xs.all(x, x >= 0)", **env) is True
    for text in ("xs.all(x, xs.all(y, x + y >= 0))", "xs.map(x, x).map(x, xs.map(y, xs.map(z, 1)))"):
        with pytest.raises(ExpressionError, match="the evaluation takes too many steps"):
            value_of(text, **env)


@pytest.mark.parametrize(
    "text",
    [
        "!(-1 in xs)",
        "xs == ys",
        "size(xs + xs) > 0",
        "sum(xs) > 0",
        "min(xs) == 0",
        "!s.contains('y')",
        "size(s + s) > 0",
    ],
)
def test_long_operands_inside_of_macros_are_paid_for(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(bounds, "MAX_COST", 5_000)
    small = {"xs": list(range(20)), "ys": list(range(20)), "s": "x" * 20}
    large = {"xs": list(range(100)), "ys": list(range(100)), "s": "x" * 100}
    rounds = "[" + ", ".join(["1"] * 60) + "]"
    assert value_of(f"{rounds}.all(i, {text})", **small) is True
    assert value_of(text, **large) is True  # once is for free
    with pytest.raises(ExpressionError, match="the evaluation takes too many steps"):
        value_of(f"{rounds}.all(i, {text})", **large)


def test_the_budget_is_fresh_for_each_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_COST", 1_000)
    evaluate = compile_expr(parsed("xs.all(x, x >= 0)"))
    for _ in range(10):
        assert evaluate({"xs": list(range(200))}) is True


def test_comparing_shared_values_is_bounded() -> None:
    one: Any = ["a"]
    other: Any = ["a"]
    for _ in range(60):
        one, other = [one, one], [other, other]
    with pytest.raises(ExpressionError, match="too many steps"):
        value_of("one == other", one=one, other=other)


def test_strings_are_bounded() -> None:
    text = "x" * 600_000
    with pytest.raises(ExpressionError, match="longer than 1,048,576 characters"):
        value_of("s + s", s=text)


def test_lists_are_bounded() -> None:
    items = [1] * 600_000
    with pytest.raises(ExpressionError, match="longer than 1,000,000 items"):
        value_of("size(x + x)", x=items)


def test_results_are_bounded_in_size_and_depth() -> None:
    double = compile_expr(parsed("[x, x]"))
    value: Any = "x" * 1000
    with pytest.raises(ExpressionError, match=r"larger than|nested deeper"):
        for _ in range(200):
            value = double({"x": value})
    wrap = compile_expr(parsed("{ x: x }"))
    value = 1
    with pytest.raises(ExpressionError, match="nested deeper than 100 levels"):
        for _ in range(200):
            value = wrap({"x": value})


# ---------------------------------------------------------------- nothing of Python shows through


@pytest.mark.parametrize("name", ["__class__", "__dict__", "keys", "append", "real", "ms", "us", "as_tuple", "parse"])
def test_attributes_of_python_are_no_fields(name: str) -> None:
    for value in ("a", 1, D("1"), True, [1], T("1s"), Timestamp(0)):
        for text in (f"x.{name}", f"x.?{name}", f"has(x.{name})"):
            with pytest.raises(ExpressionError, match="has no field"):
                value_of(text, x=value)
    assert value_of(f"has(x.{name})", x={}) is False
    with pytest.raises(ExpressionError, match="there is no method"):
        value_of(f"x.{name}()", x="a")


@pytest.mark.parametrize(
    "name", ["env", "c0", "f0", "v0", "select", "truth", "fail", "start", "print", "None", "lambda"]
)
def test_names_of_ours_are_names_like_others(name: str) -> None:
    assert compile_expr(from_json(["ref", name]))({name: 5}) == 5
    with pytest.raises(ExpressionError, match=f"`{name}` is absent"):
        compile_expr(from_json(["+", ["ref", name], 1]))({})
    macro = from_json(["method", ["list", 1, 2], "map", ["ref", name], ["+", ["ref", name], 1]])
    assert compile_expr(macro)({}) == [2, 3]
    with pytest.raises(ExpressionError, match=f"there is no function `{name}`"):
        compile_expr(from_json(["call", name, 1]))({})


def test_hostile_strings_stay_strings() -> None:
    for text in ("__import__('os').system('true')", "'; raise SystemExit; '", "{env}", "\x00", "\\", "%s"):
        assert compile_expr(Literal(text, NOWHERE))({}) == text
        assert compile_expr(Method(Literal(text, NOWHERE), "size", (), NOWHERE, NOWHERE))({}) == len(text)


def test_evaluation_changes_nothing() -> None:
    env = {"xs": [3, 1], "m": {"a": 1}}
    for text in ("xs + [4]", "xs.map(x, x + 1)", "{ a: m, b: xs }", "xs.filter(x, x > 1)", "sum(xs)"):
        value_of(text, **env)
    assert env == {"xs": [3, 1], "m": {"a": 1}}


def test_compiled_once_used_by_many_threads() -> None:
    evaluate = compile_expr(parsed("sum(xs.map(x, x * n)) / 3.0 + xs.filter(x, x > n)[0]"))
    failures: list[object] = []

    def work(n: int) -> None:
        xs = list(range(n + 5))
        want = evaluate({"xs": xs, "n": n})
        failures.extend(n for _ in range(200) if evaluate({"xs": xs, "n": n}) != want)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
