"""Rows 31 to 40: events for several, wrong clocks, cancels and hints that race."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from flowlang import event
from flowlang.contract import load
from flowlang.runtime.clock import EPOCH, VirtualClock
from flowlang.source import Source
from flowlang.verify import small
from flowlang.verify.adapters import WrongClock
from flowlang.verify.choices import Choices
from flowlang.verify.listening import events_for
from flowlang.verify.schedule import prepare
from flowlang.verify.simulate import simulate
from flowlang.verify.subject import Subject
from tests.modes.play import Player, calls
from tests.scenarios.stage import (
    DAY,
    HOUR,
    MINUTE,
    WAIT,
    A,
    B,
    C,
    D,
    Stage,
    deliver,
    drive,
    every_order,
    play,
    unchanged,
)

FOREVER = WAIT.format("e") + "forever "


@pytest.mark.parametrize("to", ["one", "all"])
def test_31_one_event_for_two_runs_is_for_one_or_for_all_as_its_contract_says(mode: str, to: str) -> None:
    async def main(stage: Stage) -> None:
        engine = stage.engine
        installed = stage.installed
        rows = tuple(replace(row, to=to) for row in installed.listens)
        stage.installed = replace(installed, listens=rows)
        for run in ("r1", "r2"):
            await stage.begin(run)
            assert await engine.until(run) == "waits"
        sent = await engine.send("b.told", {"id": "o-1", "n": 1}, id="e1")
        assert sent.runs == (("r1", "r2") if to == "all" else ("r1",))
        assert await engine.until("r2") == ("completed" if to == "all" else "waits")

    drive(FOREVER + A, mode, main)


def test_31_what_a_contract_does_not_say_is_one_and_anything_else_is_an_error() -> None:
    text = "service: a\nevents:\n  a.told: {{ data: {{ type: object }}, {0} }}\n"
    found = {}
    for said in ("keep: 1d", "to: one", "to: all", "to: some"):
        contracts, errors = load([Source("a.yaml", text.format(said))], lambda reference, beside: None)
        found[said] = "error" if errors else contracts.services["a"].events["a.told"].event.to
    assert found == {"keep: 1d": "one", "to: one": "one", "to: all": "all", "to: some": "error"}


def test_32_an_event_that_comes_again_is_not_for_the_wait_of_the_next_iteration(mode: str) -> None:
    async def main(stage: Stage) -> None:
        engine = stage.engine
        await stage.begin()
        for _ in range(3):
            await engine.send("b.told", {"id": "o-1", "n": 1}, id="e1")
            assert await engine.until("r1") == "waits"
        assert stage.made() == ["repeat1[0]/a"]
        await engine.send("b.told", {"id": "o-1", "n": 1}, id="e2")
        assert await engine.until("r1") == "completed"
        assert stage.made() == ["repeat1[0]/a", "repeat1[1]/a"]

    drive(f"repeat {{ {FOREVER} {A} }} until n > 5 at most 2 else {{}}", mode, main)


def test_33_what_was_queued_in_time_is_seen_before_a_timer_that_is_overdue(mode: str, tmp_path: Path) -> None:
    """Its owner is down past the deadline; the event lies in the store since long before."""
    body = WAIT.format("e") + f"within 3d else {{ {B} }} {C}"
    path = tmp_path / "s.db"

    async def first(stage: Stage) -> None:
        await stage.begin()
        assert await stage.engine.until("r1") == "waits"
        stage.engine.driver.roles.clear()  # who owns the wait is down; somebody else takes the event in
        await stage.engine.send("b.told", {"id": "o-1", "n": 1}, id="e1")

    async def second(stage: Stage) -> None:
        await stage.engine.resume()
        assert await stage.engine.until("r1") == "completed"
        assert stage.made() == ["c"], "nobody was late"

    drive(body, mode, first, path=path)
    drive(body, mode, second, path=path, start=EPOCH + 10 * DAY)


@pytest.mark.parametrize("skew", [HOUR, -HOUR])
def test_34_the_clock_of_the_owner_decides_and_no_timer_is_early(
    mode: str, skew: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody sets the clock while a wait of two hours is armed."""
    moved = [0]
    monkeypatch.setattr(VirtualClock, "now", _now_with(moved))

    async def main(stage: Stage) -> None:
        await stage.begin()
        assert await stage.engine.until("r1") == "waits"
        begun = stage.clock.now()
        await stage.sleep(10 * MINUTE)
        moved[0] = skew
        stage.engine.driver.timers.set_alarm()
        assert await stage.engine.until("r1", follow=True) == "completed"
        [fired] = [
            at
            for part in stage.engine.store.parts("r1")
            for id, at, _ in stage.engine.store.journal(part.role, "r1")
            if id.startswith("fired")
        ]
        assert begun + 2 * HOUR <= fired <= begun + 2 * HOUR + MINUTE
        true = fired - skew - begun
        assert 2 * HOUR - skew <= true <= 2 * HOUR - skew + MINUTE

    drive("wait 2h " + A, mode, main)


def _now_with(moved: list[int]) -> object:
    true = VirtualClock.now
    return lambda self: true(self) + moved[0]


def test_34_services_whose_clocks_differ_come_to_the_same() -> None:
    text = f'{A} wait for event "a.told" as e where e.id == id within 5m else {{ {B} }} {C}'
    prepared = prepare(small.kernel(small.whole(text)))
    subject = Subject(prepared, small.INPUT, events_for(prepared, small.INPUT, 2))
    faults: set[str] = set()
    for mode in ("orchestrate", "choreograph"):
        for seed in range(25):
            found = simulate(subject, mode, Choices(seed), ("clock",))
            assert not found.broken, (seed, found.broken)
            faults |= set(found.faults)
    assert faults == {"clock skew", "clock jump"} and issubclass(WrongClock, VirtualClock)


