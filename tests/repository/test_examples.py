"""Each example under specs/examples runs in both modes, with every scenario, and comes to the same in both.

A scenario says itself what is expected, and the run ends with 0 only when that is met. Scenarios of a second flow of an
example are in a folder of that flow's name; those under `with_services` run with the example's handlers.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from flowlang.cli.main import main
from tests.repository.command import ROOT
from tests.repository.reports import comparable

EXAMPLES = ROOT / "specs" / "examples"
NAMES = [
    *("order", "order_processing", "order_placement", "customer_onboarding", "image_convert", "signup", "telemetry"),
    *("travel_booking", "freight_bidding"),
]
NAMED_FAILURES = {  # the failures that an example must show, by the scenario that shows it
    "order": ["charge_declined", "no_carrier", "late", "flaky_inventory", "charge_unknown"],
    "order_placement": ["payment_rejected", "back_order"],
    "travel_booking": ["full", "full_at_first", "no_cars", "declined", "no_answer", "settled_by_hand"],
    "freight_bidding": ["withdrawn", "too_slow", "no_truck", "revoked"],
}


def flows() -> Iterator[Path]:
    """Every flow of every example, in both forms."""
    for name in NAMES:
        yield from sorted([*(EXAMPLES / name).glob("*.flow"), *(EXAMPLES / name).glob("*.flow.yaml")])


def scenarios() -> Iterator[tuple[Path, Path, bool]]:
    """Flow, scenario, and whether it runs with handlers."""
    for flow in flows():
        example, name = flow.parent, flow.name.split(".")[0]
        for folder, with_services in ((example / "scenarios", False), (example / "scenarios" / "with_services", True)):
            for path in sorted((folder if name == example.name else folder / name).glob("*.yaml")):
                yield flow, path, with_services


def _id(value: object) -> str:
    return str(value.relative_to(EXAMPLES)) if isinstance(value, Path) else ""


@pytest.mark.parametrize("flow", [*flows()], ids=_id)
def test_every_flow_is_free_of_findings(flow: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--strict", str(flow)]) == 0, capsys.readouterr().out
    assert main(["check", "--mode", "choreograph", "--format", "json", str(flow)]) == 0
    # whole records go from service to service, and an email in them: `plan --data` shows it, and here it is accepted
    assert {finding["code"] for finding in json.loads(capsys.readouterr().out)} <= {"FL0606"}


@pytest.mark.parametrize("flow", [flow for flow in flows() if flow.suffix == ".flow"], ids=_id)
def test_every_flow_is_laid_out(flow: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fmt", "--check", str(flow)]) == 0, capsys.readouterr().out


@pytest.mark.parametrize(("flow", "scenario", "with_services"), [*scenarios()], ids=_id)
def test_both_modes_come_to_the_same(
    flow: Path, scenario: Path, with_services: bool, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    reports = []
    for mode in ("orchestrate", "choreograph"):
        arguments = ["run", str(flow), "--mode", mode, "--scenario", str(scenario), "--store", "memory", "--json"]
        if with_services:
            # handlers remember what they did; each mode begins with services that remember nothing
            services = tmp_path / mode / "services"
            shutil.copytree(flow.parent / "services", services, ignore=shutil.ignore_patterns("__pycache__"))
            reports.append(_report_of_process([*arguments, "--services", str(services)], tmp_path / mode))
        else:
            status = main(arguments)
            said = capsys.readouterr()
            assert status == 0, said.out + said.err
            reports.append(said.out)
    assert [json.loads(report)["mode"] for report in reports] == ["orchestrate", "choreograph"]
    assert comparable(reports[0]) == comparable(reports[1])


def _report_of_process(arguments: list[str], folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from flowlang.cli.main import main; sys.exit(main())", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_every_example_is_whole(name: str) -> None:
    """Flow, contracts, handlers; a scenario that completes and one that fails; one for every failure that is named."""
    folder = EXAMPLES / name
    assert (folder / f"{name}.flow").is_file()
    assert list((folder / "contracts").glob("*.yaml"))
    assert list((folder / "services").glob("*.py"))
    expected = {
        path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))["expect"]["status"]
        for path in (folder / "scenarios").glob("*.yaml")
    }
    assert expected["all_well"] == "completed"
    assert "failed" in expected.values()
    assert set(NAMED_FAILURES.get(name, [])) <= set(expected)


@pytest.mark.parametrize("flow", [*flows()], ids=_id)
def test_every_operation_has_a_handler(flow: Path) -> None:
    """Otherwise a run with handlers would be answered by an example, and nobody would notice."""
    from flowlang.cli.compiled import checked
    from flowlang.compile import kernel
    from flowlang.ir import Step, walk
    from flowlang.runtime.handlers import load

    steps = [node for node in walk(kernel(checked(str(flow))).body) if isinstance(node, Step)]
    operations = [*(step.operation for step in steps), *(step.undo.operation for step in steps if step.undo)]
    handlers, problems = load(flow.parent / "services", operations)
    assert [problem for problem in problems if problem.severity == "error"] == []
    assert set(handlers) == {f"{operation.service}.{operation.name}" for operation in operations}


LISTENERS = {
    "customer_onboarding": (["newsletter"], "customer.activated"),
    "signup": (["mails", "analytics"], "user.registered"),
}


@pytest.mark.parametrize("mode", ["orchestrate", "choreograph"])
@pytest.mark.parametrize("name", LISTENERS)
def test_flows_that_only_listen_are_started_by_the_event(
    name: str, mode: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One run says it, and each flow that listens runs once; what it is called with is what the event says."""
    folder, (listeners, event) = EXAMPLES / name, LISTENERS[name]
    flows = [str(folder / f"{flow}.flow") for flow in (name, *listeners)]
    scenario = str(folder / "scenarios" / "all_well.yaml")
    assert main(["run", *flows, "--mode", mode, "--scenario", scenario, "--json"]) == 0
    reports = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert reports[0]["flow"] == name
    assert sorted(report["flow"] for report in reports[1:]) == sorted(listeners)
    assert {report["status"] for report in reports} == {"completed"}
    (said,) = (one for one in reports[0]["events"] if one["type"] == event)
    told = {value for report in reports[1:] for effect in report["effects"] for value in effect["input"].values()}
    assert set(said["data"].values()) & told
