"""Random flows to be simulated, and what is drawn for them: the same for the same number."""

from __future__ import annotations

from functools import cache

from flowlang.contract import Contracts, load
from flowlang.lower import lower
from flowlang.source import Source
from flowlang.verify.agree import INPUT
from flowlang.verify.choices import Choices
from flowlang.verify.generate import CONTRACTS, flow
from flowlang.verify.listening import events_for
from flowlang.verify.schedule import prepare
from flowlang.verify.simulate import Subject


@cache
def contracts() -> Contracts:
    """What the services of generated flows promise."""
    loaded, found = load([Source(name, text) for name, text in CONTRACTS.items()], _nothing_else)
    assert not found
    return loaded


def _nothing_else(reference: str, beside: Source) -> Source:
    raise AssertionError(f"{beside.name} refers to {reference}")


def subject(number: int, depth: int = 2) -> Subject:
    """Random flow `number`."""
    prepared = prepare(lower(flow(Choices(number), depth), contracts()))
    return Subject(prepared, INPUT, events_for(prepared, INPUT, 3))
