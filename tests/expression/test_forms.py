"""The forms of an expression: text, JSON, and the names that it reads."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from flowlang.expression.json import NOWHERE, BadTree, from_json, to_json
from flowlang.expression.names import free_names, selected_paths
from flowlang.expression.text import to_text
from flowlang.expression.tree import (
    Binary,
    Entry,
    Expr,
    Function,
    Index,
    ListOf,
    Literal,
    MapOf,
    Method,
    Ref,
    Select,
    Ternary,
    Unary,
)
from flowlang.values import Duration


def lit(value: bool | int | Decimal | str | Duration | None) -> Expr:
    return Literal(value, NOWHERE)


def ref(name: str) -> Expr:
    return Ref(name, NOWHERE)


def dot(of: Expr, name: str, optional: bool = False) -> Expr:
    return Select(of, name, optional, NOWHERE, NOWHERE)


def two(op: str, left: Expr, right: Expr) -> Expr:
    return Binary(op, left, right, NOWHERE)


def method(of: Expr, name: str, *args: Expr) -> Expr:
    return Method(of, name, args, NOWHERE, NOWHERE)


def call(name: str, *args: Expr) -> Expr:
    return Function(name, args, NOWHERE, NOWHERE)


A, B, C = ref("a"), ref("b"), ref("c")
TEXTS: list[tuple[Expr, str]] = [
    (lit(None), "null"),
    (lit(True), "true"),
    (lit(3), "3"),
    (lit(Decimal("3")), "3.0"),
    (lit(Decimal("120.50")), "120.5"),
    (lit(Decimal("1E+40")), "1e40"),
    (lit(Duration(259_200_000)), "3d"),
    (lit('say "hi"\n\\'), '"say \\"hi\\"\\n\\\\"'),
    (lit("\u202e"), '"\\u202e"'),
    (dot(dot(A, "b"), "c", optional=True), "a.b.?c"),
    (dot(dot(dot(A, "b", optional=True), "c"), "d"), "a.?b.c.d"),
    (dot(lit(3), "x"), "(3).x"),
    (method(lit("x"), "size"), '"x".size()'),
    (dot(Unary("-", A, NOWHERE), "x"), "(-a).x"),
    (Unary("-", dot(A, "x"), NOWHERE), "-a.x"),
    (Unary("!", Unary("!", A, NOWHERE), NOWHERE), "!!a"),
    (Unary("!", two("==", A, B), NOWHERE), "!(a == b)"),
    (Index(A, lit(0), NOWHERE), "a[0]"),
    (two("-", two("-", A, B), C), "a - b - c"),
    (two("-", A, two("-", B, C)), "a - (b - c)"),
    (two("*", two("+", A, B), C), "(a + b) * c"),
    (two("+", A, two("*", B, C)), "a + b * c"),
    (two("||", two("&&", A, B), C), "a && b || c"),
    (two("&&", two("||", A, B), C), "(a || b) && c"),
    (two("==", two("<", A, B), C), "a < b == c"),
    (two("<", A, two("==", B, C)), "a < (b == c)"),
    (Ternary(A, B, Ternary(B, C, A, NOWHERE), NOWHERE), "a ? b : b ? c : a"),
    (Ternary(A, Ternary(B, C, A, NOWHERE), B, NOWHERE), "a ? (b ? c : a) : b"),
    (two("+", Ternary(A, B, C, NOWHERE), A), "(a ? b : c) + a"),
    (ListOf((A, lit(1)), NOWHERE), "[a, 1]"),
    (ListOf((), NOWHERE), "[]"),
    (MapOf((), NOWHERE), "{}"),
    (
        MapOf((Entry("in", A, NOWHERE), Entry("x y", Ternary(A, B, C, NOWHERE), NOWHERE)), NOWHERE),
        '{ in: a, "x y": a ? b : c }',
    ),
    (call("has", dot(A, "b")), "has(a.b)"),
    (method(A, "all", ref("x"), two(">", ref("x"), lit(0))), "a.all(x, x > 0)"),
]


@pytest.mark.parametrize(("tree", "text"), TEXTS, ids=[text for _, text in TEXTS])
def test_text_has_few_parentheses(tree: Expr, text: str) -> None:
    assert to_text(tree) == text


@pytest.mark.parametrize("tree", [tree for tree, _ in TEXTS], ids=[text for _, text in TEXTS])
def test_json_survives_a_file(tree: Expr) -> None:
    assert from_json(json.loads(json.dumps(to_json(tree)))) == tree


def test_json_is_compact() -> None:
    assert to_json(two(">", dot(dot(ref("order"), "total"), "net"), lit(Decimal("1.50")))) == [
        ">",
        ["select", ["ref", "order"], "total", "net"],
        ["decimal", "1.5"],
    ]
    assert to_json(two("-", two("+", A, B), C)) == ["chain", ["ref", "a"], "+", ["ref", "b"], "-", ["ref", "c"]]


def test_literals_keep_their_kind() -> None:
    for value in (3, Decimal("3.0"), "3", Duration(3), True, None):
        again = from_json(to_json(lit(value)))
        assert isinstance(again, Literal)
        assert type(again.value) is type(value)


@pytest.mark.parametrize(
    "data",
    [
        [],
        {},
        ["nothing", 1],
        ["ref"],
        ["ref", "a b"],
        ["ref", "__class__()"],
        ["select", ["ref", "a"]],
        ["select", ["ref", "a"], 3],
        ["select?", ["ref", "a"], "b", "c"],
        ["+", 1],
        ["+", 1, 2, 3],
        ["chain", 1, "+", 2, "-"],
        ["chain", 1, "foo", 2, "-", 3],
        ["decimal", "NaN"],
        ["decimal", "x"],
        ["decimal", "1e999"],
        ["duration", "3 days"],
        ["if", 1, 2],
        ["map", ["a"]],
        ["map", [1, 2]],
        ["method", ["list"], "all", 3, True],
        [["ref", "a"]],
        Decimal("1.5"),
        2**64,
        1.5,
    ],
)
def test_json_that_is_no_expression_is_refused(data: object) -> None:
    with pytest.raises(BadTree):
        from_json(data)


def test_deep_json_is_refused() -> None:
    data: object = ["ref", "a"]
    for _ in range(5_000):
        data = ["!", data]
    with pytest.raises(BadTree, match="nested too deeply"):
        from_json(data)


def long_chains() -> list[Expr]:
    """A sum, a conjunction, a path and a ternary of 2,000 parts each."""
    total, both, path, choice = A, A, A, A
    for number in range(2_000):
        total = two("+" if number % 3 else "-", total, lit(number))
        both = two("&&", both, B)
        path = dot(path, "next")
        choice = Ternary(A, B, choice, NOWHERE)
    return [total, both, path, choice]


@pytest.mark.parametrize("tree", long_chains(), ids=["sum", "and", "path", "ternary"])
def test_two_thousand_terms(tree: Expr) -> None:
    data = json.loads(json.dumps(to_json(tree)))
    assert to_text(from_json(data)) == to_text(tree)
    assert free_names(tree) <= {"a", "b"}
    assert selected_paths(tree).keys() == free_names(tree)


def test_macro_variables_are_not_free() -> None:
    inner = two("==", dot(ref("x"), "sku"), dot(ref("order"), "sku"))
    assert free_names(method(ref("items"), "exists", ref("x"), inner)) == {"items", "order"}
    assert free_names(method(ref("x"), "map", ref("x"), ref("x"))) == {"x"}  # the list itself is a name of the flow
    assert free_names(method(ref("x"), "contains", ref("y"))) == {"x", "y"}


def test_selected_paths() -> None:
    both = two("+", dot(ref("order"), "id"), dot(dot(ref("order"), "to"), "zip", optional=True))
    assert selected_paths(both) == {"order": {("id",), ("to", "zip")}}
    assert selected_paths(two("+", both, call("size", ref("order")))) == {"order": {()}}
    assert selected_paths(two("==", dot(dot(ref("a"), "b"), "c"), dot(ref("a"), "b"))) == {"a": {("b",)}}
    assert selected_paths(Index(dot(ref("a"), "items"), ref("i"), NOWHERE)) == {"a": {("items",)}, "i": {()}}
    each = method(dot(ref("a"), "items"), "map", ref("x"), dot(ref("x"), "sku"))
    assert selected_paths(each) == {"a": {("items",)}}
