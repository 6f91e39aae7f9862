"""What outlives every kill: a process that writes down each call by its key, and a clock that all processes share.

The ledger is told of a call before it is made and of its effect before its answer goes back, and each line is acknowledged
when it is written, so what it says of a key is true whatever an engine believes. The clock is real time and an offset in
shared memory: whoever has nothing to do moves it on to what is due next, and three days take as long as nothing does.
"""

from __future__ import annotations

import asyncio
import json
import mmap
import os
import struct
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from flowlang.event import Ok, Result
from flowlang.runtime.ports import Caller, Request
from flowlang.values import wire_dumps, wire_loads
from flowlang.verify.ledger import Entry, Ledger

LOOK = 0.005  # seconds between two looks of a sleeper at the shared clock


class SharedClock:
    """Real time, and what was skipped of it. Made before the processes that share it are forked."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 8)

    def now(self) -> int:
        """The present time."""
        return time.time_ns() // 1_000_000 + int(struct.unpack("q", self._memory[:8])[0])

    def skip_to(self, due: int) -> None:
        """Let it be `due` now, or later."""
        left = due - self.now()
        if left > 0:
            self._memory[:8] = struct.pack("q", struct.unpack("q", self._memory[:8])[0] + left)

    async def sleep_until(self, due: int) -> None:
        """Return at `due` or later, never earlier."""
        while self.now() < due:
            await asyncio.sleep(max(0.0, self.nap(due - self.now())))

    def nap(self, left: int) -> float:
        """A moment: somebody may move this clock on."""
        return min(left / 1000, LOOK)

    def real(self) -> AbstractContextManager[None]:
        """Hold this around the user's own code. Real time passes anyway."""
        return nullcontext()


class Told:
    """The way of one process to the ledger."""

    def __init__(self, socket: Path) -> None:
        self._socket = str(socket)
        self._lock = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def tell(self, what: str, request: Request | None = None, word: str = "", id: str = "") -> None:
        """Return when the line is written."""
        line: dict[str, object] = {"what": what, "word": word, "id": id, "process": str(os.getpid())}
        if request is not None:
            line |= {name: getattr(request, name) for name in _FIELDS} | {"input": wire_dumps(request.input)}
        async with self._lock:
            if self._streams is None:
                self._streams = await asyncio.open_unix_connection(self._socket)
            reader, writer = self._streams
            writer.write(json.dumps(line).encode() + b"\n")
            if await reader.readline() != b"written\n":
                raise ConnectionError("the ledger has gone")


_FIELDS = ("run", "path", "kind", "key", "attempt", "undoes")


class Noted:
    """Calls through `caller`, and the ledger knows of it."""

    def __init__(self, caller: Caller, told: Told) -> None:
        self._caller = caller
        self._told = told

    async def call(self, request: Request) -> Result:
        """One attempt. See `Caller`."""
        await self._told.tell("begin", request)
        result = await self._caller.call(request)
        if type(result) is Ok:
            await self._told.tell("effect", request)
        return result


def keep(socket: Path, file: Path, alive: int) -> None:
    """Be the ledger until `alive`, a pipe that whoever started us holds open, ends."""
    asyncio.run(_keep(str(socket), file, alive))


async def _keep(socket: str, file: Path, alive: int) -> None:
    book = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (line := await reader.readline()).endswith(b"\n"):
                os.write(book, line)
                writer.write(b"written\n")
        except ConnectionError:
            pass  # it was killed while it waited for our word: what it said is written
        finally:
            writer.close()

    server = await asyncio.start_unix_server(hear, socket, limit=1 << 24)
    gone = asyncio.Event()
    asyncio.get_running_loop().add_reader(alive, gone.set)
    await gone.wait()
    server.close()


class Book:
    """The ledger's file, read on as it grows: the calls, and what clients were told is taken in."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read = 0

    def since(self) -> tuple[Ledger, list[tuple[str, str]], int]:
        """What was written since this was asked last: calls, what was accepted, and how many keys had a second effect that a
        service which honours keys did not make anew."""
        ledger, accepted, done = Ledger(), [], set()
        again = 0
        for line in self._lines():
            if line["what"] == "accepted":
                if (line["word"], line["id"]) not in accepted:
                    accepted.append((line["word"], line["id"]))
                continue
            if line["what"] == "effect":
                if line["key"] in done:
                    again += 1
                    continue
                done.add(line["key"])
            ledger.entries.append(
                Entry(
                    seq=len(ledger.entries),
                    at=0,
                    what=line["what"],
                    process=line["process"],
                    input=wire_loads(line["input"]),
                    **{name: line[name] for name in _FIELDS},
                )
            )
        return ledger, accepted, again

    def _lines(self) -> Iterator[dict[str, Any]]:
        if not self._file.exists():
            return
        with open(self._file, "rb") as file:
            file.seek(self._read)
            data = file.read()
        self._read += len(data)
        for line in data.splitlines():
            yield json.loads(line)
