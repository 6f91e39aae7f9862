"""A process that is stopped, killed, or has no room: nothing is lost, and it says so in a sentence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flowlang.runtime import view
from tests.runtime.test_kills import check_completed, finish, folder, start, until, waits_for_event

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


@pytest.mark.parametrize("mode", ["orchestrate", "choreograph"])
def test_a_disk_that_fills_up_half_way_ends_the_run_with_a_sentence_and_the_next_process_goes_on(
    mode: str, tmp_path: Path
) -> None:
    store = str(tmp_path / "s.db")
    flow = "specs/examples/image_convert/image_convert.flow"
    given = tmp_path / "input.json"
    given.write_text('{"image": {"id": "i-1", "url": "file:cat.png"}}')
    assert (
        flowlang("run", flow, "--input", str(given), "--store", str(tmp_path / "whole.db"), "--mode", mode).returncode
        == 0
    )
    half_way = 0
    for room in range(120_000, 700_000, 60_000):
        path = f"{store}{room}"
        done = flowlang("run", flow, "--input", str(given), "--store", path, "--mode", mode, room=room)
        assert "Traceback" not in done.stderr
        if done.returncode == 0:
            break
        assert done.returncode == 69 and f"the store `{path}` may not grow any more" in done.stderr, done.stderr
        if os.path.exists(path) and flowlang("runs", "--store", path).stdout.strip():
            again = flowlang("resume", "--store", path)
            half_way += again.returncode == 0 and "completed" in again.stdout
    else:
        pytest.fail("there was never room enough")
    assert half_way > 0 or room > 120_000


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
