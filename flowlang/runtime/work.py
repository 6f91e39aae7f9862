"""The calls of steps: claimed, counted before they are made, made after the commit, settled by the lifecycle.

A call that was under way when the process died has a result that nobody knows; `recover` asks for it again under the same
key. The caller enforces the time limit; a caller that does not come back at all is given up a little later.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from flowlang import codec, event, lifecycle
from flowlang.event import Error, Ok, Result, Unknown
from flowlang.lifecycle import Item
from flowlang.runtime import failpoint
from flowlang.runtime.calls import Open
from flowlang.runtime.limits import Limits
from flowlang.runtime.ports import Caller, Request
from flowlang.runtime.setting import Notice, Setting, names
from flowlang.runtime.store import WorkRow

if TYPE_CHECKING:
    from flowlang.runtime.driver import Driver, Part


class Work:
    """The calls of one driver."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._running: dict[Open, asyncio.Future[Any]] = {}
        self._ready: deque[tuple[str, str, str, str]] = deque()
        self._limits: Limits[Open] = Limits(self._give_up)

    # ------------------------------------------------------------ within a turn

    def open(self, part: Part, call: event.Invoke, at: int) -> None:
        """A step is to be called."""
        driver = self._driver
        one = Open(part.role, part.run, call, at)
        driver.count(part.run, 1)
        part.items[call.path, call.kind] = one
        if self.has_room():
            self._running[one] = _NOT_YET
            driver.release(partial(self._make, part, one))
        else:
            self._ready.append((part.role, part.run, call.path, call.kind))
            self._store(one, WorkRow(part.role, part.run, Item(call), at, None, None))

    def halt(self, part: Part, path: str) -> None:
        """A step's call is not to be tried again."""
        one = part.items.get((path, "do"))
        if one is None or one.state in ("stuck", "done"):
            return  # what is done is halted already, in this very turn
        row = one.as_row()
        item = lifecycle.halt(row.item)
        if item.state == "done":
            one.row = replace(row, item=item)  # so that nobody begins it in what is left of this turn
            self._driver.then(lambda: self._follow(part, one, item))
        else:
            self._store(one, replace(row, item=item))

    def resolved(self, part: Part, resolved: event.Resolved) -> None:
        """An operator has spoken about a stuck call; the machine has taken it in already."""
        one = part.items.get((resolved.path, resolved.kind))
        if one is None or one.row is None or one.row.item.state != "stuck":
            return
        if resolved.decision != "retry":
            del part.items[resolved.path, resolved.kind]
            return self._store(one, replace(one.row, item=lifecycle.answer(one.row.item), ended=resolved.at))
        self._driver.count(part.run, 1)
        self._store(one, replace(one.row, item=lifecycle.retry(one.row.item), ended=None))
        self._try_again(part, one)

    def recover(self, part: Part) -> None:
        """Go on with the calls of a part that another process left behind."""
        for one in tuple(part.items.values()):
            if one.is_ours or one.state == "stuck":
                continue  # it has gone on in this turn already
            one.is_ours = True
            self._driver.count(part.run, 1)
            if one.state == "running":
                self._follow(part, one, lifecycle.recover(one.as_row().item, self._driver.now()))
            else:
                self._try_again(part, one)

    def _try_again(self, part: Part, one: Open) -> None:
        """Begin a call that is ready or in a back-off, when its time has come."""
        assert one.row is not None
        where = (part.role, part.run, one.call.path, one.call.kind)
        if one.row.item.due > self._driver.now():
            self._driver.at(one.row.item.due, lambda: self._wake(*where))
        else:
            self._wake(*where)

    def _wake(self, role: str, run: str, path: str, kind: str) -> None:
        part = self._driver.part(role, run)
        one = part.items.get((path, kind)) if part is not None else None
        if part is None or one is None or one.row is None or one.state not in ("ready", "backoff"):
            return
        if one.row.item.due > self._driver.now():
            return self._try_again(part, one)
        if not self.has_room():
            return self._ready.append((role, run, path, kind))
        self._running[one] = _NOT_YET  # its place among the running calls is taken now
        begun = replace(one.row, item=lifecycle.begin(one.row.item), begun=self._driver.now(), ended=None)
        self._store(one, begun)
        self._driver.release(partial(self._make, part, one))

    def has_room(self) -> bool:
        """Whether one more call may begin."""
        return len(self._running) < self._driver.outside.workers and not self._driver.stopping

    def _store(self, one: Open, row: WorkRow) -> None:
        one.row = row
        self._driver.store.put_work(row)

    def _ended(self, part: Part, one: Open, attempt: int, result: Result) -> None:
        row = one.row
        if row is None:
            if one is not part.items.get((one.call.path, one.call.kind)):
                return  # given up before
            if type(result) is Ok:
                self._settled(part, one, 0, (result,))
            else:
                row = one.as_row()
        elif row.item.state != "running" or row.item.attempts != attempt:
            return
        if row is not None:
            driver = self._driver
            self._follow(part, one, lifecycle.settle(row.item, result, driver.now(), driver.outside.jitter()))
        while self._ready and self.has_room():
            self._wake(*self._ready.popleft())

    def _follow(self, part: Part, one: Open, item: Item) -> None:
        """Record how far a call is, and tell the machine what came of it."""
        driver, call, now = self._driver, one.call, self._driver.now()
        straight = one.row is None and item.state == "done" and item.answered == 1
        if not straight:
            self._store(one, replace(one.as_row(), item=item, ended=now))
        if item.state == "backoff":
            return self._try_again(part, one)
        if item.state == "stuck":
            last = item.last
            assert last is not None and not isinstance(last, event.Ok)
            driver.count(part.run, -1)
            id = f"stuck:{call.kind}:{call.path}:{item.round}"
            driver.feed(part, id, event.Stuck(now, call.path, call.kind, item.attempts, last.error, item.results))
            return
        self._settled(part, one, item.round, item.results)

    def _settled(self, part: Part, one: Open, round: int, results: tuple[Result, ...]) -> None:
        driver, call = self._driver, one.call
        del part.items[call.path, call.kind]
        id = f"done:{call.kind}:{call.path}:{round}"
        settled = event.Settled(driver.now(), call.path, call.kind, results)
        driver.feed(part, id, settled, codec.dump_settled(settled, driver.texts))
        # Only once what follows is done, so that nobody looks at a run that goes on with the next call, here or elsewhere.
        if driver.has_more():
            driver.then(partial(driver.count, part.run, -1))
        else:
            driver.count(part.run, -1)
        crash = driver.outside.crash.after
        if crash and call.kind == "do" and any(names(step, call.path) for step in crash):
            driver.release(failpoint.kill)

    # ------------------------------------------------------------ between turns

    def running(self) -> list[asyncio.Future[Any]]:
        """The calls that are under way."""
        return [answer for answer in self._running.values() if answer is not _NOT_YET]

    def _make(self, part: Part, one: Open) -> None:
        """Make a call whose attempt is on the disk."""
        driver, call, row = self._driver, one.call, one.row
        before = driver.outside.crash.before
        if before and call.kind == "do" and any(names(step, call.path) for step in before):
            failpoint.kill()
        failpoint.hit("before-effect")
        attempt, answered = (1, 0) if row is None else (row.item.attempts, row.item.answered)
        request = Request(
            part.run,
            part.share.flow,
            call.path,
            call.kind,
            call.service,
            call.operation,
            call.input,
            call.number if row is None else row.item.id.number,
            attempt,
            call.policy.timeout,
            call.undoes,
            call.reason,
            answered,
        )
        if driver.outside.notice is not None:
            driver.outside.notice(Notice(driver.now(), part.run, part.role, None, call.path, call.kind, attempt))
        try:
            caller = part.caller
            if caller is None:
                caller = part.caller = self._caller(part)
            begin = getattr(caller, "begin", None)
            running = None if begin is None else begin(request, partial(self._answered, part, one, attempt))
            if running is not None:  # it sees to its time limit, and comes back whatever happens
                self._running[one] = running
                return
            answer = asyncio.ensure_future(caller.call(request))
        except Exception as problem:  # whatever the factory can't do, it can't do for the next call either
            return driver.fail(problem)
        self._running[one] = answer
        self._limits.began(one, call.policy.timeout + driver.outside.grace)
        answer.add_done_callback(partial(self._came_back, part, one, attempt))

    def _caller(self, part: Part) -> Caller:
        driver = self._driver
        if part.options is None:
            part.options = driver.store.options(part.run)
        return driver.outside.callers(
            Setting(
                part.run,
                part.share.flow,
                part.options,
                part.share.operations,
                driver.clock,
                lambda: driver.recorded(part.role, part.run),
                driver.kept(part.share),
            )
        )

    def _came_back(self, part: Part, one: Open, attempt: int, answer: asyncio.Future[Result]) -> None:
        if self._running.get(one) is not answer:
            return  # given up before
        self._limits.ended(one, one.call.policy.timeout + self._driver.outside.grace)
        if answer.cancelled():
            return  # the engine is being closed; the call is recovered like one that died with its process
        problem = answer.exception()
        if problem is not None:
            return self._driver.fail(problem)
        self._answered(part, one, attempt, answer.result())

    def _answered(self, part: Part, one: Open, attempt: int, result: Result) -> None:
        failpoint.hit("after-effect")
        del self._running[one]
        self._driver.do(partial(self._ended, part, one, attempt, result))

    def _give_up(self, one: Open) -> None:
        """The caller has not come back long after the call's own limit."""
        answer, part = self._running.pop(one), self._driver.part(one.role, one.run)
        assert part is not None
        answer.cancel()
        attempt = 1 if one.row is None else one.row.item.attempts
        result = Unknown(Error("Timeout", "the caller did not come back", one.call.path))
        self._driver.do(partial(self._ended, part, one, attempt, result))


class _NotYet:
    """Stands for a call whose turn is not committed yet."""


_NOT_YET: asyncio.Future[Any] = _NotYet()  # type: ignore[assignment]
