"""The other clauses of a scope: one latch, handlers beside it, its own compensation; and flows that steps run."""

from __future__ import annotations

from flowlang.event import CANCELLED, Reason
from tests.orchestrate.central import STUCK, a, call, calls, failing, follows, run

ON = 'on event "a.told" as e where e.id == id'


def on(body: str, handler: str = "", more: str = "") -> str:
    return f"scope s {{ {body} }} {ON} -> {{ {handler} }} {more} "


def reason(outcome: object, wanted: str) -> Reason:
    found = call(outcome, wanted).reason  # type: ignore[arg-type]
    assert found is not None
    return found


# ---------------------------------------------------------------- interrupt


def test_an_event_undoes_the_body_before_the_handler_starts() -> None:
    played = run(on(a("x") + a("y"), "step h = a.act(n: e.n)") + a("z"), held=("y",)).send("e1", n=7)
    assert played.halted == {"y"}
    outcome = played.let("y").outcome()
    assert outcome.status == "completed" and calls(outcome) == [
        "h ok",
        "x ok",
        "x:undo ok",
        "y ok",
        "y:undo ok",
        "z ok",
    ]
    assert call(outcome, "h").input == {"n": 7} and reason(outcome, "x:undo") == CANCELLED
    assert follows(outcome, "h", "x:undo") and follows(outcome, "x:undo", "y:undo") and follows(outcome, "z", "h")


def test_an_event_after_the_scope_was_left_is_too_late_and_stays_kept() -> None:
    played = run(on(a("x"), a("h")) + 'wait for event "a.told" as w where w.id == id forever ' + a("z"))
    assert played.waits.keys() == {"f/w"}
    outcome = played.send("e1", n=1).outcome()
    assert outcome.status == "completed" and calls(outcome) == ["x ok", "z ok"]


def test_an_event_that_does_not_fit_is_declined() -> None:
    played = run(f"scope s {{ {a('x')} }} {ON} && e.n > 3 -> {{ {a('h')} }}", held=("x",))
    played.send("e1", n=1).send("e2")  # the second has no n at all
    assert calls(played.let("x").outcome()) == ["x ok"] and len(played.kept) == 2


def test_the_time_limit_interrupts_and_its_else_runs() -> None:
    body = f"scope s {{ {a('x')} }} within 10m else {{ {a('h')} }} {a('z')}"
    played = run(body, held=("x",)).fire()
    outcome = played.let("x").outcome()
    assert outcome.status == "completed" and calls(outcome) == ["h ok", "x ok", "x:undo ok", "z ok"]
    assert run(body).timers == {}


def test_an_interruption_wins_over_a_failure_while_the_body_rewinds() -> None:
    played = run(on(a("x") + a("y"), a("h")), held=("x:undo",), answers={"y": failing()}).send("e1")
    outcome = played.let("x:undo").outcome()
    assert outcome.status == "completed" and calls(outcome) == ["h ok", "x ok", "x:undo ok", "y failed"]


def test_a_body_that_failed_is_gone_and_no_event_changes_that() -> None:
    played = run(on(a("x"), a("h")), answers={"x": failing()}).send("e1")
    assert played.outcome().status == "failed" and len(played.kept) == 1


def test_a_body_that_only_waits_for_losers_is_undone() -> None:
    fork = f"fork {{ {a('x')} {a('y')} }} join any "
    played = run(on(fork, a("h")), held=("y",)).send("e1").let("y")
    outcome = played.outcome()
    assert outcome.status == "completed" and calls(outcome) == ["h ok", "x ok", "x:undo ok", "y ok", "y:undo ok"]
    assert follows(outcome, "h", "y:undo") and reason(outcome, "y:undo").kind == "lost"


def test_the_handler_stands_outside_of_its_latch_and_is_undone_in_its_place() -> None:
    played = run(on(a("x"), a("h") + a("g")) + a("z"), held=("x", "h"), answers={"z": failing()}).send("e1")
    played.let("x").send("e2")
    outcome = played.let("h").outcome()
    assert calls(outcome) == ["g ok", "g:undo ok", "h ok", "h:undo ok", "x ok", "x:undo ok", "z failed"]


def test_a_failing_handler_goes_to_the_catch_around_and_not_to_that_of_the_scope_inside() -> None:
    body = f"scope s {{ {a('x')} }} {ON} -> {{ {a('h')} }} catch No -> {{ {a('c')} }} "
    played = run(body, held=("x",), answers={"h": failing()}).send("e1").let("x")
    assert calls(played.outcome()) == ["c ok", "h failed", "x ok", "x:undo ok"]


