"""The types of expressions, and what is said where a value does not fit."""

from __future__ import annotations

from decimal import Decimal

import pytest

from flowlang.diagnostic import Diagnostic
from flowlang.expression import words
from flowlang.expression.check import narrow, type_of
from flowlang.expression.fit import EITHER, common, describe, join, misfit, not_json, problems
from flowlang.expression.json import NOWHERE
from flowlang.expression.tree import Binary, Expr, Function, Literal, Ref, Select
from flowlang.expression.types import (
    ANY,
    BOOL,
    DECIMAL,
    DURATION,
    INT,
    NULL,
    STRING,
    TIMESTAMP,
    Field,
    ListType,
    MapType,
    Maybe,
    Record,
    String,
    Type,
)
from flowlang.source import Source, Span
from tests.expression.parsing import parsed

CONTRACT = Source("contracts/orders.yaml", "schemas: { total: { type: number }, note: { type: string } }")


def declared(name: str) -> Span:
    start = CONTRACT.text.index(f"{name}:")
    return Span(CONTRACT, start, start + len(name))


def record(name: str = "", /, open: bool = False, **fields: Type) -> Record:
    """A record; a field of an optional type is not required."""
    made = [
        Field(field, type.item if isinstance(type, Maybe) else type, not isinstance(type, Maybe))
        for field, type in sorted(fields.items())
    ]
    return Record(tuple(made), name, open)


ITEM = record("Item", sku=STRING, qty=INT, note=Maybe(STRING))
COUNTRY = String(("de", "fr", "uk"))
ORDER = Record(
    (
        Field("country", COUNTRY, True),
        Field("due", STRING, True),
        Field("id", STRING, True),
        Field("items", ListType(ITEM), True),
        Field("note", STRING, False, span=declared("note")),
        Field("rate", DECIMAL, False),
        Field("to", record("Address", zip=Maybe(STRING), city=STRING), False),
        Field("total", DECIMAL, True, span=declared("total")),
    ),
    "Order",
)
ENV: dict[str, Type] = {
    "order": ORDER,
    "n": INT,
    "d": DECIMAL,
    "s": STRING,
    "b": BOOL,
    "pause": DURATION,
    "moment": TIMESTAMP,
    "any": ANY,
    "maybe": Maybe(INT),
    "map": MapType(INT),
    "open": record("Open", open=True, a=INT),
    "xs": ListType(INT),
    "country": COUNTRY,
    "other": String(("at", "ch")),
}

