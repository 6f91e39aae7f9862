"""Which mode the figures speak for, and the words in which a comparison says so."""

from __future__ import annotations

import json

import pytest

from flowlang import ir
from flowlang.choreograph.projection import project
from flowlang.compare import BadRates, Comparison, Rates, compare, compare_data, compare_text, rates_of
from flowlang.compare.advice import Criterion, advise
from flowlang.compare.facts import Facts, Service, facts
from flowlang.compare.weigh import Figures
from flowlang.values import plain_dumps
from tests.compare.checkout import checkout
from tests.modes.play import flow


def compared(made: ir.Flow) -> Comparison:
    return compare(made, project(made, ir.hash_of(made)), Rates())


def figures(deliveries: float, hops: float, share: float = 0.5, bytes: float = 100) -> Figures:
    return Figures(deliveries, deliveries, hops, bytes, deliveries, hops, 0.01, "x", share, ())


def known(waits: int = 0, deciding: int = 1, touched: float = 1) -> Facts:
    services = tuple(Service(name, 1, 1, 1, ("x",) if n < deciding else ()) for n, name in enumerate("abcde"))
    return Facts(services, 5, 0, waits, 0, touched, (0, 0), (0, 0))


NOTHING = ir.Flow("f", "a", (), None, None, None, ir.Sequence(()))


def test_few_messages_and_short_chains_speak_for_a_choreography() -> None:
    advice = advise(NOTHING, figures(20, 20, 1.0), figures(5, 4), known())
    assert advice.mode == "choreograph"
    assert {one.name for one in advice.decided_by} == {"long chains on the user's path", "messages"}


def test_waits_scattered_decisions_and_change_speak_for_an_orchestrator() -> None:
    advice = advise(NOTHING, figures(6, 6, 0.5), figures(6, 6), known(waits=5, deciding=4, touched=3))
    assert advice.mode == "orchestrate"
    assert [one.name for one in advice.decided_by] == ["central visibility", "waits"]


def test_within_a_fifth_nobody_wins() -> None:
    advice = advise(NOTHING, figures(11, 6, 0.5), figures(5, 6), known(waits=5, touched=2))
    assert advice.mode == "no clear winner"
    assert {one.favours for one in advice.decided_by} == {"orchestrate", "choreograph"}


@pytest.mark.parametrize("factor, favours", [(1.0, ""), (2.0, "choreograph"), (0.5, "orchestrate")])
def test_a_criterion_speaks_for_the_mode_that_does_better(factor: float, favours: str) -> None:
    assert Criterion("", "", factor).favours == favours


def test_two_figures_at_the_bound_weigh_alike_however_far_they_are_beyond_it() -> None:
    assert Criterion("", "", 4).weight == Criterion("", "", 400).weight == -Criterion("", "", 0.001).weight


CLOSE = """
step x = a.act(id: id) { compensate a.undo(id: id) }
scope s {
  step y = b.act(id: id) { compensate b.undo(id: id) }
  step v = c.act(id: id) { compensate c.undo(id: id) }
  step w = b.act(id: id) { compensate b.undo(id: id) }
  step u = c.act(id: id) { compensate c.undo(id: id) }
  step t = b.act(id: id) { compensate b.undo(id: id) }
} catch No -> step z = b.act(id: id) { compensate b.undo(id: id) }
"""


def test_services_that_work_closely_together_are_conducted_by_one_of_them() -> None:
    advice = compared(flow(CLOSE)).advice
    assert advice.mode == "hybrid"
    assert [(region.path, region.at) for region in advice.regions] == [("s", "b")]
    assert "of the deliveries of b, c stay among them" in advice.regions[0].why


def test_facts_are_those_of_the_tables() -> None:
    made = checkout()
    found = facts(made, project(made, ir.hash_of(made)))
    assert (found.steps, found.longest, found.waits, found.reactions) == (6, 5, 0, 0)
    assert {one.name: one.decides for one in found.services} == {
        "inventory": (),
        "order": ("checkout",),
        "payment": (),
        "shipping": ("fork1",),
    }
    shipping = next(one for one in found.services if one.name == "shipping")
    assert (shipping.hears_from, shipping.tells) == (3, 3)


@pytest.mark.parametrize("width", [80, 120])
def test_the_text_says_both_figures_and_a_recommendation(width: int) -> None:
    text = compare_text(compared(checkout()), width)
    assert max(map(len, text.splitlines())) <= width
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "deliveries 12.0 5.0" in lines
    assert "hops on the critical path 10.0 3.0" in lines
    assert any(line.startswith("recommendation: ") for line in lines)
    whole = " ".join(text.split())
    assert "long chains on the user's path (3 hops on the critical path, against 10)" in whole


def test_the_json_has_the_same_figures() -> None:
    data = json.loads(plain_dumps(compare_data(compared(checkout()))))
    assert (data["choreograph"]["deliveries"], data["choreograph"]["hops"]) == (5, 3)
    assert (data["orchestrate"]["deliveries"], data["orchestrate"]["hops"]) == (12, 10)
    assert data["services"]["shipping"]["fan_in"] == 3
    assert len(data["recommendation"]["decided_by"]) == 2
    assert {"name", "favours", "figures", "weight"} == set(data["criteria"][0])


# ---------------------------------------------------------------- rates

BRANCHES = """
step x = a.act(id: id) { compensate a.undo(id: id) }
switch { case n > 1 -> step y = b.act(id: id) { compensate none } else -> {} }
"""


def test_rates_are_read_by_path_and_operation() -> None:
    data = {"branches": {"switch1": [1, 3]}, "failures": {"a.act": "2%", "y": 0.5, "default": "0.1%"}}
    rates = rates_of(data, flow(BRANCHES))
    assert rates.ways("switch1", 2) == (0.25, 0.75)
    assert (rates.failure("x", "a.act"), rates.failure("y", "b.act"), rates.failure("z", "c.act")) == (0.02, 0.5, 0.001)
    assert rates_of(None, flow(BRANCHES)) == Rates()


@pytest.mark.parametrize(
    "data, words",
    [
        ([], "the rates are no record"),
        ({"branch": {}}, "`branch` is none of branches, failures, items, iterations"),
        ({"branches": {"x": [1]}}, "`x` is no switch and no race of `f`"),
        ({"branches": {"switch1": [1]}}, "`switch1` has 2 ways out, so it needs a list of 2 shares"),
        ({"branches": {"switch1": [0, 0]}}, "the shares of `switch1` are all 0"),
        ({"branches": {"switch1": [1, -1]}}, "`-1` for `switch1` is no number from 0"),
        ({"failures": {"q": 0.1}}, "`q` is no step and no operation of `f`"),
        ({"failures": {"x": "often"}}, "`often` for `x` is no rate: write 2% or 0.02"),
        ({"failures": {"x": 2}}, "`2` for `x` is more than 100 %"),
        ({"items": {"x": 2}}, "`x` is no `for each` of `f`"),
        ({"iterations": {"switch1": 2}}, "`switch1` is no `repeat` of `f`"),
    ],
)
def test_a_mistake_in_the_rates_is_told(data: object, words: str) -> None:
    with pytest.raises(BadRates) as bad:
        rates_of(data, flow(BRANCHES))
    assert str(bad.value) == words
