"""What a picture has of a flow: every block once, and the arrows that its meaning asks for."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlang import ir
from flowlang.diagram import draw
from flowlang.diagram.picture import Picture
from tests.diagram.flows import (
    catch,
    equal,
    event,
    expr,
    flow,
    fork,
    let,
    long_flow,
    nested_scopes,
    order_fulfilment,
    seq,
    step,
    switch,
    wait,
)


def arrows(picture: Picture) -> set[tuple[str, str, str, str]]:
    """(from, to, kind, label); an arrow that leaves a scope comes from the scope's path."""
    return {(e.scope or e.source, e.target, e.kind, e.label) for e in picture.edges}


def paths(flow: ir.Flow) -> Counter[str]:
    return Counter(
        node.path
        for node in ir.walk(flow.body)
        if not isinstance(node, ir.Sequence) and (not isinstance(node, ir.Switch) or node.drawn)
    )


def shown(picture: Picture) -> Counter[str]:
    """The paths in a picture: its ids without those that hang on another block's path."""
    ids = [node.id for node in picture.nodes[1:]] + [scope.id for scope in picture.scopes]
    return Counter(id for id in ids if ":" not in id)


def assert_whole(flow: ir.Flow) -> Picture:
    """What holds of every picture."""
    picture = draw(flow)
    assert shown(picture) == paths(flow)
    nodes = {node.id: node for node in picture.nodes}
    scopes = {scope.id: scope for scope in picture.scopes}
    undone = {n.path for n in ir.walk(flow.body) if isinstance(n, ir.Step) and n.undo is not None}
    assert {e.source for e in picture.edges if e.kind == "undo"} == undone
    assert len({e.id for e in picture.edges}) == len(picture.edges)
    reached = {flow.name}
    for _ in picture.nodes:
        reached |= {e.target for e in picture.edges if e.source in reached}
    assert reached == set(nodes)
    for edge in picture.edges:
        if edge.scope:  # it leaves the scope: its tail is inside and its head is not
            assert edge.scope in around(nodes[edge.source].scope, scopes)
            assert edge.scope not in around(nodes[edge.target].scope, scopes)
    ends = {n.id for n in picture.nodes if n.kind in ("return", "fail", "end", "undo")}
    assert not ends & {e.source for e in picture.edges if not e.scope}
    return picture


def around(scope: str, scopes: dict[str, object]) -> set[str]:
    found = set()
    while scope:
        found.add(scope)
        scope = scopes[scope].parent  # type: ignore[attr-defined]
    return found


@pytest.mark.parametrize("made", [order_fulfilment(), nested_scopes(), long_flow(5), long_flow(15), long_flow(40)])
def test_every_block_is_drawn_once_and_can_be_reached(made: ir.Flow) -> None:
    assert_whole(made)


def test_a_sequence_with_an_undo() -> None:
    picture = draw(flow("f", step("f/a", "x.do", "y.undo"), step("f/b", "z.do")))
    assert arrows(picture) == {
        ("f", "f/a", "forward", ""),
        ("f/a", "f/a:undo", "undo", ""),
        ("f/a", "f/b", "forward", ""),
        ("f/b", "f:end", "forward", ""),
    }
    assert picture.services == ("x", "y", "z")
    assert [(n.kind, n.label, n.detail, n.service) for n in picture.nodes[1:3]] == [
        ("step", "a", "x.do", "x"),
        ("undo", "undo", "y.undo", "y"),
    ]


def test_an_empty_flow_starts_and_ends() -> None:
    assert arrows(draw(flow("f"))) == {("f", "f:end", "forward", "")}


def test_a_fork_has_two_bars_and_keeps_the_order_of_its_branches() -> None:
    picture = draw(flow("f", fork("f/fork1", step("f/a", "x.do"), ("quick", seq()), ("bad", seq(failing("f/fail1"))))))
    assert arrows(picture) == {
        ("f", "f/fork1", "forward", ""),
        ("f/fork1", "f/a", "forward", ""),
        ("f/a", "f/fork1:join", "forward", ""),
        ("f/fork1", "f/fork1:join", "forward", "quick"),
        ("f/fork1", "f/fail1", "forward", "bad"),
        ("f/fork1:join", "f:end", "forward", ""),
    }
    assert [(e.target, e.source_slot) for e in picture.edges if e.source == "f/fork1"] == [
        ("f/a", 0),
        ("f/fail1", 2),
        ("f/fork1:join", 1),
    ]


