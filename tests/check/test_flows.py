"""Several flows together: those that use each other, and those that are checked in one run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import flowlang.check
from flowlang.check.explain import explain, words
from flowlang.cli.check import findings
from flowlang.cli.files import opened, project_of
from flowlang.compile import every, front, kernel
from flowlang.ir import Child, walk
from flowlang.language.text import parse
from flowlang.language.yaml import to_yaml
from flowlang.source import Source

EXAMPLES = Path(flowlang.check.__file__).parent / "examples"
USES = 'use contracts "contracts/*.yaml"\n'


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project with the contracts of the examples; names of files are relative to it."""
    (tmp_path / "flowlang.toml").write_text("")
    shutil.copytree(EXAMPLES / "contracts", tmp_path / "contracts")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(**flows: str) -> None:
    """One file for each flow; what stands before a line `--` is in front of the flow."""
    for name, text in flows.items():
        head, _, body = text.partition("--\n") if "--\n" in text else ("", "", text)
        Path(f"{name}.flow").write_text(f"{USES}{head}\n{body}")


def found(*files: str, choreograph: bool = False) -> list[tuple[str, int, str]]:
    return [(one.span.source.name, one.span.line, one.code) for one in findings(files, choreograph=choreograph)]


LEAF = """flow leaf(order: Order) -> string {
  step place = orders.place(order) { compensate orders.cancel(orderId: order.id) }
  return place.id
}
"""


def test_what_is_wrong_with_a_flow_that_is_used_is_said_once_in_its_file(project: Path) -> None:
    write(
        leaf=LEAF.replace("order.id)", "order.ident)"),
        one='use flows "leaf.flow"\n--\nflow one(order: Order) { step a = flow.leaf(order: order) }\n',
        two='use flows "*.flow"\n--\nflow two(order: Order) { step a = flow.leaf(order: order) }\n',
    )
    assert found("one.flow") == [("leaf.flow", 4, "FL0302")]
    assert found("one.flow", "two.flow") == [("leaf.flow", 4, "FL0302")]
    assert found("leaf.flow", "two.flow") == [("leaf.flow", 4, "FL0302")]


def test_a_flow_that_cannot_be_read_is_one_mistake(project: Path) -> None:
    write(
        leaf=LEAF.replace("step place =", "step place"),
        one='use flows "leaf.flow"\n--\nflow one() { step a = flow.leaf() }\n',
    )
    [(name, line, code)] = found("one.flow")
    assert (name, line) == ("leaf.flow", 4) and code.startswith("FL01")


def test_flows_may_use_each_other_in_a_circle(project: Path) -> None:
    write(
        ping='use flows "pong.flow"\n--\nflow ping(n: int) {\n  switch { case n > 0 -> step next_one = flow.pong(n: n - 1) else -> {} }\n'
        "  step count = orders.count()\n}\n",
        pong='use flows "ping.flow"\n--\nflow pong(n: int) {\n  step count = orders.count()\n  step back = flow.ping(n: n)\n}\n',
    )
    assert found("ping.flow", "pong.flow") == []
    source = opened("ping.flow")
    assert isinstance(source, Source)
    whole = front(source, project_of("ping.flow"))
    assert [one.source.name for one in every(whole)] == ["ping.flow", "pong.flow"]
    calls = [node for node in walk(kernel(whole).body) if isinstance(node, Child)]
    assert {call.flow for call in calls} == {"ping", "pong"} and len(calls) == 100


@pytest.mark.parametrize("code", ["FL0194", "FL0197"])
def test_a_folder_that_a_pattern_matches_cannot_be_read(project: Path, code: str) -> None:
    """As the examples of these words say, in text and in YAML."""
    word = words()[code]
    shutil.copytree(EXAMPLES / "flows", "flows")
    Path("good.flow").write_text(word.good)
    assert found("good.flow") == []
    for name, text in {"bad.flow": word.bad, "bad.flow.yaml": in_yaml(word.bad)}.items():
        Path(name).write_text(text)
        assert [one for _, _, one in found(name)] == [code]
    page = explain(code)
    assert page is not None and "The same in YAML:" in page


def in_yaml(text: str) -> str:
    flow, problems = parse(Source("f.flow", text))
    assert flow is not None and not problems
    return to_yaml(flow)


def test_a_file_that_is_not_there_is_said_and_nothing_follows_from_it(project: Path) -> None:
    write(one='use flows "lost.flow"\n--\nflow one() { step a = flow.lost() }\n')
    assert found("one.flow") == [("one.flow", 2, "FL0195")]
    write(one='use flows "../lost.flow"\n--\nflow one() { step a = flow.lost() }\n')
    assert found("one.flow") == [("one.flow", 2, "FL0196")]


def test_two_flows_of_one_name(project: Path) -> None:
    write(
        leaf=LEAF,
        other=LEAF,
        one='use flows "leaf.flow", "other.flow"\n--\nflow one(order: Order) { step a = flow.leaf(order: order) }\n',
        two='use flows "one.flow"\n--\nflow two(order: Order) { step a = flow.one(order: order) }\n',
        three='use flows "leaf.flow"\n--\nflow leaf(order: Order) { step a = flow.leaf(order: order) { compensate none } }\n',
    )
    assert found("one.flow") == [("one.flow", 2, "FL0234")]
    assert found("two.flow") == [("one.flow", 2, "FL0234")]
    assert found("three.flow") == [("three.flow", 2, "FL0234")]


