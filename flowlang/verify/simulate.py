"""A run under everything that can go wrong, from one seed: the real driver over a simulated world.

One loop with virtual time owns everything. The processes are real engines and services over one file in memory; they die at
any place of a turn and are started again, their clocks are wrong and jump, their disk refuses a commit, their network loses,
repeats, delays and reorders, and the services that they call are slow, dead or buggy. Clients start runs, send events and
cancel, each asking again until they are answered. Every decision is a draw of `Choices`, so a seed is a whole history: it
replays exactly, and a failing one shrinks to the simplest draws that still fail, where zero is "nothing goes wrong".
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flowlang import codec, event
from flowlang.event import Error, External, Ok, Result, Value
from flowlang.runtime import desk, failpoint
from flowlang.runtime.clock import Stalled, VirtualClock, run_virtual
from flowlang.runtime.driver import Driver
from flowlang.runtime.engine import install
from flowlang.runtime.ports import Caller, Request
from flowlang.runtime.running import running
from flowlang.runtime.setting import Notice, Setting
from flowlang.runtime.setting import Outside as Given
from flowlang.runtime.store import ENGINE, RuntimeRefusal, StoreError
from flowlang.runtime.waiting import run_started_by
from flowlang.verify.adapters import Disk, DiskFull, Network, Watch, WatchedStore, WrongClock, known_share
from flowlang.verify.canary import leaked, overheard
from flowlang.verify.choices import Choices, shrink
from flowlang.verify.invariants import Checks, offered, whole
from flowlang.verify.ledger import Ledger, Outside, Trouble
from flowlang.verify.outside import answer_of, operations_of, step_at, undo_word, words
from flowlang.verify.replay import Broken
from flowlang.verify.subject import Subject

T = TypeVar("T")

KINDS = ("crash", "store", "network", "clock", "service", "client", "rollout")
"""Families of faults, as `--faults` names them."""

HOUR, DAY = 3_600_000, 86_400_000
PATIENCE = 60 * DAY  # virtual time after which a run that is not at an end is stranded
MOST_LIVES = 4  # deaths of one history; then its processes live
MOST_STARTS, MOST_COMMITS = 50, 20_000  # beyond which something goes round and round


@dataclass(slots=True)
class Report:
    """What one simulated run came to. `trace` is the same text for the same seed."""

    statuses: tuple[str, ...] = ()
    faults: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    effects: int = 0
    checks: Checks = field(default_factory=Checks)
    trace: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list, repr=False)  # lines that were logged, printed or told
    broken: str = ""


Services = Callable[[Setting], Caller]


def simulate(
    subject: Subject, mode: str, choices: Choices, kinds: Sequence[str] = KINDS, services: Services | None = None
) -> Report:
    """One simulated history of a flow in one mode."""
    failpoint_before = failpoint._hooks[:]
    disk = Disk()
    report = Report()

    async def main(clock: VirtualClock) -> None:  # what a task returns is put into words when its loop ends
        await _World(subject, mode, choices, tuple(kinds), clock, disk, services, report).run()

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


class Died(BaseException):
    """What a process that is killed cannot catch either."""


_HERE: ContextVar[_Process | None] = ContextVar("process", default=None)


class _World:
    """One history."""

    def __init__(
        self,
        subject: Subject,
        mode: str,
        choices: Choices,
        kinds: tuple[str, ...],
        clock: VirtualClock,
        disk: Disk,
        services: Services | None,
        report: Report,
    ) -> None:
        self.subject, self.mode, self.choices, self.kinds = subject, mode, choices, kinds
        self.clock, self.disk, self.services = clock, disk, services
        self.seen = disk.look()
        self.report = report
        self.over = False
        self.runs: dict[str, int] = {}  # and the version with which each began
        self.newest = 0  # version that is installed
        self.came_by_event = False  # a run
        self.accepted: list[tuple[str, str]] = []  # what a client was told is taken in: (word, id)
        self.processes: list[_Process] = []
        trouble = Trouble() if "service" in kinds and services is None else Trouble(12, 0, 0, 0, 0)
        calm = choices.below(3) == 0  # some histories have no trouble with calls, so that others go far
        if calm and services is None:
            trouble = Trouble(4, 0, 0, 0, 0)
        operations = operations_of(subject.prepared.flow)
        self.outside = Outside(operations, subject.answers(), choices, trouble, self.fault, clock)
        self.ledger: Ledger = self.outside.ledger
        self.clients: list[asyncio.Task[None]] = []
        self.lives_left = MOST_LIVES
        self.starts = self.commits = 0

    # ------------------------------------------------------------ the history

    async def run(self) -> None:
        """Fill the report."""
        asyncio.get_running_loop().set_exception_handler(self._unheard)
        failpoint.set_hook(_pass)
        tasks: list[asyncio.Task[None]] = []
        try:
            first = _Process(self, "engine", self._roles_of_engine())
            self.processes.append(first)
            tasks.append(asyncio.create_task(first.live()))
            await self.ask(lambda driver: driver.now())
            if self.apart:
                for service in self.subject.prepared.services:
                    process = _Process(self, service, (service,))
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
            token = _HERE.set(process)
            try:
                answer = await driver.submit(lambda d=driver: act(d))  # type: ignore[misc]
            except (Died, StoreError, asyncio.CancelledError):
                if self.over:
                    raise
                await asyncio.sleep(0.05)
                continue
            finally:
                _HERE.reset(token)
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

    # ------------------------------------------------------------ what is noted

    def fault(self, kind: str) -> None:
        """Something went wrong."""
        self.report.faults[kind] += 1
        self.say(f"fault: {kind}")

    def say(self, line: str) -> None:
        """One line of the trace."""
        self.report.trace.append(f"{self.clock.now() - self.clock._start:>9} {line}")

    def broke(self, why: str) -> None:
        """A promise was broken while things went on."""
        self.report.broken = self.report.broken or why
        self.say(f"broken: {why}")
        for process in self.processes:
            process.up.set()  # whoever waits for it need wait no more

    def _unheard(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        problem = context.get("exception")
        if isinstance(problem, Died):
            return
        self.broke(f"{context.get('message')}: {problem!r}")


class _Process(Watch):
    """A process that is started again whenever it dies."""

    def __init__(self, world: _World, name: str, roles: tuple[str, ...]) -> None:
        self.world, self.name, self.roles = world, name, roles
        self.clock = WrongClock(world.clock)
        self.driver: Driver | None = None
        self.ready = self.will_look = False
        self.up = asyncio.Event()
        self.place, self.left = "", 0  # where this life ends: a place, and at which pass of it
        self.bad_commit = 0
        self.direct = world.apart or world.choices.below(2) == 1

    async def live(self) -> None:
        """Live, again and again."""
        _HERE.set(self)
        world = self.world
        if "clock" in world.kinds and world.choices.below(4) == 3:
            self.clock.skew = world.choices.pick((1_500, -1_500, 60_000, -60_000))
            world.fault("clock skew")
        while not world.over:
            world.starts += 1
            if world.starts > MOST_STARTS:
                return world.broke(f"{self.name} does not come up any more")
            self._fate()
            store = world.disk.open(self)
            try:
                await self._one(store)
            except (Died, StoreError) as end:
                world.say(f"{self.name} dies: {type(end).__name__}")
            except asyncio.CancelledError:
                raise
            except Exception as bug:
                if isinstance(bug, AssertionError | KeyError | ValueError | Broken):
                    world.broke(f"{self.name}: {type(bug).__name__}: {bug}")
                    return
                raise
            finally:
                self.driver, self.ready = None, False
                self.up.clear()
                store.close()
            pause = world.choices.pick((10, 10, 200, 3_000, HOUR))
            await asyncio.sleep(pause / 1000)

    def _fate(self) -> None:
        """How this life ends."""
        choices, world = self.world.choices, self.world
        self.place, self.left, self.bad_commit = "", 0, 0
        if world.lives_left <= 0:
            return
        if "crash" in world.kinds and choices.below(2) == 1:
            self.place, self.left = choices.pick(failpoint.PLACES), 1 + choices.below(8)
        if "store" in world.kinds and choices.below(6) == 5:
            self.bad_commit = 2 + choices.below(10)

    async def _one(self, store: WatchedStore) -> None:
        world = self.world
        workers = 1 if world.choices.below(8) == 7 else 256
        given = Given(self._caller, self.clock, self._noticed, jitter=lambda: 0.5, load=known_share, workers=workers)
        async with running(store, given, self.roles, expires=False) as driver:
            driver.shares_bus = driver.exact = world.apart
            driver.direct = self.direct
            if "network" in world.kinds:
                driver.bus = Network(driver, world.choices, 15, world.fault)
            self.driver = driver
            await driver.submit(lambda: self._begin(driver))
            self.ready = True
            self.up.set()
            if world.apart:
                self.look()  # like a real process: others may have written since it took up what was there
            await driver.until(lambda: None)

    def _begin(self, driver: Driver) -> None:
        if self.name == "engine" and not driver.store.flows():
            install(driver.store, self.world.subject.installation(self.world.mode))
        driver.learn()
        driver.take_up()

    # ------------------------------------------------------------ faults of this process

    def passes(self, place: str) -> None:
        """The process is at a place of a turn."""
        if place == self.place and self.driver is not None and self.driver.failure is None and self.ready:
            self.left -= 1
            if self.left == 0:
                self.world.lives_left -= 1
                self.world.fault(f"crash {place}")
                died = Died()
                self.driver.fail(died)
                raise died

    def before_commit(self, store: WatchedStore) -> None:
        if self.bad_commit and self.ready:
            self.bad_commit -= 1
            if self.bad_commit == 0:
                self.world.lives_left -= 1
                self.world.fault("disk full")
                raise DiskFull("there is no space left")
        offered(store, self.clock.now())

    def after_commit(self, store: WatchedStore) -> None:
        world = self.world
        world.commits += 1
        if world.commits > MOST_COMMITS:
            raise Broken("it goes round and round")
        checks = world.report.checks
        try:
            if self.driver is not None and store.appended:
                touched = {(role, run) for role, run, *_ in store.appended}
                checks.replayed += checks.twins.after(store, self.driver.parts, touched)
        finally:
            for role, run, id, _, body in store.appended:
                world.say(f"{role.lstrip('@')} takes in {_taken(id, body)} of {run}{self._whose(id)}")
        for role, run, id, at, body in store.appended:
            checks.took(role, run, id, at, body)
        for other in world.processes if store.wrote else ():
            if other is not self and other.driver is not None and other.ready and not other.will_look:
                other.will_look = True
                asyncio.get_running_loop().call_later(0.001, other.look)

    def look(self) -> None:
        """Somebody else may have put something on the bus."""
        self.will_look = False
        driver = self.driver
        if driver is not None and driver.failure is None and self.ready:
            token = _HERE.set(self)
            driver.do(driver.bus.look)
            _HERE.reset(token)

    def _whose(self, id: str) -> str:
        """Who said a message, in words."""
        said = self.world.report.checks.twins.said_by.get(id)
        return f" from {said}" if said else ""

    # ------------------------------------------------------------ calls

    def _caller(self, setting: Setting) -> Caller:
        return _Calls(self, None if self.world.services is None else self.world.services(setting))

    def _noticed(self, notice: Notice) -> None:
        if notice.input is None:
            again = f", attempt {notice.attempt}" if notice.attempt > 1 else ""
            path = notice.path + undo_word(notice.kind)
            self.world.say(f"{notice.role.lstrip('@')} calls {path} of {notice.run}{again}")
        else:
            self.world.report.seen.append(str(self.world.subject.shows(notice.input)))


@dataclass(slots=True)
class _Calls:
    process: _Process
    handlers: Caller | None

    async def call(self, request: Request) -> Result:
        """One attempt."""
        world = self.process.world
        world.report.checks.begins(request)
        if self.handlers is None:
            return await world.outside.call(request, self.process.name)
        return await self._real(world, self.handlers, request)

    async def _real(self, world: _World, handlers: Caller, request: Request) -> Result:
        """The user's own handler, whose answer may be lost after it was given."""
        world.ledger.note(world.clock.now(), "begin", request, self.process.name)
        result = await handlers.call(request)
        if isinstance(result, Ok) and request.key not in world.outside.performed:  # whoever calls twice compares
            world.outside.performed[request.key] = result
            world.ledger.note(world.clock.now(), "effect", request, self.process.name)
        world.ledger.note(world.clock.now(), "answer", request, self.process.name, type(result).__name__)
        if "service" in world.kinds and world.choices.below(6) == 5:
            world.fault("lost answer")
            return event.Unknown(Error("Unavailable", "nothing came back", request.path))
        return result


def _taken(id: str, body: str) -> str:
    """An input that is on the disk, in words. Most say by their id what they are."""
    word, _, rest = id.partition(":")
    match word:
        case "done" | "stuck":
            kind, _, place = rest.partition(":")
            path = place.rpartition(":")[0]
            return f"{'the result' if word == 'done' else 'the failure'} of {path}{undo_word(kind)}"
        case "fired":
            return f"the timer of {rest.rpartition(':')[0]}"
        case _:
            return words(codec.load_input(body))


def _pass(place: str) -> None:
    process = _HERE.get()
    if process is not None:
        process.passes(place)
