"""What functions, methods and macros do with values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import ROUND_DOWN, Decimal, DecimalException
from functools import reduce
from typing import Any, Final, NoReturn

from flowlang.expression.bounds import BUDGET, Env, ExpressionError, charge, too_costly
from flowlang.expression.operations import (
    NUMBERS,
    ORDERED,
    add,
    greater,
    integer,
    items,
    kind_of,
    less,
    timestamp,
    truth,
)
from flowlang.values import DECIMALS, Duration, Timestamp, decimal_text

_INTEGER: Final = re.compile(r"-?[0-9]{1,19}")
_NUMBER: Final = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,4})?")


def size(value: Any) -> int:
    """Code points of a string, items of a list, keys of a map."""
    if type(value) in (str, list, dict):
        return len(value)
    raise ExpressionError(f"`size` does not take {kind_of(value)}")


def contains(value: Any, part: Any, env: Env) -> bool:
    """Whether a string contains another one."""
    if type(value) is str and type(part) is str:
        charge(env, len(value))
        return part in value
    _unfit_method("contains", value, part)


def starts_with(value: Any, part: Any) -> bool:
    """Whether a string begins with another one."""
    if type(value) is str and type(part) is str:
        return value.startswith(part)
    _unfit_method("startsWith", value, part)


def ends_with(value: Any, part: Any) -> bool:
    """Whether a string ends with another one."""
    if type(value) is str and type(part) is str:
        return value.endswith(part)
    _unfit_method("endsWith", value, part)


def to_int(value: Any) -> int:
    """An integer from a decimal (cut towards zero), a string of digits, or a timestamp (whole seconds since 1970)."""
    kind = type(value)
    if kind is int:
        return int(value)
    if kind is Decimal:
        return integer(int(value.to_integral_value(ROUND_DOWN)))
    if kind is str and _INTEGER.fullmatch(value):
        return integer(int(value))
    if kind is Timestamp:
        return int(value.us // 1_000_000)
    _no_conversion("int", value)


def to_decimal(value: Any) -> Decimal:
    """A decimal from an integer or a string with a number. The function is called `double`, as in CEL."""
    kind = type(value)
    if kind is Decimal or kind is int or (kind is str and _NUMBER.fullmatch(value)):
        try:
            return DECIMALS.create_decimal(value)
        except DecimalException:
            raise ExpressionError("the number is too large") from None
    _no_conversion("double", value)


def to_string(value: Any) -> str:
    """The text of a scalar: decimals normalised, durations as `3d`, timestamps as RFC 3339."""
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is int or kind is Duration or kind is Timestamp:
        return str(value)
    if kind is Decimal:
        return decimal_text(value)
    _no_conversion("string", value)


def to_timestamp(value: Any) -> Timestamp:
    """A timestamp from an RFC 3339 string or from whole seconds since 1970."""
    kind = type(value)
    if kind is Timestamp:
        return Timestamp(value.us)
    if kind is int:
        return timestamp(value * 1_000_000)
    if kind is str:
        try:
            return Timestamp.parse(value)
        except ValueError as error:
            raise ExpressionError(str(error)) from None
    _no_conversion("timestamp", value)


def to_duration(value: Any) -> Duration:
    """A duration from a string such as `3d` or `1m30s`."""
    if type(value) is Duration:
        return value
    if type(value) is str:
        try:
            return Duration.parse(value)
        except ValueError as error:
            raise ExpressionError(str(error)) from None
    _no_conversion("duration", value)


def total(env: Env, *values: Any) -> Any:
    """The sum of a list of numbers or of several; of an empty list the integer 0. Durations are added with `+`: the sum
    of an empty list of them could not be told from that of numbers."""
    summands = _operands("sum", env, values)
    for value in summands:
        if type(value) not in NUMBERS:
            raise ExpressionError(f"`sum` does not take {kind_of(value)}")
    return reduce(lambda left, right: add(left, right, env), summands) if summands else 0


def least(env: Env, *values: Any) -> Any:
    """The smallest item of a list, or of several values."""
    return _extreme("min", less, env, values)


def greatest(env: Env, *values: Any) -> Any:
    """The largest item of a list, or of several values."""
    return _extreme("max", greater, env, values)


# ---------------------------------------------------------------- macros

Body = Callable[[Env], Any]


def all_(of: Any, env: Env, variable: str, body: Body, cost: int) -> bool:
    """Whether `body` is true for every item; stops at the first for which it is not."""
    return all(truth(body(local)) for local, _ in _rounds("all", of, env, variable, cost))


def exists(of: Any, env: Env, variable: str, body: Body, cost: int) -> bool:
    """Whether `body` is true for some item; stops at the first for which it is."""
    return any(truth(body(local)) for local, _ in _rounds("exists", of, env, variable, cost))


def exists_one(of: Any, env: Env, variable: str, body: Body, cost: int) -> bool:
    """Whether `body` is true for exactly one item."""
    return sum(truth(body(local)) for local, _ in _rounds("exists_one", of, env, variable, cost)) == 1


def map_(of: Any, env: Env, variable: str, body: Body, cost: int) -> list[Any]:
    """The values of `body` for each item."""
    return items([body(local) for local, _ in _rounds("map", of, env, variable, cost)])


def filter_(of: Any, env: Env, variable: str, body: Body, cost: int) -> list[Any]:
    """The items for which `body` is true."""
    return [item for local, item in _rounds("filter", of, env, variable, cost) if truth(body(local))]


def _rounds(macro: str, of: Any, env: Env, variable: str, cost: int) -> Iterable[tuple[Env, Any]]:
    """The names as `body` sees them and the item, for each item of a list or key of a map."""
    if type(of) is not list and type(of) is not dict:
        raise ExpressionError(f"`{macro}` does not take {kind_of(of)}")
    local = dict(env)
    budget = env[BUDGET]
    for item in of:
        budget[0] -= cost
        if budget[0] < 0:
            too_costly()
        local[variable] = item
        yield local, item


# ---------------------------------------------------------------- parts of the above


def _unfit_method(method: str, value: Any, part: Any) -> NoReturn:
    raise ExpressionError(f"`{method}` takes two strings, not {kind_of(value)} and {kind_of(part)}")


def _no_conversion(function: str, value: Any) -> NoReturn:
    if type(value) is str:
        raise ExpressionError(f'`{function}` cannot read "{value[:80]}"')
    raise ExpressionError(f"`{function}` does not take {kind_of(value)}")


def _operands(function: str, env: Env, values: tuple[Any, ...]) -> tuple[Any, ...] | list[Any]:
    if len(values) != 1:
        return values
    [only] = values
    if type(only) is not list:
        raise ExpressionError(f"`{function}` takes a list or several values, not {kind_of(only)}")
    charge(env, len(only))
    return only


def _extreme(function: str, better: Callable[[Any, Any], bool], env: Env, values: tuple[Any, ...]) -> Any:
    operands = _operands(function, env, values)
    if not operands:
        raise ExpressionError(f"`{function}` of an empty list")
    best = operands[0]
    if type(best) not in ORDERED:
        raise ExpressionError(f"`{function}` does not take {kind_of(best)}")
    mixed = False
    for value in operands[1:]:
        mixed = mixed or type(value) is not type(best)
        if better(value, best):
            best = value
    return DECIMALS.create_decimal(best) if mixed else best
