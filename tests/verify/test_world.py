"""What tells the worlds of an exploration apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from random import Random

import pytest

from flowlang.event import Message
from flowlang.verify import small
from flowlang.verify.explore import MODES, Explored, Freedom, explore
from flowlang.verify.listening import events_for
from flowlang.verify.once import Known, Turn
from flowlang.verify.schedule import prepare
from flowlang.verify.states import key
from flowlang.verify.world import Numbers, World

STEP = "step {0} = {0}.act(id: id) {{ compensate {0}.undo(id: id) }} "
A, B, C = (STEP.format(name) for name in "abc")
FLOWS = (
    f"fork {{ {A} {B} {C} }} join all",
    f"fork {{ {B} {C} }} join all fail Odd",
    f'scope k {{ {A} {B} }} on event "b.told" as e where e.id == id -> {{ {C} }}',
    f'race {{ on event "b.told" as e where e.id == id -> {{ {B} }} after 3m -> {{ {C} }} }} {A}',
    f"for each i in [1, 2] parallel 2 {{ step b = b.act(id: id) {{ compensate b.undo(id: id) }} }} {C}",
)


class _Exact(Numbers):
    """Numbers of worlds that are equal exactly where all that is in them is, and are never known ahead."""

    __slots__ = ("met",)

    def of(self, world: World) -> int:
        if not hasattr(self, "met"):
            self.met: dict[Hashable, int] = {}
        whole = (
            frozenset((role, key(state.value)) for role, state in world.states.items()),
            world.at,
            frozenset(Counter((role, key(input.value)) for role, input in world.ready).items()),
            frozenset((name, key(call)) for name, call in world.calls.items()),
            frozenset(world.halted),
            frozenset(world.timers.items()),
            frozenset((wait, tuple(key(arm) for arm in arms)) for wait, arms in world.waits.items()),
            tuple(one.id for one in world.coming),
            tuple(one.id for one in world.kept),
            frozenset((role, call.path, call.kind) for role, call in world.stuck),
            world.may_cancel,
            world.finished,
        )
        return self.met.setdefault(whole, len(self.met))

    def after(self, world: World, role: str, turn: Turn, gone: int) -> int | None:
        return None


def _explored(flow: str, mode: str) -> Explored:
    prepared = prepare(small.kernel(small.whole(flow)))
    return explore(prepared, mode, small.INPUT, Freedom(events_for(prepared, small.INPUT)), most=4_000)


def _facts(found: Explored) -> tuple[object, ...]:
    return found.worlds, found.steps, found.duplicates, found.replays, found.ends, found.complete, found.broken


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize("mode", MODES)
def test_worlds_are_one_exactly_where_all_that_is_in_them_is_equal(
    flow: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = _explored(flow, mode)
    monkeypatch.setattr("flowlang.verify.explore.Numbers", _Exact)
    assert _facts(found) == _facts(_explored(flow, mode))


def test_two_messages_at_two_services_are_not_the_same_two_the_other_way_round() -> None:
    """The sum of Python's hashes is the same for some thousand of these."""
    numbers, dice = Numbers(_hears_nothing), Random(7)
    for _ in range(10_000):
        one, two = (Known(None, dice.getrandbits(63)) for _ in "12")
        here = numbers.of_ready("a", one) + numbers.of_ready("b", two)
        assert here != numbers.of_ready("a", two) + numbers.of_ready("b", one)


def _hears_nothing(message: Message) -> Known:
    raise AssertionError(f"{message} was said")
