"""One engine for each store: a lock that the operating system drops when its holder dies, however it dies.

The lock lies beside the store in a file of its own, which also says who holds it; it is never deleted, so two processes
can't lock two files of the same name. A service process takes a lock of its own for its role.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import math
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from flowlang.runtime.store import StoreError

PAUSE = 0.02  # seconds between looks at a lock that somebody holds
MOMENT = 1.0  # seconds after which whoever waits for a lock says so


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds a store: process id, host, and when it began (UTC, RFC 3339)."""

    pid: int
    host: str
    started: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.started}" if self.pid else "another process"


class StoreOwned(StoreError):
    """Another engine lives on this store."""

    def __init__(self, path: str, owner: Owner) -> None:
        super().__init__(f"the store `{path}` belongs to {owner}")
        self.owner = owner


class Lock:
    """A lock that is held until `release`, or until this process is gone."""

    def __init__(self, file: int) -> None:
        self._file = file

    def release(self) -> None:
        """Let others have the store."""
        if self._file >= 0:
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = -1


def take(path: str, role: str = "") -> Lock:
    """The lock of the store at `path`, or of one role in it. Raises StoreOwned, or StoreError where it can't be made."""
    name = _name(path, role)
    try:
        file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StoreError(f"the lock `{name}` can't be opened: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = _read(file)
        os.close(file)
        raise StoreOwned(path, owner) from None
    me = Owner(os.getpid(), socket.gethostname(), datetime.now(UTC).isoformat(timespec="seconds"))
    os.ftruncate(file, 0)
    os.pwrite(file, json.dumps([me.pid, me.host, me.started]).encode(), 0)
    return Lock(file)


async def take_when_free(
    path: str, role: str, say: Callable[[str], object], given_up: Callable[[], bool] = lambda: False
) -> Lock | None:
    """The lock of a role, as soon as a predecessor that is still ending has ended: a service whose parent was killed lets
    its running calls end first, and two must not act for one role. None when it is `given_up` before. A handler that blocks
    may make this long, so after a moment `say` gets a sentence with who is waited for."""
    silent_until = time.monotonic() + MOMENT
    while not given_up():
        try:
            return take(path, role)
        except StoreOwned as held:
            if time.monotonic() >= silent_until:
                silent_until = math.inf
                say(f"waiting for {held.owner}, which is service `{role}` and has not ended its last call yet")
        await asyncio.sleep(PAUSE)
    return None


def owner_of(path: str, role: str = "") -> Owner | None:
    """Who holds the store at `path`, or one role in it; None when nobody does."""
    try:
        file = os.open(_name(path, role), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except OSError:
        return _read(file)
    finally:
        os.close(file)


def left_by(path: str, role: str = "") -> int:
    """The process that was ended while it held the store at `path`, or one role in it, and so could not let go; 0 where the
    last one has let go, or somebody holds it."""
    try:
        file = os.open(_name(path, role), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return _read(file).pid
    except OSError:
        return 0
    finally:
        os.close(file)


def _name(path: str, role: str) -> str:
    path = os.path.realpath(path)  # a store reached through a link is the same store
    return f"{path}.{role}.lock" if role else f"{path}.lock"


def _read(file: int) -> Owner:
    """The holder writes its name after it has the lock, so for a moment nothing may stand there."""
    try:
        pid, host, started = json.loads(os.pread(file, 4096, 0))
        return Owner(pid, host, started)
    except ValueError:
        return Owner(0, "", "")
