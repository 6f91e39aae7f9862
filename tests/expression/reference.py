"""The meaning of expressions once more, as plainly as it can be written: what the compiled code is held against.

Numbers are fractions here, so that no rule about decimals is taken over from the code under test; absence is an exception
that the few forms which allow for it catch.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

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
from flowlang.values import MAX_INT, MIN_INT, Duration, Timestamp


class Wrong(Exception):
    """The expression has no value."""


class Missing(Wrong):
    """The value of the expression itself is not there."""


def reference(expr: Expr, env: dict[str, Any]) -> Any:
    """The value of `expr`; raises Missing where it is absent, Wrong where it fails."""
    match expr:
        case Literal(value=None):
            raise Missing
        case Literal(value=value):
            return _checked(value)
        case Ref(name=name):
            return _there(env.get(name))
        case Select(of=of, name=name, optional=optional):
            record = reference(of, env) if optional else _needed(of, env)
            if not isinstance(record, dict):
                raise Wrong
            return _there(record.get(name))
        case Index(of=of, at=at):
            box, key = _needed(of, env), _needed(at, env)
            if isinstance(box, dict) and isinstance(key, str):
                return _there(box.get(key))
            if isinstance(box, list) and _is_int(key) and 0 <= key < len(box):
                return _there(box[key])
            raise Wrong
        case Function(name="has", args=(path,)):
            return _has(path, env)
        case Function(name=name, args=args):
            return _function(name, [_needed(arg, env) for arg in args])
        case Method(name="orValue", of=of, args=(other,)):
            try:
                return reference(of, env)
            except Missing:
                return reference(other, env)
        case Method(name="all" | "exists" | "exists_one" | "map" | "filter"):
            return _macro(expr, env)
        case Method(name=name, of=of, args=args):
            return _method(name, _needed(of, env), [_needed(arg, env) for arg in args])
        case Unary(op="-", of=Literal(value=int() as value)) if not isinstance(value, bool):
            return _checked(-value)
        case Unary(op="-", of=of):
            value = _needed(of, env)
            if _is_number(value):
                return _checked(_arithmetic("-", 0, value))
            if isinstance(value, Duration):
                return _checked(Duration(-value.ms))
            raise Wrong
        case Unary(of=of):
            return not _bool(of, env)
        case Binary(op="&&", left=left, right=right):
            return _bool(right, env) if _bool(left, env) else False
        case Binary(op="||", left=left, right=right):
            return True if _bool(left, env) else _bool(right, env)
        case Binary(op="==" | "!=" as op, left=left, right=right) if _null(left) or _null(right):
            try:
                reference(left if _null(right) else right, env)
                return op == "!="
            except Missing:
                return op == "=="
        case Binary(op=op, left=left, right=right):
            return _operation(op, _needed(left, env), _needed(right, env))
        case Ternary(test=test, then=then, otherwise=otherwise):
            return reference(then, env) if _bool(test, env) else reference(otherwise, env)
        case ListOf(items=items):
            return [_needed(item, env) for item in items]
        case MapOf(entries=entries):
            result = {}
            for entry in entries:
                try:
                    result[entry.key] = reference(entry.value, env)
                except Missing:
                    result.pop(entry.key, None)
            return result


def _needed(expr: Expr, env: dict[str, Any]) -> Any:
    try:
        return reference(expr, env)
    except Missing:
        raise Wrong from None


def _there(value: Any) -> Any:
    if value is None:
        raise Missing
    return value


def _bool(expr: Expr, env: dict[str, Any]) -> bool:
    value = _needed(expr, env)
    if not isinstance(value, bool):
        raise Wrong
    return value


def _null(expr: Expr) -> bool:
    return isinstance(expr, Literal) and expr.value is None


def _has(path: Expr, env: dict[str, Any]) -> bool:
    """Absent as soon as some part is absent; wrong where a part can have no fields."""
    value = _path(path, env)
    return value is not None


def _path(path: Expr, env: dict[str, Any]) -> Any:
    match path:
        case Select(of=of, name=name):
            box = _path(of, env)
            if box is None:
                return None
            if not isinstance(box, dict):
                raise Wrong
            return box.get(name)
        case Index(of=of, at=at):
            box, key = _path(of, env), _needed(at, env)
            if box is None:
                return None
            if isinstance(box, dict) and isinstance(key, str):
                return box.get(key)
            if isinstance(box, list) and _is_int(key):
                return box[key] if 0 <= key < len(box) else None
            raise Wrong
        case _:
            try:
                return reference(path, env)
            except Missing:
                return None


def _operation(op: str, left: Any, right: Any) -> Any:
    if op == "==":
        return _same(left, right)
    if op == "!=":
        return not _same(left, right)
    if op == "in":
        if isinstance(right, list):
            return any(_same(left, item) for item in right)
        if isinstance(right, dict) and isinstance(left, str):
            return right.get(left) is not None
        raise Wrong
    if op in ("<", "<=", ">", ">="):
        one, other = _rank(left), _rank(right)
        if one[0] != other[0]:
            raise Wrong
        return {"<": one < other, "<=": one <= other, ">": one > other, ">=": one >= other}[op]
    if _is_number(left) and _is_number(right):
        return _arithmetic(op, left, right)
    match op, left, right:
        case "+", str(), str():
            return left + right
        case "+", list(), list():
            return left + right
        case "+", Duration(), Duration():
            return _checked(Duration(left.ms + right.ms))
        case "-", Duration(), Duration():
            return _checked(Duration(left.ms - right.ms))
        case "+", Timestamp(), Duration():
            return _checked(Timestamp(left.us + right.ms * 1000))
        case "+", Duration(), Timestamp():
            return _checked(Timestamp(right.us + left.ms * 1000))
        case "-", Timestamp(), Duration():
            return _checked(Timestamp(left.us - right.ms * 1000))
        case "-", Timestamp(), Timestamp():
            return _checked(Duration(_cut(Fraction(left.us - right.us, 1000))))
        case "*", Duration(), int() if _is_int(right):
            return _checked(Duration(left.ms * right))
        case "*", int(), Duration() if _is_int(left):
            return _checked(Duration(left * right.ms))
        case "/", Duration(), int() if _is_int(right) and right:
            return _checked(Duration(_cut(Fraction(left.ms, right))))
    raise Wrong


def _arithmetic(op: str, left: Any, right: Any) -> Any:
    whole = _is_int(left) and _is_int(right)
    one, other = Fraction(left), Fraction(right)
    if op in ("/", "%") and not other:
        raise Wrong
    if op == "%":
        exact = one - other * _cut(one / other)
        if not whole and abs(_cut(one / other)) >= 10**34:
            raise Wrong
    else:
        exact = {"+": one + other, "-": one - other, "*": one * other, "/": one / (other or 1)}[op]
    return _checked(_cut(exact) if whole else _rounded(exact))


def _rounded(exact: Fraction) -> Decimal:
    """To 34 digits, the even one of two equally near."""
    if not exact:
        return Decimal(0)
    power = 0
    while abs(exact) >= Fraction(10) ** (34 + power):
        power += 1
    while abs(exact) < Fraction(10) ** (33 + power):
        power -= 1
    digits = round(exact / Fraction(10) ** power)  # Python rounds fractions half to even
    return Decimal((int(digits < 0), tuple(map(int, str(abs(digits)))), power))


def _cut(number: Fraction) -> int:
    return -int(-number) if number < 0 else int(number)


def _checked(value: Any) -> Any:
    if _is_int(value) and not MIN_INT <= value <= MAX_INT:
        raise Wrong
    if isinstance(value, Decimal) and value and value.adjusted() > 308:
        raise Wrong
    if isinstance(value, Duration) and abs(value.ms) > Duration.LIMIT:
        raise Wrong
    if isinstance(value, Timestamp) and not Timestamp.FIRST <= value.us <= Timestamp.LAST:
        raise Wrong
    return value


def _function(name: str, args: list[Any]) -> Any:
    if name in ("sum", "min", "max") and args:
        values = args[0] if len(args) == 1 else args
        if not isinstance(values, list) or (name != "sum" and not values):
            raise Wrong
        if name == "sum":
            if not all(_is_number(value) for value in values):
                raise Wrong
            total = values[0] if values else 0
            for value in values[1:]:
                total = _arithmetic("+", total, value)
            return total
        if len({_rank(value)[0] for value in values}) != 1:
            raise Wrong
        best = (min if name == "min" else max)(values, key=_rank)
        return Decimal(best) if len({type(value) for value in values}) > 1 else best
    if len(args) != 1:
        raise Wrong
    [value] = args
    if name == "size" and isinstance(value, str | list | dict):
        return len(value)
    if name == "string" and not isinstance(value, list | dict):
        return _text(value)
    if name == "int" and _is_number(value):
        return _checked(_cut(Fraction(value)))
    if name == "double" and _is_number(value):
        return Decimal(value)
    raise Wrong


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        _, digits, exponent = value.as_tuple()
        text = "".join(map(str, digits)).rstrip("0") or "0"
        if value.adjusted() >= 34 or len(digits) - len(text) + int(exponent) < -40:
            text = f"{text[0]}.{text[1:]}" if text[1:] else text
            return f"{'-' if value < 0 else ''}{text}e{value.adjusted()}"
        if value == value.to_integral_value():
            return str(int(value))
        return f"{value:f}".rstrip("0")
    return str(value)


def _method(name: str, of: Any, args: list[Any]) -> Any:
    if name == "size" and not args and isinstance(of, str | list | dict):
        return len(of)
    if len(args) == 1 and isinstance(of, str) and isinstance(args[0], str):
        if name == "contains":
            return of.find(args[0]) >= 0
        if name == "startsWith":
            return of[: len(args[0])] == args[0]
        if name == "endsWith":
            return of[len(of) - len(args[0]) :] == args[0] if len(args[0]) <= len(of) else False
    raise Wrong


def _macro(expr: Method, env: dict[str, Any]) -> Any:
    of = _needed(expr.of, env)
    if not isinstance(of, list | dict):
        raise Wrong
    variable, body = expr.args
    assert isinstance(variable, Ref)
    found = []
    for item in of:
        inside = {**env, variable.name: item}
        if expr.name == "map":
            found.append(_needed(body, inside))
            continue
        holds = _bool(body, inside)
        if expr.name == "all" and not holds:
            return False
        if expr.name == "exists" and holds:
            return True
        if holds:
            found.append(item)
    match expr.name:
        case "all":
            return True
        case "exists":
            return False
        case "exists_one":
            return len(found) == 1
    return found


def _same(left: Any, right: Any) -> bool:
    if _is_number(left) and _is_number(right):
        return Fraction(left) == Fraction(right)
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(_same(*pair) for pair in zip(left, right, strict=True))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    return bool(left == right)


def _rank(value: Any) -> tuple[str, Any]:
    """What is compared, under the name of its kind."""
    if _is_number(value):
        return "number", Fraction(value)
    if isinstance(value, str):
        return "string", [ord(char) for char in value]
    if isinstance(value, Duration):
        return "duration", value.ms
    if isinstance(value, Timestamp):
        return "timestamp", value.us
    raise Wrong


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_int(value) or isinstance(value, Decimal)
