"""A wheel in an empty environment and an editable install: both run `check`, and both have the schemas they read."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import venv
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
ORDER = ROOT / "specs" / "examples" / "order"


@pytest.mark.parametrize("version", ["standard", "editable"])
def test_an_installed_package_checks_the_order_example(version: str, tmp_path: Path) -> None:
    """Only the declared requirements are there, so that one which is used but not declared is found out."""
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path / "dist"), versions=[version])
    python = _empty_environment(tmp_path / "empty")
    install = [
        sys.executable,
        "-m",
        "pip",
        "--quiet",
        "--python",
        str(python),
        "install",
        "--no-deps",
        "--no-index",
        wheel,
    ]
    _run(install, tmp_path)
    metadata = _run([str(python), "-c", REQUIRED], tmp_path)
    for requirement in filter(None, metadata.splitlines()):
        _provide(Requirement(requirement), _site_packages(python), set())
    shutil.copytree(ORDER, tmp_path / "order")

    said = subprocess.run(
        [str(python.parent / "flowlang"), "check", "order/order.flow"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={},
    )

    assert (said.returncode, said.stdout, said.stderr) == (0, "", "no findings\n")
    where = Path(_run([str(python), "-c", "import flowlang; print(flowlang.__file__)"], tmp_path).strip())
    assert where.is_relative_to(tmp_path if version == "standard" else ROOT)
    for name in ["grammar/flow.lark", *(f"specs/{path.name}" for path in (ROOT / "specs").glob("*.schema.json"))]:
        code = f"from flowlang.resources import text; import sys; sys.stdout.write(text({name!r}))"
        assert _run([str(python), "-X", "utf8", "-c", code], tmp_path) == (ROOT / name).read_text(encoding="utf-8")


REQUIRED = "from importlib.metadata import requires; print('\\n'.join(requires('flowlang')))"


def _empty_environment(folder: Path) -> Path:
    """The interpreter of a new environment without anything in it."""
    venv.create(folder, with_pip=False, symlinks=True)
    return folder / "bin" / "python"


def _site_packages(python: Path) -> Path:
    return Path(
        _run([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], python.parent).strip()
    )


def _provide(requirement: Requirement, target: Path, seen: set[str], extras: frozenset[str] = frozenset()) -> None:
    """Link what is installed here for `requirement`, and for what that requires, into `target`."""
    if requirement.marker and not any(requirement.marker.evaluate({"extra": extra}) for extra in extras or {""}):
        return
    found: Distribution = distribution(requirement.name)
    assert requirement.specifier.contains(found.version, prereleases=True), (requirement, found.version)
    name = re.sub(r"[-_.]+", "-", requirement.name.lower())
    if name not in seen:
        for top in {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}:
            if not (target / top).exists():
                (target / top).symlink_to(Path(str(found.locate_file(top))).resolve())
    seen.add(name)
    for inner in found.requires or ():
        wanted = Requirement(inner)
        if re.sub(r"[-_.]+", "-", wanted.name.lower()) not in seen:
            _provide(wanted, target, seen, frozenset(requirement.extras))


def _run(command: list[str], cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