TYPES: list[tuple[str, Type]] = [
    ("null", NULL),
    ("3", INT),
    ("3.0", DECIMAL),
    ("3d", DURATION),
    ('"de"', STRING),
    ("order.total", DECIMAL),
    ("order.items[0].qty", INT),
    ("order.country", COUNTRY),
    ('order["total"]', DECIMAL),
    ("order.note", Maybe(STRING)),
    ("order.?note", Maybe(STRING)),
    ("order.?total", Maybe(DECIMAL)),
    ("order.?to.?zip", Maybe(STRING)),
    ("order.to.?zip", Maybe(STRING)),
    ("maybe", Maybe(INT)),
    ("map.a", Maybe(INT)),
    ('map["a"]', Maybe(INT)),
    ("open.a", INT),
    ("open.b", Maybe(ANY)),
    ("order[s]", Maybe(ANY)),
    ("any.x.y[3]", ANY),
    ("order.note.orValue('x')", STRING),
    ("order.note.orValue(null)", Maybe(STRING)),
    ("order.note.orValue(order.?to.?zip)", Maybe(STRING)),
    ("maybe.orValue(1)", INT),
    ("order.rate.orValue(1)", DECIMAL),
    ("has(order.note)", BOOL),
    ("has(order.to.zip)", BOOL),
    ("order.note == null", BOOL),
    ("null != maybe", BOOL),
    ("n + n", INT),
    ("n + d", DECIMAL),
    ("n / n", INT),
    ("d % n", DECIMAL),
    ("-n", INT),
    ("-pause", DURATION),
    ("s + s", STRING),
    ("order.country + s", STRING),
    ("xs + [1]", ListType(INT)),
    ("xs + [1.5]", ListType(DECIMAL)),
    ("pause + 3d", DURATION),
    ("moment + pause", TIMESTAMP),
    ("pause + moment", TIMESTAMP),
    ("moment - moment", DURATION),
    ("moment - pause", TIMESTAMP),
    ("2 * pause", DURATION),
    ("pause / 2", DURATION),
    ("any + 1", ANY),
    ("any + s", STRING),
    ("any * d", DECIMAL),
    ("any < 1", BOOL),
    ("any + any", ANY),
    ("n < d", BOOL),
    ("s >= order.id", BOOL),
    ("pause < 3d", BOOL),
    ("n == d", BOOL),
    ("xs == [1.0]", BOOL),
    ("order == { id: 'x' }", BOOL),
    ("3 in xs", BOOL),
    ("s in map", BOOL),
    ("s in order", BOOL),
    ("any in any", BOOL),
    ("b && !b || n > 3", BOOL),
    ("b ? n : d", DECIMAL),
    ("b ? 'x' : s", STRING),
    ("b ? order.note : s", Maybe(STRING)),
    ("b ? n : null", Maybe(INT)),
    ("b ? country : other", String(("de", "fr", "uk", "at", "ch"))),
    ("b ? { a: 1 } : { a: 2, c: s }", record(a=INT, c=Maybe(STRING))),
    ("[]", ListType(ANY)),
    ("[n, d]", ListType(DECIMAL)),
    ("[1, 'x']", ListType(ANY)),
    ("{}", record()),
    ("{ b: s, a: order.note, c: null }", record(b=STRING, a=Maybe(STRING))),
    ("size(s) + size(xs) + size(order) + xs.size()", INT),
    ("int('3') + int(d)", INT),
    ("double(n)", DECIMAL),
    ("string(moment)", STRING),
    ("timestamp(order.due)", TIMESTAMP),
    ("duration(s)", DURATION),
    ("sum(xs)", INT),
    ("sum(order.items.map(i, i.qty * d))", DECIMAL),
    ("sum(n, d)", DECIMAL),
    ("max('a', order.country)", STRING),
    ("min([1d, pause])", DURATION),
    ("min(any)", ANY),
    ("s.contains('x') && s.startsWith(s) || s.endsWith(s)", BOOL),
    ("order.items.all(i, i.qty > 0)", BOOL),
    ("map.exists(k, k == 'a')", BOOL),
    ("order.items.map(i, i.sku)", ListType(STRING)),
    ("order.items.filter(i, i.qty > 1)", ListType(ITEM)),
    ("order.items.filter(i, has(i.note)).map(i, i.note)", ListType(STRING)),
    ("any.map(i, i.x)", ListType(ANY)),
    # guards
    ("has(order.note) && order.note.size() > 3", BOOL),
    ("!has(order.note) || order.note.size() > 3", BOOL),
    ("has(order.note) ? order.note : ''", STRING),
    ("order.note != null ? order.note : ''", STRING),
    ("order.note == null ? '' : order.note", STRING),
    ("has(maybe) && maybe > 3", BOOL),
    ("has(map.a) && map.a > 3", BOOL),
    ("has(map.a) && map['a'] > 3", BOOL),
    ("has(order.to.zip) && order.to.zip == order.to.city", BOOL),
    ("b && (has(maybe) && b) && maybe > 3", BOOL),
    ("!(order.note == null || b) && size(order.note) > 3", BOOL),
    ("has(order.to) ? order.to.city : ''", STRING),
]


@pytest.mark.parametrize(("text", "type"), TYPES, ids=[text for text, _ in TYPES])
def test_type(text: str, type: Type) -> None:
    found: list[Diagnostic] = []
    assert type_of(parsed(text), ENV, found.append) == type
    assert [finding.code for finding in found] == []


