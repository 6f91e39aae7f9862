"""Random flows are what they claim to be: well-formed, over every construct, and the same in text and in YAML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from flowlang import ir
from flowlang.check import check
from flowlang.check.resolve import Child
from flowlang.language import yaml
from flowlang.language.format import to_text
from flowlang.source import Source
from flowlang.verify.agree import kernel
from flowlang.verify.choices import Choices, shrink
from flowlang.verify.generate import BLOCKS, Family, flow, pairs
from tests.modes.generated import all_of, contracts, read_again

CHUNKS, FLOWS = 4, 60


def families(chunk: int) -> Iterator[tuple[object, Family]]:
    """Some random flows, and some of the pairs."""
    for seed in range(chunk * FLOWS, (chunk + 1) * FLOWS):
        yield seed, flow(Choices(seed))
    yield from (pair for number, pair in enumerate(pairs()) if number % CHUNKS == chunk)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_generated_flows_have_no_errors(chunk: int) -> None:
    for label, family in families(chunk):
        main, *others = map(read_again, all_of(family))
        known: dict[str, Child | None] = {}
        for other in others:  # each runs only those before it
            known[other.name.text] = Child(other, contracts(), dict(known))
        for one in (*others, main):
            found = [d for d in check(one, contracts(), known) if d.severity == "error"]
            assert not found, (label, to_text(one), [(d.code, d.say(d.message)) for d in found])


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_generated_flows_are_the_same_in_all_forms(chunk: int) -> None:
    for label, family in families(chunk):
        for one in all_of(family):
            assert read_again(one) == one
            again, found = yaml.parse(Source("a.flow.yaml", yaml.to_yaml(one)))
            assert again == one and not found, (label, [d.say(d.message) for d in found])
        lowered = kernel(family, contracts())
        assert ir.from_data(ir.to_data(lowered)) == lowered, label


def test_every_construct_is_frequent() -> None:
    kinds: Counter[type] = Counter()
    for seed in range(FLOWS):
        kinds.update({type(node) for node in ir.walk(kernel(flow(Choices(seed)), contracts()).body)})
    assert {kind: count for kind, count in kinds.items() if count < FLOWS / 20} == {}
    assert set(kinds) == set(ir.KINDS)


def test_pairs_are_all_there() -> None:
    labels = [label for label, _ in pairs()]
    places = [place for _, places in BLOCKS.values() for place in places]
    assert len(labels) == len(set(labels)) > 600
    for place in places:  # a block that may stand anywhere stands in each place
        assert {
            f"{place} / {inner}" for inner in ("step", "let", "emit", "fork", "switch", "each", "catch", "child")
        } <= set(labels)
    for place in places:
        assert (f"{place} / wait" in labels) == (place != "undo block")
        assert (f"{place} / fail" in labels) == (place != "undo block")
    assert "committed / some" not in labels and "top / commit" in labels


def test_a_flow_is_its_draws_and_shrinks_to_the_smallest_that_still_fails() -> None:
    choices = Choices(11)
    family = flow(choices)
    assert flow(Choices(draws=choices.draws)) == family

    def has_fork(draws: list[int]) -> bool:
        return "join all" in to_text(flow(Choices(draws=draws)).flow)

    seed = next(seed for seed in range(100) if "join all" in to_text(flow(Choices(seed)).flow))
    large = Choices(seed)
    flow(large)
    small = to_text(flow(Choices(draws=shrink(large.draws, lambda draws: has_fork(list(draws))))).flow)
    assert "join all" in small and small.count("step ") <= 3
