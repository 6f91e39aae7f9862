"""States that are lent: who changes one does not change its lender, and it is known what was asked of it and what was changed.

Most inputs look at two or three cells of a state. So of a state that is lent nothing is copied but what is asked for, when it
is asked for first; and since all else can't have had a say in what came of it, the same input does the same to every state
that has the same in these places.

A *settled* state is one whose parts (the members of its dicts, its sets, and whatever else it has) stand for all that are the
same, so that two parts are the same when they are one. Nobody changes a settled state or a part of one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping, MutableSet
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

from flowlang.verify.states import clone, same

_ABSENT, _WHOLE, _EMPTY = object(), object(), object()


class Lent(MutableMapping[Any, Any]):
    """A dict of which each member is copied when it is first asked for. `asked` is what was asked: the names of members, for
    the whole, or whether it is empty. `own` are the members that were copied or set, those that were added in the order in
    which they stand; `gone` those that were taken away."""

    __slots__ = ("asked", "gone", "now", "of", "own")

    def __init__(self, of: dict[Any, Any]) -> None:
        self.of = self.now = of
        self.asked: dict[Any, None] = {}
        self.own: dict[Any, None] = {}
        self.gone: dict[Any, None] = {}

    def __getitem__(self, name: Any) -> Any:
        self.asked[name] = None
        value = self.now[name]
        if name not in self.own:
            mine = clone(value)
            if mine is not value:
                self._set(name, mine)
                return mine
        return value

    def get(self, name: Any, default: Any = None) -> Any:
        if name in self.now:
            return self[name]
        self.asked[name] = None
        return default

    def pop(self, name: Any, default: Any = _ABSENT) -> Any:
        if name not in self.now and default is not _ABSENT:
            self.asked[name] = None
            return default
        value = self[name]
        del self[name]
        return value

    def __contains__(self, name: object) -> bool:
        self.asked[name] = None
        return name in self.now

    def __iter__(self) -> Iterator[Any]:
        self.asked[_WHOLE] = None
        return iter(self.now)

    def __len__(self) -> int:
        self.asked[_WHOLE] = None
        return len(self.now)

    def __bool__(self) -> bool:
        self.asked[_EMPTY if self.now is self.of else _WHOLE] = None
        return bool(self.now)

    def __setitem__(self, name: Any, value: Any) -> None:
        self.asked[name] = None
        self._set(name, value)

    def __delitem__(self, name: Any) -> None:
        self._set(name, self[name])
        del self.now[name], self.own[name]
        if name in self.of:
            self.gone[name] = None

    def _set(self, name: Any, value: Any) -> None:
        if self.now is self.of:
            self.now = self.of.copy()
        self.own[name] = None
        self.now[name] = value


class LentSet(MutableSet[Any]):
    """A set: `more` is what was added to it."""

    __slots__ = ("asked", "more", "of")

    def __init__(self, of: set[Any]) -> None:
        self.of = of
        self.more: set[Any] = set()
        self.asked: dict[Any, None] = {}

    def __contains__(self, name: object) -> bool:
        self.asked[name] = None
        return name in self.of or name in self.more

    def add(self, name: Any) -> None:
        if name not in self:
            self.more.add(name)

    def discard(self, name: Any) -> None:
        raise AssertionError("nothing is taken from the sets of a state")

    def __iter__(self) -> Iterator[Any]:
        self.asked[_WHOLE] = None
        return iter(self.of | self.more)

    def __len__(self) -> int:
        self.asked[_WHOLE] = None
        return len(self.of | self.more)


class _LentState:
    """What a lent state has besides its class: a field is lent when it is first asked for. `touched` are those that were asked
    for or set, and `asked` those that were asked for and are neither a dict nor a set."""

    __slots__ = ()
    lender: Any
    touched: dict[str, None]
    asked: dict[str, None]

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.lender, name)
        kind = _FIELDS[type(self.lender)][name]
        if kind is None:
            self.asked[name] = None
        mine = clone(value) if kind is None else kind(value)
        setattr(self, name, mine)
        return mine

    def __setattr__(self, name: str, value: Any) -> None:
        self.touched[name] = None
        _set(self, name, value)


_set = object.__setattr__


class _Fields(dict[type, dict[str, Any]]):
    """Of each class its fields, with how they are lent, or None where they are copied."""

    def __missing__(self, kind: Any) -> dict[str, Any]:
        how: dict[Any, type] = {dict: Lent, set: LentSet}
        made = self[kind] = {one.name: how.get(one.default_factory) for one in fields(kind)}
        return made


class _Classes(dict[type, type]):
    """Of each class the class of what is lent of it."""

    def __missing__(self, kind: type) -> type:
        slots = {"__slots__": ("asked", "lender", "touched")}
        made = self[kind] = type(f"Lent{kind.__name__}", (_LentState, kind), slots)
        return made


class _Getters(dict[type, Any]):
    """Of each class what gets all fields."""

    def __missing__(self, kind: type) -> Any:
        made = self[kind] = attrgetter(*_FIELDS[kind])
        return made


_FIELDS, _CLASSES, _GETTERS = _Fields(), _Classes(), _Getters()


def lend(state: Any) -> Any:
    """A state that may be changed without changing the settled `state`."""
    made: Any = object.__new__(_CLASSES[type(state)])
    _set(made, "lender", state)
    _set(made, "touched", {})
    _set(made, "asked", {})
    return made


def agree(one: Any, other: Any) -> bool:
    """Whether two states that were lent by one state are the same in everything."""
    for name in {**one.touched, **other.touched}:
        mine, yours = getattr(one, name), getattr(other, name)
        if type(mine) is Lent and type(yours) is Lent and mine.of is yours.of:
            if not _members_agree(mine, yours):
                return False
        elif type(mine) is LentSet and type(yours) is LentSet and mine.of is yours.of:
            if mine.more != yours.more:
                return False
        elif not same(mine, yours):
            return False
    return True


def _members_agree(one: Lent, other: Lent) -> bool:
    if one.now is one.of and other.now is other.of:
        return True
    own = {**one.own, **other.own}
    return list(one.now) == list(other.now) and all(same(one.now.get(name), other.now.get(name)) for name in own)


# ---------------------------------------------------------------- what was asked


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of a state: whole fields, whether some are empty, and members of some."""

    wholes: tuple[str, ...]
    empties: tuple[str, ...]
    members: tuple[tuple[str, tuple[Any, ...]], ...]

    def answers(self, settled: Any) -> tuple[Any, ...]:
        """What a settled state says to it. Whoever answers the same does the same."""
        found: list[Any] = [id(getattr(settled, name)) for name in self.wholes]
        found += [not getattr(settled, name) for name in self.empties]
        for name, members in self.members:
            value = getattr(settled, name)
            if type(value) is set:
                found += [member in value for member in members]
            else:
                found += [id(value.get(member, _ABSENT)) for member in members]
        return tuple(found)


