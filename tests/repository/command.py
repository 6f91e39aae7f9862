"""`flowlang` as a process, as a user runs it: what it says, how it ends, and never a traceback or a crash."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE = 120  # seconds until a process that hangs is killed; not a figure that anything is measured by


@dataclass(frozen=True)
class Said:
    """How a process ended and what it said."""

    status: int
    out: str
    err: str

    @property
    def all(self) -> str:
        """Both streams."""
        return self.out + self.err


def flowlang(*arguments: str, cwd: Path, stdin: bytes = b"", memory: int | None = None) -> Said:
    """Run the command in `cwd`; `memory` bounds its address space in bytes."""

    def bound() -> None:
        if memory is not None:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))

    done = subprocess.run(
        [sys.executable, "-m", "flowlang", *arguments],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        timeout=PATIENCE,
        preexec_fn=bound,
        env=environment(),
    )
    said = Said(done.returncode, done.stdout.decode(), done.stderr.decode())
    assert "Traceback" not in said.all, said.err
    assert said.status >= 0, f"killed by signal {-said.status}"
    return said


def environment() -> dict[str, str]:
    """Our package and the user's search path, and nothing that changes how we print."""
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "HOME": os.environ.get("HOME", "/")}
