"""`flowlang verify` as a user sees it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from flowlang.cli.main import main
from flowlang.cli.verify import text
from flowlang.verify.mutants import planted
from flowlang.verify.planted import MUTANTS
from flowlang.verify.sequence import numbered, to_dot
from flowlang.verify.verify import Verdict

CONTRACT = """
service: shop
operations:
  charge:
    input: { type: object, required: [id], properties: { id: { type: string } } }
    output: { type: object, required: [n], properties: { n: { type: integer } } }
    errors: { Declined: "no money" }
    example: { n: 7 }
  refund: { input: { type: object, required: [id], properties: { id: { type: string } } } }
"""
OTHER = CONTRACT.replace("service: shop", "service: bank")
FLOW = """use contracts "*.yaml"

flow buy(id: string) {
  key id
  owner shop

  step first = shop.charge(id: id) {
    compensate shop.refund(id: id)
  }
  step second = bank.charge(id: id) {
    compensate bank.refund(id: id)
  }
}
"""
GOOD = """
from flowlang.runtime.operation import operation

DONE = {}

@operation("shop.charge")
def charge(id, call):
    return DONE.setdefault(call.key, {"n": len(DONE)})
"""
BAD_ANSWER = """
import itertools
from flowlang.runtime.operation import operation

COUNT = itertools.count()

@operation("shop.charge")
def charge(id, call):
    return {"n": next(COUNT)}
"""
BAD_EFFECT = """
from flowlang.runtime.operation import operation

SENT = []

@operation("bank.charge")
def charge(id, call):
    SENT.append(id)
    return {"n": 1}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "shop.yaml").write_text(CONTRACT)
    (tmp_path / "bank.yaml").write_text(OTHER)
    (tmp_path / "buy.flow").write_text(FLOW)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def services(project: Path, text: str) -> str:
    folder = project / "services"
    folder.mkdir()
    (folder / "handlers.py").write_text(text)
    return str(folder)


def test_it_tells_what_was_tried_and_that_nothing_was_broken(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "buy.flow", "--seeds", "25", "--no-mutants"]) == 0
    said = capsys.readouterr().out
    assert "orchestrate: every order in which it can go" in said
    assert "choreograph: every order in which it can go" in said
    assert "50 histories" in said and "crash" in said
    assert said.endswith("no promise was broken\n")


def personal(project: Path) -> None:
    """What is charged for is personal."""
    (project / "shop.yaml").write_text(
        CONTRACT.replace("{ id: { type: string }", "{ id: { type: string, x-pii: true }", 1)
    )
    (project / "bank.yaml").write_text(
        OTHER.replace(
            "properties: { n: { type: integer }",
            "properties: { n: { type: integer }, iban: { type: string, x-pii: true }",
        )
    )


def test_what_is_personal_goes_through_and_is_seen_nowhere(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "buy.flow", "--seeds", "5", "--no-mutants"]) == 0
    assert "personal data" not in capsys.readouterr().out
    personal(project)
    assert main(["verify", "buy.flow", "--seeds", "5", "--no-mutants"]) == 0
    assert "a text in its place went through 10 histories and is in none of " in capsys.readouterr().out