def asked(lent: Any) -> Asked:
    """What was asked of a state that was lent."""
    wholes, empties, members = [*lent.asked], [], []
    for name in lent.touched:
        value = getattr(lent, name)
        if type(value) is not Lent and type(value) is not LentSet:
            continue
        if _WHOLE in value.asked:
            wholes.append(name)
            continue
        if _EMPTY in value.asked:
            empties.append(name)
        some = tuple([one for one in value.asked if one is not _EMPTY])
        if some:
            members.append((name, some))
    return Asked(tuple(wholes), tuple(empties), tuple(members))


# ---------------------------------------------------------------- what was changed


@dataclass(frozen=True, slots=True)
class Change:
    """What was done to a field: it became `value`; or members of its dict were `gone`, and then others `put`; or some were
    `added` to its set."""

    field: str
    value: Any = None
    gone: tuple[Any, ...] = ()
    put: tuple[tuple[Any, Any], ...] = ()
    added: frozenset[Any] = frozenset()


@dataclass(frozen=True, slots=True)
class Parts:
    """`one` gives the part that stands for all that are the same, `whole` the dict of such parts that does."""

    one: Callable[[Any], Any]
    whole: Callable[[dict[Any, Any]], Any]

    def settle(self, state: Any) -> None:
        """Settle a state that nobody lent."""
        for name in _FIELDS[type(state)]:
            setattr(state, name, self._settled(getattr(state, name)))

    def changes(self, lent: Any) -> list[Change]:
        """What was changed of what was lent."""
        found = []
        for name in lent.touched:
            value, old = getattr(lent, name), getattr(lent.lender, name)
            if type(value) is Lent and value.of is old:
                if value.now is not old:
                    found += self._members(name, value)
            elif type(value) is LentSet and value.of is old:
                if value.more:
                    found.append(Change(name, added=frozenset(value.more)))
            elif not same(value, old):
                found.append(Change(name, self._settled(value)))
        return found

    def _settled(self, value: Any) -> Any:
        if type(value) is dict:
            return self.whole({name: self.one(part) for name, part in value.items()})
        return self.one(value)

    def _members(self, field: str, lent: Lent) -> list[Change]:
        put = []
        for name in lent.own:
            part, old = lent.now[name], lent.of.get(name, _ABSENT)
            if not same(part, old):
                put.append((name, self.one(part)))
            elif name in lent.gone:
                put.append((name, old))
        return [Change(field, None, tuple(lent.gone), tuple(put))] if lent.gone or put else []

    def changed(self, settled: Any, changes: list[Change]) -> Any:
        """A settled state with these changes."""
        made = object.__new__(type(settled))
        for name in _FIELDS[type(settled)]:
            setattr(made, name, getattr(settled, name))
        for change in changes:
            value = change.value
            if change.gone or change.put:
                members = getattr(settled, change.field).copy()
                for name in change.gone:
                    del members[name]
                members.update(change.put)
                value = self.whole(members)
            elif change.added:
                value = self.one(getattr(settled, change.field) | change.added)
            setattr(made, change.field, value)
        return made


def parts_of(settled: Any) -> tuple[int, ...]:
    """A name that settled states of a class have in common exactly when they are the same in everything."""
    return tuple(map(id, _GETTERS[type(settled)](settled)))
