"""The rows of semantics.md section 3, for the statements that there are, in both modes."""

from __future__ import annotations

from tests.modes.play import STUCK, UNKNOWN, calls, failing, flow, follows, players, same

A = "step a = a.act(id: id) { compensate a.undo(id: id) }"
B = "step b = b.act(id: id) { compensate b.undo(id: id) }"
C = "step c = c.act(id: id) { compensate c.undo(id: id) }"
D = "step d = d.act(id: id) { compensate d.undo(id: id) }"


def test_a_sequence_is_undone_in_reverse() -> None:
    outcome = same(players(flow(A + B + C), c=failing()))
    assert outcome.status == "failed" and outcome.error is not None
    assert (outcome.error.name, outcome.error.path, outcome.error.service) == ("No", "f/c", "c")
    assert calls(outcome) == ["a ok", "a:undo ok", "b ok", "b:undo ok", "c failed"]
    assert follows(outcome, "a:undo", "b:undo") and follows(outcome, "b:undo", "c")


def test_independent_branches_are_undone_at_the_same_time() -> None:
    outcome = same(players(flow(f"fork {{ {A} {B} }} join all {C}"), c=failing()))
    assert calls(outcome) == ["a ok", "a:undo ok", "b ok", "b:undo ok", "c failed"]
    assert not follows(outcome, "a:undo", "b:undo") and not follows(outcome, "b:undo", "a:undo")


def test_a_failing_branch_rewinds_at_once_and_its_sibling_settles_before_it_is_undone() -> None:
    both = players(flow(f"fork {{ branch x {{ {A} {B} }} {C} }} join all"), held=("c",), b=failing())
    for player in both:
        assert player.begun == ["a", "b", "a:undo"]
        player.let("c")
    outcome = same(both)
    assert calls(outcome) == ["a ok", "a:undo ok", "b failed", "c ok", "c:undo ok"]
    assert follows(outcome, "c:undo", "a:undo")


def test_when_both_branches_fail_the_first_in_source_order_gives_the_reason() -> None:
    outcome = same(players(flow(f"fork {{ {A} {B} }} join all"), a=failing("Busy"), b=failing()))
    assert outcome.error is not None and outcome.error.name == "Busy"


def test_an_unknown_result_is_compensated_and_fails_with_the_error() -> None:
    outcome = same(players(flow(A + B), b=UNKNOWN))
    assert calls(outcome) == ["a ok", "a:undo ok", "b unknown", "b:undo ok"]
    assert outcome.status == "failed" and outcome.error is not None and outcome.error.name == "Timeout"


def test_a_compensation_that_needs_the_unknown_result_is_stuck_and_can_be_skipped() -> None:
    lowered = flow(A + "step b = b.act(id: id) { compensate b.undo(n: b.n) }")
    both = players(lowered, b=UNKNOWN)
    stuck = same(both)
    assert stuck.status == "stuck" and calls(stuck) == ["a ok", "b unknown"]
    for player in both:
        player.resolve("b", "undo", "retry")  # it still can't be called
        assert player.outcome().status == "stuck"
        player.resolve("b", "undo", "skip")
    outcome = same(both)
    assert outcome.status == "failed" and outcome.residue == ("f/b",)
    assert calls(outcome) == ["a ok", "a:undo ok", "b unknown"]


def test_compensation_arguments_are_those_of_when_the_step_ended() -> None:
    lowered = flow("let m = n + 1 step a = a.act(n: m) { compensate a.undo(n: m * 10 + a.n) } fail Odd")
    outcome = same(players(lowered, n=4))
    undo = next(call for call in outcome.calls if call.id.kind == "undo")
    assert undo.input == {"n": 51} and undo.reason is not None and undo.reason.error is not None
    assert undo.reason.error.name == "Odd"


def test_compensation_arguments_that_cannot_be_evaluated_are_stuck_only_when_needed() -> None:
    lowered = flow("step a = a.act(n: n) { compensate a.undo(n: 1 / n) }" + B)
    assert same(players(lowered, n=0)).status == "completed"
    outcome = same(players(lowered, n=0, b=failing()))
    assert outcome.status == "stuck" and calls(outcome) == ["a ok", "b failed"]


