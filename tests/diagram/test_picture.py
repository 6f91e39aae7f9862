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
    album,
    catch,
    child,
    each,
    equal,
    event,
    expr,
    flow,
    fork,
    let,
    long_flow,
    month_end,
    nested_scopes,
    on,
    order_fulfilment,
    own,
    repeat,
    scope,
    seq,
    step,
    switch,
    wait,
)


def arrows(picture: Picture) -> set[tuple[str, str, str, str]]:
    """(from, to, kind, label); an arrow that leaves a scope comes from the scope's path."""
    return {(e.scope or e.source, e.target, e.kind, e.label) for e in picture.edges}


def paths(flow: ir.Flow, hidden: frozenset[str]) -> set[str]:
    """The paths of the blocks that are drawn. All clauses of a scope are one frame."""
    blocks = (node for node in ir.walk(flow.body) if not isinstance(node, ir.Sequence))
    drawn = (node for node in blocks if not (isinstance(node, ir.Switch) and not node.drawn))
    return {node.path.partition(":")[0] for node in drawn} - hidden


def shown(picture: Picture) -> Counter[str]:
    """The paths in a picture: its ids without those that hang on another block's path."""
    ids = [node.id for node in picture.nodes[1:]] + [scope.id for scope in picture.scopes]
    return Counter(id for id in ids if ":" not in id)


def assert_whole(flow: ir.Flow, hidden: frozenset[str] = frozenset()) -> Picture:
    """What holds of every picture; the blocks that are named in `hidden` are the compiler's own."""
    picture = draw(flow)
    assert shown(picture) == Counter(paths(flow, hidden))
    nodes = {node.id: node for node in picture.nodes}
    scopes = {scope.id: scope for scope in picture.scopes}
    undone = {n.path for n in ir.walk(flow.body) if isinstance(n, ir.Step) and n.undo is not None}
    assert {e.source for e in picture.edges if e.kind == "undo" and not e.scope} == undone
    assert len({e.id for e in picture.edges}) == len(picture.edges)
    reached = {flow.name}
    for _ in picture.nodes:
        reached |= {e.target for e in picture.edges if e.source in reached}
    assert reached == set(nodes)
    for edge in picture.edges:
        if edge.scope:  # it leaves the scope: its tail is inside and its head is not
            assert edge.scope in around(nodes[edge.source].scope, scopes)
            assert edge.scope not in around(nodes[edge.target].scope, scopes)
    children = {scope.id for scope in picture.scopes if scope.kind == "child"}
    returned = {n.id for n in picture.nodes if n.kind == "return" and around(n.scope, scopes) & children}
    ends = {n.id for n in picture.nodes if n.kind in ("return", "fail", "end", "undo")} - returned
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


# ---------------------------------------------------------------- loops, clauses, other flows


def frames(picture: Picture) -> list[tuple[str, str, str, str]]:
    return [(one.id, one.kind, one.label, one.detail) for one in picture.scopes]


def test_all_clauses_of_a_scope_are_one_frame() -> None:
    made = scope(
        "f/s",
        step("f/s#/a", "x.do"),
        alongside=(on("more", step("f/s#/it[]/b", "x.do")),),
        retry=(("", "Timeout"),),
        events=(on("stop", step("f/c", "x.do")),),
        within="2h",
        late=seq(failing("f/fail1")),
        catches=(((("", "No"),), seq(step("f/d", "x.do"))),),
        compensate=seq(step("f/e", "x.do")),
    )
    picture = assert_whole(flow("f", made))
    assert frames(picture) == [
        ("f/s", "scope", "scope s", "tried up to 3 times more on Timeout"),
        ("f/s:compensate", "undo", "compensate", ""),
    ]
    assert arrows(picture) == {
        ("f", "f/s#/a", "forward", ""),
        ("f", "f/s:alongside:on[0]", "beside", "alongside"),
        ("f/s:alongside:on[0]", "f/s#/it[]/b", "event", ""),
        ("f/s", "f/s:events:on[0]", "event", "interrupted"),
        ("f/s:events:on[0]", "f/c", "event", ""),
        ("f/s", "f/s:events:after", "time", ""),
        ("f/s:events:after", "f/fail1", "time", ""),
        ("f/s", "f/d", "error", "catch No"),
        ("f/s", "f/e", "undo", ""),
        ("f/s#/a", "f:end", "forward", ""),
        ("f/c", "f:end", "forward", ""),
        ("f/d", "f:end", "forward", ""),
    }
    inside = {node.id: node.scope for node in picture.nodes}
    assert inside["f/s:alongside:on[0]"] == inside["f/s#/it[]/b"] == inside["f/s#/a"] == "f/s"
    assert inside["f/c"] == inside["f/d"] == "" and inside["f/e"] == "f/s:compensate"