# The expression, the code, the guilty part, and words that must be said (of message, hint, note and help).
FINDINGS: list[tuple[str, str, str, str]] = [
    ("ordr.id", "FL0201", "ordr", "nothing here is named `ordr` did you mean `order`?"),
    ("zzz == null", "FL0201", "zzz", "nothing here is named `zzz` known names: any, b, country"),
    ("order.totl > 1", "FL0302", "totl", "`Order` has no field `totl` did you mean `total`?"),
    ("order.xyz", "FL0302", "xyz", "known fields: country, due, id, items, note, rate, to, total"),
    ("order['totl']", "FL0302", "'totl'", "`Order` has no field `totl`"),
    ("has(order.totl)", "FL0302", "totl", "`Order` has no field `totl`"),
    ("order.?totl", "FL0302", "totl", "`Order` has no field `totl`"),
    ("{ a: 1 }.b", "FL0302", "b", "`{ a: 1 }` has no field `b`"),
    ("order.items.all(i, i.qtyy > 1)", "FL0302", "qtyy", "`Item` has no field `qtyy` did you mean `qty`?"),
    ("order.items.qty", "FL0310", "qty", "`order.items` is a list of `Item`, which has no fields"),
    ("order.id.x", "FL0310", "x", "`order.id` is a string"),
    ("order.note + 'x'", "FL0311", "note", "has(order.note) order.?note.orValue(...)"),
    ("order.note == 'x'", "FL0311", "note", "`order.note` may be absent"),
    ("order.?note == 'x'", "FL0311", "note", "`order.note` may be absent"),
    ("order.to.city", "FL0311", "to", "read on with `order.?to.?city`"),
    ("order.?to.city", "FL0311", "to", "read on with `order.?to.?city`"),
    ("maybe + 1", "FL0311", "maybe", "has(maybe) maybe.orValue(...)"),
    ("size(order.note)", "FL0311", "note", "`order.note` may be absent"),
    ("order.note.contains('x')", "FL0311", "note", "`order.note` may be absent"),
    ("[order.note]", "FL0311", "note", "`order.note` may be absent"),
    ("map.a + 1", "FL0311", "a", "`map.a` may be absent"),
    ("map['a'] + 1", "FL0311", "map['a']", 'map["a"]` may be absent'),
    ("has(order.note) || order.note == 'x'", "FL0311", "note", "`order.note` may be absent"),
    ("!has(order.note) && order.note == 'x'", "FL0311", "note", "`order.note` may be absent"),
    ("has(order.note) ? 'x' : order.note + 'x'", "FL0311", "note", "`order.note` may be absent"),
    ("has(order.to) && order.to.zip == 'x'", "FL0311", "zip", "`order.to.zip` may be absent"),
    ("order.items.map(i, i.note)", "FL0311", "note", "`i.note` may be absent"),
    ("[null]", "FL0311", "null", "`null` is always absent"),
    ("'a' + n", "FL0312", "'a' + n", "`+` does not take a string and an int string(n)"),
    ("d + s", "FL0312", "d + s", "string(d)"),
    ("s - s", "FL0312", "s - s", "`-` does not take a string and a string"),
    ("b + n", "FL0312", "b + n", "a bool and an int"),
    ("any + b", "FL0312", "any + b", "any value and a bool"),
    ("order.due < moment", "FL0312", "order.due < moment", "timestamp(order.due)"),
    ("s > n", "FL0312", "s > n", "`>` does not take a string and an int"),
    ("b < b", "FL0312", "b < b", "`<` does not take a bool and a bool"),
    ("moment + moment", "FL0312", "moment + moment", "`+` does not take a timestamp and a timestamp"),
    ("pause * 1.5", "FL0312", "pause * 1.5", "a duration and a decimal"),
    ("'a' in s", "FL0312", "'a' in s", 's.contains("a")'),
    ("n in map", "FL0312", "n in map", "`in` does not take an int and a map of int"),
    ("-s", "FL0312", "-s", "`-` does not take a string"),
    ("n && b", "FL0313", "n", "what `&&` takes is true or false, and this is an int"),
    ("b || s", "FL0313", "s", "what `||` takes"),
    ("!n", "FL0313", "n", "what `!` takes"),
    ("n ? 1 : 2", "FL0313", "n", "the condition of `?:`"),
    ("xs.filter(x, x)", "FL0313", "x", "what `filter` asks of each item"),
    ("s == n", "FL0314", "s == n", "a string and an int are never equal"),
    ("order == n", "FL0314", "order == n", "`Order` and an int are never equal"),
    ("moment != order.due", "FL0314", "moment != order.due", "a timestamp and a string"),
    ("xs == [s]", "FL0314", "xs == [s]", "a list of int and a list of string"),
    ("s in xs", "FL0314", "s in xs", "a string and an item of a list of int"),
    ("order.country == 'germany'", "FL0315", "'germany'", "`germany` is none of the values of `order.country`"),
    ("'dee' != order.country", "FL0315", "'dee'", "did you mean `de`? known values: de, fr, uk"),
    ("order.country in ['de', 'xx']", "FL0315", "'xx'", "`xx` is none of the values of `order.country`"),
    ("'xx' in [order.country]", "FL0315", "'xx'", "`xx` is none of the values"),
    ("n / 0", "FL0316", "0", "divides by zero"),
    ("d % 0.0", "FL0316", "0.0", "divides by zero"),
    ("b ? 1 : 'x'", "FL0317", "'x'", "an int or a string"),
    ("order.note.orValue(3)", "FL0317", "3", "a string or an int"),
    ("xs['a']", "FL0318", "'a'", "a list of int has no index that is a string"),
    ("xs[1.0]", "FL0318", "1.0", "a list of int has no index that is a decimal"),
    ("map[1]", "FL0318", "1", "a map of int has no index that is an int"),
    ("n[0]", "FL0318", "0", "an int has no index that is an int"),
    ("sise(s)", "FL0319", "sise", "did you mean `size`?"),
    ("contains(s, s)", "FL0319", "contains", "a method: `x.contains(...)`"),
    ("now()", "FL0319", "now", "there is no function `now`"),
    ("s.endswith('x')", "FL0320", "endswith", "did you mean `endsWith`?"),
    ("n.string()", "FL0320", "string", "there is no method `string`"),
    ("n.timestamp()", "FL0320", "timestamp", "a function: `timestamp(...)`"),
    ("size()", "FL0321", "size()", "`size` takes one value, not nothing"),
    ("size(s, s)", "FL0321", "size(s, s)", "not 2 values"),
    ("sum()", "FL0321", "sum()", "a list or several values"),
    ("has()", "FL0321", "has()", "a name or a field"),
    ("s.contains()", "FL0321", "s.contains()", "`contains` takes one string"),
    ("s.size(3)", "FL0321", "s.size(3)", "`size` takes nothing, not one value"),
    ("maybe.orValue()", "FL0321", "maybe.orValue()", "`orValue` takes one value"),
    ("xs.all(x)", "FL0321", "xs.all(x)", "a variable and an expression"),
    ("size(n)", "FL0322", "n", "`size` takes a string, a list or a map, not an int"),
    ("n.contains('x')", "FL0322", "n", "`contains` takes two strings, not an int"),
    ("s.startsWith(n)", "FL0322", "n", "`startsWith` takes two strings, not an int"),
    ("sum(n)", "FL0322", "n", "`sum` takes a list or several values, not an int"),
    ("sum([s])", "FL0322", "[s]", "`sum` takes numbers, not a string"),
    ("sum(n, s)", "FL0322", "s", "`sum` takes numbers, not a string"),
    ("max(n, s)", "FL0322", "s", "values of one kind, not an int and a string"),
    ("max(b, b)", "FL0322", "b", "not a bool"),
    ("n.all(x, true)", "FL0322", "n", "`all` takes a list or a map, not an int"),
    ("int(b)", "FL0322", "b", "`int` takes a number, a string or a timestamp, not a bool"),
    ("string(xs)", "FL0322", "xs", "not a list of int"),
    ("duration(n)", "FL0322", "n", "`duration` takes a string, not an int"),
    ("timestamp('tomorrow')", "FL0323", "'tomorrow'", "`tomorrow` is not a date-time"),
    ("duration('3 days')", "FL0323", "'3 days'", "`3 days` is not a duration"),
    ("int('three')", "FL0323", "'three'", '`int` cannot read "three"'),
    ("has(size(s))", "FL0324", "size(s)", "`has` takes a name or a field"),
    ("xs.all(xs[0], true)", "FL0324", "xs[0]", "`all` takes the name of a variable first"),
    ("order.rate.orValue(1) / 2", "FL0325", "order.rate.orValue(1) / 2", "both numbers may be integers here"),
    ("[1, 2.5][0] / 2", "FL0325", "[1, 2.5][0] / 2", "both numbers may be integers here"),
    ("[1, 2.5].map(x, x / 2)", "FL0325", "x / 2", "both numbers may be integers here"),
    ("[[1], [2.5]][0][0] / 2", "FL0325", "[[1], [2.5]][0][0] / 2", "both numbers may be integers here"),
    ("[[2.5], [1, 2.5]][1][0] / 2", "FL0325", "[[2.5], [1, 2.5]][1][0] / 2", "both numbers may be integers here"),
    (
        "[{ a: 2.5 }, { a: b ? 1 : 2.5 }][1].a / 2",
        "FL0325",
        "[{ a: 2.5 }, { a: b ? 1 : 2.5 }][1].a / 2",
        "both numbers may be integers here",
    ),
    ("([1] + [2.5])[0] / 2", "FL0325", "([1] + [2.5])[0] / 2", "both numbers may be integers here"),
    ("n / -[2.5, n][1]", "FL0325", "n / -[2.5, n][1]", "both numbers may be integers here"),
    ("(b ? 1 : 2.5) * 3 / n", "FL0325", "(b ? 1 : 2.5) * 3 / n", "both numbers may be integers here"),
]


