"""What each service sees of the data as text: what comes from it, what it reads, and what only travels through it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from textwrap import wrap

from flowlang import ir
from flowlang.choreograph.seen import Sight, seen, unused
from flowlang.table import Table


def data_text(flow: ir.Flow, tables: Mapping[str, Table], width: int = 100) -> str:
    """The data plan of a flow for people, no wider than `width` where its names allow it."""
    sights = seen(flow, tables)
    table = next(iter(tables.values()))
    about = (
        "What each service sees of the data. It makes a field, reads it, or only passes it on; values that it keeps stay "
        "there to be used later. A ! marks what is x-pii."
    )
    out = [f"{table.flow}  {table.hash[:12]}", *wrap(about, width), ""]
    for service in sorted(tables):
        mine = [sight for sight in sights if sight.service == service]
        out.append(service)
        rows = (
            ("makes", _names(one for one in mine if one.made)),
            ("reads", _names(one for one in mine if one.read and not one.made)),
            ("keeps", list(dict.fromkeys(one.field.value for one in mine if one.kept))),
            ("passes on", _names(one for one in mine if not one.used)),
        )
        for word, names in rows:
            if names:
                first, rest = f"  {word:<9}  ", " " * 13
                words = ", ".join(names)
                out += wrap(words, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
        out += ["  sees nothing"] if not mine else []
        out.append("")
    through = [sight for sight in unused(sights) if sight.field.personal]
    if not through:
        return "\n".join([*out, "No field that is marked x-pii travels through a service that does not use it."]) + "\n"
    out.append("personal data that a service sees and does not use")
    for field in dict.fromkeys(sight.field for sight in through):
        services = [sight.service for sight in through if sight.field == field]
        out += wrap(f"{field} at {', '.join(services)}", width, initial_indent="  ", subsequent_indent="    ")
    return "\n".join(out) + "\n"


def _names(sights: Iterable[Sight]) -> list[str]:
    return [f"{sight.field}{'!' if sight.field.personal else ''}" for sight in sights]