def test_a_service_has_one_contract_among_all_flows(project: Path) -> None:
    Path("old").mkdir()
    Path("old/orders.yaml").write_text("service: orders\noperations: { count: { effect: none } }\n")
    Path("leaf.flow").write_text('use contracts "old/orders.yaml"\nflow leaf() { step n = orders.count() }\n')
    write(one='use flows "leaf.flow"\n--\nflow one() { step a = flow.leaf() step b = orders.count() }\n')
    assert found("one.flow") == [("old/orders.yaml", 1, "FL0337")]


def test_comments_accept_findings_of_their_own_file(project: Path) -> None:
    leaf = LEAF.replace("  step place", "  # flowlang: allow FL0911 -- later\n  let idle = order.id\n  step place")
    write(leaf=leaf, one='use flows "leaf.flow"\n--\nflow one(order: Order) { step a = flow.leaf(order: order) }\n')
    assert found("one.flow") == []


PLACED = """flow {name}() {{
  on event "{hears}" as heard
  owner orders
  step count = orders.count()
  emit "{says}" {data}
}}
"""
ORDER = '{ id: heard.id, total: 1, items: [], address: "a", email: "e", country: "de" }'


def placed(name: str, hears: str, says: str) -> str:
    return PLACED.format(
        name=name, hears=hears, says=says, data=ORDER if says == "order.placed" else "{ id: heard.id }"
    )


def circle() -> Iterator[tuple[str, str]]:
    yield "first", placed("first", "order.placed", "order.done")
    yield "second", placed("second", "order.done", "order.placed")


def test_flows_that_start_each_other_are_found_whatever_their_order(project: Path) -> None:
    write(**dict(circle()))
    assert found("first.flow", "second.flow") == [("first.flow", 7, "FL0511")]
    assert found("second.flow", "first.flow") == [("second.flow", 7, "FL0511")]
    assert found("first.flow") == []
    [one] = findings(["first.flow", "second.flow"], choreograph=False)
    assert one.say(one.note) == "who starts whom: `first` -> `second` -> `first`"


def test_a_circle_through_a_flow_that_is_run(project: Path) -> None:
    write(
        telling='flow telling(id: string) {\n  step count = orders.count()\n  emit "order.done" { id: id }\n}\n',
        first='use flows "telling.flow"\n--\nflow first() {\n  on event "order.done" as heard\n  step tell = flow.telling(id: heard.id)\n}\n',
    )
    assert found("first.flow") == [("telling.flow", 5, "FL0511")]


def test_two_flows_that_publish_one_type_of_event(project: Path) -> None:
    done = 'flow {}(id: string) {{\n  step count = orders.count()\n  emit "order.done" {{ id: id }}\n}}\n'
    write(one=done.format("one"), two=done.format("two"))
    assert found("one.flow", "two.flow") == [("two.flow", 5, "FL0510")]
    write(
        two='use flows "one.flow"\n--\nflow two() {\n  step a = flow.one(id: "a")\n  emit "order.done" { id: "b" }\n}\n'
    )
    assert found("one.flow", "two.flow") == []


def test_who_listens_in_a_flow_that_is_run_is_asked_where_it_runs(project: Path) -> None:
    waiting = """flow waiting(id: string) {
  step count = orders.count()
  wait for event "delivery.confirmed" as there where there.shipmentId == id forever
}
"""
    write(
        waiting=waiting,
        good='use flows "waiting.flow"\n--\nflow good(id: string) { step a = flow.waiting(id: id) step b = orders.count() }\n',
        bad='use flows "waiting.flow"\n--\nflow bad(id: string) {\n  step a = flow.waiting(id: id)\n  step b = risk.review(orderId: id)\n}\n',
    )
    assert found("good.flow", choreograph=True) == []
    assert found("waiting.flow", choreograph=True) == []
    assert found("bad.flow", choreograph=True) == []


def test_a_flow_that_becomes_too_large(project: Path) -> None:
    steps = "\n".join(f"  step s{n} = orders.count()" for n in range(300))
    write(one=f"flow one() {{\n{steps}\n  step again = flow.one()\n}}\n")
    assert found("one.flow") == [("one.flow", 3, "FL0235")]


def test_personal_data_is_asked_for_where_services_decide(project: Path) -> None:
    body = """flow paid(order: Order) {
  # flowlang: allow FL0606 -- they are one team
  step pay = payments.charge(orderId: order.id, amount: 1) { compensate none }
  step count = orders.count()
  step tell = notifications.send(to: order.email, template: pay.paymentId)
}
"""
    write(paid=body, bare=body.replace("  # flowlang: allow FL0606 -- they are one team\n", "").replace("paid", "bare"))
    assert found("bare.flow") == []
    assert found("bare.flow", choreograph=True) == [("bare.flow", 4, "FL0606")]
    assert found("paid.flow", choreograph=True) == found("paid.flow") == []
    [one] = findings(["bare.flow"], choreograph=True)
    assert one.say(one.note) == "`card` at `notifications` and `orders`"
    assert [label.span.source.name for label in one.related] == ["contracts/payments.yaml"]
