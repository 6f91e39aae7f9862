"""Real processes and real `kill -9`: the engine, the service processes, and what a second process finds."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from flowlang.runtime import lock, mailbox, view
from flowlang.runtime.lock import StoreOwned
from flowlang.runtime.mailbox import NobodyThere
from flowlang.runtime.sqlite import open_store
from flowlang.runtime.store import NotFound, NotStuck
from tests.runtime.killable import HANDLERS

ROOT = Path(__file__).parents[2]
STEPS = {"order/charge", "order/left", "order/right", "order/again"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "services"
    made.mkdir()
    (made / "handlers.py").write_text(HANDLERS)
    return made


def start(tmp_path: Path, folder: Path, mode: str, *words: str, failpoint: str = "") -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.runtime.killable", str(tmp_path / "s.db"), mode, str(folder), *words]
    environment = {**os.environ, "FLOWLANG_FAILPOINT": failpoint}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    out, err = process.communicate(timeout=100)
    assert "Traceback" not in err or process.returncode < 0, err
    return process.returncode, out.strip()


def calls(folder: Path) -> list[tuple[str, str, str]]:
    """Path, kind and key of each call that reached a handler."""
    ledger = folder / "ledger.txt"
    lines = ledger.read_text().splitlines() if ledger.exists() else []
    return [(path, kind, key) for path, kind, key, _, _ in (line.split() for line in lines)]


def check_completed(tmp_path: Path, folder: Path) -> None:
    made = calls(folder)
    assert {(path, kind) for path, kind, _ in made} == {(step, "do") for step in STEPS}
    assert len({key for _, _, key in made}) == 4, "one key for each step, whatever happened"
    store = view.open_view(str(tmp_path / "s.db"))
    assert view.run(store, "r1").status == "completed"
    assert {call.result for call in view.outcome(store, "r1").calls} == {"ok"}
    assert not store.busy("")
    store.close()


@pytest.mark.parametrize("mode", ["orchestrate", "choreograph"])
@pytest.mark.parametrize(
    ("words", "failpoint"),
    [
        (("before=charge",), ""),
        (("after=left",), ""),
        ((), "before-commit:3"),
        ((), "after-commit:3"),
        ((), "after-effect:2"),
    ],
    ids=["before a step", "after a step", "before a commit", "after a commit", "after an effect"],
)
def test_a_killed_engine_goes_on_where_it_was(
    mode: str, words: tuple[str, ...], failpoint: str, tmp_path: Path, folder: Path
) -> None:
    status, _ = finish(start(tmp_path, folder, mode, *words, failpoint=failpoint))
    assert status == -signal.SIGKILL
    made = Counter(calls(folder))
    if words == ("before=charge",):
        assert not made
    assert finish(start(tmp_path, folder, mode)) == (0, "completed")
    check_completed(tmp_path, folder)


def test_services_run_as_processes_that_know_nothing_of_the_flow(tmp_path: Path, folder: Path) -> None:
    (folder / "spy.py").write_text(
        "import atexit, sys\nfrom pathlib import Path\n"
        "def tell():\n"
        "    (Path(__file__).parent / 'modules.txt').write_text(' '.join(sys.modules))\n"
        "atexit.register(tell)\n"
    )
    assert finish(start(tmp_path, folder, "choreograph", "processes")) == (0, "completed")
    check_completed(tmp_path, folder)
    workers = {line.split()[4] for line in (folder / "ledger.txt").read_text().splitlines()}
    assert len(workers) == 2, "payments and inventory are two processes"
    modules = set((folder / "modules.txt").read_text().split())
    assert "flowlang.choreograph.machine" in modules
    known = {name for name in modules if name.split(".")[:2] in [["flowlang", part] for part in FORBIDDEN]}
    assert known == set()
    assert "lark" not in modules


FORBIDDEN = ("language", "ir", "lower", "check", "contract", "compile", "orchestrate")


@pytest.mark.parametrize(
    ("words", "failpoint"),
    [
        (("before=left",), ""),
        (("after=charge",), ""),
        ((), "after-commit:2"),
        ((), "after-effect:1"),
        ((), "before-ack:1"),
    ],
    ids=["before a step", "after a step", "after a commit", "after an effect", "before an acknowledgement"],
)
def test_a_killed_service_is_started_again_and_goes_on(
    words: tuple[str, ...], failpoint: str, tmp_path: Path, folder: Path
) -> None:
    environment_is_for_children = start_services_only(tmp_path, folder, words, failpoint)
    assert finish(environment_is_for_children) == (0, "completed")
    check_completed(tmp_path, folder)


def start_services_only(tmp_path: Path, folder: Path, words: tuple[str, ...], failpoint: str) -> subprocess.Popen[str]:
    """Like `start`, but the failpoint holds in the service processes and not in their parent."""
    script = (
        "import asyncio, os, sys\n"
        "from tests.runtime import killable\n"
        "asyncio.run(killable.main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]))\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "s.db"), "choreograph", str(folder), "processes", *words]
    environment = {**os.environ, "FLOWLANG_FAILPOINT": failpoint}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def until(condition: Callable[[], bool]) -> None:
    """Return once `condition` holds; the test's own time limit is the bound."""
    while not condition():
        time.sleep(0.01)


