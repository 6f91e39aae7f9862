"""An oracle that no run of a flow can have seen is refused, whatever it says wrongly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from flowlang.denote import IllegalOracle, denote
from flowlang.event import CANCELLED, LOST, Error, External, Failed, Ok, Unknown
from flowlang.oracle import Oracle
from tests.orchestrate.central import Run, a, failing, run

WAIT = 'wait for event "a.told" as e where e.id == id forever '
ANY = f"fork {{ {a('x')} {a('y')} }} join any "
CANCEL = f"fork {{ {a('x')} branch b {{ {a('y')} {a('y2')} }} }} join all or cancel "
ON = f'scope s {{ {a("x")} }} on event "a.told" as e where e.id == id -> {{ {a("h")} }} '
BESIDE = f'scope s {{ {a("x")} }} on event "a.told" as e where e.id == id alongside -> {{ {a("h")} }} '
PAY = f"flow pay(m: int) -> int {{ {a('x')} commit {a('y')} return m }} "
PAYING = "step p = flow.pay(m: 4) "
LOOP = f"for each line in [1, 2, 3] parallel 2 {{ {a('x')} }} "

TOLD = External("e1", "a.told", "", {"id": "o-1"})
OTHER = External("e1", "a.told", "", {"id": "o-2"})


def refused(played: Run, change: Callable[[Oracle], object], why: str) -> None:
    """The oracle of a run is legal, and with this change it no longer is."""
    played.outcome()
    oracle = played.oracle()
    change(oracle)
    with pytest.raises(IllegalOracle, match=why):
        denote(played.flow, played.input, oracle)


def turn(path: str, reason: object = CANCELLED) -> Callable[[Oracle], object]:
    def change(oracle: Oracle) -> None:
        oracle.results.pop(path, None)
        oracle.turned[path] = reason  # type: ignore[assignment]

    return change


def test_a_step_that_turned_without_a_verdict() -> None:
    refused(run(a("x")), turn("f/x"), "without a verdict")
    refused(run(a("x")), turn("f/x", LOST), "without a verdict")


def test_a_turn_for_a_reason_that_no_verdict_gives() -> None:
    refused(run(a("x") + a("y"), held=("x",)).cancel().let("x"), turn("f/y", LOST), "without a verdict")


def test_a_winner_that_turned_and_a_loser_that_was_cancelled() -> None:
    refused(run(ANY, held=("y",)).let("y"), turn("f/x", LOST), "without a verdict")
    refused(run(ANY, held=("y",)).let("y"), turn("f/y", CANCELLED), "without a verdict")


def test_a_winner_that_is_not_ok_and_winners_that_are_too_many() -> None:
    def lose(oracle: Oracle) -> None:
        oracle.results["f/x"] = (Failed(Error("No", "no", "f/x")),)

    refused(run(ANY, held=("y",)).let("y"), lose, "of them are ok")
    refused(run(ANY, held=("y",)).let("y"), lambda o: o.winners.update({"f/fork1": (0, 1)}), "which needs 1")
    refused(run(ANY, held=("y",)).let("y"), lambda o: o.winners.clear(), "names no winners")


def test_a_sibling_that_turned_although_no_branch_is_gone() -> None:
    plain = "fork { step x = a.act(n: 1) step y = a.act(n: 2) } join all or cancel "
    refused(run(plain), turn("f/y"), "without a verdict")
    nested = f"fork {{ {plain} step z = a.act(n: 3) }} join all or cancel "
    refused(run(nested, answers={"z": failing()}), turn("f/y", LOST), "without a verdict")
    played = run(CANCEL, held=("x", "y"), answers={"x": failing()}).let("x", "y")
    refused(played, turn("f/y2", LOST), "without a verdict")


def test_a_wait_that_is_left_armed_below_a_verdict() -> None:
    refused(run(WAIT), lambda o: setattr(o, "cancelled", True), "left waiting")
    body = f"fork {{ {a('x')} branch b {{ {WAIT} }} }} join all or cancel "
    played = run(body, answers={"x": failing()})

    def arm(oracle: Oracle) -> None:
        del oracle.turned["f/e"]
        oracle.races["f/e"] = "armed"

    refused(played, arm, "although a sibling is gone")


def test_one_event_used_twice_and_an_event_that_does_not_fit() -> None:
    second = WAIT.replace(" as e where e.id", " as g where g.id")
    played = run(WAIT + second).send("e1", n=1).send("e2", n=2)
    refused(played, lambda o: o.races.update({"f/g": o.races["f/e"]}), "consumed before")
    refused(run(WAIT).send("e1"), lambda o: o.races.update({"f/e": OTHER}), "does not wait for")
    refused(run(WAIT).send("e1"), lambda o: o.races.update({"f/e": replace(TOLD, type="b.told")}), "does not wait for")


def test_a_timer_that_there_is_not() -> None:
    refused(run(WAIT), lambda o: o.races.update({"f/e": "timer"}), "ended by 'timer'")
    played = run(ON, held=("x",)).send("e1").let("x")
    refused(played, lambda o: o.interrupts.update({"f/s:events": (1, None)}), "no time limit")


def test_what_is_reached_but_never_began() -> None:
    refused(run(a("x")), lambda o: o.results.clear(), "never started")
    refused(run(WAIT), lambda o: o.races.clear(), "never armed")
    refused(run("commit "), lambda o: o.committed.clear(), "never passed")


def test_another_arm_of_a_switch() -> None:
    refused(
        run("switch { case n == 1 -> {} else -> {} }"), lambda o: o.decisions.update({"f/switch1": 1}), "takes arm 0"
    )


def test_a_scope_whose_verdict_is_not_that_of_its_body() -> None:
    refused(run(ON), lambda o: o.verdicts.update({"f/s:events": "gone"}), "ended as gone")
    refused(run(ON), lambda o: o.verdicts.clear(), "ended as None")
    refused(run(ON, answers={"x": failing()}), lambda o: o.verdicts.update({"f/s:events": "closed"}), "ended as closed")
    refused(run(ON, held=("x",)), lambda o: o.verdicts.update({"f/s:events": "closed"}), "ended as closed")


def test_an_interruption_by_an_event_that_does_not_fit() -> None:
    played = run(ON, held=("x",)).send("e1").let("x")
    refused(played, lambda o: o.interrupts.update({"f/s:events": (0, OTHER)}), "does not wait for")


def test_a_kid_for_an_event_that_does_not_fit() -> None:
    played = run(BESIDE, held=("x",)).send("e1").let("x")
    refused(played, lambda o: o.kids.update({"f/s:alongside": ((0, OTHER),)}), "does not wait for")
    refused(played, lambda o: o.kids.update({"f/s:alongside": ((0, TOLD), (0, TOLD))}), "consumed before")


def test_a_commit_that_was_passed_although_the_run_was_cancelled() -> None:
    played = run(a("x") + "commit " + a("y"), held=("y",))
    refused(played, lambda o: setattr(o, "cancelled", True), "cancelled before")


def test_a_child_whose_verdict_is_not_what_it_did() -> None:
    refused(run(PAYING, PAY), lambda o: o.verdicts.update({"f/p": "closed"}), "was passed")
    refused(run(PAYING, PAY, held=("p/x",)), lambda o: o.verdicts.update({"f/p": "cancelled"}), "without a verdict")

    def left_alone(oracle: Oracle) -> None:
        del oracle.verdicts["f/p"]

    played = run(PAYING, PAY, held=("p/x",)).cancel()
    refused(played, left_alone, "left waiting")


def test_items_that_were_not_started_although_there_was_room_and_started_although_there_was_none() -> None:
    held = tuple(f"line[{n}]/x" for n in range(3))
    refused(run(LOOP, held=held), lambda o: o.started.update({"f/line": 1}), "started 1 of 3")
    refused(run(LOOP), lambda o: o.started.update({"f/line": 2}), "started 2 of 3")

    def more(oracle: Oracle) -> None:
        oracle.started["f/line"] = 3
        oracle.pending.add("f/line[2]/x")

    refused(run(LOOP, held=held), more, "started 3 of 3")


def test_a_firm_step_that_failed_or_had_several_keys() -> None:
    no, unknown = Failed(Error("No", "no", "f/y")), Unknown(Error("Timeout", "no", "f/y"))
    for results in ((no,), (unknown,)):
        refused(run("commit " + a("y")), lambda o, r=results: o.results.update({"f/y": r}), "is firm and ended")  # type: ignore[misc]
    refused(run("commit " + a("y")), lambda o: o.results.update({"f/y": (no, Ok({"n": 1}))}), "several keys")


def test_a_compensation_that_is_needed_and_of_which_the_run_knows_nothing() -> None:
    refused(run(a("x") + a("y"), answers={"y": failing()}), lambda o: o.undone.clear(), "is to be undone")
