"""A run under everything that can go wrong, from one seed: the real driver over a simulated world.

One loop with virtual time owns everything: the processes (`flowlang.verify.process`), what they call, which is slow, dead or
buggy, and those who ask for something. Clients start runs, send events and cancel, each asking again until they are answered.
Every decision is a draw of `Choices`, so a seed is a whole history: it replays exactly, and a failing one shrinks to the
simplest draws that still fail, where zero is "nothing goes wrong".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, TypeVar

from flowlang.event import External, Value
from flowlang.runtime import desk, failpoint
from flowlang.runtime.clock import Stalled, VirtualClock, run_virtual
from flowlang.runtime.driver import Driver
from flowlang.runtime.engine import install
from flowlang.runtime.store import ENGINE, RuntimeRefusal, StoreError
from flowlang.runtime.waiting import run_started_by
from flowlang.verify.adapters import Disk
from flowlang.verify.canary import leaked, overheard
from flowlang.verify.choices import Choices, shrink
from flowlang.verify.invariants import whole
from flowlang.verify.outside import answer_of, step_at
from flowlang.verify.process import HERE, HOUR, Died, History, Process, Report, Services, Stage, pass_here
from flowlang.verify.replay import Broken
from flowlang.verify.subject import Subject

T = TypeVar("T")

KINDS = ("crash", "store", "network", "clock", "service", "client", "rollout")
"""Families of faults, as `--faults` names them."""

DAY = 24 * HOUR
PATIENCE = 60 * DAY  # virtual time after which a run that is not at an end is stranded


def simulate(
    subject: Subject, mode: str, choices: Choices, kinds: Sequence[str] = KINDS, services: Services | None = None
) -> Report:
    """One simulated history of a flow in one mode."""
    failpoint_before = failpoint._hooks[:]
    disk = Disk()
    report = Report()

    async def main(clock: VirtualClock) -> None:  # what a task returns is put into words when its loop ends
        await _Simulation(Stage(subject, mode, choices, tuple(kinds), clock, disk, services, report)).run()

    try:
        with (
            overheard(report.seen) if services is None else nullcontext()
        ):  # a user's handlers may print what they like
            run_virtual(main)
        _kept_secret(report)
    except Stalled as stalled:
        report.broken = report.broken or str(stalled)
    finally:
        failpoint._hooks[:] = failpoint_before
        disk.close()
    return report


def _kept_secret(report: Report) -> None:
    found = leaked((*report.seen, *report.trace, *report.checks.errors))
    if found and not report.broken:
        report.broken = f"what is personal can be seen: {found.strip()[:200]}"


def shortest(
    subject: Subject, mode: str, draws: Sequence[int], kinds: Sequence[str] = KINDS, tries: int = 300
) -> tuple[list[int], Report]:
    """The simplest draws found that still break a promise, and what they do."""

    def fails(tried: Sequence[int]) -> bool:
        return bool(simulate(subject, mode, Choices(draws=tried), kinds).broken)

    found = shrink(draws, fails, tries) if fails(draws) else list(draws)
    return found, simulate(subject, mode, Choices(draws=found), kinds)


class _Simulation(History):
    """One history, and those who ask for something in it."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.seen = stage.disk.look()
        self.runs: dict[str, int] = {}  # and the version with which each began
        self.newest = 0  # version that is installed
        self.came_by_event = False  # a run
        self.accepted: list[tuple[str, str]] = []  # what a client was told is taken in: (word, id)
        self.clients: list[asyncio.Task[None]] = []

    # ------------------------------------------------------------ the history

    async def run(self) -> None:
        """Fill the report."""
        asyncio.get_running_loop().set_exception_handler(self._unheard)
        failpoint.set_hook(pass_here)
        tasks: list[asyncio.Task[None]] = []
        try:
            first = Process(self, "engine", self._roles_of_engine())
            self.processes.append(first)
            tasks.append(asyncio.create_task(first.live()))
            await self.ask(lambda driver: driver.now())
            if self.apart:
                for service in self.subject.prepared.services:
                    process = Process(self, service, (service,))
                    self.processes.append(process)
                    tasks.append(asyncio.create_task(process.live()))
            self.clients = [asyncio.create_task(one) for one in self._clients()]
            tasks += self.clients
            await self._until_the_end()
            self._check()
        except Broken as broken:
            self.report.broken = self.report.broken or str(broken)
        finally:
            self.over = True
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self.report.calls = len(self.ledger.of("begin"))
        self.report.effects = len(self.ledger.of("effect"))

    def _roles_of_engine(self) -> tuple[str, ...]:
        self.apart = self.mode == "choreograph" and self.choices.below(2) == 1
        if self.mode == "orchestrate" or self.apart:
            return (ENGINE,)
        return (ENGINE, *sorted(self.subject.prepared.services))

    def _clients(self) -> list[Any]:
        """Who asks for something from outside: one or two runs, events, a cancel, a new version."""
        choices = self.choices
        many = self.asked_for = 1 + (choices.below(8) == 7)
        clients = [self._start(f"r{number + 1}", choices.below(50) * number) for number in range(many)]
        twice = "client" in self.kinds
        for external in self.subject.events:
            when = choices.pick((0, 0, 1, 30, 5_000, 60_000, 10 * 60_000, 4 * HOUR, -1, -1))
            if when < 0:
                continue  # nobody sends it
            clients.append(self._send(external, when, twice and choices.below(4) == 3))
        if twice and choices.below(4) == 3:
            clients.append(self._cancel(choices.pick((1, 5, 20, 300, 5_000, HOUR))))
        if "clock" in self.kinds and choices.below(3) == 2:
            clients.append(self._jump(choices.pick((10, 1_000, 30_000)), choices.pick((HOUR, -HOUR, DAY))))
        if "rollout" in self.kinds and choices.below(4) == 3:
            clients.append(self._roll_out(choices.pick((1, 5, 20, 300, 5_000, 60_000))))
        if "crash" in self.kinds and choices.below(3) == 2:
            clients.append(self._kill(choices.pick((3, 300, 30_000, 120_000))))
        return clients

    async def _kill(self, pause: int) -> None:
        """Between two turns, while a run only waits, say."""
        await asyncio.sleep(pause / 1000)
        process = self.choices.pick(self.processes)
        if process.driver is not None and process.ready:
            self.fault("kill")
            process.driver.fail(Died())

    async def _start(self, run: str, pause: int) -> None:
        await asyncio.sleep(pause / 1000)
        if self._may_come_by_event() and self.choices.below(2) == 1:
            return await self._start_by_event(run)
        number = self.newest
        hash = self.subject.version(number).hash
        values = dict(self.subject.input)

        def act(driver: Driver) -> Any:
            return desk.start(driver, hash, self.mode, values, None, run, {})

        await self.ask(act, again="client" in self.kinds and self.choices.below(4) == 3)
        self.runs[run] = number
        self.accepted.append(("start", run))
        self.say(f"{run} is asked for, and accepted")

    def _may_come_by_event(self) -> bool:
        """Whether an event with this input starts the flow, and no other one has had the same key."""
        subject = self.subject
        return subject.is_let_in(self.mode) and (subject.prepared.flow.key is None or not self.came_by_event)

    async def _start_by_event(self, name: str) -> None:
        """Who goes through the gate begins with the newest version that there was when its event was sent, or a newer one."""
        flow, newest = self.subject.prepared.flow, self.newest
        assert flow.start is not None
        self.came_by_event = True
        external = External(f"start-{name}", flow.start.event.type, "", self.subject.starts_with())
        await self._send(external, 0, "client" in self.kinds and self.choices.below(4) == 3)
        run = run_started_by(flow.name, self.mode, external.id)
        while (row := self.seen.run(run)) is None:
            await asyncio.sleep(0.05)
        number = int(row.hash != self.subject.prepared.hash)
        if number < newest:
            self.broke(f"{run} was started under a version that was not the newest when its event was sent")
        self.runs[run] = number
        self.accepted.append(("start", run))
        self.say(f"{run} is started by event {external.id}, under version {number + 1}")

    async def _roll_out(self, pause: int) -> None:
        """A second version is installed while runs of the first are open, and one more run is asked for."""
        await asyncio.sleep(pause / 1000)
        installed = self.subject.installation(self.mode, 1)

        def act(driver: Driver) -> None:
            install(driver.store, installed)
            driver.learn()
            driver.bus.look_at_parked()

        await self.ask(act)
        self.newest = 1
        self.fault("rollout")
        await self._start(f"r{self.asked_for + 1}", self.choices.below(50))

    async def _send(self, external: External, pause: int, again: bool) -> None:
        await asyncio.sleep(pause / 1000)

        def act(driver: Driver) -> Any:
            return desk.send(driver, external.type, external.data, external.subject, external.id)

        sent = await self.ask(act, again)
        if not sent.problem:
            self.accepted.append(("event", external.id))
        self.say(f"event {external.id} is sent, and accepted")

    async def _cancel(self, pause: int) -> None:
        await asyncio.sleep(pause / 1000)
        while not self.runs:
            await asyncio.sleep(0.05)
        run = next(iter(self.runs))

        def act(driver: Driver) -> str:
            try:
                return desk.cancel(driver, run)
            except RuntimeRefusal:
                return "refused"

        while (said := await self.ask(act)) == "refused":
            await asyncio.sleep(0.5)
        if said != "cancelling":
            return  # it was over already
        self.accepted.append(("cancel", run))
        self.say(f"{run} is asked to cancel")

    async def _jump(self, pause: int, by: int) -> None:
        await asyncio.sleep(pause / 1000)
        process = self.choices.pick(self.processes)
        process.clock.skew += by
        self.fault("clock jump")
        self.say(f"the clock of {process.name} jumps by {by} ms")
        if process.driver is not None:
            process.driver.timers.set_alarm()

    async def ask(self, act: Callable[[Driver], T], again: bool = False) -> T:
        """What a client does that wants an answer: ask until it has one, and sometimes once more."""
        process = self.processes[0]
        while True:
            driver = process.driver
            if self.report.broken:
                raise Broken(self.report.broken)
            if driver is None or not process.ready:
                await process.up.wait()
                continue
            token = HERE.set(process)
            try:
                answer = await driver.submit(lambda d=driver: act(d))  # type: ignore[misc]
            except (Died, StoreError, asyncio.CancelledError):
                if self.over:
                    raise
                await asyncio.sleep(0.05)
                continue
            finally:
                HERE.reset(token)
            if not again:
                return answer
            again = False
            self.fault("asked twice")

    # ------------------------------------------------------------ the end

    async def _until_the_end(self) -> None:
        """Return when nothing can happen any more; an operator decides what is stuck."""
        pause = 0.2
        while self.clock.now() - self.clock._start < PATIENCE:
            await asyncio.sleep(pause)
            if self.report.broken:
                return
            pause = min(pause * 2, 21_600)
            if any(process.driver is None or not process.ready for process in self.processes):
                continue
            if self._still():
                if await self._operate():
                    pause = 0.2
                    continue
                await asyncio.sleep(30)  # whatever was lost on the network is delivered again by then
                if self._still():
                    return
        raise Broken(f"stranded: nothing came to an end within {PATIENCE // DAY} days")

    def _still(self) -> bool:
        """Whether nothing goes on by itself in any process."""
        for process in self.processes:
            driver = process.driver
            if driver is None or driver.live or driver.timers.any() or not driver.idle():
                return False
        if self.clients and not all(client.done() for client in self.clients):
            return False
        return not self.seen.on_their_way()

    async def _operate(self) -> bool:
        """Let an operator decide one stuck step; false when none is."""
        for run in sorted(self.seen.stuck_runs()):

            def look(driver: Driver, run: str = run) -> list[tuple[str, str, str]]:
                return sorted(
                    (part.role, path, kind)
                    for part in driver.store.parts(run)
                    for path, kind, _ in desk._stuck(driver, part.role, run)
                )

            found = await self.ask(look)
            if found:
                _, path, kind = self.choices.pick(found)
                await self._resolve(run, path, kind)
                return True
        return False

    async def _resolve(self, run: str, path: str, kind: str) -> None:
        words = ("skip", "done", "retry") if kind == "undo" else ("done", "fail", "retry")
        decision = self.choices.pick(words)
        value: Value = None
        if decision == "done" and kind == "do":
            value = answer_of(step_at(self.subject.version(self.runs[run]).flow, path).operation)

        def act(driver: Driver) -> str:
            try:
                return desk.resolve(driver, run, path, decision, kind, value)
            except RuntimeRefusal as refusal:
                return f"refused: {refusal}"

        said = await self.ask(act)
        self.say(f"an operator says `{decision}` to {path} ({kind}) of {run}: {said}")
        await asyncio.sleep(0.5)

    def _check(self) -> None:
        self.report.statuses = whole(
            self.seen,
            {run: self.subject.version(number) for run, number in self.runs.items()},
            self.mode,
            self.subject.input,
            self.accepted,
            self.ledger,
            self.report.checks,
        )

    def _unheard(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        problem = context.get("exception")
        if isinstance(problem, Died):
            return
        self.broke(f"{context.get('message')}: {problem!r}")