def test_a_fork_that_only_fails_joins_nothing() -> None:
    picture = draw(flow("f", fork("f/fork1", failing("f/fail1"), failing("f/fail2"))))
    assert "f/fork1:join" not in {n.id for n in picture.nodes}
    assert "f:end" not in {n.id for n in picture.nodes}


def failing(path: str) -> ir.Fail:
    return ir.Fail(path, "Bad", None)


def test_conditions_stand_on_the_ways_out_of_a_switch() -> None:
    cases = ("a > 1", seq(step("f/a", "x.do"))), ("b", seq()), ("", seq())
    assert arrows(draw(flow("f", switch("f/switch1", *cases), step("f/c", "x.do")))) == {
        ("f", "f/switch1", "forward", ""),
        ("f/switch1", "f/a", "forward", "a > 1"),
        ("f/switch1", "f/c", "forward", "b"),
        ("f/switch1", "f/c", "forward", "else"),
        ("f/a", "f/c", "forward", ""),
        ("f/c", "f:end", "forward", ""),
    }


def test_with_a_subject_only_the_values_stand_there() -> None:
    guards = equal("answer", "yes"), equal("answer", "no", "never"), equal("other", "x")
    arms = (*(ir.Arm(guard, seq()) for guard in guards), ir.Arm(None, seq()))
    made = flow("f", ir.Switch("f/switch1", arms, "", expr("answer")))
    picture = draw(made)
    assert [e.label for e in picture.edges if e.source == "f/switch1"] == [
        '"yes"',
        '"no", "never"',
        'other == "x"',  # not about the subject
        "else",
    ]
    assert next(n.label for n in picture.nodes if n.kind == "switch") == "answer"


def test_a_return_ends_its_way_and_the_rest_follows_the_others() -> None:
    cases = ("a", seq(let("f/return", "1"))), ("b", seq(step("f/b", "x.do"))), ("", seq())
    rest = switch("f/rest1", ("has(return)", seq()), ("", seq(step("f/c", "x.do"))), drawn=False)
    picture = assert_whole(flow("f", switch("f/switch1", *cases), rest))
    assert arrows(picture) == {
        ("f", "f/switch1", "forward", ""),
        ("f/switch1", "f/return", "forward", "a"),
        ("f/switch1", "f/b", "forward", "b"),
        ("f/b", "f/c", "forward", ""),
        ("f/switch1", "f/c", "forward", "else"),
        ("f/c", "f:end", "forward", ""),
    }


def test_a_wait_goes_on_with_its_event_or_after_its_time() -> None:
    late = seq(step("f/remind", "mail.send"))
    picture = draw(flow("f", wait("f/paid", "payment.settled", "paid.id == 1", "3d", late)))
    assert arrows(picture) == {
        ("f", "f/paid", "forward", ""),
        ("f/paid", "f:end", "event", ""),
        ("f/paid", "f/remind", "time", "after 3d"),
        ("f/remind", "f:end", "forward", ""),
    }
    node = picture.nodes[1]
    assert (node.kind, node.label, node.detail) == ("wait", "wait for payment.settled", "where paid.id == 1")
    assert "within 3d" in node.tooltip.split("\n")


def test_a_wait_forever_has_one_way_out() -> None:
    assert arrows(draw(flow("f", wait("f/paid", "payment.settled")))) == {
        ("f", "f/paid", "forward", ""),
        ("f/paid", "f:end", "event", ""),
    }


def test_a_race_of_several_events_and_a_timer() -> None:
    ways = (
        ir.Alternative(event("a"), "x", "id", expr("1"), None, seq(step("f/a", "x.do"))),
        ir.Alternative(event("b"), "y", "id", expr("1"), expr("y.ok"), seq()),
    )
    assert arrows(draw(flow("f", ir.Race("f/race1", ways, expr("2h"), seq(failing("f/fail1")), "")))) == {
        ("f", "f/race1", "forward", ""),
        ("f/race1", "f/race1:on[0]", "forward", ""),
        ("f/race1", "f/race1:on[1]", "forward", ""),
        ("f/race1", "f/race1:after", "forward", ""),
        ("f/race1:on[0]", "f/a", "event", ""),
        ("f/race1:on[1]", "f:end", "event", ""),
        ("f/race1:after", "f/fail1", "time", ""),
        ("f/a", "f:end", "forward", ""),
    }


