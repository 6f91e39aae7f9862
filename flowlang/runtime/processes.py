"""Each service as a process of the operating system: started, watched, started again when it is killed, stopped.

The parent knows the processes and nothing of what they say to each other; they meet in the store, on the bus. A child
whose parent dies sees its input end, and goes. A child that was killed, or whose handler has ended the process, is started
anew and goes on from its journal: the attempt is counted, so a handler that always does so comes to an end like one that
always fails. A child that gives up by itself (it can't read the store, its handlers are broken) would give up again, so that
ends the engine; it has let go of the lock of its role, which nobody can do who is ended from outside.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import flowlang
from flowlang.runtime import failpoint, lock
from flowlang.runtime.setting import Crash
from flowlang.runtime.store import StoreError

if TYPE_CHECKING:
    from flowlang.runtime.driver import Driver

PATIENCE = 40.0  # seconds that a child gets to end its calls before it is killed


UNUSABLE = 2  # the exit status of a service whose handlers, or whose scenario, can't be used


def environment(may_fail: bool) -> dict[str, str]:
    """Of a process of ours, which finds this very package whatever folder it is started in; without the failpoint of this one
    unless it `may_fail` too."""
    found = dict(os.environ)
    root = str(Path(flowlang.__file__).resolve().parent.parent)
    found["PYTHONPATH"] = os.pathsep.join([root, *filter(None, [found.get("PYTHONPATH")])])
    if not may_fail:
        found.pop(failpoint.VARIABLE, None)
    return found


class ServiceDied(StoreError):
    """A service process gave up; it has said why on its standard error. `unusable` when what the user gave it is at
    fault, and not the store."""

    def __init__(self, service: str, status: int) -> None:
        super().__init__(f"service `{service}` gave up with status {status}")
        self.unusable = status == UNUSABLE


class Fleet:
    """The service processes of one engine. `crash` holds for the first process of each service only."""

    def __init__(self, driver: Driver, crash: Crash, durability: str = "full") -> None:
        self._driver = driver
        self._durability = durability
        self._crash = crash
        self.children: dict[str, Process] = {}
        self._watches: list[asyncio.Task[None]] = []
        self.stopping = False

    async def start(self, services: Iterable[str]) -> None:
        """See to it that each of these services has a process."""
        for service in services:
            if service not in self.children:
                self.children[service] = await self._launch(service, first=True)
                self._watches.append(asyncio.create_task(self._watch(service)))

    async def stop(self) -> None:
        """Ask all processes to end what is under way, and wait until they are gone."""
        self.stopping = True
        for child in self.children.values():
            if child.returncode is None:
                child.send_signal(signal.SIGTERM)
        for child in self.children.values():
            try:
                await asyncio.wait_for(child.wait(), PATIENCE)
            except TimeoutError:
                child.kill()
                await child.wait()
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)

    async def _launch(self, service: str, first: bool) -> Process:
        words = [
            "--store",
            os.path.abspath(self._driver.store.path),
            "--service",
            service,
            "--durability",
            self._durability,
        ]
        if first:
            words += [word for step in self._crash.before for word in ("--crash-before", step)]
            words += [word for step in self._crash.after for word in ("--crash-after", step)]
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "flowlang.runtime.service",
            *words,
            stdin=PIPE,
            stdout=2,  # what a handler prints is talk; our own standard output is data
            env=environment(may_fail=first),
        )

    async def _watch(self, service: str) -> None:
        """Start a service anew whenever it is killed, or a handler of it ends the process."""
        while True:
            child = self.children[service]
            status = await child.wait()
            if self.stopping:
                return
            if status >= 0 and lock.left_by(self._driver.store.path, service) != child.pid:
                return self._driver.fail(ServiceDied(service, status))
            self.children[service] = await self._launch(service, first=False)
