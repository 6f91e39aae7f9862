"""A slow disk: the commit of a turn happens in a thread, and the loop goes on meanwhile; what the turn wants still waits for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flowlang.event import Result
from flowlang.report import report
from flowlang.runtime import turns, view
from flowlang.runtime.engine import Engine
from flowlang.runtime.ports import Request
from flowlang.runtime.sqlite import open_store
from flowlang.runtime.store import StoreError
from tests.runtime.fakes import Ledger, declined, unknown
from tests.runtime.test_both_modes import answers, confirm, installation

EVERY = -1.0
"""Seconds above which a commit is slow, so that all are."""

NONE = 1e9


class Disk:
    """Holds up the commits of a store until it is told to go on."""

    def __init__(self, engine: Engine) -> None:
        self._commit = engine.store._commit
        self.asking: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.begun, self.goes_on = threading.Event(), threading.Event()
        self.problem: StoreError | None = None
        engine.store._commit = self.commit  # type: ignore[method-assign]

    def commit(self) -> None:
        self.begun.set()
        assert self.goes_on.wait(30)
        if self.problem is not None:
            raise self.problem
        self._commit()


@contextmanager
def slow_above(seconds: float) -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setattr(turns, "SLOW", seconds)
    try:
        yield
    finally:
        patch.undo()


def run(main: Callable[[Engine, Ledger], Any], path: Path, above: float = EVERY) -> Any:
    ledger = Ledger(answers())

    async def enter() -> Any:
        async with Engine.open(str(path), callers=ledger.callers, poll=False) as engine:
            return await main(engine, ledger)

    with slow_above(above):
        return asyncio.run(enter())


async def begin(engine: Engine) -> Disk:
    """A run whose first turn waits for the disk."""
    installed = installation("orchestrate")
    await engine.install(installed)
    disk = Disk(engine)
    values = {"order": {"id": "o-1"}}
    disk.asking = asyncio.ensure_future(engine.start(installed.flow.hash, "orchestrate", values, run="r1"))
    while not disk.begun.is_set():
        await asyncio.sleep(0)
    return disk


def test_the_loop_goes_on_while_a_commit_waits_for_the_disk_and_no_call_is_made(tmp_path: Path) -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        disk = await begin(engine)
        for _ in range(100):  # the loop is free, or this would never be reached
            await asyncio.sleep(0)
        assert ledger.calls == [] and not disk.asking.done()
        assert engine.driver.is_committing and not engine.driver.idle()
        disk.goes_on.set()
        await disk.asking
        await engine.until("r1")
        assert ledger.calls

    run(main, tmp_path / "store.db")


def test_who_reads_the_store_meanwhile_waits_for_the_commit(tmp_path: Path) -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        disk = await begin(engine)
        threading.Thread(target=disk.goes_on.set).start()
        engine.store.runs()
        other = open_store(str(tmp_path / "store.db"), write=False)
        assert [row.run for row in other.runs()] == ["r1"]
        other.close()

    run(main, tmp_path / "store.db")


def test_a_commit_that_fails_lets_nothing_out_and_leaves_nothing(tmp_path: Path) -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        disk = await begin(engine)
        disk.problem = StoreError("there is no space left")
        disk.goes_on.set()
        with pytest.raises(StoreError, match="no space left"):
            await disk.asking
        assert ledger.calls == []

    run(main, tmp_path / "store.db")
    store = open_store(str(tmp_path / "store.db"))
    assert store.runs() == []
    store.close()


def test_an_engine_that_is_closed_waits_for_the_commit_that_is_under_way(tmp_path: Path) -> None:
    async def main(engine: Engine, ledger: Ledger) -> None:
        disk = await begin(engine)
        ask = engine.store.begin

        def last_turn() -> None:
            assert engine.driver.is_committing
            disk.goes_on.set()
            ask()

        engine.store.begin = last_turn  # type: ignore[method-assign]

    run(main, tmp_path / "store.db")
    store = open_store(str(tmp_path / "store.db"))
    assert [row.run for row in store.runs()] == ["r1"]
    store.close()


def test_a_quick_disk_has_no_thread(tmp_path: Path) -> None:
    def never() -> Future[None]:
        raise AssertionError("a thread for a quick commit")

    async def main(engine: Engine, ledger: Ledger) -> str:
        engine.store.commit_apart = never  # type: ignore[method-assign]
        installed = installation("orchestrate")
        await engine.install(installed)
        await engine.start(installed.flow.hash, "orchestrate", {"order": {"id": "o-1"}}, run="r1")
        await confirm(engine, "r1")
        return await engine.until("r1")

    assert run(main, tmp_path / "store.db", above=NONE) == "completed"


def test_how_long_commits_take_is_measured(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store.db"))
    with store.transaction():
        pass
    assert 0 < store.commit_time < 60
    before = store.commit_time
    store.begin()
    store.commit_apart().result()
    assert store.commit_time != before and store.commits == 2
    store.close()


@pytest.mark.parametrize("mode", ["orchestrate", "choreograph"])
@pytest.mark.parametrize("case", ["all well", "declined", "unknown"])
def test_where_commits_happen_changes_nothing(case: str, mode: str, tmp_path: Path) -> None:
    says: dict[str, Callable[[Request], Result | None]] = {
        "all well": answers(),
        "declined": answers(again=declined()),
        "unknown": answers(left=unknown()),
    }

    def outcome(above: float, name: str) -> dict[str, Any]:
        ledger = Ledger(says[case])

        async def main() -> dict[str, Any]:
            async with Engine.open(
                str(tmp_path / name), callers=ledger.callers, poll=False, jitter=lambda: 0.0
            ) as engine:
                installed = installation(mode)
                await engine.install(installed)
                await engine.start(installed.flow.hash, mode, {"order": {"id": "o-1"}}, run="r1")
                if case != "unknown":
                    await confirm(engine, "r1")
                await engine.until("r1", follow=True)
                await engine.quiet()
                return report(view.outcome(engine.store, "r1"), "r1", "order", installed.flow.hash, mode)

        with slow_above(above):
            return asyncio.run(main())

    assert outcome(EVERY, "apart.db") == outcome(NONE, "inline.db")
