"""A comparison as text for people, and as data for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from textwrap import wrap
from typing import Any

from flowlang.compare.advice import Advice, Criterion
from flowlang.compare.facts import Facts
from flowlang.compare.weigh import Figures


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both modes of one flow."""

    flow: str
    hash: str
    orchestrate: Figures
    choreograph: Figures
    facts: Facts
    advice: Advice


def compare_text(found: Comparison, width: int = 100) -> str:
    """The comparison for people, no wider than `width` where the names allow it."""
    out = [f"{found.flow}  {found.hash[:12]}", ""]
    out += _columns([("", "orchestrate", "choreograph"), *_rows(found)])
    about = (
        "Figures are means over the likely ways of a run, the upper ones of a run that completes. Under an orchestrator a call "
        "is a command and a reply between the service and a coordinator of its own."
    )
    out += ["", *wrap(about, width), ""]
    out += _columns(
        [
            ("in the choreography", "steps", "hears from", "tells", "decides"),
            *(
                (s.name, str(s.steps), str(s.hears_from), str(s.tells), str(len(s.decides)))
                for s in found.facts.services
            ),
        ]
    )
    for mode in ("orchestrate", "choreograph"):
        out += ["", f"for {mode}"]
        some = sorted((c for c in found.advice.criteria if c.favours == mode), key=lambda c: -abs(c.weight))
        for one in some:
            out += wrap(_reason(one), width, initial_indent="  ", subsequent_indent="    ")
        out += ["  nothing"] if not some else []
    return "\n".join([*out, "", *_verdict(found.advice, width)]) + "\n"


def _rows(found: Comparison) -> Iterator[tuple[str, str, str]]:
    one, other, known = found.orchestrate, found.choreograph, found.facts
    yield "deliveries", _number(one.deliveries), _number(other.deliveries)
    yield "publications", _number(one.publications), _number(other.publications)
    yield "hops on the critical path", _number(one.hops), _number(other.hops)
    yield "bytes carried", f"{one.bytes:.0f}", f"{other.bytes:.0f}"
    yield "largest share of deliveries at one service", _share(one), _share(other)
    yield "  which is", one.busiest or "-", other.busiest or "-"
    yield "deliveries of a run that is undone", _number(one.undo_deliveries), _number(other.undo_deliveries)
    yield "hops until it is undone", _number(one.undo_hops), _number(other.undo_hops)
    yield "services that own decisions", "1", str(known.deciding)
    yield "fields seen and not used, at all services", str(known.unused[0]), str(known.unused[1])
    yield "  of them x-pii", str(known.personal[0]), str(known.personal[1])


def _verdict(advice: Advice, width: int) -> list[str]:
    match advice.mode:
        case "no clear winner":
            words = "no clear winner: what speaks for either mode is within 20 %."
        case "hybrid":
            words = "hybrid: a choreography in which one service conducts what belongs together."
        case mode:
            words = f"{mode}."
    out = wrap(f"recommendation: {words}", width)
    if advice.decided_by:
        reasons = "; ".join(_reason(one) for one in advice.decided_by)
        out += wrap(f"It was decided by {reasons}.", width, initial_indent="  ", subsequent_indent="  ")
    for region in advice.regions:
        out += wrap(
            f"`orchestrate at {region.at}` around {region.path}: {region.why}.",
            width,
            initial_indent="  ",
            subsequent_indent="  ",
        )
    sums = f"What speaks for orchestrate weighs {advice.orchestrate:.1f}, for choreograph {advice.choreograph:.1f}."
    return [*out, *wrap(sums, width, initial_indent="  ", subsequent_indent="  ")]


def compare_data(found: Comparison) -> dict[str, Any]:
    """The comparison as JSON data; figures with three digits after the point."""
    known, advice = found.facts, found.advice
    return {
        "flow": found.flow,
        "hash": found.hash,
        "orchestrate": {
            **_data(found.orchestrate),
            "owners": 1,
            "unused": known.unused[0],
            "personal": known.personal[0],
        },
        "choreograph": {
            **_data(found.choreograph),
            "owners": known.deciding,
            "unused": known.unused[1],
            "personal": known.personal[1],
        },
        "services": {
            one.name: {
                "steps": one.steps,
                "fan_in": one.hears_from,
                "fan_out": one.tells,
                "decides": list(one.decides),
            }
            for one in known.services
        },
        "criteria": [
            {
                "name": one.name,
                "favours": one.favours or None,
                "figures": one.figures,
                "weight": _round(abs(one.weight)),
            }
            for one in advice.criteria
        ],
        "recommendation": {
            "mode": advice.mode,
            "decided_by": [one.name for one in advice.decided_by],
            "regions": [{"path": one.path, "at": one.at, "why": one.why} for one in advice.regions],
            "orchestrate": _round(advice.orchestrate),
            "choreograph": _round(advice.choreograph),
        },
    }


def _data(figures: Figures) -> dict[str, Any]:
    return {
        "deliveries": _round(figures.deliveries),
        "publications": _round(figures.publications),
        "hops": _round(figures.hops),
        "bytes": _round(figures.bytes),
        "undo": {"deliveries": _round(figures.undo_deliveries), "hops": _round(figures.undo_hops)},
        "busiest": {"service": figures.busiest, "share": _round(figures.share)},
    }


def _reason(one: Criterion) -> str:
    return f"{one.name} ({one.figures})"


def _columns(rows: list[tuple[str, ...]]) -> list[str]:
    """Words to the left, figures to the right of their columns."""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return lines


def _number(value: float) -> str:
    return f"{value:.1f}"


def _share(figures: Figures) -> str:
    return f"{figures.share * 100:.0f} %"


def _round(value: float) -> int | Decimal:
    return int(value) if value == int(value) else Decimal(f"{value:.3f}").normalize()
