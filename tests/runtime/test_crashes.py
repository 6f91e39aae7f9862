"""The process dies at every place and at every time it passes that place; what is left of it is a store.

Dying is played here by an engine that goes no further: whatever was not committed is lost, as with `kill -9`. The ledger of
calls outlives it. Real kills are in test_kills.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from pathlib import Path

import pytest

from flowlang.runtime import failpoint, view
from flowlang.runtime.clock import EPOCH, VirtualClock, run_virtual
from flowlang.runtime.engine import Engine
from flowlang.runtime.programs import Installation
from tests.runtime.fakes import Ledger, central, declined, failing, load, service

LONG = {"limit": 20}  # a crash counts as an attempt, so a policy must allow for some

FLOWS: dict[str, tuple[Installation, Ledger, str, list[str]]] = {
    "central": (central("a", "b", "c", **LONG), Ledger(), "completed", ["a", "b", "c"]),
    "central, undone": (
        central("a", "b", "c", **LONG),
        Ledger(failing("c", declined())),
        "failed",
        ["a", "b", "c", "b:undo", "a:undo"],
    ),
    "central, an event": (central("a", "wait:T:v", "b", **LONG), Ledger(), "completed", ["a", "b"]),
    "services": (
        service("one", one=["a", "tell:two", "d"], two=["b", "tell:three"], three=["c"], policy=LONG),
        Ledger(),
        "completed",
        ["a", "b", "c", "d"],
    ),
    "services, at once": (
        service("one", one=["a", "tell:two", "d"], two=["b", "tell:three"], three=["c"], policy=LONG),
        Ledger(),
        "completed",
        ["a", "b", "c", "d"],
    ),
}


class Died(BaseException):
    """What a process that is killed cannot catch either."""


@pytest.fixture(autouse=True)
def no_failpoints() -> Iterator[None]:
    yield
    failpoint.set_hook(None)


async def life(
    path: Path, flow: Installation, ledger: Ledger, clock: VirtualClock, place: str, number: int, *, direct: bool = True
) -> bool:
    """One process: start or go on, until the run is over or the process has died at the `number`-th pass of `place`. Not
    `direct`, services speak over the bus though they live in one process."""
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    opened = Engine.open(str(path), callers=ledger.callers, clock=clock, load=load, jitter=lambda: 0.0, direct=direct)
    async with opened as engine:
        left = [number]

        def die(here: str) -> None:
            if here == place:
                left[0] -= 1
                if left[0] == 0:
                    engine.driver.fail(Died())
                    raise Died

        failpoint.set_hook(die)
        try:
            await engine.install(flow)
            await engine.start(flow.flow.hash, flow.flow.mode, {"x": 1}, run="r1")
            await engine.resume()
            await engine.send("T", {"id": "v"}, id="e1")
            assert await engine.until("r1") in ("completed", "failed")
            await engine.quiet()
            return False
        except Died:
            return True
        finally:
            failpoint.set_hook(None)


def steps_of(ledger: Ledger) -> list[str]:
    return [path.removeprefix("flow/") + (":undo" if kind == "undo" else "") for path, kind in ledger.effects()]


def check(path: Path, status: str, expected: list[str], ledger: Ledger) -> None:
    assert steps_of(ledger) == expected
    store = view.open_view(str(path))
    try:
        assert view.run(store, "r1").status == status
        assert not store.busy("r1")
        assert [row.reason for row in store.dead() if "no installed flow" not in row.reason] == []
        for row in view.steps(store, "r1", load):
            assert row.item.state == "done"
            calls = [r for r in ledger.calls if (r.path, r.kind) == (row.item.call.path, row.item.call.kind)]
            assert row.item.attempts >= len(calls), "an attempt was made that nobody had counted"
    finally:
        store.close()


@pytest.mark.parametrize("place", failpoint.PLACES)
@pytest.mark.parametrize("name", FLOWS)
def test_a_crash_at_any_pass_of_a_place_changes_nothing(name: str, place: str, tmp_path: Path) -> None:
    flow, model, status, expected = FLOWS[name]
    passes, direct = 0, name != "services"
    for number in range(1, 100):
        path, ledger = tmp_path / f"{number}.db", Ledger(model.says)

        def go_on(clock: VirtualClock, n: int, p: Path = path, b: Ledger = ledger) -> Awaitable[bool]:
            return life(p, flow, b, clock, place, n, direct=direct)

        died = run_virtual(lambda clock, n=number, live=go_on: live(clock, n))  # type: ignore[misc]
        if died:
            assert not run_virtual(lambda clock, live=go_on: live(clock, 0), EPOCH + 1000)  # type: ignore[misc]
        check(path, status, expected, ledger)
        if not died:
            break
        passes = number
    messages = place in ("after-publish", "before-mark-sent", "before-ack")
    assert passes >= (0 if messages and name != "services" else 2), "the place was hardly passed"


@pytest.mark.parametrize("name", FLOWS)
def test_many_crashes_one_after_another_change_nothing(name: str, tmp_path: Path) -> None:
    """The process dies again and again, each time a little later, during recovery too."""
    flow, model, status, expected = FLOWS[name]
    path, ledger, lives = tmp_path / "s.db", Ledger(model.says), 0
    for number in range(1, 60):
        place = failpoint.PLACES[number % 4]
        lives += 1
        if not run_virtual(
            lambda clock, p=place, n=number: life(path, flow, ledger, clock, p, 2 + n // 4, direct=name != "services"),
            EPOCH + number,
        ):  # type: ignore[misc]
            break
    else:
        pytest.fail("the run never ended")
    assert lives > 2
    check(path, status, expected, ledger)


def test_an_operation_that_is_not_idempotent_is_not_sent_again_after_a_crash(tmp_path: Path) -> None:
    flow = central("a", idempotent=False)
    ledger = Ledger()
    assert run_virtual(lambda clock: life(tmp_path / "s.db", flow, ledger, clock, "after-effect", 1))
    assert not run_virtual(lambda clock: life(tmp_path / "s.db", flow, ledger, clock, "after-effect", 0))
    assert [(r.path, r.kind) for r in ledger.calls] == [("flow/a", "do"), ("flow/a", "undo")]


def test_what_was_queued_in_time_is_seen_before_a_timer_that_is_overdue(tmp_path: Path) -> None:
    """The engine is down past the deadline, with the event on the bus: the event wins."""
    path = tmp_path / "s.db"
    flow = service("one", one=["wait:T:v", "a"], two=["b"])

    async def first(clock: VirtualClock) -> None:
        async with Engine.open(str(path), callers=Ledger().callers, clock=clock, load=load) as engine:
            await engine.install(flow)
            await engine.start("h", "choreograph", {}, run="r1")
            assert await engine.until("r1") == "waits"
            engine.driver.roles.discard("one")  # somebody else takes the event in and leaves it on the bus
            await engine.send("T", {"id": "v"}, id="e1")

    async def second(clock: VirtualClock) -> list[str]:
        async with Engine.open(str(path), callers=Ledger().callers, clock=clock, load=load) as engine:
            await engine.resume()
            assert await engine.until("r1") == "completed"
            return [id for id, _, _ in engine.store.journal("one", "r1")]

    run_virtual(first)
    ids = run_virtual(second, start=EPOCH + 10 * 3_600_000)
    assert "arrived:flow/wait0:e1" in ids
    assert not any(id.startswith("fired") for id in ids)


def test_an_overdue_timer_fires_at_once_on_resume(tmp_path: Path) -> None:
    path, flow = tmp_path / "s.db", central("wait:T:v", "a")

    async def one(clock: VirtualClock, status: str) -> None:
        async with Engine.open(str(path), callers=Ledger().callers, clock=clock, load=load) as engine:
            await engine.install(flow)
            await engine.start("h", "orchestrate", {}, run="r1")
            await engine.resume()
            assert await engine.until("r1") == status

    run_virtual(lambda clock: one(clock, "waits"))
    run_virtual(lambda clock: one(clock, "waits"), start=EPOCH + 3_599_000)
    run_virtual(lambda clock: one(clock, "completed"), start=EPOCH + 3_600_000)


def test_only_what_was_asked_for_goes_on(tmp_path: Path) -> None:
    """Opening a store starts nothing, and a run that is resumed does not wake the others."""
    path, flow, ledger = tmp_path / "s.db", central("a", "b", **LONG), Ledger()

    async def first(clock: VirtualClock) -> None:
        ledger.gate = asyncio.Event()
        async with Engine.open(str(path), callers=ledger.callers, clock=clock, load=load) as engine:
            await engine.install(flow)
            for run in ("r1", "r2"):
                await engine.start("h", "orchestrate", {}, run=run)

    async def second(clock: VirtualClock) -> None:
        ledger.gate = None
        ledger.calls.clear()
        async with Engine.open(str(path), callers=ledger.callers, clock=clock, load=load) as engine:
            assert await engine.resume("r2") == ("r2",)
            assert await engine.until("r2") == "completed"
            assert {r.run for r in ledger.calls} == {"r2"}
            assert await engine.resume() == ("r1",)
            assert await engine.until("r1") == "completed"
            assert [r.attempt for r in ledger.calls if r.run == "r1"] == [2, 1]

    run_virtual(first)
    run_virtual(second)


def test_who_was_stopped_past_a_deadline_sees_first_what_others_have_put_on_the_bus_in_time(tmp_path: Path) -> None:
    """A service process that SIGSTOP held: when it goes on, its timer is overdue, and the event lies there unseen."""

    async def play(clock: VirtualClock) -> list[str]:
        async with Engine.open(str(tmp_path / "s.db"), callers=Ledger().callers, clock=clock, load=load) as engine:
            await engine.install(service("one", one=["wait:T:v", "a"], two=["b"]))
            await engine.start("h", "choreograph", {}, run="r1")
            assert await engine.until("r1") == "waits"
            engine.driver.exact = True  # as in a process of its own
            engine.driver.roles.discard("one")  # somebody else puts the event there, unseen by us
            await engine.send("T", {"id": "v"}, id="e1")
            engine.driver.roles.add("one")
            await clock.sleep_until(clock.now() + 10 * 3_600_000)
            assert await engine.until("r1") == "completed"
            return [id for id, _, _ in engine.store.journal("one", "r1")]

    ids = run_virtual(play)
    assert "arrived:flow/wait0:e1" in ids
    assert not any(id.startswith("fired") for id in ids)
