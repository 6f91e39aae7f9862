"""`python -m tests.repository.rewrite`: write into the README what its commands print now, and then read the difference.

For when what a command says has changed on purpose; the test of the documents finds everything that has changed.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from tests.repository.command import ROOT
from tests.repository.documents import blocks
from tests.repository.test_documents import path_with_flowlang, run, said_by


def main() -> None:
    """Run the README from top to bottom in a folder of its own."""
    document = ROOT / "README.md"
    lines = document.read_text(encoding="utf-8").splitlines()
    written: list[tuple[int, int, list[str]]] = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "work"
        shutil.copytree(ROOT / "specs" / "examples", folder)
        path = path_with_flowlang(Path(place) / "bin")
        for block in blocks(document):
            if block.kind != "console":
                run(block, folder, Path(place))
                continue
            text = "".join(f"$ {command.text}\n{said}" for command, said in said_by(block, folder, path))
            written.append((block.line, block.text.count("\n"), text.splitlines()))
    for start, count, said in reversed(written):
        lines[start : start + count] = said
    document.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
