"""Where in a value a problem is, and what is said about it."""

from __future__ import annotations

import re
from typing import Any, Final

from flowlang.values import plain_dumps

Path = tuple[Any, Any] | None
"""The way to a part of a value, from the inside out: (way to what it is in, its name or number); None is the whole."""

_NAME: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")
_SHORT = 60


class Problems(list[str]):
    """What was found so far, and what recursive schemas have said already."""

    __slots__ = ("memo",)

    def __init__(self, memo: dict[tuple[int, int], Any] | None = None) -> None:
        super().__init__()
        self.memo = {} if memo is None else memo

    def add(self, path: Path, text: str) -> None:
        """One more problem. Whoever collects stops at ten, so that a long list of bad items does not cost its length."""
        if len(self) < 20:
            self.append(told(path, text))

    def fresh(self) -> Problems:
        """An empty one for an attempt that may fail."""
        return Problems(self.memo)


def told(path: Path, text: str) -> str:
    """`text` with its place before it: `items[3].qty: is missing`."""
    parts: list[str] = []
    while path is not None:
        path, key = path
        parts.append(f"[{key}]" if isinstance(key, int) else f".{key}" if _NAME.fullmatch(key) else f"[{show(key)}]")
    place = "".join(reversed(parts)).removeprefix(".")
    return f"{_cut(place)}: {text}" if place else text


def show(value: Any) -> str:
    """A value in a sentence: short, and on one line."""
    if isinstance(value, dict | list) and len(value) > 20:
        return "the object" if isinstance(value, dict) else "the list"
    return _cut(plain_dumps(value[:_SHORT] + "..." if isinstance(value, str) and len(value) > _SHORT else value))


def _cut(text: str) -> str:
    return text if len(text) <= 2 * _SHORT else f"{text[: 2 * _SHORT]}..."
