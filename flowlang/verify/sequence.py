"""A schedule as a numbered list, and as a sequence picture in Mermaid."""

from __future__ import annotations

import re
from collections.abc import Sequence

_TRACE = re.compile(r"\s*(?P<at>\d+) (?:(?P<who>[\w@.-]+): )?(?P<what>.*)")
_ACT = re.compile(r"(?P<who>[\w@.-]+) takes in (?P<what>.*)")


def numbered(schedule: Sequence[str]) -> str:
    """One event to a line."""
    width = len(str(len(schedule)))
    return "\n".join(f"  {number:>{width}}. {line.strip()}" for number, line in enumerate(schedule, 1))


def to_mermaid(schedule: Sequence[str]) -> str:
    """Who did what, from above to below; what came from outside stands at `outside`."""
    lines = ["sequenceDiagram", "  participant outside"]
    known = {"outside": "outside"}
    for number, line in enumerate(schedule, 1):
        who, what = _read(line)
        if who not in known:
            known[who] = f"p{len(known)}"
            lines.insert(1 + len(known), f"  participant {known[who]} as {_safe(who)}")
        lines.append(f"  Note over {known[who]}: {number}. {_safe(what)}")
    return "\n".join(lines) + "\n"


def _read(line: str) -> tuple[str, str]:
    act = _ACT.fullmatch(line.strip())
    if act is not None:
        return act["who"], act["what"]
    trace = _TRACE.fullmatch(line)
    if trace is not None and trace["who"]:
        return trace["who"], trace["what"]
    return "outside", trace["what"] if trace is not None else line.strip()


def _safe(text: str) -> str:
    """Mermaid has no quoting that holds: whatever is neither letter nor digit is a character code."""
    return "".join(char if char.isalnum() or char == " " else f"#{ord(char)};" for char in text[:120])
