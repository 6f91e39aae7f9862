"""What a finding proposes can be followed: the help names what there is, in the words of both forms."""

from __future__ import annotations

import pytest

from flowlang.check import check
from flowlang.contract import Contracts
from flowlang.diagnostic import Diagnostic
from flowlang.language import parse
from flowlang.language.yaml import to_yaml
from flowlang.source import Source

CATCH = """
  scope pay {{
    step pay = payments.charge(orderId: order.id, amount: order.total) {{ compensate payments.refund(orderId: order.id) }}
    step place = orders.place(order) {{ compensate orders.cancel(orderId: order.id) }}
  }} catch {error} -> {{}}
"""
WAIT = """
  step count = orders.count()
  wait for event "order.done" {condition} forever
"""


def only(body: str, contracts: Contracts, code: str, head: str = "f(order: Order)", twin: bool = False) -> Diagnostic:
    """The one finding of `code` in a flow with this body."""
    source = Source("f.flow", f'use contracts "contracts/*.yaml"\n\nflow {head} {{\n{body}}}\n')
    flow, problems = parse(source)
    assert flow is not None and not problems
    if twin:
        flow, problems = parse(Source("f.flow.yaml", to_yaml(flow)))
        assert flow is not None and not problems
    [found] = [finding for finding in check(flow, contracts) if finding.code == code]
    return found


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        ("orders.Declined", "did you mean `payments.Declined`?"),
        ("payments.Duplicate", "did you mean `orders.Duplicate`?"),
        ("payments.Declind", "did you mean `payments.Declined`?"),
        ("Declind", "did you mean `Declined`?"),
        ("orders.Timeout", "did you mean `Timeout`? It is the engine's, whichever service is called"),
    ],
)
def test_an_error_of_another_service_is_meant(error: str, hint: str, contracts: Contracts) -> None:
    assert only(CATCH.format(error=error), contracts, "FL0226").hint == hint


def test_nothing_is_said_to_be_raised_that_cannot_be(contracts: Contracts) -> None:
    found = only(CATCH.format(error="Odd"), contracts, "FL0226")
    known = "Declined, Duplicate, ExpressionError, InvalidInput, InvalidOutput, Timeout, Unavailable"
    assert found.say(found.note) == f"what can be raised here: {known}"


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ('where order.id == "a"', "give the event a name, `as event`, and add a condition: `&& event.field == value`"),
        ('as done where order.id == "a"', "add a condition: `&& done.field == value`"),
    ],
)
def test_a_wait_without_a_name_needs_one_for_its_condition(condition: str, said: str, contracts: Contracts) -> None:
    found = only(WAIT.format(condition=condition), contracts, "FL0505")
    assert found.say(found.help) == said


@pytest.mark.parametrize("twin", [False, True])
def test_parameters_beside_an_event_in_both_forms(twin: bool, contracts: Contracts) -> None:
    body = '  on event "order.placed"\n  step count = orders.count()\n'
    found = only(body, contracts, "FL0354", twin=twin)
    assert found.say(found.help) == "give `order.placed` a name with `as`, and take what you need from it"
