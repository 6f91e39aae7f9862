"""Rows 11 to 20: two at once, any order, poison, and joins whose branches fail."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from flowlang import codec, event
from flowlang.runtime import desk, lock
from flowlang.runtime.bus import Bus
from flowlang.runtime.clock import VirtualClock, run_virtual
from flowlang.runtime.engine import install
from flowlang.runtime.lock import StoreOwned
from flowlang.runtime.running import running
from flowlang.runtime.setting import Outside
from flowlang.runtime.sqlite import open_store
from flowlang.verify import small
from flowlang.verify.adapters import Disk, Watch
from flowlang.verify.choices import Choices
from flowlang.verify.schedule import prepare
from flowlang.verify.simulate import simulate
from flowlang.verify.subject import Subject
from tests.modes.play import calls, failing, flow, follows
from tests.runtime.fakes import Ledger, unknown
from tests.scenarios.stage import A, B, C, D, Stage, deliver, drive, every_order, installation, play, says

BOTH = f"fork {{ {A} {B} }} join all "


def test_11_of_two_drivers_that_take_in_the_same_thing_one_wins_and_the_other_does_nothing(mode: str) -> None:
    """Two drivers of one role on one store, which no lock allows: what one has committed, the other can't commit again."""
    installed = installation(flow(A + B), mode)
    role = installed.flow.owner

    async def main(clock: VirtualClock) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        disk, ledger = Disk(), Ledger(says())
        ledger.gate = asyncio.Event()
        roles = (role, *sorted(installed.shares.keys() - {role}))
        one, two = disk.open(Watch()), disk.open(Watch())
        async with (
            running(one, Outside(ledger.callers, clock), roles, expires=False) as first,
            running(two, Outside(ledger.callers, clock), roles, expires=False) as second,
        ):
            await first.submit(lambda: install(one, installed))
            for driver in (first, second):
                await driver.submit(driver.learn)
            given = {"id": "o-1", "n": 1}
            await first.submit(lambda: desk.start(first, installed.flow.hash, mode, given, None, "r1", {}))
            await second.submit(lambda: second.take_up("r1"))
            await asyncio.sleep(1)
            assert [request.path for request in ledger.calls] == ["f/a", "f/a"]
            assert len(ledger.by_key()) == 1
            ledger.gate.set()
            await asyncio.sleep(1)
            ends = [driver.failure for driver in (first, second)]
            assert [end is None for end in ends].count(True) == 1, "one commit wins"
            assert "UNIQUE constraint failed: journal" in str(next(end for end in ends if end is not None))
        ids = [id for id, _, _ in disk.look().journal(role, "r1")]
        assert len(ids) == len(set(ids)), "each thing was taken in once"
        disk.close()

    run_virtual(main)


def test_11_a_role_of_a_store_has_one_process(tmp_path: Path) -> None:
    path = str(tmp_path / "s.db")
    open_store(path).close()
    held = lock.take(path, "a")
    with pytest.raises(StoreOwned):
        lock.take(path, "a")
    lock.take(path, "b").release()
    held.release()
    lock.take(path, "a").release()


@pytest.mark.parametrize("body", [BOTH, f"fork {{ {A} {B} }} join any ", f"{A} commit {B}"])
def test_12_the_events_of_a_run_come_in_any_order(mode: str, body: str) -> None:
    found = every_order(mode, body)
    assert found.worlds > 10 and found.ends["completed"] and found.ends["cancelled"]


def test_13_what_cannot_be_read_is_a_dead_letter_and_other_runs_go_on(mode: str) -> None:
    async def main(stage: Stage) -> None:
        engine = stage.engine
        assert "no installed flow" in (await engine.send("b.told", {"id": "o-2", "n": 1}, id="e1")).problem
        for run in ("r1", "r2"):
            await stage.begin(run, id=f"o-{run[1]}")
        role = engine.store.parts("r2")[0].role
        hash = stage.installed.flow.hash
        engine.driver.do(lambda: engine.driver.bus.post(role, "x1", "r2", hash, '["heard", 1, "garbage"]'))
        engine.driver.do(lambda: engine.driver.bus.post(role, "x2", "r2", hash, "\x00"))
        assert [await engine.until(run) for run in ("r1", "r2")] == ["waits", "waits"]
        dead = engine.dead()
        assert [letter.run for letter in dead] == ["", "r2", "r2"]
        assert all("can't be read" in letter.reason for letter in dead[1:])
        await engine.send("b.told", {"id": "o-1", "n": 1}, id="e2")
        assert await engine.until("r1") == "completed"
        assert await engine.replay(dead[0].id) == ""  # the flow is there by now
        assert await engine.until("r2") == "completed"

    drive(A + 'wait for event "b.told" as e where e.id == id forever ' + B, mode, main)


def test_14_a_handler_with_a_bug_is_tried_again_after_a_pause_and_then_stuck(mode: str) -> None:
    async def main(stage: Stage) -> None:
        await stage.begin()
        before = stage.clock.now()
        assert await stage.engine.until("r1") == "stuck"
        asked = [request for request in stage.ledger.calls if request.path == "f/b"]
        assert [request.attempt for request in asked] == [1, 2, 3] and len({request.key for request in asked}) == 1
        assert stage.clock.now() - before == 300, "there were pauses between them"
        assert stage.outcome().status == "stuck" and "a:undo" not in stage.made()

    drive(A + B, mode, main, Ledger(says(b=unknown("HandlerError"))))