def waits_for_event(path: Path) -> bool:
    if not path.exists():
        return False
    store = view.open_view(str(path))
    try:
        return bool(store.waits("r1"))
    finally:
        store.close()


def test_children_go_when_their_parent_is_killed_and_the_next_one_goes_on(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "s.db"
    parent = start(tmp_path, folder, "choreograph", "processes", "hang")
    assert parent.stdout is not None
    assert parent.stdout.readline().startswith("hangs")
    until(lambda: waits_for_event(path))
    parent.kill()
    parent.communicate(timeout=60)  # its children hold its output open until they have gone
    for service in ("payments", "inventory"):
        lock.take(str(path), service).release()
    assert finish(start(tmp_path, folder, "choreograph", "processes")) == (0, "completed")
    check_completed(tmp_path, folder)


def test_a_service_that_is_told_to_stop_ends_well(tmp_path: Path, folder: Path) -> None:
    path = str(tmp_path / "s.db")
    open_store(path).close()
    command = [sys.executable, "-m", "flowlang.runtime.service", "--store", path, "--service", "payments"]
    child = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: lock.owner_of(path, "payments") is not None)
    child.send_signal(signal.SIGTERM)
    _, err = child.communicate(timeout=60)
    assert (child.returncode, err) == (0, "")


def test_a_service_without_a_usable_store_says_so(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    path.write_text("not a store")
    command = [sys.executable, "-m", "flowlang.runtime.service", "--store", str(path), "--service", "payments"]
    child = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert child.returncode == 69
    assert "not a store" in child.stderr
    assert "Traceback" not in child.stderr


def test_a_living_engine_is_asked_by_mailbox_and_nobody_else_owns_its_store(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "s.db"
    engine = start(tmp_path, folder, "orchestrate", "hang")
    assert engine.stdout is not None
    assert engine.stdout.readline() == f"hangs {engine.pid}\n"
    until(lambda: waits_for_event(path))
    with pytest.raises(StoreOwned) as refused:
        lock.take(str(path))
    assert refused.value.owner.pid == engine.pid

    async def ask() -> None:
        with pytest.raises(NotFound):
            await mailbox.ask(str(path), "cancel", {"run": "nobody"})
        with pytest.raises(NotStuck):
            await mailbox.ask(str(path), "resolve", {"run": "r1", "step": "charge", "decision": "retry"})
        bad = await mailbox.ask(str(path), "send", {"type": "who.knows", "data": {}})
        assert "no installed flow" in bad["problem"]
        sent = await mailbox.ask(str(path), "send", {"type": "delivery.confirmed", "data": {"id": "o-1"}, "id": "e7"})
        assert sent == {"id": "e7", "fresh": True, "problem": "", "runs": ["r1"], "waiting": [], "starts": []}

    asyncio.run(ask())
    out, _ = engine.communicate(timeout=60)
    assert out.strip() == "completed"
    check_completed(tmp_path, folder)
    with pytest.raises(NobodyThere):
        asyncio.run(mailbox.ask(str(path), "cancel", {"run": "r1"}))
