"""`run --isolate`: each service's handlers in a process of their own, so that none can take the engine down.

A handler that ends its process, is killed for the memory that it eats, or blocks, costs its own service the calls that are
under way there: nobody knows whether they happened, so they are tried again under their keys, in a new process. The engine
and all other services go on meanwhile.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterable
from contextlib import suppress

from flowlang.declared import Operation
from flowlang.event import Error, Result, Unknown
from flowlang.runtime import worker
from flowlang.runtime.handlers import GRACE
from flowlang.runtime.ports import Request, ScenarioMistake
from flowlang.runtime.processes import environment
from flowlang.values import Duration

OVER = GRACE + 1.0  # seconds beyond a call's limit after which its process is ended: it can't even say that it is late
PATIENCE = 1.0  # seconds that a process without calls gets to end


class Isolated:
    """Calls the handlers in `folder`. A process is started with the first call of its service."""

    def __init__(self, folder: str, operations: Iterable[Operation]) -> None:
        self._folder = folder
        self._operations = list(operations)
        self._workers: dict[str, asyncio.Task[_Worker]] = {}

    async def call(self, request: Request) -> Result:
        """One attempt. See `Caller`."""
        starting = self._workers.get(request.service)
        if starting is None or (starting.done() and starting.result().has_ended):
            mine = [one for one in self._operations if one.service == request.service]
            starting = asyncio.ensure_future(_Worker.start(self._folder, mine))
            self._workers[request.service] = starting
        return await (await asyncio.shield(starting)).call(request)

    async def close(self) -> None:
        """End all processes."""
        for starting in self._workers.values():
            await (await starting).close()
        self._workers.clear()


class _Worker:
    """One process, and what it was asked."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._asked: dict[int, asyncio.Future[Result | ScenarioMistake | None]] = {}
        self._number = 0
        self.has_ended = False
        self._reading = asyncio.create_task(self._read())

    @staticmethod
    async def start(folder: str, operations: list[Operation]) -> _Worker:
        words = (sys.executable, "-m", "flowlang.runtime.worker")
        process = await asyncio.create_subprocess_exec(
            *words, stdin=PIPE, stdout=PIPE, env=environment(may_fail=False), limit=worker.LONGEST
        )
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(worker.opening(folder, operations).encode() + b"\n")
        await process.stdout.readline()  # it is ready, or has ended: from now on a call takes its own time only
        return _Worker(process)

    async def call(self, request: Request) -> Result:
        """The result, or `Unknown` where the process ends before it has one."""
        answer: asyncio.Future[Result | ScenarioMistake | None] = asyncio.get_running_loop().create_future()
        if self.has_ended:
            return _gone(request)
        self._number += 1
        number = self._number
        self._asked[number] = answer
        self._write(worker.asking(number, request))
        try:
            said = await asyncio.wait_for(answer, request.timeout / 1000 + OVER)
        except TimeoutError:
            self._kill()
            text = f"the handler took longer than {Duration(request.timeout)} and held up its process, which was ended"
            return Unknown(Error("Timeout", text, request.path))
        finally:
            self._asked.pop(number, None)
        if isinstance(said, ScenarioMistake):
            raise said
        return _gone(request) if said is None else said

    async def close(self) -> None:
        """Ask nothing any more, and return when the process is gone."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), PATIENCE)
        except TimeoutError:
            self._kill()
        await self._reading

    def _kill(self) -> None:
        self.has_ended = True
        with suppress(ProcessLookupError):
            self._process.kill()

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while (line := await self._process.stdout.readline()).endswith(b"\n"):
            number, said = worker.answered(line)
            self._tell(number, said)
        self.has_ended = True
        await self._process.wait()
        for number in list(self._asked):
            self._tell(number, None)

    def _tell(self, number: int, said: Result | ScenarioMistake | None) -> None:
        answer = self._asked.get(number)
        if answer is not None and not answer.done():
            answer.set_result(said)


def _gone(request: Request) -> Result:
    text = f"the process of the handlers of `{request.service}` ended"
    return Unknown(Error("Unavailable", text, request.path))
