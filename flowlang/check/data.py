"""Which values are there at a place of the flow, and which may be absent.

A `Names` is one layer of names over another: a block adds to its own layer, an arm (a case, a branch, a handler) gets a
layer of its own, and when the arms come together again their names go into the layer around them: present when every arm
that continues sets them, optional when only some do. Layers, not copies: a flow of ten thousand steps stays linear.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from flowlang.check.names import Arm, Declared, apart
from flowlang.check.words.data import NotVisible, UsedBefore
from flowlang.diagnostic import Diagnostic, Label
from flowlang.expression.fit import common
from flowlang.expression.tree import Ref
from flowlang.expression.types import Maybe, Type
from flowlang.source import Span

WHY = {
    "end": "the flow ends where it is defined",
    "wait": "the `else` of a wait does not see its event",
    "fork": "branches of a fork run at the same time and do not see their siblings",
    "switch": "cases of a switch exclude each other",
    "scope": "a handler runs when the body of its scope is gone, and sees nothing of it",
    "race": "alternatives of a race exclude each other",
    "each": "what the body of a `for each` names is gone after each item; `as` collects what it yields",
    "alongside": "what runs alongside sees what was known when its scope began, and nobody sees what it names",
    "undo": "the block of `compensate` runs only when its scope is undone",
}

CLOSED = ("each", "alongside", "undo")
"""Arms of which nothing is seen outside."""


@dataclass(frozen=True, slots=True)
class Known:
    """A name that is known at a place. `unset` is a place on a path that does not set it, or None."""

    type: Type
    span: Span
    unset: Span | None = None


@dataclass(slots=True)
class Names:
    """The names of a place; `around` are those of the block outside."""

    around: Names | None = None
    own: dict[str, Known] = field(default_factory=dict)

    def get(self, name: str) -> Known | None:
        """What is known of `name` here."""
        layer: Names | None = self
        while layer is not None:
            if name in layer.own:
                return layer.own[name]
            layer = layer.around
        return None

    def all(self) -> Iterator[str]:
        """Every name that is known here."""
        layer: Names | None = self
        while layer is not None:
            yield from layer.own
            layer = layer.around


@dataclass(frozen=True, slots=True)
class Way:
    """One of several ways through a block: what it defined, whether it always ends the flow, and where it stands."""

    names: Names
    ends: bool
    span: Span


def come_together(names: Names, ways: Iterable[Way]) -> tuple[bool, list[tuple[str, Known, Known]]]:
    """Enter what `ways` defined into `names`. Returns whether no way continues, and the pairs of definitions of one name
    whose types are not equal."""
    every = list(ways)
    going = [way for way in every if not way.ends]
    differing: list[tuple[str, Known, Known]] = []
    for way in going or every:  # behind a dead end nothing runs, and nothing is reported either
        for name, known in way.names.own.items():
            before = names.own.get(name)
            if before is not None:
                if before.span != known.span:
                    both = common(before.type, known.type)
                    if both is None:
                        differing.append((name, before, known))
                    else:  # an integer here and a decimal there, fields that only one has
                        names.own[name] = replace(before, type=both)
                continue
            without = next((other for other in going if name not in other.names.own), None)
            names.own[name] = known if without is None else optional(known, without.span)
    return not going, differing


def optional(known: Known, unset: Span) -> Known:
    """`known` as it is after a path that does not set it."""
    if isinstance(known.type, Maybe):
        return replace(known, unset=known.unset or unset)
    return replace(known, type=Maybe(known.type), unset=unset)


def unseen(ref: Ref, arms: tuple[Arm, ...], declared: dict[str, list[Declared]]) -> Diagnostic | None:
    """Why `ref`, which is not known where it stands, cannot be read, or None when the flow declares no such value."""
    values = [each for each in declared.get(ref.name, []) if each.what not in ("branch", "scope")]
    if not values:
        return None
    first = values[0]
    related = (Label(first.name.span, "defined here"),)
    closed = next((arm.kind for arm in first.arms if arm.kind in CLOSED and arm not in arms), None)
    parted = next((arm for arm in (apart(arms, each.arms) for each in values) if arm is not None), None)
    if parted is not None or (closed is not None and first.name.span.start < ref.span.start):
        why = WHY[parted.kind if parted is not None else closed or "end"]
        return NotVisible(span=ref.span, related=related, name=ref.name, why=why)
    if len(first.arms) <= len(arms) and first.what == "event" and first.name.span.start < ref.span.start:
        return NotVisible(span=ref.span, related=related, name=ref.name, why=WHY["wait"])
    if first.name.span.start > ref.span.start or len(first.arms) <= len(arms):
        return UsedBefore(span=ref.span, related=related, name=ref.name)
    return NotVisible(span=ref.span, related=related, name=ref.name, why=WHY["end"])
