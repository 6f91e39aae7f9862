"""Where a command puts what it made: stdout, a file of the user's choice, or a folder of them."""

from __future__ import annotations

from pathlib import Path

from flowlang.cli.screen import data, talk, to_stdout
from flowlang.cli.status import USAGE, Stop


def put(content: str | bytes, name: str | None) -> None:
    """`content` into the file `name`, or on stdout when there is none or it is `-`."""
    if name is None or name == "-":
        if isinstance(content, str):
            data(content)
        else:
            with to_stdout() as stdout:
                stdout.buffer.write(content)
        return
    try:
        if isinstance(content, str):
            Path(name).write_text(content if content.endswith("\n") else content + "\n", encoding="utf-8", newline="")
        else:
            Path(name).write_bytes(content)
    except OSError as error:
        raise Stop(USAGE, f"{name} cannot be written: {(error.strerror or str(error)).lower()}") from error
    talk(f"wrote {name}")


def put_all(contents: dict[str, str], folder: str) -> None:
    """Each of `contents` into the file of that name in `folder`, which is made when it is not there."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Stop(USAGE, f"{folder} cannot be made: {(error.strerror or str(error)).lower()}") from error
    for name, content in contents.items():
        put(content, str(Path(folder) / name))
