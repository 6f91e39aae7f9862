"""The point of no return: what is before it can still be cancelled, what is after it is made again until it is ok."""

from __future__ import annotations

from flowlang.event import Policy
from tests.orchestrate.central import STUCK, UNKNOWN, a, call, calls, failing, run


def test_a_cancel_before_the_commit_turns_it() -> None:
    played = run(a("x") + "commit " + a("y"), held=("x",)).cancel().let("x")
    assert played.outcome().status == "cancelled" and list(played.oracle().turned) == ["f/commit1"]


def test_a_cancel_after_the_commit_is_too_late() -> None:
    played = run(a("x") + "commit " + a("y") + a("z"), held=("y",)).cancel()
    assert not played.halted
    outcome = played.let("y").outcome()
    assert outcome.status == "completed" and calls(outcome) == ["x ok", "y ok", "z ok"]


def test_the_calls_after_it_are_firm() -> None:
    played = run(a("x") + "commit " + a("y"), held=("x", "y"))
    assert not played.calls["x"].policy.firm
    played.let("x")
    policy = played.calls["y"].policy
    assert (policy.firm, policy.lets) == (True, ()) and Policy().firm is False


def test_a_step_after_it_is_stuck_and_takes_a_result_or_another_attempt_but_no_failure() -> None:
    body = a("x") + "commit " + a("y") + "step z = a.act(n: y.n)"
    for decision, value in (("done", {"n": 4}), ("retry", None)):
        played = run(body, answers={"y": STUCK})
        assert played.outcome().status == "stuck" and played.stuck() == [("f/y", "do")]
        played.resolve("y", "do", "fail", error="No")
        assert played.outcome().status == "stuck"
        played.answers.clear()
        outcome = played.resolve("y", "do", decision, value).outcome()
        assert outcome.status == "completed" and calls(outcome) == ["x ok", "y ok", "z ok"]
        assert call(outcome, "z").input == {"n": 4 if value else 1}


def test_a_failure_goes_to_a_catch_that_began_after_it() -> None:
    body = a("x") + f"commit scope s {{ {a('y')} {a('z')} }} catch No -> {{ {a('h')} }} "
    played = run(body, held=("z", "h"), answers={"z": failing()})
    assert played.calls["z"].policy.lets == ("No",)
    outcome = played.let("z", "h").outcome()
    assert outcome.status == "completed" and calls(outcome) == ["h ok", "x ok", "y ok", "y:undo ok", "z failed"]


def test_what_the_last_attempt_of_a_later_retry_may_not_report_is_stuck() -> None:
    body = f"commit scope s {{ {a('y')} }} retry 1 backoff 0s..0s on No "
    played = run(body, held=("y", "s#2/y"), answers={"y": failing()})
    assert played.calls["y"].policy.lets == ("No",)
    assert played.let("y").calls["s#2/y"].policy.lets == ()
    assert played.let("s#2/y").outcome().status == "completed"


def test_an_expression_after_it_that_cannot_be_evaluated_is_stuck_at_once() -> None:
    played = run(a("x") + "commit let m = 1 / (n - 1) " + a("y"))
    assert played.outcome().status == "stuck" and played.stuck() == [("f/m", "")]
    assert played.why_stuck() == ["division by zero"]
    caught = "commit scope s { let m = 1 / (n - 1) } catch ExpressionError -> { " + a("h") + " } "
    assert calls(run(caught).outcome()) == ["h ok"]


def test_a_step_after_it_without_an_input_can_be_done_by_hand() -> None:
    played = run("commit step y = a.act(n: 1 / (n - 1)) step z = a.act(n: y.n)")
    assert played.outcome().status == "stuck" and calls(played.outcome()) == []
    played.resolve("y", "do", "retry")
    played.calls.clear()
    outcome = played.resolve("y", "do", "done", {"n": 8}).outcome()
    assert outcome.status == "completed" and calls(outcome) == ["z ok"] and call(outcome, "z").input == {"n": 8}


def test_losers_of_an_earlier_join_still_settle_and_are_undone() -> None:
    fork = f"fork {{ {a('x')} {a('y')} }} join any commit {a('z')}"
    played = run(fork, held=("y",))
    assert played.begun == ["x", "z"] and played.outcome().status == "open"
    outcome = played.cancel().let("y").outcome()
    assert outcome.status == "completed" and calls(outcome) == ["x ok", "y ok", "y:undo ok", "z ok"]


def test_a_loop_in_the_rest_is_firm_as_well() -> None:
    played = run("commit for each line in [1, 2] { " + a("x") + " } ", answers={"line[1]/x": STUCK})
    assert played.outcome().status == "stuck"
    outcome = played.resolve("line[1]/x", "do", "done", {"n": 1}).outcome()
    assert outcome.status == "completed" and calls(outcome) == ["line[0]/x ok", "line[1]/x ok"]


def test_an_unknown_result_before_it_is_compensated() -> None:
    outcome = run(a("x") + "commit ", answers={"x": UNKNOWN}).outcome()
    assert outcome.status == "failed" and calls(outcome) == ["x unknown", "x:undo ok"]
