"""A process that is stopped, killed, or has no room: nothing is lost, and it says so in a sentence."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from flowlang.runtime import lock, view
from flowlang.runtime.callers import SERVICES, callers
from flowlang.runtime.engine import Engine
from flowlang.runtime.schema import VERSION
from flowlang.runtime.sqlite import open_store
from tests.runtime.killable import HANDLERS
from tests.runtime.test_both_modes import installation
from tests.runtime.test_kills import calls, check_completed, finish, folder, start, until, waits_for_event
from tests.runtime.test_store import cut, foreign, of_version

__all__ = ["folder"]

ROOT = Path(__file__).parents[2]
LIMITED = (
    "import resource, sys\n"
    "room = int(sys.argv.pop(1))\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))\n"
    "from flowlang.cli.main import main\n"
    "sys.exit(main())\n"
)


def flowlang(*words: str, room: int = 0) -> subprocess.CompletedProcess[str]:
    """A command, that may write files of `room` bytes."""
    begin = ["-c", LIMITED, str(room)] if room else ["-m", "flowlang"]
    return subprocess.run([sys.executable, *begin, *words], cwd=ROOT, capture_output=True, text=True, check=False)


PICTURES = """
import os
from pathlib import Path
from flowlang import Call, operation

def note(call):
    with open(Path(__file__).parent / "ledger.txt", "a") as file:
        file.write(f"{call.path} {call.kind} {call.key} {call.attempt} {os.getpid()}\\n")

@operation("converter.convert")
def convert(image, format, call: Call):
    note(call)
    return {"content": format * 20_000}

@operation("storage.upload")
def upload(name, content, call: Call):
    note(call)
    return {"url": f"store://{name}"}

@operation("storage.remove")
def remove(name, call: Call):
    note(call)
