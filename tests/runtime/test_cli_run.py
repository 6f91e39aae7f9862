"""The commands that run flows, as one types them: what they print, where, and how they end. In both modes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import jsonschema
import pytest

from flowlang.cli.main import main
from flowlang.runtime import service
from flowlang.runtime.callers import callers
from flowlang.runtime.engine import Engine

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "specs/report.schema.json").read_text())
MODES = ["orchestrate", "choreograph"]

FLOW = """\
use contracts "contracts/*.yaml"

flow order(order: Order) -> Receipt {
  key order.id
  owner payments

  step charge = payments.charge(orderId: order.id, amount: order.total) {
    compensate payments.refund(orderId: order.id)
    retry 2 backoff 10ms..20ms on Timeout, Unavailable
  }
  step shipment = shipping.arrange(orderId: order.id) {
    compensate shipping.cancel(orderId: order.id)
  }
  wait for event "delivery.confirmed" as delivery
    where delivery.shipmentId == shipment.id at shipping
    within 3d else fail DeliveryTimeout
  emit "order.done" { id: order.id }
  return { orderId: order.id }
}
"""

LISTENER = """\
use contracts "contracts/*.yaml"

flow letter() {
  on event "order.done" as done
  step tell = mail.send(to: done.id) { compensate none }
}
"""

PAYMENTS = """\
service: payments
operations:
  charge:
    input: { type: object, required: [orderId, amount], properties: { orderId: { type: string }, amount: { type: number } } }
    output: { type: object, required: [paymentId], properties: { paymentId: { type: string } } }
    errors: { Declined: "the bank said no" }
    example: { paymentId: p-77 }
  refund: { input: { type: object, required: [orderId], properties: { orderId: { type: string } } } }
events:
  order.done: { data: { type: object, required: [id], properties: { id: { type: string } } }, keep: 7d, to: all }
schemas:
  Order:
    type: object
    required: [id, total]
    properties: { id: { type: string }, total: { type: number } }
  Receipt: { type: object, required: [orderId], properties: { orderId: { type: string } } }
"""

SHIPPING = """\
service: shipping
operations:
  arrange:
    input: { type: object, required: [orderId], properties: { orderId: { type: string } } }
    output: { type: object, required: [id], properties: { id: { type: string } } }
    errors: { NoCarrier: "nobody drives there" }
    example: { id: s-9 }
  cancel: { input: { type: object, required: [orderId], properties: { orderId: { type: string } } } }
events:
  delivery.confirmed:
    data: { type: object, required: [shipmentId], properties: { shipmentId: { type: string } } }
    keep: 30d
    to: one
"""

MAIL = """\
service: mail
operations:
  send: { input: { type: object, required: [to], properties: { to: { type: string } } } }
hears: [order.done]
"""

HANDLERS = """\
from flowlang import Call, Failure, operation

@operation("payments.charge")
async def charge(orderId, amount, call: Call):
    print("charging", orderId)
    with open("calls.txt", "a") as calls:
        calls.write(f"{call.key} {call.attempt}\\n")
    if amount > 1000:
        raise Failure("Declined", "too much", data={"limit": 1000})
    return {"paymentId": f"p-{orderId}"}

@operation("payments.refund")
def refund(orderId, call):
    assert call.undoes and call.reason.kind == "failed", call
