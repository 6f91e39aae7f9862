"""The changes of a flow as text for people, and as data for programs."""

from __future__ import annotations

from textwrap import wrap
from typing import Any

from flowlang.changes.find import CLASSES, Change, Version

ABOUT = {
    "topological": "services change together",
    "handler-compatible": "tables change, handlers stay",
    "inert": "nothing runs otherwise",
}


def changes_text(old: Version, new: Version, found: tuple[Change, ...], width: int = 100) -> str:
    """The changes, the most far-reaching first, no wider than `width` where the names allow it."""
    out = [f"{new.flow.name}  {old.hash[:12]} -> {new.hash[:12]}", ""]
    for kind in CLASSES:
        some = [change for change in found if change.kind == kind]
        if not some:
            continue
        out.append(f"{kind}: {ABOUT[kind]}")
        for change in some:
            mark = "!" if change.breaks else " "
            words = f"{change.about} {change.words}"
            out += wrap(words, width, initial_indent=f"  {mark} ", subsequent_indent="      ", break_on_hyphens=False)
        out.append("")
    return "\n".join([*out, *wrap(_sum(old, new, found), width)]) + "\n"


def _sum(old: Version, new: Version, found: tuple[Change, ...]) -> str:
    breaking = sum(change.breaks for change in found)
    if breaking:
        marked = "1 change, marked !, breaks" if breaking == 1 else f"{breaking} changes, marked !, break"
        return f"{marked} runs in flight or other services."
    if found:
        return "Nothing breaks: runs in flight keep the tables that they began with."
    return "Nothing changed." if old.hash == new.hash else "Nothing changed that a service would notice."


def changes_data(old: Version, new: Version, found: tuple[Change, ...]) -> dict[str, Any]:
    """The changes as JSON data."""
    return {
        "flow": new.flow.name,
        "old": old.hash,
        "new": new.hash,
        "breaks": any(change.breaks for change in found),
        "changes": [{"class": one.kind, "about": one.about, "what": one.words, "breaks": one.breaks} for one in found],
    }