"""


@pytest.mark.parametrize("words", [("orchestrate",), ("choreograph",), ("choreograph", "--processes")], ids=" ".join)
def test_a_disk_that_fills_up_half_way_and_then_has_room_loses_nothing_and_doubles_nothing(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    given = tmp_path / "input.json"
    given.write_text('{"image": {"id": "i-1", "url": "file:cat.png"}}')
    half_way = 0
    for room in (int(100_000 * 1.4**number) for number in range(14)):
        store, services = tmp_path / str(room) / "s.db", tmp_path / str(room) / "services"
        services.mkdir(parents=True)
        (services / "handlers.py").write_text(PICTURES)
        where = ("--services", str(services), "--store", str(store), "--mode", *words)
        command = ("run", "specs/examples/image_convert/image_convert.flow", "--input", str(given), *where)
        done = flowlang(*command, room=room)
        assert "Traceback" not in done.stderr
        if done.returncode == 0:
            break
        assert done.returncode == 69 and f"the store `{store}` may not grow any more" in done.stderr, done.stderr
        half_way += bool(calls(services))
        assert flowlang(*command).returncode == 0, "there is room again"
        whole_in_spite_of_all(store, calls(services))
    else:
        pytest.fail("there was never room enough")
    assert half_way > 0, "the disk was full when some calls had been made already"


def whole_in_spite_of_all(path: Path, made: list[tuple[str, str, str]]) -> None:
    """What the ledger and the store say of one run: completed, each step once under one key, no call that was not noted first."""
    steps = {f"image_convert/{name}" for name in ("toJpeg", "jpegUrl", "toWebp", "webpUrl")}
    assert {(step, kind) for step, kind, _ in made} == {(step, "do") for step in steps}, "nothing lost, nothing undone"
    assert len({key for _, _, key in made}) == 4, "what was called again was called under its key"
    store = view.open_view(str(path))
    [run] = store.runs()
    counted = Counter({row.item.call.path: row.item.attempts for row in view.steps(store, run.run)})
    assert run.status == "completed" and not store.busy("") and store.dead() == []
    assert Counter(step for step, _, _ in made) <= counted, "no call began that could not be noted before"
    store.close()


LOCK_HOLDER = (
    "import sys, apsw\n"
    "held = apsw.Connection(sys.argv[1])\n"
    "held.execute('BEGIN IMMEDIATE')\n"
    "print(flush=True)\n"
    "sys.stdin.read()\n"
)
IMPATIENT = "import sys\nfrom flowlang.runtime import service, turns\nturns.HELD = 1\nturns.LAST = 0\nsys.exit(service.main(sys.argv[1:]))\n"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (cut(8192), "the store `{path}` is cut short: 8192 bytes of "),
        (cut(50), "`{path}` is not a store of flows: it is cut short"),
        (foreign, "`{path}` is a database of another program, not a store of flows"),
        (
            of_version(VERSION + 1),
            f"the store `{{path}}` has schema {VERSION + 1}, newer than this version's {VERSION}",
        ),
        (
            of_version(VERSION - 1),
            f"the store `{{path}}` has schema {VERSION - 1}, older than this version's {VERSION}",
        ),
        (lambda path: path.write_text("a: b\n"), "`{path}` is not a store of flows: it is no SQLite file"),
        (lambda path: path.mkdir(), "`{path}` is a directory, not a store"),
    ],
    ids=["truncated", "cut in its head", "foreign", "newer", "older", "text", "directory"],
)
def test_each_command_says_what_is_wrong_with_a_store_and_leaves_it_alone(
    make: Callable[[Path], object], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "s.db"
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    flow = "specs/examples/image_convert/image_convert.flow"
    given = ("--set", "image.id=i-1", "--set", "image.url=cat.png")
    for words in (("run", flow, *given), ("resume",), ("runs",)):
        done = flowlang(*words, "--store", str(path))
        assert (done.returncode, done.stdout) == (69, ""), words
        assert f"error: {said.format(path=path)}" in done.stderr, words
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_who_waits_for_a_store_says_so_and_ends_when_it_is_asked_to(tmp_path: Path) -> None:
    """A service, while another program has locked the store."""
    path = str(tmp_path / "s.db")
    open_store(path).close()
    holder = [sys.executable, "-c", LOCK_HOLDER, path]
    with subprocess.Popen(holder, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdin is not None
        other.stdout.readline()
        words = [sys.executable, "-c", IMPATIENT, "--store", path, "--service", "payments"]
        with subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as service:
            assert service.stderr is not None
            locked = f"service payments: the store `{path}` is locked by another process"
            assert service.stderr.readline() == f"note: {locked}; waiting until it lets go\n"
            service.terminate()
            assert (service.wait(), service.stderr.read()) == (69, f"error: {locked}\n")
        other.stdin.close()
    assert lock.owner_of(path, "payments") is None, "it has let go of what it held"


def test_a_fleet_that_is_told_to_stop_ends_its_calls_and_all_of_it_ends_well(tmp_path: Path, folder: Path) -> None:
    """The call that is under way comes back only once the processes have been told; it is recorded, and none begins."""
    path, gate = tmp_path / "s.db", folder / "gate"
    charge = '    note(call)\n    return {"paymentId": "p"}'
    assert charge in HANDLERS
    slow = "    note(call)\n    while not (LEDGER.parent / 'gate').exists():\n        time.sleep(0.01)\n"
    (folder / "handlers.py").write_text(HANDLERS.replace(charge, slow + '    return {"paymentId": "p"}'))

    async def main() -> dict[str, int | None]:
        installed = installation("choreograph")
        async with Engine.open(str(path), callers=callers, processes=True) as engine:
            await engine.install(installed)
            options = {SERVICES: str(folder)}
            await engine.start(installed.flow.hash, "choreograph", {"order": {"id": "o-1"}}, run="r1", options=options)
            await engine.resume()
            fleet = engine._fleet
            assert fleet is not None
            services = ("payments", "inventory", "shipping")
            while not calls(folder) or any(lock.owner_of(str(path), one) is None for one in services):
                await asyncio.sleep(0.01)

            async def open_gate() -> None:
                while not fleet.stopping:
                    await asyncio.sleep(0)
                gate.touch()

            opening = asyncio.create_task(open_gate())
        await opening
        return {service: child.returncode for service, child in fleet.children.items()}

    assert asyncio.run(main()) == {"payments": 0, "inventory": 0, "shipping": 0}
    assert [(path, kind) for path, kind, _ in calls(folder)] == [("order/charge", "do")]
    store = view.open_view(str(path))
    assert "done:do:order/charge:0" in [id for id, _, _ in store.journal("payments", "r1")]
    store.close()
    assert finish(start(tmp_path, folder, "choreograph", "processes")) == (0, "completed")
    check_completed(tmp_path, folder)
    assert len(calls(folder)) == 4, "nothing was asked again"


def test_an_engine_that_was_stopped_and_then_killed_leaves_all_that_the_next_one_needs(
    tmp_path: Path, folder: Path
) -> None:
    engine = start(tmp_path, folder, "choreograph", "processes", "hang")
    assert engine.stdout is not None
    assert engine.stdout.readline().startswith("hangs")
    until(lambda: waits_for_event(tmp_path / "s.db"))
    engine.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, engine.pid, os.WSTOPPED | os.WNOWAIT)
    store = view.open_view(str(tmp_path / "s.db"))
    assert view.run(store, "r1").status == "open"
    store.close()
    engine.send_signal(signal.SIGCONT)
    engine.kill()
    engine.communicate(timeout=60)
    assert finish(start(tmp_path, folder, "choreograph", "processes")) == (0, "completed")
    check_completed(tmp_path, folder)
