"""Loops: what each iteration sees, in which order they are undone, and what pauses are worth under a hint."""

from __future__ import annotations

import pytest

from flowlang.denote import IllegalOracle, denote
from tests.orchestrate.central import STUCK, a, call, calls, failing, follows, run

EACH = "for each line in [{items}] {{ {body} }} "


def each(body: str, items: str = "0, 1, 2", parallel: int = 0, more: str = "") -> str:
    width = f"parallel {parallel} " if parallel else ""
    return f"for each line in [{items}] {width}{more} {{ {body} }} "


def test_items_come_one_after_another_and_are_undone_from_the_last() -> None:
    outcome = run(each(a("x")) + a("z"), answers={"z": failing()}).outcome()
    assert calls(outcome)[:6] == [f"line[{n}]/x{word} ok" for n in range(3) for word in ("", ":undo")]
    assert follows(outcome, "line[1]/x", "line[0]/x") and follows(outcome, "line[0]/x:undo", "line[1]/x:undo")
    assert follows(outcome, "line[1]/x:undo", "line[2]/x:undo") and follows(outcome, "line[2]/x:undo", "z")


def test_an_item_that_fails_undoes_those_before_it() -> None:
    outcome = run(each(a("x")), answers={"line[1]/x": failing()}).outcome()
    assert calls(outcome) == ["line[0]/x ok", "line[0]/x:undo ok", "line[1]/x failed"]
    assert outcome.error is not None and outcome.error.path == "f/line[1]/x"


def test_each_item_has_names_of_its_own_and_only_the_list_is_there_afterwards() -> None:
    body = each(
        "let m = line * 10 step x = a.act(n: m) { compensate a.undo(n: m + line) } yield m + x.n", more="as found"
    )
    outcome = run(body + "step z = a.act(n: sum(found)) step y = b.act(n: 1)", answers={"y": failing()}).outcome()
    assert call(outcome, "z").input == {"n": 33}
    assert [call(outcome, f"line[{n}]/x:undo").input for n in range(3)] == [{"n": 0}, {"n": 11}, {"n": 22}]


def test_an_empty_list_is_done_at_once() -> None:
    for parallel in (0, 2):
        outcome = run(each("yield 1", "", parallel, "as found") + "step z = a.act(n: size(found))").outcome()
        assert calls(outcome) == ["z ok"] and call(outcome, "z").input == {"n": 0}


def test_parallel_items_keep_within_their_width_and_start_after_the_loop_only() -> None:
    played = run(a("w") + each(a("x"), "0, 1, 2, 3", 2), held=tuple(f"line[{n}]/x" for n in range(4)))
    assert sorted(played.calls) == ["line[0]/x", "line[1]/x"]
    played.let("line[1]/x")
    assert sorted(played.calls) == ["line[0]/x", "line[2]/x"]
    outcome = played.let("line[2]/x", "line[0]/x", "line[3]/x").outcome()
    assert outcome.status == "completed"
    assert follows(outcome, "line[2]/x", "w") and not follows(outcome, "line[2]/x", "line[1]/x")


def test_no_further_item_starts_after_one_is_gone_and_the_rest_settles_and_is_undone_at_once() -> None:
    held = ("line[0]/x", "line[1]/x")
    played = run(each(a("x"), "0, 1, 2, 3", 2), held=held, answers={"line[1]/x": failing()})
    played.let("line[1]/x")
    assert sorted(played.calls) == ["line[0]/x"] and played.outcome().status == "open"
    outcome = played.let("line[0]/x").outcome()
    assert calls(outcome) == ["line[0]/x ok", "line[0]/x:undo ok", "line[1]/x failed"]
    assert played.oracle().started == {"f/line": 2}


def test_the_reason_of_parallel_items_is_the_first_failure_in_their_order() -> None:
    answers = {"line[0]/x": failing("Busy"), "line[1]/x": failing()}
    played = run(each(a("x"), parallel=3), held=("line[0]/x",), answers=dict(answers)).let("line[0]/x")
    outcome = played.outcome()
    assert outcome.error is not None and outcome.error.name == "Busy"


def test_parallel_items_are_undone_all_at_once() -> None:
    outcome = run(each(a("x") + a("y"), "0, 1", 2) + a("z"), answers={"z": failing()}).outcome()
    assert follows(outcome, "line[0]/x:undo", "line[0]/y:undo")
    assert not follows(outcome, "line[0]/x:undo", "line[1]/y:undo")
    assert not follows(outcome, "line[1]/x:undo", "line[0]/x:undo")


def test_loops_in_loops_have_a_number_for_each() -> None:
    inner = "for each part in [7, 8] { " + a("x") + " }"
    outcome = run(each(inner, "0, 1")).outcome()
    assert calls(outcome) == [f"line[{n}]/part[{m}]/x ok" for n in range(2) for m in range(2)]


