"""Files as a flow may read them: those of its own project, none larger than LARGEST, and nothing that a link leads out to.

The project is the nearest folder at or above the flow that holds `.git`, `pyproject.toml` or `flowlang.toml`; without one,
the folder of the flow. Checking a flow that somebody sent must not become a way to look around in the files of the reader,
so `use contracts` and `$ref` are held inside it, after symbolic links are followed.
"""

from __future__ import annotations

import errno
import glob
import os
import stat
import sys
from dataclasses import dataclass, field

from flowlang.diagnostic import Diagnostic
from flowlang.language.words import BigFile, NotText
from flowlang.source import Source, Span
from flowlang.unread import LARGEST, NoFile, NotAFile, Refusal, Unreadable

STDIN = "-"
MARKS = (".git", "pyproject.toml", "flowlang.toml")


@dataclass(slots=True)
class Project:
    """The files that flows of one project may read. Each is read once, so that its findings point at one `Source`."""

    root: str
    known: dict[str, Source | Refusal | Diagnostic] = field(default_factory=dict)

    def find(self, pattern: str, beside: Source) -> list[str] | Refusal:
        """The names of the files that `pattern`, relative to the file `beside`, matches, sorted."""
        folder = _folder_of(beside.name)
        plain, rest = _split(pattern)
        if os.path.isabs(pattern) or "\0" in pattern or os.pardir in rest:
            return _OUTSIDE
        if not self._holds(os.path.join(folder, *plain)):  # before the search, which would look around outside
            return _OUTSIDE
        matches = sorted(glob.glob(pattern, root_dir=folder or None, recursive=True))
        names = [os.path.normpath(os.path.join(folder, match)) for match in matches]
        return names if all(map(self._holds, names)) else _OUTSIDE

    def add(self, name: str, source: Source) -> None:
        """The file `name` has been read already, as `source`."""
        self.known[os.path.realpath(name)] = source

    def read(self, reference: str, beside: Source) -> Source | Refusal | Diagnostic:
        """The file `reference`, relative to the file `beside`. A diagnostic when it is no text."""
        if os.path.isabs(reference) or "\0" in reference:
            return _OUTSIDE
        return self.open(os.path.normpath(os.path.join(_folder_of(beside.name), reference)))

    def open(self, name: str) -> Source | Refusal | Diagnostic:
        """The file of that name, as `find` gives it."""
        if not self._holds(name):
            return _OUTSIDE
        real = os.path.realpath(name)
        if real not in self.known:
            self.known[real] = _opened(name)
        return self.known[real]

    def _holds(self, name: str) -> bool:
        real = os.path.realpath(name)
        return real == self.root or real.startswith(self.root.rstrip(os.sep) + os.sep)


_OUTSIDE = Refusal("outside", "it lies outside the project")


def project_of(name: str) -> Project:
    """The project of the flow file `name`; of the working directory for stdin."""
    start = os.path.realpath(_folder_of(name) or os.curdir)
    folder = start
    while True:
        if any(os.path.exists(os.path.join(folder, mark)) for mark in MARKS):
            return Project(folder)
        above = os.path.dirname(folder)
        if above == folder:
            return Project(start)
        folder = above


def opened(name: str) -> Source | Diagnostic:
    """The flow that the command line names; `-` is stdin. A diagnostic at the beginning of the file when it has no text."""
    match _opened(name):
        case Refusal() as refusal:
            return _finding(name, refusal)
        case found:
            return found


def _finding(name: str, refusal: Refusal) -> Diagnostic:
    nowhere = Span(Source(name, ""), 0, 0)
    match refusal.kind:
        case "missing":
            return NoFile(span=nowhere, file=name)
        case "folder":
            return NotAFile(span=nowhere, file=name)
        case _:
            return Unreadable(span=nowhere, file=name, why=refusal.why)


def _opened(name: str) -> Source | Refusal | Diagnostic:
    """The text of the file, or why there is none. Not more than LARGEST is ever read, from whatever the name leads to."""
    try:
        if name == STDIN:
            data, size = sys.stdin.buffer.read(LARGEST + 1), 0
        else:
            if stat.S_ISDIR(os.stat(name).st_mode):
                return Refusal("folder", "it is a folder")
            with open(name, "rb") as file:
                data, size = file.read(LARGEST + 1), os.fstat(file.fileno()).st_size
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        return _refusal(error)
    shown = "<stdin>" if name == STDIN else name
    if len(data) > LARGEST:
        return BigFile(span=Span(Source(shown, ""), 0, 0), size=max(size, len(data)), limit=LARGEST)
    return _text(shown, data)


def _text(name: str, data: bytes) -> Source | Diagnostic:
    try:
        return Source(name, data.decode("utf-8"))
    except UnicodeDecodeError as error:
        source = Source(name, data.decode("utf-8", "replace"))
        place = len(data[: error.start].decode("utf-8"))
        return NotText(span=Span(source, place, place + 1), byte=f"0x{data[error.start]:02x}", offset=error.start)


def _refusal(error: OSError | ValueError) -> Refusal:
    if isinstance(error, ValueError):
        return Refusal("unreadable", "its name holds a NUL")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return Refusal("missing", "it does not exist")
    return Refusal("unreadable", (error.strerror or str(error)).lower())


def _folder_of(name: str) -> str:
    return "" if name == STDIN or name.startswith("<") else os.path.dirname(name)


def _split(pattern: str) -> tuple[list[str], list[str]]:
    """The parts of a pattern before the first that has a pattern sign, and the others."""
    parts = pattern.split("/")
    first = next((place for place, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return parts[:first], parts[first:]


def is_yaml(name: str) -> bool:
    """Whether the file of that name holds the YAML form; `flowlang.language.parse` decides in the same way."""
    return name.endswith((".yaml", ".yml"))
