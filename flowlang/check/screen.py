"""How the user's text looks on a screen: what each character is shown as, and how many columns that takes.

Text of the user may hold anything: tabs, letters two columns wide, marks that take no column, and characters that would
move the cursor, colour the screen or turn the writing direction. The last kind is shown escaped, so that a diagnostic says
what is in the file and the file cannot say anything to the terminal.
"""

from __future__ import annotations

from dataclasses import dataclass
from unicodedata import category, east_asian_width

TAB = "    "
WIDEST = 120
"""Columns of a line of source that are shown; a longer line is cut around its mark."""

CUT = "..."
JOINERS = "\u200c\u200d"
"""Format characters that belong to words and pictures of one letter; all others are shown escaped."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A line as shown, and the columns (from 0) where its mark begins and how wide it is, at least 1."""

    text: str
    start: int
    width: int


def visible(text: str) -> str:
    """`text` with every character that is not seen as itself escaped, and tabs as spaces."""
    return "".join(map(shown, text))


def shown(char: str) -> str:
    """What stands on the screen for one character."""
    if " " <= char <= "~":
        return char
    if char == "\t":
        return TAB
    kind = category(char)
    if kind in ("Cc", "Cs", "Zl", "Zp") or (kind == "Cf" and char not in JOINERS):
        return escaped(char)
    return char


def escaped(char: str) -> str:
    """`\\x1b`, `\\u202e` or `\\U000e0001`."""
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def width(text: str) -> int:
    """Columns that `text`, already visible, takes."""
    return len(text) if text.isascii() else sum(map(columns, text))


def columns(char: str) -> int:
    """Columns of one visible character: none for a mark on the one before, two for a wide one."""
    if category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if east_asian_width(char) in "WF" else 1


def mark(line: str, start: int, end: int) -> Marked:
    """`line` as shown with `start` up to `end` (in characters of the line) marked, cut to what a screen can hold."""
    start, end = min(start, len(line)), min(end, len(line))
    # Cutting goes by characters and not by columns, so that a line of a megabyte is never measured as a whole.
    low = max(0, start - WIDEST // 3) if len(line) > WIDEST else 0
    high = min(len(line), low + WIDEST) if len(line) > WIDEST else len(line)
    end = min(end, high)
    before, middle, after = (visible(part) for part in (line[low:start], line[start:end], line[end:high]))
    head = CUT if low else ""
    tail = CUT if high < len(line) else ""
    return Marked(f"{head}{before}{middle}{after}{tail}".rstrip(), width(head + before), max(1, width(middle)))