def test_ten_comes_after_two() -> None:
    outcome = run(each(a("x"), ", ".join(map(str, range(11))))).outcome()
    assert calls(outcome)[-1] == "line[10]/x ok"


def test_a_list_that_is_none_fails_the_loop() -> None:
    outcome = run("for each line in n { } ").outcome()
    assert outcome.error is not None and (outcome.error.name, outcome.error.path) == ("ExpressionError", "f/line")


# ---------------------------------------------------------------- repeat

PAGES = "repeat with page = 1 {{ step x = a.act(n: page) {{ compensate a.undo(n: page) }} next page = page + x.n }} until {} "


def test_carried_values_go_on_and_what_follows_sees_the_last() -> None:
    body = PAGES.format("page > 3 at most 9") + "step z = a.act(n: page * 10 + x.n) step y = b.act(n: 1)"
    outcome = run(body, answers={"y": failing()}).outcome()
    assert [call(outcome, f"repeat1[{n}]/x").input["n"] for n in range(3)] == [1, 2, 3]
    assert call(outcome, "z").input == {"n": 41}
    assert [call(outcome, f"repeat1[{n}]/x:undo").input["n"] for n in range(3)] == [1, 2, 3]
    assert follows(outcome, "repeat1[0]/x:undo", "repeat1[1]/x:undo")


def test_a_carried_value_without_next_stays_and_names_do_not_leak_into_the_next_iteration() -> None:
    body = """
      repeat with k = 0 {
        step x = a.act(n: has(m) ? 1 : 0)
        switch { case k == 0 -> { let m = 5 next k = 1 } else -> { let m = 6 } }
      } until n == 2 at most 3 else {}
      step z = a.act(n: k)"""
    outcome = run(body).outcome()
    assert [call(outcome, f"repeat1[{n}]/x").input["n"] for n in range(3)] == [0, 0, 0]
    assert call(outcome, "z").input == {"n": 1}


def test_the_bound_fails_the_repeat_or_goes_on_with_else() -> None:
    outcome = run(PAGES.format("false at most 2")).outcome()
    assert outcome.error is not None and (outcome.error.name, outcome.error.path) == ("LimitReached", "f/repeat1")
    assert follows(outcome, "repeat1[0]/x:undo", "repeat1[1]/x:undo")
    body = PAGES.format(f"false at most 2 else {{ {a('e')} }}") + a("z")
    outcome = run(body, answers={"z": failing()}).outcome()
    assert outcome.error is not None and outcome.error.name == "No"
    assert follows(outcome, "e", "repeat1[1]/x") and follows(outcome, "repeat1[1]/x:undo", "e:undo")
    outcome = run(body, answers={"e": failing()}).outcome()
    assert follows(outcome, "repeat1[1]/x:undo", "e") and follows(outcome, "repeat1[0]/x:undo", "repeat1[1]/x:undo")


def test_a_condition_that_cannot_be_evaluated_undoes_the_iterations() -> None:
    outcome = run(PAGES.format("1 / (3 - page) == 9 at most 5")).outcome()
    assert outcome.error is not None and (outcome.error.name, outcome.error.path) == ("ExpressionError", "f/repeat1")
    assert calls(outcome) == [f"repeat1[{n}]/x{word} ok" for n in range(2) for word in ("", ":undo")]


def test_a_pause_waits_for_its_timer_and_a_second_ring_of_it_changes_nothing() -> None:
    played = run(PAGES.format("page > 2 every 6h at most 5") + a("z"))
    assert list(played.timers) == ["f/repeat1[1]"] and played.outcome().status == "open"
    assert played.oracle().pauses == {"f/repeat1[1]"}
    played.fire("repeat1[1]")
    from flowlang.event import Fired

    assert played.feed(Fired(played.at, "f/repeat1[1]")) == []
    outcome = played.outcome()
    assert outcome.status == "completed" and calls(outcome) == ["repeat1[0]/x ok", "repeat1[1]/x ok", "z ok"]


def test_a_hint_ends_a_pause_at_once_and_undoes_the_iterations() -> None:
    played = run(PAGES.format("page > 5 every 6h at most 5")).fire().cancel()
    outcome = played.outcome()
    assert outcome.status == "cancelled" and not played.timers
    assert {path: reason.kind for path, reason in played.oracle().turned.items()} == {"f/repeat1[2]": "cancelled"}
    assert follows(outcome, "repeat1[0]/x:undo", "repeat1[1]/x:undo")


