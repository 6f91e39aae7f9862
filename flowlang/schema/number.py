"""Bounds of numbers, and exact multiples."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from flowlang.schema.fault import SchemaError
from flowlang.schema.place import Path, Problems, show


def bounds(schema: dict[str, Any]) -> Callable[[Any, Path, Problems], Any] | None:
    """The closure of `minimum`, `maximum`, `exclusiveMinimum`, `exclusiveMaximum` and `multipleOf`, or None."""
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    step = schema.get("multipleOf")
    if low is None and high is None and above is None and below is None and step is None:
        return None
    for bound in (low, high, above, below, step):
        if bound is not None and type(bound) not in (int, Decimal):
            raise SchemaError(f"{show(bound)} is not a number")
    if step is not None and step <= 0:
        raise SchemaError(f"`multipleOf` is {show(step)} and must be more than 0")

    if high is None and above is None and below is None and step is None:
        return _at_least(low)

    def fit(value: Any, path: Path, problems: Problems) -> Any:
        kind = type(value)
        if kind is Decimal or kind is int:
            if low is not None and value < low:
                problems.add(path, f"{show(value)} is below the minimum {show(low)}")
            if high is not None and value > high:
                problems.add(path, f"{show(value)} is above the maximum {show(high)}")
            if above is not None and value <= above:
                problems.add(path, f"{show(value)} is not more than {show(above)}")
            if below is not None and value >= below:
                problems.add(path, f"{show(value)} is not less than {show(below)}")
            if step is not None and not is_multiple(value, step):
                problems.add(path, f"{show(value)} is not a multiple of {show(step)}")
        return value

    return fit


def _at_least(low: Any) -> Callable[[Any, Path, Problems], Any]:
    """`minimum` alone, as for most prices and quantities."""

    def fit(value: Any, path: Path, problems: Problems) -> Any:
        kind = type(value)
        if (kind is Decimal or kind is int) and value < low:
            problems.add(path, f"{show(value)} is below the minimum {show(low)}")
        return value

    return fit


def is_multiple(value: int | Decimal, step: int | Decimal) -> bool:
    """Whether `value` is a whole number of steps, exactly: a remainder of decimals rounds, and of large ones fails."""
    if type(value) is int and type(step) is int:
        return value % step == 0
    from fractions import Fraction  # rare, and slow to load

    return (Fraction(value) / Fraction(step)).denominator == 1
