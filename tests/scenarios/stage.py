"""What the rows of the adversarial scenarios are played on: machines that are fed by hand, every order of a small flow, and
the real driver over the real machines with a ledger outside that outlives it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowlang import ir
from flowlang.choreograph.projection import project
from flowlang.event import Ok, Outcome, Result
from flowlang.runtime import failpoint, view
from flowlang.runtime.clock import EPOCH, VirtualClock, run_virtual
from flowlang.runtime.engine import Engine
from flowlang.runtime.ports import Request
from flowlang.runtime.programs import Installation, of_flow, of_tables
from flowlang.verify import small
from flowlang.verify.explore import Explored, Freedom, explore
from flowlang.verify.listening import events_for
from flowlang.verify.schedule import prepare
from flowlang.verify.states import clone, same
from tests.modes.play import Answer, Player, flow, name, players
from tests.runtime.fakes import Ledger

MODES = ("orchestrate", "choreograph")
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def step(called: str, service: str = "", more: str = "") -> str:
    """A step of this name with a compensation."""
    at = service or called[0]
    return f"step {called} = {at}.act(id: id) {{ compensate {at}.undo(id: id) {more} }} "


A, B, C, D = (step(service) for service in "abcd")
WAIT = 'wait for event "b.told" as {0} where {0}.id == id '


# ---------------------------------------------------------------- machines


def play(mode: str, body: str | ir.Flow, held: tuple[str, ...] = (), n: int = 1, **answers: Answer) -> Player:
    """The flow in one mode, run as far as it goes by itself."""
    lowered = flow(body) if isinstance(body, str) else body
    return players(lowered, held, n, **answers)[MODES.index(mode)]


def unchanged(player: Player, role: str, input: Any) -> bool:
    """Whether an input changes nothing and leads to nothing."""
    mode = player.schedule.mode
    before = clone(mode.held(role))
    return not mode.advance(role, input) and same(before, mode.held(role))


def deliver(player: Player, but: Callable[[str, Any], bool]) -> None:
    """Let everything happen except what is on its way and fits `but`."""
    schedule = player.schedule
    kept = []
    while schedule.ready or schedule.calls:
        ready, schedule.ready = schedule.ready, []
        kept += [one for one in ready if but(*one)]
        schedule.ready = [one for one in ready if not but(*one)]
        free = [key for key in sorted(schedule.calls) if name(key[1], key[2]) not in player.held]
        if schedule.ready:
            schedule.deliver()
        elif free:
            player.settle(free[0])
        else:
            break
    schedule.ready = kept


def every_order(mode: str, body: str, events: int = 0, **freedom: Any) -> Explored:
    """Every order in which a small flow can go: all of them mean what the flow means."""
    prepared = prepare(small.kernel(small.whole(body)))
    offered = events_for(prepared, small.INPUT, events) if events else ()
    found = explore(prepared, mode, small.INPUT, Freedom(tuple(offered), **freedom))
    assert found.broken is None and found.complete, found.broken
    assert found.worlds > 1 and found.duplicates and found.replays
    return found


# ---------------------------------------------------------------- the driver


@dataclass(slots=True)
class Stage:
    """An engine with one flow and the ledger of all calls."""

    engine: Engine
    ledger: Ledger
    clock: VirtualClock
    installed: Installation

    async def begin(self, run: str = "r1", id: str = "o-1", **how: Any) -> str:
        """Start a run; it may be there already."""
        await self.engine.install(self.installed)
        values = {"id": id, "n": 1}
        started = await self.engine.start(self.installed.flow.hash, self.installed.flow.mode, values, run=run, **how)
        return started.run

    async def sleep(self, milliseconds: int) -> None:
        """Let time pass."""
        await self.clock.sleep_until(self.clock.now() + milliseconds)

    def outcome(self, run: str = "r1") -> Outcome:
        return view.outcome(self.engine.store, run)

    def made(self) -> list[str]:
        """What was called, each key once, in the order of the first calls."""
        return [name(path, kind) for path, kind in self.ledger.effects()]


def installation(lowered: ir.Flow, mode: str) -> Installation:
    """The flow as it is installed in one mode."""
    hash = ir.hash_of(lowered)
    return of_flow(lowered, hash) if mode == "orchestrate" else of_tables(lowered, hash, project(lowered, hash))


def drive(
    body: str | ir.Flow,
    mode: str,
    main: Callable[[Stage], Awaitable[Any]],
    ledger: Ledger | None = None,
    path: str | Path = "memory",
    start: int = EPOCH,
    **how: Any,
) -> Any:
    """Run `main` with an engine for the flow under a virtual clock: one life of a process."""
    installed = installation(flow(body) if isinstance(body, str) else body, mode)
    book = ledger or Ledger()
    options = {"jitter": lambda: 0.5, **how}

    async def enter(clock: VirtualClock) -> Any:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)  # of calls that died with it
        async with Engine.open(str(path), callers=book.callers, clock=clock, **options) as engine:
            return await main(Stage(engine, book, clock, installed))

    return run_virtual(enter, start)


def says(**answers: Result) -> Callable[[Request], Result | None]:
    """Answers by the step's name; `undo_x` is for its compensation. What is not named is ok with `{n: 1}`."""
    named = {f"{k[5:]}:undo" if k.startswith("undo_") else k: v for k, v in answers.items()}
    return lambda request: named.get(name(request.path, request.kind), Ok({"n": 1}))


class Died(BaseException):
    """What a process that is killed cannot catch either."""


async def killed(stage: Stage, place: str, number: int, play: Callable[[Stage], Awaitable[Any]]) -> bool:
    """Whether the process died at the `number`-th pass of `place` while `play` went on."""
    left = [number]

    def die(here: str) -> None:
        left[0] -= here == place
        if here == place and left[0] == 0:
            stage.engine.driver.fail(Died())
            raise Died

    failpoint.set_hook(die)
    try:
        await play(stage)
        await stage.engine.quiet()
        return False
    except Died:
        return True
    finally:
        failpoint.set_hook(None)


def crashes(
    body: str, mode: str, place: str, folder: Path, status: str = "completed", answers: Any = None, send: bool = False
) -> int:
    """Let the process die at each pass of a place, one life for each, and another one go on: every call is made under one
    key, nothing is lost, and no attempt is made that was not counted. Returns how many passes there were."""
    lowered = flow(body)

    async def life(stage: Stage) -> None:
        await stage.begin()
        await stage.engine.resume()
        if send:
            await stage.engine.send("b.told", {"id": "o-1"}, id="e1")
        assert await stage.engine.until("r1") == status

    expected: list[str] = []
    for number in range(100):
        path, ledger = folder / f"{place}-{status}-{number}.db", Ledger(answers or says())

        async def one(stage: Stage, n: int = number) -> bool:
            return await killed(stage, place, n, life)

        died = drive(lowered, mode, one, ledger, path, direct=False)
        if died:
            assert not drive(lowered, mode, lambda stage: killed(stage, "", 1, life), ledger, path, EPOCH + 1000)
        effects = sorted(name(path, kind) for path, kind in ledger.effects())
        expected = expected or effects
        assert effects == expected, (number, effects)
        store = view.open_view(str(path))
        assert view.outcome(store, "r1").status == status and not store.busy("r1") and store.dead() == []
        store.close()
        if number and not died:
            return number - 1
    raise AssertionError("it never ended")
