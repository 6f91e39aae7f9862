"""What soaks have found so far, in a file: for each proof which slices are done, and what came of them at which code.

A slice is done once, whatever becomes of the soak: it is added when it is over, and one that was broken off is done anew. What
was found at one state of the code is never added to what was found at another: each has its `Part`.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import apsw

ROOT = Path(__file__).parents[2]

Found = dict[str, Any]
"""What came of a slice: numbers (`n` is how many were tried), lists (`broken` has a text for each broken promise) and such
objects inside."""


@dataclass(frozen=True, slots=True)
class Code:
    """What is measured: `hash` is that of all files of the package, and tells whether anything has changed."""

    hash: str
    commit: str
    versions: str


@dataclass(slots=True)
class Part:
    """What was found at one state of the code, from `first` to `last` slice, on the days `since` to `until`."""

    code: Code
    since: str
    until: str
    first: int
    last: int
    found: Found


@dataclass(slots=True)
class Row:
    """One proof. All slices below `next` are done, and those that are `ahead`; `plan` tells which slices these are."""

    plan: str
    next: int = 0
    ahead: set[int] = field(default_factory=set)
    parts: list[Part] = field(default_factory=list)

    def is_done(self, slice: int) -> bool:
        """Whether this slice is."""
        return slice < self.next or slice in self.ahead

    @property
    def done(self) -> int:
        """How many slices are."""
        return self.next + len(self.ahead)

    @property
    def found(self) -> Found:
        """What came of all, at whatever code."""
        total: Found = {"n": 0, "broken": []}
        for part in self.parts:
            total = merged(total, part.found)
        return total

    def add(self, slice: int, found: Found, code: Code) -> None:
        """This slice is done. Each is so once."""
        assert not self.is_done(slice), slice
        self.ahead.add(slice)
        while self.next in self.ahead:
            self.ahead.remove(self.next)
            self.next += 1
        today = datetime.now(UTC).date().isoformat()
        part = next((part for part in self.parts if part.code.hash == code.hash), None)
        if part is None:
            self.parts.append(Part(code, today, today, slice, slice, found))
            return
        part.code, part.until = code, today
        part.first, part.last = min(part.first, slice), max(part.last, slice)
        part.found = merged(part.found, found)


def merged(one: Any, other: Any) -> Any:
    """Both together: numbers are added, lists put one behind the other, objects name by name."""
    if isinstance(one, dict):
        return {
            name: merged(one[name], other[name]) if name in one and name in other else (one | other)[name]
            for name in one | other
        }
    return one + other


# ---------------------------------------------------------------- the file


def read(file: Path) -> dict[str, Row]:
    """All rows of a file that tell of which slices they are, or none where there is no file."""
    if not file.exists():
        return {}
    rows = json.loads(file.read_text(encoding="utf-8")).items()
    return {name: _row(row) for name, row in rows if "plan" in row}


def write(file: Path, rows: Mapping[str, Row]) -> None:
    """Keep all rows: the old file stands until the new one is whole."""
    text = json.dumps({name: asdict(row) | {"ahead": sorted(row.ahead)} for name, row in rows.items()}, indent=1)
    new = file.with_name(f"{file.name}.new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, file)


def _row(row: dict[str, Any]) -> Row:
    parts = [Part(**{**part, "code": Code(**part["code"])}) for part in row["parts"]]
    return Row(row["plan"], row["next"], set(row["ahead"]), parts)


# ---------------------------------------------------------------- the code


def code_now() -> Code:
    """The code in this folder, as it is on the disk."""
    digest = hashlib.sha256()
    for file in sorted((ROOT / "flowlang").rglob("*.py")):
        digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes() + b"\0")
    return Code(digest.hexdigest()[:12], _commit(), _versions())


def _commit() -> str:
    commit = _git("rev-parse", "--short", "HEAD")
    if not commit:
        return "no commit"
    return f"{commit} with changes" if _git("status", "--porcelain", "--", "flowlang") else commit


def _git(*words: str) -> str:
    """What git says; nothing where this is no repository or there is no git."""
    try:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    except FileNotFoundError:
        return ""


def _versions() -> str:
    try:
        ours = version("flowlang")
    except PackageNotFoundError:
        ours = "of a checkout"
    return (
        f"flowlang {ours}, Python {platform.python_version()}, SQLite {apsw.sqlite_lib_version()}, "
        f"{platform.system()}, {os.cpu_count()} cores"
    )
