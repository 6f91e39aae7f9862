"""Random expressions: compiled code means what the plain interpreter says, and what `type_of` promises holds."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowlang.diagnostic import Diagnostic
from flowlang.expression import check
from flowlang.expression.check import type_of
from flowlang.expression.evaluate import ExpressionError, compile_expr
from flowlang.expression.json import NOWHERE, from_json, to_json
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
from flowlang.expression.types import (
    ANY,
    BOOL,
    DECIMAL,
    DURATION,
    INT,
    STRING,
    TIMESTAMP,
    Anything,
    Field,
    ListType,
    MapType,
    Maybe,
    Record,
    Scalar,
    String,
    Type,
)
from flowlang.values import ABSENT, Duration, Timestamp
from tests.expression.parsing import parsed
from tests.expression.reference import Missing, Wrong, reference

# ---------------------------------------------------------------- names with types, and values for them

ITEM = Record((Field("note", STRING, False), Field("qty", INT, True), Field("sku", STRING, True)), "Item")
ORDER = Record(
    (
        Field("country", String(("de", "fr")), True),
        Field("id", STRING, True),
        Field("items", ListType(ITEM), True),
        Field("note", STRING, False),
        Field("open", BOOL, True),
        Field("rate", DECIMAL, False),
        Field("to", Record((Field("zip", STRING, False),)), False),
        Field("total", DECIMAL, True),
    ),
    "Order",
)
TYPES: dict[str, Type] = {
    "b": BOOL,
    "d": DECIMAL,
    "ds": ListType(DECIMAL),
    "m": MapType(INT),
    "maybe": Maybe(INT),
    "n": INT,
    "order": ORDER,
    "s": STRING,
    "t": TIMESTAMP,
    "w": DURATION,
    "xs": ListType(INT),
}

STRINGS = st.sampled_from(["", "a", "b", "ab", "de", "fr", "qty", "😀"])
SMALL = st.integers(-3, 9) | st.sampled_from([2**62, -(2**63), 2**63 - 1])
DECIMALS = st.sampled_from([Decimal(text) for text in ("0.5", "2.5", "1", "0", "-1.25", "1e300", "1e-30", "0.1")])
DURATIONS = st.sampled_from([Duration(0), Duration(1500), Duration(-1), Duration(Duration.LIMIT)])
STAMPS = st.sampled_from([Timestamp(0), Timestamp(1_500_001), Timestamp(Timestamp.LAST), Timestamp(-1)])


def values(type: Type) -> st.SearchStrategy[Any]:
    """Values of `type`."""
    match type:
        case Scalar(name=name):
            scalars: dict[str, st.SearchStrategy[Any]] = {
                "int": SMALL,
                "decimal": DECIMALS,
                "bool": st.booleans(),
                "duration": DURATIONS,
                "timestamp": STAMPS,
            }
            return scalars[name]
        case String(values=enum):
            return st.sampled_from(enum) if enum else STRINGS
        case ListType(item=item):
            return st.lists(values(item), max_size=3)
        case MapType(item=item):
            return st.dictionaries(STRINGS, values(item), max_size=3)
        case Record(fields=fields):
            return st.fixed_dictionaries(
                {field.name: values(field.type) for field in fields if field.required},
                optional={field.name: values(field.type) | st.none() for field in fields if not field.required},
            )
        case Maybe(item=item):
            return st.none() | values(item)
        case Anything():
            return SMALL
    raise AssertionError(type)


ENVS = st.fixed_dictionaries({name: values(type) for name, type in TYPES.items()})

# ---------------------------------------------------------------- expressions that are often well typed


def lit(value: Any) -> Expr:
    return Literal(value, NOWHERE)


def dot(of: Expr, name: str, optional: bool) -> Expr:
    return Select(of, name, optional, NOWHERE, NOWHERE)


def two(op: str, left: Expr, right: Expr) -> Expr:
    return Binary(op, left, right, NOWHERE)


def call(name: str, *args: Expr) -> Expr:
    return Function(name, args, NOWHERE, NOWHERE)


def method(of: Expr, name: str, *args: Expr) -> Expr:
    return Method(of, name, args, NOWHERE, NOWHERE)


NAMES: dict[str, list[str]] = {
    "number": ["n", "d", "order.total", "order.?rate", "maybe", "x.qty", "x", "m.a", "order.rate"],
    "string": ["s", "order.id", "order.?note", "order.country", "x.sku", "order.to.zip", "x.?note", "order.?to.?zip"],
    "bool": ["b", "order.open"],
    "time": ["w", "t"],
    "list": ["xs", "ds", "order.items"],
    "map": ["m", "order", "x"],
}


PATHS = {kind: [parsed(text) for text in texts] for kind, texts in NAMES.items()}
ANY_PATH = [*PATHS["number"], *PATHS["string"], *PATHS["map"]]
LITERALS: dict[str, list[Any]] = {
    "number": [0, 1, 2, 7, Decimal("0.5"), Decimal("2.5"), Decimal(1), Decimal("1e300"), Decimal("0.1")],
    "string": ["", "a", "ab", "de", "qty", "\U0001f600"],
    "bool": [True, False],
    "time": [Duration(0), Duration(1500), Duration(86_400_000)],
    "list": [],
    "map": [None],
}
LEAVES = {kind: st.sampled_from(PATHS[kind] + [lit(value) for value in LITERALS[kind]]) for kind in NAMES}
KINDS = st.sampled_from(sorted(NAMES))
DICE = st.integers(0, 59)
X = Ref("x", NOWHERE)


class Maker:
    """Makes expressions that probably have a value of the kind asked for: now and then another kind slips in."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self.draw = draw

    def pick(self, *options: Any) -> Any:
        return options[self.draw(DICE) % len(options)]

    def leaf(self, kind: str) -> Expr:
        found: Expr = self.draw(LEAVES[kind])
        return found

    def path(self) -> Expr:
        found: Expr = self.pick(*ANY_PATH)
        return found

    def make(self, kind: str, depth: int) -> Expr:
        dice = self.draw(DICE)
        if dice == 59:
            kind = self.draw(KINDS)
        if depth == 0 or dice < 12:
            return self.leaf(kind)

        def sub(kind: str) -> Expr:
            return self.make(kind, depth - 1)

        if dice < 15:
            return Ternary(sub("bool"), sub(kind), sub(kind), NOWHERE)
        if dice < 18:
            return method(self.leaf(kind), "orValue", sub(kind))
        return self.shape(kind, sub)

    def shape(self, kind: str, sub: Callable[[str], Expr]) -> Expr:
        """One of the forms that give a value of `kind`."""
        match kind:
            case "number":
                return self.number(sub)
            case "bool":
                return self.bool(sub)
            case "string":
                if self.pick(0, 1):
                    return two("+", sub("string"), sub("string"))
                return call("string", sub(self.pick("number", "bool", "string", "time")))
            case "time":
                match self.pick("+-", "*/", "-"):
                    case "+-":
                        return two(self.pick("+", "-"), sub("time"), sub("time"))
                    case "*/":
                        return two(self.pick("*", "/"), sub("time"), sub("number"))
                return Unary("-", sub("time"), NOWHERE)
            case "list":
                item = self.pick("number", "string", "map")
                match self.pick("list", "+", "filter", "map", "empty"):
                    case "list":
                        return ListOf((sub(item), sub(item)), NOWHERE)
                    case "+":
                        return two("+", sub("list"), sub("list"))
                    case "filter":
                        return method(sub("list"), "filter", X, sub("bool"))
                    case "map":
                        return method(sub("list"), "map", X, sub(item))
                return ListOf((), NOWHERE)
        one = Entry("a", sub(self.pick("number", "string", "list")), NOWHERE)
        return MapOf((one, Entry("qty", sub(self.pick("number", "map")), NOWHERE)), NOWHERE)

    def number(self, sub: Callable[[str], Expr]) -> Expr:
        match self.pick("op", "op", "-", "size", "of list", "of values", "convert", "[0]", "['a']"):
            case "op":
                return two(self.pick("+", "-", "*", "/", "%"), sub("number"), sub("number"))
            case "-":
                return Unary("-", sub("number"), NOWHERE)
            case "size":
                return call("size", sub(self.pick("string", "list", "map")))
            case "of list":
                return call(self.pick("sum", "min", "max"), sub("list"))
            case "of values":
                return call(self.pick("sum", "min", "max"), sub("number"), sub("number"))
            case "convert":
                return call(self.pick("int", "double"), sub("number"))
            case "[0]":
                return Index(sub("list"), sub("number"), NOWHERE)
        return Index(sub("map"), sub("string"), NOWHERE)

    def bool(self, sub: Callable[[str], Expr]) -> Expr:
        match self.pick("logic", "guard", "null", "has", "!", "compare", "key", "item", "string", "macro"):
            case "logic":
                return two(self.pick("&&", "||", "==", "!="), sub("bool"), sub("bool"))
            case "guard":
                return two(self.pick("&&", "||"), call("has", self.path()), sub("bool"))
            case "null":
                return two(self.pick("==", "!="), self.path(), lit(None))
            case "has":
                return call("has", self.path())
            case "!":
                return Unary("!", sub("bool"), NOWHERE)
            case "compare":
                kind = self.pick("number", "number", "string", "time", "list", "map")
                return two(self.pick("==", "!=", "<", "<=", ">", ">="), sub(kind), sub(kind))
            case "key":
                return two("in", sub("string"), sub("map"))
            case "item":
                return two("in", sub(self.pick("number", "map")), sub("list"))
            case "string":
                return method(sub("string"), self.pick("contains", "startsWith", "endsWith"), sub("string"))
        return method(sub("list"), self.pick("all", "exists", "exists_one"), X, sub("bool"))


