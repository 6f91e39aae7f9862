"""Turns: what one pass of the event loop brought is done in one transaction, committed, and only then let out.

So nothing outside ever happens whose intent is not on the disk, and one commit serves many runs. Where the disk is slow, the
commit happens in a thread, and the loop goes on with what is under way meanwhile; the next turn begins when it is over.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from flowlang.runtime import failpoint
from flowlang.runtime.clock import VirtualClock
from flowlang.runtime.setting import Outside
from flowlang.runtime.sqlite import MEMORY, SqliteStore
from flowlang.runtime.store import StoreLocked

T = TypeVar("T")

HELD = 1_000  # milliseconds that a turn waits for a store that another process holds, before the loop goes on
PAUSE = 0.02  # seconds until it is tried again
LAST = 10.0  # seconds after which whoever is asked to end gives up such a store

SLOW = 0.003
"""Seconds of a commit above which it has a thread, so that the loop goes on; below it, changing threads costs more."""


class Turns(ABC):
    """The turns of one driver of one store. What is in a turn, and what follows its commit, says whoever inherits this."""

    def __init__(self, store: SqliteStore, outside: Outside) -> None:
        self.store = store
        self.outside = outside
        self.clock = outside.clock
        self.now: Callable[[], int] = outside.clock.now
        self.failure: BaseException | None = None
        self.stopping = False  # nothing is begun any more
        self.is_committing = False  # in a thread, while the loop goes on
        self._loop = asyncio.get_running_loop()
        self._todo: deque[Callable[[], object]] = deque()
        self._inner: deque[Callable[[], object]] = deque()
        self._released: list[Callable[[], object]] = []
        self._draining = False
        self._scheduled = False
        self._held_up_since = 0.0  # when another process was first seen to hold the store; 0 when none does
        store.wait_at_most(HELD)
        self._may_commit_apart = not isinstance(self.clock, VirtualClock) and store.path != MEMORY
        self._has_more = False  # something for the turn after the one that is being committed
        self._watchers: dict[str, list[Callable[[], bool]]] = {"": []}
        self._touched: set[str] = set()  # runs of which something came to rest
        self._answers: dict[asyncio.Future[Any], None] = {}  # in the order in which they are told of a failure

    @abstractmethod
    def _gather(self) -> None:
        """Everything that this turn does."""

    @abstractmethod
    def _let_go(self) -> None:
        """What follows the commit."""

    # ------------------------------------------------------------ what is to be done

    def schedule(self) -> None:
        """See to it that there is a turn soon."""
        if self.is_committing:
            self._has_more = True
        elif not self._scheduled and self.failure is None:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def do(self, act: Callable[[], object]) -> None:
        """Let `act` be a part of the next turn."""
        self._todo.append(act)
        if not self._scheduled:
            self.schedule()

    def then(self, act: Callable[[], object]) -> None:
        """Let `act` follow within this turn, before anything else comes in."""
        self._inner.append(act)

    def has_more(self) -> bool:
        """Whether something is to follow within this turn."""
        return bool(self._inner)

    def release(self, act: Callable[[], object]) -> None:
        """Let `act` happen once this turn is committed."""
        self._released.append(act)

    def at(self, due: int, act: Callable[[], object]) -> None:
        """Let `act` be part of a turn at `due` or later."""
        left = due - self.clock.now()
        if left <= 0:
            return self.do(act)
        self._loop.call_later(self.clock.nap(left), self.at, due, act)

    def drain(self) -> None:
        """Do what follows from what was just fed, before anything else comes in."""
        if self._draining:
            return  # whoever drains comes to it
        self._draining = True
        try:
            while self._inner:
                self._inner.popleft()()
        finally:
            self._draining = False

    # ------------------------------------------------------------ answers

    async def submit(self, act: Callable[[], T]) -> T:
        """What `act` returns or raises inside a turn, after its commit. A refusal must be raised before `act` writes."""
        answer: asyncio.Future[T] = self._loop.create_future()

        def carry_out() -> None:
            try:
                result = act()
            except self.outside.refusals as refusal:
                problem = refusal  # the name of an except clause ends with it
                return self.release(lambda: None if answer.done() else answer.set_exception(problem))
            self.release(lambda: None if answer.done() else answer.set_result(result))

        self.do(carry_out)
        return await self._answered(answer)

    async def until(self, condition: Callable[[], T | None], run: str = "") -> T:
        """The first thing but None that `condition` says; it is asked after each turn, or after those in which something of
        one run came to rest."""
        answer: asyncio.Future[T] = self._loop.create_future()

        def look() -> bool:
            found = None if answer.done() else condition()
            if found is not None:
                answer.set_result(found)
            return answer.done()

        if not look():
            self._watchers.setdefault(run, []).append(look)
        return await self._answered(answer)

    async def _answered(self, answer: asyncio.Future[T]) -> T:
        """The answer, or the failure of the driver where that comes first."""
        if self.failure is not None:
            raise self.failure
        self._answers[answer] = None
        try:
            return await answer
        finally:
            del self._answers[answer]

    def look_again(self) -> None:
        """Ask all conditions anew: something changed outside of a turn."""
        self._look(tuple(self._watchers))

    def _look(self, runs: Iterable[str]) -> None:
        for run in runs:
            watchers = self._watchers.get(run)
            if watchers:
                watchers = [look for look in watchers if not look()]
                if watchers or not run:
                    self._watchers[run] = watchers
                else:
                    del self._watchers[run]

    def fail(self, problem: BaseException) -> None:
        """Stop for good: whoever waits is told, and what is on the disk is true."""
        if self.failure is None:
            self.failure = problem
        for answer in tuple(self._answers):
            if not answer.done():
                answer.set_exception(self.failure)

    # ------------------------------------------------------------ a turn

    def _turn(self) -> None:
        self._scheduled = False
        if self.is_committing:
            self._has_more = True
        if self.is_committing or self.failure is not None:
            return
        try:
            if not self._begin():
                return
            self._gather()
            failpoint.hit("before-commit")
            if self._may_commit_apart and self.store.commit_time > SLOW:
                self.is_committing = True
                self.store.commit_apart().add_done_callback(self._committed_apart)
                return failpoint.hit(failpoint.COMMITTING)
            self.store.commit()
        except BaseException as problem:
            self._forget_turn(problem)
            if not isinstance(problem, Exception):
                raise
            return
        self._committed()

    def _begin(self) -> bool:
        """Take the store. Where another process has held it for long, perhaps because somebody has stopped that one, the turn
        is put off for as long as it takes: nothing of it has happened. Whoever is asked to end does not wait for ever."""
        try:
            self.store.begin()
        except StoreLocked as held:
            if not self._held_up_since:
                self._held_up_since = time.monotonic()
                self.outside.say(f"{held}; waiting until it lets go")
            if self.stopping and time.monotonic() - self._held_up_since >= LAST:
                raise
            self._scheduled = True
            self._loop.call_later(PAUSE, self._turn)
            return False
        if self._held_up_since:
            self._held_up_since = 0.0
            self.outside.say(f"the store `{self.store.path}` is free again")
        return True

    def _forget_turn(self, problem: BaseException) -> None:
        """A turn that is not on the disk has not been."""
        self._released.clear()
        self.fail(problem)
        self.store.rollback()

    def _committed_apart(self, commit: Future[None]) -> None:
        """In the committing thread: a commit has ended there. A closed loop: the engine has ended meanwhile."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._is_back, commit)

    def _is_back(self, commit: Future[None]) -> None:
        self.is_committing = False
        problem = commit.exception()
        if problem is not None:
            return self._forget_turn(problem)
        if self.failure is None:
            self._committed()
        if self._has_more:
            self._has_more = False
            self.schedule()

    def _committed(self) -> None:
        """A turn is on the disk: what it wants may happen."""
        try:
            failpoint.hit("after-commit")
            self._let_go()
            touched, self._touched = self._touched, set()
            self._look(("", *touched))
        except Exception as problem:  # a bug of ours; whoever waits must not wait for ever
            self.fail(problem)