def test_a_pause_is_not_begun_below_a_hint() -> None:
    played = run(PAGES.format("page > 5 every 6h at most 5"), held=("repeat1[0]/x",)).cancel()
    outcome = played.let("repeat1[0]/x").outcome()
    assert outcome.status == "cancelled" and calls(outcome) == ["repeat1[0]/x ok", "repeat1[0]/x:undo ok"]


def test_a_pause_that_is_left_below_a_verdict_is_refused() -> None:
    played = run(PAGES.format("page > 5 every 6h at most 5"))
    oracle = played.oracle()
    oracle.cancelled = True
    with pytest.raises(IllegalOracle, match="left waiting"):
        denote(played.flow, played.input, oracle)


def test_an_iteration_that_cannot_be_undone_parks_those_before_it() -> None:
    body = PAGES.format("page > 2 at most 9") + a("z")
    played = run(body, answers={"z": failing(), "repeat1[1]/x:undo": STUCK})
    assert played.outcome().status == "stuck" and played.stuck() == [("f/repeat1[1]/x", "undo")]
    played.resolve("repeat1[1]/x", "undo", "skip")
    outcome = played.outcome()
    assert (outcome.status, outcome.residue) == ("failed", ("f/repeat1[1]/x",))
    assert follows(outcome, "repeat1[0]/x:undo", "repeat1[1]/x:undo")


# ---------------------------------------------------------------- further attempts of a scope


def again(body: str, clause: str = "retry 2 backoff 1s..30s") -> str:
    return f"scope s {{ {body} }} {clause} "


def test_an_attempt_is_wholly_gone_before_the_next_one_starts() -> None:
    played = run(again(a("x") + a("y")) + a("z"), answers={"s#2/y": failing("Busy"), "y": failing()})
    assert played.begun == ["x", "y", "x:undo"] and list(played.timers) == ["f/s#2"]
    played.fire()
    assert list(played.timers) == ["f/s#3"]
    outcome = played.fire().outcome()
    assert outcome.status == "completed"
    assert follows(outcome, "s#2/x", "x:undo") and follows(outcome, "s#3/x", "s#2/x:undo")
    assert calls(outcome)[2:4] == ["s#3/x ok", "s#3/y ok"] or "s#3/y ok" in calls(outcome)


def test_attempts_end_and_the_last_failure_counts() -> None:
    played = run(again(a("x"), "retry 1 backoff 1s..30s"), answers={"x": failing(), "s#2/x": failing("Busy")}).fire()
    outcome = played.outcome()
    assert outcome.error is not None and (outcome.error.name, outcome.error.path) == ("Busy", "f/s#2/x")


def test_only_listed_failures_are_tried_again() -> None:
    body = again(a("x"), "retry 2 backoff 1s..30s on Busy")
    assert run(body, answers={"x": failing()}).outcome().status == "failed"
    assert run(body, answers={"x": failing("Busy")}).fire().outcome().status == "completed"


def test_a_scope_that_was_left_is_not_tried_again() -> None:
    outcome = run(again(a("x")) + a("z"), answers={"z": failing()}).outcome()
    assert outcome.status == "failed" and calls(outcome) == ["x ok", "x:undo ok", "z failed"]


def test_the_attempt_that_was_ok_is_the_one_that_is_undone_and_seen() -> None:
    body = again("let m = n " + a("x")) + "step z = a.act(n: x.n + m)"
    outcome = run(body, answers={"x": failing(), "z": failing()}).fire().outcome()
    assert calls(outcome) == ["s#2/x ok", "s#2/x:undo ok", "x failed", "z failed"]
    assert call(outcome, "z").input == {"n": 2}


def test_a_hint_ends_a_back_off_at_once() -> None:
    played = run(a("w") + again(a("x")), answers={"x": failing()}).cancel()
    outcome = played.outcome()
    assert outcome.status == "cancelled" and not played.timers and calls(outcome) == ["w ok", "w:undo ok", "x failed"]
    assert {path: reason.kind for path, reason in played.oracle().turned.items()} == {"f/s#2": "cancelled"}


def test_a_back_off_of_nothing_needs_no_timer() -> None:
    played = run(again(a("x"), "retry 1 backoff 0s..0s"), answers={"x": failing()})
    assert not played.timers and played.outcome().status == "completed"


def test_attempts_in_a_loop_are_counted_for_each_item() -> None:
    played = run(each(again(a("x"), "retry 1 backoff 0s..0s"), "0, 1"), answers={"line[1]/x": failing()})
    outcome = played.outcome()
    assert calls(outcome) == ["line[0]/x ok", "line[1]/s#2/x ok", "line[1]/x failed"] or sorted(calls(outcome)) == [
        "line[0]/x ok",
        "line[1]/s#2/x ok",
        "line[1]/x failed",
    ]