@st.composite
def exprs(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Expr:
    """An expression of any kind."""
    return Maker(draw).make(draw(KINDS), 3)


# ---------------------------------------------------------------- the properties

MANY = settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))


def evaluated(expr: Expr, env: dict[str, Any]) -> Any:
    """The value of `expr`, None where it is absent, or the error."""
    try:
        value = compile_expr(expr)(env)
    except ExpressionError as error:
        return error
    return None if value is ABSENT else value


@MANY
@given(exprs(), ENVS)
def test_compiled_code_means_what_the_plain_interpreter_says(expr: Expr, env: dict[str, Any]) -> None:
    got = evaluated(expr, env)
    try:
        want = reference(expr, env)
    except Missing:
        assert got is None
    except Wrong:
        assert isinstance(got, ExpressionError)
    else:
        assert not isinstance(got, ExpressionError), got.message
        assert kinds(got) == kinds(want)
        assert got == want


# What depends on the values and not on their types, so that `type_of` cannot foresee it.
OF_VALUES = re.compile(
    r"the integer does not fit|the number is too large|division by zero|there is no item|of an empty list|"
    r"longer than ten thousand years|outside of the years|takes too many steps"
)


@MANY
@given(exprs(), ENVS)
def test_what_is_well_typed_does_not_fail_for_its_types(expr: Expr, env: dict[str, Any]) -> None:
    findings: list[Diagnostic] = []
    type = type_of(expr, TYPES, findings.append)
    got = evaluated(expr, env)
    if any(finding.severity == "error" for finding in findings):
        return
    if isinstance(got, ExpressionError):
        # Where the checker does not look into a value, its kind is found out at run time.
        assert OF_VALUES.search(got.message) or looks_away(expr), (to_text(expr), got.message)
    else:
        assert fits(got, type), (to_text(expr), got, type)


