"""The closures of single keywords: each takes a value, its place and the list of problems, and gives the value back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from flowlang.schema.fault import SchemaError
from flowlang.schema.pattern import Pattern
from flowlang.schema.place import Path, Problems, show
from flowlang.values import MAX_INT, MIN_INT, canonical

Fit = Callable[[Any, Path, Problems], Any]

MAX_PROBLEMS = 10

_NAMES: Final[dict[type, str]] = {
    type(None): "null",
    bool: "true or false",
    int: "an integer",
    Decimal: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
}
_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "null": (type(None),),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, Decimal),
    "string": (str,),
    "array": (list,),
    "object": (dict,),
}
_SAYS_NOTHING: Final = frozenset(
    (
        "type",
        "title",
        "description",
        "$comment",
        "default",
        "example",
        "examples",
        "deprecated",
        "readOnly",
        "writeOnly",
    )
)
_ABSENT: Final = object()
_SAID: Final = {
    "null": "null",
    "boolean": "true or false",
    "integer": "an integer",
    "number": "a number",
    "string": "a string",
    "array": "a list",
    "object": "an object",
}


def later(cell: list[Fit]) -> Fit:
    """What `cell` will hold when everything is compiled."""

    def fit(value: Any, path: Path, problems: Problems) -> Any:
        return cell[0](value, path, problems)

    return fit


def remembering(cell: list[Fit]) -> Fit:
    """What `cell` says, asked once for each list and object: else alternatives within recursion would multiply."""

    def fit(value: Any, path: Path, problems: Problems) -> Any:
        if not isinstance(value, list | dict):
            return cell[0](value, path, problems)
        asked = (id(cell), id(value))
        known = problems.memo.get(asked)
        if known is None:
            inner = problems.fresh()
            fitted = cell[0](value, path, inner)
            known = problems.memo[asked] = (value, inner, fitted)  # the value too, or another could get its id
        problems.extend(known[1])
        return known[2]

    return fit


def anything(value: Any, path: Path, problems: Problems) -> Any:
    return value


def nothing(value: Any, path: Path, problems: Problems) -> Any:
    problems.add(path, "is not allowed here")
    return value


def after(first: Fit, rest: Fit) -> Fit:
    """A value of the wrong kind is not looked at any further; one of the right kind comes with its numbers normalised."""

    def fit(value: Any, path: Path, problems: Problems) -> Any:
        before = len(problems)
        value = first(value, path, problems)
        return value if len(problems) > before else rest(value, path, problems)

    return fit


def row(fits: list[Fit]) -> Fit:
    """One after another."""
    if len(fits) == 1:
        return fits[0]

    def fit(value: Any, path: Path, problems: Problems) -> Any:
        for each in fits:
            value = each(value, path, problems)
            if len(problems) >= MAX_PROBLEMS:
                break
        return value

    return fit


def kind(schema: dict[str, Any]) -> Fit | None:
    """`type`, which also says what becomes of numbers."""
    if "type" not in schema:
        return None
    names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if not all(isinstance(name, str) and name in _KINDS for name in names):
        raise SchemaError(f"there is no type {', '.join(map(repr, names))}")
    kinds = frozenset(kind for name in names for kind in _KINDS[name])
    said = " or ".join(_SAID[name] for name in names)
    whole, fraction = "integer" in names, "number" in names
    if whole == fraction:

        def fit_plain(value: Any, path: Path, problems: Problems) -> Any:
            if type(value) not in kinds:
                problems.add(path, _not(value, said))
            return value

        return fit_plain

    def fit_number(value: Any, path: Path, problems: Problems) -> Any:
        kind = type(value)
        if kind is int:
            return Decimal(value) if fraction else value
        if kind is Decimal and whole:
            if value != value.to_integral_value():
                problems.add(path, _not(value, said))
            elif MIN_INT <= value <= MAX_INT:
                return int(value)
            else:
                problems.add(path, f"{show(value)} does not fit into 64 bits")
        elif kind not in kinds:
            problems.add(path, _not(value, said))
        return value

    return fit_number


def _not(value: Any, said: str) -> str:
    if value is None or isinstance(value, list | dict):
        return f"{_NAMES[type(value)]} is not {said}"
    return f"{show(value)} is not {said}"


def among(values: Any) -> Fit:
    texts = {canonical(each) for each in values}
    strings = frozenset(each for each in values if type(each) is str)
    said = show(values[0]) if len(values) == 1 else f"one of {', '.join(show(each) for each in values[:8])}"
    said += ", ..." if len(values) > 8 else ""

    def fit(value: Any, path: Path, problems: Problems) -> Any:
        if type(value) is str:
            if value in strings:
                return value
        elif canonical(value) in texts:
            return value
        problems.add(path, f"{show(value)} is not {said}")
        return value

    return fit


def listed(firsts: list[Fit], rest: Fit | None) -> Fit:
    start = len(firsts)

    def fit(value: Any, path: Path, problems: Problems) -> Any:
        if type(value) is not list:
            return value
        result = value
        for index, item in enumerate(value):
            each = firsts[index] if index < start else rest
            if each is None:
                break
            fitted = each(item, (path, index), problems)
            if fitted is not item:
                if result is value:
                    result = value.copy()
                result[index] = fitted
            if len(problems) >= MAX_PROBLEMS:
                break
        return result

    return fit


def containing(each: Fit, schema: dict[str, Any]) -> Fit:
    least, most = schema.get("minContains", 1), schema.get("maxContains")

    def fit(value: Any, path: Path, problems: Problems) -> Any:
        if type(value) is list:
            number = 0
            for item in value:
                inner = problems.fresh()
                each(item, path, inner)
                number += not inner
            if number < least:
                problems.add(path, f"{number} of its items are as `contains` says, and {least} are needed")
            elif most is not None and number > most:
                problems.add(path, f"{number} of its items are as `contains` says, and at most {most} may be")
        return value

    return fit


def sized(kind: type[list[Any]] | type[dict[str, Any]], least: Any, most: Any, unit: str, what: str) -> Fit:
    def fit(value: Any, path: Path, problems: Problems) -> Any:
        if type(value) is kind:
            if len(value) < least:
                problems.add(path, f"{what} has {len(value)} of at least {count(least, unit)}")
            elif most is not None and len(value) > most:
                problems.add(path, f"{what} has {len(value)} of at most {count(most, unit)}")
        return value

    return fit


def unique(value: Any, path: Path, problems: Problems) -> Any:
    if type(value) is list:
        seen: dict[str, int] = {}
        for index, item in enumerate(value):
            first = seen.setdefault(canonical(item), index)
            if first != index:
                problems.add((path, index), f"is the same as item {first}")
                break
    return value


def settled(schema: Any) -> frozenset[type]:
    """The types of which every value fits `schema` as it is: most members need no more than a look at their type."""
    if not isinstance(schema, dict) or not isinstance(schema.get("type"), str):
        return frozenset()
    if not all(word in _SAYS_NOTHING or word.startswith("x-") for word in schema):
        return frozenset()
    return frozenset((Decimal,) if schema["type"] == "number" else _KINDS.get(schema["type"], ()))


def knowing(known: tuple[tuple[str, frozenset[type], Fit], ...], required: tuple[str, ...]) -> Fit:
    def fit(value: Any, path: Path, problems: Problems) -> Any:
        if type(value) is not dict:
            return value
        for name in required:
            if name not in value:
                problems.add((path, name), "is missing")
        result = value
        for name, kinds, each in known:
            item = value.get(name, _ABSENT)
            if type(item) not in kinds and item is not _ABSENT:
                fitted = each(item, (path, name), problems)
                if fitted is not item:
                    if result is value:
                        result = value.copy()
                    result[name] = fitted
        return result

    return fit


def other_members(known: frozenset[str], by_pattern: list[tuple[Pattern, Fit]], others: Fit) -> Fit:
    def fit(value: Any, path: Path, problems: Problems) -> Any:
        if type(value) is not dict:
            return value
        result = value
        for name, item in value.items():
            if not by_pattern and name in known:
                continue
            fitted, matched = item, name in known
            for pattern, each in by_pattern:
                if pattern.search(name):
                    matched = True
                    fitted = each(fitted, (path, name), problems)
            if not matched:
                fitted = others(item, (path, name), problems)
            if fitted is not item:
                if result is value:
                    result = value.copy()
                result[name] = fitted
            if len(problems) >= MAX_PROBLEMS:
                break
        return result

    return fit


def naming(each: Fit) -> Fit:
    def fit(value: Any, path: Path, problems: Problems) -> Any:
        if type(value) is dict:
            for name in value:
                inner = problems.fresh()
                each(name, None, inner)
                if inner:
                    problems.add(path, f"the member name {show(name)} is not allowed: {inner[0]}")
        return value

    return fit


def dependent_names(needed: Mapping[str, Any]) -> Fit:
    def fit(value: Any, path: Path, problems: Problems) -> Any:
        if type(value) is dict:
            for name, others in needed.items():
                for other in others if name in value else ():
                    if other not in value:
                        problems.add((path, other), f"is missing, and `{name}` needs it")
        return value

    return fit


def dependent(name: str, each: Fit) -> Fit:
    def fit(value: Any, path: Path, problems: Problems) -> Any:
        return each(value, path, problems) if type(value) is dict and name in value else value

    return fit


def none_fits(path: Path, tried: list[Problems], problems: Problems) -> None:
    """The problems of the alternative that is nearest: the one that found least to say."""
    if not tried:
        problems.add(path, "fits no alternative, as there is none")
        return
    nearest = min(tried, key=len)
    if len(tried) == 1:
        problems.extend(nearest)
        return
    problems.add(path, f"fits none of the {len(tried)} alternatives; the nearest one: {nearest[0]}")


def count(number: Any, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
