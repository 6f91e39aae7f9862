"""`kill -9` and SIGSTOP for real processes over a real file: at every place, at any moment, again while they recover.

Several runs of one flow go at once in the world of a scenario, under a central engine (`orchestrate`), with all services in
one process (`together`) or with a process for each (`choreograph`). One process is killed, started again, perhaps killed again
while it recovers, and goes on until all runs are over; or one is stopped while time goes by, and goes on. Processes are forked
off one that has read the flow already, so a kill costs a few hundredths of a second; each is a process of its own all the
same, and nothing is flushed when it dies. What must hold then is held against the ledger, which none of the kills reaches: see
`flowlang.verify.invariants`.
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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from flowlang.report import report
from flowlang.runtime import failpoint, lock, service, turns, view
from flowlang.runtime.callers import callers
from flowlang.runtime.ports import Caller
from flowlang.runtime.setting import NO_CRASH, Outside, Setting
from flowlang.runtime.sqlite import SqliteStore
from flowlang.runtime.store import ENGINE, StoreError
from flowlang.scenario.compare import differences
from flowlang.verify.case import Case
from flowlang.verify.child import forked
from flowlang.verify.clients import Clients
from flowlang.verify.invariants import Checks, in_time, whole
from flowlang.verify.replay import Broken
from flowlang.verify.schedule import Prepared
from flowlang.verify.witness import Book, Noted, SharedClock, Told, keep

MODES = ("orchestrate", "together", "choreograph")
DESK = "the engine"
LOCKED = ("before-commit", "before-mark-sent", "before-ack")  # places at which a process holds the write lock
AFTER_ACK = "after-ack"  # a place for stops: after the commit that acknowledges, so nothing is on its way any more
PATIENCE = 30.0  # seconds after which runs that are not over are stranded
LOOK = 0.2  # seconds for which one look counts at most
ALWAYS = -1.0  # seconds above which a commit has a thread, so that each has one
HELD = 20  # milliseconds of another's transaction after which a process says that it waits
MOST_PASSES = 400  # of one place by one process; beyond that something goes round and round


class Patience:
    """How long is waited for processes to end. When a machine sleeps, or somebody stops whoever waits here, the processes that
    are waited for have had no time either: so what goes by between two looks counts for a moment only."""

    def __init__(self) -> None:
        self._left, self._last = PATIENCE, time.monotonic()

    def lasts(self) -> bool:
        """Look."""
        now = time.monotonic()
        self._left -= min(now - self._last, LOOK)
        self._last = now
        return self._left > 0


@dataclass(slots=True)
class Tally:
    """What was tried, and what came of it. A `lost` is something accepted that is nowhere, a `doubled` an effect that there
    is twice, a `stranded` a run that goes on no more; `broken` tells each."""

    lives: int = 0
    kills: int = 0
    again: int = 0  # kills of a process that was recovering
    stops: int = 0
    late: int = 0  # stops in which time went by
    held_up: int = 0  # stops within a transaction for which others said that they wait
    asked_again: int = 0  # calls whose effect was there already, and was not made anew
    runs: int = 0
    calls: int = 0
    points: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """What another one has counted."""
        for name in ("lives", "kills", "again", "stops", "late", "held_up", "asked_again", "runs", "calls"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.points += other.points
        self.statuses += other.statuses
        self.broken += other.broken


@dataclass(frozen=True, slots=True)
class Kill:
    """Who dies (a role, or the engine), and where: at the `number`th pass of `place`, or (`place` "") after `delay` seconds. The
    one that is started in its place dies at its first pass of `then`, while it recovers."""

    victim: str
    place: str = ""
    number: int = 1
    delay: float = 0.0
    then: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """Who is stopped, and where. Once nothing goes on any more without it, time goes on by `over` milliseconds; when the others
    have done all that is due then, it goes on too. With `event` time goes on only if an event from outside lies there for it."""

    victim: str
    place: str
    number: int
    over: int
    event: bool = False


class Harness:
    """Kills the processes of one case in one mode, all of whose commits have a thread where that is asked for. Use it in a
    process that has one thread and no open store."""

    def __init__(self, case: Case, mode: str, folder: Path, in_thread: bool = False) -> None:
        self.case = case
        self.mode = mode
        self.in_thread = in_thread
        self.tally = Tally()
        self._folder = folder
        folder.mkdir(parents=True)
        self._installation = case.installation("orchestrate" if mode == "orchestrate" else "choreograph")
        self.services = sorted(self._installation.shares) if mode == "choreograph" else []
        self._clock = SharedClock()
        self._alive = os.pipe()
        gc.freeze()  # what is there already is shared with all processes, and not looked through in each
        self._socket = folder / "ledger"
        self._waiting = folder / "waiting"  # what processes have said of a store that another one holds
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

    def all_passes(self, victim: str, place: str, every: int = 1, then: str = "") -> None:
        """Kill one process at each pass of one place until there is no further pass; with `every`, at each n-th of them."""
        for number in range(1, MOST_PASSES, every):
            if not self.once([Kill(victim, place, number, then=then)]):
                break

    def all_stops(self, victim: str, place: str, over: int, every: int = 1, event: bool = False) -> None:
        """As `all_passes`, with stops in place of kills."""
        for number in range(1, MOST_PASSES, every):
            if not self.stopped(Stop(victim, place, number, over, event)):
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
        path = self._next_path()
        happened = 0
        for number, kill in enumerate((*_in_turn(kills), None)):
            try:
                died = self._life(path, kill)
            except Broken as broken:
                self._say(kills, str(broken))
                break
            if kill is not None:
                if not died:
                    break  # it was over before
                self._count(kill, died, number > 0)
                happened += died
        try:
            self._check(path)
        except (Broken, AssertionError, StoreError) as broken:
            self._say(kills, str(broken))
        self._forget(path)
        return happened

    def _count(self, kill: Kill, died: int, recovering: bool) -> None:
        self.tally.kills += died
        self.tally.again += died - (not recovering)
        place = kill.place or "any moment"
        self.tally.points[f"{self.mode} {kill.victim} {place} {kill.number}"] += 1
        if died > 1:
            self.tally.points[f"{self.mode} {kill.victim} {kill.then} again"] += died - 1

    def stopped(self, stop: Stop) -> bool:
        """One store from its birth until all runs are over, with one stop; whether it happened. Limits pass meanwhile, so a run
        may end otherwise than its scenario says, but never otherwise than the flow means."""
        path = self._next_path()
        happened = False
        try:
            happened = bool(self._life(path, stop))
            if happened:
                self.tally.stops += 1
                self.tally.points[f"{self.mode} {stop.victim} {stop.place} {stop.number}"] += 1
            self._check(path, by_scenario=not happened)
        except (Broken, AssertionError, StoreError) as broken:
            self._say([stop], str(broken))
            self._book.since()  # of this store, not of the next one
        self._forget(path)
        return happened

    def usual(self) -> float:
        """How many seconds it takes when nobody is killed."""
        began = time.monotonic()
        self.once([])
        return time.monotonic() - began

    def _next_path(self) -> Path:
        self._number += 1
        self._waiting.unlink(missing_ok=True)
        return self._folder / f"{self._number}.db"

    def _forget(self, path: Path) -> None:
        for left in self._folder.glob(f"{path.name}*"):
            left.unlink()

    def _say(self, kills: Sequence[Kill | Stop], why: str) -> None:
        self.tally.broken.append(f"{self.case.name}, {self.mode}, {[*kills]}: {why}")

    # ------------------------------------------------------------ lives

    def _life(self, path: Path, blow: Kill | Stop | None) -> int:
        """All processes once, and the one that is killed again until all runs are over or the engine was killed. How often
        somebody was killed or stopped. Raises Broken."""
        self.tally.lives += 1
        who = {self._start(path, role, blow): role for role in [*self.services, DESK]}
        if isinstance(blow, Kill) and not blow.place:
            _alarm(blow.delay, lambda: self._strike(who, blow))
        died, patience = 0, Patience()
        try:
            while who:
                pid, status = self._wait(patience)
                role = who.pop(pid)
                if isinstance(blow, Stop) and os.WIFSTOPPED(status):
                    who[pid], died = role, 1
                    self._let_time_pass(path, blow, who, patience)
                    os.kill(pid, signal.SIGCONT)
                    continue
                if os.WIFSIGNALED(status):
                    died += 1
                    if role != DESK:
                        who[self._start(path, role, _then(blow) if died == 1 else None)] = role
                        continue
                elif status:
                    raise Broken(f"{role} ended with {os.waitstatus_to_exitcode(status)}")
                if role == DESK:
                    _alarm(0.0, lambda: None)
                    return died + self._end(path, who, patience, may_die=blow is not None)
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

    def _let_time_pass(self, path: Path, stop: Stop, who: Mapping[int, str], patience: Patience) -> None:
        """See `Stop`. One that is stopped in a transaction holds the others up until it goes on: whoever wants to write says
        that he waits."""
        if self.services:
            self._until_quiet(path, stop, who, patience)
        if stop.event and not _lies_there(path, stop.victim):
            return
        self.tally.late += 1
        self._clock.skip_to(self._clock.now() + stop.over)
        if self.services:
            self._until_quiet(path, stop, who, patience)
        self.tally.held_up += stop.place in LOCKED and self._somebody_waits()

    def _somebody_waits(self) -> bool:
        """Whether more have said that they wait for the store than that it is free again."""
        said = self._waiting.read_text() if self._waiting.exists() else ""
        return said.count("+") > said.count("-")

    def _until_quiet(self, path: Path, stop: Stop, who: Mapping[int, str], patience: Patience) -> None:
        """Return when nothing goes on without the one that is stopped: the others are idle and wait for it, or have ended, or
        can do nothing, since it holds the store."""
        [desk] = [pid for pid, role in who.items() if role == DESK]
        but = stop.victim
        role = ENGINE if but == DESK else but
        while patience.lasts():
            if stop.place in LOCKED and self._somebody_waits():
                return
            store = view.open_view(str(path))
            try:
                goes_on = store.goes_on(self._clock.now())
            finally:
                store.close()
            if not goes_on - {role} and (but == DESK or role in goes_on or _has_ended(desk)):
                return
            time.sleep(0.001)
        raise Broken("stranded: others go on for ever while one is stopped")

    def _end(self, path: Path, who: dict[int, str], patience: Patience, *, may_die: bool) -> int:
        """Services are asked to end, and end well, but for one that is killed or stopped at that. How many were."""
        died = 0
        for pid, role in who.items():
            while not _listens(path, role, pid) and patience.lasts():
                time.sleep(0.001)
            os.kill(pid, signal.SIGTERM)
        while who:
            pid, status = self._wait(patience)
            role = who.pop(pid)
            if may_die and os.WIFSTOPPED(status):
                who[pid], died = role, 1
                os.kill(pid, signal.SIGCONT)
            elif may_die and os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
                died += 1
            elif status:
                raise Broken(f"{role} was asked to end and ended with {os.waitstatus_to_exitcode(status)}")
        return died

    def _wait(self, patience: Patience) -> tuple[int, int]:
        """The next process that ends or is stopped."""
        pause = 0.0005
        while patience.lasts():
            pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
            if pid == self._ledger:
                raise AssertionError("the ledger has gone")
            if pid:
                return pid, status
            time.sleep(pause)
            pause = min(pause * 1.5, 0.005)
        raise Broken("stranded: the runs are not over after a long time")

    def _start(self, path: Path, role: str, blow: Kill | Stop | None) -> int:
        def act() -> None:
            if self.in_thread:
                turns.SLOW = ALWAYS
            turns.HELD = HELD
            if blow is not None and blow.place and blow.victim == role:
                failpoint.set_hook(_hook(blow))
            told = Told(self._socket)

            def noted(setting: Setting) -> Caller:
                return Noted(callers(setting), told)

            if role == DESK:
                clients = Clients(self.case, self._installation, self.mode, self._clock, told)
                return asyncio.run(clients.live(path, noted, self._waits))
            outside = Outside(noted, self._clock, jitter=lambda: 0.0, say=self._waits)
            return asyncio.run(service.serve(str(path), role, NO_CRASH, given=outside))

        return self._fork(act)

    def _waits(self, said: str) -> None:
        """In a process: somebody else holds the store, or has let it go."""
        words = {"locked": b"+", "free again": b"-"}
        with open(self._waiting, "ab") as file:
            file.write(b"".join(mark for word, mark in words.items() if word in said))

    def _fork(self, act: Callable[[], None]) -> int:
        def main() -> None:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            os.dup2(self._alive[0], 0)  # it ends when we do
            os.close(self._alive[1])
            act()

        return forked(main)

    # ------------------------------------------------------------ afterwards

    def _check(self, path: Path, *, by_scenario: bool = True) -> None:
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
                store,
                dict.fromkeys(self.case.names(), self.case.prepared),
                mode,
                self.case.input,
                accepted,
                ledger,
                Checks(),
            )
            for run in self.case.names():
                in_time(store, run)
                if by_scenario:
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


def places(mode: str, in_thread: bool = False) -> tuple[str, ...]:
    """The places that a process may pass in a mode: a central engine has no bus."""
    found = (place for place in failpoint.PLACES if mode != "orchestrate" or not failpoint.is_of_bus(place))
    return (*found, failpoint.COMMITTING) if in_thread else tuple(found)


def _in_turn(kills: Sequence[Kill]) -> list[Kill]:
    """The kills of one life after the other: with the engine all end, so its second death is one of the next life."""
    found = []
    for kill in kills:
        again = _then(kill) if kill.victim == DESK else None
        found += [kill] if again is None else [kill, again]
    return found


def _then(blow: Kill | Stop | None) -> Kill | None:
    return Kill(blow.victim, blow.then) if isinstance(blow, Kill) and blow.then else None


def _hook(blow: Kill | Stop) -> Callable[[str], None]:
    """What happens at the places of a process."""
    if isinstance(blow, Kill):
        return failpoint.at_pass(blow.place, blow.number)
    stops = failpoint.at_pass("after-commit", 1, failpoint.stop)
    if blow.place == AFTER_ACK:
        return failpoint.at_pass("before-ack", blow.number, lambda: failpoint.set_hook(stops))
    return failpoint.at_pass(blow.place, blow.number, failpoint.stop)


def _lies_there(path: Path, role: str) -> bool:
    """Whether an event from outside is on the bus for a role."""
    store = view.open_view(str(path))
    try:
        return any(not row.run for row in store.queue(role))
    finally:
        store.close()


def _listens(path: Path, role: str, pid: int) -> bool:
    """Whether a service is far enough to end well when it is asked to, or has ended."""
    owner = lock.owner_of(str(path), role)
    return _has_ended(pid) or (owner is not None and owner.pid == pid)


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


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
