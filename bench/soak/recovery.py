"""How long a process takes, from its start, until the first of 10,000 runs that were open when the last one died goes on.

`python -m bench.soak.recovery` prints the seconds. With a PATH it makes the runs and is killed; with `--again` it is the next process.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from flowlang.event import Result
from flowlang.runtime import failpoint
from flowlang.runtime.engine import Engine
from flowlang.runtime.ports import Request
from flowlang.runtime.setting import Setting

RUNS = 10_000
CASE = "image_convert/all_well"


def measure(times: int = 3) -> list[float]:
    """Seconds, several times over one store after one kill each."""
    root = str(Path(__file__).parents[2])
    found = []
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "bench.soak.recovery", f"{folder}/s.db"]
        made = subprocess.run(command, cwd=root)
        assert made.returncode == -signal.SIGKILL, made
        for _ in range(times):
            environment = {**os.environ, "SOAK_BEGAN": str(time.time())}
            done = subprocess.run([*command, "--again"], cwd=root, env=environment, stdout=subprocess.PIPE, text=True)
            assert done.returncode == -signal.SIGKILL, done
            found.append(float(done.stdout))
    return found


class _Hangs:
    """An outside that never answers."""

    async def call(self, request: Request) -> Result:
        """See `Caller`."""
        await asyncio.Event().wait()
        raise AssertionError("nobody answers")


class _Progress:
    """Ends the process at the first call, and says when that was."""

    async def call(self, request: Request) -> Result:
        """See `Caller`."""
        print(time.time() - float(os.environ["SOAK_BEGAN"]), flush=True)
        failpoint.kill()
        raise AssertionError("we are dead")


async def _make(path: str) -> None:
    from bench.soak import examples

    case = examples.case(CASE)
    async with Engine.open(path, callers=_hangs, poll=False, workers=RUNS + 1) as engine:
        hash = await engine.install(case.installation("orchestrate"))
        for first in range(0, RUNS, 500):
            names = [f"r{number}" for number in range(first, min(first + 500, RUNS))]
            await asyncio.gather(*(engine.start(hash, "orchestrate", case.input, run=name) for name in names))
        assert len(engine.store.open_runs()) == RUNS
        failpoint.kill()


async def _again(path: str) -> None:
    async with Engine.open(path, callers=_progress, jitter=lambda: 0.0) as engine:
        await engine.resume()
        await engine.until("r0", follow=True)


def _hangs(setting: Setting) -> _Hangs:
    return _Hangs()


def _progress(setting: Setting) -> _Progress:
    return _Progress()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.soak.recovery")
    parser.add_argument("path", nargs="?", default="")
    parser.add_argument("--again", action="store_true")
    given = parser.parse_args()
    if not given.path:
        print(max(measure(1)))
        sys.exit()
    asyncio.run(_again(given.path) if given.again else _make(given.path))
