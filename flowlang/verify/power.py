"""A disk that loses its power: what was written and not synced is gone. A shim between SQLite and the real files.

`kill -9` does not show this, because the system writes what a dead process has left in its hands. Here each sync takes a
copy of the file as it is then; the copies are what is found after the power failed.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import apsw

NAME = "losing"


class LosingDisk(apsw.VFS):
    """SQLite's own files, of which it is known what was synced. Connections made while it lives use it."""

    def __init__(self) -> None:
        self.real = apsw.vfs_names()[0]
        self.synced: dict[str, bytes] = {}
        self.writes: dict[str, int] = {}  # since the last sync
        super().__init__(NAME, self.real, makedefault=True)

    def xOpen(self, name: Any, flags: Any) -> _File:
        """A file that tells when it is written and synced."""
        return _File(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        """A file that is deleted is gone."""
        self.synced.pop(filename, None)
        super().xDelete(filename, syncdir)

    def unsynced(self) -> int:
        """How many writes the disk could lose now."""
        return sum(self.writes.values())

    def after_power_loss(self, path: str, into: Path) -> str:
        """The store as it is found when the power comes back; its path in the folder `into`."""
        into.mkdir(parents=True, exist_ok=True)
        for name, content in self.synced.items():
            if name == path or name.startswith(f"{path}-"):
                (into / os.path.basename(name)).write_bytes(content)
        found = into / os.path.basename(path)
        if not found.exists():
            shutil.copy(os.devnull, found)
        return str(found)


class _File(apsw.VFSFile):
    def __init__(self, disk: LosingDisk, name: Any, flags: Any) -> None:
        self._disk = disk
        self._name = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        super().__init__(disk.real, name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        """It can be lost until the next sync."""
        self._disk.writes[self._name] = self._disk.writes.get(self._name, 0) + 1
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:
        """So can this."""
        self._disk.writes[self._name] = self._disk.writes.get(self._name, 0) + 1
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:
        """From here on it can't."""
        super().xSync(flags)
        self._disk.writes[self._name] = 0
        self._disk.synced[self._name] = Path(self._name).read_bytes()
