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
pytest_plugins = ["pytester"]
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
    with pytest.raises(ValueError, match="is not a duration"):
        env.advance("soon")
    assert _seconds("1h30m") == _seconds(5400) == 5400
    for where, said in (
        ("payments.chrge", "did you mean `payments.charge`"),
        ("chrge:undo", "did you mean `charge:undo`"),
    ):
        with pytest.raises(pytest.fail.Exception, match=said):
            env.fail(where)
    with pytest.raises(pytest.fail.Exception, match="does not fail with `Broke`; it can with Declined, "):
        env.fail("payments.charge", "Broke")
    with pytest.raises(pytest.fail.Exception, match=r"`payments.charge` can't answer so: .*paymentId"):
        env.answer("charge", {"payment": "p"})


def test_a_start_that_is_repeated_is_the_same_run_or_a_mistake(flow_env: Make) -> None:
    env = flow_env(ORDER)
    run = env.start(order=GIVEN)
    assert env.start(order=GIVEN).id == run.id
    with pytest.raises(pytest.fail.Exception, match="with another input"):
        env.start(order={**GIVEN, "total": 1})


def test_pytest_finds_the_plugin_and_runs_each_test_in_both_modes(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        f"""
        def test_it(flow_env):
            env = flow_env({ORDER!r})
            env.fail("shipping.arrange", "NoCarrier")
            run = env.start(order={GIVEN!r})
            assert run.error == "NoCarrier", run
            assert run.effects == ["charge", "charge:undo", "shipment failed", "stock", "stock:undo", "validate"]

        def test_slip(flow_env):
            flow_env({ORDER!r}).fail("payments.chrge")
        """
    )
    found = pytester.runpytest_inprocess("-q", "-p", "no:cacheprovider", "-p", "no:xdist")
    found.assert_outcomes(passed=2, failed=2)
    found.stdout.fnmatch_lines(["*test_slip?orchestrate?*", "*did you mean `payments.charge`?"])


def test_the_plugin_is_announced_to_pytest() -> None:
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    assert '[project.entry-points.pytest11]\nflowlang = "flowlang.testing"' in text
