"""Real processes, a real file and a real `kill -9`: at a named place of a turn, at whichever pass of it, or at any time.

The engine and the services are processes of their own, forked from this one so that a start costs little. What they call is
one more process, the ledger, which outlives every kill: it performs a key once and writes down all that it is asked. After a
kill the processes are started again until the runs are over; then the store and the ledger are held against each other and
against what the flow means, by the same checks as in a simulation.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowlang import ir
from flowlang.event import External
from flowlang.lifecycle import OVER
from flowlang.runtime import engine, failpoint, view
from flowlang.runtime.callers import SERVICES, callers
from flowlang.runtime.programs import Installation
from flowlang.runtime.service import serve
from flowlang.runtime.setting import NO_CRASH
from flowlang.values import wire_dumps, wire_loads
from flowlang.verify.child import forked
from flowlang.verify.invariants import Checks, whole
from flowlang.verify.ledger import Entry, Ledger
from flowlang.verify.outside import answer_of, operations_of
from flowlang.verify.replay import Broken
from flowlang.verify.schedule import Prepared
from flowlang.verify.simulate import Subject

LAYOUTS = ("orchestrate", "together", "apart")
"""A central engine; a choreography in one process, whose messages take the way over the bus; a process for each service."""

ENGINE = "engine"
RUNS = 3  # at once
MOST_LIVES = 40
MOST_PASSES = 200  # of one place by one process
PATIENCE = 60.0  # seconds after which a process that neither ends nor is killed is stranded


@dataclass(frozen=True, slots=True)
class Kill:
    """Where a process dies: at the `number`-th pass of `place` in the process `who` (`engine` or a service)."""

    who: str
    place: str
    number: int


@dataclass(slots=True)
class Crashed:
    """What came of some kills."""

    kills: int = 0
    statuses: list[str] = field(default_factory=list)
    calls: int = 0
    effects: int = 0
    lives: int = 0


@dataclass(frozen=True, slots=True)
class Scene:
    """A flow with what it runs against: `failing` are operations (`a.act`) that answer with their first declared error."""

    subject: Subject
    folder: Path
    address: str
    failing: tuple[str, ...] = ()
    runs: int = RUNS  # at once

    @property
    def prepared(self) -> Prepared:
        """The flow in both forms."""
        return self.subject.prepared


# ---------------------------------------------------------------- the ledger


@contextmanager
def ledger(folder: Path, subject: Subject, failing: Sequence[str] = (), runs: int = RUNS) -> Iterator[Scene]:
    """A scene of so many runs whose ledger lives as long as the block. The handlers of `folder` ask it."""
    address = str(folder / "ledger.sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    pid = forked(lambda: _keep(listener))
    listener.close()
    services = folder / "services"
    services.mkdir()
    (services / "handlers.py").write_text(_handlers(subject.prepared.flow, address, failing))
    try:
        yield Scene(subject, folder, address, tuple(failing), runs)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _keep(listener: socket.socket) -> None:
    """Perform each key once; write everything down; read it out when asked; forget it when told to."""
    entries: list[dict[str, Any]] = []
    performed: dict[str, Any] = {}
    fenced: set[str] = set()
    while True:
        connection, _ = listener.accept()
        with connection, connection.makefile("rwb") as file:
            try:
                asked = json.loads(file.readline())
            except ValueError:
                continue  # who asked was killed on the way
            answer: Any = None
            match asked["word"]:
                case "read":
                    answer = entries
                case "forget":
                    entries, performed, fenced = [], {}, set()
                case "call":
                    entries.append({**asked, "what": "begin"})
                    if asked["key"] not in performed and asked["key"] not in fenced:
                        performed[asked["key"]] = asked["answer"]
                        if asked["undoes"]:
                            fenced.add(asked["undoes"])
                        if "ok" in asked["answer"]:
                            entries.append({**asked, "what": "effect"})
                    answer = performed.get(asked["key"], {"unknown": True})
            try:
                file.write(json.dumps(answer).encode() + b"\n")
                file.flush()
            except OSError:
                continue  # who asked was killed meanwhile


_HANDLERS = """
import json, socket
from flowlang import Failure
from flowlang.runtime.operation import operation

