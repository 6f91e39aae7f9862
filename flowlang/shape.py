"""Frozen dataclasses to plain JSON data and back, by their fields: how kernel and tables travel and what a hash covers.

A dataclass becomes an object with its fields; what is None, empty text or an empty tuple is left out. A member of a union
says its `kind`. An expression becomes its text and its tree. Spans are never written. With `labels` false, fields that
take no part in comparison (documentation, labels, examples) are left out too: what remains is what a thing *means*.
"""

from __future__ import annotations

import hashlib
import re
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from flowlang.expression.json import from_json, to_json
from flowlang.expression.tree import Expression
from flowlang.source import Span
from flowlang.values import canonical

Json = Any


class Misshapen(Exception):
    """Data that is not the shape of the class asked for: damaged, or written by another version."""


def to_data(thing: Any, kinds: tuple[type, ...] = (), labels: bool = True) -> Json:
    """`thing` as JSON data. Classes in `kinds` are members of a union and say which they are."""
    if type(thing) is str or thing is None:  # most are
        return thing
    if isinstance(thing, Expression):
        return {"text": thing.text, "tree": to_json(thing.tree)} if labels else {"tree": to_json(thing.tree)}
    if isinstance(thing, tuple):
        return [to_data(item, kinds, labels) for item in thing]
    cls: Any = type(thing)
    written = _written(cls, labels)
    if written is None:
        return thing
    found: dict[str, Json] = {"kind": kind_of(cls)} if isinstance(thing, kinds) else {}
    for name, may_be_left_out in written:
        value = getattr(thing, name)
        if (may_be_left_out and _is_empty(value)) or isinstance(value, Span):
            continue
        found[name] = to_data(value, kinds, labels)
    return found


@cache
def _written(cls: Any, labels: bool) -> tuple[tuple[str, bool], ...] | None:
    """The fields of a class that are written, and whether they are left out where they are empty; None for what is no
    record."""
    if not is_dataclass(cls):
        return None
    return tuple((f.name, _may_be_left_out(f)) for f in fields(cls) if labels or f.compare)


def _is_empty(value: Any) -> bool:
    return value is None or value == "" or value == ()


def _may_be_left_out(f: Field[Any]) -> bool:
    """An empty field comes back empty when it is left out, unless its default is something else."""
    return f.default is MISSING or _is_empty(f.default)


def from_data(cls: Any, data: Json) -> Any:
    """The value of type `cls` that `data` describes. Raises Misshapen."""
    origin = get_origin(cls)
    if origin in (Union, types.UnionType):
        return _union(get_args(cls), data)
    if origin is tuple:
        return _tuple(get_args(cls), data)
    if cls is Expression:
        _require(isinstance(data, dict) and "tree" in data, "an expression has a text and a tree")
        return Expression(data.get("text", ""), from_json(data["tree"]))
    if is_dataclass(cls):
        return _record(cls, data)
    if cls in (str, int, bool):
        _require(type(data) is cls, f"{data!r} is no {cls.__name__}")
    return data


def hash_of(thing: Any, kinds: tuple[type, ...]) -> str:
    """The identity of what `thing` means: 64 hexadecimal digits."""
    return hashlib.sha256(canonical(to_data(thing, kinds, labels=False), known=True).encode()).hexdigest()


@cache
def kind_of(cls: type) -> str:
    """`StepRow` is of kind `step`, `Catch` of kind `catch`."""
    return re.sub(r"Row$", "", cls.__name__).lower()


@cache
def _hints(cls: type) -> Mapping[str, Any]:
    return get_type_hints(cls)


def _record(cls: Any, data: Json) -> Any:
    _require(isinstance(data, dict), f"a {cls.__name__} is an object")
    hints, given = _hints(cls), {}
    for f in fields(cls):
        hint = hints[f.name]
        if f.name in data:
            given[f.name] = from_data(hint, data[f.name])
        elif f.default is MISSING and f.default_factory is MISSING:
            given[f.name] = _nothing(hint, f"a {cls.__name__} has a `{f.name}`")
    unknown = set(data) - set(hints) - {"kind"}
    _require(not unknown, f"a {cls.__name__} has no {', '.join(sorted(unknown))}")
    return cls(**given)


def _nothing(hint: Any, why: str) -> Any:
    """The value that `to_data` leaves out for a field of type `hint`."""
    if hint is str:
        return ""
    if get_origin(hint) is tuple:
        return ()
    _require(get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint), why)
    return None


def _union(members: tuple[Any, ...], data: Json) -> Any:
    if data is None and type(None) in members:
        return None
    classes = [member for member in members if member is not type(None)]
    if len(classes) == 1:
        return from_data(classes[0], data)
    _require(isinstance(data, dict), "a member of a union is an object")
    for member in classes:
        if kind_of(member) == data.get("kind"):
            return from_data(member, data)
    raise Misshapen(f"`{data.get('kind')}` is none of {', '.join(kind_of(member) for member in classes)}")


def _tuple(items: tuple[Any, ...], data: Json) -> Any:
    if not isinstance(data, list):  # words for a list that is one would be as long as all that is in it
        raise Misshapen(f"{data!r} is no list")
    if len(items) == 2 and items[1] is Ellipsis:
        return tuple(from_data(items[0], item) for item in data)
    if len(items) != len(data):
        raise Misshapen(f"{data!r} has not {len(items)} parts")
    return tuple(from_data(item, value) for item, value in zip(items, data, strict=True))


def _require(holds: bool, why: str) -> None:
    if not holds:
        raise Misshapen(why)
