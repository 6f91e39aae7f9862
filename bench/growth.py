"""How it grows: with finished runs, with waiting runs, with what is open at the start, with the length of a run, with timers.

Each figure is taken in a process of its own (`python -m bench.growth WORD ...`), on a store that was filled by copying.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.goals import Goal
from bench.page import table
from bench.peers import HOME, ROOT

PAIRS = 7


def main(python: str, *, quick: bool) -> str:
    """The part of the page about growth."""
    finished, waiting, opened, timers = (
        (20_000, 2_000, 1_000, 2_000) if quick else (1_000_000, 100_000, 10_000, 100_000)
    )
    goals: list[Goal] = []
    notes: list[str] = []
    with scratch() as folder:
        for word, many, text in (("finished", finished, "finished"), ("waiting", waiting, "waiting")):
            few = 1_000 if word == "finished" else 100
            few_path, many_path = f"{folder}/{word}-few.db", f"{folder}/{word}-many.db"
            for path, count in ((few_path, few), (many_path, many)):
                ask(python, "fill", word, path, str(count))
            few_side, many_side = Timed(python, few_path), Timed(python, many_path)
            ratios = [many_side.once() / few_side.once() for _ in range(3 if quick else PAIRS)]
            few_side.end(), many_side.end()
            goals.append(
                Goal(
                    f"processor time for a step, {many:,} {text} runs against {few:,}",
                    1.1,
                    statistics.median(ratios),
                    "x",
                    at_least=False,
                )
            )
            notes.append(
                f"{many:,} {text} against {few:,}: {min(ratios):.3g} to {max(ratios):.3g} in {len(ratios)} pairs"
            )
            if word == "waiting":
                found = ask(python, "memory", many_path)
                goals.append(
                    Goal(f"memory with {many:,} waiting runs taken up", 1024, found["MiB"], " MiB", at_least=False)
                )
        for count, bound in ((opened, 2), (opened * 10, 5)):
            path = f"{folder}/open-{count}.db"
            ask(python, "fill", "open", path, str(count))
            found = ask(python, "start", path)
            goals.append(
                Goal(
                    f"from the start of the process to the first progress, {count:,} open runs",
                    bound,
                    found["first"],
                    " s",
                    at_least=False,
                )
            )
            notes.append(f"{count:,} open runs: all of them were over after {found['all']:.1f} s")
        path = f"{folder}/prune.db"
        ask(python, "fill", "finished", path, "20000")
        begun = time.monotonic()
        found = ask(python, "prune", path)
        notes.append(
            f"`prune` took {found['pruned']:,} runs out in {time.monotonic() - begun:.0f} s beside a living engine, whose runs "
            f"of three steps, one after another, took p50 {found['p50']:.3g} ms and p99 {found['p99']:.3g} ms meanwhile"
        )
        found = ask(python, "loop")
        goals.append(
            Goal(
                "a loop of 10,000 steps, time for a step against one of 1,000", 1.3, found["ratio"], "x", at_least=False
            )
        )
        notes.append(f"a loop of 10,000 steps took {found['seconds']:.1f} s")
        path = f"{folder}/timers.db"
        ask(python, "fill", "timers", path, str(timers))
        found = ask(python, "timers", path)
        goals.append(
            Goal(f"{timers:,} timers due at once: those that fired early", 0, found["early"], "", at_least=False)
        )
        notes.append(
            f"{timers:,} timers due at once had fired after {found['seconds']:.1f} s; other runs of three steps, one after "
            f"another, took p50 {found['p50']:.3g} ms and p99 {found['p99']:.3g} ms meanwhile, {found['others']} were completed"
        )
    size = ["Measured with `--quick`, on smaller stores.", ""] if quick else []
    lines = ["## How it grows", "", *size, *table(goals), "", *(f"- {note}." for note in notes), ""]
    text = "\n".join(lines)
    print(text)
    return text


@contextmanager
def scratch() -> Iterator[str]:
    """A folder on a disk."""
    (HOME / "scratch").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=HOME / "scratch") as folder:
        yield folder


def ask(python: str, *words: str) -> dict[str, Any]:
    """What a process of ours says."""
    done = subprocess.run([python, "-m", "bench.growth", *words], cwd=ROOT, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


class Timed:
    """An engine on a store that runs three steps over and over when it is asked to."""

    def __init__(self, python: str, path: str) -> None:
        words = [python, "-B", "bench/contenders/ours.py", "orchestrate", path]
        self._process = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._read()

    def once(self) -> float:
        """Microseconds of processor for a run, 64 at once."""
        assert self._process.stdin is not None
        self._process.stdin.write('{"work": "three", "at_once": 64, "seconds": 1.0}\n')
        self._process.stdin.flush()
        found: float = self._read()["cpu"]
        return found

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found

    def end(self) -> None:
        """Let it go."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


# ---------------------------------------------------------------- in a process of its own


def _engine(path: str) -> Any:
    from flowlang.runtime.callers import callers
    from flowlang.runtime.engine import Engine

    return Engine.open(path, callers=callers)


async def _installed(engine: Any, name: str) -> str:
    from bench.flows import built, installation

    found: str = await engine.install(installation(built(name), "orchestrate"), OPTIONS)
    return found


OPTIONS = {"services": str(ROOT / "bench/flows/services")}


def _order() -> dict[str, Any]:
    from bench.contenders.contender import ORDER
    from flowlang.values import from_python

    return {"order": from_python(ORDER)}


