"""Both modes against the meaning, on random flows over every statement: other flows each day, the same within a day."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest

from flowlang.contract import Contracts, load
from flowlang.language.format import to_text
from flowlang.source import Source
from flowlang.verify.agree import agree
from flowlang.verify.choices import Choices
from flowlang.verify.generate import CONTRACTS, flow

SEED = int(os.environ.get("FLOWLANG_SEED", datetime.now(UTC).date().toordinal()))
CHUNKS, FLOWS = 12, 100


@pytest.fixture(scope="module")
def contracts() -> Contracts:
    loaded, found = load([Source(name, text) for name, text in CONTRACTS.items()], lambda reference, beside: None)
    assert not found
    return loaded


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_random_flows_mean_the_same_in_both_modes(contracts: Contracts, chunk: int) -> None:
    first = (SEED * CHUNKS + chunk) * FLOWS
    tally, difference = agree(contracts, range(first, first + FLOWS), schedules=3)
    print(f"FLOWLANG_SEED={SEED} chunk {chunk}: {tally}")
    if difference is not None:
        text = to_text(flow(Choices(draws=difference.draws)))
        pytest.fail(f"FLOWLANG_SEED={SEED}, {difference.mode}, schedule {difference.seed}\n{text}\n{difference.why}")
    assert tally.flows == FLOWS
    for mode in ("orchestrate", "choreograph"):  # a pass in which nothing happened would prove nothing
        for status in ("completed", "failed", "open", "stuck", "cancelled"):
            assert tally.runs[f"{mode} {status}"] > 0