def test_a_race_without_events_is_a_timer() -> None:
    picture = draw(flow("f", ir.Race("f/wait1", (), expr("5m"), seq(), "")))
    assert [(n.kind, n.label) for n in picture.nodes] == [("start", "start"), ("timer", "wait 5m"), ("end", "end")]


def test_a_scope_is_a_frame_with_ways_to_its_handlers() -> None:
    handlers = (((("pay", "Declined"), ("", "Timeout")), seq(step("f/b", "x.do"))), ((), seq()))
    picture = assert_whole(flow("f", catch("f/s", seq(step("f/a", "pay.take", "pay.back")), *handlers)))
    assert arrows(picture) == {
        ("f", "f/a", "forward", ""),
        ("f/a", "f/a:undo", "undo", ""),
        ("f/a", "f:end", "forward", ""),
        ("f/s", "f/b", "error", "catch pay.Declined, Timeout"),
        ("f/s", "f:end", "error", "catch any error"),
        ("f/b", "f:end", "forward", ""),
    }
    assert {n.id: n.scope for n in picture.nodes} == {
        "f": "",
        "f/a": "f/s",
        "f/a:undo": "f/s",
        "f/b": "",
        "f:end": "",
    }


def test_an_empty_scope_is_still_seen() -> None:
    picture = assert_whole(flow("f", catch("f/s", seq(), ((), seq(step("f/a", "x.do"))))))
    assert ("f/s", "f/a", "error", "catch any error") in arrows(picture)


def test_a_flow_may_start_by_an_event() -> None:
    begin = ir.Begin(event("order.placed"), "order", expr("order.total > 0"))
    start = draw(flow("f", start=begin)).nodes[0]
    assert (start.id, start.kind, start.label, start.detail) == (
        "f",
        "trigger",
        "on order.placed",
        "where order.total > 0",
    )


def test_documentation_is_in_the_tooltip() -> None:
    made = flow("f", step("f/a", "x.do", doc="Why we do it.\nAnd how."), doc="All of it.")
    picture = draw(made)
    assert picture.nodes[0].tooltip.startswith("All of it.\n")
    assert picture.nodes[1].tooltip.startswith("Why we do it.\nAnd how.\na = x.do(id: order.id)\nnot undone\n")


# ---------------------------------------------------------------- random flows


@st.composite
def random_flows(draw_from: st.DrawFn) -> ir.Flow:
    """Flows with everything in everything, as lowering may make them."""
    number = 0

    def path() -> str:
        nonlocal number
        number += 1
        return f"f/b{number}"

    def body(depth: int) -> ir.Sequence:
        return seq(*(node(depth - 1) for _ in range(draw_from(st.integers(0, 2 if depth < 3 else 4)))))

    def node(depth: int) -> ir.Node:
        kinds = ["step", "let", "emit"] + (["fork", "switch", "wait", "race", "catch", "ends"] if depth > 0 else [])
        match draw_from(st.sampled_from(kinds)):
            case "step":
                return step(path(), "x.do", draw_from(st.sampled_from(["", "y.undo"])))
            case "let":
                return let(path(), "1")
            case "emit":
                return ir.Emit(path(), event("said"), expr("{}"))
            case "fork":
                return fork(path(), *(("", body(depth)) for _ in range(draw_from(st.integers(1, 3)))))
            case "switch":
                return switch(path(), ("a", body(depth)), ("", body(depth)))
            case "wait":
                return wait(path(), "heard", "", draw_from(st.sampled_from(["", "1d"])), body(depth))
            case "race":
                ways = tuple(
                    ir.Alternative(event("heard"), "", "id", expr("1"), None, body(depth))
                    for _ in range(draw_from(st.integers(0, 3)))
                )
                return ir.Race(path(), ways, expr("1d"), body(depth), "")
            case "catch":
                return catch(path(), body(depth), *(((), body(depth)) for _ in range(draw_from(st.integers(0, 2)))))
            case _:  # ways that end: the rest goes on from the other arm
                end = draw_from(st.sampled_from([failing(path()), ir.Let(path(), "return", expr("1"), None)]))
                ended = switch(path(), ("a", seq(step(path(), "x.do"), end)), ("", body(1)))
                rest = switch(path(), ("has(return)", seq()), ("", body(depth)), drawn=False)
                return seq(ended, rest)

    return flow("f", *body(4).items)


@given(random_flows())
def test_random_flows_are_drawn_whole(made: ir.Flow) -> None:
    assert_whole(made)
