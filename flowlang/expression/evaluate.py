"""An expression compiled once, to a Python function built from our own tree.

The code is a Python syntax tree, never text: what the user wrote occurs in it as constants only, and all that it can do
is call the functions of `operations` and `functions` and branch. Each node is compiled in three readings, of which the node around it
picks one: `strict` (an absent value is an error), `lenient` (the node itself may be absent) and `path` (any part of
the path may be absent, as in `has(a.b.c)`).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, assert_never

from flowlang.expression import bounds, functions, operations
from flowlang.expression.bounds import ExpressionError
from flowlang.expression.names import MACROS, macro_variable
from flowlang.expression.python import functions_of
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
from flowlang.expression.walk import bottom_up
from flowlang.values import ABSENT, MAX_INT, MIN_INT, BadValue, Duration, measure

__all__ = ["ExpressionError", "compile_expr"]

Evaluate = Callable[[Mapping[str, Any]], Any]

# Python's compiler recurses with the nesting of the code; deeper expressions become several functions.
_MAX_HEIGHT = 30

_FUNCTIONS: Final = {
    "size": "size",
    "int": "to_int",
    "double": "to_decimal",
    "string": "to_string",
    "timestamp": "to_timestamp",
    "duration": "to_duration",
}
_VARIADIC: Final = {"sum": "total", "min": "least", "max": "greatest"}
_TESTS: Final = {"contains": ("contains", True), "startsWith": ("starts_with", False), "endsWith": ("ends_with", False)}
_MACROS: Final = {"all": "all_", "exists": "exists", "exists_one": "exists_one", "map": "map_", "filter": "filter_"}
_RELATIONS: Final = {
    "==": ("equal", True),
    "!=": ("unequal", True),
    "<": ("less", False),
    "<=": ("less_or_equal", False),
    ">": ("greater", False),
    ">=": ("greater_or_equal", False),
    "in": ("in_", True),
}
_ARITHMETIC: Final = {
    "+": ("add", True),
    "-": ("subtract", False),
    "*": ("multiply", False),
    "/": ("divide", False),
    "%": ("modulo", False),
}


def compile_expr(expr: Expr, bounded: bool = True) -> Evaluate:
    """A function from the values of names to the value of `expr`; ABSENT where that is absent. Not `bounded`, whoever uses
    the value has to look how large it is.

    The function raises ExpressionError and nothing else, keeps no state, and may be called from several threads."""
    program = _Program()
    code = bottom_up(expr, program.code)
    main = code.lenient
    if program.has_macros:
        main = _call(program.function(main), _call("start", _name("env")))
    evaluate = program.build(program.function(main))
    return _bounded(evaluate) if bounded and program.builds_values else evaluate


def _bounded(evaluate: Evaluate) -> Evaluate:
    """Parts of values can be shared: a loop that doubles a list in each round would soon stand for terabytes."""

    def evaluate_and_measure(env: Mapping[str, Any]) -> Any:
        value = evaluate(env)
        if type(value) in (list, dict):
            try:
                measure(value)
            except BadValue as error:
                raise ExpressionError(error.why) from None
        return value

    return evaluate_and_measure


@dataclass(slots=True)
class _Code:
    """The code of one node in its three readings."""

    strict: ast.expr
    lenient: ast.expr
    path: ast.expr
    height: int
    nodes: int
    is_bool: bool = False  # known to be true or false, so that nobody needs to test it
    is_null: bool = False


@dataclass(slots=True)
class _Program:
    """The functions compiled so far and what they refer to."""

    functions: list[ast.stmt] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)
    has_macros: bool = False
    builds_values: bool = False

    def code(self, node: Expr, inside: list[_Code]) -> _Code:
        """The code of `node` from that of its parts, split off into a function of its own when it gets too high."""
        strict, lenient, path = self.readings(node, inside)
        height = 1 + max((part.height for part in inside), default=0)
        if height > _MAX_HEIGHT:
            same = lenient is strict, path is lenient
            strict = self.split_off(strict)
            lenient = strict if same[0] else self.split_off(lenient)
            path = lenient if same[1] else self.split_off(path)
            height = 1
        nodes = 1 + sum(part.nodes for part in inside)
        return _Code(strict, lenient, path, height, nodes, _is_bool(node, inside), _is_null(node))

    def readings(self, node: Expr, inside: list[_Code]) -> tuple[ast.expr, ast.expr, ast.expr]:
        """`node` in its three readings."""
        match node:
            case Literal(value=value):
                return _thrice(self.literal(value))
            case Ref(name=name):
                lenient = _call("name_or_absent", _name("env"), ast.Constant(name))
                return _call("name", _name("env"), ast.Constant(name)), lenient, lenient
            case Select():
                return self.select(node, inside[0])
            case Index():
                of, at = inside
                constant = self.constant(node)
                lenient = _call("item_or_absent", of.strict, at.strict, constant)
                path = _call("index_or_absent", of.path, at.strict, constant)
                return _call("index", of.strict, at.strict, constant), lenient, path
            case Function():
                return _thrice(_function(node, inside))
            case Method(name="orValue", args=(_,)):
                return self.or_value(*inside)
            case Method():
                return _thrice(self.method(node, inside))
            case Unary(op="-", of=Literal(value=int() as value)) if not isinstance(value, bool):
                return _thrice(self.literal(-value))  # -2^63 has no positive counterpart
            case Unary(op=op):
                return _thrice(_call("not_" if op == "!" else "negate", inside[0].strict))
            case Binary():
                return _thrice(_binary(node, *inside))
            case Ternary():
                test, then, otherwise = inside
                return (
                    ast.IfExp(_truth(test), then.strict, otherwise.strict),
                    ast.IfExp(_truth(test), then.lenient, otherwise.lenient),
                    ast.IfExp(_truth(test), then.lenient, otherwise.lenient),
                )
            case ListOf():
                self.builds_values = True
                return _thrice(_call("items", ast.List([part.strict for part in inside], ast.Load())))
            case MapOf(entries=entries):
                self.builds_values = True
                keys: list[ast.expr | None] = [ast.Constant(entry.key) for entry in entries]
                values = [_found(entry.value) or part.lenient for entry, part in zip(entries, inside, strict=True)]
                return _thrice(_call("entries", ast.Dict(keys, values)))
            case _:
                assert_never(node)

    def literal(self, value: bool | int | Decimal | str | Duration | None) -> ast.expr:
        """A constant; null is absent, and an integer that does not fit is an error when it is reached."""
        if value is None:
            return self.constant(ABSENT)
        if isinstance(value, (Decimal, Duration)):
            return self.constant(value)
        if isinstance(value, int) and not MIN_INT <= value <= MAX_INT:
            return _call("fail", ast.Constant("the integer does not fit into 64 bits"))
        return ast.Constant(value)

    def select(self, node: Select, of: _Code) -> tuple[ast.expr, ast.expr, ast.expr]:
        field, constant = ast.Constant(node.name), self.constant(node)
        path = _call("select_or_absent", of.path, field, constant)
        if node.optional:
            lenient = _call("select_or_absent", of.lenient, field, constant)
            return lenient, lenient, path
        lenient = _call("select_or_absent", of.strict, field, constant)
        return _call("select", of.strict, field, constant), lenient, path

    def or_value(self, of: _Code, other: _Code) -> tuple[ast.expr, ast.expr, ast.expr]:
        """The second value is not evaluated unless it is needed."""

        def either(fallback: ast.expr) -> ast.expr:
            kept = f"v{len(self.constants)}"
            self.constants[kept] = None  # reserves the name
            test = _call("is_present", ast.NamedExpr(ast.Name(kept, ast.Store()), of.lenient))
            return ast.IfExp(test, _name(kept), fallback)

        lenient = either(other.lenient)
        return either(other.strict), lenient, lenient

    def method(self, node: Method, inside: list[_Code]) -> ast.expr:
        of, *args = inside
        if node.name in MACROS:
            variable = macro_variable(node)
            if variable is None or len(args) != 2:
                return _call("fail", ast.Constant(f"`{node.name}` takes a variable and an expression"))
            self.has_macros = True
            self.builds_values = self.builds_values or node.name in ("map", "filter")
            body = args[1]
            cost = ast.Constant(1 + body.nodes)
            code = _lambda(body.strict)
            return _call(_MACROS[node.name], of.strict, _name("env"), ast.Constant(variable.name), code, cost)
        if node.name in _TESTS and len(args) == 1:
            function, needs_env = _TESTS[node.name]
            return _call(function, of.strict, args[0].strict, *([_name("env")] if needs_env else []))
        if node.name == "size" and not args:
            return _call("size", of.strict)
        return _call("fail", ast.Constant(f"there is no method `{node.name}` with {len(args)} arguments"))

    def constant(self, value: Any) -> ast.expr:
        """A name of ours for a value that Python code cannot hold."""
        name = f"c{len(self.constants)}"
        self.constants[name] = value
        return _name(name)

    def function(self, body: ast.expr) -> str:
        """The name of a new function of `env` with this body."""
        name = f"f{len(self.functions)}"
        self.functions.append(
            ast.FunctionDef(name=name, args=_ENV, body=[ast.Return(body)], decorator_list=[], returns=None)
        )
        return name

    def split_off(self, body: ast.expr) -> ast.expr:
        """A call of a new function with this body."""
        return _call(self.function(body), _name("env"))

    def build(self, main: str) -> Evaluate:
        """Compile what was collected; `main` is the function to call."""
        built: Evaluate = functions_of(self.functions, "<expression>", {**_NAMESPACE, **self.constants})[main]
        return built


def _function(node: Function, inside: list[_Code]) -> ast.expr:
    args = [part.strict for part in inside]
    if node.name == "has" and len(inside) == 1:
        return _call("is_present", inside[0].path)
    if node.name in _FUNCTIONS and len(args) == 1:
        return _call(_FUNCTIONS[node.name], *args)
    if node.name in _VARIADIC and args:
        return _call(_VARIADIC[node.name], _name("env"), *args)
    return _call("fail", ast.Constant(f"there is no function `{node.name}` with {len(args)} arguments"))


def _binary(node: Binary, left: _Code, right: _Code) -> ast.expr:
    if node.op in ("&&", "||"):
        return ast.BoolOp(ast.And() if node.op == "&&" else ast.Or(), [_truth(left), _truth(right)])
    if node.op in ("==", "!=") and (left.is_null or right.is_null):
        other = left if right.is_null else right
        return _call("is_absent" if node.op == "==" else "is_present", other.lenient)
    function, needs_env = _RELATIONS.get(node.op) or _ARITHMETIC[node.op]
    return _call(function, left.strict, right.strict, *([_name("env")] if needs_env else []))


def _truth(code: _Code) -> ast.expr:
    return code.strict if code.is_bool else _call("truth", code.strict)


def _is_bool(node: Expr, inside: list[_Code]) -> bool:
    match node:
        case Literal(value=value):
            return isinstance(value, bool)
        case Binary(op=op):
            return op not in _ARITHMETIC
        case Unary(op=op):
            return op == "!"
        case Function(name=name):
            return name == "has"
        case Method(name=name):
            return name in _TESTS or name in ("all", "exists", "exists_one")
        case Ternary():
            return inside[1].is_bool and inside[2].is_bool
        case _:
            return False


def _is_null(node: Expr) -> bool:
    return isinstance(node, Literal) and node.value is None


def _thrice(code: ast.expr) -> tuple[ast.expr, ast.expr, ast.expr]:
    return code, code, code


def _found(node: Expr) -> ast.expr | None:
    """Where a part of a map is only a name: its value or None, which leaves it out of the map like ABSENT."""
    if not isinstance(node, Ref):
        return None
    return ast.Call(ast.Attribute(_name("env"), "get", ast.Load()), [ast.Constant(node.name)], [])


def _name(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())


def _call(function: str, *args: ast.expr) -> ast.expr:
    return ast.Call(_name(function), list(args), [])


def _lambda(body: ast.expr) -> ast.expr:
    return ast.Lambda(_ENV, body)


_ENV = ast.arguments(posonlyargs=[], args=[ast.arg("env")], kwonlyargs=[], kw_defaults=[], defaults=[])
_NAMESPACE: Final = {
    name: thing
    for module in (bounds, operations, functions)
    for name, thing in vars(module).items()
    if getattr(thing, "__module__", "") == module.__name__
}