def test_a_failing_compensation_is_stuck_and_others_go_on() -> None:
    both = players(flow(f"fork {{ {A} {B} }} join all {C}"), c=failing(), undo_a=STUCK)
    stuck = same(both)
    assert stuck.status == "stuck"
    assert calls(stuck) == ["a ok", "a:undo unknown", "b ok", "b:undo ok", "c failed"]
    for player in both:
        player.answers.clear()
        player.resolve("a", "undo", "retry")
    assert same(both).status == "failed" and same(both).residue == ()


def test_what_an_operator_skips_is_residue_and_what_he_did_is_not() -> None:
    for decision, residue in (("skip", ("f/a",)), ("done", ())):
        both = players(flow(A + B), b=failing(), undo_a=STUCK)
        for player in both:
            player.resolve("a", "undo", decision)
        outcome = same(both)
        assert (outcome.status, outcome.residue) == ("failed", residue)


def test_a_stuck_forward_step_takes_a_result_or_a_failure() -> None:
    for decision, status in (("done", "completed"), ("fail", "failed")):
        both = players(flow(A + "step b = b.act(n: a.n)"), a=STUCK)
        assert same(both).status == "stuck"
        for player in both:
            player.resolve("a", "do", decision, {"n": 7} if decision == "done" else None)
        outcome = same(both)
        assert outcome.status == status
        if decision == "done":
            assert next(c.input for c in outcome.calls if c.id.path == "f/b") == {"n": 7}


def test_cancel_lets_the_running_step_end_and_undoes_it() -> None:
    both = players(flow(A + B + C), held=("b",))
    for player in both:
        player.cancel()
        player.let("b")
    outcome = same(both)
    assert outcome.status == "cancelled" and outcome.error is None
    assert calls(outcome) == ["a ok", "a:undo ok", "b ok", "b:undo ok"]


def test_cancel_while_the_body_rewinds_wins_until_the_verdict_is_latched() -> None:
    both = players(flow(A + B), held=("a:undo",), b=failing())
    for player in both:
        player.cancel()
        player.let("a:undo")
    assert same(both).status == "cancelled"


def test_cancel_after_the_end_is_too_late() -> None:
    both = players(flow(A))
    for player in both:
        player.cancel()
    assert same(both).status == "completed"


def test_cancel_ends_an_armed_wait_at_once() -> None:
    both = players(flow(A + 'wait for event "b.told" as e where e.id == id forever ' + B))
    assert same(both).status == "open"
    for player in both:
        player.cancel()
    outcome = same(both)
    assert outcome.status == "cancelled" and calls(outcome) == ["a ok", "a:undo ok"]


def test_undo_of_a_switch_reaches_only_the_branch_that_was_taken() -> None:
    lowered = flow(f"switch {{ case n == 1 -> {{ {A} }} else -> {{ {B} }} }} {C}")
    assert calls(same(players(lowered, n=1, c=failing()))) == ["a ok", "a:undo ok", "c failed"]
    services = players(lowered, n=1, c=failing())[1].schedule.mode
    assert services.states["b"].cells == {}  # type: ignore[attr-defined]


def test_the_body_is_wholly_gone_before_its_handler_starts() -> None:
    outcome = same(players(flow(f"scope s {{ {A} {B} }} catch No -> {{ {C} }} {D}"), b=failing()))
    assert outcome.status == "completed" and calls(outcome) == ["a ok", "a:undo ok", "b failed", "c ok", "d ok"]
    assert follows(outcome, "c", "a:undo")


def test_a_scope_that_was_left_catches_nothing_any_more() -> None:
    outcome = same(players(flow(f"scope s {{ {A} }} catch No -> {{ {C} }} {B}"), b=failing()))
    assert outcome.status == "failed" and calls(outcome) == ["a ok", "a:undo ok", "b failed"]


def test_a_handler_is_undone_and_its_body_is_not_undone_twice() -> None:
    outcome = same(players(flow(f"scope s {{ {A} {B} }} catch No -> {{ {C} }} {D}"), b=failing(), d=failing("Busy")))
    assert calls(outcome) == ["a ok", "a:undo ok", "b failed", "c ok", "c:undo ok", "d failed"]


