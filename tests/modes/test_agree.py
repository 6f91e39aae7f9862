"""Both modes against the meaning, on random flows over every construct (other ones each day, the same within a day), and
on every construct in each place of every other one."""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC, datetime

import pytest

from flowlang import ir
from flowlang.verify.agree import MODES, RARE, Difference, agree, agree_on
from flowlang.verify.generate import pairs
from flowlang.verify.schedule import Odds
from tests.modes.generated import contracts, written

SEED = int(os.environ.get("FLOWLANG_SEED", datetime.now(UTC).date().toordinal()))
CHUNKS, FLOWS = 10, 200


def refuse(difference: Difference | None) -> None:
    if difference is not None:
        pytest.fail(
            f"FLOWLANG_SEED={SEED}, {difference.mode}, schedule {difference.seed}\n"
            f"{written(difference.family)}\n{difference.why}"
        )


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_random_flows_mean_the_same_in_both_modes(chunk: int) -> None:
    first = (SEED * CHUNKS + chunk) * FLOWS
    tally, difference = agree(contracts(), range(first, first + FLOWS), schedules=1)
    print(f"FLOWLANG_SEED={SEED} chunk {chunk}: {tally}")
    refuse(difference)
    assert tally.flows == FLOWS
    assert {kind.__name__ for kind in ir.KINDS} == set(tally.kinds)
    for mode in MODES:  # a pass in which nothing happened would prove nothing
        for status in ("completed", "failed", "open", "stuck", "cancelled"):
            assert tally.runs[f"{mode} {status}"] > 0, status


@pytest.mark.parametrize("chunk", range(6))
def test_every_construct_inside_of_every_other_means_the_same_in_both_modes(chunk: int) -> None:
    families = [family for number, (_, family) in enumerate(pairs()) if number % 6 == chunk]
    tally, difference = agree_on(contracts(), families, schedules=2)
    refuse(difference)
    assert tally.flows == len(families) > 100
    assert {kind.__name__ for kind in ir.KINDS} == set(tally.kinds)


@pytest.mark.parametrize("mode", MODES)
def test_what_is_rare_does_happen(mode: str) -> None:
    seen: Counter[str] = Counter()
    for seeds, odds in ((range(300), Odds(cancel=50)), (range(300, 500), Odds(cancel=60, stuck_undo=50))):
        tally, difference = agree(contracts(), seeds, schedules=2, modes=[mode], odds=odds)
        refuse(difference)
        seen += tally.seen
    assert [what for what in RARE if seen[f"{mode} {what}"] == 0] == []
