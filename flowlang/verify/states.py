"""States of machines as data: copied fast, and turned into keys that are equal exactly for states that mean the same.

The machines keep their state in slotted dataclasses, dicts, lists and sets. What is frozen is shared by all copies. An
exploration copies, compares and keys states a hundred thousand times, so each class has a function of its own for each of
these, made when the first of its kind is met: it reads the fields by name and asks no field what it is made of but by its
class.
"""

from __future__ import annotations

import ast
import operator
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

from flowlang.event import EffectId
from flowlang.expression.python import functions_of


def clone(value: Any) -> Any:
    """A copy of a state that shares nothing that can change."""
    return _CLONES[type(value)](value)


def twin(value: Any) -> Any:
    """The same, where what is one in two places stays one: as if it had not been copied."""
    return _twin(value, {})


def key(value: Any) -> Any:
    """A hashable thing that is equal for equal states. Calls that something follows are a set: in which order they were
    heard of says nothing."""
    return _KEYS[type(value)](value)


def alike(one: Any, other: Any) -> bool:
    """Whether two states mean the same."""
    return same(one, other) or bool(key(one) == key(other))


def same(one: Any, other: Any) -> bool:
    """Whether two states are equal in everything, the order of members too. It costs a fraction of two keys."""
    return one is other or (type(one) is type(other) and bool(_SAMES[type(one)](one, other)))


class _ByKind(dict[type, Callable[..., Any]]):
    """What is done with a value, by its class: `known`, or what `make` says of a class that is met."""

    def __init__(self, known: dict[type, Callable[..., Any]], make: Callable[[type], Callable[..., Any]]) -> None:
        super().__init__(known)
        self._make = make

    def __missing__(self, kind: type) -> Callable[..., Any]:
        made = self[kind] = self._make(kind)
        return made


def _itself(value: Any) -> Any:
    return value


def _fields(kind: type) -> tuple[str, ...]:
    return tuple(one.name for one in fields(kind)) if is_dataclass(kind) else ()


_names: Callable[[type], tuple[str, ...]] = cache(_fields)


def _function(parameters: str, lines: Iterable[str], known: dict[str, Any]) -> Callable[..., Any]:
    """A function of these lines, in which are the names of our own fields, and nothing of a user's."""
    tree = ast.parse(f"def made({parameters}):\n" + "\n".join(f" {line}" for line in lines))
    made: Callable[..., Any] = functions_of(tree.body, "<states>", {"type": type, "str": str, **known})["made"]
    return made


# ---------------------------------------------------------------- copies

_SHARED: set[type] = {str, tuple, int, bool, float, type(None)}
"""Classes whose members all copies share; those of frozen records are added as they are met."""


def _clone_dict(old: dict[Any, Any]) -> dict[Any, Any]:
    made = old.copy()
    for name, part in old.items():
        if type(part) not in _SHARED:
            made[name] = _CLONES[type(part)](part)
    return made


def _clone_list(old: list[Any]) -> list[Any]:
    return [part if type(part) in _SHARED else _CLONES[type(part)](part) for part in old]


def _clone_of(kind: type) -> Callable[..., Any]:
    if issubclass(kind, Mapping):
        return lambda old: _clone_dict(dict(old))
    parameters: Any = getattr(kind, "__dataclass_params__", None)
    if parameters is None or parameters.frozen:
        _SHARED.add(kind)
        return _itself
    lines = ["made = new(kind)"]
    for name in _names(kind):
        lines.append(f"part = old.{name}")
        lines.append(f"made.{name} = part if type(part) in shared else clones[type(part)](part)")
    known = {"new": object.__new__, "kind": kind, "shared": _SHARED, "clones": _CLONES}
    return _function("old", [*lines, "return made"], known)


_CLONES = _ByKind(
    {
        dict: _clone_dict,
        list: _clone_list,
        set: set,
        deque: lambda old: deque(map(clone, old)),
        **dict.fromkeys(_SHARED, _itself),
    },
    _clone_of,
)


