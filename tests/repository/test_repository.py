"""The repository as somebody finds it who has just cloned it."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.repository.command import ROOT

TOP = ["pyproject.toml", "README.md", "Makefile", "CHANGELOG.md", "LICENSE", ".ci/run", "grammar/flow.lark"]


@pytest.mark.parametrize("name", TOP)
def test_what_a_newcomer_looks_for_is_there(name: str) -> None:
    assert (ROOT / name).is_file()


def test_the_ci_runs_what_the_readme_says() -> None:
    run = ROOT / ".ci" / "run"
    assert os.access(run, os.X_OK)
    assert "make test" in run.read_text(encoding="utf-8")
    assert "$ make test\n" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("target", ["setup", "check", "test", "soak", "demo", "bench", "fmt", "clean"])
def test_every_target_of_the_makefile_can_be_made(target: str) -> None:
    done = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_floors_hold() -> None:
    from importlinter.cli import lint_imports

    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    machine = re.compile("|".join(map(re.escape, {str(ROOT), os.path.expanduser("~") + "/"})))
    registry = re.compile(r"--(extra-)?index-url|https?://[\w.-]*(pypi|registry)\.")
    guilty = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in _files()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if path != Path(__file__) and (machine.search(line) or registry.search(line))
    ]
    assert guilty == []


def _files() -> Iterator[Path]:
    """The files that belong to the repository: what git would carry, read without git."""
    made = {".git", ".venv", ".bench", "dist", "build", "__pycache__", ".hypothesis", ".flowlang"}
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in made and not name.endswith("_cache")]
        yield from (Path(folder) / name for name in names if not name.endswith((".pyc", ".png", ".pdf")))