@pytest.mark.parametrize(("text", "code", "part", "said"), FINDINGS, ids=[text for text, *_ in FINDINGS])
def test_finding(text: str, code: str, part: str, said: str) -> None:
    found: list[Diagnostic] = []
    type_of(parsed(text), ENV, found.append)
    assert [finding.code for finding in found] == [code]  # one cause, one finding
    [finding] = found
    assert finding.span.text == part
    whole = " ".join(finding.say(words) for words in (finding.message, finding.hint, finding.note, finding.help))
    assert_said(whole, said)


def assert_said(whole: str, piece: str) -> None:
    """All words of `piece` are in `whole`, in their order."""
    at = 0
    for word in piece.split():
        at = whole.find(word, at)
        assert at >= 0, (word, whole)


def test_every_finding_is_tried() -> None:
    kinds: list[type[Diagnostic]] = Diagnostic.__subclasses__()
    assert {kind.code for kind in kinds if kind.__module__ == words.__name__} == {code for _, code, _, _ in FINDINGS}


@pytest.mark.parametrize(
    "text", ["order.rate.orValue(1.0) / 2", "order.rate.orValue(1) / 2.0", "double(b ? 1 : 2.5) / 2"]
)
def test_a_division_that_is_sure(text: str) -> None:
    found: list[Diagnostic] = []
    assert type_of(parsed(text), ENV, found.append) == DECIMAL
    assert found == []


