"""`python half_born.py FOLDER`: make a store and be killed at the first write, the second, ... until it is made; look each
time at what is left. Prints how many times it was killed."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import apsw

from flowlang.runtime.sqlite import open_store


class Deadly(apsw.VFS):
    """SQLite's own files, but before so many changes of one this process is killed."""

    left = 0

    def __init__(self) -> None:
        self.real = apsw.vfs_names()[0]
        super().__init__("deadly", self.real, makedefault=True)

    def xOpen(self, name: Any, flags: Any) -> DeadlyFile:
        return DeadlyFile(self.real, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        count()
        super().xDelete(filename, syncdir)


class DeadlyFile(apsw.VFSFile):
    """A file whose changes are counted."""

    def __init__(self, real: str, name: Any, flags: Any) -> None:
        super().__init__(real, name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        count()
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:
        count()
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:
        count()
        super().xSync(flags)


def count() -> None:
    """One change more."""
    Deadly.left -= 1
    if Deadly.left == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def killed_at(change: int, path: str) -> bool:
    """Whether a process that makes the store at `path` comes as far as to this change, where it is killed."""
    child = os.fork()
    if child == 0:
        vfs = Deadly()
        Deadly.left = change
        open_store(path)
        del vfs
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL), status
    return status != 0


def main() -> None:
    """Every change, one after the other."""
    change = 1
    while killed_at(change, path := f"{sys.argv[1]}/{change}.db"):
        for write in (False, True, False) if os.path.exists(path) else (True, False):
            store = open_store(path, write)
            assert store.flows() == [], (change, write)
            store.close()
        change += 1
    print(change - 1)


if __name__ == "__main__":
    main()
