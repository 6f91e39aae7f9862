"""A history that is simulated, and the processes in it: real engines and services over one file in memory.

A process dies at any place of a turn and is started again, its clock is wrong and jumps, its disk refuses a commit, its
network loses, repeats, delays and reorders. What it goes through is drawn from the choices of the history.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field

from flowlang import codec, event
from flowlang.event import Error, Ok, Result
from flowlang.runtime import failpoint
from flowlang.runtime.clock import VirtualClock
from flowlang.runtime.driver import Driver
from flowlang.runtime.engine import install
from flowlang.runtime.ports import Caller, Request
from flowlang.runtime.running import running
from flowlang.runtime.setting import Notice, Setting
from flowlang.runtime.setting import Outside as Given
from flowlang.runtime.store import StoreError
from flowlang.verify.adapters import Disk, DiskFull, Network, Watch, WatchedStore, WrongClock, known_share
from flowlang.verify.choices import Choices
from flowlang.verify.invariants import Checks, offered
from flowlang.verify.ledger import Ledger, Outside, Trouble
from flowlang.verify.outside import operations_of, undo_word, words
from flowlang.verify.replay import Broken
from flowlang.verify.subject import Subject

HOUR = 3_600_000
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


class Died(BaseException):
    """What a process that is killed cannot catch either."""


HERE: ContextVar[Process | None] = ContextVar("process", default=None)
"""The process whose turn it is."""


@dataclass(frozen=True, slots=True)
class Stage:
    """On what a history plays: who draws what happens, which families of faults may, on which clock and disk, and where it is
    told. With `services` these are called, and not what `Outside` answers."""

    subject: Subject
    mode: str
    choices: Choices
    kinds: tuple[str, ...]
    clock: VirtualClock
    disk: Disk
    services: Services | None
    report: Report


class History:
    """What the processes of one history share."""

    def __init__(self, stage: Stage) -> None:
        subject, choices, services = stage.subject, stage.choices, stage.services
        self.subject, self.mode, self.choices, self.kinds = subject, stage.mode, choices, stage.kinds
        self.clock, self.disk, self.services = stage.clock, stage.disk, services
        self.report = stage.report
        self.over = False
        self.apart = False  # each service has a process of its own
        self.processes: list[Process] = []
        trouble = Trouble() if "service" in stage.kinds and services is None else Trouble(12, 0, 0, 0, 0)
        calm = choices.below(3) == 0  # some histories have no trouble with calls, so that others go far
        if calm and services is None:
            trouble = Trouble(4, 0, 0, 0, 0)
        operations = operations_of(subject.prepared.flow)
        self.outside = Outside(operations, subject.answers(), choices, trouble, self.fault, stage.clock)
        self.ledger: Ledger = self.outside.ledger
        self.lives_left = MOST_LIVES
        self.starts = self.commits = 0

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


class Process(Watch):
    """A process that is started again whenever it dies."""

    def __init__(self, history: History, name: str, roles: tuple[str, ...]) -> None:
        self.history, self.name, self.roles = history, name, roles
        self.clock = WrongClock(history.clock)
        self.driver: Driver | None = None
        self.ready = self.will_look = False
        self.up = asyncio.Event()
        self.place, self.left = "", 0  # where this life ends: a place, and at which pass of it
        self.bad_commit = 0
        self.direct = history.apart or history.choices.below(2) == 1

    async def live(self) -> None:
        """Live, again and again."""
        HERE.set(self)
        history = self.history
        if "clock" in history.kinds and history.choices.below(4) == 3:
            self.clock.skew = history.choices.pick((1_500, -1_500, 60_000, -60_000))
            history.fault("clock skew")
        while not history.over:
            history.starts += 1
            if history.starts > MOST_STARTS:
                return history.broke(f"{self.name} does not come up any more")
            self._fate()
            store = history.disk.open(self)
            try:
                await self._one(store)
            except (Died, StoreError) as end:
                history.say(f"{self.name} dies: {type(end).__name__}")
            except asyncio.CancelledError:
                raise
            except Exception as bug:
                if isinstance(bug, AssertionError | KeyError | ValueError | Broken):
                    history.broke(f"{self.name}: {type(bug).__name__}: {bug}")
                    return
                raise
            finally:
                self.driver, self.ready = None, False
                self.up.clear()
                store.close()
            pause = history.choices.pick((10, 10, 200, 3_000, HOUR))
            await asyncio.sleep(pause / 1000)

    def _fate(self) -> None:
        """How this life ends."""
        choices, history = self.history.choices, self.history
        self.place, self.left, self.bad_commit = "", 0, 0
        if history.lives_left <= 0:
            return
        if "crash" in history.kinds and choices.below(2) == 1:
            self.place, self.left = choices.pick(failpoint.PLACES), 1 + choices.below(8)
        if "store" in history.kinds and choices.below(6) == 5:
            self.bad_commit = 2 + choices.below(10)

    async def _one(self, store: WatchedStore) -> None:
        history = self.history
        workers = 1 if history.choices.below(8) == 7 else 256
        given = Given(self._caller, self.clock, self._noticed, jitter=lambda: 0.5, load=known_share, workers=workers)
        async with running(store, given, self.roles, expires=False) as driver:
            driver.shares_bus = driver.exact = history.apart
            driver.direct = self.direct
            if "network" in history.kinds:
                driver.bus = Network(driver, history.choices, 15, history.fault)
            self.driver = driver
            await driver.submit(lambda: self._begin(driver))
            self.ready = True
            self.up.set()
            if history.apart:
                self.look()  # like a real process: others may have written since it took up what was there
            await driver.until(lambda: None)

    def _begin(self, driver: Driver) -> None:
        if self.name == "engine" and not driver.store.flows():
            install(driver.store, self.history.subject.installation(self.history.mode))
        driver.learn()
        driver.take_up()

    # ------------------------------------------------------------ faults of this process

    def passes(self, place: str) -> None:
        """The process is at a place of a turn."""
        if place == self.place and self.driver is not None and self.driver.failure is None and self.ready:
            self.left -= 1
            if self.left == 0:
                self.history.lives_left -= 1
                self.history.fault(f"crash {place}")
                died = Died()
                self.driver.fail(died)
                raise died

    def before_commit(self, store: WatchedStore) -> None:
        if self.bad_commit and self.ready:
            self.bad_commit -= 1
            if self.bad_commit == 0:
                self.history.lives_left -= 1
                self.history.fault("disk full")
                raise DiskFull("there is no space left")
        offered(store, self.clock.now())

    def after_commit(self, store: WatchedStore) -> None:
        history = self.history
        history.commits += 1
        if history.commits > MOST_COMMITS:
            raise Broken("it goes round and round")
        checks = history.report.checks
        try:
            if self.driver is not None and store.appended:
                touched = {(role, run) for role, run, *_ in store.appended}
                checks.replayed += checks.twins.after(store, self.driver.parts, touched)
        finally:
            for role, run, id, _, body in store.appended:
                history.say(f"{role.lstrip('@')} takes in {_taken(id, body)} of {run}{self._whose(id)}")
        for role, run, id, at, body in store.appended:
            checks.took(role, run, id, at, body)
        for other in history.processes if store.wrote else ():
            if other is not self and other.driver is not None and other.ready and not other.will_look:
                other.will_look = True
                asyncio.get_running_loop().call_later(0.001, other.look)

    def look(self) -> None:
        """Somebody else may have put something on the bus."""
        self.will_look = False
        driver = self.driver
        if driver is not None and driver.failure is None and self.ready:
            token = HERE.set(self)
            driver.do(driver.bus.look)
            HERE.reset(token)

    def _whose(self, id: str) -> str:
        """Who said a message, in words."""
        said = self.history.report.checks.twins.said_by.get(id)
        return f" from {said}" if said else ""

    # ------------------------------------------------------------ calls

    def _caller(self, setting: Setting) -> Caller:
        return _Calls(self, None if self.history.services is None else self.history.services(setting))

    def _noticed(self, notice: Notice) -> None:
        if notice.input is None:
            again = f", attempt {notice.attempt}" if notice.attempt > 1 else ""
            path = notice.path + undo_word(notice.kind)
            self.history.say(f"{notice.role.lstrip('@')} calls {path} of {notice.run}{again}")
        else:
            self.history.report.seen.append(str(self.history.subject.shows(notice.input)))


@dataclass(slots=True)
class _Calls:
    process: Process
    handlers: Caller | None

    async def call(self, request: Request) -> Result:
        """One attempt."""
        history = self.process.history
        history.report.checks.begins(request)
        if self.handlers is None:
            return await history.outside.call(request, self.process.name)
        return await self._real(history, self.handlers, request)

    async def _real(self, history: History, handlers: Caller, request: Request) -> Result:
        """The user's own handler, whose answer may be lost after it was given."""
        history.ledger.note(history.clock.now(), "begin", request, self.process.name)
        result = await handlers.call(request)
        if isinstance(result, Ok) and request.key not in history.outside.performed:  # whoever calls twice compares
            history.outside.performed[request.key] = result
            history.ledger.note(history.clock.now(), "effect", request, self.process.name)
        history.ledger.note(history.clock.now(), "answer", request, self.process.name, type(result).__name__)
        if "service" in history.kinds and history.choices.below(6) == 5:
            history.fault("lost answer")
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


def pass_here(place: str) -> None:
    """The failpoint of whichever process is at a place."""
    process = HERE.get()
    if process is not None:
        process.passes(place)
