"""How words get into a shape: made visible, wrapped at a good place, and cut when they are too long.

A cut text ends with an ellipsis and the picture's tooltip has the whole. Widths are counted in columns, so that letters
of two columns and marks of none come out right.
"""

from __future__ import annotations

import re

from flowlang.check import screen
from flowlang.check.screen import width

__all__ = ["fitted", "visible", "width"]

ELLIPSIS = "…"
_NEVER_IN_XML = re.compile("[\ufffe\uffff]")
_WORD = re.compile(r"[^ ]+ ?")
_PART = re.compile(r"[^ ._,/-]*[ ._,/-]|[^ ._,/-]+$")  # a long word breaks after one of these
_JOINED = "\u200d\ufe0f"


def visible(text: str) -> str:
    """`text` on its lines, with nothing in it that moves, hides or turns other text, or that XML can't hold."""
    lines = (screen.visible(line) for line in text.split("\n"))
    return _NEVER_IN_XML.sub(lambda found: f"\\u{ord(found[0]):04x}", "\n".join(lines))


def fitted(text: str, wide: int, lines: int) -> list[str]:
    """`text` on at most `lines` lines of about `wide` columns each; the last ends with an ellipsis if it is cut."""
    words = " ".join(visible(text).split())
    found: list[str] = []
    while words and len(found) < lines:
        line, words = _line(words, wide)
        found.append(line)
    if words:
        found[-1] = _cut(found[-1], wide - 1) + ELLIPSIS
    return found


def _line(text: str, wide: int) -> tuple[str, str]:
    """The first line of `text` and what is left: as many whole words as fit, or a part of the first that does not."""
    for pieces in (_WORD, _PART):
        end = columns = 0
        for piece in pieces.finditer(text):
            if columns + width(piece[0].rstrip()) > wide:
                break
            columns += width(piece[0])
            end = piece.end()
        if end:
            return text[:end].rstrip(), text[end:]
    end = len(_cut(text, wide))
    return text[:end], text[end:].lstrip()


def _cut(text: str, wide: int) -> str:
    """The beginning of `text` that is at most `wide` columns wide, not cut inside a letter of several characters."""
    columns = end = 0
    while end < len(text) and columns + screen.columns(text[end]) <= wide:
        columns += screen.columns(text[end])
        end += 1
    while 0 < end < len(text) and (text[end] in _JOINED or text[end - 1] in _JOINED or screen.columns(text[end]) == 0):
        end -= 1
    return text[: end or 1]