def test_the_sample_of_the_language_page() -> None:
    found: list[Diagnostic] = []
    type_of(parsed("order.totl > 1000"), ENV, found.append)
    [finding] = found
    assert (finding.code, finding.say(finding.message)) == ("FL0302", "`Order` has no field `totl`")
    assert (finding.span.text, finding.hint) == ("totl", "did you mean `total`?")
    assert [(label.span.text, label.text) for label in finding.related] == [("total", "declared here")]
    assert finding.say(finding.note) == "known fields: country, due, id, items, note, rate, to, total"


def test_an_absent_field_shows_its_declaration() -> None:
    found: list[Diagnostic] = []
    type_of(parsed("size(order.note)"), ENV, found.append)
    assert [(label.span.text, label.text) for label in found[0].related] == [("note", "not required here")]


def test_several_causes_give_several_findings() -> None:
    found: list[Diagnostic] = []
    type_of(parsed("order.totl > 1 && ordr.id == 'x' || order.note == 'x'"), ENV, found.append)
    assert [finding.code for finding in found] == ["FL0302", "FL0201", "FL0311"]


def test_what_was_reported_is_not_reported_again() -> None:
    found: list[Diagnostic] = []
    type_of(parsed("order.totl.x[3].y('a') + ordr < 3"), ENV, found.append)
    assert [finding.code for finding in found] == ["FL0302", "FL0320", "FL0201"]


def test_long_chains() -> None:
    total: Expr = Ref("n", NOWHERE)
    both: Expr = Ref("b", NOWHERE)
    guards: Expr = Function("has", (Ref("maybe", NOWHERE),), NOWHERE, NOWHERE)
    for _ in range(2_000):
        total = Binary("+", total, Literal(1, NOWHERE), NOWHERE)
        both = Binary("&&", both, Ref("b", NOWHERE), NOWHERE)
        guards = Binary("&&", guards, Binary(">", Ref("maybe", NOWHERE), Literal(1, NOWHERE), NOWHERE), NOWHERE)
    found: list[Diagnostic] = []
    assert type_of(total, ENV, found.append) == INT
    assert type_of(both, ENV, found.append) == BOOL
    assert type_of(guards, ENV, found.append) == BOOL
    assert narrow(guards, ENV, True)["maybe"] == INT
    assert found == []


# ---------------------------------------------------------------- guards


