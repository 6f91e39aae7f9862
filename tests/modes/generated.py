"""The contracts of generated flows, loaded once; and flows read again from their text."""

from __future__ import annotations

from functools import cache

from flowlang.contract import Contracts, load
from flowlang.language import text, tree
from flowlang.language.format import to_text
from flowlang.source import Source
from flowlang.verify.generate import CONTRACTS, Family


@cache
def contracts() -> Contracts:
    loaded, found = load([Source(name, text) for name, text in CONTRACTS.items()], lambda reference, beside: None)
    assert not found
    return loaded


def all_of(family: Family) -> list[tree.Flow]:
    """The flow, then those that it runs."""
    return [family.flow, *family.others.values()]


def written(family: Family) -> str:
    """The text of a flow and of those that it runs."""
    return "\n".join(map(to_text, all_of(family)))


def read_again(flow: tree.Flow) -> tree.Flow:
    """`flow` from its text, so that everything in it has a place."""
    again, found = text.parse(Source(f"{flow.name.text}.flow", to_text(flow)))
    assert again == flow and not found, [one.say(one.message) for one in found]
    return again
