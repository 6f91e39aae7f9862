"""The code blocks of the documents, and what must hold for each: what a reader may copy has to work.

    ```flow NAME          a flow: written to NAME (else flow.flow) and checked without findings
    ```yaml NAME          the YAML form (begins with `document:`), a contract (`service:`) or a scenario, by its first key
    ```python NAME        handlers: they are read as `--services` reads them; or, as `test_NAME.py`, tests that pass
    ```console            `$ command` and what it prints; the commands of one block share a folder, `$ echo $?` the status
    ```json  ```text      JSON is read; text is not code

What differs from run to run is not compared: ids of runs, hashes, seconds and dates. `...` stands for any text in a line of
output, and a line `...` for any number of lines. All blocks of one document run one
after the other in one folder that begins as a copy of `specs/examples`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Block:
    """A fenced block: the words after the fence, the lines, and the line of the document that it begins at."""

    kind: str
    name: str
    text: str
    line: int


@dataclass(frozen=True)
class Command:
    """A command of a console block and what it prints, on both streams."""

    text: str
    output: str
    line: int


def blocks(document: Path) -> Iterator[Block]:
    """The fenced blocks of `document` from top to bottom."""
    fence, kind, start = "", "", 0
    lines: list[str] = []
    for number, line in enumerate(document.read_text(encoding="utf-8").splitlines(), 1):
        mark = re.match(r"\s*(```+)\s*(.*)$", line)
        if mark and not fence:
            fence, kind, start, lines = mark[1], mark[2].strip(), number, []
        elif mark and mark[1] == fence and not mark[2]:
            word, _, name = kind.partition(" ")
            yield Block(word, name.strip(), "".join(f"{line}\n" for line in lines), start)
            fence = ""
        elif fence:
            lines.append(line)
    assert not fence, f"{document.name}:{start}: this block is never closed"


def commands(block: Block) -> Iterator[Command]:
    """The commands of a console block."""
    found: Command | None = None
    for number, line in enumerate(block.text.splitlines(), block.line + 1):
        if line.startswith("$ "):
            if found:
                yield found
            found = Command(line[2:], "", number)
        elif found and found.text.endswith("\\") and not found.output:
            found = Command(f"{found.text}\n{line}", "", found.line)
        else:
            assert found, f"line {number}: a console block begins with `$ command`"
            found = Command(found.text, f"{found.output}{line}\n", found.line)
    if found:
        yield found


DIFFERS = re.compile(r"\b[0-9a-f]{12}\b|\b\d+\.\d\ds\b|\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+Z)?\b")
"""What is not compared, and with it how wide the columns are: ids of runs and hashes, seconds, and points in time; a time that a scenario says (`...00Z`) is compared."""


def matches(expected: str, found: str) -> bool:
    """Whether `found` is what the document says."""
    expected, found = (re.sub(" {2,}", "  ", DIFFERS.sub("~", text)) for text in (expected, found))
    parts = []
    for line in expected.splitlines():
        if line.strip() == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(r"[^\n]*?".join(re.escape(piece) for piece in line.rstrip().split("...")) + r"[ \t]*\n")
    return re.fullmatch("".join(parts), found if found.endswith("\n") or not found else found + "\n") is not None
