"""Random flows are what they claim to be: well-formed, and the same in text and in YAML."""

from __future__ import annotations

import pytest

from flowlang.check import check
from flowlang.contract import Contracts, load
from flowlang.language import text, yaml
from flowlang.language.format import to_text
from flowlang.source import Source
from flowlang.verify.choices import Choices, shrink
from flowlang.verify.generate import CONTRACTS, flow

FLOWS = 300


@pytest.fixture(scope="module")
def contracts() -> Contracts:
    loaded, found = load([Source(name, text) for name, text in CONTRACTS.items()], lambda reference, beside: None)
    assert not found
    return loaded


def test_generated_flows_have_no_errors(contracts: Contracts) -> None:
    for seed in range(FLOWS):
        found = check(flow(Choices(seed)), contracts)
        errors = [d for d in found if d.severity == "error" and not d.choreography_only]
        assert not errors, (seed, [(d.code, d.say(d.message)) for d in errors])


def test_generated_flows_are_the_same_in_both_forms() -> None:
    for seed in range(FLOWS):
        tree = flow(Choices(seed))
        for again, found in (
            text.parse(Source("a.flow", to_text(tree))),
            yaml.parse(Source("a.flow.yaml", yaml.to_yaml(tree))),
        ):
            assert again == tree and not found, (seed, [d.say(d.message) for d in found])


def test_a_flow_is_its_draws_and_shrinks_to_the_smallest_that_still_fails() -> None:
    choices = Choices(11)
    tree = flow(choices)
    assert flow(Choices(draws=choices.draws)) == tree

    def has_fork(draws: list[int]) -> bool:
        return "join all" in to_text(flow(Choices(draws=draws)))

    seed = next(seed for seed in range(100) if "join all" in to_text(flow(Choices(seed))))
    large = Choices(seed)
    flow(large)
    small = to_text(flow(Choices(draws=shrink(large.draws, lambda draws: has_fork(list(draws))))))
    assert "join all" in small and small.count("step ") <= 3
