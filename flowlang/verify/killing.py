"""`kill -9` for flows in the worlds of their scenarios: with answers, failures, events and days that pass.

(`flowlang.verify.crash` kills runs that need nothing but answers and never wait for a date.) Several runs of one flow go at once on a store in a file, under a central engine (`orchestrate`), with all services in one
process (`together`) or with a process for each (`choreograph`). One process is killed, started again, perhaps killed again
while it recovers, and goes on until all runs are over. Processes are forked off one that has read the flow already, so a
kill costs a few hundredths of a second; each is a process of its own all the same, and nothing is flushed when it dies.
What must hold then is held against the ledger, which none of the kills reaches: see `flowlang.verify.invariants`.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType

from flowlang.event import Error, Value
from flowlang.lifecycle import OVER
from flowlang.report import report
from flowlang.runtime import engine as engines
from flowlang.runtime import failpoint, lock, service, view
from flowlang.runtime.callers import SCENARIO, callers
from flowlang.runtime.engine import Engine
from flowlang.runtime.player import event_id
from flowlang.runtime.ports import Caller
from flowlang.runtime.processes import Fleet
from flowlang.runtime.programs import Installation
from flowlang.runtime.setting import NO_CRASH, Outside, Setting
from flowlang.runtime.sqlite import SqliteStore
from flowlang.runtime.store import RuntimeRefusal, StoreError
from flowlang.scenario.compare import differences
from flowlang.scenario.tree import Answers, Cancelling, Happening, Resolving, Say, Scenario, to_value
from flowlang.values import wire_dumps
from flowlang.verify.child import forked
from flowlang.verify.invariants import Checks, in_time, whole
from flowlang.verify.replay import Broken
from flowlang.verify.schedule import Prepared
from flowlang.verify.witness import Book, Noted, SharedClock, Told, keep

MODES = ("orchestrate", "together", "choreograph")
DESK = "the engine"
PATIENCE = 30.0  # seconds after which runs that are not over are stranded
MOST_PASSES = 400  # of one place by one process; beyond that something goes round and round
MOST_WAITS = 300  # moves of the clock in one life


@dataclass(frozen=True, slots=True)
class Case:
    """Runs of one flow in one world."""

    name: str
    prepared: Prepared
    installation: Callable[[str], Installation]
    input: Mapping[str, Value]
    scenario: Scenario
    runs: int = 4


@dataclass(slots=True)
class Tally:
    """What was tried, and what came of it. A `lost` is something accepted that is nowhere, a `doubled` an effect that there
    is twice, a `stranded` a run that goes on no more; `broken` tells each."""

    lives: int = 0
    kills: int = 0
    again: int = 0  # kills of a process that was recovering
    asked_again: int = 0  # calls whose effect was there already, and was not made anew
    runs: int = 0
    calls: int = 0
    points: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """What another one has counted."""
        for name in ("lives", "kills", "again", "asked_again", "runs", "calls"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.points += other.points
        self.statuses += other.statuses
        self.broken += other.broken


@dataclass(frozen=True, slots=True)
class Kill:
    """Who dies (a role, or the engine), and where: at the `number`th pass of `place`, or (`place` "") after `delay` seconds."""

    victim: str
    place: str = ""
    number: int = 1
    delay: float = 0.0


class Harness:
    """Kills the processes of one case in one mode. Use it in a process that has one thread and no open store."""

    def __init__(self, case: Case, mode: str, folder: Path) -> None:
        self.case = case
        self.mode = mode
        self.tally = Tally()
        self._folder = folder
        folder.mkdir(parents=True)
        self._installation = case.installation("orchestrate" if mode == "orchestrate" else "choreograph")
        self.services = sorted(self._installation.shares) if mode == "choreograph" else []
        self._clock = SharedClock()
        self._alive = os.pipe()
        gc.freeze()  # what is there already is shared with all processes, and not looked through in each
        self._socket = folder / "ledger"
        self._book = Book(folder / "ledger.txt")
        self._ledger = self._fork(lambda: keep(self._socket, folder / "ledger.txt", self._alive[0]))
        while not self._socket.exists():
            time.sleep(0.001)
        self._number = 0

    def close(self) -> None:
        """End the ledger; every other process has ended already."""
        os.close(self._alive[1])
        os.waitpid(self._ledger, 0)
        os.close(self._alive[0])
        shutil.rmtree(self._folder)

    def all_places(self, places: Sequence[str] = failpoint.PLACES, every: int = 1) -> None:
        """Kill each process at each pass of each place until there is no further pass; with `every`, each n-th of them."""
        for victim in victims(self.case.prepared, self.mode):
            for place in places:
                self.all_passes(victim, place, every)

    def all_passes(self, victim: str, place: str, every: int = 1) -> None:
        """Kill one process at each pass of one place until there is no further pass; with `every`, each n-th of them."""
        for number in range(1, MOST_PASSES, every):
            if not self.once([Kill(victim, place, number)]):
                break

    def at_random(self, choices: random.Random, kills: int, usual: float) -> None:
        """Kill processes at any moment of `usual` seconds, some of them again while they recover, `kills` times in all."""
        wanted = self.tally.kills + kills
        while self.tally.kills < wanted and not self.tally.broken:
            one = [
                Kill(choices.choice([DESK, *self.services]), delay=choices.random() * usual)
                for _ in range(choices.choice((1, 1, 1, 2, 3)))
            ]
            self.once(one[: wanted - self.tally.kills])

    def once(self, kills: Sequence[Kill]) -> int:
        """One store from its birth until all runs are over, with these kills one after the other; how many happened."""
        self._number += 1
        path = self._folder / f"{self._number}.db"
        happened = 0
        for number, kill in enumerate((*kills, None)):
            try:
                died = self._life(path, kill)
            except Broken as broken:
                self._say(kills, str(broken))
                break
            if kill is not None:
                if not died:
                    break  # it was over before
                happened += 1
                self.tally.kills += 1
                self.tally.again += number > 0
                where = kill.place or "any moment"
                self.tally.points[f"{self.mode} {kill.victim} {where} {kill.number}"] += 1
        try:
            self._check(path)
        except (Broken, AssertionError, StoreError) as broken:
            self._say(kills, str(broken))
        for left in self._folder.glob(f"{path.name}*"):
            left.unlink()
        return happened

    def usual(self) -> float:
        """How many seconds it takes when nobody is killed."""
        began = time.monotonic()
        self.once([])
        return time.monotonic() - began

    def _say(self, kills: Sequence[Kill], why: str) -> None:
        self.tally.broken.append(f"{self.case.name}, {self.mode}, {[*kills]}: {why}")

    # ------------------------------------------------------------ lives

    def _life(self, path: Path, kill: Kill | None) -> bool:
        """All processes once, and the one that is killed again until all runs are over or the engine was killed. Whether
        anybody was killed. Raises Broken."""
        self.tally.lives += 1
        who = {self._start(path, role, kill): role for role in [*self.services, DESK]}
        if kill is not None and not kill.place:
            _alarm(kill.delay, lambda: self._strike(who, kill))
        died, until = False, time.monotonic() + PATIENCE
        try:
            while who:
                pid, status = self._wait(until)
                role = who.pop(pid)
                if os.WIFSIGNALED(status):
                    died = True
                    if role != DESK:
                        who[self._start(path, role, None)] = role
                        continue
                elif status:
                    raise Broken(f"{role} ended with {os.waitstatus_to_exitcode(status)}")
                if role == DESK:
                    _alarm(0.0, lambda: None)
                    return self._end(path, who, until, may_die=kill is not None) or died
            raise AssertionError("the engine is among them")
        finally:
            _alarm(0.0, lambda: None)
            for pid in who:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)

    def _strike(self, who: Mapping[int, str], kill: Kill) -> None:
        for pid, role in who.items():
            if role == kill.victim:
                os.kill(pid, signal.SIGKILL)

    def _end(self, path: Path, who: dict[int, str], until: float, *, may_die: bool) -> bool:
        """Services are asked to end, and end well, but for one that is killed at that. Whether one was."""
        died = False
        for pid, role in who.items():
            while not _listens(path, role, pid) and time.monotonic() < until:
                time.sleep(0.001)
            os.kill(pid, signal.SIGTERM)
        while who:
            pid, status = self._wait(until)
            role = who.pop(pid)
            if may_die and os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
                died = True
            elif status:
                raise Broken(f"{role} was asked to end and ended with {os.waitstatus_to_exitcode(status)}")
        return died

    def _wait(self, until: float) -> tuple[int, int]:
        """The next process that ends."""
        pause = 0.0005
        while time.monotonic() < until:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == self._ledger:
                raise AssertionError("the ledger has gone")
            if pid:
                return pid, status
            time.sleep(pause)
            pause = min(pause * 1.5, 0.005)
        raise Broken("stranded: the runs are not over after a long time")

    def _start(self, path: Path, role: str, kill: Kill | None) -> int:
        def act() -> None:
            if kill is not None and kill.place and kill.victim == role:
                failpoint.set_hook(failpoint.from_environment(f"{kill.place}:{kill.number}"))
            told = Told(self._socket)

            def noted(setting: Setting) -> Caller:
                return Noted(callers(setting), told)

            if role == DESK:
                vars(engines)["Fleet"] = _Elsewhere
                return asyncio.run(self._desk(path, noted, told))
            outside = Outside(noted, self._clock, jitter=lambda: 0.0)
            return asyncio.run(service.serve(str(path), role, NO_CRASH, given=outside))

        return self._fork(act)

    def _fork(self, act: Callable[[], None]) -> int:
        def main() -> None:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            os.dup2(self._alive[0], 0)  # it ends when we do
            os.close(self._alive[1])
            act()

        return forked(main)

    # ------------------------------------------------------------ the engine and its clients

    def _names(self) -> list[str]:
        return [f"r{number}" for number in range(1, self.case.runs + 1)]

    async def _desk(self, path: Path, noted: Callable[[Setting], Caller], told: Told) -> None:
        hash, mode = self._installation.flow.hash, self._installation.flow.mode
        options = {SCENARIO: wire_dumps(to_value(at_once(self.case.scenario)))}
        async with Engine.open(
            str(path),
            callers=noted,
            clock=self._clock,
            jitter=lambda: 0.0,
            poll=bool(self.services),
            direct=self.mode != "together",
            processes=bool(self.services),
        ) as engine:
            await engine.install(self._installation)
            for run in self._names():
                await engine.start(hash, mode, self.case.input, run=run, options=options)
                await told.tell("accepted", word="start", id=run)
            await engine.resume()
            await self._drive(engine, told)
            await engine.quiet()

    async def _drive(self, engine: Engine, told: Told) -> None:
        """Let happen what is due next whenever nothing goes on by itself, until all runs are over or nothing is due."""
        began = min(view.run(engine.store, run).started for run in self._names())
        left = list(self.case.scenario.happenings)
        for _ in range(MOST_WAITS):
            statuses = [await engine.until(run) for run in self._names()]
            if all(status in OVER for status in statuses):
                return
            due = min((timer.due for run in self._names() for timer in engine.store.timers(run)), default=None)
            if left and (due is None or began + left[0].at <= due):
                self._clock.skip_to(began + left[0].at)
                await self._happens(engine, told, len(self.case.scenario.happenings) - len(left), left.pop(0))
            elif due is not None:
                self._clock.skip_to(due)
                while any(timer.due <= due for run in self._names() for timer in engine.store.timers(run)):
                    await asyncio.sleep(0.001)
            else:
                return
        raise RuntimeError("the runs go round and round")

    async def _happens(self, engine: Engine, told: Told, number: int, what: Happening) -> None:
        for run in self._names():
            match what:
                case Say(_, id, type, subject, data):
                    name = f"{id}-{run}" if id else event_id(run, number)
                    sent = await engine.send(type, data, subject=subject, id=name)
                    if not sent.problem:
                        await told.tell("accepted", word="event", id=name)
                case Cancelling():
                    if await engine.cancel(run) not in OVER:
                        await told.tell("accepted", word="cancel", id=run)
                case Resolving(_, path, kind, decision, value, error, message):
                    failed = Error(error, message, path) if decision == "fail" else None
                    try:
                        await engine.resolve(run, path, decision, kind=kind, value=value, error=failed)
                    except RuntimeRefusal:
                        continue  # it was said before the kill

    # ------------------------------------------------------------ afterwards

    def _check(self, path: Path) -> None:
        ledger, accepted, again = self._book.since()
        self.tally.asked_again += again
        effects: dict[tuple[str, str, str], str] = {}
        for entry in ledger.of("effect"):
            self.tally.calls += 1
            if effects.setdefault((entry.run, entry.path, entry.kind), entry.key) != entry.key:
                raise Broken(f"{entry.path} ({entry.kind}) of {entry.run} had two effects under two keys")
        store = view.open_view(str(path))
        try:
            mode = self._installation.flow.mode
            statuses = whole(
                store, self.case.prepared, mode, self.case.input, self._names(), accepted, ledger, Checks()
            )
            for run in self._names():
                in_time(store, run)
                self._expected(store, run)
        finally:
            store.close()
        self.tally.runs += len(statuses)
        self.tally.statuses.update(statuses)

    def _expected(self, store: SqliteStore, run: str) -> None:
        """Time passes only when nothing goes on by itself, so kills change nothing of how a run ends: it ends as the scenario
        says. Not where answers take time there, for here none does."""
        answers = [answer for given in self.case.scenario.answers.values() for answer in given.items]
        takes_time = any(answer.takes or (answer.kind == "unknown" and answer.takes is None) for answer in answers)
        if self.case.scenario.expect is None or takes_time:
            return
        row = view.run(store, run)
        found = report(view.outcome(store, run), run, row.flow, row.hash, row.mode)
        for wrong in differences(self.case.scenario.expect, found):
            raise Broken(f"{run} is not as the scenario expects: {wrong}")


def victims(prepared: Prepared, mode: str) -> tuple[str, ...]:
    """The processes of a flow in a mode: the engine, and where services have their own, each of them."""
    return (DESK, *(sorted(prepared.services) if mode == "choreograph" else ()))


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


def _listens(path: Path, role: str, pid: int) -> bool:
    """Whether a service is far enough to end well when it is asked to, or has ended."""
    owner = lock.owner_of(str(path), role)
    ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    return ended or (owner is not None and owner.pid == pid)


def _alarm(delay: float, act: Callable[[], None]) -> None:
    """Let `act` happen after `delay` seconds, in the place of what was to happen; 0 is never."""

    def ring(signal: int, frame: FrameType | None) -> None:
        try:
            act()
        except OSError as error:  # it has just ended by itself
            if error.errno != errno.ESRCH:
                raise

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, delay)
