"""The engine: owns a store, drives every role in it, and does what people ask.

    async with Engine.open(path, callers=callers) as engine:
        hash = await engine.install(installation)
        started = await engine.start(hash, "orchestrate", {"order": order})
        status = await engine.until(started.run)

Opening starts nothing: a run goes on when it is started, resumed, asked for, or reached by an event.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import replace

from flowlang.event import Error, Value
from flowlang.lifecycle import OVER
from flowlang.runtime import desk, lock, mailbox
from flowlang.runtime.clock import SystemClock, VirtualClock
from flowlang.runtime.desk import Started
from flowlang.runtime.driver import Driver
from flowlang.runtime.memory import memory_store
from flowlang.runtime.ports import Caller
from flowlang.runtime.processes import Fleet
from flowlang.runtime.programs import Installation, Share, share_of
from flowlang.runtime.running import drain, end, running
from flowlang.runtime.setting import NO_CRASH, Crash, Notice, Outside, RealClock, Setting
from flowlang.runtime.sqlite import MEMORY, SqliteStore, open_store
from flowlang.runtime.store import ENGINE, DeadRow
from flowlang.runtime.waiting import Sent, text_of

__all__ = ["Crash", "Engine", "Notice", "Sent", "Setting", "Started"]

POLL = 0.02  # seconds between two looks for what other processes ask


class Engine:
    """An engine that lives on a store. Made by `Engine.open`."""

    def __init__(self, driver: Driver, fleet: Fleet | None = None) -> None:
        self.store: SqliteStore = driver.store
        self.driver = driver
        self._fleet = fleet
        self._holds = 0

    @staticmethod
    @asynccontextmanager
    async def open(
        path: str,
        *,
        callers: Callable[[Setting], Caller],
        clock: RealClock | None = None,
        notice: Callable[[Notice], None] | None = None,
        crash: Crash = NO_CRASH,
        poll: bool = True,
        jitter: Callable[[], float] = random.random,
        workers: int = 256,
        load: Callable[[str, str, str, str], Share] = share_of,
        processes: bool = False,
        direct: bool = True,
        durability: str = "full",
        say: Callable[[str], object] = lambda said: None,
    ) -> AsyncIterator[Engine]:
        """The engine of the store at `path`, or of one in memory (`memory`). Raises StoreOwned when another engine lives
        there, StoreRefused, StoreError. With a virtual clock nobody else is listened to. With `processes` each service
        gets a process of its own, and this one only watches them; a store in memory can't be shared so. Services of one
        process hear each other in the turn that says it, unless not `direct`: then everything takes the way over the bus.
        `durability` is `full`, or `fast` where the last commits may be lost when the power fails. `say` is told when another
        process is waited for: one of before that has not ended, or one that holds the store."""
        in_memory = path in ("memory", MEMORY)
        with ExitStack() as held:
            if not in_memory:
                held.callback(lock.take(path).release)
            store = memory_store() if in_memory else open_store(path, durability=durability)
            held.callback(store.close)
            roles = (ENGINE,) if processes else (ENGINE, *store.roles())
            if not in_memory:
                for role in roles[1:]:
                    one = await lock.take_when_free(path, role, say)
                    assert one is not None
                    held.callback(one.release)
            outside = Outside(callers, clock or SystemClock(), notice, crash, jitter, load, workers, say=say)
            async with running(store, outside, roles, expires=True) as driver:
                fleet = Fleet(driver, crash, durability) if processes else None
                driver.shares_bus = driver.exact = processes
                driver.direct = direct
                engine = Engine(driver, fleet)
                listens = poll and not in_memory and not isinstance(clock, VirtualClock)
                poller = asyncio.create_task(mailbox.serve(driver, POLL)) if listens else None
                try:
                    yield engine
                finally:
                    await end(poller)
                    if fleet is not None:
                        await fleet.stop()

    # ------------------------------------------------------------ flows

    async def install(self, installation: Installation, options: Mapping[str, str] | None = None) -> str:
        """Make a flow known in one mode; returns its hash. The newest of a name is the one that events start; the runs
        that they start get the `options`."""
        driver, flow = self.driver, installation.flow
        if options is not None:
            flow = replace(flow, options=dict(options))
            installation = replace(installation, flow=flow)

        def act() -> None:
            install(driver.store, installation)
            if self._fleet is None:
                driver.roles.update(installation.shares)
            driver.learn()
            driver.bus.look_at_parked()

        await driver.submit(act)
        if self._fleet is not None:
            await self._fleet.start(role for role in self.store.roles() if role != ENGINE)
        return flow.hash

    # ------------------------------------------------------------ runs

    async def start(
        self,
        hash: str,
        mode: str,
        values: Mapping[str, Value],
        key: Value = None,
        run: str = "",
        options: Mapping[str, str] | None = None,
    ) -> Started:
        """Begin a run with these values, which fit the flow's parameters. Raises NotFound, Conflict."""
        given = options or {}
        return await self.driver.submit(lambda: desk.start(self.driver, hash, mode, values, key, run, given))

    async def until(self, run: str, follow: bool = False) -> str:
        """The status of a run that is over, else `stuck`, or `waits` when nothing of it goes on by itself. With `follow`
        a run that waits is waited for, under a virtual clock as long as anything can still happen."""
        if run not in self.driver.active and run not in self.driver.over:
            desk.run_of(self.store, run)
        general = follow or self._fleet is not None
        return await self.driver.until(lambda: self._conclusion(run, follow), "" if general else run)

    async def quiet(self) -> None:
        """Return when nothing goes on by itself any more, in any run that was taken up, and the store says so too."""
        driver = self.driver
        await driver.until(lambda: True if driver.idle() and not self._goes_on("") else None)
        await driver.submit(lambda: None)  # a turn begins by marking what was sent and taken

    def _goes_on(self, run: str) -> bool:
        """Whether anything of a run ("" for any) goes on by itself. What other processes do is asked of the store."""
        if self._fleet is not None:
            return self.store.busy(run)
        return run in self.driver.live if run else bool(self.driver.live)

    def _conclusion(self, run: str, follow: bool) -> str | None:
        driver = self.driver
        status = driver.over.get(run)
        if status is None and (self._fleet is not None or run not in driver.live):
            status = desk.run_of(self.store, run).status
        if status in OVER:
            return status
        if self._goes_on(run) or (follow and self._holds):
            return None
        if any(part.status == "stuck" for part in self.store.parts(run)):
            return "stuck"
        if follow and not (isinstance(driver.clock, VirtualClock) and self._exhausted()):
            return None
        return "waits"

    def _exhausted(self) -> bool:
        """Under a virtual clock: whether nothing can happen any more."""
        return not self.driver.live and not self.driver.timers.any() and self.driver.idle()

    @contextmanager
    def held(self) -> Iterator[None]:
        """While this is held, something may still come from outside: `until(follow=True)` doesn't give up."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
            asyncio.get_running_loop().call_soon(self.driver.look_again)

    async def resume(self, run: str = "") -> tuple[str, ...]:
        """Go on with a run, or with all; returns those that are open. Raises NotFound."""
        driver = self.driver

        def act() -> tuple[str, ...]:
            if run:
                desk.run_of(driver.store, run)
            driver.take_up(run)
            return tuple(one for one in driver.store.open_runs() if run in ("", one))

        if self._fleet is not None:
            await self._fleet.start(role for role in self.store.roles() if role != ENGINE)
        return await driver.submit(act)

    # ------------------------------------------------------------ what people ask

    async def send(self, type: str, data: Value, subject: str = "", id: str = "") -> Sent:
        """An event from outside."""
        return await self.driver.submit(lambda: desk.send(self.driver, type, data, subject, id))

    async def cancel(self, run: str) -> str:
        """Ask for a run to be cancelled: `cancelling`, or the status that it has already. Raises NotFound."""
        return await self.driver.submit(lambda: desk.cancel(self.driver, run))

    async def resolve(
        self, run: str, step: str, decision: str, kind: str = "", value: Value = None, error: Error | None = None
    ) -> str:
        """An operator's word on a stuck step; returns its path. Raises NotFound, NotStuck."""
        return await self.driver.submit(lambda: desk.resolve(self.driver, run, step, decision, kind, value, error))

    def dead(self) -> list[DeadRow]:
        """All dead letters."""
        return self.store.dead()

    async def replay(self, id: int) -> str:
        """Take a dead letter in again: "", or why it is dead once more. Raises NotFound."""
        return await self.driver.submit(lambda: desk.replay(self.driver, id))

    async def drain(self) -> None:
        """Begin nothing any more, and return when what is under way has ended and is on the disk."""
        await drain(self.driver)


def install(store: SqliteStore, installation: Installation) -> None:
    """Write a flow into a store. Within a transaction."""
    store.add_flow(installation.flow, dict(installation.shares))
    before = store.listens()
    for row in installation.listens:
        store.listen(row)
        known = before.get(row.type)
        for field in row.fields:
            if known is not None and field not in known.fields:
                _index_kept(store, row.type, field)


def _index_kept(store: SqliteStore, type: str, field: str) -> None:
    """Events that are kept already can be asked for by one more field."""
    for kept in store.events_of(type, 0):
        text = text_of(field, kept.event)
        if text is not None:
            store.add_key(type, field, text, kept.seq)
