"""The process of the engine under kills: it begins the runs again and again, and lets happen what their scenario says.

It stands for the engine and for all who ask something of it. After a kill everything is asked once more: a start that is
there is the same run, an event is known by its id, and what was decided is not decided again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from flowlang.event import Error
from flowlang.lifecycle import OVER
from flowlang.runtime import engine as engines
from flowlang.runtime import view
from flowlang.runtime.callers import SCENARIO
from flowlang.runtime.engine import Engine
from flowlang.runtime.player import event_id
from flowlang.runtime.ports import Caller
from flowlang.runtime.processes import Fleet
from flowlang.runtime.programs import Installation
from flowlang.runtime.setting import Setting
from flowlang.runtime.store import RuntimeRefusal
from flowlang.scenario.tree import Answers, Cancelling, Happening, Resolving, Say, Scenario, to_value
from flowlang.values import wire_dumps
from flowlang.verify.case import Case
from flowlang.verify.witness import SharedClock, Told

MOST_WAITS = 300  # moves of the clock in one life


class Clients:
    """The engine of a case in one mode, and its clients."""

    def __init__(self, case: Case, installation: Installation, mode: str, clock: SharedClock, told: Told) -> None:
        self._case = case
        self._installation = installation
        self._mode = mode
        self._clock = clock
        self._told = told

    async def live(self, path: Path, callers: Callable[[Setting], Caller], say: Callable[[str], object]) -> None:
        """Be the engine until all runs are over, or nothing is due any more. Services have processes of their own, which somebody
        else starts, where the mode is `choreograph`."""
        apart = self._mode == "choreograph"
        vars(engines)["Fleet"] = _Elsewhere  # in this process only, which is there for nothing else
        hash, mode = self._installation.flow.hash, self._installation.flow.mode
        options = {SCENARIO: wire_dumps(to_value(at_once(self._case.scenario)))}
        async with Engine.open(
            str(path),
            callers=callers,
            clock=self._clock,
            jitter=lambda: 0.0,
            poll=apart,
            direct=self._mode != "together",
            processes=apart,
            say=say,
        ) as engine:
            await engine.install(self._installation)
            for run in self._case.names():
                await engine.start(hash, mode, self._case.input, run=run, options=options)
                await self._told.tell("accepted", word="start", id=run)
            await engine.resume()
            await self._drive(engine)
            await engine.quiet()

    async def _drive(self, engine: Engine) -> None:
        """Let happen what is due next whenever nothing goes on by itself, until all runs are over or nothing is due."""
        runs, happenings = self._case.names(), self._case.scenario.happenings
        began = min(view.run(engine.store, run).started for run in runs)
        left = list(happenings)
        for _ in range(MOST_WAITS):
            statuses = [await engine.until(run) for run in runs]
            if all(status in OVER for status in statuses):
                return
            due = min((timer.due for run in runs for timer in engine.store.timers(run)), default=None)
            if left and (due is None or began + left[0].at <= due):
                self._clock.skip_to(began + left[0].at)
                await self._happens(engine, len(happenings) - len(left), left.pop(0))
            elif due is not None:
                self._clock.skip_to(due)
                while any(timer.due <= due for run in runs for timer in engine.store.timers(run)):
                    await asyncio.sleep(0.001)
            else:
                return
        raise RuntimeError("the runs go round and round")

    async def _happens(self, engine: Engine, number: int, what: Happening) -> None:
        for run in self._case.names():
            match what:
                case Say(_, id, type, subject, data):
                    name = f"{id}-{run}" if id else event_id(run, number)
                    sent = await engine.send(type, data, subject=subject, id=name)
                    if not sent.problem:
                        await self._told.tell("accepted", word="event", id=name)
                case Cancelling():
                    if await engine.cancel(run) not in OVER:
                        await self._told.tell("accepted", word="cancel", id=run)
                case Resolving(_, path, kind, decision, value, error, message):
                    failed = Error(error, message, path) if decision == "fail" else None
                    try:
                        await engine.resolve(run, path, decision, kind=kind, value=value, error=failed)
                    except RuntimeRefusal:
                        continue  # it was said before the kill


class _Elsewhere(Fleet):
    """Service processes that somebody else starts and watches."""

    async def start(self, services: Iterable[str]) -> None:
        """They run already."""

    async def stop(self) -> None:
        """Whoever started them ends them."""


def at_once(scenario: Scenario) -> Scenario:
    """The same answers, and none of them takes time."""
    answers = {
        place: Answers(tuple(replace(answer, takes=0) for answer in given.items), given.listed)
        for place, given in scenario.answers.items()
    }
    return replace(scenario, answers=answers, happenings=(), expect=None)
