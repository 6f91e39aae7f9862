"""Slices of proofs, each in a process of its own, so many at a time.

The processes are forked off one that has everything imported, holds no store and has one thread; those that a slice kills
are forked off its own process in turn. A slice says what it found in a file when it is over, so one that is broken off has
said nothing, and is done anew.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from bench.soak.state import Found
from flowlang.runtime.loop import COLLECTED
from flowlang.verify.child import folder_of_memory, forked

LOOK = 0.02  # seconds between two looks whether a slice is over
TAIL = 600  # characters of what a slice wrote to its standard error that are kept when it broke


@dataclass(frozen=True, slots=True)
class Done:
    """A slice that is over: of which proof, which one, after how many seconds, with what result."""

    proof: str
    slice: int
    seconds: float
    found: Found


@dataclass(frozen=True, slots=True)
class _Job:
    proof: str
    slice: int
    began: float
    folder: Path


class Workers:
    """`many` processes at a time. Leaving the block ends those that are left."""

    def __init__(self, many: int) -> None:
        self.many = many
        self._jobs: dict[int, _Job] = {}
        self._folder = Path(tempfile.mkdtemp(prefix="soak-", dir=folder_of_memory()))

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, at: TracebackType | None
    ) -> None:
        for pid in self._jobs:
            _end_group(pid)
            os.waitpid(pid, 0)
        shutil.rmtree(self._folder)

    @property
    def free(self) -> int:
        """How many more may be started."""
        return self.many - len(self._jobs)

    @property
    def busy(self) -> int:
        """How many go on."""
        return len(self._jobs)

    def seconds(self, proof: str) -> float:
        """How long the slices of a proof that go on now have taken."""
        return sum(time.monotonic() - job.began for job in self._jobs.values() if job.proof == proof)

    def start(self, proof: str, slice: int, act: Callable[[Path], Found]) -> None:
        """Do a slice, in a folder of its own."""
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        sys.stdout.flush()
        pid = forked(lambda: _work(folder, act))
        self._jobs[pid] = _Job(proof, slice, time.monotonic(), folder)

    def over(self) -> Iterator[Done]:
        """Those that have ended; waits a moment when none has."""
        ended = [pid for pid in self._jobs if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)]
        if not ended:
            time.sleep(LOOK)
        for pid in ended:
            _end_group(pid)  # before its id is free: what a broken slice has left
            _, status = os.waitpid(pid, 0)
            job = self._jobs.pop(pid)
            yield Done(job.proof, job.slice, time.monotonic() - job.began, _found(job.folder, status))
            shutil.rmtree(job.folder)


def _work(folder: Path, act: Callable[[Path], Found]) -> None:
    gc.freeze()  # what is there already is not looked through in each
    gc.set_threshold(*COLLECTED)
    os.setpgid(0, 0)  # a ctrl-C is for whoever started us; and we and all of ours are ended together
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with open(folder / "stderr", "wb") as file:
        os.dup2(file.fileno(), sys.stderr.fileno())
    work = folder / "work"
    work.mkdir()
    found = act(work)
    (folder / "found").write_text(json.dumps(found), encoding="utf-8")


def _found(folder: Path, status: int) -> Found:
    """What the slice said; where a promise was broken, with the end of what its processes wrote to their standard error."""
    error = folder / "stderr"
    said = error.read_text(encoding="utf-8", errors="replace")[-TAIL:].strip() if error.exists() else ""
    if status != 0:
        return {"n": 0, "broken": [f"ended with {os.waitstatus_to_exitcode(status)}: {said}"]}
    found: Found = json.loads((folder / "found").read_text(encoding="utf-8"))
    if found["broken"] and said:
        found["broken"][-1] += f"\n{said}"
    return found


def _end_group(leader: int) -> None:
    """Kill a process of ours and all that it has started."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # all have ended, or it is not yet the leader of a group
        os.kill(leader, signal.SIGKILL)
