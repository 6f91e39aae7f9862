"""`graph --as services`, `plan --data`, `compare` and `diff` as commands: how they end and where their words go."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from flowlang.cli.main import main
from tests.repository.command import ROOT

EXAMPLES = ROOT / "specs" / "examples"


@pytest.fixture
def order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The order example as a project of its own, and the folder in which the commands run."""
    shutil.copytree(EXAMPLES / "order", tmp_path / "order")
    (tmp_path / "flowlang.toml").touch()
    monkeypatch.chdir(tmp_path)
    return "order/order.flow"


def changed(old: str, new: str, file: str = "order.flow") -> str:
    """A copy of the project in which one text is another; the name of its flow."""
    shutil.copytree("order", "new")
    path = Path("new") / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    return "new/order.flow"


def test_a_choreography_is_drawn_as_its_services(order: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graph", order, "--as", "services"]) == 0
    assert 'label="payments\\ncharge"' in capsys.readouterr().out
    assert main(["graph", order, "--as", "services", "-o", "services.svg"]) == 0
    drawn = Path("services.svg").read_text("utf-8")
    assert 'id="@payments-&gt;@shipping"' in drawn and "charge.ok" in drawn


def test_plan_data_says_who_sees_personal_data(order: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--data", order]) == 0
    said = capsys.readouterr().out
    assert "  order.email at inventory, payments, risk, shipping\n" in said
    assert max(map(len, said.splitlines())) <= 100


def test_compare_says_figures_and_a_recommendation(order: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", order]) == 0
    said = capsys.readouterr()
    assert "hops on the critical path" in said.out and "\nrecommendation: " in said.out
    assert said.err == ""


def test_rates_change_the_figures(order: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("rates.yaml").write_text("branches: { switch1: [0, 0, 1], delivery: [1, 0] }\nfailures: { default: 0 }\n")
    assert main(["compare", order, "--rates", "rates.yaml", "--json"]) == 0
    quick = json.loads(capsys.readouterr().out)
    assert main(["compare", order, "--json"]) == 0
    uniform = json.loads(capsys.readouterr().out)
    assert quick["orchestrate"]["deliveries"] == 10 < uniform["orchestrate"]["deliveries"]
    assert quick["orchestrate"]["undo"] == {"deliveries": 0, "hops": 0}


@pytest.mark.parametrize(
    "text, words",
    [
        ("branches: { nothing: [1, 2] }", "rates.yaml: `nothing` is no switch and no race of `order_fulfilment`"),
        ("failures: { payments.charge: 200% }", "rates.yaml: `200%` for `payments.charge` is more than 100 %"),
    ],
)
def test_wrong_rates_are_a_mistake_of_the_command_line(
    text: str, words: str, order: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("rates.yaml").write_text(text)
    assert main(["compare", order, "--rates", "rates.yaml"]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"error: {words}\n")


def test_rates_that_are_no_yaml_or_not_there_are_shown(order: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("rates.yaml").write_text("branches: [")
    assert main(["compare", order, "--rates", "rates.yaml"]) == 1
    assert "rates.yaml:1" in capsys.readouterr().err
    assert main(["compare", order, "--rates", "no.yaml"]) == 1
    assert "no.yaml" in capsys.readouterr().err


def test_a_diff_of_nothing_is_0(order: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", order, order]) == 0
    assert capsys.readouterr().out.endswith("\nNothing changed.\n")


def test_a_diff_that_breaks_nothing_is_0(order: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", order, changed("order.total > 1000", "order.total > 2000")]) == 0
    assert (
        "handler-compatible: tables change, handlers stay\n    switch1 has another condition" in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    "old, new, file",
    [
        ("fork {", "fork at shipping {", "order.flow"),
        ("required: [orderId, amount]", "required: [orderId, amount, card]", "contracts/payments.yaml"),
    ],
)
def test_a_diff_that_breaks_something_is_1(
    old: str, new: str, file: str, order: str, capsys: pytest.CaptureFixture[str]
) -> None:
    other = changed(old, new, file)
    if file != "order.flow":  # the flow must hand it in then
        flow = Path(other)
        flow.write_text(
            flow.read_text("utf-8").replace("amount: order.total)", 'amount: order.total, card: "c")'), "utf-8"
        )
        path = Path("new") / file
        given = path.read_text("utf-8").replace(
            "amount: { type: number, minimum: 0 }", "amount: { type: number, minimum: 0 }, card: { type: string }"
        )
        path.write_text(given, "utf-8")
    assert main(["diff", order, other]) == 1
    assert "\n  ! " in capsys.readouterr().out
    assert main(["diff", order, other, "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert data["breaks"] and any(one["breaks"] for one in data["changes"])


def test_a_flow_with_errors_has_no_figures(order: str, capsys: pytest.CaptureFixture[str]) -> None:
    other = changed("order.total > 1000", "order.totl > 1000")
    for arguments in (["compare", other], ["diff", order, other], ["plan", "--data", other]):
        assert main(arguments) == 1
        said = capsys.readouterr()
        assert said.out == "" and "error[FL0302]" in said.err
