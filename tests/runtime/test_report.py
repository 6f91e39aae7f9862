"""The report: order, names, transitive reduction, and its schema."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
from hypothesis import given
from hypothesis import strategies as st

from flowlang.event import Called, EffectId, Emitted, Error, Outcome, key_of
from flowlang.report import path_key, reduced, report

SCHEMA = json.loads(Path(__file__).parents[2].joinpath("specs/report.schema.json").read_text())


def do(path: str, number: int = 0) -> EffectId:
    return EffectId(path, "do", number)


def undo(path: str) -> EffectId:
    return EffectId(path, "undo")


def called(id: EffectId, *after: EffectId, result: str = "ok") -> Called:
    return Called(id, "payments", "charge", {"orderId": "o-1"}, result, after)


def outcome(*calls: Called, status: str = "completed", error: Error | None = None) -> Outcome:
    return Outcome(status, None, error, (), calls, ())


def after(*calls: Called) -> dict[str, list[str]]:
    entries = report(outcome(*calls), "r-1", "f", "h", "orchestrate")["effects"]
    return {entry["path"] + (":undo" if entry["kind"] == "undo" else ""): entry["after"] for entry in entries}


def test_a_cause_that_another_cause_already_follows_is_left_out() -> None:
    assert after(called(do("f/a")), called(do("f/b"), do("f/a")), called(do("f/c"), do("f/b"), do("f/a"))) == {
        "f/a": [],
        "f/b": ["f/a"],
        "f/c": ["f/b"],
    }


def test_the_branches_of_a_fork_are_both_named() -> None:
    a, b, c, d = do("f/a"), do("f/b"), do("f/c"), do("f/d")
    assert after(called(a), called(b, a), called(c, a), called(d, c, b, a))["f/d"] == ["f/b", "f/c"]


def test_a_compensation_is_named_with_undo() -> None:
    a, b = do("f/a"), do("f/b")
    found = after(called(a), called(b, a), called(undo("f/b"), b), called(undo("f/a"), undo("f/b"), a))
    assert found["f/b:undo"] == ["f/b"]
    assert found["f/a:undo"] == ["f/b:undo"]


def test_a_second_key_follows_the_first_and_stands_behind_it() -> None:
    first, second, next = do("f/a"), do("f/a", 1), do("f/b")
    calls = called(next, second), called(second, first), called(first, result="failed")
    entries = report(outcome(*calls), "r-1", "f", "h", "orchestrate")["effects"]
    assert [(entry["path"], entry["result"], entry["after"]) for entry in entries] == [
        ("f/a", "failed", []),
        ("f/a", "ok", ["f/a"]),
        ("f/b", "ok", ["f/a"]),
    ]
    assert [entry["key"] for entry in entries] == [key_of("r-1", first), key_of("r-1", second), key_of("r-1", next)]


def test_indices_are_sorted_as_numbers_and_do_before_undo() -> None:
    paths = ["f/x[10]/a", "f/x[9]/a", "f/scope#10/a", "f/scope#2/a", "f/x[9]/b"]
    calls = [called(undo("f/x[9]/a"))] + [called(do(path)) for path in paths]
    entries = report(outcome(*calls), "r-1", "f", "h", "orchestrate")["effects"]
    assert [(entry["path"], entry["kind"]) for entry in entries] == [
        ("f/scope#2/a", "do"),
        ("f/scope#10/a", "do"),
        ("f/x[9]/a", "do"),
        ("f/x[9]/a", "undo"),
        ("f/x[9]/b", "do"),
        ("f/x[10]/a", "do"),
    ]


def test_the_report_is_as_its_schema_says() -> None:
    whole = Outcome(
        "failed",
        None,
        Error("NoCarrier", "nobody drives there", "f/ship", {"region": "north"}, True),
        ("f/z", "f/a"),
        (called(do("f/a")), called(undo("f/a"), do("f/a"), result="unknown")),
        (Emitted("f/emit2", "order.done", {}), Emitted("f/emit1", "order.begun", {"id": "o-1"})),
    )
    found = report(whole, "r-1", "f", "abc", "choreograph")
    jsonschema.validate(found, SCHEMA)
    assert found["error"] == {
        "name": "NoCarrier",
        "message": "nobody drives there",
        "path": "f/ship",
        "data": {"region": "north"},
    }
    assert [event["path"] for event in found["events"]] == ["f/emit1", "f/emit2"]
    assert found["residue"] == ["f/a", "f/z"]


def test_an_error_without_data_has_no_data_and_one_with_null_has_it() -> None:
    bare = report(outcome(error=Error("E", "", "f/a"), status="failed"), "r", "f", "h", "orchestrate")
    null = report(outcome(error=Error("E", "", "f/a", None, True), status="failed"), "r", "f", "h", "orchestrate")
    assert "data" not in bare["error"]
    assert null["error"]["data"] is None


def test_an_open_run_is_running_while_a_call_is_under_way_and_else_waits() -> None:
    going = report(outcome(called(do("f/a"), result="pending"), status="open"), "r", "f", "h", "orchestrate")
    still = report(outcome(called(do("f/a")), status="open"), "r", "f", "h", "orchestrate")
    assert (going["status"], still["status"]) == ("running", "waiting")
    for found in (going, still):
        jsonschema.validate(found, SCHEMA)


def test_the_modes_differ_in_run_mode_and_key_only() -> None:
    calls = called(do("f/b"), do("f/a")), called(do("f/a"))
    one = report(outcome(*calls), "r-1", "f", "h", "orchestrate")
    two = report(outcome(*reversed(calls)), "r-2", "f", "h", "choreograph")
    for found in (one, two):
        del found["run"], found["mode"]
        for entry in found["effects"]:
            del entry["key"]
    assert json.dumps(one) == json.dumps(two)


# ---------------------------------------------------------------- any graph


@st.composite
def graphs(draw: st.DrawFn) -> dict[EffectId, tuple[EffectId, ...]]:
    """Causes of up to 12 calls: each may follow any that stand before it in some order unlike the order of their paths."""
    size = draw(st.integers(0, 12))
    names = draw(st.permutations([EffectId(f"f/s{n // 2}", "do" if n % 2 else "undo") for n in range(size)]))
    return {
        names[place]: tuple(draw(st.lists(st.sampled_from(names[:place]), unique=False, max_size=8))) if place else ()
        for place in range(size)
    }


def followed(graph: dict[EffectId, tuple[EffectId, ...]], id: EffectId) -> set[EffectId]:
    """Everything that came before `id`, by walking: the naive definition."""
    found: set[EffectId] = set()
    for cause in graph[id]:
        found |= {cause} | followed(graph, cause)
    return found


@given(graphs())
def test_reduction_is_what_its_definition_says(graph: dict[EffectId, tuple[EffectId, ...]]) -> None:
    naive = {
        id: {cause for cause in causes if not any(cause in followed(graph, other) for other in causes)}
        for id, causes in graph.items()
    }
    found = reduced(graph)
    assert {id: set(causes) for id, causes in found.items()} == naive
    assert all(len(causes) == len(set(causes)) for causes in found.values())
    # nothing is lost: what came before a call is the same before and after
    smaller = {id: tuple(causes) for id, causes in found.items()}
    assert all(followed(smaller, id) == followed(graph, id) for id in graph)


def test_a_chain_of_ten_thousand_calls_does_not_exhaust_the_stack() -> None:
    chain = [do(f"f/s[{n}]") for n in range(10_000)]
    graph = {id: (chain[place - 1],) if place else () for place, id in enumerate(chain)}
    assert reduced(graph) == {id: list(causes) for id, causes in graph.items()}


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=2))
def test_the_order_of_two_indices_is_the_order_of_their_numbers(numbers: list[int]) -> None:
    first, second = numbers
    assert (path_key(f"f/x[{first}]/a") < path_key(f"f/x[{second}]/a")) == (first < second)


def test_the_members_of_a_record_have_one_order() -> None:
    one = Called(do("f/a"), "s", "o", {"b": 1, "a": {"d": 1, "c": [{"f": 1, "e": 2}]}}, "ok", ())
    two = Called(do("f/a"), "s", "o", {"a": {"c": [{"e": 2, "f": 1}], "d": 1}, "b": 1}, "ok", ())
    texts = [json.dumps(report(outcome(call), "r", "f", "h", "orchestrate")) for call in (one, two)]
    assert texts[0] == texts[1]
