"""Whether a value of one type fits where another type is asked for, and what two types have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from flowlang.expression.tree import Expr, Literal
from flowlang.expression.types import (
    ANY,
    DECIMAL,
    DURATION,
    INT,
    NULL,
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

EITHER = Scalar("decimal")
"""The type of a number that is an integer in some runs and a decimal in others (`x.orValue(1)`, `c ? 1 : 2.5`). It equals
`DECIMAL` and is told apart by identity only: it matters for nothing but `/`, which cuts the quotient of two integers."""


def problems(source: Type, target: Type) -> str | None:
    """Why a value of type `source` does not fit `target`, as a clause (`it is a string, not an int`), or None.

    An integer fits a decimal, and any string fits an enum, since run time checks the real values; but an enum fits
    another one only if all that it can be is in it."""
    if isinstance(source, Anything) or isinstance(target, Anything):
        return None
    if isinstance(target, Maybe):
        return None if source == NULL else problems(bare(source), target.item)
    match source:
        case Maybe():
            return "it may be absent"
        case Scalar():
            return None if source == target or (source == INT and target == DECIMAL) else _is_not(source, target)
        case String(values=values):
            if not isinstance(target, String):
                return _is_not(source, target)
            others = [value for value in values if target.values and value not in target.values]
            return (
                f"it can be {listed(others)}, and only {listed(target.values)} {_are(target.values)} known"
                if others
                else None
            )
        case ListType(item=item):
            if not isinstance(target, ListType):
                return _is_not(source, target)
            return _inside("an item", problems(item, target.item))
        case Record():
            if isinstance(target, Record):
                return _record_problems(source, target)
            if isinstance(target, MapType):
                found = (_inside(f"`{field.name}`", problems(field.type, target.item)) for field in source.fields)
                return next((problem for problem in found if problem), None)
            return _is_not(source, target)
        case MapType(item=item):
            if isinstance(target, MapType):
                return _inside("an item", problems(item, target.item))
            if isinstance(target, Record):
                return next((f"it may lack `{field.name}`" for field in target.fields if field.required), None)
            return _is_not(source, target)
        case _:
            assert_never(source)


def misfit(expr: Expr, source: Type, target: Type) -> str | None:
    """Like `problems` for the value of `expr`: a string literal must be one of the values of an enum."""
    want = bare(target)
    if isinstance(expr, Literal) and isinstance(expr.value, str) and isinstance(want, String) and want.values:
        if expr.value not in want.values:
            return f"only {listed(want.values)} {_are(want.values)} known"
    return problems(source, target)


def not_json(source: Type) -> str | None:
    """Why a value of type `source` cannot be handed to a service, an event or the caller, or None: there are no durations
    and timestamps in JSON."""
    for part in _inner(source):
        if part in (DURATION, TIMESTAMP):
            what = describe(part) if part is bare(source) else f"{describe(part)} in it"
            return f"{what} is not JSON; use `string(...)`"
    return None


def join(one: Type, other: Type) -> Type:
    """The type of a value that is of type `one` or of type `other`; `any` when they have nothing in common."""
    return common(one, other) or ANY


def common(one: Type, other: Type) -> Type | None:
    """Like `join`, but None when the kinds differ."""
    if one is other or (isinstance(one, Scalar) and one == other):
        return EITHER if other is EITHER else one
    if isinstance(one, Maybe) or isinstance(other, Maybe):
        item = common(bare(one), bare(other))
        return None if item is None else Maybe(bare(item))
    if NULL in (one, other):
        return Maybe(other if one == NULL else one)
    if isinstance(one, Anything) or isinstance(other, Anything):
        return ANY
    if one in (INT, DECIMAL) and other in (INT, DECIMAL):
        return EITHER
    if isinstance(one, String) and isinstance(other, String):
        if one == other:
            return one
        both = one.values and other.values
        return String(tuple(dict.fromkeys(one.values + other.values)) if both else ())
    if isinstance(one, ListType) and isinstance(other, ListType):
        return ListType(join(one.item, other.item))
    if isinstance(one, MapType) and isinstance(other, MapType):
        return MapType(join(one.item, other.item))
    if isinstance(one, Record) and isinstance(other, Record):
        # Equality does not show where a number may be an integer or a decimal.
        return one if one == other and all(part is not EITHER for part in _inner(other)) else _common_record(one, other)
    if isinstance(one, Record | MapType) and isinstance(other, Record | MapType):
        return ANY
    return None


def bare(type: Type) -> Type:
    """`type` without the possibility that the value is absent."""
    return type.item if isinstance(type, Maybe) else type


def describe(type: Type) -> str:
    """A type in a sentence: `an int`, a list of `Item`."""
    match type:
        case Scalar(name=name):
            return name if name == "null" else f"an {name}" if name == "int" else f"a {name}"
        case String():
            return "a string"
        case Anything():
            return "any value"
        case ListType(item=Anything()):
            return "a list"
        case ListType():
            return f"a {_noun(type)}"
        case Record():
            return _noun(type) if type.name else f"a {_noun(type)}"
        case MapType():
            return f"a {_noun(type)}"
        case Maybe():
            return f"an optional {_noun(type.item)}"
        case _:
            assert_never(type)


def listed(words: tuple[str, ...] | list[str]) -> str:
    """Words in backticks for a sentence: `a`, `b` and `c`."""
    quoted = [f"`{word}`" for word in words[:12]] + ([f"{len(words) - 12} more"] if len(words) > 12 else [])
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}" if quoted else "none"


def _noun(type: Type) -> str:
    match type:
        case Scalar(name=name):
            return name
        case String():
            return "string"
        case Anything():
            return "any value"
        case ListType(item=item):
            return "list" if isinstance(item, Anything) else f"list of {_noun(item)}"
        case Record(name=name, fields=fields):
            return f"`{name}`" if name else f"map with {listed([field.name for field in fields])}" if fields else "map"
        case MapType(item=item):
            return f"map of {_noun(item)}"
        case Maybe(item=item):
            return f"optional {_noun(item)}"
        case _:
            assert_never(type)


def _is_not(source: Type, target: Type) -> str:
    return f"it is {describe(source)}, not {describe(target)}"


def _are(values: tuple[str, ...]) -> str:
    return "is" if len(values) == 1 else "are"


def _inside(part: str, problem: str | None) -> str | None:
    """The problem of a part, seen from the whole: `it` becomes the part, or the way to it gets longer."""
    if problem is None:
        return None
    return f"{part} {problem[3:]}" if problem.startswith("it ") else f"in {part}, {problem}"


def _record_problems(source: Record, target: Record) -> str | None:
    given = {field.name: field for field in source.fields}
    for want in target.fields:
        have = given.pop(want.name, None)
        if have is None:
            if want.required:
                return f"it {'may lack' if source.open else 'lacks'} `{want.name}`"
            continue
        if want.required and not have.required:
            return f"`{want.name}` may be absent"
        problem = problems(bare(have.type), want.type)
        if problem is not None:
            return _inside(f"`{want.name}`", problem)
    if given and not target.open:
        return f"it has `{next(iter(given))}`, which {describe(target)} does not have"
    return None


def _inner(type: Type) -> Iterator[Type]:
    """`type` and its parts; they may be shared, and each is looked at once."""
    todo, seen = [type], {id(type)}
    while todo:
        part = todo.pop()
        yield part
        inside = _parts(part)
        todo += [each for each in inside if id(each) not in seen]
        seen.update(map(id, inside))


def _parts(type: Type) -> list[Type]:
    match type:
        case ListType(item=item) | MapType(item=item) | Maybe(item=item):
            return [item]
        case Record(fields=fields):
            return [field.type for field in fields]
        case _:
            return []


def _common_record(one: Record, other: Record) -> Record:
    """A field that both have keeps its place; one that only one has is optional."""
    there = {field.name: field for field in one.fields}
    fields: dict[str, Field] = {name: Field(name, field.type, False) for name, field in there.items()}
    for field in other.fields:
        mine = there.get(field.name)
        if mine is None:
            fields[field.name] = Field(field.name, field.type, False, field.personal, field.span)
        else:
            both = mine.required and field.required
            personal = mine.personal or field.personal
            fields[field.name] = Field(field.name, bare(join(mine.type, field.type)), both, personal, mine.span)
    return Record(
        tuple(fields[name] for name in sorted(fields)),
        one.name if one.name == other.name else "",
        one.open or other.open,
    )