@pytest.mark.parametrize("first", ["cancel", "ok"])
def test_35_a_cancel_and_the_last_ok_race_and_the_latch_decides(mode: str, first: str) -> None:
    player = play(mode, A + B, held=("b",))
    if first == "cancel":
        player.cancel()
        player.let("b")
        assert player.outcome().status == "cancelled"
        assert calls(player.outcome()) == ["a ok", "a:undo ok", "b ok", "b:undo ok"]
    else:
        player.let("b")
        assert unchanged(player, player.schedule.mode.owner, event.Cancel(player.schedule.at))
        assert calls(player.outcome()) == ["a ok", "b ok"] and player.outcome().status == "completed"
    found = every_order(mode, small_steps("a", "b"))
    assert found.ends["completed"] and found.ends["cancelled"]


def small_steps(*services: str) -> str:
    return "\n".join(f"step {s} = {s}.act(id: id) {{ compensate {s}.undo(id: id) }}" for s in services)


def test_36_a_hint_that_reaches_only_some_is_enough() -> None:
    """The branch that does not hear of the cancel goes on for a while; all that it did is undone."""
    body = f"fork {{ branch x {{ {A} {B} }} branch y {{ {C} {D} }} }} join all"
    player = play("choreograph", body, held=("a", "c"))
    player.schedule.feed(player.schedule.mode.owner, event.Cancel(player.schedule.at))
    player.held.clear()
    deliver(player, lambda role, input: role == "d" and input.message.name == "f.hint")
    assert "d" in player.begun and "b" not in player.begun
    player.go()
    outcome = player.outcome()
    assert outcome.status == "cancelled"
    assert calls(outcome) == ["a ok", "a:undo ok", "c ok", "c:undo ok", "d ok", "d:undo ok"]


def test_37_a_hint_before_the_start_that_it_concerns_turns_the_step_when_it_comes() -> None:
    player = play("choreograph", A + B + C, held=("a",))
    player.schedule.feed(player.schedule.mode.owner, event.Cancel(player.schedule.at))
    player.go()  # all have heard of the cancel, and b has not heard of its start
    player.let("a")
    assert player.begun == ["a", "a:undo"] and player.outcome().status == "cancelled"
    assert any(role == "b" and input.message.name == "f/a.ok" for role, input in heard(player))


def heard(player: Player) -> list[tuple[str, event.Heard]]:
    return [one for one in player.schedule.fed if isinstance(one[1], event.Heard)]


def test_37_a_cancel_before_the_step_turns_it_under_an_engine_too() -> None:
    player = play("orchestrate", A + B + C, held=("a",))
    player.cancel()
    player.let("a")
    assert player.begun == ["a", "a:undo"] and player.outcome().status == "cancelled"


@pytest.mark.parametrize("first", ["limit", "cancel"])
def test_38_two_cancels_and_a_time_limit_have_one_latch(mode: str, first: str) -> None:
    body = f"scope s {{ {A} {B} }} within 1h else {{ {C} }} {D}"
    player = play(mode, body, held=("b",))
    if first == "limit":
        player.fire()
    player.cancel()
    assert unchanged(player, player.schedule.mode.owner, event.Cancel(player.schedule.at))
    if first == "cancel" and player.schedule.timers:
        player.fire()
    player.let("b")
    outcome = player.outcome()
    assert outcome.status == "cancelled" and player.schedule.finished == 1
    assert calls(outcome) == ["a ok", "a:undo ok", "b ok", "b:undo ok"], "each is undone once, and nothing begins"


def test_39_an_event_for_a_run_that_is_closed_is_noted_and_does_nothing(mode: str) -> None:
    async def main(stage: Stage) -> None:
        engine = stage.engine
        await stage.begin()
        await engine.send("b.told", {"id": "o-1", "n": 1}, id="e1")
        assert await engine.until("r1") == "completed"
        journals = [engine.store.journal(part.role, "r1") for part in engine.store.parts("r1")]
        late = await engine.send("b.told", {"id": "o-1", "n": 1}, id="e2")
        assert late.runs == () and late.fresh and late.problem == ""
        await engine.quiet()
        assert [engine.store.journal(part.role, "r1") for part in engine.store.parts("r1")] == journals
        assert engine.store.next_expiry() is not None, "it is kept for its time"
        await stage.sleep(8 * DAY)
        engine.driver.do(engine.driver.waiting.expire)
        await engine.quiet()
        assert len(engine.dead()) == 1 and "before its time was over" in engine.dead()[0].reason
        assert stage.made() == ["a"]

    drive(FOREVER.replace("forever", "within 1d else {}") + A, mode, main)


@pytest.mark.parametrize("clause", ["retry 3 backoff 0s..0s", f"catch as e -> {{ {D} }}"])
def test_40_a_body_that_was_cancelled_is_neither_tried_again_nor_caught(mode: str, clause: str) -> None:
    player = play(mode, f"scope s {{ {A} {B} }} {clause}", held=("a", "s#1/a"))
    player.cancel()
    for name in list(player.held):
        player.let(name)
    outcome = player.outcome()
    assert outcome.status == "cancelled" and player.schedule.finished == 1
    assert [one.split("/")[-1] for one in calls(outcome)] == ["a ok", "a:undo ok"]