"""

SET = ["--set", "order.id=o-1", "--set", "order.total=5"]
CONFIRM = '{"shipmentId": "s-9"}'
DELIVERED = "events: [ { at: 2d, type: delivery.confirmed, data: { shipmentId: s-9 } } ]\n"
INPUT = "input: { order: { id: o-1, total: 5 } }\n"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the flow, its contracts and handlers, in which the commands run."""
    for name, text in {
        "order.flow": FLOW,
        "letter.flow": LISTENER,
        "contracts/payments.yaml": PAYMENTS,
        "contracts/shipping.yaml": SHIPPING,
        "contracts/mail.yaml": MAIL,
        "services/pay.py": HANDLERS,
    }.items():
        tmp_path.joinpath(name).parent.mkdir(exist_ok=True)
        tmp_path.joinpath(name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Said:
    """How a command ended."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    @property
    def report(self) -> dict[str, Any]:
        """The one report on stdout."""
        [line] = self.out.splitlines()
        found: dict[str, Any] = json.loads(line)
        jsonschema.validate(found, SCHEMA)
        return found


Do = Callable[..., Said]


@pytest.fixture
def do(capsys: pytest.CaptureFixture[str]) -> Do:
    """Run a command in this process."""

    def run(*words: str) -> Said:
        capsys.readouterr()
        try:
            status = main(list(words))
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        out, err = capsys.readouterr()
        assert "Traceback" not in err, err
        return Said(status, out, err)

    return run


def process(*words: str, **more: str) -> Said:
    """Run a command in a process of its own, with `more` in its environment, which may die."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **more}
    done = subprocess.run(
        [sys.executable, "-m", "flowlang", *words], capture_output=True, text=True, check=False, env=environment
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Said(done.returncode, done.stdout, done.stderr)


ON_A_TERMINAL = """
import signal, sys
from flowlang.cli.main import main
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main(sys.argv[1:]))
"""
"""Whoever runs the tests in the background of a shell has told it, and so its children, to ignore Ctrl-C."""


def scenario(project: Path, text: str) -> str:
    project.joinpath("s.yaml").write_text(INPUT + text, encoding="utf-8")
    return "s.yaml"


# ---------------------------------------------------------------- run, in a scenario


@pytest.mark.parametrize("mode", MODES)
def test_a_scenario_of_two_days_ends_at_once_and_leaves_no_store(do: Do, project: Path, mode: str) -> None:
    said = do("run", "order.flow", "--mode", mode, "--scenario", scenario(project, DELIVERED), "--json")
    assert said.status == 0
    assert said.report["output"] == {"orderId": "o-1"}
    assert said.report["events"] == [{"type": "order.done", "path": "order/emit1", "data": {"id": "o-1"}}]
    assert not project.joinpath(".flowlang").exists()


@pytest.mark.parametrize(
    ("text", "status", "error"),
    [
        (DELIVERED, 0, None),
        ("answers: { payments.charge: { fail: Declined } }", 3, "Declined"),
        ("answers: { shipping.arrange: { fail: NoCarrier, data: { region: north } } }", 3, "NoCarrier"),
        ("answers: { payments.charge: { unknown: true } }", 3, "Timeout"),
        ("events: []", 3, "DeliveryTimeout"),
        ("events: [ { at: 1d, cancel: true } ]", 4, None),
        ("answers: { shipping.arrange: { fail: NoCarrier }, payments.refund: { unknown: true } }", 5, None),
        (
            "answers: { shipping.arrange: { fail: NoCarrier }, payments.refund: { unknown: true } }\n"
            "events: [ { at: 1d, resolve: charge, as: skip } ]",
            3,
            "NoCarrier",
        ),
        ("answers: { payments.charge: [ { fail: Unavailable }, { ok: { paymentId: p } } ] }\n" + DELIVERED, 0, None),
    ],
)
def test_the_modes_report_the_same_byte_for_byte(
    do: Do, project: Path, text: str, status: int, error: str | None
) -> None:
    texts = []
    for mode in MODES:
        said = do("run", "order.flow", "--mode", mode, "--scenario", scenario(project, text), "--json")
        assert said.status == status, said.err
        report = said.report
        if error is not None:
            assert report["error"]["name"] == error
        assert report["mode"] == mode
        report.update(run="", mode="")
        for effect in report["effects"]:
            effect["key"] = ""
        texts.append(json.dumps(report))
    assert texts[0] == texts[1]


def test_an_expectation_that_is_met_ends_with_0_though_the_run_failed(do: Do, project: Path) -> None:
    text = "answers: { payments.charge: { fail: Declined } }\nexpect: { status: failed, error: { name: Declined } }"
    said = do("run", "order.flow", "--scenario", scenario(project, text))
    assert (said.status, said.err.splitlines()[-1]) == (0, "as the scenario expects")


def test_an_expectation_that_is_not_met_ends_with_1_and_the_difference(do: Do, project: Path) -> None:
    text = "answers: { payments.charge: { fail: Declined } }\nexpect: { status: completed }"
    said = do("run", "order.flow", "--scenario", scenario(project, text))
    assert said.status == 1
    assert said.err.endswith('  status\n    expected  "completed"\n    found     "failed"\n')


@pytest.mark.parametrize("mode", MODES)
def test_three_timeouts_that_fail_asks_for_take_three_times_the_limit_on_a_virtual_clock(
    do: Do, project: Path, mode: str
) -> None:
    words = ["run", "order.flow", "--mode", mode, "--scenario", scenario(project, "")]
    said = do(*words, "--fail", "payments.charge=timeout")
    assert said.status == 3
    assert "30.0s  order/charge  attempt 2\n" in said.err
    assert "1m00s  order/charge  attempt 3\n" in said.err
    assert "1m30s  order/charge  nobody knows whether it happened, Timeout: no answer within 30s\n" in said.err
    declared = do(*words, "--fail", "payments.charge=Declined")
    assert "0.00s  order/charge  failed, Declined" in declared.err


def test_a_slip_in_a_scenario_ends_with_1_before_anything_runs(do: Do, project: Path) -> None:
    said = do("run", "order.flow", "--scenario", scenario(project, "answers: { payments.chrage: { fail: Declined } }"))
    assert (said.status, said.out) == (1, "")
    assert "error[FL0373]" in said.err
    assert "did you mean `payments.charge`?" in said.err


def test_a_list_that_runs_out_ends_with_1(do: Do, project: Path) -> None:
    text = "answers: { payments.charge: [ { fail: Unavailable } ] }"
    said = do("run", "order.flow", "--scenario", scenario(project, text))
    assert said.status == 1
    assert "the list for `payments.charge` has 1 answer, and `order/charge` needs one more" in said.err


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("store", ["memory", "s.db"])
def test_a_word_on_a_step_that_is_not_stuck_stops_the_run_which_is_reported_and_not_sent_to_resume(
    do: Do, project: Path, mode: str, store: str
) -> None:
    text = "events: [ { at: 1h, resolve: charge, as: retry } ]"
    name = scenario(project, text)
    said = do("run", "order.flow", "--mode", mode, "--scenario", name, "--store", store, "--json")
    assert (said.status, said.report["status"]) == (1, "waiting")
    last = said.err.splitlines()[-1]
    assert last.startswith("error: the scenario says retry for `order/charge`, and step `order/charge` of run ")
    assert last.endswith(" is not stuck; the run stops here")


@pytest.mark.parametrize("mode", MODES)
def test_a_list_that_runs_out_stops_the_run_again_when_it_is_resumed(do: Do, project: Path, mode: str) -> None:
    text = "answers: { payments.charge: [ { fail: Unavailable } ] }"
    words = ["--mode", mode, "--scenario", scenario(project, text), "--store", "s.db", "--json"]
    for said in (do("run", "order.flow", *words), do("resume", "--store", "s.db", "--json")):
        assert (said.status, said.report["status"]) == (1, "running")
        assert said.err.endswith("has 1 answer, and `order/charge` needs one more; the run stops here\n")


@pytest.mark.parametrize("mode", MODES)
def test_an_event_that_the_wait_declined_has_not_arrived_and_nobody_took_it(do: Do, project: Path, mode: str) -> None:
    shipping = SHIPPING.replace("{ shipmentId: {", "{ by: { type: string }, shipmentId: {")
    project.joinpath("contracts/shipping.yaml").write_text(shipping, encoding="utf-8")
    only_van = FLOW.replace("== shipment.id at", '== shipment.id && delivery.by == "van" at')
    project.joinpath("order.flow").write_text(only_van.replace("delivery.by", 'delivery.by.orValue("")'))
    text = (
        "events:\n"
        "  - { at: 1h, type: delivery.confirmed, data: { shipmentId: s-9 } }\n"
        "  - { at: 2h, type: delivery.confirmed, data: { shipmentId: other } }\n"
        "  - { at: 3h, type: delivery.confirmed, data: { shipmentId: s-9, by: van } }\n"
        "expect: { status: completed }\n"
    )
    said = do("run", "order.flow", "--mode", mode, "--scenario", scenario(project, text))
    assert said.status == 0, said.err
    assert [line.split()[0] for line in said.err.splitlines() if line.endswith("has arrived")] == ["3h00m"]
    assert "1h00m  order/delivery  delivery.confirmed is not the one that it waits for\n" in said.err
    assert said.err.endswith(
        "note: nobody took the `delivery.confirmed` that came at 1h00m\n"
        "note: nobody took the `delivery.confirmed` that came at 2h00m\n"
        "as the scenario expects\n"
    )


SCOPES = """\
use contracts "contracts/*.yaml"

flow order(order: Order, lines: [string]) {
  key order.id
  owner payments

  scope work at shipping {
    for each line in lines {
      scope pay {
        step charge = payments.charge(orderId: line, amount: order.total) {
          compensate payments.refund(orderId: line)
        }
      } retry 3 backoff 5h..5h on Declined
    }
    step shipment = shipping.arrange(orderId: order.id) { compensate shipping.cancel(orderId: order.id) }
  } on event "delivery.confirmed" as early where early.shipmentId == order.id -> {}
    within 10d else {}
}
"""


@pytest.mark.parametrize("mode", MODES)
def test_a_run_that_pauses_in_a_scope_says_what_each_clause_waits_for(do: Do, project: Path, mode: str) -> None:
    project.joinpath("order.flow").write_text(SCOPES, encoding="utf-8")
    words = ["--mode", mode, *SET, "--set", 'lines=["a", "b"]', "--fail", "order/line[1]/charge=Declined"]
    said = do("run", "order.flow", *words, "--store", "memory")
    assert said.status == 6, said.err
    table, _, waits = said.out.partition("it waits:\n")
    assert [line.split()[0] for line in table.splitlines() if "payments.charge" in line] == [
        "line[0]/charge",
        "line[1]/charge",
    ]
    assert re.findall(r"^  (.*?) \d{4}-", waits, re.MULTILINE) == [
        'order/work is interrupted by delivery.confirmed with shipmentId "o-1", until',
        "order/line[1]/pay#2 begins at",
    ]


@pytest.mark.parametrize("mode", MODES)
def test_an_answer_for_an_item_that_is_not_there_is_said(do: Do, project: Path, mode: str) -> None:
    project.joinpath("order.flow").write_text(SCOPES, encoding="utf-8")
    project.joinpath("s.yaml").write_text(
        "input: { order: { id: o-1, total: 5 }, lines: [a, b] }\n"
        "answers:\n"
        '  "order/line[1]/charge": { ok: { paymentId: p-1 } }\n'
        '  "order/line[2]/charge": { ok: { paymentId: p-2 } }\n'
        '  "order/line[1]/charge:undo": { ok: null }\n'
        "expect: { status: completed }\n"
    )
    said = do("run", "order.flow", "--mode", mode, "--scenario", "s.yaml")
    assert said.status == 0, said.err
    assert said.err.endswith(
        "note: nobody asked for the answer of `order/line[2]/charge`\n"
        "note: nobody asked for the answer of `order/line[1]/charge:undo`\n"
        "as the scenario expects\n"
    )


@pytest.mark.parametrize("mode", MODES)
def test_a_scenario_has_the_same_pauses_every_time_and_in_both_modes(do: Do, project: Path, mode: str) -> None:
    project.joinpath("order.flow").write_text(SCOPES.replace("5h..5h", "1h..9h"), encoding="utf-8")
    project.joinpath("s.yaml").write_text(
        "input: { order: { id: o-1, total: 5 }, lines: [a] }\n"
        "answers: { payments.charge: [ { fail: Declined }, { fail: Declined }, { ok: { paymentId: p-1 } } ] }\n"
    )
    words = ["run", "order.flow", "--scenario", "s.yaml"]
    said = do(*words, "--mode", mode)
    assert said.status == 0, said.err
    assert said.err.count("the pause is over") == 2
    assert said.err == do(*words).err


@pytest.mark.parametrize("mode", MODES)
def test_a_cancel_and_an_event_after_the_end_are_said_to_have_come_too_late(do: Do, project: Path, mode: str) -> None:
    text = (
        "answers: { shipping.arrange: { fail: NoCarrier }, payments.refund: { ok: null, takes: 2s } }\n"
        "events:\n"
        "  - { at: 1s, cancel: true }\n"
        "  - { at: 5h, cancel: true }\n"
        "  - { at: 6h, type: delivery.confirmed, data: { shipmentId: s-9 } }\n"
        "  - { at: 7h, resolve: charge, as: skip }\n"
    )
    said = do("run", "order.flow", "--mode", mode, "--scenario", scenario(project, text))
    assert said.err.endswith(
        "note: the run was over before it was cancelled at 5h00m\n"
        "note: the run was over before `delivery.confirmed` came at 6h00m\n"
        "note: the run was over before somebody said skip for `order/charge` at 7h00m\n"
    )
    assert said.out.startswith("cancelled")
    both = DELIVERED.replace(" ]", ", { at: 2d, cancel: true } ]")
    said = do("run", "order.flow", "--mode", mode, "--scenario", scenario(project, both))
    assert (said.status, said.err.splitlines()[-1]) == (0, "note: the cancel came too late, at 2d00h")


@pytest.mark.parametrize("mode", MODES)
def test_a_flow_beside_is_started_by_the_event_and_reported_too(do: Do, project: Path, mode: str) -> None:
    said = do("run", "order.flow", "letter.flow", "--mode", mode, "--scenario", scenario(project, DELIVERED), "--json")
    first, second = map(json.loads, said.out.splitlines())
    assert (first["flow"], second["flow"]) == ("order", "letter")
    assert (said.status, second["status"]) == (0, "completed")
    assert [effect["input"] for effect in second["effects"]] == [{"to": "o-1"}]


def test_the_input_of_a_flow_that_starts_by_an_event_is_its_data(do: Do) -> None:
    said = do("run", "letter.flow", "--set", "id=o-7", "--store", "memory", "--json")
    assert (said.status, said.report["effects"][0]["input"]) == (0, {"to": "o-7"})


# ---------------------------------------------------------------- run, in real time


@pytest.mark.parametrize("mode", MODES)
def test_a_run_that_waits_ends_with_6_and_goes_on_by_an_event(do: Do, mode: str) -> None:
    said = do("run", "order.flow", "--mode", mode, *SET)
    assert said.status == 6
    assert said.out.startswith("waiting\n")
    assert 'order/wait1 waits for delivery.confirmed with shipmentId "s-9", until ' in said.out.replace(
        "order/delivery", "order/wait1"
    )
    said = do("send", "delivery.confirmed", "--data", CONFIRM, "--json")
    assert (said.status, said.report["status"]) == (0, "completed")
    assert "completed" in do("runs").out


def test_progress_is_talk_and_the_summary_is_data(do: Do) -> None:
    said = do("run", "order.flow", *SET)
    assert "order/charge  done" in said.err
    assert "order/charge  done" not in said.out
    assert "payments.charge" in said.out


def test_handlers_answer_and_what_they_print_is_talk(do: Do) -> None:
    said = do("run", "order.flow", *SET, "--services", "services", "--json")
    assert said.status == 6
    assert said.report["effects"][0]["result"] == "ok"
    assert "charging o-1" in said.err


@pytest.mark.parametrize("mode", MODES)
def test_a_declared_failure_of_a_handler_ends_with_3(do: Do, mode: str) -> None:
    said = do(
        "run", "order.flow", "--mode", mode, *SET, "--set", "order.total=2000", "--services", "services", "--json"
    )
    assert said.status == 3
    error = {"name": "Declined", "message": "too much", "path": "order/charge", "data": {"limit": 1000}}
    assert said.report["error"] == error


def test_fail_lets_an_operation_fail_and_its_work_is_undone_by_the_handlers(do: Do) -> None:
    said = do("run", "order.flow", *SET, "--services", "services", "--fail", "order/shipment=NoCarrier", "--json")
    assert said.status == 3
    undone = [(effect["path"], effect["kind"], effect["result"]) for effect in said.report["effects"]]
    assert ("order/charge", "undo", "ok") in undone


@pytest.mark.parametrize("mode", MODES)
def test_a_handler_that_crashes_leaves_the_run_stuck_until_somebody_resolves_it(do: Do, mode: str) -> None:
    said = do("run", "order.flow", "--mode", mode, *SET, "--fail", "payments.charge=crash")
    assert said.status == 5
    assert "flowlang resolve" in said.out
    run = json.loads(do("runs", "--json").out)["run"]
    refused = do("resolve", run, "charge", "skip")
    assert (refused.status, refused.out) == (2, "")
    assert do("resolve", run, "charge", "done").status == 2
    misfit = do("resolve", run, "charge", "done", "--result", '{"paymentId": 7}')
    assert misfit.status == 2
    assert "error[FL0365]" in misfit.err
    said = do("resolve", run[:6], "charge", "done", "--result", '{"paymentId": "p-1"}', "--json")
    assert (said.status, said.report["status"]) == (6, "waiting")


@pytest.mark.parametrize("mode", MODES)
def test_a_failed_run_says_which_steps_stay_done_and_so_does_show(do: Do, project: Path, mode: str) -> None:
    sends = "  step told = mail.send(to: order.id) { compensate none }\n  wait for"
    project.joinpath("order.flow").write_text(FLOW.replace("  wait for", sends), encoding="utf-8")
    said = do("run", "order.flow", "--mode", mode, *SET)
    said = do("cancel", json.loads(do("runs", "--json").out)["run"])
    sentence = "cancelled; everything is undone but what has no compensation\n"
    remains = "what these did remains, because they have no compensation:\n  order/told\n"
    for shown in (said, do("show", json.loads(do("runs", "--json").out)["run"])):
        assert shown.out.startswith(sentence)
        assert remains in shown.out
    early = do("run", "order.flow", "--mode", mode, *SET, "--store", "memory", "--fail", "shipping.arrange=NoCarrier")
    assert early.out.startswith("failed with NoCarrier at order/shipment; everything is undone\n")


@pytest.mark.parametrize("mode", MODES)
def test_cancel_undoes_what_was_done(do: Do, mode: str) -> None:
    do("run", "order.flow", "--mode", mode, *SET)
    run = json.loads(do("runs", "--json").out)["run"]
    said = do("cancel", run, "--json")
    assert (said.status, said.report["status"]) == (4, "cancelled")
    assert [effect["path"] for effect in said.report["effects"] if effect["kind"] == "undo"] == [
        "order/charge",
        "order/shipment",
    ]
    late = do("cancel", run)
    assert late.status == 4
    assert "too late: it is cancelled already" in late.err


def test_the_same_key_and_input_is_the_same_run_and_another_input_a_conflict(do: Do) -> None:
    first = do("run", "order.flow", *SET, "--json").report["run"]
    again = do("run", "order.flow", *SET, "--json")
    assert again.report["run"] == first
    assert "this run is not new" in again.err
    other = do("run", "order.flow", *SET, "--set", "order.total=6")
    assert other.status == 2
    assert first in other.err


@pytest.mark.parametrize("mode", MODES)
def test_the_own_compensation_of_another_flow_is_shown_as_its_undoing(do: Do, project: Path, mode: str) -> None:
    project.joinpath("pay.flow").write_text(
        'use contracts "contracts/*.yaml"\nflow pay(id: string) {\n'
        "  step charge = payments.charge(orderId: id, amount: 5) { compensate payments.refund(orderId: id) }\n}\n"
    )
    project.joinpath("buy.flow").write_text(
        'use contracts "contracts/*.yaml"\nuse flows "pay.flow"\nflow buy(id: string) {\n'
        "  step paid = flow.pay(id: id) { compensate payments.refund(orderId: id) }\n"
        "  step shipment = shipping.arrange(orderId: id) { compensate none }\n}\n"
    )
    said = do("run", "buy.flow", "--mode", mode, "--set", "id=o-1", "--fail", "shipping.arrange=NoCarrier")
    assert said.status == 3
    assert [line.split()[1:] for line in said.err.splitlines() if "buy/paid " in line] == [["buy/paid", "undone"]]


UNCALLED = """\
use contracts "contracts/*.yaml"

flow uncalled(n: int) {
  step charge = payments.charge(orderId: "o-1", amount: 5) {
    compensate payments.refund(orderId: string(10 / (n - 1)))
  }
  switch { case n == 1 -> fail No("one") else -> {} }
  commit
  step shipment = shipping.arrange(orderId: string(10 / (n - 2)))
  let left = 10 / (n - 3)
  step tell = mail.send(to: string(left))
}
"""


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("n", "path", "why", "words"),
    [
        (
            1,
            "charge",
            "the compensation of {} is stuck: its arguments can't be evaluated (division by zero), so it can't be called",
            "skip|done",
        ),
        (
            2,
            "shipment",
            "{} is stuck: its arguments can't be evaluated (division by zero), so it can't be called",
            "done",
        ),
        (
            3,
            "left",
            "{} is stuck: it can't be evaluated (division by zero), and no word of an operator changes that",
            "",
        ),
    ],
)
def test_what_is_stuck_without_a_call_is_shown(
    do: Do, project: Path, mode: str, n: int, path: str, why: str, words: str
) -> None:
    project.joinpath("uncalled.flow").write_text(UNCALLED)
    said = do("run", "uncalled.flow", "--mode", mode, "--set", f"n={n}")
    assert said.status == 5
    run = re.search("run ([0-9a-f]+) of uncalled", said.out)
    assert run is not None
    ways = f"\n    say how it goes on: flowlang resolve {run[1]} uncalled/{path} {words}" if words else ""
    assert said.out.endswith(f"it is stuck:\n  {why.format(f'uncalled/{path}')}{ways}\n")
    assert "can't be" in do("resolve", run[1], path, "retry").err


@pytest.mark.parametrize("mode", MODES)
def test_done_without_a_call_has_a_result_too(do: Do, project: Path, mode: str) -> None:
    project.joinpath("uncalled.flow").write_text(UNCALLED)
    run = do("run", "uncalled.flow", "--mode", mode, "--set", "n=2", "--json").report["run"]
    said = do("resolve", run, "shipment", "done")
    assert (said.status, said.err) == (2, "error: done needs --result JSON: what `shipping.arrange` answered\n")
    assert "error[FL0365]" in do("resolve", run, "shipment", "done", "--result", '{"ids": 1}').err
    assert do("resolve", run, "shipment", "done", "--result", '{"id": "s-2"}', "--json").report["status"] == "completed"


UNDOES = """\
use contracts "contracts/*.yaml"

flow undoes(id: string) {
  scope all {
    step shipment = shipping.arrange(orderId: id) { compensate none }
  } compensate {
    step again = payments.charge(orderId: id, amount: 5)
    step back = payments.refund(orderId: again.paymentId)
  }
  fail No
}
"""


@pytest.mark.parametrize("mode", MODES)
def test_done_for_a_step_of_a_block_that_undoes_has_a_result_for_those_behind_it(
    do: Do, project: Path, mode: str
) -> None:
    project.joinpath("undoes.flow").write_text(UNDOES)
    project.joinpath("s.yaml").write_text("input: { id: o-1 }\n")
    words = ["--mode", mode, "--scenario", "s.yaml", "--store", "s.db", "--fail", "undoes/again:undo=crash", "--json"]
    run = do("run", "undoes.flow", *words).report["run"]
    said = do("resolve", run, "again", "done", "--store", "s.db")
    assert (said.status, said.err) == (2, "error: done needs --result JSON: what `payments.charge` answered\n")
    words = ["resolve", run, "again", "done", "--result", '{"paymentId": "p-9"}', "--store", "s.db", "--json"]
    back = [each for each in do(*words).report["effects"] if each["path"] == "undoes/back"]
    assert [each["input"] for each in back] == [{"orderId": "p-9"}]


# ---------------------------------------------------------------- crashes and processes


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("crash", ["--crash-before", "--crash-after"])
def test_a_run_that_was_killed_goes_on_under_the_same_key(do: Do, project: Path, mode: str, crash: str) -> None:
    killed = process("run", "order.flow", "--mode", mode, *SET, "--services", "services", crash, "charge")
    assert killed.status == -signal.SIGKILL
    said = do("resume", "--json")
    assert (said.status, said.report["status"]) == (6, "waiting")
    keys = [line.split()[0] for line in project.joinpath("calls.txt").read_text().splitlines()]
    assert keys == [said.report["effects"][0]["key"]]


@pytest.mark.parametrize("option", ["--crash-before", "--crash-after"])
def test_a_crash_at_a_place_that_is_no_step_is_refused(do: Do, option: str) -> None:
    said = do("run", "order.flow", *SET, option, "chrge")
    assert said.status == 2
    assert said.err == f"error: {option}: `chrge` is no step of the flow; did you mean `charge`?\n"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("option", ["--crash-before", "--crash-after"])
def test_a_crash_of_resume_at_a_place_that_is_no_step_is_refused(do: Do, project: Path, mode: str, option: str) -> None:
    words = ["run", "order.flow", "--mode", mode, *SET, "--services", "services"]
    assert process(*words, "--crash-before", "charge").status == -signal.SIGKILL
    said = do("resume", option, "shipmnt")
    assert said.status == 2
    assert said.err == f"error: {option}: `shipmnt` is no step of the flow; did you mean `shipment`?\n"
    assert not project.joinpath("calls.txt").exists()
    assert process("resume", option, "shipment").status == -signal.SIGKILL


@pytest.mark.parametrize("mode", MODES)
def test_a_word_on_a_step_that_is_not_stuck_does_not_set_an_interrupted_run_going(
    do: Do, project: Path, mode: str
) -> None:
    words = ["run", "order.flow", "--mode", mode, *SET, "--services", "services"]
    assert process(*words, "--crash-before", "charge").status == -signal.SIGKILL
    run = json.loads(do("runs", "--json").out)["run"]
    said = do("resolve", run, "shipment", "retry")
    assert (said.status, said.out) == (2, "")
    assert said.err == f"error: step `shipment` of run {run} is not stuck\n"
    assert not project.joinpath("calls.txt").exists()


@pytest.mark.parametrize("place", ["after-publish", "before-mark-sent"])
def test_a_choreographed_run_that_was_killed_with_a_message_on_its_way_does_not_just_wait(do: Do, place: str) -> None:
    words = ["run", "order.flow", "--mode", "choreograph", *SET]
    assert process(*words, FLOWLANG_FAILPOINT=place).status == -signal.SIGKILL
    [row] = map(json.loads, do("runs", "--json").out.splitlines())
    assert row["status"] == "interrupted"
    assert do("runs", "--status", "waiting", "--json").out == ""
    assert [json.loads(do("runs", "--status", word, "--json").out)["run"] for word in ("interrupted", "open")] == [
        row["run"]
    ] * 2
    shown = do("show", row["run"])
    assert (shown.status, shown.out.splitlines()[0]) == (0, "under way")
    assert f"`flowlang resume {row['run']}` goes on with it" in shown.err
    assert do("show", row["run"], "--json").report["status"] == "running"
    assert do("resume", "--json").report["status"] == "waiting"
    assert json.loads(do("runs", "--json").out)["status"] == "waiting"


@pytest.mark.parametrize("mode", MODES)
def test_a_run_that_was_killed_in_a_call_is_interrupted_and_one_that_waits_is_not(do: Do, mode: str) -> None:
    assert process("run", "order.flow", "--mode", mode, *SET, "--crash-before", "shipment").status == -signal.SIGKILL
    do("run", "order.flow", "--mode", mode, "--set", "order.id=o-2", "--set", "order.total=5")
    rows = {row["key"]: row["status"] for row in map(json.loads, do("runs", "--json").out.splitlines())}
    assert rows == {"o-1": "interrupted", "o-2": "waiting"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("step", ["charge", "shipment"])
def test_cancel_of_a_run_that_was_killed_recovers_its_call_and_undoes_it(do: Do, mode: str, step: str) -> None:
    """Cancel acts as the engine when none lives: the call that was under way is asked again, and then undone."""
    assert process("run", "order.flow", "--mode", mode, *SET, "--crash-before", step).status == -signal.SIGKILL
    run = json.loads(do("runs", "--json").out)["run"]
    said = do("cancel", run, "--json")
    assert (said.status, said.report["status"]) == (4, "cancelled")
    effects = [(effect["path"], effect["kind"], effect["result"]) for effect in said.report["effects"]]
    assert (f"order/{step}", "do", "ok") in effects
    assert (f"order/{step}", "undo", "ok") in effects


@pytest.mark.parametrize("mode", MODES)
def test_an_event_sent_to_a_stored_run_of_a_scenario_comes_in_the_time_of_the_scenario(
    do: Do, project: Path, mode: str
) -> None:
    words = ["--scenario", scenario(project, "events: []"), "--store", "s.db", "--crash-after", "shipment"]
    assert process("run", "order.flow", "--mode", mode, *words).status == -signal.SIGKILL
    said = do("send", "delivery.confirmed", "--data", CONFIRM, "--store", "s.db", "--json")
    assert (said.status, said.report["status"]) == (0, "completed")
    row = json.loads(do("runs", "--store", "s.db", "--json").out)
    assert row["ended"][:16] == row["started"][:16] == "2026-01-01T00:00"


@pytest.mark.parametrize("mode", MODES)
def test_who_asks_again_for_a_run_that_was_killed_gets_it_driven(do: Do, mode: str) -> None:
    words = ["run", "order.flow", "--mode", mode, *SET]
    assert process(*words, "--crash-before", "shipment").status == -signal.SIGKILL
    said = do(*words, "--json")
    assert (said.status, said.report["status"]) == (6, "waiting")
    assert "this run is not new" in said.err


@pytest.mark.parametrize("mode", MODES)
def test_a_scenario_that_was_killed_goes_on_in_its_own_world(do: Do, project: Path, mode: str) -> None:
    """In virtual time, with its events, lists and expectation; as if nothing had happened."""
    text = (
        "answers:\n"
        "  payments.charge: [ { fail: Unavailable }, { ok: { paymentId: p-2 }, takes: 2s } ]\n"
        f"{DELIVERED}expect: {{ status: completed }}\n"
    )
    name = scenario(project, text)
    whole = do("run", "order.flow", "--mode", mode, "--scenario", name, "--json").report
    words = ["run", "order.flow", "--mode", mode, "--scenario", name, "--store", "s.db", "--crash-before", "shipment"]
    assert process(*words).status == -signal.SIGKILL
    said = do("resume", "--store", "s.db", "--json")
    assert (said.status, said.err.splitlines()[-1]) == (0, "as the scenario expects")
    report = said.report
    for one in (whole, report):
        one["run"] = ""
        for effect in one["effects"]:
            effect["key"] = ""
    assert report == whole


def test_several_who_speak_at_once_are_all_heard_though_no_engine_lives(do: Do) -> None:
    """Each finds nobody, or somebody who is about to end; one after another is the engine or is answered by it."""
    do("run", "order.flow", *SET)
    command = [
        sys.executable,
        "-m",
        "flowlang",
        "send",
        "delivery.confirmed",
        "--data",
        '{"shipmentId": "none"}',
        "--id",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    speaking = [
        subprocess.Popen(
            [*command, f"e{n}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        for n in range(6)
    ]
    for one in speaking:
        _, said = one.communicate()
        assert (one.returncode, said.strip().splitlines()[-1:]) == (
            0,
            ["no run waits for this delivery.confirmed yet; it is kept for one that will"],
        ), said


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("word", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_who_follows_a_run_can_leave_it_and_somebody_else_goes_on(
    do: Do, mode: str, word: signal.Signals, status: int
) -> None:
    command = [sys.executable, "-c", ON_A_TERMINAL, "run", "order.flow", "--mode", mode, *SET, "--follow"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as left:
        assert left.stderr is not None
        for line in left.stderr:
            if "waits for delivery.confirmed" in line:
                break
        # beside a living engine: looking works, another engine is refused, what is sent reaches it
        assert "waiting" in do("runs").out
        refused = do("run", "order.flow", "--set", "order.id=o-2", "--set", "order.total=5")
        assert (refused.status, refused.out) == (69, "")
        assert f"process {left.pid}" in refused.err
        assert "it is kept" in do("send", "delivery.confirmed", "--data", '{"shipmentId": "other"}').err
        left.send_signal(word)
        out, err = left.communicate()
    assert (left.returncode, out) == (status, "")
    assert err.splitlines()[-1].startswith("interrupted" if status else "ended as asked")
    said = do("send", "delivery.confirmed", "--data", CONFIRM, "--json")
    assert (said.status, said.report["status"]) == (0, "completed")


def test_each_service_is_a_process(do: Do) -> None:
    words = ["--mode", "choreograph", "--processes", *SET, "--services", "services", "--json"]
    said = process("run", "order.flow", *words)
    assert said.status == 6, said.err
    assert said.report["effects"][0]["result"] == "ok"


def test_handlers_that_break_in_the_process_of_a_service_end_with_1(do: Do, project: Path) -> None:
    """The command itself could read them, a moment before."""
    project.joinpath("services/once.py").write_text(
        'import pathlib\n\nif pathlib.Path("read").exists():\n    raise OSError("read twice")\n'
        'pathlib.Path("read").touch()\n',
        encoding="utf-8",
    )
    words = ["--mode", "choreograph", "--processes", *SET, "--services", "services", "--json"]
    said = process("run", "order.flow", *words)
    assert (said.status, said.out) == (1, "")
    assert "error: service payments: " in said.err
    assert "OSError: read twice" in said.err
    assert "error: service `payments` gave up with status 2" in said.err


BLOCKING = """\
import os
from flowlang import operation

@operation("payments.charge")
async def charge(orderId, amount):
    if not os.path.exists("opened"):
        open("begun", "w").close()
        open("gate").close()
    return {"paymentId": "p"}
"""


@pytest.mark.parametrize("again", [["resume"], ["run", "order.flow", "--mode", "choreograph", "--processes", *SET]])
def test_whoever_goes_on_says_which_process_of_before_is_waited_for(project: Path, again: list[str]) -> None:
    """A service whose handler blocks its event loop outlives a parent that was killed. It names the handler itself."""
    services = ["--services", "services"]
    project.joinpath("services/pay.py").write_text(BLOCKING, encoding="utf-8")
    for pipe in ("begun", "gate"):
        os.mkfifo(project / pipe)
    command = [sys.executable, "-m", "flowlang"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    in_the_end = threading.Timer(60, lambda: project.joinpath("gate").open("w").close())
    in_the_end.start()  # where nothing is said, all come to their end unheard
    more: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment}
    killed = [*command, "run", "order.flow", "--mode", "choreograph", "--processes", *SET, *services]
    with subprocess.Popen(killed, **more) as parent:
        assert parent.stderr is not None
        project.joinpath("begun").open().close()  # the handler has begun
        parent.kill()
        parent.wait()
        words = [*command, *again, *(services if again[0] == "run" else [])]
        with subprocess.Popen(words, **more) as second:
            assert second.stderr is not None
            waits = next(line for line in second.stderr if line.startswith("note: "))
            found = re.search("waiting for process ([0-9]+) on .*, which is service `payments`", waits)
            assert found is not None, waits
            assert b"flowlang.runtime.service" in Path(f"/proc/{found[1]}/cmdline").read_bytes()
            blocks = next(line for line in parent.stderr if line.startswith("note: "))
            assert "`payments.charge` has held up everything for" in blocks and "(pay.py:8)" in blocks
            project.joinpath("opened").touch()
            project.joinpath("gate").open("w").close()
            assert second.wait() == 6
    in_the_end.cancel()


def test_an_event_for_a_run_of_another_process_is_said_to_be_on_its_way(do: Do) -> None:
    """The engine beside which each service is a process hears nothing itself; the services are not there yet here."""
    assert do("run", "order.flow", "letter.flow", "--mode", "choreograph", *SET).status == 6
    run = json.loads(do("runs", "--json").out)["run"]

    async def said(type: str, data: str) -> Said:
        async with Engine.open(".flowlang/state.db", callers=callers, processes=True):
            return await asyncio.to_thread(do, "send", type, "--data", data)

    waited = asyncio.run(said("delivery.confirmed", CONFIRM))
    assert (waited.status, waited.err) == (0, f"on its way to run {run}, which waits for it\n")
    kept = asyncio.run(said("delivery.confirmed", '{"shipmentId": "other"}'))
    assert "it is kept for one that will" in kept.err
    starts = asyncio.run(said("order.done", '{"id": "o-7"}'))
    assert (starts.status, starts.err) == (0, "on its way to `letter`, of which it starts a run\n")


@pytest.mark.parametrize(
    "words",
    [["--processes"], ["--processes", "--mode", "choreograph", "--store", "memory"]],
)
def test_processes_need_a_choreography_and_a_store_on_the_disk(do: Do, words: list[str]) -> None:
    assert do("run", "order.flow", *SET, *words).status == 2


def test_handlers_are_called_in_processes_of_their_own_also_when_a_run_is_resumed(do: Do, project: Path) -> None:
    project.joinpath("apart").mkdir()
    project.joinpath("apart/handlers.py").write_text(
        "import os\nfrom pathlib import Path\nfrom flowlang import operation\n\n"
        "@operation('payments.charge')\ndef charge(call):\n"
        "    Path('process.txt').write_text(str(os.getpid()))\n    return {'paymentId': 'p'}\n"
    )
    words = ["run", "order.flow", *SET, "--services", "apart", "--isolate"]
    assert process(*words, "--crash-before", "charge").status == -signal.SIGKILL
    assert do("resume").status == 6
    assert int(project.joinpath("process.txt").read_text()) != os.getpid()


@pytest.mark.parametrize("words", [["--isolate"], ["--isolate", "--services", "services", "--scenario", "s.yaml"]])
def test_isolate_needs_handlers_and_real_time(do: Do, words: list[str]) -> None:
    refused = do("run", "order.flow", *SET, *words)
    assert refused.status == 2 and "--isolate" in refused.err


DAMAGE = {
    "journal": "UPDATE journal SET body = substr(body, 1, 40) || char(7) || substr(body, 42)",
    "runs": "UPDATE runs SET flow = CAST(x'6fff72646572' AS TEXT)",
    "shares": "UPDATE shares SET body = substr(body, 2)",
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("table", DAMAGE)
def test_a_store_with_other_bytes_in_a_row_is_damaged_and_no_bug(do: Do, mode: str, table: str) -> None:
    do("run", "order.flow", "--mode", mode, *SET)
    run = json.loads(do("runs", "--json").out)["run"]
    with contextlib.closing(apsw.Connection(".flowlang/state.db")) as store:
        store.execute(DAMAGE[table])
    for words in (["show", run], ["resume"], ["cancel", run], ["send", "delivery.confirmed", "--data", CONFIRM]):
        said = do(*words)
        assert (said.status, said.out) == (69, ""), words
        assert said.err.endswith(
            f"error: the store `.flowlang/state.db` is damaged: a row of its table `{table}` can't be read\n"
        )


def test_a_store_with_a_member_of_another_name_is_damaged_and_no_bug(do: Do) -> None:
    do("run", "order.flow", *SET)
    run = json.loads(do("runs", "--json").out)["run"]
    with contextlib.closing(apsw.Connection(".flowlang/state.db")) as store:
        store.execute("UPDATE shares SET body = replace(body, '\"owner\"', '\"ownes\"')")
    said = do("show", run)
    assert said.status == 69
    assert re.search("the store `.flowlang/state.db` is damaged: a Flow has no ownes", said.err), said.err


def test_the_process_of_a_service_says_that_its_store_is_damaged(do: Do, capsys: pytest.CaptureFixture[str]) -> None:
    do("run", "order.flow", "--mode", "choreograph", *SET)
    with contextlib.closing(apsw.Connection(".flowlang/state.db")) as store:
        store.execute("UPDATE parts SET asleep = 0")
        store.execute(DAMAGE["journal"])
    assert service.main(["--store", ".flowlang/state.db", "--service", "shipping"]) == 69
    assert "error: service shipping: the store `.flowlang/state.db` is damaged: " in capsys.readouterr().err


# ---------------------------------------------------------------- what is wrong is said


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ([], 2, "error[FL0363]"),
        (["--input", "none.json"], 2, "there is no file `none.json`"),
        (["--input", "contracts"], 2, "is a folder"),
        (["--set", "order.id"], 2, "error[FL0366]"),
        ([*SET, "--set", "extra=1"], 2, "error[FL0364]"),
        ([*SET, "--fail", "payments.charge"], 2, "--fail wants a place and an error"),
        ([*SET, "--fail", "payments.charge=Refused"], 2, "error[FL0374]"),
        ([*SET, "--services", "none"], 1, "the folder of handlers does not exist"),
        ([*SET, "--mode", "sideways"], 2, "Invalid value"),
        ([*SET, "--store", "order.flow"], 69, "order.flow"),
        (["--scenario", "none.yaml"], 1, "there is no file `none.yaml`"),
    ],
)
def test_a_slip_is_said_on_stderr_with_its_status(do: Do, words: list[str], status: int, said: str) -> None:
    found = do("run", "order.flow", *words)
    assert (found.status, found.out) == (status, "")
    assert said in found.err


def test_a_file_of_handlers_that_cannot_be_imported_is_named(do: Do, project: Path) -> None:
    project.joinpath("services/bad.py").write_text("import no_such_thing\n")
    found = do("run", "order.flow", *SET, "--services", "services")
    assert (found.status, found.out) == (1, "")
    assert "No module named 'no_such_thing'" in found.err
    assert "bad.py:1" in found.err


@pytest.mark.parametrize("mode", MODES)
def test_an_answer_that_nobody_can_make_up_stops_the_run(do: Do, project: Path, mode: str) -> None:
    odd = PAYMENTS.replace("    example: { paymentId: p-77 }\n", "").replace(
        "{ type: string } } }\n    errors", "false } }\n    errors"
    )
    project.joinpath("contracts/payments.yaml").write_text(odd)
    said = do("run", "order.flow", "--mode", mode, *SET)
    assert said.status == 1
    assert said.err.endswith(
        "error: there is no handler for `payments.charge`, and no example can be made from the schema: the contract needs an "
        "`example` (paymentId: is not allowed here); the run stops here\n"
    )


@pytest.mark.parametrize(
    "words", [["runs"], ["show", "x"], ["resume"], ["cancel", "x"], ["dead"], ["send", "order.done"]]
)
def test_without_a_store_there_is_nothing_to_look_at(do: Do, words: list[str]) -> None:
    found = do(*words)
    assert (found.status, found.out) == (69, "")
    assert "nothing was run here yet" in found.err


def test_show_finds_a_run_by_how_its_id_begins(do: Do) -> None:
    run = do("run", "order.flow", *SET, "--json").report["run"]
    assert do("show", run[:5], "--json").report["run"] == run
    assert "run " + run in do("show", run).out
    assert do("show", "zz").status == 2


def test_an_event_that_nobody_knows_becomes_a_dead_letter_and_can_be_replayed(do: Do) -> None:
    do("run", "order.flow", *SET)
    assert do("send", "delivery.confirmd", "--data", CONFIRM).status == 2
    assert "delivery.confirmd" in do("dead").out
    letter = json.loads(do("dead", "--json").out)
    assert do("dead", "replay", str(letter["id"])).status == 1
    assert do("dead", "replay", "99").status == 2


def test_the_store_of_a_dead_letter_may_be_named_before_or_after_replay(do: Do) -> None:
    here = ["--store", "other.db"]
    do("run", "order.flow", *SET, *here)
    assert do("send", "delivery.confirmd", "--data", CONFIRM, *here).status == 2
    for words in (["dead", *here, "replay", "1"], ["dead", "replay", *here, "2"]):
        said = do(*words)
        assert (said.status, "is dead once more" in said.err) == (1, True)


def test_a_status_that_no_run_can_have_is_refused(do: Do) -> None:
    do("run", "order.flow", *SET)
    said = do("runs", "--status", "bogus")
    assert (said.status, said.out) == (2, "")
    assert "'bogus' is not one of 'running', 'interrupted', 'waiting', 'stuck'," in said.err
    assert do("runs", "--status", "waiting", "--json").out != ""


def test_an_event_is_kept_for_a_run_that_comes_later_and_taken_once(do: Do) -> None:
    do("run", "order.flow", "--set", "order.id=o-0", "--set", "order.total=1", "--fail", "shipping.arrange=NoCarrier")
    early = do("send", "delivery.confirmed", "--data", CONFIRM, "--id", "e-1")
    assert (early.status, early.out) == (0, "")
    assert "it is kept" in early.err
    assert "was sent before" in do("send", "delivery.confirmed", "--data", CONFIRM, "--id", "e-1").err
    assert do("run", "order.flow", *SET, "--json").report["status"] == "completed"


def test_data_that_is_no_json_is_shown(do: Do) -> None:
    do("run", "order.flow", *SET)
    found = do("send", "delivery.confirmed", "--data", '{"shipmentId": NaN}')
    assert found.status == 2
    assert "error[FL0361]: the event's data is not JSON" in found.err
