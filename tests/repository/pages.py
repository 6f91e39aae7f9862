"""A page of `specs/` as a test: what each of its blocks is, and what the program says where the page says it too.

    ```flow NAME         a flow, written to NAME; without findings, also for a choreography, unless NAME begins with `bad`
    ```yaml NAME         by its name: the YAML twin of a flow (`pay.flow.yaml` is what `convert` makes of `pay.flow`), a
                         contract (`contracts/bank.yaml`), else a scenario for the flow before it, run in both modes; after its
                         name the flows that its events may start
    ```mermaid           the drawing of the flow before it
    ```console           `$ flowlang ...` and what it prints; `$ echo $?` its status
    ```text              anything else

The blocks of a page share a folder that begins with the contracts of `specs/contracts`. Commands run in this process, so
that a page takes a second.
"""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flowlang.cli.main import main
from tests.repository.command import ROOT
from tests.repository.documents import Block, blocks, commands, matches
from tests.repository.reports import comparable

SPECS = ROOT / "specs"
PAGES = [
    *sorted((SPECS / "constructs").glob("*.md")),
    *sorted((SPECS / "patterns").glob("*.md")),
    SPECS / "compensation.md",
]


@dataclass(frozen=True)
class Part:
    """A block of a page: `kind` is `flow`, `bad flow`, `twin`, `contract`, `scenario`, `drawing`, `console` or `text`;
    `flow` is the file of the good flow that it belongs to."""

    kind: str
    flow: str
    block: Block


def parts(page: Path) -> Iterator[Part]:
    """The blocks of `page` from top to bottom."""
    flow = ""
    for block in blocks(page):
        kind = _kind(block)
        flow = block.name if kind == "flow" else flow
        yield Part(kind, flow, block)


def _kind(block: Block) -> str:
    match block.kind:
        case "flow":
            return "bad flow" if Path(block.name).name.startswith("bad") else "flow"
        case "yaml" if block.name.endswith(".flow.yaml"):
            return "twin"
        case "yaml" if block.name.startswith("contracts/"):
            return "contract"
        case "yaml":
            return "scenario"
        case "mermaid":
            return "drawing"
        case "console" | "text":
            return block.kind
        case _:
            raise AssertionError(f"line {block.line}: a block of kind `{block.kind}`, which no test runs")


def lay_out(folder: Path) -> None:
    """What every page begins with."""
    shutil.copytree(SPECS / "contracts", folder / "contracts")


def write(part: Part) -> None:
    """The file that a block is, in the present folder."""
    if part.block.name:
        file = Path(part.block.name.split()[0])
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(part.block.text, encoding="utf-8")


def said_now(part: Part) -> str | None:
    """What the block would say if it were written now; None for a block that is the page's own word."""
    match part.kind:
        case "twin":
            return _said(f"flowlang convert {part.block.name.removesuffix('.yaml')}")[1]
        case "drawing":
            return _said(f"flowlang graph --format mermaid {part.flow}")[1]
        case "console":
            return _console(part.block)
        case _:
            return None


def try_out(part: Part) -> None:
    """Assert that the block works."""
    write(part)
    match part.kind:
        case "flow":
            for command in (f"check --strict --mode choreograph {part.block.name}", f"fmt --check {part.block.name}"):
                status, said = _said(f"flowlang {command}")
                assert status == 0, said
        case "scenario":
            _both_modes(part)
        case "twin" | "drawing" | "console":
            now = said_now(part)
            assert now is not None and says(part, now), f"the page says\n{part.block.text}\nand now it is\n{now}"
        case "text":
            assert not part.block.name
        case "bad flow" | "contract":
            pass  # said by the console block that follows, by the flows that use it
        case _:
            raise AssertionError(part.kind)


def says(part: Part, now: str) -> bool:
    """Whether the page says what is said now. In a console what differs from run to run is not compared."""
    return matches(part.block.text, now) if part.kind == "console" else part.block.text == now


def _both_modes(part: Part) -> None:
    scenario, *others = part.block.name.split()
    reports = []
    for mode in ("orchestrate", "choreograph"):
        run = f"flowlang run {' '.join([part.flow, *others])} --mode {mode} --scenario {scenario} --json"
        out, talk = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(talk):
            status = main(shlex.split(run)[1:])
        assert status == 0, f"{mode}: {talk.getvalue()}{out.getvalue()}"
        assert "as the scenario expects" in talk.getvalue(), f"{scenario} expects nothing"
        reports.append([comparable(line) for line in out.getvalue().splitlines()])
    assert reports[0] == reports[1]


def _console(block: Block) -> str:
    found, status = "", 0
    for command in commands(block):
        if command.text == "echo $?":
            said = f"{status}\n"
        else:
            status, said = _said(command.text)
        found += f"$ {command.text}\n{said}"
    return found


def _said(command: str) -> tuple[int, str]:
    """The status of a command and what it prints, on both streams."""
    program, *arguments = shlex.split(command)
    assert program == "flowlang", f"a page runs nothing but flowlang, not `{command}`"
    both = io.StringIO()
    with contextlib.redirect_stdout(both), contextlib.redirect_stderr(both):
        status = main(arguments)
    assert "Traceback" not in both.getvalue(), both.getvalue()
    return status, both.getvalue()


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    """The present folder is `folder` for a while."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