def test_catch_names_the_service_and_takes_no_cancel() -> None:
    lowered = flow(f"scope s {{ {A} {B} }} catch b.No -> {{ {C} }}")
    assert same(players(lowered, b=failing())).status == "completed"
    assert same(players(lowered, a=failing())).status == "failed"
    both = players(flow(f"scope s {{ {A} {B} }} catch as e -> {{ {C} }}"), held=("a",))
    for player in both:
        player.cancel()
        player.let("a")
    assert same(both).status == "cancelled" and calls(same(both)) == ["a ok", "a:undo ok"]


def test_names_of_a_body_that_is_gone_are_absent() -> None:
    lowered = flow(
        f"scope s {{ {A} let m = 5 {B} }} catch No -> {{}} step d = d.act(n: has(m) ? m : 0)",
    )
    outcome = same(players(lowered, b=failing()))
    assert next(c.input for c in outcome.calls if c.id.path == "f/d") == {"n": 0}


def test_an_emitted_event_stays() -> None:
    outcome = same(players(flow(A + 'emit "a.told" { id: id }' + B), b=failing()))
    assert [(e.type, e.path, e.data) for e in outcome.events] == [("a.told", "f/emit1", {"id": "o-1"})]


def test_an_expression_error_is_clean_and_can_be_caught() -> None:
    lowered = flow(
        f"scope s {{ {A} let m = 1 / n {B} }} catch ExpressionError as e -> {{ step d = d.act(id: e.path) }}"
    )
    outcome = same(players(lowered, n=0))
    assert outcome.status == "completed" and calls(outcome) == ["a ok", "a:undo ok", "d ok"]
    assert next(c.input for c in outcome.calls if c.id.path == "f/d") == {"id": "f/m"}


def test_a_step_without_compensation_lets_the_undo_pass() -> None:
    lowered = flow(A + "step b = b.act(id: id) { compensate none } step r = c.read(id: id)" + D)
    assert calls(same(players(lowered, d=failing()))) == ["a ok", "a:undo ok", "b ok", "d failed", "r ok"]


def test_an_event_before_its_wait_is_kept_and_taken_once() -> None:
    waits = "".join(f'wait for event "b.told" as e{k} where e{k}.id == id forever ' for k in (1, 2))
    both = players(flow(A + waits + "step d = d.act(n: e1.n)"), held=("a",))
    for player in both:
        player.send("b.told", "x1", id="o-1", n=8)
        player.send("b.told", "x1b", id="another", n=3)
        player.let("a")
    assert same(both).status == "open"  # one event satisfies one wait
    for player in both:
        player.send("b.told", "x2", id="o-1", n=9)
    outcome = same(both)
    assert outcome.status == "completed" and next(c.input for c in outcome.calls if c.id.path == "f/d") == {"n": 8}


def test_a_wait_that_is_over_goes_on_with_else() -> None:
    lowered = flow(A + 'wait for event "b.told" as e where e.id == id within 3d else fail Late ' + B)
    both = players(lowered)
    for player in both:
        player.fire()
        player.send("b.told", "x1", id="o-1", n=8)
    outcome = same(both)
    assert outcome.status == "failed" and outcome.error is not None and outcome.error.name == "Late"
    assert calls(outcome) == ["a ok", "a:undo ok"]


def test_return_in_an_arm_ends_the_flow() -> None:
    body = (
        f"{A} switch {{ case n == 1 -> {{ {B} return 1 }} case n == 2 -> {{ {C} }} else -> {{}} }} {D} "
        'wait for event "b.told" as e where e.id == id within 1d else return 3 return 4'
    )
    lowered = flow(body, output=" -> int")
    first = same(players(lowered, n=1))
    assert first.output == 1 and calls(first) == ["a ok", "b ok"]
    for n in (2, 3):
        both = players(lowered, n=n)
        for player in both:
            player.fire()
        assert same(both).output == 3
    both = players(lowered, n=3)
    for player in both:
        player.send("b.told", "x1", id="o-1", n=8)
    assert same(both).output == 4
