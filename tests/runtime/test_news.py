"""Flows that are installed while a service process starts or serves: it knows them before it takes in what is for them.

Nobody tells the service here that something is new: this is the moment after a process has read what is installed and
before it looks again. What it does not know yet must not be taken for something that nobody wants.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from flowlang.runtime import desk
from flowlang.runtime.clock import VirtualClock, run_virtual
from flowlang.runtime.driver import Driver
from flowlang.runtime.engine import install
from flowlang.runtime.programs import Installation
from flowlang.runtime.running import running
from flowlang.runtime.setting import Outside
from flowlang.runtime.sqlite import open_store
from flowlang.runtime.store import ENGINE
from tests.runtime.fakes import Ledger, load, service


@dataclass(slots=True)
class Living:
    """The engine and two services, each a driver of its own with its own connection to the file."""

    engine: Driver
    services: dict[str, Driver]

    async def install(self, installed: Installation) -> None:
        """What an engine does; the services are not told."""

        def act() -> None:
            install(self.engine.store, installed)
            self.engine.learn()

        await self.engine.submit(act)

    async def start(self, hash: str, run: str) -> None:
        await self.engine.submit(lambda: desk.start(self.engine, hash, "choreograph", {}, None, run, {}))

    async def send(self, type: str, id: str) -> None:
        sent = await self.engine.submit(lambda: desk.send(self.engine, type, {"id": "v", "other": "w"}, "", id))
        assert sent.fresh and not sent.problem

    async def go_on(self) -> None:
        """All take in what lies on the bus, until nothing of any run goes on by itself."""
        while self.engine.store.busy(""):
            for driver in self.services.values():
                await driver.submit(driver.bus.look)

    def journal(self, service: str, run: str) -> list[str]:
        """What a service took in of a run: the first words of each."""
        return [id.split(":")[0] for id, _, _ in self.engine.store.journal(service, run)]


def play(path: Path, act: Callable[[Living], Awaitable[None]], known: Installation | None = None) -> None:
    """Let `act` happen, after which nothing lies anywhere unheard. Only `known` is installed when the services begin."""

    async def main(clock: VirtualClock) -> None:
        async with AsyncExitStack() as stack:

            async def live(role: str) -> Driver:
                store = open_store(str(path))
                stack.callback(store.close)
                outside = Outside(Ledger().callers, clock, load=load)
                driver = await stack.enter_async_context(running(store, outside, (role,), expires=False))
                driver.exact = True  # as it is where each has a process of its own
                await driver.submit(driver.take_up)
                return driver

            living = Living(await live(ENGINE), {})
            if known is not None:
                await living.install(known)
            living.services = {"one": await live("one"), "two": await live("two")}
            await act(living)
            assert living.engine.store.dead() == [] and not living.engine.store.busy("")

    run_virtual(main)


def test_an_event_is_offered_to_the_wait_of_a_flow_that_was_installed_a_moment_ago(tmp_path: Path) -> None:
    async def act(living: Living) -> None:
        await living.install(service("one", one=["wait:T:v"]))
        await living.start("h", "r1")
        await living.go_on()
        assert len(living.engine.store.waits("r1")) == 1
        await living.send("T", "e1")
        await living.go_on()
        assert living.journal("one", "r1") == ["start", "arrived"]

    play(tmp_path / "s.db", act)


def test_a_new_flow_asks_for_a_known_event_by_another_field(tmp_path: Path) -> None:
    async def act(living: Living) -> None:
        await living.install(service("one", "h2", one=["wait:T:w:other"]))
        await living.start("h2", "r2")
        await living.go_on()
        await living.send("T", "e1")
        await living.go_on()
        assert living.journal("one", "r2") == ["start", "arrived"]

    play(tmp_path / "s.db", act, service("one", one=["wait:T:v"]))


def test_an_event_starts_a_run_of_a_flow_that_was_installed_a_moment_ago(tmp_path: Path) -> None:
    async def act(living: Living) -> None:
        await living.install(service("one", "h2", gate="T", one=["a"]))
        await living.send("T", "e1")
        await living.go_on()
        assert [(row.hash, row.status) for row in living.engine.store.runs()] == [("h2", "completed")]

    play(tmp_path / "s.db", act, service("one", one=["wait:T:v"]))


def test_what_an_old_flow_publishes_reaches_a_flow_that_was_installed_a_moment_ago(tmp_path: Path) -> None:
    async def act(living: Living) -> None:
        await living.install(service("two", "h2", two=["wait:T:e"]))
        await living.start("h2", "r2")
        await living.go_on()
        await living.start("h", "r1")
        await living.go_on()
        assert living.journal("two", "r2") == ["start", "arrived"]

    play(tmp_path / "s.db", act, service("one", one=["emit:T"]))
