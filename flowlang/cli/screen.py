"""What reaches the terminal: data on stdout, talk on stderr, colours only where somebody sees them."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def colour(stream: TextIO) -> bool:
    """True where `stream` is a terminal that shows colours and nobody asked for none (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def data(text: str) -> None:
    """`text` on stdout, ended with a newline."""
    if text:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")


def talk(text: str) -> None:
    """`text` on stderr, ended with a newline."""
    sys.stdout.flush()  # the order in which things were said, when both go to one place
    sys.stderr.write(text if text.endswith("\n") else text + "\n")
