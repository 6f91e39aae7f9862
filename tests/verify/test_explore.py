"""Small flows in every order in which they can go, in both modes, against what they mean."""

from __future__ import annotations

import pytest

from flowlang.event import EffectId, Error
from flowlang.verify import small
from flowlang.verify.explore import MODES, Freedom, explore
from flowlang.verify.listening import events_for
from flowlang.verify.schedule import Choreographed, prepare
from flowlang.verify.states import clone, key

STEP = "step {0} = {0}.act(id: id) {{ compensate {0}.undo(id: id) }} "
A, B, C = (STEP.format(name) for name in "abc")
CHUNKS = 6
MOST = 2500  # worlds of one flow; a larger one is gone through in a soak


def flows() -> list[str]:
    """All flows of depth 2, and every so manieth of depth 3."""
    third = small.count(3)
    return [small.text(n, 2) for n in range(small.count(2))] + [small.text(n, 3) for n in range(0, third, third // 108)]


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_order_of_a_small_flow_means_the_same(chunk: int) -> None:
    explored = ends = 0
    for text in flows()[chunk::CHUNKS]:
        prepared = prepare(small.kernel(text))
        events = events_for(prepared, small.INPUT)
        for mode in MODES:
            found = explore(prepared, mode, small.INPUT, Freedom(events), MOST)
            assert found.broken is None, (text, found.broken)
            assert found.worlds > 1 and found.duplicates + found.replays > 0
            explored += found.complete
            ends += sum(found.ends.values())
    print(f"chunk {chunk}: {explored} explorations, {ends} ends")
    assert explored >= 45 and ends > explored, "too many were too large, or nothing came of them"


@pytest.mark.parametrize("mode", MODES)
def test_an_operator_may_say_anything_at_any_time(mode: str) -> None:
    prepared = prepare(small.kernel(small.whole(f"{A} fail Odd")))
    freedom = Freedom(stuck=True, cancel=False)
    found = explore(prepared, mode, small.INPUT, freedom)
    assert found.broken is None and found.complete
    assert found.ends["failed"] > explore(prepared, mode, small.INPUT, Freedom(cancel=False)).ends["failed"] > 0


def test_both_modes_come_to_the_same_ends_where_nothing_is_cancelled() -> None:
    prepared = prepare(small.kernel(small.whole(f"fork {{ {A} {B} }} join all {C}")))
    central, services = (explore(prepared, mode, small.INPUT, Freedom(cancel=False)) for mode in MODES)
    assert central.ends == services.ends
    assert set(central.ends) == {"completed", "failed"}


GONE_BEFORE_CLOSED = f"""scope k {{
    fork {{ emit "c.told" {{ id: id, n: n }} {B} }} join any
    {C}
}} on event "b.told" as o where o.id == id alongside -> {{ }} """


@pytest.mark.parametrize(
    "flow", (A + GONE_BEFORE_CLOSED, f"{GONE_BEFORE_CLOSED} catch -> {{ {A} step d = b.act(id: id) }}")
)
def test_a_scope_is_gone_once_though_a_join_in_it_closes_after_that(flow: str) -> None:
    """That the join has closed and that it is gone are two messages, and either may come first. The second gone undid the
    step before the scope again, and started a handler again."""
    prepared = prepare(small.kernel(small.whole(flow)))
    freedom = Freedom(events_for(prepared, small.INPUT), cancel=False, unknown=False)
    central, services = (explore(prepared, mode, small.INPUT, freedom) for mode in MODES)
    for found in (central, services):
        assert found.broken is None and found.complete, found.broken
    assert central.ends == services.ends and central.ends["failed"]


def test_a_flow_that_is_too_large_is_said_to_be() -> None:
    prepared = prepare(small.kernel(small.whole(f"fork {{ {A} {B} }} join all {C}")))
    found = explore(prepared, "choreograph", small.INPUT, most=100)
    assert not found.complete and found.broken is None


def test_number_n_is_always_the_same_flow_and_no_two_are_alike() -> None:
    texts = [small.text(number, 2) for number in range(small.count(2))]
    assert len(set(texts)) == len(texts)
    assert {one.name for one in small.CONSTRUCTS} >= {"sequence", "fork", "switch", "catch", "wait"}


def test_a_copy_of_a_state_shares_nothing_and_is_equal() -> None:
    mode = Choreographed(prepare(small.kernel(small.whole(A))))
    copied = clone(mode.states)
    assert key(copied) == key(mode.states) and copied == mode.states
    copied["a"].seen.add("m")
    assert not mode.states["a"].seen and key(copied) != key(mode.states)


def test_what_cannot_change_is_shared_by_copies() -> None:
    error = Error("No", "no", "f/a")
    assert clone([error])[0] is error


def test_keys_tell_what_differs_and_nothing_else() -> None:
    one, two = EffectId("f/a", "do"), EffectId("f/b", "do")
    assert key((one, two)) == key((two, one)), "calls that something follows are a set"
    assert key([1, 2]) != key([2, 1]) and key({"a": 1, "b": 2}) == key({"b": 2, "a": 1})
    assert key(True) != key(1)
