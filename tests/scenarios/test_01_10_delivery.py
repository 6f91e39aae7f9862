"""Rows 1 to 10: what is delivered early, late, twice, or around a crash."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from flowlang import event
from flowlang.event import Ok
from flowlang.runtime.pruning import prune
from tests.modes.play import calls, failing
from tests.runtime.fakes import Ledger
from tests.scenarios.stage import DAY, WAIT, A, B, C, D, Stage, crashes, drive, killed, play, says, unchanged

JOIN = f"fork {{ {A} {B} }} join all {C}"
CHAIN = A + B + C


def test_01_an_input_of_a_join_is_the_first_that_its_service_hears_of_the_run() -> None:
    player = play("choreograph", JOIN, held=("a",))
    heard = [input for role, input in player.schedule.fed if role == "c"]
    assert [input.message.name for input in heard if isinstance(input, event.Heard)] == ["f/b.ok"]
    assert "c" not in player.begun
    player.let("a")
    assert player.begun == ["b", "a", "c"] and player.outcome().status == "completed"


def test_02_a_branch_that_is_completed_twice_is_one_branch(mode: str) -> None:
    player = play(mode, JOIN, held=("a", "c"))
    done = [
        (role, input)
        for role, input in player.schedule.fed
        if isinstance(input, event.Settled) or (isinstance(input, event.Heard) and role == "c")
    ]
    assert done
    for role, input in done:
        assert unchanged(player, role, input)
        if isinstance(input, event.Heard):  # though no inbox knows it, it is the same branch
            player.schedule.feed(role, replace(input, message=replace(input.message, id="another")))
    assert not player.schedule.calls.keys() & {("c", "f/c", "do"), ("engine", "f/c", "do")}
    player.let("a")
    player.let("c")
    assert calls(player.outcome()) == ["a ok", "b ok", "c ok"]


def test_03_a_branch_that_is_gone_is_not_ok_again(mode: str) -> None:
    player = play(mode, JOIN + D, d=failing())
    assert player.outcome().status == "failed"
    again = [
        (role, input)
        for role, input in player.schedule.fed
        if (isinstance(input, event.Settled) and input.kind == "do")
        or (isinstance(input, event.Heard) and input.message.name.endswith(".ok"))
    ]
    assert len(again) >= 3
    assert all(unchanged(player, role, input) for role, input in again)


def test_04_what_comes_again_after_a_day_changes_nothing_while_the_run_is_alive(mode: str) -> None:
    async def main(stage: Stage) -> None:
        engine, said = stage.engine, []
        post = engine.store.post
        engine.store.post = lambda *row: (said.append(row), post(*row))[1]  # type: ignore[method-assign]
        await stage.begin()
        await engine.send("b.told", {"id": "o-1", "n": 1}, id="e1")
        assert await engine.until("r1") == "waits"
        await stage.sleep(DAY)
        journals = [engine.store.journal(part.role, "r1") for part in engine.store.parts("r1")]
        assert not (await engine.send("b.told", {"id": "o-1", "n": 1}, id="e1")).fresh
        for row in list(said):
            engine.driver.do(lambda row=row: engine.driver.bus.post(*row))  # type: ignore[misc]
        await engine.quiet()
        assert (mode == "choreograph") == bool(said)
        assert [engine.store.journal(part.role, "r1") for part in engine.store.parts("r1")] == journals
        assert stage.made() == ["a", "b"] and engine.dead() == []

    drive(A + WAIT.format("e") + "forever " + B + WAIT.format("g") + "forever ", mode, main, direct=False)


def test_05_what_comes_for_a_run_that_was_closed_and_collected_begins_nothing(tmp_path: Path) -> None:
    path, said = tmp_path / "s.db", []

    async def first(stage: Stage) -> None:
        engine = stage.engine
        post = engine.store.post
        engine.store.post = lambda *row: (said.append(row), post(*row))[1]  # type: ignore[method-assign]
        await stage.begin()
        assert await engine.until("r1") == "completed"
        await engine.quiet()
        await again(stage)
        assert engine.dead() == [], "of a run that is closed it is dropped"

    async def again(stage: Stage) -> None:
        calls = len(stage.ledger.calls)
        for row in list(said):
            stage.engine.driver.do(lambda row=row: stage.engine.driver.bus.post(*row))  # type: ignore[misc]
        await stage.engine.quiet()
        assert len(stage.ledger.calls) == calls

    async def collected(stage: Stage) -> None:
        await again(stage)
        assert stage.engine.store.parts("r1") == [] and stage.engine.store.runs() == []
        assert {dead.run for dead in stage.engine.dead()} == {"r1"}
        assert all("no run r1" in dead.reason for dead in stage.engine.dead())

    drive(CHAIN, "choreograph", first, path=path, direct=False)
    assert said and prune(str(path), 2**50) == 1
    drive(CHAIN, "choreograph", collected, path=path, direct=False)


def test_06_a_crash_between_the_effect_and_the_commit_asks_again_under_the_same_key(mode: str, tmp_path: Path) -> None:
    ledger = Ledger(says())

    async def first(stage: Stage) -> None:
        async def begin(stage: Stage) -> None:
            await stage.begin()
            await stage.engine.until("r1")

        assert await killed(stage, "after-effect", 2, begin)

    async def second(stage: Stage) -> None:
        await stage.engine.resume()
        assert await stage.engine.until("r1") == "completed"

    drive(CHAIN, mode, first, ledger, tmp_path / "s.db")
    drive(CHAIN, mode, second, ledger, tmp_path / "s.db")
    asked = [(request.path, request.key, request.attempt) for request in ledger.calls if request.path == "f/b"]
    assert [attempt for _, _, attempt in asked] == [1, 2] and len({key for _, key, _ in asked}) == 1
    assert len(ledger.by_key()) == 3, "one effect for each step"
    assert crashes(CHAIN, mode, "after-effect", tmp_path) == 3


@pytest.mark.parametrize("place", ["after-effect", "after-commit"])
def test_07_a_handler_that_answers_otherwise_each_time_is_heard_once(mode: str, place: str, tmp_path: Path) -> None:
    """The first result that was recorded counts, for everybody, though the naive handler would say another one now."""
    body = A + "step b = b.act(n: a.n) step c = c.act(n: a.n) "
    for number in range(1, 5):
        naive = itertools.count(1)
        ledger = Ledger(lambda request, naive=naive: Ok({"n": next(naive)}))  # type: ignore[misc]
        path = tmp_path / f"{number}.db"

        async def life(stage: Stage) -> None:
            await stage.begin()
            await stage.engine.resume()
            assert await stage.engine.until("r1") == "completed"

        drive(body, mode, lambda stage, n=number: killed(stage, place, n, life), ledger, path)  # type: ignore[misc]
        [end] = [drive(body, mode, lambda stage: after(stage, life), ledger, path)]
        asked = [request for request in ledger.calls if request.path == "f/a"]
        recorded = len(asked)  # the answers of those before it died with their process
        assert end == {"f/b": {"n": recorded}, "f/c": {"n": recorded}}
        assert len({request.key for request in asked}) == 1


async def after(stage: Stage, life: object) -> dict[str, object]:
    await life(stage)  # type: ignore[operator]
    return {call.id.path: call.input for call in stage.outcome().calls if call.id.path != "f/a"}


def test_08_what_was_committed_and_not_published_is_published_by_the_next_process(mode: str, tmp_path: Path) -> None:
    assert crashes(CHAIN, mode, "after-commit", tmp_path) >= 5


def test_09_what_was_published_and_not_marked_comes_twice_and_is_heard_once(tmp_path: Path) -> None:
    for place in ("after-publish", "before-mark-sent"):
        assert crashes(CHAIN, "choreograph", place, tmp_path) >= 3


def test_10_what_was_taken_in_and_not_acknowledged_comes_twice_and_is_heard_once(tmp_path: Path) -> None:
    assert crashes(CHAIN, "choreograph", "before-ack", tmp_path) >= 3
    assert crashes(CHAIN, "choreograph", "before-ack", tmp_path, "failed", says(c=failing())) >= 5


def test_10_the_engine_that_dies_before_it_answers_a_client_is_asked_again(mode: str, tmp_path: Path) -> None:
    """The client was not told that its event was taken in, so it sends it again under its id."""
    body = WAIT.format("e") + "forever " + WAIT.format("g") + "within 1d else {} " + A
    path = tmp_path / "s.db"

    async def send(stage: Stage) -> None:
        await stage.begin()
        await stage.engine.resume()
        await stage.engine.send("b.told", {"id": "o-1", "n": 1}, id="e1")
        await stage.engine.quiet()

    async def first(stage: Stage) -> None:
        await stage.begin()
        await stage.engine.quiet()
        assert await killed(stage, "after-commit", 1, send)

    async def second(stage: Stage) -> None:
        await send(stage)
        assert await stage.engine.until("r1") == "waits", "one event ends one wait"
        assert stage.made() == []

    drive(body, mode, first, path=path)
    drive(body, mode, second, path=path)
