"""Joins that go on without the rest, or turn it round."""

from __future__ import annotations

from tests.orchestrate.central import a, call, calls, failing, follows, run

WAIT = 'wait for event "a.told" as {} where {}.id == id forever '


def any_of(*branches: str) -> str:
    return f"fork {{ {' '.join(f'branch b{n} {{ {body} }}' for n, body in enumerate(branches))} }} join any "


def test_the_first_that_is_ok_wins_and_a_loser_that_is_ok_later_is_undone_as_lost() -> None:
    played = run(any_of(a("x"), a("y")) + a("z"), held=("y", "z"))
    assert played.begun == ["x"] and played.state.status == "open"
    outcome = played.let("y", "z").outcome()
    assert outcome.status == "completed"
    assert calls(outcome) == ["x ok", "y ok", "y:undo ok", "z ok"]
    undone = call(outcome, "y:undo")
    assert undone.reason is not None and undone.reason.kind == "lost"
    assert follows(outcome, "z", "x") and not follows(outcome, "z", "y")
    assert follows(outcome, "y:undo", "y") and follows(outcome, "y:undo", "x")


def test_the_run_waits_for_its_losers_and_a_cancel_still_wins_meanwhile() -> None:
    played = run(any_of(a("x"), a("y")), held=("y",))
    assert played.outcome().status == "open"  # the winner is there, and the flow has nothing more to do
    outcome = played.cancel().let("y").outcome()
    assert outcome.status == "cancelled" and calls(outcome) == ["x ok", "x:undo ok", "y ok", "y:undo ok"]


def test_losers_turn_round_before_their_next_step_and_at_an_armed_wait() -> None:
    waiting = WAIT.format("e", "e")
    played = run(any_of(a("x"), a("y") + a("y2"), waiting + a("w")) + a("z"), held=("x", "y"))
    assert played.waits.keys() == {"f/e"}
    played.let("x")
    assert not played.waits
    outcome = played.let("y").outcome()
    assert outcome.status == "completed" and calls(outcome) == ["x ok", "y ok", "y:undo ok", "z ok"]
    assert {path: reason.kind for path, reason in played.oracle().turned.items()} == {"f/y2": "lost", "f/e": "lost"}


def test_a_loser_that_was_never_called_is_turned() -> None:
    played = run(any_of(a("x"), a("y")), held=("x", "y"))
    played.let("x").never_made("y")
    outcome = played.outcome()
    assert outcome.status == "completed" and calls(outcome) == ["x ok"]


def test_a_join_of_two_takes_the_first_two_in_source_order() -> None:
    three = f"fork {{ {a('x')} {a('y')} {a('z')} }} join 2 "
    played = run(three, held=("x", "y", "z")).let("z", "x")
    assert played.oracle().winners == {"f/fork1": (0, 2)}
    outcome = played.let("y").outcome()
    assert outcome.status == "completed" and calls(outcome) == ["x ok", "y ok", "y:undo ok", "z ok"]


def test_where_too_few_can_be_ok_all_settle_and_the_rest_is_undone() -> None:
    three = f"fork {{ {a('x')} {a('y')} {a('z')} }} join 2 "
    played = run(three, held=("y",), answers={"x": failing(), "z": failing("Busy")})
    assert played.outcome().status == "open"  # y is not turned: nobody has won
    outcome = played.let("y").outcome()
    assert outcome.status == "failed" and outcome.error is not None and outcome.error.name == "No"
    assert calls(outcome) == ["x failed", "y ok", "y:undo ok", "z failed"]


def test_only_the_names_of_winners_are_there_afterwards() -> None:
    body = any_of("step x = a.act(n: 5)", "step y = a.act(n: 6)") + "step z = a.act(n: has(x) ? 1 : has(y) ? 2 : 3)"
    for held, expected in (("y", 1), ("x", 2)):
        outcome = run(body, held=(held,)).let(held).outcome()
        assert call(outcome, "z").input == {"n": expected}


def test_a_join_that_is_undone_before_its_losers_settled_is_gone_after_them() -> None:
    body = any_of(a("x"), a("y")) + a("z")
    played = run(a("w") + body, held=("y",), answers={"z": failing()})
    assert played.begun == ["w", "x", "z", "x:undo"]  # w waits for the loser
    outcome = played.let("y").outcome()
    assert outcome.status == "failed" and follows(outcome, "w:undo", "y:undo") and follows(outcome, "w:undo", "x:undo")
    reasons = {c.id.path: c.reason.kind for c in outcome.calls if c.reason is not None}
    assert reasons == {"f/w": "failed", "f/x": "failed", "f/y": "lost"}


def test_a_scope_is_left_once_the_joins_in_it_have_no_losers_any_more() -> None:
    body = f"scope s {{ {any_of(a('x'), a('y'))} {a('v')} }} catch No -> {{}} {a('z')}"
    played = run(body, held=("y",))
    assert played.begun == ["x", "v"]
    outcome = played.let("y").outcome()
    assert outcome.status == "completed" and follows(outcome, "z", "y:undo")


def test_a_scope_does_not_wait_for_a_join_that_began_before_it() -> None:
    played = run(any_of(a("x"), a("y")) + f"scope s {{ {a('v')} }} catch No -> {{}} {a('z')}", held=("y",))
    assert played.begun == ["x", "v", "z"]
    outcome = played.let("y").outcome()
    assert not follows(outcome, "z", "y")


def test_a_join_in_an_arm_that_was_not_taken_keeps_nobody() -> None:
    arm = f"switch {{ case n == 2 -> {{ {any_of(a('x'), a('y'))} }} else -> {{ {a('v')} }} }}"
    assert run(arm).outcome().status == "completed"


def test_a_branch_that_is_gone_turns_its_siblings_under_or_cancel() -> None:
    fork = f"fork {{ {a('x')} branch two {{ {a('y')} {a('y2')} }} }} join all or cancel "
    played = run(a("w") + fork, held=("x", "y"), answers={"x": failing()}).let("x")
    outcome = played.let("y").outcome()
    assert outcome.status == "failed" and outcome.error is not None and outcome.error.path == "f/x"
    assert calls(outcome) == ["w ok", "w:undo ok", "x failed", "y ok", "y:undo ok"]
    assert {path: reason.kind for path, reason in played.oracle().turned.items()} == {"f/y2": "cancelled"}


def test_or_cancel_that_nobody_fails_is_a_join_of_all() -> None:
    outcome = run(f"fork {{ {a('x')} {a('y')} }} join all or cancel {a('z')}").outcome()
    assert outcome.status == "completed" and follows(outcome, "z", "x") and follows(outcome, "z", "y")


def test_a_failure_is_the_reason_although_the_turned_branch_stands_first() -> None:
    fork = f"fork {{ branch one {{ {a('x')} {a('x2')} }} {a('y')} }} join all or cancel "
    played = run(f"scope s {{ {fork} }} catch No -> {{ {a('h')} }}", held=("x",), answers={"y": failing()})
    outcome = played.let("x").outcome()
    assert outcome.status == "completed" and calls(outcome) == ["h ok", "x ok", "x:undo ok", "y failed"]
