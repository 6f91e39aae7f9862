"""Which mode the figures speak for. Each criterion is tied to a figure of this flow; none is an opinion about flows at large.

A criterion has a factor: how many times better one mode does by its figure. Above 1 it speaks for a choreography, below 1
for an orchestrator. The side whose factors weigh more wins, as sums of their logarithms, so that a factor of 4 counts
twice as much as one of 2; within a fifth of each other there is no clear winner. A block in which several services work
closely together and something is caught, waited for or tried again is better conducted by one of them, whatever the rest
of the flow does: then the answer is both, with a border around that block.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import log
from typing import Literal

from flowlang import ir
from flowlang.compare.facts import Facts, longest
from flowlang.compare.rates import short
from flowlang.compare.weigh import Figures

Mode = Literal["orchestrate", "choreograph", "hybrid", "no clear winner"]
MARGIN = 1.2
STRONGEST = 4.0
FEW = 5  # services
CLOSE = 0.5  # of a group's deliveries that stay inside it


@dataclass(frozen=True, slots=True)
class Criterion:
    """One reason: what it is about, the figures that it rests on, and how strongly it speaks."""

    name: str
    figures: str
    factor: float

    @property
    def favours(self) -> str:
        """The mode that it speaks for, or "" where the figures are alike."""
        return "" if abs(self.weight) < 0.05 else "choreograph" if self.weight > 0 else "orchestrate"

    @property
    def weight(self) -> float:
        """How much it counts: above 0 for a choreography."""
        return log(min(STRONGEST, max(1 / STRONGEST, self.factor)))


@dataclass(frozen=True, slots=True)
class Region:
    """A block that one of its services should conduct."""

    path: str
    at: str
    why: str


@dataclass(frozen=True, slots=True)
class Advice:
    """The recommendation, the two criteria that decided it, and how much speaks for each mode."""

    mode: Mode
    decided_by: tuple[Criterion, ...]
    regions: tuple[Region, ...]
    criteria: tuple[Criterion, ...]
    orchestrate: float
    choreograph: float


def advise(flow: ir.Flow, central: Figures, services: Figures, known: Facts) -> Advice:
    """What the figures of both modes speak for."""
    criteria = tuple(_criteria(central, services, known))
    ranked = sorted(criteria, key=lambda one: -abs(one.weight))
    against = [one for one in ranked if one.favours == "orchestrate"]
    favour = [one for one in ranked if one.favours == "choreograph"]
    orchestrate = -sum(one.weight for one in against)
    choreograph = sum(one.weight for one in favour)
    regions = tuple(_regions(flow, services, known))
    mode: Mode
    if orchestrate > choreograph * MARGIN:
        mode, decided = "orchestrate", against[:2]
    elif regions:
        mode, decided = "hybrid", [*favour[:1], *against[:1]]
    elif choreograph > orchestrate * MARGIN:
        mode, decided = "choreograph", favour[:2]
    else:
        mode, decided = "no clear winner", [*favour[:1], *against[:1]]
    return Advice(mode, tuple(decided), regions if mode == "hybrid" else (), criteria, orchestrate, choreograph)


def _criteria(central: Figures, services: Figures, known: Facts) -> Iterator[Criterion]:
    count = len(known.services)
    yield Criterion(
        "central visibility",
        f"decisions are at {_many(known.deciding, 'service')}, or at one coordinator",
        1 / max(1, known.deciding),
    )
    order = known.longest / known.steps if known.steps else 0.0
    yield Criterion(
        "strict order", f"{known.longest} of {_many(known.steps, 'step')} stand on one chain", 1 - order / 2
    )
    yield Criterion("waits", _many(known.waits, "wait"), 1 / (1 + known.waits / 2))
    yield Criterion(
        "interrupts and catches",
        f"{_many(known.reactions, 'clause')} that catch, interrupt, react or try again",
        1 / (1 + known.reactions / 2),
    )
    yield Criterion(
        "frequent change",
        f"a change of one step touches {known.touched:.1f} tables, or one flow",
        1 / max(1.0, known.touched),
    )
    yield _either("few services", "many services", _many(count, "service"), min(2.0, max(0.5, FEW / max(1, count))))
    yield _either(
        "large data between neighbours",
        "data on long ways",
        f"{services.bytes:.0f} bytes carried, against {central.bytes:.0f} through a coordinator",
        (central.bytes + 1) / (services.bytes + 1),
    )
    near = sum(service.hears_from + service.tells for service in known.services) / (2 * max(1, count))
    yield _either(
        "independent teams",
        "services that all know each other",
        f"a service knows {_figure(near)} of {_many(count - 1, 'other')}",
        1.0 if near == 0 else max(0.5, min(2.0, (count - 1) / (2 * near))),
    )
    yield Criterion(
        "long chains on the user's path",
        f"{_figure(services.hops)} hops on the critical path, against {_figure(central.hops)}",
        (central.hops + 1) / (services.hops + 1),
    )
    yield Criterion(
        "messages",
        f"{_figure(services.deliveries)} deliveries, against {_figure(central.deliveries)}",
        (central.deliveries + 1) / (services.deliveries + 1),
    )
    yield Criterion(
        "undoing",
        f"{_figure(services.undo_deliveries)} deliveries of a run that is undone, against {_figure(central.undo_deliveries)}",
        (central.undo_deliveries + 1) / (services.undo_deliveries + 1),
    )
    yield _either(
        "no common trusted coordinator",
        "data that services only pass on",
        f"{_many(known.unused[1], 'field')} seen and not used, against {known.unused[0]} at a coordinator",
        (known.unused[0] + 1) / (known.unused[1] + 1),
    )
    yield Criterion(
        "a hot coordinator",
        f"{_percent(services.share)} of the deliveries at one service, against {_percent(central.share)}",
        central.share / services.share if services.share else 1.0,
    )


def _either(favour: str, against: str, figures: str, factor: float) -> Criterion:
    """A criterion with a name for each side."""
    return Criterion(favour if factor >= 1 else against, figures, factor)


def _regions(flow: ir.Flow, services: Figures, known: Facts) -> Iterator[Region]:
    """The blocks of the flow's own body that one of their services should conduct."""
    everybody = {service.name for service in known.services}
    for node in flow.body.items:
        if isinstance(node, ir.Sequence | ir.Region) or not ir.parts_of(node):
            continue
        inner = list(ir.walk(node))
        steps = [one.operation.service for one in inner if isinstance(one, ir.Step)]
        reasons = sum(isinstance(one, _REASONS) for one in inner)
        group = set(steps)
        if reasons == 0 or len(group) < 2 or group >= everybody:
            continue
        inside = sum(count for a, b, count in services.between if a in group and b in group)
        border = sum(count for a, b, count in services.between if (a in group) != (b in group))
        if inside > 0 and inside >= CLOSE * (inside + border):
            at = max(sorted(group), key=steps.count)
            stay = f"{_percent(inside / (inside + border))} of the deliveries of {', '.join(sorted(group))} stay among them"
            clauses = f"{_many(reasons, 'wait or clause')} and {_many(longest(node), 'step')} in a row inside"
            yield Region(short(node.path).partition(":")[0], at, f"{stay}, with {clauses}")


_REASONS = (ir.Race, ir.Catch, ir.Interrupt, ir.Retry, ir.Alongside, ir.Repeat)


def _figure(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _percent(value: float) -> str:
    return f"{value * 100:.0f} %"


def _many(count: int, word: str) -> str:
    plural = "waits or clauses" if word == "wait or clause" else f"{word}s"
    return f"{count} {word if count == 1 else plural}"
