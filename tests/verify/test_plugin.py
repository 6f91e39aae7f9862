"""The pytest plugin, used as a user would use it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flowlang.testing import FlowEnv, _seconds
from flowlang.testing import flow_env as flow_env

ORDER = str(Path(__file__).parents[2] / "specs/examples/order/order.flow")
GIVEN = {
    "id": "o-1",
    "total": 120.5,
    "items": [{"sku": "a", "qty": 2}],
    "address": "Main Street 1",
    "email": "a@example.org",
}
Make = Callable[[str], FlowEnv]


def test_a_run_waits_until_its_event_comes(flow_env: Make) -> None:
    env = flow_env(ORDER)
    run = env.start(order=GIVEN)
    assert run.status == "waiting" and run.effects == ["charge", "shipment", "stock", "validate"]
    env.advance("2d")
    assert run.status == "waiting"
    shipment = next(call for call in run.outcome.calls if call.id.path.endswith("/shipment"))
    assert shipment.result == "ok"
    sent = env.send("delivery.confirmed", {"shipmentId": "s-9", "at": "2026-01-03T00:00:00Z"}, id="e1")
    assert sent == ["r1"]
    assert run.status == "completed" and "notify" in run.effects


def test_time_passes_when_the_test_says_so(flow_env: Make) -> None:
    env = flow_env(ORDER)
    run = env.start(order=GIVEN)
    env.advance("3d")
    assert (run.status, run.error) == ("failed", "DeliveryTimeout")
    assert {"charge:undo", "shipment:undo", "stock:undo"} <= set(run.effects)


def test_a_declared_error_and_one_that_passes(flow_env: Make) -> None:
    env = flow_env(ORDER)
    env.fail("payments.charge", "Declined")
    assert env.start(order=GIVEN).effects == ["charge failed", "validate"]
    env = flow_env(ORDER)
    env.fail("stock", "Unavailable", times=1)
    run = env.start(order=GIVEN)
    assert run.status == "waiting" and "stock" in run.effects


def test_cancel_and_operators(flow_env: Make) -> None:
    env = flow_env(ORDER)
    env.fail("charge:undo", "crash")
    run = env.start(order=GIVEN)
    env.cancel(run)
    assert run.status == "stuck"
    env.resolve(run, "charge", "skip")
    assert run.status == "cancelled" and run.outcome.residue == ("order_fulfilment/charge",)


def test_an_answer_decides_the_way(flow_env: Make) -> None:
    env = flow_env(ORDER)
    env.answer("inventory.reserve", {"reservationId": "r-1", "status": "backordered", "eta": "2026-01-02T00:00:00Z"})
    assert "notice" in env.start(order=GIVEN).effects


def test_mistakes_of_a_test_are_told(flow_env: Make) -> None:
    env = flow_env(ORDER)
    with pytest.raises(pytest.fail.Exception, match="order"):
        env.start(ordr=GIVEN)
    with pytest.raises(pytest.fail.Exception, match="no installed flow"):
        env.send("who.knows", {})
    with pytest.raises(ValueError, match="no time"):
        env.advance("soon")
    assert _seconds("1.5h") == 5400


def test_the_plugin_is_announced_to_pytest() -> None:
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    assert '[project.entry-points.pytest11]\nflowlang = "flowlang.testing"' in text
