"""Contracts from texts, for the tests of this folder: files are a dict from path to text, and nothing else exists."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field

from flowlang.contract import Contracts, load
from flowlang.diagnostic import Diagnostic
from flowlang.source import Source
from flowlang.unread import Refusal


@dataclass
class Files:
    """A project of a few files that remembers what was asked of it."""

    texts: dict[str, str]
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sources = {name: Source(name, text) for name, text in self.texts.items()}

    def read(self, reference: str, beside: Source) -> Source | Refusal:
        """The file that a `$ref` names, as the reader of `compile` gives it."""
        self.asked.append(reference)
        path = posixpath.normpath(posixpath.join(posixpath.dirname(beside.name), reference))
        if path.startswith(("..", "/")):
            return Refusal("outside", "it lies outside the project")
        return self.sources.get(path) or Refusal("missing", "there is no such file")


def loaded(text: str, **others: str) -> tuple[Contracts, list[Diagnostic]]:
    """One contract `contracts/one.yaml`; `others` are files beside it, `__` for a dot."""
    files = Files({"contracts/one.yaml": text, **{f"contracts/{n.replace('__', '.')}": t for n, t in others.items()}})
    return load([files.sources["contracts/one.yaml"]], files.read)


def together(text: str) -> tuple[Contracts, list[Diagnostic]]:
    """Several contracts in one text, parted by lines `# file: NAME`."""
    parts = re.split(r"(?m)^# file: (.*)\n", text)
    texts = dict(zip(parts[1::2], parts[2::2], strict=True)) if len(parts) > 1 else {"contracts/one.yaml": text}
    files = Files(texts)
    return load(list(files.sources.values()), files.read)


def places(found: list[Diagnostic]) -> set[tuple[int, str]]:
    """Line and code of each finding."""
    return {(one.span.line, one.code) for one in found}


def expected(text: str) -> set[tuple[int, str]]:
    """What the comments `# FL0380` in `text` say about their lines."""
    lines = enumerate(text.split("\n"), 1)
    return {(number, code) for number, line in lines for code in re.findall(r"FL\d{4}", line.partition("# ")[2])}
