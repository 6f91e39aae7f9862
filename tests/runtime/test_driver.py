"""The driver with a machine of a few lines and a virtual clock."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flowlang.event import Policy, Result
from flowlang.runtime.clock import EPOCH, VirtualClock, run_virtual
from flowlang.runtime.engine import Engine
from flowlang.runtime.ports import Request
from flowlang.runtime.programs import Installation
from flowlang.runtime.store import Conflict, NotFound, NotStuck, StoreError
from tests.runtime.fakes import HOUR, Ledger, central, declined, failing, load, service, unknown

Main = Callable[[Engine, Ledger], Awaitable[Any]]


def drive(main: Main, ledger: Ledger | None = None, path: str | Path = "memory", **how: Any) -> Any:
    """Run `main` with an engine of the fake machine under a virtual clock."""
    book = ledger or Ledger()

    async def enter(clock: VirtualClock) -> Any:
        options = {"jitter": lambda: 0.5, **how}
        async with Engine.open(str(path), callers=book.callers, clock=clock, load=load, **options) as engine:
            return await main(engine, book)

    return run_virtual(enter)


async def begin(engine: Engine, flow: Installation, run: str = "r1", **how: Any) -> str:
    await engine.install(flow)
    started = await engine.start(flow.flow.hash, flow.flow.mode, {"x": 1}, run=run, **how)
    return started.run


def test_steps_follow_each_other_and_the_run_is_completed() -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        run = await begin(engine, central("a", "b", "c"))
        assert await engine.until(run) == "completed"
        assert ledger.effects() == [("flow/a", "do"), ("flow/b", "do"), ("flow/c", "do")]
        assert set(ledger.by_key().values()) == {1}

    drive(main)


def test_commits_are_at_most_steps_and_two() -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        await engine.install(central("a", "b", "c"))
        before = engine.store.commits
        started = await engine.start("h", "orchestrate", {})
        await engine.until(started.run)
        assert engine.store.commits - before <= 5

    drive(main)


def test_one_commit_serves_many_runs() -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        await engine.install(central("a", "b", "c"))
        before = engine.store.commits
        runs = await asyncio.gather(*[engine.start("h", "orchestrate", {}) for _ in range(64)])
        statuses = await asyncio.gather(*[engine.until(started.run) for started in runs])
        assert set(statuses) == {"completed"}
        assert len(ledger.calls) == 192
        assert engine.store.commits - before <= 19  # a tenth of a commit for each step

    drive(main)


def test_a_failure_undoes_what_was_done_in_reverse() -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        run = await begin(engine, central("a", "b", "c"))
        assert await engine.until(run) == "failed"
        kinds = [(request.path[-1], request.kind) for request in ledger.calls]
        assert kinds == [("a", "do"), ("b", "do"), ("c", "do"), ("b", "undo"), ("a", "undo")]
        assert ledger.calls[-1].undoes == ledger.calls[0].key

    drive(main, Ledger(failing("c", declined())))


def test_an_unknown_result_is_tried_again_under_the_same_key_after_a_backoff() -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        run = await begin(engine, central("a", backoff_min=1000, backoff_max=60_000))
        started = asyncio.get_running_loop().time()
        assert await engine.until(run) == "completed"
        assert [(r.attempt, r.answered) for r in ledger.calls] == [(1, 0), (2, 1), (3, 2)]
        assert len({r.key for r in ledger.calls}) == 1
        assert asyncio.get_running_loop().time() - started >= 0.5 + 1.0  # half of 1 s, half of 2 s

    drive(main, Ledger(failing("a", unknown(), times=2)))


def test_a_listed_failure_takes_the_next_key() -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        run = await begin(engine, central("a", errors=["Busy"]))
        assert await engine.until(run) == "completed"
        assert len({r.key for r in ledger.calls}) == 2

    drive(main, Ledger(failing("a", declined("Busy"), times=1)))


def test_a_result_that_stays_unknown_is_compensated() -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        run = await begin(engine, central("a"))
        assert await engine.until(run) == "failed"
        assert [r.kind for r in ledger.calls] == ["do", "do", "do", "undo"]

    drive(main, Ledger(failing("a", unknown())))


def test_a_bug_in_a_handler_is_stuck_until_an_operator_says_retry() -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        run = await begin(engine, central("a", "b"))
        assert await engine.until(run) == "stuck"
        assert len(ledger.calls) == 3
        with pytest.raises(NotStuck):
            await engine.resolve(run, "b", "retry")
        with pytest.raises(NotStuck):
            await engine.resolve(run, "a", "skip")
        assert await engine.resolve(run, "a", "retry") == "flow/a"
        assert await engine.until(run) == "completed"
        assert len({r.key for r in ledger.calls if r.path == "flow/a"}) == 1
        assert [r.attempt for r in ledger.calls if r.path == "flow/a"] == [1, 2, 3, 4]

    drive(main, Ledger(failing("a", unknown("HandlerError"), times=3)))


def test_a_compensation_that_fails_for_good_is_stuck_and_can_be_skipped() -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        run = await begin(engine, central("a", "b"))
        assert await engine.until(run) == "stuck"
        assert sum(r.kind == "undo" for r in ledger.calls) == 11
        assert len({r.key for r in ledger.calls if r.kind == "undo"}) == 1
        await engine.resolve(run, "a", "skip")
        assert await engine.until(run) == "failed"

    def says(request: Request) -> Result | None:
        return declined() if request.kind == "undo" or request.path == "flow/b" else None

    drive(main, Ledger(says))


def test_an_operator_answers_for_a_stuck_step() -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        run = await begin(engine, central("a", "b"))
        assert await engine.until(run) == "stuck"
        await engine.resolve(run, "flow/a", "done", value={"by": "hand"})
        assert await engine.until(run) == "completed"
        assert ledger.calls[-1].path == "flow/b"

    drive(main, Ledger(failing("a", unknown("HandlerError"))))


def test_a_caller_that_never_comes_back_is_given_up() -> None:
    class Deaf(Ledger):
        async def call(self, request: Request) -> Result:
            self.calls.append(request)
            while True:
                try:
                    await asyncio.sleep(10**6)
                except asyncio.CancelledError:
                    if request.kind == "do" and self.gate is not None and not self.gate.is_set():
                        continue
                    raise

    async def main(engine: Engine, ledger: Ledger) -> None:
        ledger.gate = asyncio.Event()
        run = await begin(engine, central("a", timeout=1000, limit=1))
        deaf = asyncio.create_task(engine.until(run))
        await asyncio.sleep(100)
        assert [r.attempt for r in ledger.calls if r.kind == "do"] == [1, 2]
        ledger.gate.set()
        deaf.cancel()

    drive(main, Deaf())


def test_cancel_ends_a_wait_at_once_and_undoes() -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        run = await begin(engine, central("a", "wait:T:v"))
        assert await engine.until(run) == "waits"
        assert await engine.cancel(run) == "cancelling"
        assert await engine.until(run) == "cancelled"
        assert await engine.cancel(run) == "cancelled"
        assert [r.kind for r in ledger.calls] == ["do", "undo"]
        with pytest.raises(NotFound):
            await engine.cancel("nobody")

    drive(main)


def test_cancel_settles_a_call_that_waits_in_a_backoff() -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        run = await begin(engine, central("a", backoff_min=HOUR, backoff_max=HOUR))
        await asyncio.sleep(1)
        await engine.cancel(run)
        assert await engine.until(run) == "cancelled"
        assert [r.kind for r in ledger.calls] == ["do", "undo"]  # its result is unknown, so it is undone
        assert asyncio.get_running_loop().time() < 60

    drive(main, Ledger(failing("a", unknown())))


def test_a_timer_fires_at_its_time_and_never_before() -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        run = await begin(engine, central("wait:T:v", "b"))
        assert await engine.until(run) == "waits"
        await asyncio.sleep(HOUR / 1000 - 1)
        assert ledger.calls == []
        assert await engine.until(run, follow=True) == "completed"
        fired = [at for id, at, _ in engine.store.journal("@engine", run) if id.startswith("fired")]
        assert fired == [EPOCH + HOUR]

    drive(main)


def test_timers_that_are_due_at_once_fire_earliest_first_and_all() -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        await engine.install(central("wait:T:v"))
        runs = [(await engine.start("h", "orchestrate", {})).run for _ in range(600)]
        assert set(await asyncio.gather(*[engine.until(run, follow=True) for run in runs])) == {"completed"}

    drive(main)


@pytest.mark.parametrize("workers", [1, 2])
def test_no_more_calls_than_workers_are_under_way(workers: int) -> None:
    most = [0, 0]

    class Counting(Ledger):
        async def call(self, request: Request) -> Result:
            most[0] += 1
            most[1] = max(most)
            await asyncio.sleep(1)
            most[0] -= 1
            return await super().call(request)

    async def main(engine: Engine, ledger: Ledger) -> None:
        await engine.install(central("a"))
        runs = [(await engine.start("h", "orchestrate", {})).run for _ in range(5)]
        assert set(await asyncio.gather(*[engine.until(run) for run in runs])) == {"completed"}

    drive(main, Counting(), workers=workers)
    assert most[1] == workers


def test_a_call_that_never_began_is_halted_without_being_made() -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        ledger.gate = asyncio.Event()
        await engine.install(central("a"))
        first = (await engine.start("h", "orchestrate", {})).run
        second = (await engine.start("h", "orchestrate", {})).run
        await engine.cancel(second)
        assert await engine.until(second) == "cancelled"
        ledger.gate.set()
        assert await engine.until(first) == "completed"
        assert {r.run for r in ledger.calls} == {first}

    drive(main, workers=1)


def test_a_call_that_is_halted_twice_in_one_turn_ends_once() -> None:
    """A hint of its join and a cancel of its run came together, and the engine died of it."""

    async def main(engine: Engine, ledger: Ledger) -> None:
        ledger.gate = asyncio.Event()
        await engine.install(central("a"))
        first = (await engine.start("h", "orchestrate", {})).run
        second = (await engine.start("h", "orchestrate", {})).run
        driver = engine.driver
        (part,) = (part for part in driver.parts.values() if part.run == second)

        def halt() -> None:
            for _ in range(2):
                driver.work.halt(part, "flow/a")

        await driver.submit(halt)
        assert await engine.until(second) == "failed"
        ledger.gate.set()
        assert await engine.until(first) == "completed"

    drive(main, workers=1)


# ---------------------------------------------------------------- keys


def test_the_same_key_and_input_is_the_same_run_and_another_input_a_conflict() -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        await engine.install(central("a"))
        one = await engine.start("h", "orchestrate", {"x": 1}, key="k")
        two = await engine.start("h", "orchestrate", {"x": 1}, key="k")
        assert (two.run, two.fresh) == (one.run, False)
        assert (await engine.start("h", "orchestrate", {"x": Decimal("1.0")}, key="k")).run == one.run
        with pytest.raises(Conflict) as conflict:
            await engine.start("h", "orchestrate", {"x": 2}, key="k")
        assert conflict.value.run == one.run
        await engine.until(one.run)
        assert (await engine.start("h", "orchestrate", {"x": 1}, key="k")).run == one.run

    drive(main)


def test_a_failed_run_frees_its_key() -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        await engine.install(central("a"))
        one = await engine.start("h", "orchestrate", {"x": 1}, key="k")
        assert await engine.until(one.run) == "failed"
        two = await engine.start("h", "orchestrate", {"x": 2}, key="k")
        assert two.fresh
        assert two.run != one.run

    drive(main, Ledger(failing("a", declined(), times=1)))


def test_a_flow_that_is_not_installed_cannot_start() -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        with pytest.raises(NotFound):
            await engine.start("h", "orchestrate", {})

    drive(main)


# ---------------------------------------------------------------- events


def test_an_event_ends_the_wait_whose_value_it_has() -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        run = await begin(engine, central("wait:T:v", "b"))
        other = await engine.send("T", {"id": "w"}, id="e0")
        assert other.runs == ()
        assert await engine.until(run) == "waits"
        sent = await engine.send("T", {"id": "v"}, id="e1")
        assert sent.runs == (run,)
        assert await engine.until(run) == "completed"
        assert engine.store.timers(run) == []
        assert engine.store.waits(run) == []

    drive(main)


def test_an_event_that_comes_twice_is_taken_once() -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        run = await begin(engine, central("wait:T:v", "wait:T:v"))
        assert (await engine.send("T", {"id": "v"}, id="e1")).fresh
        again = await engine.send("T", {"id": "v"}, id="e1")
        assert (again.fresh, again.runs) == (False, (run,))
        assert await engine.until(run) == "waits"

    drive(main)


def test_an_early_event_is_kept_and_the_first_that_fits_is_taken() -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        await engine.install(central("wait:T:v"))
        await engine.send("T", {"id": "v", "sour": True}, id="e0")
        await engine.send("T", {"id": "v"}, id="e1")
        await engine.send("T", {"id": "v"}, id="e2")
        run = await begin(engine, central("wait:T:v"))
        assert await engine.until(run) == "completed"
        offers = [id.split(":")[2] for id, _, _ in engine.store.journal("@engine", run) if id.startswith("arrived")]
        assert offers == ["e0", "e1"]

    drive(main)


def test_an_event_to_one_is_taken_by_the_first_that_was_armed() -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        first = await begin(engine, central("wait:T:v"), run="r1")
        second = await begin(engine, central("wait:T:v"), run="r2")
        assert (await engine.send("T", {"id": "v"})).runs == (first,)
        assert await engine.until(second) == "waits"

    drive(main)


def test_an_event_to_all_is_taken_by_all_now_and_later() -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        flow = central("wait:T:v", to="all")
        runs = [await begin(engine, flow, run="r1"), await begin(engine, flow, run="r2")]
        assert sorted((await engine.send("T", {"id": "v"}, id="e1")).runs) == runs
        late = await begin(engine, flow, run="r3")
        assert await engine.until(late) == "completed"

    drive(main)


def test_an_event_that_nobody_knows_is_a_dead_letter_and_can_be_replayed() -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        assert "no installed flow" in (await engine.send("T", {"id": "v"}, id="e1")).problem
        await engine.send("T", {"id": "v"}, id="e1")
        [dead] = engine.dead()
        run = await begin(engine, central("wait:T:v"))
        assert await engine.replay(dead.id) == ""
        assert await engine.until(run) == "completed"
        assert engine.dead() == []
        with pytest.raises(NotFound):
            await engine.replay(dead.id)

    drive(main)


def test_an_event_that_nobody_wants_in_time_is_a_dead_letter() -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        await engine.install(central("wait:T:v"))
        await engine.send("T", {"id": "v"}, id="e1")
        await asyncio.sleep(11 * HOUR / 1000)
        run = await begin(engine, central("wait:T:v"))
        assert await engine.until(run) == "waits"
        engine.driver.do(engine.driver.waiting.expire)
        await engine.quiet()
        [dead] = engine.dead()
        assert "before its time was over" in dead.reason
        assert not (await engine.send("T", {"id": "v"}, id="e1")).fresh

    drive(main)


def test_a_published_event_reaches_the_waits_of_other_runs_once() -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        waiting = await begin(engine, central("wait:T:e", hash="h1", name="first"), run="r1")
        said = await begin(engine, central("emit:T", hash="h2", name="second"), run="r2")
        assert await engine.until(said) == "completed"
        assert await engine.until(waiting) == "completed"
        assert engine.dead() == []

    drive(main)


def test_an_event_starts_a_run_once() -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        await engine.install(central("a", gate="T"))
        sent = await engine.send("T", {"id": "v"}, id="e1")
        assert len(sent.runs) == 1
        await engine.send("T", {"id": "v"}, id="e1")
        assert await engine.until(sent.runs[0]) == "completed"
        assert len(engine.store.runs()) == 1

    drive(main)


def test_starting_a_run_does_not_use_the_event_up() -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        waiting = await begin(engine, central("wait:T:v", hash="h1", name="first"))
        await engine.install(central("a", gate="T", hash="h2", name="second"))
        sent = await engine.send("T", {"id": "v"}, id="e1")
        assert len(sent.runs) == 2
        assert await engine.until(waiting) == "completed"

    drive(main)


# ---------------------------------------------------------------- choreography


def test_services_do_their_parts_and_answer() -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        run = await begin(engine, service("one", one=["a", "tell:two", "d"], two=["b", "tell:three"], three=["c"]))
        assert await engine.until(run) == "completed"
        assert [r.path for r in ledger.calls] == ["flow/a", "flow/b", "flow/c", "flow/d"]
        await engine.quiet()
        parts = {part.role: part.status for part in engine.store.parts(run)}
        assert parts == {"one": "completed", "two": "closed", "three": "closed"}

    drive(main)


def test_a_message_that_comes_twice_or_late_is_a_no_op() -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        bus = engine.driver.bus
        said: list[Any] = []
        post = engine.store.post

        def twice(*row: str) -> Any:
            said.append(row)
            post(*row)
            return post(*row)

        engine.store.post = twice  # type: ignore[method-assign]
        run = await begin(engine, service("one", one=["tell:two", "a"], two=["b"]))
        assert await engine.until(run) == "completed"
        for row in tuple(said):
            engine.driver.do(lambda row=row: bus.post(*row))  # type: ignore[misc]
        await engine.quiet()
        assert len(ledger.calls) == 2
        assert len(said) == 4
        assert engine.dead() == []

    drive(main, direct=False)


def test_a_message_of_an_unknown_flow_is_parked_until_it_is_installed() -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        flow = service("one", one=["tell:two"], two=["b"])
        share = flow.shares["two"]
        without = Installation(flow.flow, {"one": flow.shares["one"]}, ())
        engine.driver.roles.add("two")
        run = await begin(engine, without)
        assert await engine.until(run) == "waits"
        [parked] = engine.store.parked()
        assert "not installed" in parked.parked
        await engine.install(Installation(flow.flow, {"two": share}, ()))
        assert await engine.until(run) == "completed"
        assert engine.store.parked() == []

    drive(main)


def test_what_cannot_be_read_or_is_for_nobody_is_a_dead_letter_and_others_go_on() -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        flow = service("one", one=["a"], two=["b"])
        await engine.install(flow)
        post = engine.driver.bus.post
        run = await begin(engine, flow)
        good = f'["heard",0,["m1","{run}",{EPOCH},"flow","h","one.sings",[],null,[],[],[]]]'
        engine.driver.do(lambda: post("two", "x1", run, "h", "garbage"))
        engine.driver.do(lambda: post("two", "x2", run, "h", good))
        engine.driver.do(lambda: post("two", "x3", "r9", "h", good.replace(run, "r9")))
        assert await engine.until(run) == "completed"
        await engine.quiet()
        reasons = [dead.reason for dead in engine.dead()]
        assert len(reasons) == 3
        assert "can't be read" in reasons[0]
        assert "nobody hears" in reasons[1]
        assert "there is no run r9" in reasons[2]

    drive(main)


def test_a_run_that_began_too_long_ago_is_not_begun_again() -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        await engine.install(service("one", one=["a"], two=["b"]))
        old = f'["heard",0,["m1","r9",{EPOCH - 10_000 * HOUR},"flow","h","one.asks",[],null,[],[],[]]]'
        engine.driver.do(lambda: engine.driver.bus.post("two", "x1", "r9", "h", old))
        await engine.quiet()
        assert ledger.calls == []
        assert "too long ago" in engine.dead()[0].reason

    drive(main)


@pytest.mark.parametrize("seed", range(20))
def test_messages_in_any_order_and_several_times_make_the_same_run(seed: int) -> None:
    """The bus hands things over in a random order, and some of them again."""
    chance = random.Random(seed)

    class Shuffled(deque[Any]):
        def popleft(self) -> Any:
            self.rotate(-chance.randrange(len(self)))
            row = super().popleft()
            if chance.random() < 0.4 and all(row is not again for again in repeated):
                repeated.append(row)
                self.append(row)
                engines[0].driver.count(row.run, 1)
            return row

    repeated: list[Any] = []
    engines: list[Engine] = []

    async def main(engine: Engine, ledger: Ledger) -> None:
        engines.append(engine)
        engine.driver.bus.came = Shuffled()
        flow = service("one", one=["tell:two", "a", "tell:three"], two=["b", "tell:four"], three=["c"], four=["d"])
        await engine.install(flow)
        runs = [(await engine.start("h", "choreograph", {})).run for _ in range(4)]
        assert {await engine.until(run) for run in runs} == {"completed"}
        await engine.quiet()
        assert repeated
        for run in runs:
            assert sorted(r.path for r in ledger.calls if r.run == run) == ["flow/a", "flow/b", "flow/c", "flow/d"]
        assert engine.dead() == []

    drive(main, direct=False)


def test_a_disk_that_is_full_starts_no_effect_and_the_run_goes_on_later(tmp_path: Path) -> None:
    path, flow, book = tmp_path / "s.db", central("a", "b", limit=9), Ledger()

    async def full(engine: Engine, ledger: Ledger) -> None:
        await begin(engine, flow)
        big = {"x": "y" * 200_000}
        engine.store.limit_pages(1)
        with pytest.raises(StoreError, match="no space"):
            await engine.start("h", "orchestrate", big, run="r2")
        with pytest.raises(StoreError, match="no space"):
            await engine.until("r1")

    async def room(engine: Engine, ledger: Ledger) -> None:
        await engine.resume()
        assert await engine.until("r1") == "completed"
        assert [row.run for row in engine.store.runs()] == ["r1"]
        assert {r.run for r in ledger.calls} == {"r1"}
        assert len({r.key for r in ledger.calls}) == 2

    book.gate = asyncio.Event()
    drive(full, book, path)
    book.gate = None
    drive(room, book, path)


def test_the_default_policy_is_the_one_of_the_language() -> None:
    assert (Policy().limit, Policy().errors, Policy().timeout) == (2, ("Timeout", "Unavailable"), 30_000)


def test_whoever_waits_is_told_of_a_failure_in_the_order_of_asking() -> None:
    """They were told in the order of their addresses, so a simulated history was not the same twice."""

    async def main(engine: Engine, ledger: Ledger) -> list[int]:
        told: list[int] = []

        async def ask(number: int) -> None:
            try:
                await engine.driver.until(lambda: None)
            except StoreError:
                told.append(number)

        asking = [asyncio.ensure_future(ask(number)) for number in range(100)]
        await asyncio.sleep(0)
        engine.driver.fail(StoreError("no space"))
        await asyncio.gather(*asking)
        return told

    assert drive(main) == list(range(100))