def _twin(old: Any, made: dict[int, Any]) -> Any:
    """`made` are the copies so far, by the addresses of what they are of."""
    kind = type(old)
    if kind in _SHARED or _CLONES[kind] is _itself:
        return old
    known = made.get(id(old))
    if known is not None:
        return known
    copied: Any
    if kind is dict:
        copied = made[id(old)] = {}
        for name, part in old.items():
            copied[name] = part if type(part) in _SHARED else _twin(part, made)
    elif kind is list:
        copied = made[id(old)] = []
        copied += [_twin(part, made) for part in old]
    elif is_dataclass(kind):
        copied = made[id(old)] = object.__new__(kind)
        for name in _names(kind):
            setattr(copied, name, _twin(getattr(old, name), made))
    else:
        copied = made[id(old)] = clone(old)
    return copied


# ---------------------------------------------------------------- keys


def _key_of_members(value: Iterable[Any]) -> tuple[Any, ...]:
    return tuple([item if type(item) is str else _KEYS[type(item)](item) for item in value])


def _key_of_tuple(value: tuple[Any, ...]) -> Any:
    if value and type(value[0]) is EffectId and all(type(item) is EffectId for item in value):
        return frozenset(value)
    return _key_of_members(value)


def _key_of_dict(value: dict[Any, Any]) -> frozenset[Any]:
    if not value:
        return _NOTHING
    return frozenset([(name, part if type(part) is str else _KEYS[type(part)](part)) for name, part in value.items()])


_NOTHING: frozenset[Any] = frozenset()


def _key_of_number(value: Any) -> tuple[type, Any]:
    return type(value), value  # or 1 and true would be one


def _key_of(kind: type) -> Callable[..., Any]:
    if issubclass(kind, Mapping):
        return lambda value: _key_of_dict(dict(value))
    names = _names(kind)
    if not names:
        return _itself
    parts = "".join(f", part if type(part := old.{name}) is str else keys[type(part)](part)" for name in names)
    return _function("old", [f"return ({kind.__name__!r}{parts},)"], {"keys": _KEYS})


_KEYS = _ByKind(
    {
        dict: _key_of_dict,
        tuple: _key_of_tuple,
        list: _key_of_members,
        deque: _key_of_members,
        set: frozenset,
        frozenset: frozenset,
        bool: _key_of_number,
        int: _key_of_number,
        float: _key_of_number,
    },
    _key_of,
)

# ---------------------------------------------------------------- comparing


def _same_members(one: Sequence[Any], other: Sequence[Any]) -> bool:
    if len(one) != len(other):
        return False
    for mine, yours in zip(one, other, strict=True):
        if mine is not yours and (type(mine) is not type(yours) or not _SAMES[type(mine)](mine, yours)):
            return False
    return True


def _same_dicts(one: dict[Any, Any], other: dict[Any, Any]) -> bool:
    if not one:
        return not other
    if list(one) != list(other):
        return False
    for mine, yours in zip(one.values(), other.values(), strict=True):
        if mine is not yours and (type(mine) is not type(yours) or not _SAMES[type(mine)](mine, yours)):
            return False
    return True


def _same_of(kind: type) -> Callable[..., Any]:
    if issubclass(kind, Mapping):
        return lambda one, other: _same_dicts(dict(one), dict(other))
    names = _names(kind)
    if not names:
        return operator.eq
    lines = []
    for name in names:
        lines.append(f"mine, yours = one.{name}, other.{name}")
        lines.append("if mine is not yours and (type(mine) is not type(yours) or not sames[type(mine)](mine, yours)):")
        lines.append(" return False")
    return _function("one, other", [*lines, "return True"], {"sames": _SAMES})


_SAMES = _ByKind({dict: _same_dicts, tuple: _same_members, list: _same_members, deque: _same_members}, _same_of)