def test_what_is_personal_and_can_be_seen_is_said(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    personal(project)
    with planted(next(mutant for mutant in MUTANTS if mutant.name.endswith("written to the log"))):
        assert main(["verify", "buy.flow", "--no-mutants"]) == 1
    assert "what is personal can be seen: buy/second: (Ok(value={'n': " in capsys.readouterr().out


def test_the_same_as_one_object(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "buy.flow", "--seeds", "10", "--no-mutants", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["holds"] is True and found["histories"] == 20 and found["effects"] > 10
    assert sum(found["faults"].values()) > 10 and found["broken"] is None


def test_a_broken_promise_is_a_numbered_list_and_a_picture(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mistake = next(mutant for mutant in MUTANTS if mutant.name == "a gone that forgets the reason of its undo")
    with planted(mistake):
        assert main(["verify", "buy.flow", "--no-mutants"]) == 1
    said = capsys.readouterr().out
    assert (
        "a promise was broken (choreograph, found by trying every order): its status is cancelled, and its flow means failed;"
        in said
    )
    assert said.endswith(
        "  1. the run starts\n"
        "  2. call buy/first at shop ends unknown\n"
        "  3. call buy/first:undo at shop is ok\n"
        "  4. bank takes in `buy.closed` from shop\n"
        "  5. at the end\n"
    )
    texts = [
        "".join(one.itertext()) for one in ElementTree.parse(project / "buy.broken.svg").iter() if "text" in one.tag
    ]
    assert [one for one in texts if one in ("outside", "shop", "bank")] == ["outside", "shop", "bank"]
    assert {"1. the run starts", "2. call buy/first ends unknown", "4. takes in `buy.closed`"} <= set(texts)


@pytest.mark.parametrize(
    ("name", "begins", "arrow"),
    [
        ("a.mmd", "sequenceDiagram\n  participant p0 as outside\n", "p1->>p2: 4. takes in "),
        ("a.dot", "digraph schedule {", "l1_4 -> l2_4"),
    ],
)
def test_the_picture_takes_the_form_of_its_name(
    name: str, begins: str, arrow: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mistake = next(mutant for mutant in MUTANTS if mutant.name == "a gone that forgets the reason of its undo")
    with planted(mistake):
        assert main(["verify", "buy.flow", "--no-mutants", "--graph", name]) == 1
    drawn = (project / name).read_text()
    assert drawn.startswith(begins) and arrow in drawn
    assert not (project / "buy.broken.svg").exists()


def test_a_picture_that_has_no_form_is_refused_before_anything_is_tried(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", "buy.flow", "--graph", "picture.xyz"]) == 2
    assert "does not say its format" in capsys.readouterr().err
    assert main(["verify", "buy.flow", "--seeds", "2", "--no-mutants", "--graph", "a.svg"]) == 0
    assert "so there is no picture" in capsys.readouterr().err and not (project / "a.svg").exists()


@pytest.mark.parametrize("wide", [80, 120])
def test_a_verdict_fits_the_screen(wide: int) -> None:
    verdict = Verdict("buy", histories=3, faults=Counter({f"fault number {number}": 10 for number in range(30)}))
    verdict.statuses["completed"] = verdict.effects = 3
    said = text(verdict, wide)
    assert max(map(len, said.splitlines())) <= wide < max(map(len, text(verdict, 1_000).splitlines()))


def test_a_long_schedule_is_drawn_from_where_it_matters() -> None:
    lines = [f"{number:>9} shop takes in the start of r{number}" for number in range(500)]
    assert len(numbered(lines).splitlines()) == 500
    assert "350 events before these" in to_dot(lines, "long") and to_dot(lines, "long").count("takes in") == 150
    assert numbered(["      3000 a calls f/x of r1"]) == "  1. 3\u00a0s  a calls f/x of r1"


def test_a_pass_in_which_nothing_happened_is_none(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    never = 'switch { case id == "never" -> step s = shop.charge(id: id) { compensate none } else -> {} }'
    (project / "idle.flow").write_text(f'use contracts "*.yaml"\nflow idle(id: string) {{ key id {never} }}\n')
    assert main(["verify", "idle.flow", "--seeds", "3", "--no-mutants"]) == 1
    assert "nothing was proven: no effect happened in any history" in capsys.readouterr().out


def test_a_handler_that_keeps_its_keys_passes(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = services(project, GOOD)
    assert main(["verify", "buy.flow", "--seeds", "5", "--no-mutants", "--worlds", "50", "--services", folder]) == 0
    assert "no promise was broken" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "named", "effects"),
    [
        (BAD_ANSWER, "`shop.charge` at buy/first (do), key ", "it answered {'n': 0}, and then {'n': 1}"),
        (BAD_EFFECT, "`bank.charge` at buy/second (do), key ", "`handlers.SENT` was ['value'] after the first effect"),
    ],
    ids=["answers otherwise", "does it twice"],
)
def test_a_handler_that_is_not_idempotent_is_named(
    text: str, named: str, effects: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = services(project, text)
    assert main(["verify", "buy.flow", "--seeds", "5", "--no-mutants", "--worlds", "50", "--services", folder]) == 1
    said = capsys.readouterr().out
    assert named in said and effects in said


def test_an_unknown_kind_of_fault_is_said_to_be(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "buy.flow", "--faults", "crash,weather"]) == 2
    assert "no kind of fault `weather`" in capsys.readouterr().err
    assert main(["verify", "buy.flow", "--seeds", "0"]) == 2


EXAMPLES = Path(__file__).parents[2] / "specs" / "examples"
SMALL_ENOUGH = [flow for flow in sorted(EXAMPLES.glob("*/*.flow")) if flow.stem not in ("order", "travel_booking")]


@pytest.mark.parametrize("flow", SMALL_ENOUGH, ids=lambda path: path.stem)
def test_most_examples_are_gone_through_in_every_order(flow: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(flow), "--seeds", "1", "--faults", "none", "--no-mutants", "--json"]) == 0
    explored = json.loads(capsys.readouterr().out)["explored"]
    assert [found["complete"] for found in explored.values()] == [True, True]
