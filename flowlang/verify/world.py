"""One situation of an exploration: the states of the machines, and all that is on its way; and what tells it from others.

Two worlds are one when their states, and all that is on its way, are equal. They have the same number then: a sum over all
that there is in them, of numbers that are drawn for each thing when it is met first (Zobrist, A New Hashing Method with
Application for Game Playing, 1970). To add up Python's hashes would not do: the hash of a pair is nearly linear in what is
second, so two messages that wait at two services would count as the same two the other way round. So where a turn only takes from what is on its way and adds to it, the number of the world after it is
known before that world is made, and more than half of the steps of a choreography lead to worlds that were met before.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from random import Random

from flowlang import event
from flowlang.event import Effect, External, Message
from flowlang.verify.once import Known, Turn
from flowlang.verify.states import key

Call = tuple[str, str, str]  # role, path, kind


@dataclass(slots=True)
class World:
    """One situation. `ready` may be fed in any order; `last` leads back to how it came about."""

    states: dict[str, Known]  # by role
    at: int
    ready: list[tuple[str, Known]]
    calls: dict[tuple[str, str, str], event.Invoke]
    halted: set[tuple[str, str]]
    timers: dict[tuple[str, str], int]
    waits: dict[tuple[str, str], list[event.Arm]]
    coming: list[External]
    kept: list[External]
    stuck: list[tuple[str, event.Invoke]]
    retried: set[tuple[str, str, str]]
    may_cancel: bool
    said: frozenset[tuple[str, str]] = frozenset()  # on the way here
    finished: int = 0
    number: int = 0  # see `Numbers`
    last: Past | None = None

    def copy(self) -> World:
        return World(
            self.states.copy(),
            self.at,
            self.ready.copy(),
            self.calls.copy(),
            self.halted.copy(),
            self.timers.copy(),
            {name: arms.copy() for name, arms in self.waits.items()},
            self.coming.copy(),
            self.kept.copy(),
            self.stuck.copy(),
            self.retried.copy(),
            self.may_cancel,
            self.said,
            self.finished,
            self.number,
            self.last,
        )


@dataclass(frozen=True, slots=True)
class Past:
    """What was fed, in words, and what came before."""

    said: str
    fed: tuple[tuple[str, Known], ...]
    before: Past | None


@dataclass(slots=True)
class Numbers:
    """What tells worlds apart. Effects and turns are known by their addresses: they live as long as the search."""

    heard: Callable[[Message], Known]  # a message as its hearer takes it in
    marks: dict[int, int] = field(default_factory=dict)  # keys of effects
    added: dict[int, tuple[int, tuple[tuple[str, str], ...]] | None] = field(default_factory=dict)  # by turns
    drawn: dict[Hashable, int] = field(default_factory=dict)  # by things
    dice: Random = field(default_factory=lambda: Random(0))

    def of(self, world: World) -> int:
        """Equal for worlds that are one."""
        total = self.draw(
            (
                world.at,
                frozenset(world.halted),
                tuple([one.id for one in world.coming]),
                tuple([one.id for one in world.kept]),
                frozenset([(role, call.path, call.kind) for role, call in world.stuck]),
                world.may_cancel,
                world.finished,
            )
        )
        for role, state in world.states.items():
            total += self.of_state(role, state)
        for role, input in world.ready:
            total += self.of_ready(role, input)
        for name, call in world.calls.items():
            total += self.of_call(name, call)
        for timer in world.timers.items():
            total += self.draw(("timer", timer))
        for wait, arms in world.waits.items():
            total += self.draw(("wait", wait, *map(self.mark, arms)))
        return total

    def draw(self, thing: Hashable) -> int:
        """The number of a thing."""
        found = self.drawn.get(thing)
        if found is None:
            found = self.drawn[thing] = self.dice.getrandbits(64)
        return found

    def of_state(self, role: str, state: Known) -> int:
        return self.draw((role, state.key))

    def of_ready(self, role: str, input: Known) -> int:
        """What something that may be taken in adds to the number of a world."""
        return self.draw(("ready", role, input.key))

    def of_call(self, name: Call, call: event.Invoke) -> int:
        return self.draw(("call", name, self.mark(call)))

    def mark(self, effect: Effect) -> int:
        """The key of an effect of a turn."""
        found = self.marks.get(id(effect))
        if found is None:
            found = self.marks[id(effect)] = hash(key(effect))
        return found

    def after(self, world: World, role: str, turn: Turn, gone: int) -> int | None:
        """The number after a turn that takes this from what is on its way, or None where it does more than to add to it."""
        if id(turn) not in self.added:
            self.added[id(turn)] = self._added(role, turn)
        added = self.added[id(turn)]
        if added is None:
            return None
        number, calls = added
        for path, kind in calls:
            if (role, path, kind) in world.calls:
                return None
        before = self.of_state(role, world.states[role])
        return world.number - gone - before + self.of_state(role, turn.state) + number

    def _added(self, role: str, turn: Turn) -> tuple[int, tuple[tuple[str, str], ...]] | None:
        total, calls = 0, []
        for effect in turn.effects:
            match effect:
                case event.Send(to, message):
                    total += self.of_ready(to, self.heard(message))
                case event.Invoke():
                    total += self.of_call((role, effect.path, effect.kind), effect)
                    calls.append((effect.path, effect.kind))
                case event.Publish() | event.Declined():
                    pass
                case _:
                    return None
        return (total, tuple(calls)) if len(set(calls)) == len(calls) else None