def test_an_inner_latch_hears_no_hint_of_its_own_handler() -> None:
    inner = f"scope t {{ {a('x')} }} {ON} -> {{ {a('h')} {a('h2')} }} "
    played = run(f"scope s {{ {inner} }} within 1h else {{ {a('late')} }}", held=("x", "h")).send("e1").let("x")
    played.fire()  # the outer limit, while the inner handler runs
    outcome = played.let("h").outcome()
    assert calls(outcome) == ["h ok", "h:undo ok", "late ok", "x ok", "x:undo ok"]
    assert list(played.oracle().turned) == ["f/h2"]


def test_names_of_the_body_are_absent_in_the_handler_and_afterwards() -> None:
    body = on(a("x") + a("y"), "step h = a.act(n: has(x) ? 1 : 0)") + "step z = a.act(n: has(x) ? 1 : has(h) ? 2 : 3)"
    outcome = run(body, held=("y",)).send("e1").let("y").outcome()
    assert call(outcome, "h").input == {"n": 0} and call(outcome, "z").input == {"n": 2}


def test_a_cancel_undoes_a_handler_that_runs() -> None:
    played = run(a("w") + on(a("x"), a("h")), held=("x", "h")).send("e1").let("x").cancel()
    outcome = played.let("h").outcome()
    assert outcome.status == "cancelled"
    assert calls(outcome) == ["h ok", "h:undo ok", "w ok", "w:undo ok", "x ok", "x:undo ok"]


# ---------------------------------------------------------------- alongside

BESIDE = 'on event "a.told" as told where told.id == id alongside'


def beside(body: str, handler: str) -> str:
    return f"scope s {{ {body} }} {BESIDE} -> {{ {handler} }} "


def test_each_event_starts_a_kid_that_sees_it_and_the_scope_waits_for_all() -> None:
    body = beside(a("x"), "step k = a.act(n: told.n) { compensate a.undo(n: told.n) }") + a("z")
    played = run(body, held=("x", "told[1]/k"), answers={"z": failing()}).send("e1", n=5).send("e2", n=6)
    played.let("x").send("e3", n=7)
    assert played.outcome().status == "open" and len(played.kept) == 1  # the third came after the body had ended
    outcome = played.let("told[1]/k").outcome()
    assert calls(outcome) == [f"told[{k}]/k{word} ok" for k in range(2) for word in ("", ":undo")] + [
        "x ok",
        "x:undo ok",
        "z failed",
    ]
    assert [call(outcome, f"told[{k}]/k:undo").input for k in range(2)] == [{"n": 5}, {"n": 6}]
    assert follows(outcome, "z", "told[1]/k") and not follows(outcome, "told[0]/k", "x")


def test_a_failing_kid_fails_the_scope_once_all_have_settled() -> None:
    played = run(beside(a("x"), a("k")), held=("x",), answers={"told[0]/k": failing()}).send("e1")
    assert played.outcome().status == "open"
    outcome = played.let("x").outcome()
    assert outcome.status == "failed" and calls(outcome) == ["told[0]/k failed", "x ok", "x:undo ok"]


def test_the_failure_of_the_body_comes_before_that_of_a_kid() -> None:
    answers = {"told[0]/k": failing("Busy"), "x": failing()}
    outcome = run(beside(a("x"), a("k")), held=("x",), answers=dict(answers)).send("e1").let("x").outcome()
    assert outcome.error is not None and outcome.error.name == "No"


def test_nothing_of_a_kid_is_visible_to_others() -> None:
    body = beside(a("x"), "step k = a.act(n: has(x) ? 1 : 0)") + "step z = a.act(n: has(k) || has(told) ? 1 : 0)"
    outcome = run(body, held=("x",)).send("e1").let("x").outcome()
    assert call(outcome, "told[0]/k").input == {"n": 0} and call(outcome, "z").input == {"n": 0}


def test_several_handlers_count_their_kids_each() -> None:
    second = 'on event "b.told" as other where other.id == id alongside -> { ' + a("m") + " } "
    played = run(beside(a("x"), a("k")) + second, held=("x",))
    played.send("e1").send("e2", "b.told").send("e3")
    outcome = played.let("x").outcome()
    assert calls(outcome) == ["other[0]/m ok", "told[0]/k ok", "told[1]/k ok", "x ok"]
    assert [handler for handler, _ in played.oracle().kids["f/s:alongside"]] == [0, 1, 0]


