"""What reaches the terminal: data on stdout, talk on stderr, colours only where somebody sees them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from flowlang.cli.status import UNREACHABLE, Stop


def colour(stream: TextIO) -> bool:
    """True where `stream` is a terminal that shows colours and nobody asked for none (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def data(text: str) -> None:
    """`text` on stdout, ended with a newline."""
    if text:
        with to_stdout() as stdout:
            stdout.write(text if text.endswith("\n") else text + "\n")


def talk(text: str) -> None:
    """`text` on stderr, ended with a newline."""
    flush()  # the order in which things were said, when both go to one place
    try:
        sys.stderr.write(text if text.endswith("\n") else text + "\n")
    except OSError:  # there is nobody left to tell that it can't be said; the exit status still tells
        forget(sys.stderr)


def flush() -> None:
    """Let what was written to stdout get there."""
    with to_stdout() as stdout:
        stdout.flush()


@contextmanager
def to_stdout() -> Iterator[TextIO]:
    """stdout, to write to. Raises Stop where it takes no more, since its disk is full for example; a reader that has gone
    stays a BrokenPipeError."""
    try:
        yield sys.stdout
    except BrokenPipeError:
        raise
    except OSError as error:
        forget(sys.stdout)
        said = (error.strerror or str(error)).lower()
        raise Stop(UNREACHABLE, f"standard output can't be written: {said}") from error


def forget(stream: TextIO) -> None:
    """Write no more to where `stream` leads, or Python would try it again at exit and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
