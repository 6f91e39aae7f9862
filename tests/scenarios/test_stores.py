"""Adversarial scenarios that are about what an engine finds: flows that are not there, stores that are not its own, handlers
that misbehave. Most of what is behind them is tested in tests/runtime; here each has its number."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from flowlang.event import Ok, Unknown
from flowlang.language.text import parse
from flowlang.lower import lower
from flowlang.runtime import lock
from flowlang.runtime.answer import Answers
from flowlang.runtime.clock import EPOCH, VirtualClock, run_virtual
from flowlang.runtime.engine import Engine
from flowlang.runtime.lock import StoreOwned
from flowlang.runtime.ports import Request
from flowlang.runtime.programs import Installation
from flowlang.runtime.sqlite import open_store
from flowlang.runtime.store import Conflict, StoreError, StoreRefused
from flowlang.source import Source
from flowlang.values import BadValue, from_python
from flowlang.verify import small
from flowlang.verify.choices import Choices
from flowlang.verify.explore import MODES, Freedom, explore
from flowlang.verify.schedule import prepare
from flowlang.verify.simulate import Subject, simulate
from tests.runtime.fakes import Ledger, service
from tests.runtime.fakes import load as fake_load

A = "step a = a.act(id: id) { compensate a.undo(id: id) }\n"
WAIT = 'wait for event "b.told" as e where e.id == id forever\n'


def subject(body: str) -> Subject:
    return Subject(prepare(small.kernel(small.whole(body))), small.INPUT)


def played(body: str, mode: str, act: Any, path: str = "memory", at: int = EPOCH) -> Any:
    """`act(engine, hash)` with the flow installed, in virtual time."""
    installed = subject(body).installation(mode)
    ledger = Ledger(lambda request: Ok({"n": 1}))

    async def main(clock: VirtualClock) -> Any:
        async with Engine.open(path, callers=ledger.callers, clock=clock) as engine:
            await engine.install(installed)
            return await act(engine, installed.flow.hash)

    return run_virtual(main, at)


@pytest.mark.parametrize("mode", MODES)
def test_scenario_13_an_unknown_event_is_a_dead_letter_and_the_others_go_on(mode: str) -> None:
    async def act(engine: Engine, hash: str) -> None:
        assert (await engine.send("nobody.knows", {}, id="e0")).problem
        await engine.start(hash, mode, small.INPUT, run="r1")
        assert await engine.until("r1") == "completed"
        [dead] = engine.dead()
        assert "no installed flow" in dead.reason
        assert "no installed flow" in await engine.replay(dead.id)

    played(A, mode, act)


@pytest.mark.parametrize("mode", MODES)
def test_scenario_30_an_event_before_its_run_exists_is_kept(mode: str) -> None:
    async def act(engine: Engine, hash: str) -> None:
        await engine.send("b.told", {"id": "o-1", "n": 1}, id="e1")
        await engine.start(hash, mode, small.INPUT, run="r1")
        assert await engine.until("r1") == "completed"

    played(A + WAIT, mode, act)


@pytest.mark.parametrize("mode", MODES)
def test_scenario_30_and_given_up_when_its_time_is_over(mode: str) -> None:
    async def act(engine: Engine, hash: str) -> None:
        await engine.send("b.told", {"id": "o-1", "n": 1}, id="e1")
        await asyncio.sleep(8 * 86_400)
        await engine.driver.submit(engine.driver.waiting.expire)
        [dead] = engine.dead()
        assert "nobody waited for `b.told`" in dead.reason

    played(A + WAIT, mode, act)


@pytest.mark.parametrize("mode", MODES)
def test_scenario_53_two_flows_on_one_event_do_not_cross(mode: str) -> None:
    async def act(engine: Engine, hash: str) -> None:
        for number, id in enumerate(("o-1", "o-2")):
            await engine.start(hash, mode, {"id": id, "n": 1}, run=f"r{number}")
        await engine.send("b.told", {"id": "o-2", "n": 1}, id="e1")
        assert await engine.until("r1") == "completed"
        assert await engine.until("r0") == "waits"

    played(A + WAIT, mode, act)


@pytest.mark.parametrize("mode", MODES)
def test_scenario_54_a_start_again_is_the_same_run_and_another_input_a_conflict(mode: str) -> None:
    async def act(engine: Engine, hash: str) -> None:
        first = await engine.start(hash, mode, small.INPUT, key="o-1")
        again = await engine.start(hash, mode, small.INPUT, key="o-1")
        assert (again.run, first.fresh, again.fresh) == (first.run, True, False)
        with pytest.raises(Conflict):
            await engine.start(hash, mode, {"id": "o-1", "n": 2}, key="o-1")

    played(WAIT + A, mode, act)


@pytest.mark.parametrize("mode", MODES)
def test_scenario_52_each_run_goes_on_with_its_own_version(mode: str, tmp_path: Path) -> None:
    path = str(tmp_path / "s.db")

    async def first(engine: Engine, hash: str) -> None:
        await engine.start(hash, mode, small.INPUT, run="old")
        assert await engine.until("old") == "waits"

    async def second(engine: Engine, hash: str) -> None:
        await engine.start(hash, mode, small.INPUT, run="new")
        await engine.send("b.told", {"id": "o-1", "n": 1}, id="e1")
        for run in ("old", "new"):
            assert await engine.until(run) == "completed"
        calls = {run: len(engine.store.journal(role, run)) for run in ("old", "new") for role in _roles(engine, run)}
        assert calls["old"] != calls["new"]

    played(WAIT + A, mode, first, path)
    played(WAIT + A + A.replace("step a", "step more"), mode, second, path)


def _roles(engine: Engine, run: str) -> list[str]:
    return [part.role for part in engine.store.parts(run) if part.role in ("@engine", "a")]


@pytest.mark.parametrize("word", ["None", "nan", "bytes", "cyclic", "deep"])
def test_scenario_57_what_can_not_be_stored_is_no_answer(word: str) -> None:
    cyclic: list[Any] = []
    cyclic.append(cyclic)
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    values: dict[str, Any] = {"None": None, "nan": float("nan"), "bytes": b"x", "cyclic": cyclic, "deep": deep}
    operation = next(iter(subject(A).prepared.flow.body.items)).operation  # type: ignore[union-attr]
    request = Request("r", "small", "small/a", "do", "a", "act", {}, 0, 1, 1_000)
    try:
        value = from_python(values[word])
    except BadValue:
        return  # told apart before it is an answer; `handlers` makes InvalidOutput of it
    result = Answers([operation]).answer(request, value)
    assert isinstance(result, Unknown) and result.error.name == "InvalidOutput"


def test_scenario_59_a_store_has_one_engine_and_is_of_this_version(tmp_path: Path) -> None:
    path = str(tmp_path / "s.db")
    open_store(path).close()
    held = lock.take(path)
    with pytest.raises(StoreOwned):
        lock.take(path)
    held.release()
    raw = bytearray(Path(path).read_bytes())
    raw[60:64] = (99).to_bytes(4, "big")
    (tmp_path / "newer.db").write_bytes(raw)
    (tmp_path / "text.db").write_text("this is no store")
    (tmp_path / "cut.db").write_bytes(bytes(Path(path).read_bytes()[:5_000]))
    for name, words in (("newer.db", "newer"), ("text.db", "no SQLite file"), ("cut.db", "cut short")):
        with pytest.raises(StoreRefused, match=words):
            open_store(str(tmp_path / name))


def test_scenario_60_a_full_store_leaves_nothing_half_written(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "s.db"))
    store.limit_pages(1)
    store.begin()
    with pytest.raises(StoreError, match="no space left"):
        for number in range(10_000):
            store.post("role", f"m{number}", "r1", "h", "x" * 1_000)
    store.rollback()
    store.limit_pages(1_000_000)
    assert store.queue("role") == []
    store.close()


def test_scenario_11_a_role_has_one_driver_so_two_replicas_never_handle_one_message(tmp_path: Path) -> None:
    path = str(tmp_path / "s.db")
    open_store(path).close()
    held = lock.take(path, "a")
    with pytest.raises(StoreOwned):
        lock.take(path, "a")
    other = lock.take(path, "b")
    other.release()
    held.release()


@pytest.mark.parametrize("mode", MODES)
def test_scenario_48_a_child_that_finished_long_ago_is_undone_with_its_parent(mode: str) -> None:
    child = (
        'use contracts "*.yaml"\nflow pay(id: string) {\n  step x = b.act(id: id) { compensate b.undo(id: id) }\n}\n'
    )
    parent = small.whole(f"step p = flow.pay(id: id)\n{A} fail Odd").replace(
        "flow small", 'use flows "*.flow"\nflow small', 1
    )
    trees = []
    for text in (child, parent):
        tree, found = parse(Source("f.flow", text))
        assert tree is not None and not found
        trees.append(tree)
    kernel = lower(trees[1], small.contracts(), {"pay": (trees[0], small.contracts())})
    seen = explore(prepare(kernel), mode, small.INPUT, Freedom(cancel=False))
    assert seen.broken is None and seen.complete and set(seen.ends) == {"failed"}
    outcome = simulate(Subject(prepare(kernel), small.INPUT), mode, Choices(draws=()), ())
    assert (outcome.statuses, outcome.effects) == (("failed",), 4)  # the child's step and our own, both undone


def test_scenario_51_a_message_of_a_flow_that_is_not_installed_is_parked() -> None:
    async def main(clock: VirtualClock) -> None:
        flow = service("one", one=["tell:two"], two=["b"])
        async with Engine.open("memory", callers=Ledger().callers, clock=clock, load=fake_load) as engine:
            engine.driver.roles.add("two")
            await engine.install(Installation(flow.flow, {"one": flow.shares["one"]}, ()))
            started = await engine.start("h", "choreograph", {}, run="r1")
            assert await engine.until(started.run) == "waits"
            assert ["not installed" in row.parked for row in engine.store.parked()] == [True]
            await engine.install(Installation(flow.flow, {"two": flow.shares["two"]}, ()))
            assert await engine.until("r1") == "completed"
            assert engine.store.parked() == [] and engine.dead() == []

    run_virtual(main)


@pytest.mark.parametrize("mode", MODES)
def test_scenario_55_a_store_from_an_old_backup_repeats_keys_and_no_effects(mode: str, tmp_path: Path) -> None:
    """All services of one store go back together; what they do again they do under the same keys."""
    installed = subject(A + WAIT + A.replace("step a", "step more")).installation(mode)
    ledger, path = Ledger(lambda request: Ok({"n": 1})), str(tmp_path / "s.db")

    async def life(clock: VirtualClock, send: bool) -> str:
        async with Engine.open(path, callers=ledger.callers, clock=clock) as engine:
            await engine.install(installed)
            await engine.start(installed.flow.hash, mode, small.INPUT, run="r1")
            await engine.resume()
            if send:
                await engine.send("b.told", {"id": "o-1", "n": 1}, id="e1")
            return await engine.until("r1")

    assert run_virtual(lambda clock: life(clock, False)) == "waits"
    backup = Path(path).read_bytes()
    assert run_virtual(lambda clock: life(clock, True)) == "completed"
    for left in tmp_path.glob("s.db-*"):
        left.unlink()
    Path(path).write_bytes(backup)
    assert run_virtual(lambda clock: life(clock, True)) == "completed"
    assert sorted(ledger.by_key().values()) == [1, 2], "the step after the wait, again under its key"


@pytest.mark.parametrize("mode", MODES)
def test_scenario_58_a_caller_that_never_comes_back_is_given_up(mode: str) -> None:
    begun: list[int] = []

    class Hangs:
        async def call(self, request: Request) -> Any:
            begun.append(request.attempt)
            await asyncio.Event().wait()

    installed = subject("step a = a.act(id: id) { compensate none timeout 2s }").installation(mode)

    async def main(clock: VirtualClock) -> str:
        async with Engine.open("memory", callers=lambda setting: Hangs(), clock=clock) as engine:
            await engine.install(installed)
            await engine.start(installed.flow.hash, mode, small.INPUT, run="r1")
            return await engine.until("r1", follow=True)

    assert run_virtual(main) == "failed"
    assert begun == [1, 2, 3]
