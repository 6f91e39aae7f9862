"""What each service sees of the data, as text or as data: what comes from it, what it reads, and what only travels through it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from flowlang import ir
from flowlang.choreograph.seen import Field, Sight, seen, unused
from flowlang.table import Table


@dataclass(frozen=True, slots=True)
class View:
    """What one service sees: the fields that it makes, reads or only passes on, and the values that it keeps."""

    makes: tuple[Field, ...]
    reads: tuple[Field, ...]
    keeps: tuple[str, ...]
    passes_on: tuple[Field, ...]


def data_text(flow: ir.Flow, tables: Mapping[str, Table], width: int = 100) -> str:
    """The data plan of a flow for people, no wider than `width` where its names allow it."""
    sights = seen(flow, tables)
    table = next(iter(tables.values()))
    about = (
        "What each service sees of the data. It makes a field, reads it, or only passes it on; values that it keeps stay "
        "there to be used later. A ! marks what is x-pii."
    )
    out = [f"{table.flow}  {table.hash[:12]}", *wrap(about, width), ""]
    for service, view in _views(tables, sights).items():
        out.append(service)
        rows = (
            ("makes", _names(view.makes)),
            ("reads", _names(view.reads)),
            ("keeps", view.keeps),
            ("passes on", _names(view.passes_on)),
        )
        for word, names in rows:
            if names:
                first, rest = f"  {word:<9}  ", " " * 13
                words = ", ".join(names)
                out += wrap(words, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
        out += [] if any(names for _, names in rows) else ["  sees nothing"]
        out.append("")
    through = _through(sights)
    if not through:
        return "\n".join([*out, "No field that is marked x-pii travels through a service that does not use it."]) + "\n"
    out.append("personal data that a service sees and does not use")
    for field, services in through.items():
        out += wrap(f"{field} at {', '.join(services)}", width, initial_indent="  ", subsequent_indent="    ")
    return "\n".join(out) + "\n"


def data_data(flow: ir.Flow, tables: Mapping[str, Table]) -> dict[str, Any]:
    """The same for programs: for each service the fields and whether they are personal, then the personal fields that
    travel through services which do not use them."""
    sights = seen(flow, tables)
    table = next(iter(tables.values()))
    services = {
        service: {
            "makes": _objects(view.makes),
            "reads": _objects(view.reads),
            "keeps": list(view.keeps),
            "passes_on": _objects(view.passes_on),
        }
        for service, view in _views(tables, sights).items()
    }
    through = [{"field": str(field), "services": at} for field, at in _through(sights).items()]
    return {"flow": table.flow, "hash": table.hash, "services": services, "unused_personal": through}


def _views(tables: Mapping[str, Table], sights: Iterable[Sight]) -> dict[str, View]:
    of: dict[str, list[Sight]] = {service: [] for service in sorted(tables)}
    for sight in sights:
        of[sight.service].append(sight)
    return {
        service: View(
            tuple(one.field for one in mine if one.made),
            tuple(one.field for one in mine if one.read and not one.made),
            tuple(dict.fromkeys(one.field.value for one in mine if one.kept)),
            tuple(one.field for one in mine if not one.used),
        )
        for service, mine in of.items()
    }


def _through(sights: Iterable[Sight]) -> dict[Field, list[str]]:
    """The personal fields that services see and do not use, with these services."""
    through: dict[Field, list[str]] = {}
    for sight in unused(sights):
        if sight.field.personal:
            through.setdefault(sight.field, []).append(sight.service)
    return through


def _names(fields: Iterable[Field]) -> list[str]:
    return [f"{field}{'!' if field.personal else ''}" for field in fields]


def _objects(fields: Iterable[Field]) -> list[dict[str, Any]]:
    return [{"field": str(field), "personal": field.personal} for field in fields]