def test_an_attempt_has_kids_of_its_own() -> None:
    body = beside(a("x"), a("k")) + "retry 1 backoff 0s..0s"
    played = run(body, held=("x", "s#2/x"), answers={"x": failing()}).send("e1").let("x").send("e2").let("s#2/x")
    outcome = played.outcome()
    assert outcome.status == "completed"
    assert calls(outcome) == ["s#2/told[0]/k ok", "s#2/x ok", "told[0]/k ok", "told[0]/k:undo ok", "x failed"]


# ---------------------------------------------------------------- compensate


def undone_by(body: str, block: str) -> str:
    return f"scope s {{ {body} }} compensate {{ {block} }} "


def test_the_block_sees_what_was_known_when_the_body_ended() -> None:
    body = undone_by(a("x") + a("y"), "step c = a.act(n: x.n + 1) step d = a.act(n: 2)") + a("z")
    outcome = run(a("w") + body, answers={"z": failing()}).outcome()
    assert calls(outcome) == ["c:undo ok", "d:undo ok", "w ok", "w:undo ok", "x ok", "y ok", "z failed"]
    assert call(outcome, "c:undo").input == {"n": 2} and reason(outcome, "c:undo").error is not None
    assert (
        follows(outcome, "d:undo", "c:undo")
        and follows(outcome, "w:undo", "d:undo")
        and follows(outcome, "c:undo", "z")
    )


def test_a_scope_that_fails_half_way_undoes_its_parts_as_usual() -> None:
    outcome = run(undone_by(a("x") + a("y"), a("c")), answers={"y": failing()}).outcome()
    assert calls(outcome) == ["x ok", "x:undo ok", "y failed"]


def test_a_step_of_the_block_is_never_gone_it_is_stuck() -> None:
    body = a("w") + undone_by(a("x"), "step c = a.act(n: 1) step d = a.act(n: has(c) ? 1 : 0)") + a("z")
    for decision, residue, seen in (("skip", ("f/c",), 0), ("done", (), 1)):
        played = run(body, answers={"z": failing(), "c:undo": STUCK})
        assert played.outcome().status == "stuck" and played.stuck() == [("f/c", "undo")]
        outcome = played.resolve("c", "undo", decision, {"n": 3}).outcome()
        assert (outcome.status, outcome.residue) == ("failed", residue)
        assert call(outcome, "d:undo").input == {"n": seen} and "w:undo ok" in calls(outcome)


def test_a_compensation_block_that_cannot_be_evaluated_is_stuck() -> None:
    played = run(a("w") + undone_by(a("x"), "step c = a.act(n: 1 / (n - 1))") + a("z"), answers={"z": failing()})
    assert played.outcome().status == "stuck" and played.stuck() == [("f/c", "undo")]
    outcome = played.resolve("c", "undo", "skip").outcome()
    assert outcome.status == "failed" and calls(outcome) == ["w ok", "w:undo ok", "x ok", "z failed"]


def test_a_let_in_the_block_that_cannot_be_evaluated_leaves_the_run_stuck() -> None:
    played = run(undone_by(a("x"), "let m = 1 / (n - 1)") + a("z"), answers={"z": failing()})
    assert played.outcome().status == "stuck" and played.stuck() == [("f/m", "")]
    assert played.why_stuck() == ["division by zero"]


def test_hints_do_not_reach_the_block_and_its_call_cannot_be_given_up() -> None:
    played = run(undone_by(a("x"), a("c") + a("d")) + a("z"), held=("c:undo",), answers={"z": failing()})
    invoke = played.calls["c:undo"]
    assert (invoke.policy.firm, invoke.policy.lets, invoke.undoes, invoke.kind) == (True, (), -1, "undo")
    outcome = played.cancel().let("c:undo").outcome()
    assert outcome.status == "cancelled" and calls(outcome) == ["c:undo ok", "d:undo ok", "x ok", "z failed"]


def test_a_block_that_catches_goes_on() -> None:
    block = "scope t { step c = a.act(n: 1) step e = a.act(n: 2) } catch No -> { step d = a.act(n: 3) }"
    played = run(undone_by(a("x"), block) + a("z"), held=("e:undo",), answers={"z": failing(), "e:undo": failing()})
    assert played.calls["e:undo"].policy.lets == ("No",)
    outcome = played.let("e:undo").outcome()
    assert calls(outcome) == ["c:undo ok", "d:undo ok", "e:undo failed", "x ok", "z failed"]


