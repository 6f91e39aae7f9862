"""What was acknowledged was synced first; `fast` says what it gives up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
from pathlib import Path
from flowlang.runtime.sqlite import open_store
from flowlang.verify.power import LosingDisk

folder, durability = Path(sys.argv[1]), sys.argv[2]
disk = LosingDisk()
path = str(folder / "s.db")
store = open_store(path, durability=durability)
at_risk = lost = 0
for number in range(40):
    with store.transaction():
        store.post("role", f"m{number}", "r1", "h", "x" * 300)
    at_risk += disk.unsynced() > 0
    found = open_store(disk.after_power_loss(path, folder / f"after-{number}"))
    ids = [row.id for row in found.queue("role")]
    assert ids == [f"m{n}" for n in range(len(ids))], ids
    lost += len(ids) < number + 1
    found.close()
print(at_risk, lost)
"""


def said(folder: Path, durability: str) -> list[int]:
    """Commits after which a write could be lost, and after which one was; in a process of its own: the shim is for all."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder), durability], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return [int(word) for word in done.stdout.split()]


def test_with_full_durability_nothing_that_was_committed_is_lost(tmp_path: Path) -> None:
    assert said(tmp_path, "full") == [0, 0]


def test_fast_may_lose_the_last_moments_and_never_the_store(tmp_path: Path) -> None:
    at_risk, lost = said(tmp_path, "fast")
    assert at_risk == 40 and lost > 0, "or the check could not see it"
