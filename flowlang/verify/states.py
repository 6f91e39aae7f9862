"""States of machines as data: copied fast, and turned into keys that are equal exactly for states that mean the same.

The machines keep their state in slotted dataclasses, dicts, lists and sets. What is frozen is shared by all copies.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

from flowlang.event import EffectId


def clone(value: Any) -> Any:
    """A copy of a state that shares nothing that can change."""
    kind: Any = type(value)
    if kind is str or kind is tuple:
        return value
    if kind is dict:
        return {key: clone(item) for key, item in value.items()}
    if kind is list:
        return [clone(item) for item in value]
    if kind is set:
        return set(value)
    if kind is deque:
        return deque(clone(item) for item in value)
    names = _changeable(kind)
    if not names:
        return value
    made = object.__new__(kind)
    for name in names:
        setattr(made, name, clone(getattr(value, name)))
    return made


def key(value: Any) -> Any:
    """A hashable thing that is equal for equal states. Calls that something follows are a set: in which order they were
    heard of says nothing."""
    kind: Any = type(value)
    if kind is str:
        return value
    if kind is dict:
        return frozenset((name, key(item)) for name, item in value.items())
    if kind is tuple:
        if value and all(type(item) is EffectId for item in value):
            return frozenset(value)
        return tuple(key(item) for item in value)
    if kind is list or kind is deque:
        return tuple(key(item) for item in value)
    if kind is set or kind is frozenset:
        return frozenset(value)
    if kind is bool or kind is int or kind is float:
        return kind, value  # or 1 and true would be one
    names = _names(kind)
    if names:
        return kind.__name__, *(key(getattr(value, name)) for name in names)
    return value


def alike(one: Any, other: Any) -> bool:
    """Whether two states mean the same."""
    return same(one, other) or bool(key(one) == key(other))


def same(one: Any, other: Any) -> bool:
    """Whether two states are equal in everything, the order of members too. It costs a fraction of two keys."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    kind: Any = type(one)
    if kind is dict:
        return list(one) == list(other) and all(map(same, one.values(), other.values()))
    if kind is tuple or kind is list or kind is deque:
        return len(one) == len(other) and all(map(same, one, other))
    names = _names(kind)
    if names:
        return all(same(getattr(one, name), getattr(other, name)) for name in names)
    return bool(one == other)


@cache
def _names(kind: Hashable) -> tuple[str, ...]:
    return tuple(one.name for one in fields(kind)) if isinstance(kind, type) and is_dataclass(kind) else ()


@cache
def _changeable(kind: Hashable) -> tuple[str, ...]:
    parameters: Any = getattr(kind, "__dataclass_params__", None)
    return () if parameters is None or parameters.frozen else _names(kind)
