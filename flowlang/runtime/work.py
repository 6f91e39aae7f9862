"""The calls of steps: claimed, counted before they are made, made after the commit, settled by the lifecycle.

A call that was under way when the process died has a result that nobody knows; `recover` asks for it again under the same
key. The caller enforces the time limit; a caller that does not come back at all is given up a little later.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from flowlang import event, lifecycle
from flowlang.event import EffectId, Error, Result, Unknown, key_of
from flowlang.lifecycle import Item
from flowlang.runtime import failpoint
from flowlang.runtime.ports import Caller, Request
from flowlang.runtime.setting import Notice, Setting, names
from flowlang.runtime.store import WorkRow

if TYPE_CHECKING:
    from flowlang.runtime.driver import Driver, Part


class Work:
    """The calls of one driver."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._running: dict[tuple[str, str, str, str], asyncio.Task[Result]] = {}
        self._ready: deque[tuple[str, str, str, str]] = deque()
        self._given_up: set[asyncio.Task[Result]] = set()

    # ------------------------------------------------------------ within a turn

    def open(self, part: Part, call: event.Invoke, at: int) -> None:
        """A step is to be called."""
        row = WorkRow(part.role, part.run, Item(call), at, None, None)
        self._driver.count(part.run, 1)
        if self._has_room():
            row = self._begun(row)
            self._driver.release(lambda: self._make(part, row))
        else:
            self._ready.append((part.role, part.run, call.path, call.kind))
        part.items[call.path, call.kind] = row
        self._driver.store.add_work(row)

    def halt(self, part: Part, path: str) -> None:
        """A step's call is not to be tried again."""
        row = part.items.get((path, "do"))
        if row is None or row.item.state == "stuck":
            return
        item = lifecycle.halt(row.item)
        if item.state == "done":
            self._driver.then(lambda: self._follow(part, row, item))
        else:
            self._store(part, replace(row, item=item))

    def resolved(self, part: Part, resolved: event.Resolved) -> None:
        """An operator has spoken about a stuck call; the machine has taken it in already."""
        row = part.items.get((resolved.path, resolved.kind))
        if row is None or row.item.state != "stuck":
            return
        if resolved.decision != "retry":
            del part.items[resolved.path, resolved.kind]
            answered = replace(row, item=lifecycle.answer(row.item), ended=resolved.at)
            return self._driver.store.set_work(answered)
        self._driver.count(part.run, 1)
        row = replace(row, item=lifecycle.retry(row.item), ended=None)
        self._store(part, row)
        self._try_again(part, row)

    def recover(self, row: WorkRow) -> None:
        """Go on with a call that another process left behind."""
        part = self._driver.part(row.role, row.run)
        assert part is not None
        known = part.items.get((row.item.call.path, row.item.call.kind))
        if known is None or known.item != row.item:
            return  # it has gone on in this turn already
        self._driver.count(row.run, 1)
        if row.item.state == "running":
            self._follow(part, row, lifecycle.recover(row.item, self._driver.now()))
        else:
            self._try_again(part, row)

    def _try_again(self, part: Part, row: WorkRow) -> None:
        """Begin a call that is ready or in a back-off, when its time has come."""
        role, run, path, kind = part.role, part.run, row.item.call.path, row.item.call.kind
        if row.item.due > self._driver.now():
            self._driver.at(row.item.due, lambda: self._wake(role, run, path, kind))
        else:
            self._wake(role, run, path, kind)

    def _wake(self, role: str, run: str, path: str, kind: str) -> None:
        part = self._driver.part(role, run)
        row = part.items.get((path, kind)) if part is not None else None
        if part is None or row is None or row.item.state not in ("ready", "backoff"):
            return
        if row.item.due > self._driver.now():
            return self._try_again(part, row)
        if not self._has_room():
            return self._ready.append((role, run, path, kind))
        begun = self._begun(row)
        self._store(part, begun)
        self._driver.release(lambda: self._make(part, begun))

    def _has_room(self) -> bool:
        return len(self._running) < self._driver.outside.workers and not self._driver.stopping

    def _begun(self, row: WorkRow) -> WorkRow:
        """`row` with an attempt under way; its place among the running calls is taken now."""
        call = row.item.call
        self._running[row.role, row.run, call.path, call.kind] = _NOT_YET
        return replace(row, item=lifecycle.begin(row.item), begun=self._driver.now(), ended=None)

    def _store(self, part: Part, row: WorkRow) -> None:
        part.items[row.item.call.path, row.item.call.kind] = row
        self._driver.store.set_work(row)

    def _ended(self, part: Part, path: str, kind: str, attempt: int, result: Result) -> None:
        row = part.items.get((path, kind))
        if row is None or row.item.state != "running" or row.item.attempts != attempt:
            return  # given up before
        self._follow(part, row, lifecycle.settle(row.item, result, self._driver.now(), self._driver.outside.jitter()))
        while self._ready and self._has_room():
            self._wake(*self._ready.popleft())

    def _follow(self, part: Part, row: WorkRow, item: Item) -> None:
        """Record how far a call is, and tell the machine what came of it."""
        driver, call, now = self._driver, item.call, self._driver.now()
        if item.state == "backoff":
            row = replace(row, item=item, ended=now)
            self._store(part, row)
            return self._try_again(part, row)
        self._store(part, replace(row, item=item, ended=now))
        driver.count(part.run, -1)
        id = f"{item.state}:{call.kind}:{call.path}:{item.round}"
        if item.state == "stuck":
            last = item.last
            assert last is not None and not isinstance(last, event.Ok)
            driver.feed(part, id, event.Stuck(now, call.path, call.kind, item.attempts, last.error, item.results))
            return
        del part.items[call.path, call.kind]
        driver.feed(part, id, event.Settled(now, call.path, call.kind, item.results))
        if call.kind == "do" and any(names(step, call.path) for step in driver.outside.crash.after):
            driver.release(failpoint.kill)

    # ------------------------------------------------------------ between turns

    def running(self) -> list[asyncio.Task[Result]]:
        """The calls that are under way."""
        return [task for task in self._running.values() if task is not _NOT_YET]

    def _make(self, part: Part, row: WorkRow) -> None:
        """Make a call whose attempt is on the disk."""
        driver, item, call = self._driver, row.item, row.item.call
        if call.kind == "do" and any(names(step, call.path) for step in driver.outside.crash.before):
            failpoint.kill()
        failpoint.hit("before-effect")
        request = Request(
            run=part.run,
            flow=part.share.flow,
            path=call.path,
            kind=call.kind,
            service=call.service,
            operation=call.operation,
            input=call.input,
            key=key_of(part.run, item.id),
            attempt=item.attempts,
            timeout=call.policy.timeout,
            undoes=key_of(part.run, EffectId(call.path, "do", call.undoes)) if call.kind == "undo" else "",
            reason=call.reason,
            answered=item.answered,
        )
        if driver.outside.notice is not None:
            driver.outside.notice(Notice(driver.now(), part.run, part.role, None, call.path, call.kind, item.attempts))
        try:
            caller = self._caller(part)
        except Exception as problem:  # whatever the factory can't do, it can't do for the next call either
            return driver.fail(problem)
        loop = asyncio.get_running_loop()
        task: asyncio.Task[Result] = loop.create_task(_call(caller, request))
        key = (part.role, part.run, call.path, call.kind)
        self._running[key] = task
        patience = (call.policy.timeout + driver.outside.grace) / 1000
        guard = loop.call_later(patience, self._give_up, part, row, task)
        task.add_done_callback(lambda _: guard.cancel())
        task.add_done_callback(lambda _: self._came_back(part, row, task))

    def _caller(self, part: Part) -> Caller:
        if part.caller is None:
            store, role, run = self._driver.store, part.role, part.run
            setting = Setting(
                run,
                part.share.flow,
                store.options(run),
                part.share.operations,
                self._driver.clock,
                lambda: store.recorded(role, run),
            )
            part.caller = self._driver.outside.callers(setting)
        return part.caller

    def _came_back(self, part: Part, row: WorkRow, task: asyncio.Task[Result]) -> None:
        if task in self._given_up:
            self._given_up.discard(task)
            return
        if task.cancelled():
            return  # the engine is being closed; the call is recovered like one that died with its process
        problem = task.exception()
        if problem is not None:
            return self._driver.fail(problem)
        failpoint.hit("after-effect")
        self._take_back(part, row, task.result())

    def _give_up(self, part: Part, row: WorkRow, task: asyncio.Task[Result]) -> None:
        """The caller has not come back long after the call's own limit."""
        self._given_up.add(task)
        task.cancel()
        path = row.item.call.path
        self._take_back(part, row, Unknown(Error("Timeout", "the caller did not come back", path)))

    def _take_back(self, part: Part, row: WorkRow, result: Result) -> None:
        call = row.item.call
        self._running.pop((part.role, part.run, call.path, call.kind), None)
        self._driver.do(lambda: self._ended(part, call.path, call.kind, row.item.attempts, result))


async def _call(caller: Caller, request: Request) -> Result:
    return await caller.call(request)


class _NotYet:
    """Stands for a call whose turn is not committed yet."""


_NOT_YET: asyncio.Task[Result] = _NotYet()  # type: ignore[assignment]