@pytest.mark.parametrize(
    ("guard", "truth", "present"),
    [
        ("has(maybe)", True, True),
        ("has(maybe)", False, False),
        ("!has(maybe)", False, True),
        ("!!has(maybe)", True, True),
        ("maybe != null", True, True),
        ("null != maybe", True, True),
        ("maybe == null", False, True),
        ("maybe == null", True, False),
        ("has(maybe) && b", True, True),
        ("b && has(maybe)", True, True),
        ("b && has(maybe)", False, False),
        ("b || has(maybe)", True, False),
        ("!has(maybe) || b", False, True),
        ("b || !has(maybe)", False, True),
        ("!(b || maybe == null)", True, True),
        ("b", True, False),
    ],
)
def test_guards(guard: str, truth: bool, present: bool) -> None:
    narrowed = narrow(parsed(guard), ENV, truth)
    assert narrowed["maybe"] == (INT if present else Maybe(INT))
    if not present:
        assert narrowed is ENV
    assert ENV["maybe"] == Maybe(INT)


def test_a_guard_makes_the_whole_path_present() -> None:
    narrowed = narrow(parsed("has(order.to.zip)"), ENV, True)["order"]
    assert isinstance(narrowed, Record)
    to = next(field for field in narrowed.fields if field.name == "to")
    assert to.required
    assert to.type == record("Address", zip=STRING, city=STRING)
    assert [field.name for field in narrowed.fields] == [field.name for field in ORDER.fields]


def test_guards_of_what_is_not_a_known_path_say_nothing() -> None:
    for text in ("has(unknown)", "has(unknown.x)", "has(any.x)", "has(order.id)", "has(order.totl)", "has(n.x)"):
        assert narrow(parsed(text), ENV, True) is ENV


# ---------------------------------------------------------------- one type in the place of another


@pytest.mark.parametrize(
    ("source", "target", "why"),
    [
        (INT, INT, None),
        (INT, DECIMAL, None),
        (DECIMAL, INT, "it is a decimal, not an int"),
        (INT, STRING, "it is an int, not a string"),
        (BOOL, INT, "it is a bool, not an int"),
        (TIMESTAMP, STRING, "it is a timestamp, not a string"),
        (ANY, INT, None),
        (INT, ANY, None),
        (Maybe(INT), ANY, None),
        (INT, Maybe(INT), None),
        (Maybe(INT), Maybe(DECIMAL), None),
        (NULL, Maybe(INT), None),
        (NULL, INT, "it is null, not an int"),
        (Maybe(INT), INT, "it may be absent"),
        (STRING, COUNTRY, None),
        (COUNTRY, STRING, None),
        (String(("de",)), COUNTRY, None),
        (String(("de", "at", "ch")), COUNTRY, "it can be `at` and `ch`, and only `de`, `fr` and `uk` are known"),
        (ListType(INT), ListType(DECIMAL), None),
        (ListType(STRING), ListType(INT), "an item is a string, not an int"),
        (ListType(INT), INT, "it is a list of int, not an int"),
        (ListType(ListType(STRING)), ListType(ListType(INT)), "in an item, an item is a string, not an int"),
        (INT, ListType(INT), "it is an int, not a list of int"),
        (record(a=INT), record(a=DECIMAL), None),
        (record(a=INT), record(a=DECIMAL, b=Maybe(INT)), None),
        (record(a=INT), record(a=INT, b=INT), "it lacks `b`"),
        (record(open=True, a=INT), record(a=INT, b=INT), "it may lack `b`"),
        (record(a=Maybe(INT)), record(a=INT), "`a` may be absent"),
        (record(a=INT, b=INT), record("Order", a=INT), "it has `b`, which `Order` does not have"),
        (record(a=INT, b=INT), record(open=True, a=INT), None),
        (record(a=STRING), record(a=INT), "`a` is a string, not an int"),
        (record(a=record(b=STRING)), record(a=record(b=INT)), "in `a`, `b` is a string, not an int"),
        (record(a=record()), record(a=record(b=INT)), "`a` lacks `b`"),
        (record(a=INT), MapType(DECIMAL), None),
        (record(a=STRING), MapType(INT), "`a` is a string, not an int"),
        (MapType(INT), MapType(DECIMAL), None),
        (MapType(STRING), MapType(INT), "an item is a string, not an int"),
        (MapType(INT), record(a=Maybe(INT)), None),
        (MapType(INT), record(a=INT), "it may lack `a`"),
        (record("Order", a=INT), INT, "it is `Order`, not an int"),
        (STRING, record("Order", a=INT), "it is a string, not `Order`"),
    ],
)
def test_problems(source: Type, target: Type, why: str | None) -> None:
    assert problems(source, target) == why