def ask(call, answer):
    with socket.socket(socket.AF_UNIX) as line:
        line.connect({address!r})
        with line.makefile("rwb") as file:
            said = {{"word": "call", "run": call.run, "path": call.path, "kind": call.kind, "key": call.key}}
            said |= {{"attempt": call.attempt, "undoes": call.undoes, "input": {dump}(call.input), "answer": answer}}
            file.write(json.dumps(said).encode() + b"\\n")
            file.flush()
            found = json.loads(file.readline())
    if "ok" in found:
        return wire_loads(found["ok"])
    raise Failure(found.get("fail", "Unavailable"), "no")
"""
_HANDLER = """
@operation({name!r})
async def f{number}(call, **rest):
    return ask(call, {answer!r})
"""


def _handlers(flow: ir.Flow, address: str, failing: Sequence[str]) -> str:
    """A file of handlers that pass every call on to the ledger."""
    text = _HANDLERS.format(address=address, dump="wire_dumps")
    text = text.replace(
        "import json, socket\n", "import json, socket\nfrom flowlang.values import wire_dumps, wire_loads\n"
    )
    for number, ((service, name), operation) in enumerate(sorted(operations_of(flow).items())):
        answer = {"ok": wire_dumps(answer_of(operation))}
        if f"{service}.{name}" in failing:
            answer = {"fail": operation.errors[0]}
        text += _HANDLER.format(name=f"{service}.{name}", number=number, answer=answer)
    return text


def _asked(address: str, word: str) -> Any:
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(address)
        with line.makefile("rwb") as file:
            file.write(json.dumps({"word": word}).encode() + b"\n")
            file.flush()
            return json.loads(file.readline())


def _read(address: str) -> Ledger:
    """What the ledger has written down."""
    found = Ledger()
    for seq, one in enumerate(_asked(address, "read")):
        given = wire_loads(one["input"])
        found.entries.append(
            Entry(
                seq,
                0,
                one["what"],
                one["run"],
                one["path"],
                one["kind"],
                one["key"],
                one["attempt"],
                "",
                one["undoes"],
                given,
            )
        )
    return found


# ---------------------------------------------------------------- one history


def crash(scene: Scene, layout: str, name: str, kill: Kill | None, at_random: random.Random | None = None) -> Crashed:
    """Some runs at once, with one kill at a place, or kills at random times; raises Broken where a promise was not kept."""
    path = scene.folder / f"{name}.db"
    _asked(scene.address, "forget")
    found = Crashed()
    lives = {
        who: _fork(scene, layout, path, who, kill if kill and kill.who == who else None)
        for who in victims(scene.prepared, layout)
    }
    found.lives = len(lives)
    try:
        while True:
            if at_random is not None and found.kills < 6:
                _kill_one(lives, at_random)
            who, status = _wait(lives)
            if who == ENGINE and status == 0:
                break
            if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
                found.kills += 1
            elif status != 0:
                raise AssertionError(f"{who} ended with status {status}")
            found.lives += 1
            if found.lives > MOST_LIVES:
                raise AssertionError("the runs never come to an end")
            lives[who] = _fork(scene, layout, path, who, None)
    finally:
        _end(lives)
    _check(scene, layout, path, found)
    for left in scene.folder.glob(f"{name}.db*"):
        left.unlink()
    return found


def _check(scene: Scene, layout: str, path: Path, found: Crashed) -> None:
    known = _read(scene.address)
    mode = "orchestrate" if layout == "orchestrate" else "choreograph"
    runs = [f"r{number}" for number in range(scene.runs)]
    accepted = [("start", run) for run in runs] + [("event", one.id) for one in scene.subject.events]
    store = view.open_view(str(path))
    try:
        subject = scene.subject
        found.statuses = list(
            whole(store, dict.fromkeys(runs, scene.prepared), mode, subject.input, accepted, known, Checks())
        )
    finally:
        store.close()
    found.calls, found.effects = len(known.of("begin")), len(known.of("effect"))


def _kill_one(lives: Mapping[str, int], chance: random.Random) -> None:
    time.sleep(chance.random() * 0.06)
    os.kill(lives[chance.choice(sorted(lives))], signal.SIGKILL)


def _wait(lives: Mapping[str, int]) -> tuple[str, int]:
    """The next process that ends."""
    names = {pid: who for who, pid in lives.items()}
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        for pid, who in names.items():
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return who, status
        time.sleep(0.002)
    raise Broken("stranded: the runs are not over after a long time")


def _end(lives: Mapping[str, int]) -> None:
    """Kill those that are left; only ours, by their ids."""
    for pid in lives.values():
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            continue


def points(scene: Scene, layout: str) -> Iterator[tuple[Kill, Crashed]]:
    """Every place, at every pass of it, in every process."""
    for who in victims(scene.prepared, layout):
        for place in failpoint.PLACES:
            yield from passes(scene, layout, who, place)


def passes(scene: Scene, layout: str, who: str, place: str) -> Iterator[tuple[Kill, Crashed]]:
    """Every pass of one place in one process, until a history gets through without that pass."""
    for number in range(1, MOST_PASSES):
        kill = Kill(who, place, number)
        found = crash(scene, layout, f"{layout}-{who}-{place}-{number}", kill)
        if not found.kills:
            break
        yield kill, found


def victims(prepared: Prepared, layout: str) -> tuple[str, ...]:
    """The processes of a flow in a layout: the engine, and where services have their own, each of them."""
    return (ENGINE, *(prepared.services if layout == "apart" else ()))


# ---------------------------------------------------------------- the processes


def _fork(scene: Scene, layout: str, path: Path, who: str, kill: Kill | None) -> int:
    """Start a process; its id."""
    reading, writing = os.pipe()  # a service ends when its input does, as when its parent is gone

    def main() -> None:
        os.close(writing)
        os.dup2(reading, 0)
        failpoint.set_hook(None if kill is None else failpoint.from_environment(f"{kill.place}:{kill.number}"))
        asyncio.run(_engine(scene, layout, str(path)) if who == ENGINE else _service(str(path), who))

    pid = forked(main)
    os.close(reading)
    _INPUTS[pid] = writing
    for gone in [other for other in _INPUTS if other != pid and not _lives(other)]:
        os.close(_INPUTS.pop(gone))
    return pid


_INPUTS: dict[int, int] = {}


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class _NoFleet:
    """The services are started by whoever kills them."""

    def __init__(self, *_: object) -> None:
        self.failed = False

    async def start(self, services: object) -> None:
        """Nothing: they live already."""

    async def stop(self) -> None:
        """Nothing: others end them."""


async def _engine(scene: Scene, layout: str, path: str) -> None:
    subject = scene.subject
    mode = "orchestrate" if layout == "orchestrate" else "choreograph"
    installed: Installation = subject.installation(mode)
    apart = layout == "apart"
    if apart:
        vars(engine)["Fleet"] = _NoFleet  # in this process only
    options = {SERVICES: str(scene.folder / "services")}
    opened = engine.Engine.open(path, callers=callers, processes=apart, direct=False, crash=NO_CRASH)
    async with opened as living:
        await living.install(installed)
        for number in range(scene.runs):
            await living.start(installed.flow.hash, mode, dict(subject.input), run=f"r{number}", options=options)
        await living.resume()
        for one in subject.events:
            await _send(living, one)
        for number in range(scene.runs):
            await _over(living, f"r{number}")
        await living.quiet()


async def _send(living: engine.Engine, one: External) -> None:
    await living.send(one.type, one.data, one.subject, one.id)


async def _over(living: engine.Engine, run: str) -> None:
    """Wait for the end of a run; where services are apart, the store says it."""
    while True:
        row = living.store.run(run)
        if row is not None and row.status in OVER:
            return
        if living.driver.failure is not None:
            raise living.driver.failure
        await asyncio.sleep(0.002)


async def _service(path: str, service: str) -> None:
    while not Path(path).exists():
        await asyncio.sleep(0.002)
    await serve(path, service, NO_CRASH)
