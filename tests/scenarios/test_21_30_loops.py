"""Rows 21 to 30: losers, joins out of reach, loops, decisions that are made once, events and timers that race."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowlang import event
from flowlang.event import Ok
from tests.modes.play import calls, failing, follows
from tests.runtime.fakes import Ledger
from tests.scenarios.stage import (
    DAY,
    WAIT,
    A,
    B,
    C,
    D,
    Stage,
    crashes,
    drive,
    killed,
    play,
    unchanged,
)

ANY = f"fork {{ {A} {B} }} join any "
EACH = "for each x in [{0}] parallel {1} as got {{ step b = b.act(n: x) {{ compensate b.undo(n: x) }} yield b.n }} "


def test_21_a_loser_that_ends_after_the_scope_began_to_undo_is_undone_before_the_scope_is_gone(mode: str) -> None:
    player = play(mode, f"scope s {{ {ANY} {C} }} catch No -> {{ {D} }} ", held=("b",), c=failing())
    assert player.begun == ["a", "c", "a:undo"], "the scope waits for the loser"
    player.let("b")
    outcome = player.outcome()
    assert outcome.status == "completed"
    assert calls(outcome) == ["a ok", "a:undo ok", "b ok", "b:undo ok", "c failed", "d ok"]
    assert follows(outcome, "d", "b:undo") and follows(outcome, "d", "a:undo")


def test_22_where_two_of_three_are_out_of_reach_all_settle_and_the_rest_is_undone(mode: str) -> None:
    body = f"fork {{ {A} {B} {C} }} join 2 {D}"
    player = play(mode, body, held=("c",), a=failing(), b=failing("Busy"))
    assert player.outcome().status == "open" and player.begun == ["a", "b"]
    player.let("c")
    outcome = player.outcome()
    assert calls(outcome) == ["a failed", "b failed", "c ok", "c:undo ok"]
    assert outcome.status == "failed" and outcome.error is not None and outcome.error.path == "f/a"


def test_23_a_loop_over_nothing_is_done_at_once_with_nothing(mode: str) -> None:
    for width in ("", "parallel 3 "):
        loop = f"for each x in [1].filter(y, y > 5) {width}as got {{ {A} yield x }} "
        player = play(mode, f"{loop} step d = d.act(n: size(got))")
        outcome = player.outcome()
        assert calls(outcome) == ["d ok"] and outcome.calls[0].input == {"n": 0}


def test_24_items_end_out_of_order_and_twice_and_each_counts_once_at_its_place(mode: str) -> None:
    items = list(range(20))
    body = EACH.format(", ".join(map(str, items)), 20) + "step d = d.act(n: sum(got), list: got)"
    answers = {f"x[{item}]/b": Ok({"n": 100 + item}) for item in items}
    player = play(mode, body, tuple(answers), **answers)
    for item in [17, *sorted(set(items) - {17}, key=lambda item: item * 7 % 20)]:
        player.let(f"x[{item}]/b")
        done = [(role, one) for role, one in player.schedule.fed if isinstance(one, event.Settled)]
        assert unchanged(player, *next(one for one in done if one[1].path == "f/x[17]/b"))
    outcome = player.outcome()
    [given] = [call.input for call in outcome.calls if call.id.path == "f/d"]
    assert given == {"n": sum(range(100, 120)), "list": [100 + item for item in items]}
    assert len(outcome.calls) == 21


def test_25_an_owner_that_dies_half_way_through_its_starts_loses_and_doubles_none(mode: str, tmp_path: Path) -> None:
    body = EACH.format("1, 2, 3, 4", 4) + C
    assert crashes(body, mode, "before-commit", tmp_path) >= 4


def test_25_a_start_that_was_published_twice_is_one_start(tmp_path: Path) -> None:
    assert crashes(EACH.format("1, 2, 3, 4", 2) + C, "choreograph", "after-publish", tmp_path) >= 3


def test_26_what_comes_late_from_one_iteration_is_nothing_to_the_next(mode: str) -> None:
    body = f"repeat {{ {A} {B} }} until n > 5 at most 3 else {{}} {C}"
    player = play(mode, body, held=("repeat1[1]/b",))
    assert player.begun == ["repeat1[0]/a", "repeat1[0]/b", "repeat1[1]/a"]
    late = [(role, one) for role, one in player.schedule.fed if not isinstance(one, event.Start)]
    assert len(late) >= 3 and all(unchanged(player, role, one) for role, one in late)
    player.let("repeat1[1]/b")
    assert player.begun.count("repeat1[1]/b") == 1 and player.begun[-1] == "c"
    assert len(player.outcome().calls) == 7


def test_27_a_decision_is_made_once_though_it_would_be_another_now(mode: str, tmp_path: Path) -> None:
    body = f"{A} switch {{ case a.n == 1 -> {{ {B} }} else -> {{ {C} }} }} {D}"
    player = play(mode, body, held=("b",))
    role, first = next(one for one in player.schedule.fed if isinstance(one[1], event.Settled) and one[1].path == "f/a")
    assert isinstance(first, event.Settled)
    assert unchanged(player, role, event.Settled(first.at + 1, "f/a", "do", (Ok({"n": 2}),)))
    player.let("b")
    assert calls(player.outcome()) == ["a ok", "b ok", "d ok"]
    answers = iter([Ok({"n": 1})])
    naive = Ledger(lambda request: next(answers, Ok({"n": 2})))

    async def life(stage: Stage) -> None:
        await stage.begin()
        await stage.engine.resume()
        assert await stage.engine.until("r1") == "completed"

    assert drive(body, mode, lambda stage: killed(stage, "before-effect", 2, life), naive, tmp_path / "s.db")
    assert not drive(body, mode, lambda stage: killed(stage, "", 1, life), naive, tmp_path / "s.db")
    assert [path for path, _ in naive.effects()] == ["f/a", "f/switch1/b", "f/d"] or [
        path for path, _ in naive.effects()
    ] == ["f/a", "f/b", "f/d"]


LATE = WAIT.format("e") + f"within 3d else {{ {B} }} switch {{ case has(e) -> {{ {C} }} else -> {{}} }} "


@pytest.mark.parametrize("first", ["event", "timer"])
def test_28_of_an_event_and_a_timer_the_first_that_its_owner_takes_in_counts(mode: str, first: str) -> None:
    player = play(mode, LATE)
    [(role, path)] = player.schedule.timers
    fired = event.Fired(player.schedule.at, path)
    if first == "timer":
        player.fire()
        player.send("b.told", "e1", id="o-1", n=1)
        arrived = event.Arrived(player.schedule.at, path, player.schedule.kept[0])
        effects = player.schedule.mode.advance(role, arrived)
        assert all(isinstance(effect, event.Declined) for effect in effects), "it is too late"
    else:
        player.send("b.told", "e1", id="o-1", n=1)
        assert player.schedule.timers == {} and unchanged(player, role, fired)
    assert player.begun == (["b"] if first == "timer" else ["c"])
    assert player.outcome().status == "completed"


def test_29_an_event_that_is_early_is_kept_and_taken_when_somebody_listens(mode: str) -> None:
    player = play(mode, A + WAIT.format("e") + "forever step c = c.act(n: e.n)", held=("a",))
    player.send("b.told", "e1", id="o-1", n=8)
    assert player.outcome().status == "open" and len(player.schedule.kept) == 1
    player.let("a")
    assert player.begun == ["a", "c"] and player.schedule.kept == []
    assert player.outcome().calls[-1].input == {"n": 8}


@pytest.mark.parametrize(("pause", "taken"), [(6 * DAY, True), (8 * DAY, False)])
def test_30_an_event_before_its_run_is_kept_for_its_time_and_then_a_dead_letter(
    mode: str, pause: int, taken: bool
) -> None:
    async def main(stage: Stage) -> None:
        engine = stage.engine
        await engine.install(stage.installed)
        await engine.send("b.told", {"id": "o-1", "n": 1}, id="e1")
        await stage.sleep(pause)
        engine.driver.do(engine.driver.waiting.expire)
        await stage.begin()
        assert await engine.until("r1") == ("completed" if taken else "waits")
        assert [bool(letter.reason) for letter in engine.dead()] == ([] if taken else [True])
        assert stage.made() == (["a"] if taken else [])

    drive(WAIT.format("e") + "forever " + A, mode, main)
