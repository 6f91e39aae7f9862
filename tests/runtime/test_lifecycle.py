"""The life of a call, without anything that calls."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlang.event import Error, Failed, Invoke, Ok, Policy, Result, Unknown
from flowlang.lifecycle import (
    FORGIVEN,
    ITEM_MOVES,
    OVER,
    RUN_MOVES,
    Item,
    answer,
    backoff,
    backoff_before,
    begin,
    halt,
    item_after,
    limit_of,
    recover,
    retry,
    settle,
)

TIMEOUT = Unknown(Error("Timeout", "", "f/a"))
UNAVAILABLE = Unknown(Error("Unavailable", "", "f/a"))
BUG = Unknown(Error("HandlerError", "ZeroDivisionError", "f/a"))
DECLINED = Failed(Error("Declined", "", "f/a"))
BUSY = Failed(Error("Busy", "", "f/a"))


def item(kind: str = "do", **policy: object) -> Item:
    return Item(Invoke("f/a", kind, "s", "op", {}, replace(Policy(), **policy)))


def after(first: Item, *results: Result) -> Item:
    """The item after one attempt for each of the results."""
    for result in results:
        first = settle(begin(first), result, 1000, 0.5)
    return first


def test_an_answer_ends_the_call() -> None:
    done = after(item(), Ok(7))
    assert (done.state, done.results, done.attempts) == ("done", (Ok(7),), 1)


def test_an_unknown_result_is_asked_for_again_under_the_same_key() -> None:
    waiting = after(item(), TIMEOUT)
    assert waiting.state == "backoff"
    assert waiting.id == item().id
    done = after(waiting, Ok(1))
    assert done.results == (Ok(1),)


def test_a_declared_failure_that_is_listed_takes_the_next_key() -> None:
    waiting = after(item(errors=("Busy",)), BUSY)
    assert (waiting.state, waiting.id.number) == ("backoff", 1)
    assert after(waiting, Ok(1)).results == (BUSY, Ok(1))


def test_a_declared_failure_that_is_not_listed_is_final() -> None:
    assert after(item(), DECLINED).state == "done"


def test_attempts_end_with_the_last_result_of_each_key() -> None:
    done = after(item(errors=("Busy", "Timeout"), limit=3), TIMEOUT, BUSY, TIMEOUT, TIMEOUT)
    assert (done.state, done.results, done.attempts) == ("done", (BUSY, TIMEOUT), 4)


def test_an_operation_that_is_not_idempotent_is_never_sent_again() -> None:
    assert after(item(idempotent=False), TIMEOUT).state == "done"
    assert after(item(idempotent=False, errors=("Busy",)), BUSY).state == "done"
    assert after(item(idempotent=False), BUG).state == "stuck"
    assert recover(begin(item(idempotent=False)), 5).state == "done"
    assert after(item("undo", idempotent=False), TIMEOUT).state == "stuck"


def test_a_bug_of_a_handler_is_retried_and_then_stuck() -> None:
    assert after(item(), BUG, BUG).state == "backoff"
    stuck = after(item(), BUG, BUG, BUG)
    assert (stuck.state, stuck.results) == ("stuck", (BUG,))


def test_an_undo_has_one_key_ten_further_attempts_and_is_then_stuck() -> None:
    call = item("undo", limit=0, errors=())
    waiting = after(call, *[DECLINED] * 10)
    assert (waiting.state, waiting.id.number) == ("backoff", 0)
    stuck = after(waiting, TIMEOUT)
    assert (stuck.state, stuck.attempts, stuck.results) == ("stuck", 11, (TIMEOUT,))


def test_an_operator_gives_a_stuck_call_fresh_attempts_under_its_key() -> None:
    stuck = after(item("undo"), *[TIMEOUT] * 11)
    again = retry(stuck)
    assert (again.state, again.spent, again.attempts, again.round) == ("ready", 0, 11, 1)
    assert again.id == stuck.id
    assert after(again, Ok(None)).state == "done"
    assert answer(stuck).state == "done"


def test_halt_settles_what_waits_and_leaves_what_runs() -> None:
    assert halt(item()).results[-1] == Failed(Error("", "halted before its first attempt", ""))
    assert halt(after(item(), TIMEOUT)).results == (TIMEOUT,)
    assert halt(after(item(errors=("Busy",)), BUSY)).results == (BUSY,)
    running = halt(begin(item()))
    assert running.state == "running"
    assert settle(running, TIMEOUT, 0, 0.0).state == "done"
    assert settle(running, BUG, 0, 0.0).state == "done"


def test_after_a_crash_is_asked_again_at_once_and_the_first_crashes_use_up_nothing() -> None:
    found = item(errors=(), limit=1)
    for lost in range(1, FORGIVEN + 1):
        found = recover(begin(found), 77)
        assert (found.state, found.due, found.attempts, found.answered, found.spent) == ("backoff", 77, lost, 0, 0)
    found = recover(begin(found), 78)  # the fourth and the fifth are the policy's own
    last = recover(begin(found), 79)
    assert (found.state, last.state, last.results) == ("backoff", "done", (UNAVAILABLE_AFTER_CRASH,))


def test_a_crash_changes_nothing_of_a_call_that_was_told_to_stop() -> None:
    found = recover(halt(begin(item(limit=0))), 77)
    assert settle(begin(found), Ok(1), 78, 0.5).results == (Ok(1),)


def test_a_firm_call_has_one_key_and_the_patience_of_a_compensation() -> None:
    call = item(limit=0, errors=(), firm=True, lets=("Busy",))
    waiting = after(call, *[DECLINED, TIMEOUT] * 5)
    assert (waiting.state, waiting.id, limit_of(call)) == ("backoff", call.id, 10)
    assert after(waiting, Ok(1)).results == (Ok(1),)
    stuck = after(waiting, DECLINED)
    assert (stuck.state, stuck.results) == ("stuck", (DECLINED,))
    assert backoff(replace(call, spent=3), 0.999999) == 3999


def test_a_firm_call_ends_at_once_with_an_error_that_somebody_takes() -> None:
    for kind in ("do", "undo"):
        done = after(item(kind, firm=True, lets=("Busy",)), TIMEOUT, BUSY)
        assert (done.state, done.results) == ("done", (BUSY,))
    named = Unknown(Error("Timeout", "", "f/a"))
    assert after(item(firm=True, lets=("Timeout",)), named).state == "backoff"  # unknown is no declared error


def test_a_firm_call_that_was_made_is_not_given_up() -> None:
    firm = item(firm=True, limit=0)
    assert halt(firm).results[-1] == Failed(Error("", "halted before its first attempt", ""))
    waiting = halt(after(firm, TIMEOUT))
    assert waiting.state == "backoff"
    assert after(halt(begin(firm)), *[]).state == "running"
    assert settle(halt(begin(firm)), BUG, 0, 0.5).state == "backoff"
    lost = firm
    for _ in range(FORGIVEN + limit_of(firm)):
        lost = recover(begin(lost), 7)
        assert lost.state == "backoff"
    assert recover(begin(lost), 7).state == "stuck"


def test_the_back_off_of_a_scope_is_the_same_in_every_replay_and_within_its_bounds() -> None:
    drawn = {backoff_before(f"run{n}", "f/s#2", 2, 1000, 30_000) for n in range(200)}
    assert len(drawn) > 150 and min(drawn) >= 0 and max(drawn) < 1000
    assert backoff_before("run", "f/s#2", 2, 1000, 30_000) == backoff_before("run", "f/s#2", 2, 1000, 30_000)
    assert max(backoff_before(f"run{n}", "f/s#9", 9, 1000, 30_000) for n in range(200)) in range(25_000, 30_000)
    assert backoff_before("run", "f/s#2", 2, 0, 0) == 0


UNAVAILABLE_AFTER_CRASH = Unknown(Error("Unavailable", "the process ended during the call", "f/a"))


def test_backoff_doubles_up_to_its_bound() -> None:
    spent = [replace(item(backoff_min=100, backoff_max=1000), spent=n) for n in range(1, 7)]
    assert [backoff(one, 0.999999) for one in spent] == [99, 199, 399, 799, 999, 999]
    assert backoff(spent[3], 0.0) == 0


@pytest.mark.parametrize("state", ITEM_MOVES)
@pytest.mark.parametrize("move", sorted({move for moves in ITEM_MOVES.values() for move in moves}))
def test_only_the_moves_of_the_table_are_legal(state: str, move: str) -> None:
    if move in ITEM_MOVES[state]:
        assert item_after(state, move) in ITEM_MOVES
    else:
        with pytest.raises(AssertionError):
            item_after(state, move)


def test_a_run_that_is_over_stays_over() -> None:
    assert {"completed", "failed", "cancelled", "closed"} == OVER
    assert {to for moves in RUN_MOVES.values() for to in moves.values()} <= set(RUN_MOVES)


@given(
    st.lists(st.sampled_from([Ok(1), TIMEOUT, UNAVAILABLE, DECLINED, BUSY, BUG, "crash", "halt"]), max_size=20),
    st.sampled_from(["do", "undo"]),
    st.integers(0, 4),
    st.booleans(),
    st.sets(st.sampled_from(["Timeout", "Unavailable", "Busy"])),
)
def test_whatever_happens_keys_grow_by_declared_failures_only(
    happenings: list[Result | str], kind: str, limit: int, idempotent: bool, errors: set[str]
) -> None:
    now = item(kind, limit=limit, idempotent=idempotent, errors=tuple(sorted(errors)))
    for happening in happenings:
        if now.state not in ("ready", "backoff"):
            break
        number = now.id.number
        if happening == "halt":
            now = halt(now)
            break
        running = begin(now)
        now = recover(running, 0) if happening == "crash" else settle(running, happening, 0, 0.5)  # type: ignore[arg-type]
        if now.state == "backoff":
            taken_next = kind == "do" and isinstance(happening, Failed)
            assert now.id.number == number + taken_next
            assert idempotent
    assert now.attempts <= 1 + limit_of(now) + FORGIVEN
    assert now.answered <= now.attempts
    if now.state in ("done", "stuck"):
        assert now.results
        assert all(isinstance(result, Failed) for result in now.results[:-1])