async def fill(word: str, path: str, count: str) -> dict[str, Any]:
    """A store with so many runs of one kind."""
    from bench.stores import DAY, multiply

    async with _engine(path) as engine:
        hash = await _installed(engine, "three.flow" if word in ("finished", "open") else "wait.flow")
    if word == "open":
        await _killed(path, hash)
    else:
        async with _engine(path) as engine:
            started = await engine.start(hash, "orchestrate", _order(), run="the-first", options=OPTIONS)
            await engine.until(started.run)
    shift = -40 * DAY if word == "finished" else 0
    due = int(time.time() * 1000) + 1000 if word == "timers" else None
    multiply(path, "the-first", int(count) - 1, shift=shift, due=due)
    return {}


async def _killed(path: str, hash: str) -> None:
    """A run that was killed in its first call."""
    code = (
        "import asyncio, os\nfrom bench.growth import _engine, _order, OPTIONS\nfrom flowlang.runtime import failpoint\n"
        "failpoint.set_hook(lambda place: place == 'before-effect' and os.kill(os.getpid(), 9))\n"
        "async def main():\n  async with _engine(%r) as engine:\n"
        "    await engine.start(%r, 'orchestrate', _order(), run='the-first', options=OPTIONS)\n"
        "    await engine.until('the-first')\nasyncio.run(main())"
    )
    subprocess.run([sys.executable, "-c", code % (path, hash)], cwd=ROOT, check=False)


async def memory(path: str) -> dict[str, Any]:
    """Mebibytes of a process that has taken all runs up, and has sent an event to one of them."""
    async with _engine(path) as engine:
        await engine.resume()
        await engine.quiet()
        await engine.send("north.moved", {"id": "nobody"})
        await engine.quiet()
    return {"MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


async def start(path: str) -> dict[str, Any]:
    """Seconds from the start of the process to the first call, and to the end of all runs."""
    from flowlang.event import Settled
    from flowlang.runtime.callers import callers
    from flowlang.runtime.engine import Engine

    first: list[float] = []

    def note(notice: Any) -> None:
        if isinstance(notice.input, Settled) and not first:
            first.append(time.time() - BORN)

    async with Engine.open(path, callers=callers, notice=note) as engine:
        await engine.resume()
        await engine.quiet()
        assert engine.store.open_runs() == []
    return {"first": first[0], "all": time.time() - BORN}


async def loop() -> dict[str, Any]:
    """A loop of 1,000 and one of 10,000 steps, in turn."""
    with scratch() as folder:
        async with _engine(f"{folder}/loop.db") as engine:
            hash = await _installed(engine, "loop.flow")
            given = _order()["order"]
            ratios, seconds = [], 0.0
            for _ in range(3):
                took = []
                for count in (1_000, 10_000):
                    items = [given["items"][0]] * count
                    begun = time.perf_counter()
                    started = await engine.start(
                        hash, "orchestrate", {"order": {**given, "items": items}}, options=OPTIONS
                    )
                    assert await engine.until(started.run) == "completed"
                    seconds = time.perf_counter() - begun
                    took.append(seconds / count)
                ratios.append(took[1] / took[0])
    return {"ratio": statistics.median(ratios), "seconds": seconds}


async def timers(path: str) -> dict[str, Any]:
    """All timers at once, while other runs go on one after another."""
    from flowlang.event import Fired

    early, fired = 0, 0

    def note(notice: Any) -> None:
        nonlocal early, fired
        if isinstance(notice.input, Fired):
            fired += 1
            early += notice.input.at < due

    from flowlang.runtime.callers import callers
    from flowlang.runtime.engine import Engine

    async with Engine.open(path, callers=callers, notice=note) as engine:
        three = await _installed(engine, "three.flow")
        [[due, count]] = engine.store._all(
            "SELECT min(due), count(*) FROM timers WHERE due < ?", (int(time.time() * 1000) + 10**7,)
        )
        await engine.resume()
        begun, took = time.perf_counter(), []
        while fired < count:
            before = time.perf_counter()
            started = await engine.start(three, "orchestrate", _order(), options=OPTIONS)
            await engine.until(started.run)
            took.append((time.perf_counter() - before) * 1e3)
        seconds = time.perf_counter() - begun
    took.sort()
    return {
        "early": early,
        "seconds": seconds,
        "others": len(took),
        "p50": took[len(took) // 2],
        "p99": took[int(len(took) * 0.99)],
    }


async def prune(path: str) -> dict[str, Any]:
    """Prune in another process, while an engine goes on."""
    async with _engine(path) as engine:
        three = await _installed(engine, "three.flow")
        words = [sys.executable, "-m", "flowlang", "prune", "--older-than", "30d", "--store", path]
        process = await asyncio.create_subprocess_exec(*words, cwd=ROOT, stderr=asyncio.subprocess.PIPE)
        said = asyncio.ensure_future(process.communicate())
        took = []
        while not said.done():
            before = time.perf_counter()
            started = await engine.start(three, "orchestrate", _order(), options=OPTIONS)
            await engine.until(started.run)
            took.append((time.perf_counter() - before) * 1e3)
        text = (await said)[1].decode()
    took.sort()
    return {"pruned": int(text.split()[0]), "p50": took[len(took) // 2], "p99": took[int(len(took) * 0.99)]}


BORN = time.time()


def _born() -> float:
    """When this process began, as the system knows it."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        uptime = float(Path("/proc/uptime").read_text().split()[0])
    except OSError:
        return BORN
    return time.time() - (uptime - int(fields[19]) / os.sysconf("SC_CLK_TCK"))


if __name__ == "__main__":
    BORN = _born()
    words = {"fill": fill, "memory": memory, "start": start, "loop": loop, "timers": timers, "prune": prune}
    answer = asyncio.run(words[sys.argv[1]](*sys.argv[2:]))  # type: ignore[operator]
    sys.__stdout__.write(json.dumps(answer) + "\n")