def test_a_literal_must_be_in_the_enum() -> None:
    assert misfit(parsed("'de'"), STRING, COUNTRY) is None
    assert misfit(parsed("'xx'"), STRING, COUNTRY) == "only `de`, `fr` and `uk` are known"
    assert misfit(parsed("'xx'"), STRING, Maybe(String(("a",)))) == "only `a` is known"
    assert misfit(parsed("s"), STRING, COUNTRY) is None
    assert misfit(parsed("3"), INT, COUNTRY) == "it is an int, not a string"


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (INT, INT, INT),
        (INT, DECIMAL, DECIMAL),
        (INT, STRING, ANY),
        (INT, NULL, Maybe(INT)),
        (Maybe(INT), DECIMAL, Maybe(DECIMAL)),
        (Maybe(INT), STRING, ANY),
        (ANY, INT, ANY),
        (COUNTRY, STRING, STRING),
        (String(("a", "b")), String(("b", "c")), String(("a", "b", "c"))),
        (ListType(INT), ListType(DECIMAL), ListType(DECIMAL)),
        (ListType(INT), ListType(STRING), ListType(ANY)),
        (MapType(INT), MapType(DECIMAL), MapType(DECIMAL)),
        (record(a=INT), MapType(INT), ANY),
        (record(a=INT, b=INT), record(a=DECIMAL), record(a=DECIMAL, b=Maybe(INT))),
        (record(a=Maybe(INT)), record(a=INT), record(a=Maybe(INT))),
        (record(a=INT), record(open=True, a=INT), record(open=True, a=INT)),
    ],
)
def test_join(one: Type, other: Type, both: Type) -> None:
    assert join(one, other) == both
    if not isinstance(both, String):
        assert join(other, one) == both


@pytest.mark.parametrize(
    ("type", "said"),
    [
        (DURATION, "a duration is not JSON; use `string(...)`"),
        (Maybe(TIMESTAMP), "a timestamp is not JSON; use `string(...)`"),
        (ListType(DURATION), "a duration in it is not JSON; use `string(...)`"),
        (record(a=INT, b=MapType(Maybe(TIMESTAMP))), "a timestamp in it is not JSON; use `string(...)`"),
        (record(a=INT, b=ListType(ITEM)), None),
        (ANY, None),
    ],
)
def test_not_json(type: Type, said: str | None) -> None:
    assert not_json(type) == said


def test_shared_parts_of_a_type_are_looked_at_once() -> None:
    type: Type = INT
    for _ in range(60):
        type = record(a=type, b=type)
    assert not_json(type) is None


def test_either_is_told_apart_from_decimal_by_identity() -> None:
    assert EITHER == DECIMAL
    assert common(INT, DECIMAL) is EITHER
    assert common(DECIMAL, EITHER) is EITHER
    assert common(EITHER, DECIMAL) is EITHER
    assert common(DECIMAL, DECIMAL) is DECIMAL


@pytest.mark.parametrize(
    ("type", "said"),
    [
        (INT, "an int"),
        (DECIMAL, "a decimal"),
        (NULL, "null"),
        (COUNTRY, "a string"),
        (ANY, "any value"),
        (ListType(ANY), "a list"),
        (ListType(ITEM), "a list of `Item`"),
        (ListType(record(a=INT)), "a list of map with `a`"),
        (MapType(INT), "a map of int"),
        (ITEM, "`Item`"),
        (record(a=INT, b=INT), "a map with `a` and `b`"),
        (record(), "a map"),
        (Maybe(INT), "an optional int"),
        (Maybe(ITEM), "an optional `Item`"),
    ],
)
def test_describe(type: Type, said: str) -> None:
    assert describe(type) == said


def test_a_number_has_no_fields() -> None:
    found: list[Diagnostic] = []
    expr = Select(Literal(Decimal(1), NOWHERE), "x", False, NOWHERE, NOWHERE)
    assert type_of(expr, {}, found.append) == ANY
    assert [finding.code for finding in found] == ["FL0310"]