def test_two_scopes_one_in_the_other_are_two_frames() -> None:
    inner = scope("f/t", step("f/t#/a", "x.do"), retry=())
    picture = assert_whole(flow("f", scope("f/s", inner, events=(on("stop"),))))
    assert [(one.id, one.parent) for one in picture.scopes] == [("f/s", ""), ("f/t", "f/s")]
    assert picture.scopes[1].detail == "tried up to 3 times more"


def test_a_limit_that_was_computed_at_the_entry_is_shown_as_it_was_written() -> None:
    limit = own("f/s.limit", "s.limit", "order.patience")
    picture = assert_whole(
        flow("f", limit, scope("f/s", step("f/a", "x.do"), within="s.limit")), frozenset({"f/s.limit"})
    )
    assert next(node.label for node in picture.nodes if node.kind == "timer") == "within order.patience"


def test_a_repeat_goes_round_until_its_condition_or_its_bound() -> None:
    body = step("f/repeat1[]/a", "x.do"), own("f/repeat1[]/next1", "n.next", "n + 1")
    late = seq(step("f/b", "x.do"))
    made = flow("f", repeat("f/repeat1", "a.ok", *body, carried="n", every="6h", late=late))
    picture = assert_whole(made, frozenset({"f/repeat1[]/next1"}))
    assert frames(picture) == [("f/repeat1", "loop", "repeat with n = 1", "at most 60 times · every 6h")]
    assert "next n = n + 1" in picture.scopes[0].tooltip.split("\n")
    assert arrows(picture) == {
        ("f", "f/repeat1[]/a", "forward", ""),
        ("f/repeat1[]/a", "f/repeat1:until", "forward", ""),
        ("f/repeat1:until", "f/repeat1[]/a", "again", "again after 6h"),
        ("f/repeat1:until", "f:end", "forward", "until a.ok"),
        ("f/repeat1:until", "f/b", "time", "after 60 times"),
        ("f/b", "f:end", "forward", ""),
    }


def test_a_loop_over_a_list_says_how_and_what_it_makes() -> None:
    inside = step("f/line[]/a", "x.do"), own("f/line[]/yield1", "line.yield", "a.n")
    hidden = frozenset({"f/line[]/yield1"})
    parallel = assert_whole(flow("f", each("f/line", "order.lines", *inside, width=4, collect="packed")), hidden)
    assert frames(parallel) == [("f/line", "loop", "for each line in order.lines", "up to 4 at a time · as packed")]
    assert "yield a.n" in parallel.scopes[0].tooltip.split("\n")
    one = assert_whole(flow("f", each("f/line", "order.lines", inside[0])))
    assert one.scopes[0].detail == "one after another"


def test_a_child_flow_is_a_frame_that_its_returns_leave() -> None:
    first = switch(
        "f/pay/switch1",
        ("a", seq(own("f/pay/return", "pay/return", "1"))),
        ("", seq()),
    )
    rest = seq(own("f/pay/rate", "pay/rate", "2"), step("f/pay/b", "x.do"), own("f/pay/return~2", "pay/return", "b.n"))
    again = switch("f/pay/rest1", ("has(return)", seq()), ("", rest), drawn=False)
    given = own("f/pay/order", "pay/order", "order.first")
    made = flow("f", given, child("f/pay", "settle", first, again), step("f/c", "x.do"))
    picture = assert_whole(made, frozenset({"f/pay/order"}))
    assert frames(picture) == [("f/pay", "child", "pay = flow.settle", "")]
    assert "pay = flow.settle(order: order.first)" in picture.scopes[0].tooltip.split("\n")
    assert arrows(picture) == {
        ("f", "f/pay/switch1", "forward", ""),
        ("f/pay/switch1", "f/pay/return", "forward", "a"),
        ("f/pay/switch1", "f/pay/rate", "forward", "else"),
        ("f/pay/rate", "f/pay/b", "forward", ""),
        ("f/pay/b", "f/pay/return~2", "forward", ""),
        ("f/pay/return", "f/c", "forward", ""),
        ("f/pay/return~2", "f/c", "forward", ""),
        ("f/c", "f:end", "forward", ""),
    }
    assert [n.label for n in picture.nodes if n.kind in ("let", "return")] == ["return", "rate = 2", "return"]


