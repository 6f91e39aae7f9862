"""What is over for long goes, and nothing else."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from flowlang.runtime.clock import EPOCH, VirtualClock, run_virtual
from flowlang.runtime.engine import Engine
from flowlang.runtime.pruning import prune
from flowlang.runtime.sqlite import SqliteStore, open_store
from tests.runtime.fakes import Ledger, central, load, service

TABLES = ("runs", "parts", "journal", "work", "timers", "waits", "outbox", "bus", "taken", "events", "event_keys")


def rows(store: SqliteStore) -> dict[str, int]:
    return {table: store._one(f"SELECT count(*) FROM {table}")[0] for table in TABLES}


def left(path: Path) -> list[str]:
    store = open_store(str(path))
    try:
        return [row.run for row in store.runs()]
    finally:
        store.close()


async def some_runs(clock: VirtualClock, path: Path) -> None:
    """Two runs that end at once, one that ends a day later, one that goes on waiting."""
    async with Engine.open(str(path), callers=Ledger().callers, clock=clock, load=load) as engine:
        await engine.install(central("a", "b"))
        await engine.install(central("wait:T:v", "b", hash="w", name="waits"))
        for run in ("r1", "r2"):
            await engine.start("h", "orchestrate", {}, run=run)
            assert await engine.until(run) == "completed"
        await engine.start("w", "orchestrate", {}, run="w1")
        await engine.start("w", "orchestrate", {}, run="w2")
        await asyncio.sleep(1)
        await engine.send("T", {"id": "v"}, id="e1")
        await engine.until("w1")
        await engine.quiet()


@pytest.mark.parametrize("batch", [1, 2, 200])
def test_runs_that_ended_before_go_with_everything_of_them(batch: int, tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    run_virtual(lambda clock: some_runs(clock, path))
    assert prune(str(path), EPOCH, batch) == 0
    assert prune(str(path), EPOCH + 500, batch) == 2
    assert left(path) == ["w1", "w2"]
    assert prune(str(path), EPOCH + 10**12, batch) == 1
    [waiting] = left(path)
    store = open_store(str(path))
    try:
        assert store.run(waiting) is not None
        found = rows(store)
    finally:
        store.close()
    assert (found["runs"], found["parts"], found["journal"], found["waits"], found["timers"]) == (1, 1, 1, 1, 1)


def test_a_run_of_which_a_service_is_not_done_stays(tmp_path: Path) -> None:
    path = tmp_path / "s.db"

    async def main(clock: VirtualClock) -> None:
        async with Engine.open(str(path), callers=Ledger().callers, clock=clock, load=load) as engine:
            await engine.install(service("one", one=["a", "tell:two", "b"], two=["c"]))
            await engine.start("h", "choreograph", {}, run="r1")
            assert await engine.until("r1") == "completed"
            await engine.quiet()

    run_virtual(main)
    store = open_store(str(path))
    with store.transaction():
        store.set_part("two", "r1", "open")
    store.close()
    assert prune(str(path), EPOCH + 10**12) == 0
    store = open_store(str(path))
    with store.transaction():
        store.set_part("two", "r1", "closed")
    store.close()
    assert prune(str(path), EPOCH + 10**12) == 1
    store = open_store(str(path))
    assert set(rows(store).values()) == {0}
    store.close()


def test_pruning_beside_a_living_engine_holds_up_nothing(tmp_path: Path) -> None:
    path = tmp_path / "s.db"

    async def main() -> int:
        async with Engine.open(str(path), callers=Ledger().callers, load=load) as engine:
            await engine.install(central("a", "b"))
            pruned = asyncio.get_running_loop().run_in_executor(None, prune, str(path), 2**62, 1)
            for number in range(20):
                await engine.start("h", "orchestrate", {}, run=f"r{number}")
                assert await engine.until(f"r{number}") == "completed"
            return await pruned + await asyncio.get_running_loop().run_in_executor(None, prune, str(path), 2**62, 1)

    assert asyncio.run(main()) == 20
    assert left(path) == []
