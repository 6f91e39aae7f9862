"""What each operator does with values: the meaning of expressions, one small function for each.

The rules are CEL's but for the deviations that the language page lists. Kinds are compared by `type`, never by
`isinstance`, because for Python a bool is an int and here it is not. No function looks at attributes of a value, so
nothing of Python shows through. Null counts as absent: reading either is an error, except where the text allows for it
(`.?`, `has`, `orValue`, a comparison with `null`, an entry of a map literal).
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, DecimalException
from typing import Any, Final, NoReturn

from flowlang.expression.bounds import BUDGET, MAX_COST, MAX_LIST, MAX_STRING, Env, ExpressionError, charge, too_costly
from flowlang.expression.text import to_text
from flowlang.expression.tree import Index, Select
from flowlang.values import ABSENT, DECIMALS, MAX_INT, MIN_INT, Duration, Timestamp

NUMBERS: Final = frozenset({int, Decimal})
ORDERED: Final = frozenset({int, Decimal, str, Duration, Timestamp})
# ---------------------------------------------------------------- reading


def name(env: Env, name: str) -> Any:
    """The value of a name that must be there."""
    value = env.get(name)
    if value is None or value is ABSENT:
        raise ExpressionError(f"`{name}` is absent")
    return value


def name_or_absent(env: Env, name: str) -> Any:
    """The value of a name, or ABSENT."""
    value = env.get(name)
    return ABSENT if value is None else value


def select(of: Any, field: str, node: Select) -> Any:
    """A field that must be there."""
    if type(of) is dict:
        value = of.get(field)
        if value is not None:
            return value
        raise ExpressionError(f"`{to_text(node)}` is absent")
    _no_fields(of, node)


def select_or_absent(of: Any, field: str, node: Select) -> Any:
    """A field, or ABSENT where it or its record is not there."""
    if type(of) is dict:
        value = of.get(field)
        return ABSENT if value is None else value
    if of is None or of is ABSENT:
        return ABSENT
    _no_fields(of, node)


def index(of: Any, at: Any, node: Index) -> Any:
    """An item that must be there."""
    value = item_or_absent(of, at, node)
    if value is ABSENT:
        raise ExpressionError(f"`{to_text(node)}` is absent")
    return value


def item_or_absent(of: Any, at: Any, node: Index) -> Any:
    """An item, or ABSENT for a key that a map does not have. A list must have the position."""
    if type(of) is list and type(at) is int:
        if not 0 <= at < len(of):
            raise ExpressionError(f"`{to_text(node)}`: there is no item {at} in a list of {len(of)}")
        value = of[at]
    elif type(of) is dict and type(at) is str:
        value = of.get(at)
    else:
        raise ExpressionError(f"{kind_of(of)} has no index that is {kind_of(at)}: `{to_text(node)}`")
    return ABSENT if value is None else value


def index_or_absent(of: Any, at: Any, node: Index) -> Any:
    """An item, or ABSENT where it or its list or map is not there."""
    if of is None or of is ABSENT or (type(of) is list and type(at) is int and not 0 <= at < len(of)):
        return ABSENT
    return item_or_absent(of, at, node)


def is_present(value: Any) -> bool:
    """Neither absent nor null."""
    return value is not None and value is not ABSENT


def is_absent(value: Any) -> bool:
    """Absent or null."""
    return value is None or value is ABSENT


def entries(members: dict[str, Any]) -> dict[str, Any]:
    """A map literal without the keys whose values are absent."""
    for value in members.values():
        if value is None or value is ABSENT:
            return {key: value for key, value in members.items() if value is not None and value is not ABSENT}
    return members


def items(values: list[Any]) -> list[Any]:
    """A list literal: each item must be there."""
    for value in values:
        if value is None or value is ABSENT:
            raise ExpressionError("an item of the list is absent")
    return values


# ---------------------------------------------------------------- truth and comparison


def truth(value: Any) -> bool:
    """A condition."""
    if value is True or value is False:
        return value is True
    raise ExpressionError(f"a condition must be true or false, not {kind_of(value)}")


def not_(value: Any) -> bool:
    """`!value`."""
    if value is True or value is False:
        return value is False
    raise ExpressionError(f"`!` does not take {kind_of(value)}")


def equal(left: Any, right: Any, env: Env) -> bool:
    """`left == right`, by value; lists and maps deeply. Values of different kinds are not equal (where the kinds are
    known, `check` refuses to compare them), but an integer and a decimal of the same value are."""
    kind = type(left)
    if kind is type(right):
        if kind is str or kind is int:
            return bool(left == right)
        if kind is list or kind is dict:
            return _deep_equal(left, right, env)
    if left is ABSENT or right is ABSENT:
        _unfit("==", left, right)
    return _scalar_equal(left, right)


def unequal(left: Any, right: Any, env: Env) -> bool:
    """`left != right`."""
    return not equal(left, right, env)


def less(left: Any, right: Any) -> bool:
    """`left < right`: numbers by value, strings by code point, durations, timestamps."""
    kind = type(left)
    if kind in ORDERED and (kind is type(right) or (kind in NUMBERS and type(right) in NUMBERS)):
        return bool(left < right)
    _unfit("<", left, right)


def less_or_equal(left: Any, right: Any) -> bool:
    """`left <= right`."""
    kind = type(left)
    if kind in ORDERED and (kind is type(right) or (kind in NUMBERS and type(right) in NUMBERS)):
        return bool(left <= right)
    _unfit("<=", left, right)


def greater(left: Any, right: Any) -> bool:
    """`left > right`."""
    kind = type(left)
    if kind in ORDERED and (kind is type(right) or (kind in NUMBERS and type(right) in NUMBERS)):
        return bool(left > right)
    _unfit(">", left, right)


def greater_or_equal(left: Any, right: Any) -> bool:
    """`left >= right`."""
    kind = type(left)
    if kind in ORDERED and (kind is type(right) or (kind in NUMBERS and type(right) in NUMBERS)):
        return bool(left >= right)
    _unfit(">=", left, right)


def in_(left: Any, right: Any, env: Env) -> bool:
    """`left in right`: an item of a list, or a key of a map whose value is there."""
    if type(right) is list and left is not ABSENT:
        charge(env, len(right))
        if type(left) is str:
            return left in right  # a string equals nothing but a string
        return any(equal(left, item, env) for item in right)
    if type(right) is dict and type(left) is str:
        return right.get(left) is not None
    _unfit("in", left, right)


# ---------------------------------------------------------------- arithmetic


def add(left: Any, right: Any, env: Env) -> Any:
    """`left + right`: numbers, strings, lists, durations, a timestamp and a duration."""
    kind, other = type(left), type(right)
    if kind is int and other is int:
        return integer(left + right)
    if kind in NUMBERS and other in NUMBERS:
        return _decimal(DECIMALS.add, left, right)
    if kind is str and other is str:
        return _string(left, right, env)
    if kind is list and other is list:
        return _joined(left, right, env)
    if kind is Duration and other is Duration:
        return _duration(left.ms + right.ms)
    if kind is Timestamp and other is Duration:
        return timestamp(left.us + right.ms * 1000)
    if kind is Duration and other is Timestamp:
        return timestamp(right.us + left.ms * 1000)
    _unfit("+", left, right)


def subtract(left: Any, right: Any) -> Any:
    """`left - right`. Two timestamps give a duration, cut to the millisecond towards zero."""
    kind, other = type(left), type(right)
    if kind is int and other is int:
        return integer(left - right)
    if kind in NUMBERS and other in NUMBERS:
        return _decimal(DECIMALS.subtract, left, right)
    if kind is Duration and other is Duration:
        return _duration(left.ms - right.ms)
    if kind is Timestamp and other is Duration:
        return timestamp(left.us - right.ms * 1000)
    if kind is Timestamp and other is Timestamp:
        return _duration(_quotient(left.us - right.us, 1000))
    _unfit("-", left, right)


def multiply(left: Any, right: Any) -> Any:
    """`left * right`: numbers, or a duration and an integer."""
    kind, other = type(left), type(right)
    if kind is int and other is int:
        return integer(left * right)
    if kind in NUMBERS and other in NUMBERS:
        return _decimal(DECIMALS.multiply, left, right)
    if kind is Duration and other is int:
        return _duration(left.ms * right)
    if kind is int and other is Duration:
        return _duration(left * right.ms)
    _unfit("*", left, right)


def divide(left: Any, right: Any) -> Any:
    """`left / right`: of integers towards zero; of decimals rounded to 34 digits; of a duration by an integer."""
    kind, other = type(left), type(right)
    if kind in NUMBERS and other in NUMBERS:
        if not right:
            raise ExpressionError("division by zero")
        if kind is int and other is int:
            return integer(_quotient(left, right))
        return _decimal(DECIMALS.divide, left, right)
    if kind is Duration and other is int:
        if not right:
            raise ExpressionError("division by zero")
        return _duration(_quotient(left.ms, right))
    _unfit("/", left, right)


def modulo(left: Any, right: Any) -> Any:
    """`left % right`: what the division towards zero leaves, with the sign of `left`."""
    kind, other = type(left), type(right)
    if kind in NUMBERS and other in NUMBERS:
        if not right:
            raise ExpressionError("division by zero")
        if kind is int and other is int:
            return int(left - right * _quotient(left, right))
        return _decimal(DECIMALS.remainder, left, right)
    _unfit("%", left, right)


def negate(value: Any) -> Any:
    """`-value`."""
    kind = type(value)
    if kind is int:
        return integer(-value)
    if kind is Decimal:
        return value.copy_negate() if value else value
    if kind is Duration:
        return _duration(-value.ms)
    raise ExpressionError(f"`-` does not take {kind_of(value)}")


# ---------------------------------------------------------------- parts of the above


def kind_of(value: Any) -> str:
    """What a value is, for a message: `a string`."""
    return _KINDS[type(value)]


_KINDS: Final = {
    type(None): "null",
    bool: "a bool",
    int: "an int",
    Decimal: "a decimal",
    str: "a string",
    Duration: "a duration",
    Timestamp: "a timestamp",
    list: "a list",
    dict: "a map",
    type(ABSENT): "an absent value",
}


def _unfit(op: str, left: Any, right: Any) -> NoReturn:
    raise ExpressionError(f"`{op}` does not take {kind_of(left)} and {kind_of(right)}")


def _no_fields(of: Any, node: Select) -> NoReturn:
    raise ExpressionError(f"`{to_text(node.of)}` is {kind_of(of)}: it has no field `{node.name}`")


def integer(value: int) -> int:
    if MIN_INT <= value <= MAX_INT:
        return value
    raise ExpressionError("the integer does not fit into 64 bits")


def _quotient(left: int, right: int) -> int:
    """Towards zero, where Python rounds down."""
    whole = abs(left) // abs(right)
    return whole if (left < 0) == (right < 0) else -whole


def _decimal(operation: Callable[[Any, Any], Decimal], left: Any, right: Any) -> Decimal:
    try:
        value = operation(left, right)
    except DecimalException:
        raise ExpressionError("the number is too large") from None
    return value if value else Decimal(0)


def _duration(ms: int) -> Duration:
    if -Duration.LIMIT <= ms <= Duration.LIMIT:
        return Duration(ms)
    raise ExpressionError("the duration is longer than ten thousand years")


def timestamp(us: int) -> Timestamp:
    if Timestamp.FIRST <= us <= Timestamp.LAST:
        return Timestamp(us)
    raise ExpressionError("the timestamp is outside of the years 1 to 9999")


def _string(left: str, right: str, env: Env) -> str:
    length = len(left) + len(right)
    if length > MAX_STRING:
        raise ExpressionError(f"the string is longer than {MAX_STRING:,} characters")
    charge(env, length)
    return left + right


def _joined(left: list[Any], right: list[Any], env: Env) -> list[Any]:
    length = len(left) + len(right)
    if length > MAX_LIST:
        raise ExpressionError(f"the list is longer than {MAX_LIST:,} items")
    charge(env, length)
    return left + right


def _scalar_equal(left: Any, right: Any) -> bool:
    kind, other = type(left), type(right)
    return (kind is other or (kind in NUMBERS and other in NUMBERS)) and bool(left == right)


def _deep_equal(left: Any, right: Any, env: Env) -> bool:
    """Lists and maps may share parts, so that few objects stand for a huge value: the steps are counted."""
    budget = env.get(BUDGET) or [MAX_COST]
    todo = [(left, right)]
    while todo:
        left, right = todo.pop()
        kind = type(left)
        if kind is not type(right) or (kind is not list and kind is not dict):
            if not _scalar_equal(left, right):
                return False
            continue
        if len(left) != len(right):
            return False
        budget[0] -= len(left)
        if budget[0] < 0:
            too_costly()
        if kind is list:
            todo.extend(zip(left, right, strict=True))
        elif left.keys() != right.keys():
            return False
        else:
            todo.extend((value, right[key]) for key, value in left.items())
    return True