class Watching(check._Typing):
    """Types an expression and remembers the types of its parts."""

    def __init__(self) -> None:
        super().__init__(lambda finding: None)
        self.seen: list[Type] = []

    def type(self, expr: Expr, env: check.Env) -> Type:
        self.seen.append(super().type(expr, env))
        return self.seen[-1]


def looks_away(expr: Expr) -> bool:
    """Whether some part of `expr` has the type `any` although nothing is wrong with it."""
    watching = Watching()
    watching.type(expr, TYPES)
    return any(opaque(type) for type in watching.seen)


def opaque(type: Type) -> bool:
    match type:
        case Anything():
            return True
        case ListType(item=item) | MapType(item=item) | Maybe(item=item):
            return opaque(item)
        case Record(fields=fields):
            return any(opaque(field.type) for field in fields)
    return False


def fits(value: Any, type: Type) -> bool:
    """Whether `value` is of `type`; an integer may stand for a decimal (see `EITHER`), and what is `any` may be absent."""
    match type:
        case Anything():
            return True
        case Maybe(item=item):
            return value is None or fits(value, item)
        case Scalar(name="decimal"):
            return isinstance(value, Decimal | int) and not isinstance(value, bool)
        case Scalar(name=name):
            return name == {bool: "bool", int: "int", Duration: "duration", Timestamp: "timestamp"}.get(
                value.__class__, "null"
            )
        case String(values=enum):
            return isinstance(value, str) and (not enum or value in enum)
        case ListType(item=item):
            return isinstance(value, list) and all(fits(each, item) for each in value)
        case MapType(item=item):
            return isinstance(value, dict) and all(fits(each, item) for each in value.values())
        case Record(fields=fields, open=open):
            known = {field.name: field for field in fields}
            return (
                isinstance(value, dict)
                and all(value.get(field.name) is not None for field in fields if field.required and field.type != ANY)
                and all(open or key in known for key in value)
                and all(fits(each, known[key].type) for key, each in value.items() if key in known and each is not None)
            )
    raise AssertionError(type)


@MANY
@given(exprs())
def test_all_forms_of_an_expression_are_one(expr: Expr) -> None:
    assert from_json(to_json(expr)) == expr
    assert parsed(to_text(expr)) == expr
    assert selected_paths(expr).keys() == free_names(expr)


@settings(MANY, max_examples=300)
@given(exprs(), ENVS)
def test_names_that_are_not_free_do_not_matter(expr: Expr, env: dict[str, Any]) -> None:
    got = evaluated(expr, env)
    again = evaluated(expr, {name: env[name] for name in free_names(expr) & env.keys()})
    assert str(got) == str(again)


def kinds(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: kinds(item) for key, item in value.items()}
    return [kinds(item) for item in value] if isinstance(value, list) else type(value)


def test_the_generator_makes_what_it_should() -> None:
    """Most expressions are well typed and have a value, so that the properties above are about something."""
    counted = {"well typed": 0, "has a value": 0, "all": 0}

    @settings(max_examples=300, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(exprs(), ENVS)
    def count(expr: Expr, env: dict[str, Any]) -> None:
        findings: list[Diagnostic] = []
        type_of(expr, TYPES, findings.append)
        counted["all"] += 1
        counted["well typed"] += not findings
        counted["has a value"] += not isinstance(evaluated(expr, env), ExpressionError)

    count()
    assert counted["well typed"] > counted["all"] / 5, counted
    assert counted["has a value"] > counted["all"] / 5, counted