# ---------------------------------------------------------------- child flows

PAY = f"flow pay(m: int) -> int {{ {a('x')} {a('y')} return m + y.n }} "
PAYC = f"flow pay(m: int) -> int {{ {a('x')} commit {a('y')} return m }} "


def test_a_child_gives_its_output_and_is_undone_after_it_was_ok() -> None:
    outcome = run("step p = flow.pay(m: 4) step z = a.act(n: p)", PAY, answers={"z": failing()}).outcome()
    assert calls(outcome) == ["p/x ok", "p/x:undo ok", "p/y ok", "p/y:undo ok", "z failed"]
    assert call(outcome, "z").input == {"n": 5} and follows(outcome, "p/x:undo", "p/y:undo")


def test_a_cancel_latches_the_child_and_undoes_it() -> None:
    played = run("step p = flow.pay(m: 4)", PAY, held=("p/x",)).cancel()
    outcome = played.let("p/x").outcome()
    assert outcome.status == "cancelled" and calls(outcome) == ["p/x ok", "p/x:undo ok"]
    assert played.oracle().verdicts == {"f/p": "cancelled"} and list(played.oracle().turned) == ["f/p/y"]


def test_a_child_that_lost_turns_its_steps_as_cancelled() -> None:
    fork = f"fork {{ {a('w')} step p = flow.pay(m: 1) }} join any "
    played = run(fork, PAY, held=("w", "p/x")).let("w", "p/x")
    outcome = played.outcome()
    assert outcome.status == "completed" and calls(outcome) == ["p/x ok", "p/x:undo ok", "w ok"]
    assert {path: why.kind for path, why in played.oracle().turned.items()} == {"f/p/y": "cancelled"}


def test_a_child_whose_verdict_is_cancelled_is_gone_for_that_reason_although_it_failed() -> None:
    fork = f"fork {{ {a('w')} branch two {{ {a('v')} step p = flow.pay(m: 1) }} }} join any "
    played = run(fork, PAY, held=("w", "p/x"), answers={"p/x": failing()}).let("w", "p/x")
    outcome = played.outcome()
    assert outcome.status == "completed" and calls(outcome) == ["p/x failed", "v ok", "v:undo ok", "w ok"]
    assert reason(outcome, "v:undo") == CANCELLED


def test_a_scope_that_was_left_catches_no_failure_that_comes_later() -> None:
    body = f"scope s {{ {a('x')} }} catch No -> {{ {a('h')} }} " + a("z")
    assert calls(run(body, answers={"z": failing()}).outcome()) == ["x ok", "x:undo ok", "z failed"]


def test_what_a_child_names_is_its_own() -> None:
    body = "for each line in [1, 2] as found { step p = flow.pay(m: line) yield p } "
    outcome = run(body + "step z = a.act(n: sum(found))", PAY).outcome()
    assert call(outcome, "z").input == {"n": 5}


def test_a_child_is_turned_when_it_is_started_below_a_hint() -> None:
    played = run(a("w") + "step p = flow.pay(m: 1)", PAY, held=("w",)).cancel().let("w")
    assert played.outcome().status == "cancelled" and list(played.oracle().turned) == ["f/p"]


def test_after_its_commit_a_child_hears_no_hint() -> None:
    body = a("w") + "step p = flow.pay(m: 1) { compensate b.undo(n: p) } "
    played = run(body, PAYC, held=("p/y",)).cancel()
    assert not played.halted
    outcome = played.let("p/y").outcome()
    assert outcome.status == "cancelled" and calls(outcome) == ["p:undo ok", "p/x ok", "p/y ok", "w ok", "w:undo ok"]
    assert played.oracle().verdicts == {"f/p:flow": "committed"} and call(outcome, "p:undo").input == {"n": 1}


def test_a_child_in_a_child() -> None:
    outer = "flow outer(k: int) -> int { step inner = flow.pay(m: k + 1) return inner } "
    outcome = run("step p = flow.outer(k: 1) step z = a.act(n: p)", PAY, outer).outcome()
    assert calls(outcome) == ["p/inner/x ok", "p/inner/y ok", "z ok"] and call(outcome, "z").input == {"n": 3}