def test_a_child_flow_is_drawn_in_its_own_words() -> None:
    body = own("f/pay/return", "pay/return", "pay/a.n + order.pay/2")
    picture = draw(flow("f", child("f/pay", "settle", step("f/pay/a", "x.do", input="{ id: pay/id }"), body)))
    assert next(node.detail for node in picture.nodes if node.kind == "return") == "a.n + order.pay/2"
    assert "a = x.do(id: id)" in next(node.tooltip for node in picture.nodes if node.kind == "step").split("\n")


def test_a_child_flow_with_its_own_compensation_is_undone_by_one_step() -> None:
    body = seq(child("f/pay:flow", "settle", step("f/pay/a", "x.do", "x.undo")))
    picture = draw(flow("f", ir.Undoing("f/pay:compensate", body, seq(step("f/pay", "y.back")), "")))
    assert ("f/pay", "f/pay:undo", "undo", "") in arrows(picture)
    assert {node.id: node.scope for node in picture.nodes}["f/pay:undo"] == ""


def test_a_region_says_who_conducts() -> None:
    picture = assert_whole(flow("f", ir.Region("f/orchestrate1", seq(step("f/a", "x.do")), "desk")))
    assert frames(picture) == [("f/orchestrate1", "region", "orchestrate at desk", "")]
    assert picture.scopes[0].service == "desk" and picture.services == ("desk", "x")


def test_a_commit_stands_between_what_can_be_undone_and_what_cannot() -> None:
    picture = assert_whole(flow("f", step("f/a", "x.do"), ir.Commit("f/commit1"), step("f/b", "x.do")))
    assert [(n.id, n.kind, n.label) for n in picture.nodes[2:3]] == [("f/commit1", "commit", "commit")]
    assert {("f/a", "f/commit1", "forward", ""), ("f/commit1", "f/b", "forward", "")} <= arrows(picture)


@pytest.mark.parametrize(
    "join, need, words", [("all", 0, ""), ("cancel", 0, "all or cancel"), ("some", 1, "any"), ("some", 2, "2 of 3")]
)
def test_a_join_says_what_it_waits_for(join: str, need: int, words: str) -> None:
    branches = (step(f"f/a{n}", "x.do") for n in range(3))
    picture = draw(flow("f", fork("f/fork1", *branches, join=join, need=need)))
    assert next(node.detail for node in picture.nodes if node.kind == "join") == words


@pytest.mark.parametrize("absolute, words", [(False, "wait 5m"), (True, "wait until 5m")])
def test_a_wait_for_time_alone_has_one_way_out(absolute: bool, words: str) -> None:
    picture = assert_whole(flow("f", ir.Race("f/wait1", (), expr("5m"), seq(), "", absolute=absolute)))
    assert (picture.nodes[1].kind, picture.nodes[1].label) == ("timer", words)
    assert arrows(picture) == {("f", "f/wait1", "forward", ""), ("f/wait1", "f:end", "forward", "")}


def test_the_pictures_of_the_whole_language_are_whole() -> None:
    assert_whole(album())
    own_names = {"invoice[]/one/invoice", "invoice[]/yield1", "repeat1[]/next1", "send/account"}
    picture = draw(month_end())
    hidden = frozenset(f"month_end/{path}" for path in own_names)
    assert set(shown(picture)) == paths(month_end(), hidden)


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
        kinds = ["step", "let", "emit", "commit"]
        if depth > 0:
            kinds += ["fork", "switch", "wait", "race", "each", "repeat", "scope", "catch", "child", "region", "ends"]
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
            case "commit":
                return ir.Commit(path())
            case "each":
                return each(path(), "list", body(depth))
            case "repeat":
                return repeat(path(), "done", body(depth), late=draw_from(st.sampled_from([None, body(depth)])))
            case "child":
                return child(path(), "other", body(depth))
            case "region":
                return ir.Region(path(), body(depth), "x")
            case "scope":
                return scope(
                    path(),
                    body(depth),
                    alongside=(on("heard", body(depth)),) * draw_from(st.integers(0, 1)),
                    retry=draw_from(st.sampled_from([None, ()])),
                    events=(on("heard", body(depth)),) * draw_from(st.integers(0, 1)),
                    within="1d",
                    late=body(depth),
                    compensate=draw_from(st.sampled_from([None, body(depth)])),
                )
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
