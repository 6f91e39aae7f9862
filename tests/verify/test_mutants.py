"""A proof that can't fail proves nothing: every planted mistake is found, and nothing of it stays."""

from __future__ import annotations

import pytest

from flowlang.choreograph import joins
from flowlang.verify import small
from flowlang.verify.explore import explore
from flowlang.verify.mutants import hunt, planted
from flowlang.verify.planted import MUTANTS, Mutant
from flowlang.verify.schedule import prepare


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_is_caught(mutant: Mutant) -> None:
    found = hunt(mutant)
    print(f"{mutant.name}: {found.trials} {'histories' if mutant.how == 'simulate' else 'steps'}: {found.why[:200]}")
    assert found.why, f"it got away in {found.trials} trials"
    assert mutant.says in found.why, "another promise was seen to be broken"
    assert found.schedule, "nothing shows how"


def test_there_are_enough_of_them_and_no_two_alike() -> None:
    assert len(MUTANTS) >= 40
    assert len({mutant.name for mutant in MUTANTS}) == len({(m.module, m.old, m.new) for m in MUTANTS}) == len(MUTANTS)
    assert {mutant.how for mutant in MUTANTS} == {"explore", "simulate"}


def test_nothing_of_a_mistake_stays() -> None:
    mutant = next(mutant for mutant in MUTANTS if mutant.name == "a loser is kept")
    code = joins.branch_ok.__code__
    with planted(mutant):
        assert joins.branch_ok.__code__ is not code
    assert joins.branch_ok.__code__ is code
    found = explore(prepare(small.kernel(small.whole(mutant.flow))), "choreograph", small.INPUT)
    assert found.broken is None and found.complete


def test_what_a_mistake_prints_is_heard_by_the_check_and_not_by_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = hunt(next(mutant for mutant in MUTANTS if mutant.name == "what is sent to an operation is printed"))
    assert "canary" in found.why
    assert capsys.readouterr() == ("", "")


def test_a_mutant_whose_place_is_gone_is_said_to_be_out_of_date() -> None:
    old = Mutant("none", "flowlang.choreograph.joins", "this stands nowhere", "", "")
    with pytest.raises(AssertionError, match="written anew"), planted(old):
        pass
