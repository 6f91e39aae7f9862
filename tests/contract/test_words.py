"""Every code of contracts and of YAML has an example with exactly this fault, and a repair without any."""

from __future__ import annotations

import pytest

from flowlang.contract import words as contract_words
from flowlang.diagnostic import Diagnostic
from flowlang.yamltree import words as yaml_words
from tests.contract.reading import together

LARGE = {
    "FL0185": "service: orders\n" + "# nothing\n" * 200_000,
    "FL0391": "service: orders\noperations:\n"
    + "".join(f'  o{n}: {{ output: {{ $ref: "#/schemas/A{n}" }} }}\n' for n in range(800))
    + "schemas:\n"
    + "".join(f'  A{n}: {{ type: array, items: {{ $ref: "#/schemas/A{n + 1}" }} }}\n' for n in range(800))
    + "  A800: { type: string }\n",
}
"""Faults whose examples are too large for anybody to read."""


def kinds() -> list[type[Diagnostic]]:
    """The classes that the two modules define."""
    return [
        kind
        for module in (contract_words, yaml_words)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Diagnostic) and kind.__module__ == module.__name__
    ]


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.code)
def test_the_example_has_this_fault_and_the_repair_has_none(kind: type[Diagnostic]) -> None:
    assert kind.explanation
    assert (kind.code in LARGE) != bool(kind.bad)
    _, found = together(LARGE.get(kind.code, kind.bad))
    assert {one.code for one in found} == {kind.code}
    for one in found:  # a field that a text names and the finding does not have would raise
        assert one.say(one.message)
        assert all(isinstance(one.say(text), str) for text in (one.label, one.note, one.help))
    assert kind.code in LARGE or together(kind.good)[1] == []


def test_codes_are_unique() -> None:
    codes = [kind.code for kind in kinds()]
    assert len(codes) == len(set(codes))
