"""The type of an expression, and everything that is wrong with it, before any value exists.

One root cause gives one error: what was reported is `any` from there on, and `any` fits everywhere. A field that the
contract does not require has an optional type. It may be handed on as it is (as an entry of a map, as an optional
argument), but operators, functions and further fields need it to be there. Guards make it so: see `narrowing`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import assert_never

from flowlang.diagnostic import Diagnostic, Label, nearest
from flowlang.expression import functions, words
from flowlang.expression.bounds import ExpressionError
from flowlang.expression.fit import EITHER, bare, common, describe, join, misfit, not_json, problems
from flowlang.expression.names import MACROS, macro_variable
from flowlang.expression.narrowing import Env, narrow, with_name
from flowlang.expression.operators import NUMBERS, ORDERED, comparable, operator_type
from flowlang.expression.text import to_text
from flowlang.expression.tree import (
    Binary,
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
    NULL,
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
from flowlang.source import Span
from flowlang.values import Duration

__all__ = ["Env", "bare", "describe", "join", "misfit", "narrow", "not_json", "problems", "type_of"]

Report = Callable[[Diagnostic], None]

FUNCTIONS = ("double", "duration", "has", "int", "max", "min", "size", "string", "sum", "timestamp")
METHODS = ("all", "contains", "endsWith", "exists", "exists_one", "filter", "map", "orValue", "size", "startsWith")

# What a conversion takes besides `any`, how that is said, its result, and the function that reads a constant.
CONVERSIONS: dict[str, tuple[tuple[Type, ...], str, Type, Callable[[str], object]]] = {
    "int": ((INT, DECIMAL, STRING, TIMESTAMP), "a number, a string or a timestamp", INT, functions.to_int),
    "double": ((INT, DECIMAL, STRING), "a number or a string", DECIMAL, functions.to_decimal),
    "string": (
        (INT, DECIMAL, STRING, BOOL, DURATION, TIMESTAMP),
        "a string, a number, a bool, a duration or a timestamp",
        STRING,
        functions.to_string,
    ),
    "timestamp": ((STRING, INT, TIMESTAMP), "a string or the seconds since 1970", TIMESTAMP, functions.to_timestamp),
    "duration": ((STRING, DURATION), "a string", DURATION, functions.to_duration),
}


def type_of(expr: Expr, env: Env, report: Report) -> Type:
    """The type of `expr` where names have the types of `env`; a `Maybe` when the value itself may be absent."""
    return _Typing(report).type(expr, env)


class _Typing:
    """`type` takes what may be absent as it is; `value` needs a value; for `path` anything on the way may be absent."""

    def __init__(self, report: Report) -> None:
        self.report = report

    def value(self, expr: Expr, env: Env, field: str = "") -> Type:
        """`field` is what is read of the value, if that is why it is needed."""
        type = self.type(expr, env)
        if isinstance(type, Maybe):
            self.report(_may_be_absent(expr, field, self.declared(expr, env)))
            return ANY
        if type == NULL:
            self.report(words.MayBeAbsent(span=expr.span, value=_short(expr), may_be="is always", repair=""))
            return ANY
        return type

    def type(self, expr: Expr, env: Env) -> Type:
        match expr:
            case Literal(value=value):
                return _literal(value)
            case Ref():
                return self.ref(expr, env)
            case Select(optional=True):
                of = self.type(expr.of, env)
                return Maybe(bare(self.field(expr, bare(of))))
            case Select():
                return self.field(expr, self.value(expr.of, env, expr.name))
            case Index():
                return self.index(expr, self.value(expr.of, env), self.value(expr.at, env))
            case Function():
                return self.function(expr, env)
            case Method():
                return self.method(expr, env)
            case Unary(op="!"):
                self.condition(expr.of, env, "what `!` takes")
                return BOOL
            case Unary():
                return self.negation(expr, self.value(expr.of, env))
            case Binary():
                return self.binary(expr, env)
            case Ternary():
                return self.ternary(expr, env)
            case ListOf(items=items):
                return ListType(_joined([self.value(item, env) for item in items]))
            case MapOf():
                return self.map(expr, env)
            case _:
                assert_never(expr)

    # ------------------------------------------------------------ reading

    def ref(self, ref: Ref, env: Env) -> Type:
        type = env.get(ref.name)
        if type is not None:
            return type
        known = sorted(env)
        near = nearest(ref.name, known)
        self.report(
            words.UnknownName(
                span=ref.span,
                hint=f"did you mean `{near}`?" if near else "",
                name=ref.name,
                known=f"known names: {_some(known)}" if known else "",
            )
        )
        return ANY

    def field(self, node: Select, of: Type) -> Type:
        match of:
            case Anything():
                return ANY
            case Record():
                return self.record_field(node.of, of, node.name, node.name_span)
            case MapType(item=item):
                return Maybe(bare(item))
            case _:
                self.report(words.NoFields(span=node.name_span, of=_short(node.of), type=describe(of)))
                return ANY

    def record_field(self, of: Expr, record: Record, name: str, span: Span) -> Type:
        for field in record.fields:
            if field.name == name:
                return field.type if field.required else Maybe(bare(field.type))
        if record.open:
            return Maybe(ANY)
        known = [field.name for field in record.fields]
        near = nearest(name, known)
        declared = next((field.span for field in record.fields if field.name == near), None)
        self.report(
            words.UnknownField(
                span=span,
                related=() if declared is None else (Label(declared, "declared here"),),
                hint=f"did you mean `{near}`?" if near else "",
                type=record.name or _short(of),
                field=name,
                known=_some(known),
            )
        )
        return ANY

    def index(self, node: Index, of: Type, at: Type) -> Type:
        by_name = isinstance(at, String | Anything)
        match of:
            case Anything() if by_name or at == INT:
                return ANY
            case ListType(item=item) if at == INT or isinstance(at, Anything):
                return item
            case MapType(item=item) if by_name:
                return Maybe(bare(item))
            case Record() if by_name:
                if isinstance(node.at, Literal) and isinstance(node.at.value, str):
                    return self.record_field(node.of, of, node.at.value, node.at.span)
                return Maybe(ANY)
            case _:
                self.report(words.WrongIndex(span=node.at.span, of=describe(of), at=describe(at)))
                return ANY

    def path(self, expr: Expr, env: Env) -> Type:
        """The type of what `has` asks for."""
        match expr:
            case Select():
                return self.field(expr, bare(self.path(expr.of, env)))
            case Index():
                return self.index(expr, bare(self.path(expr.of, env)), self.value(expr.at, env))
            case _:
                return self.type(expr, env)

    def declared(self, expr: Expr, env: Env) -> tuple[Label, ...]:
        """Where the contract says that the field `expr` is optional."""
        if not isinstance(expr, Select):
            return ()
        of = bare(_Typing(_ignore).path(expr.of, env))
        fields = of.fields if isinstance(of, Record) else ()
        found = next((field for field in fields if field.name == expr.name), None)
        return () if found is None or found.span is None else (Label(found.span, "not required here"),)

    def map(self, node: MapOf, env: Env) -> Type:
        fields: dict[str, Field] = {}
        for entry in node.entries:
            type = self.type(entry.value, env)
            if type != NULL:  # null leaves the key out
                fields[entry.key] = Field(entry.key, bare(type), not isinstance(type, Maybe))
        return Record(tuple(fields[name] for name in sorted(fields)))

    # ------------------------------------------------------------ operators

    def condition(self, expr: Expr, env: Env, place: str) -> None:
        type = self.value(expr, env)
        if type != BOOL and not isinstance(type, Anything):
            self.report(words.NotACondition(span=expr.span, place=place, type=describe(type)))

    def negation(self, node: Unary, of: Type) -> Type:
        if of in (INT, DECIMAL, DURATION) or isinstance(of, Anything):
            return of
        self.report(words.WrongOperand(span=node.span, op="-", operands=describe(of), repair=""))
        return ANY

    def binary(self, node: Binary, env: Env) -> Type:
        """Operators of one level form chains to the left, which may be long: this goes along them in a loop."""
        if node.op in ("&&", "||"):
            return self.logic(node, env)
        chain = [node]
        while isinstance(chain[-1].left, Binary) and chain[-1].left.op not in ("&&", "||"):
            chain.append(chain[-1].left)
        left: Type | None = None  # not yet known
        for step in reversed(chain):
            if step.op in ("==", "!=") and (_is_null(step.left) or _is_null(step.right)):
                if left is None and not _is_null(step.left):
                    self.type(step.left, env)
                if not _is_null(step.right):
                    self.type(step.right, env)
                left = BOOL
                continue
            left = self.value(step.left, env) if left is None else left
            left = self.operation(step, left, self.value(step.right, env))
        assert left is not None
        return left

    def logic(self, node: Binary, env: Env) -> Type:
        """`a && b && c`: each part is evaluated only where those before it were true (for `||`, false)."""
        parts = [node.right]
        left = node.left
        while isinstance(left, Binary) and left.op == node.op:
            parts.append(left.right)
            left = left.left
        for part in (left, *reversed(parts)):
            self.condition(part, env, f"what `{node.op}` takes")
            env = narrow(part, env, node.op == "&&")
        return BOOL

    def operation(self, node: Binary, left: Type, right: Type) -> Type:
        if node.op in ("==", "!="):
            self.equality(node, left, right)
            return BOOL
        if node.op == "in" and isinstance(right, ListType):
            self.membership(node, left, right.item)
            return BOOL
        result = operator_type(node.op, left, right)
        if result is None:
            operands = f"{describe(left)} and {describe(right)}"
            repair = _repair(node, left, right)
            self.report(words.WrongOperand(span=node.span, op=node.op, operands=operands, repair=repair))
            return ANY if node.op in ("+", "-", "*", "/", "%") else BOOL
        if node.op in ("/", "%") and isinstance(node.right, Literal) and node.right.value == 0:
            self.report(words.ZeroDivisor(span=node.right.span))
            return ANY
        if result is EITHER and node.op == "/":
            self.report(words.UnsureDivision(span=node.span))
            return DECIMAL
        return result

    def equality(self, node: Binary, left: Type, right: Type) -> None:
        if not comparable(left, right):
            self.report(words.NeverEqual(span=node.span, left=describe(left), right=describe(right)))
            return
        self.enum(node.left, left, node.right)
        self.enum(node.right, right, node.left)

    def membership(self, node: Binary, left: Type, item: Type) -> None:
        if not comparable(left, item):
            of = f"an item of {describe(ListType(item))}"
            self.report(words.NeverEqual(span=node.span, left=describe(left), right=of))
            return
        self.enum(node.right, item, node.left)
        for each in node.right.items if isinstance(node.right, ListOf) else ():
            self.enum(node.left, left, each)

    def enum(self, expr: Expr, type: Type, other: Expr) -> None:
        """Whether `other`, if it is a constant, is one of the values that `expr` can have."""
        if not isinstance(type, String) or not type.values or not isinstance(other, Literal):
            return
        if isinstance(other.value, str) and other.value not in type.values:
            near = nearest(other.value, type.values)
            self.report(
                words.NotInEnum(
                    span=other.span,
                    hint=f"did you mean `{near}`?" if near else "",
                    value=other.value,
                    of=_short(expr),
                    known=_some(list(type.values)),
                )
            )

    def ternary(self, node: Ternary, env: Env) -> Type:
        self.condition(node.test, env, "the condition of `?:`")
        then = self.type(node.then, narrow(node.test, env, True))
        return self.choice(node.otherwise, then, self.type(node.otherwise, narrow(node.test, env, False)))

    def choice(self, expr: Expr, one: Type, other: Type) -> Type:
        """One of two values, of which `expr` is the second."""
        type = common(one, other)
        if type is None:
            self.report(words.MixedChoice(span=expr.span, then=describe(one), otherwise=describe(other)))
            return ANY
        return type

    # ------------------------------------------------------------ functions and methods

    def function(self, node: Function, env: Env) -> Type:
        name = node.name
        if name == "has":
            return self.has(node, env)
        args = [self.value(arg, env) for arg in node.args]
        if name not in FUNCTIONS:
            near = nearest(name, FUNCTIONS)
            hint = f"did you mean `{near}`?" if near else ""
            if name in METHODS:
                hint = f"a method: `x.{name}(...)`"
            self.report(words.UnknownFunction(span=node.name_span, hint=hint, name=name, known=", ".join(FUNCTIONS)))
            return ANY
        if name in ("sum", "min", "max"):
            return self.fold(node, args)
        if len(args) != 1:
            return self.wrong_count(node.span, name, "one value", len(args))
        if name == "size":
            return self.size(node.args[0], args[0])
        return self.conversion(node, args[0])

    def has(self, node: Function, env: Env) -> Type:
        if len(node.args) != 1:
            self.wrong_count(node.span, "has", "a name or a field", len(node.args))
        elif not isinstance(node.args[0], Ref | Select | Index):
            self.report(words.NoPath(span=node.args[0].span, name="has", takes="a name or a field"))
        else:
            self.path(node.args[0], env)
        return BOOL

    def conversion(self, node: Function, of: Type) -> Type:
        takes, said, result, read = CONVERSIONS[node.name]
        [arg] = node.args
        if not isinstance(of, Anything) and (STRING if isinstance(of, String) else of) not in takes:
            self.report(words.WrongArgument(span=arg.span, name=node.name, takes=said, got=describe(of)))
        elif isinstance(arg, Literal) and isinstance(arg.value, str):
            try:
                read(arg.value)
            except ExpressionError as error:
                self.report(words.Unreadable(span=arg.span, problem=error.message))
        return result

    def fold(self, node: Function, args: list[Type]) -> Type:
        """`sum`, `min` and `max` of a list or of several values."""
        name, takes = node.name, "a list or several values"
        if not args:
            return self.wrong_count(node.span, name, takes, 0)
        if len(args) == 1 and isinstance(args[0], Anything):
            return ANY
        if len(args) == 1 and isinstance(args[0], ListType):
            args = [args[0].item]
        elif len(args) == 1:
            self.report(words.WrongArgument(span=node.args[0].span, name=name, takes=takes, got=describe(args[0])))
            return ANY
        able = NUMBERS if name == "sum" else ORDERED
        takes = "numbers" if name == "sum" else "numbers, strings, durations or timestamps"
        result = args[0]
        for expr, arg in zip(node.args, args, strict=True):
            plain = STRING if isinstance(arg, String) else arg
            both = common(result, arg)
            if not isinstance(arg, Anything) and plain not in able:
                self.report(words.WrongArgument(span=expr.span, name=name, takes=takes, got=describe(arg)))
                return ANY
            if both is None:
                got = f"{describe(result)} and {describe(arg)}"
                self.report(words.WrongArgument(span=expr.span, name=name, takes="values of one kind", got=got))
                return ANY
            result = both
        # Several values of which one is a decimal give a decimal; a list may turn out to have integers only.
        return DECIMAL if result == DECIMAL and any(arg == DECIMAL and arg is not EITHER for arg in args) else result

    def size(self, arg: Expr, of: Type) -> Type:
        if not isinstance(of, String | ListType | MapType | Record | Anything):
            takes = "a string, a list or a map"
            self.report(words.WrongArgument(span=arg.span, name="size", takes=takes, got=describe(of)))
        return INT

    def method(self, node: Method, env: Env) -> Type:
        name, args = node.name, node.args
        if name in MACROS:
            return self.macro(node, env)
        if name == "orValue":
            of = self.type(node.of, env)
            others = [self.type(arg, env) for arg in args]
            if len(others) != 1:
                return self.wrong_count(node.span, name, "one value", len(others))
            return self.choice(args[0], bare(of), others[0]) if of != NULL else others[0]
        of = self.value(node.of, env)
        types = [self.value(arg, env) for arg in args]
        if name not in METHODS:
            near = nearest(name, METHODS)
            hint = f"did you mean `{near}`?" if near else f"a function: `{name}(...)`" if name in FUNCTIONS else ""
            self.report(words.UnknownMethod(span=node.name_span, hint=hint, name=name, known=", ".join(METHODS)))
            return ANY
        if name == "size":
            return self.size(node.of, of) if not args else self.wrong_count(node.span, name, "nothing", len(args))
        if len(types) != 1:
            self.wrong_count(node.span, name, "one string", len(types))
            return BOOL
        for expr, type in ((node.of, of), (args[0], types[0])):
            if not isinstance(type, String | Anything):
                got = describe(type)
                self.report(words.WrongArgument(span=expr.span, name=name, takes="two strings", got=got))
                break
        return BOOL

    def macro(self, node: Method, env: Env) -> Type:
        name, of = node.name, self.value(node.of, env)
        result = {"map": ListType(ANY), "filter": ListType(ANY)}.get(name, BOOL)
        match of:
            case ListType(item=item):
                pass
            case MapType() | Record():
                item = STRING
            case Anything():
                item = ANY
            case _:
                self.report(
                    words.WrongArgument(span=node.of.span, name=name, takes="a list or a map", got=describe(of))
                )
                return result
        if len(node.args) != 2:
            self.wrong_count(node.span, name, "a variable and an expression", len(node.args))
            return result
        variable = macro_variable(node)
        if variable is None:
            takes = "the name of a variable first"
            self.report(words.NoPath(span=node.args[0].span, name=name, takes=takes))
            return result
        inside = with_name(variable.name, item, env)
        body = node.args[1]
        if name == "map":
            return ListType(self.value(body, inside))
        self.condition(body, inside, f"what `{name}` asks of each item")
        # What passed the filter is known to fulfil its condition: `filter(i, has(i.note))` gives items with a note.
        return ListType(narrow(body, inside, True)[variable.name]) if name == "filter" else BOOL

    def wrong_count(self, span: Span, name: str, takes: str, got: int) -> Type:
        said = "nothing" if got == 0 else "one value" if got == 1 else f"{got} values"
        self.report(words.WrongCount(span=span, name=name, takes=takes, got=said))
        return ANY


# ---------------------------------------------------------------- kinds


def _literal(value: bool | int | Decimal | str | Duration | None) -> Type:
    match value:
        case None:
            return NULL
        case bool():
            return BOOL
        case int():
            return INT
        case Decimal():
            return DECIMAL
        case str():
            return STRING
        case Duration():
            return DURATION
        case _:
            assert_never(value)


def _is_null(expr: Expr) -> bool:
    return isinstance(expr, Literal) and expr.value is None


def _joined(types: list[Type]) -> Type:
    """What the items of a list have in common; of an empty one nothing is known."""
    if not types:
        return ANY
    result = types[0]
    for type in types[1:]:
        result = join(result, type)
    return result


# ---------------------------------------------------------------- words


def _may_be_absent(expr: Expr, field: str, related: tuple[Label, ...]) -> Diagnostic:
    tested, optional, span = expr, expr, expr.span
    if isinstance(expr, Select):
        tested, optional, span = replace(expr, optional=False), replace(expr, optional=True), expr.name_span
    other = f"give a replacement: `{_short(optional)}.orValue(...)`"
    if field:
        other = f"read on with `{_short(optional)}.?{field}`"
    repair = f"test it first with `has({_short(tested)})`, or {other}"
    return words.MayBeAbsent(span=span, related=related, value=_short(tested), may_be="may be", repair=repair)


def _repair(node: Binary, left: Type, right: Type) -> str:
    """The conversion that is probably missing."""
    scalars = (INT, DECIMAL, BOOL, DURATION, TIMESTAMP)
    if node.op == "+" and isinstance(left, String) and right in scalars:
        return f"write the value as text: `string({_short(node.right)})`"
    if node.op == "+" and isinstance(right, String) and left in scalars:
        return f"write the value as text: `string({_short(node.left)})`"
    for side, type, other in ((node.left, left, right), (node.right, right, left)):
        if isinstance(type, String) and other in (TIMESTAMP, DURATION):
            assert isinstance(other, Scalar)
            return f"a date-time stays a string until it is read: `timestamp({_short(side)})`"
    if node.op == "in" and isinstance(left, String) and isinstance(right, String):
        return f"part of a string: `{_short(node.right)}.contains({_short(node.left)})`"
    return ""


def _short(expr: Expr) -> str:
    text = to_text(expr)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _some(words: list[str]) -> str:
    return ", ".join(words[:20]) + (f" and {len(words) - 20} more" if len(words) > 20 else "")


def _ignore(diagnostic: Diagnostic) -> None:
    """What a second look at the same expression would say again."""
