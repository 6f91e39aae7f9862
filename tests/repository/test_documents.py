"""Every code block in the README and in the documents of `specs/` works as it is written."""

from __future__ import annotations

import difflib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.repository.command import ROOT, environment, flowlang
from tests.repository.documents import Block, Command, blocks, commands, matches
from tests.repository.pages import PAGES

DOCUMENTS = [ROOT / "README.md", *sorted(set((ROOT / "specs").rglob("*.md")) - set(PAGES))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_block_works(document: Path, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    shutil.copytree(ROOT / "specs" / "examples", folder)
    for block in blocks(document):
        try:
            run(block, folder, tmp_path)
        except AssertionError as error:
            raise AssertionError(f"{document.relative_to(ROOT)}:{block.line}: {error}") from error


def run(block: Block, folder: Path, tmp_path: Path) -> None:
    match block.kind:
        case "flow":
            _check(block.text, folder, block.name or "order/flow.flow")
        case "yaml":
            _yaml(block, folder)
        case "python" if Path(block.name).name.startswith("test_"):
            _tests(block, folder)
        case "python":
            _handlers(block, folder)
        case "json":
            for line in [block.text] if block.text.startswith("{\n") else block.text.splitlines():
                json.loads(line)
        case "console":
            _console(block, folder, path_with_flowlang(tmp_path / "bin"))
        case "text":
            pass
        case _:
            raise AssertionError(f"a block of kind `{block.kind}`, which no test runs")


def _check(text: str, folder: Path, name: str) -> None:
    (folder / name).write_text(text, encoding="utf-8")
    said = flowlang("check", "--strict", name, cwd=folder)
    assert said.status == 0, said.all


def _yaml(block: Block, folder: Path) -> None:
    first = block.text.split(":")[0]
    if first == "document":
        _check(block.text, folder, block.name or "order/flow.flow.yaml")
    elif first == "service":
        service = block.text.split("\n")[0].split(":")[1].strip()
        (folder / "order" / "contracts" / f"{service}.yaml").write_text(block.text, encoding="utf-8")
        said = flowlang("check", "--strict", "order/order.flow", cwd=folder)
        assert said.status == 0, said.all
    else:
        name = block.name or "order/scenarios/document.yaml"
        (folder / name).write_text(block.text, encoding="utf-8")
        for mode in ("orchestrate", "choreograph"):
            said = flowlang(
                "run", "order/order.flow", "--mode", mode, "--scenario", name, "--store", "memory", cwd=folder
            )
            assert said.status == 0, said.all


def _handlers(block: Block, folder: Path) -> None:
    name = folder / (block.name or "order/services/document.py")
    name.write_text(block.text, encoding="utf-8")
    code = "import sys; from pathlib import Path; from flowlang.runtime.handlers import load; print(*load(Path(sys.argv[1]), [])[1])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(name.parent)], cwd=folder, capture_output=True, text=True, env=environment()
    )
    assert done.returncode == 0 and "error" not in done.stdout, done.stdout + done.stderr


def _tests(block: Block, folder: Path) -> None:
    (folder / block.name).write_text(block.text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", block.name]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment())
    assert done.returncode == 0 and " passed" in done.stdout, done.stdout + done.stderr


def _console(block: Block, folder: Path, path: str) -> None:
    for command, found in said_by(block, folder, path):
        if not matches(command.output, found):
            lines = difflib.unified_diff(
                command.output.splitlines(), found.splitlines(), "document", "found", lineterm=""
            )
            raise AssertionError(f"line {command.line}: $ {command.text}\n" + "\n".join(lines))


def said_by(block: Block, folder: Path, path: str) -> Iterator[tuple[Command, str]]:
    """Each command of a console block and what it prints now. A target of the Makefile is only looked up."""
    status = 0
    for command in commands(block):
        if command.text.startswith("make "):
            done = subprocess.run(
                ["make", "--dry-run", *command.text.split()[1:]], cwd=ROOT, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stderr
            yield command, ""
        elif command.text == "echo $?":
            yield command, f"{status}\n"
        else:
            done = subprocess.run(
                ["bash", "-o", "pipefail", "-c", command.text],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env={**environment(), "PATH": path},
            )
            status = done.returncode
            yield command, done.stdout


def path_with_flowlang(folder: Path) -> str:
    """A search path on which `flowlang` is the package of this checkout, run by the Python that runs the tests."""
    folder.mkdir(exist_ok=True)
    program = folder / "flowlang"
    program.write_text(f"#!{sys.executable}\nimport sys\nfrom flowlang.cli.main import main\nsys.exit(main())\n")
    program.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def test_a_difference_is_found() -> None:
    assert matches("a\n...\nb ... d\n", "a\nx\ny\nb c d\n")
    assert not matches("a\nb\n", "a\nb\nc\n")
    assert not matches("a ... c\n", "a b d\n")
    assert matches("", "")
    assert not matches("", "something\n")
    assert matches("run 0123456789ab, 0.10s\n", "run ba9876543210, 0.07s\n")
    assert not matches("run 0123456789ab, 2d00h\n", "run 0123456789ab, 3d00h\n")