def test_15_what_was_lost_on_its_way_is_found_where_it_was_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row stays on the bus until it is acknowledged, so whoever looks again finds what nobody heard of."""
    lost: list[Any] = []
    note = Bus._take_note

    def lose(self: Bus, row: Any) -> None:
        if row.id in {one.id for one in lost} or len(lost) == 2:
            note(self, row)
        else:
            lost.append(row)

    async def main(stage: Stage) -> None:
        monkeypatch.setattr(Bus, "_take_note", lose)
        await stage.begin()
        for _ in range(3):
            assert await stage.engine.until("r1") in ("waits", "completed")
            stage.engine.driver.do(stage.engine.driver.bus.look)
            await stage.engine.quiet()
        assert await stage.engine.until("r1") == "completed"
        assert len(lost) == 2 and stage.made() == ["a", "b", "c"]

    drive(A + B + C, "choreograph", main, Ledger(says()), direct=False)


def test_15_a_network_that_loses_delays_and_repeats_loses_nothing_for_good() -> None:
    shop = Subject(prepare(small.kernel(small.whole(BOTH + C))), small.INPUT)
    faults: set[str] = set()
    for seed in range(30):
        found = simulate(shop, "choreograph", Choices(seed), ("network",))
        assert not found.broken, (seed, found.broken)
        faults |= set(found.faults)
    assert faults >= {"loss", "delay", "duplicate", "reorder"}


def test_16_an_outbox_is_read_past_gaps_and_in_any_order() -> None:
    """Rows are marked one by one: one that becomes visible after later ones were published is not skipped."""

    async def main(stage: Stage) -> None:
        engine, store = stage.engine, stage.engine.store
        await stage.begin()
        await engine.until("r1")
        await engine.quiet()
        done = len(stage.ledger.calls)

        def late() -> list[int]:
            external = codec.dumps(event.External("late", "b.told", "", {"id": "o-1", "n": 5}))
            rows = [store.put_outbox("b", f"m{n}", "r1", stage.installed.flow.hash, "", external) for n in range(3)]
            seqs = [row.seq for row in rows if row is not None]
            for seq in seqs[1:]:
                store.mark_sent(seq)
            return seqs

        seqs = await engine.driver.submit(late)
        assert [row.seq for row in store.unsent("b")] == seqs[:1]

        def take_up() -> None:
            for row in store.unsent("b"):
                engine.driver.bus.say_again(row)

        await engine.driver.submit(take_up)
        assert await engine.until("r1") == "completed"
        await engine.quiet()
        assert store.unsent("b") == [] and len(stage.ledger.calls) == done + 1

    drive(A + B + 'wait for event "b.told" as e where e.id == id forever ' + C, "choreograph", main, direct=False)


def test_17_a_branch_that_fails_lets_its_sibling_settle_and_undoes_it(mode: str) -> None:
    player = play(mode, BOTH + C, held=("a",), b=failing())
    assert player.outcome().status == "open" and player.begun == ["b"]
    player.let("a")
    outcome = player.outcome()
    assert (outcome.status, calls(outcome)) == ("failed", ["a ok", "a:undo ok", "b failed"])
    assert player.schedule.finished == 1 and follows(outcome, "a:undo", "a")


@pytest.mark.parametrize("first", ["a", "b"])
def test_18_when_both_branches_fail_the_first_in_the_source_is_the_reason(mode: str, first: str) -> None:
    player = play(mode, BOTH, held=("a", "b"), a=failing("Busy"), b=failing("No"))
    player.let(first)
    player.let("b" if first == "a" else "a")
    outcome = player.outcome()
    assert outcome.error is not None and (outcome.error.name, outcome.error.path) == ("Busy", "f/a")
    assert player.schedule.finished == 1


@pytest.mark.parametrize("join", ["all", "all or cancel"])
def test_19_a_branch_fails_before_its_sibling_was_told_to_start(mode: str, join: str) -> None:
    player = play(mode, f"{D} fork {{ {A} {B} }} join {join} {C}", held=("a", "b", "d"), a=failing())
    schedule = player.schedule
    if mode == "choreograph":  # what is on its way to b stays there
        player.held = {"b"}
        deliver(player, lambda role, input: role == "b" and input.message.name == "f/d.ok")
        assert player.begun == ["d", "a"] and ("b", "f/b", "do") not in schedule.calls
        player.held.clear()
        player.go()
    else:  # the call waits for its turn
        player.let("d")
        player.let("a")
        halted = [e for role, e in schedule.fed if isinstance(e, event.Settled) and e.path == "f/b"]
        assert not halted
        player.let("b")
    outcome = player.outcome()
    assert outcome.status == "failed" and outcome.error is not None and outcome.error.name == "No"
    undone = "b:undo ok" in calls(outcome)
    assert undone == any(one.startswith("b ok") for one in calls(outcome)), "it is never left as it is"
    assert undone or join == "all or cancel"


@pytest.mark.parametrize(("winner", "loser"), [("a", "b"), ("b", "a")])
def test_20_of_two_that_end_at_once_one_wins_and_the_other_is_undone_as_lost(
    mode: str, winner: str, loser: str
) -> None:
    player = play(mode, f"fork {{ {A} {B} }} join any {C}", held=("a", "b"))
    player.let(winner)
    player.let(loser)
    outcome = player.outcome()
    assert outcome.status == "completed"
    assert sorted(calls(outcome)) == sorted([f"{winner} ok", f"{loser} ok", f"{loser}:undo ok", "c ok"])
    undone = next(call for call in outcome.calls if call.id.kind == "undo")
    assert undone.reason is not None and undone.reason.kind == "lost"
