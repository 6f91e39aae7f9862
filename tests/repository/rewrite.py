"""`python -m tests.repository.rewrite [PAGE...]`: write into the README, or into pages of `specs/`, what the program says
now, and then read the difference.

For when what a command says has changed on purpose; the tests of the documents find everything that has changed.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.repository.command import ROOT
from tests.repository.documents import Block, blocks
from tests.repository.pages import inside, lay_out, parts, said_now, says, write
from tests.repository.test_documents import path_with_flowlang, run, said_by


def main(pages: list[str]) -> None:
    """Run each document from top to bottom in a folder of its own."""
    for document in [Path(page).resolve() for page in pages] or [ROOT / "README.md"]:
        lines = document.read_text(encoding="utf-8").splitlines()
        with tempfile.TemporaryDirectory() as place:
            found = list(_of_readme(document, Path(place)) if not pages else _of_page(document, Path(place)))
        for block, said in reversed(found):
            lines[block.line : block.line + block.text.count("\n")] = said.splitlines()
        document.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _of_readme(document: Path, place: Path) -> Iterator[tuple[Block, str]]:
    folder = place / "work"
    shutil.copytree(ROOT / "specs" / "examples", folder)
    path = path_with_flowlang(place / "bin")
    for block in blocks(document):
        if block.kind == "console":
            yield block, "".join(f"$ {command.text}\n{said}" for command, said in said_by(block, folder, path))
        else:
            run(block, folder, place)


def _of_page(document: Path, folder: Path) -> Iterator[tuple[Block, str]]:
    lay_out(folder)
    with inside(folder):
        for part in parts(document):
            write(part)
            said = said_now(part)
            if said is not None and not says(part, said):
                yield part.block, said


if __name__ == "__main__":
    main(sys.argv[1:])
