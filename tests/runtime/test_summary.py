"""What people read: the summary of a run, and the lines and the table while it goes on."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import pytest

from flowlang import ir
from flowlang.cli.progress import Lines, Table
from flowlang.cli.steps import StepOf, in_order, steps_of
from flowlang.cli.summary import Attempts, Known, elapsed, lines_of, summary, table
from flowlang.declared import Firm
from flowlang.event import (
    LOST,
    Arrived,
    Called,
    Cancel,
    EffectId,
    Emitted,
    Error,
    External,
    Failed,
    Fired,
    Ok,
    Outcome,
    Settled,
    Start,
    Stuck,
    Unknown,
)
from tests.runtime.flows import CHARGE, RELEASE, flow, step

STEPS = [
    StepOf("f/charge", "payments.charge"),
    StepOf("f/ship", "shipping.arrange"),
    StepOf("f/tell", "notifications.send"),
]
NO_CARRIER = Error("NoCarrier", "nobody drives there", "f/ship")


def called(path: str, result: str, kind: str = "do", number: int = 0) -> Called:
    return Called(EffectId(path, kind, number), "s", "o", {}, result, ())


def told(
    outcome: Outcome,
    known: Known | None = None,
    waits: tuple[str, ...] = (),
    width: int = 0,
    steps: Sequence[StepOf] = STEPS,
) -> str:
    return summary(outcome, "run r-1 of f, orchestrate, 3.00s", steps, known or {}, waits, width)


FAILED = Outcome(
    "failed",
    None,
    NO_CARRIER,
    (),
    (called("f/charge", "ok"), called("f/charge", "ok", "undo"), called("f/ship", "failed")),
    (),
)
KNOWN: Known = {
    ("f/charge", "do"): Attempts(2, 0, 2_010, {"paymentId": "p-1"}, True),
    ("f/charge", "undo"): Attempts(1, 2_020, 5, True, True),
    ("f/ship", "do"): Attempts(1, 2_010, 10, error=NO_CARRIER),
}


def test_a_failed_run_can_be_pasted_into_a_ticket() -> None:
    assert told(FAILED, KNOWN) == (
        "failed with NoCarrier at f/ship; everything is undone\n"
        "  nobody drives there\n"
        "run r-1 of f, orchestrate, 3.00s\n"
        "\n"
        "  step    operation           what happened     tries  began   took  output or error\n"
        '  charge  payments.charge     done, undone          2  0.00s  2.01s  {"paymentId": "p-1"}\n'
        "  ship    shipping.arrange    failed NoCarrier      1  2.01s  0.01s  nobody drives there\n"
        "  tell    notifications.send  never reached"
    )


def test_a_completed_run_ends_with_its_output_and_events() -> None:
    whole = Outcome("completed", {"id": "o-1"}, None, (), (), (Emitted("f/emit1", "order.done", {"id": "o-1"}),))
    text = told(whole)
    assert text.startswith("completed\n")
    assert 'published:\n  order.done {"id": "o-1"}\n\noutput: {"id": "o-1"}' in text


def test_a_stuck_compensation_says_what_it_said() -> None:
    known: Known = {
        ("f/charge", "do"): Attempts(1, 0, 1, {}, True),
        ("f/charge", "undo"): Attempts(11, 5, None, error=Error("Timeout", "no answer", "f/charge"), stuck=True),
    }
    stuck = Outcome(
        "stuck", None, NO_CARRIER, (), (called("f/charge", "ok"), called("f/charge", "unknown", "undo")), ()
    )
    text = told(stuck, known, ("f/charge is stuck",))
    assert "done, undoing is stuck" in text
    assert "no answer" in text
    assert text.endswith("it is stuck:\n  f/charge is stuck")


def test_a_stuck_step_is_told_as_stuck_and_not_as_unknown() -> None:
    crashed = Attempts(3, 0, 1, error=Error("HandlerError", "KeyError: 'x' (pay.py:7)", "f/charge"), stuck=True)
    text = told(Outcome("stuck", None, None, (), (called("f/charge", "unknown"),), ()), {("f/charge", "do"): crashed})
    assert "stuck HandlerError" in text
    assert "KeyError: 'x' (pay.py:7)" in text


def test_what_was_skipped_is_said_and_the_sentence_does_not_claim_more() -> None:
    text = told(Outcome("failed", None, NO_CARRIER, ("f/charge",), (), ()))
    assert text.startswith("failed with NoCarrier at f/ship; everything is undone but what somebody skipped\n")
    assert "what these did remains, because somebody skipped undoing it:\n  f/charge" in text


def test_a_step_without_a_compensation_stays_done_and_the_sentence_says_so() -> None:
    calls = (called("f/charge", "ok"), called("f/charge", "ok", "undo"), called("f/ship", "failed"))
    told_calls = (*calls, called("f/tell", "ok"), called("f/note", "unknown"), called("f/ask", "failed"))
    lasting = [StepOf(path, "s.o", lasting=True) for path in ("f/tell", "f/note", "f/ask", "f/later")]
    text = told(Outcome("failed", None, NO_CARRIER, (), told_calls, ()), steps=[*STEPS[:2], *lasting])
    assert text.startswith("failed with NoCarrier at f/ship; everything is undone but what has no compensation\n")
    assert text.endswith(
        "what these did remains, because they have no compensation:\n  f/tell\n  f/note, if it happened"
    )
    both = told(Outcome("cancelled", None, None, ("f/charge",), told_calls, ()), steps=[*STEPS[:2], *lasting])
    assert both.startswith("cancelled; everything is undone but what somebody skipped and what has no compensation\n")
    assert "compensation" not in told(
        Outcome("completed", None, None, (), told_calls, ()), steps=[*STEPS[:2], *lasting]
    )
    assert "everything is undone\n" in told(
        Outcome("failed", None, NO_CARRIER, (), calls, ()), steps=[*STEPS[:2], *lasting]
    )


def test_a_step_under_its_second_key_is_told_by_the_last_one() -> None:
    calls = (called("f/charge", "failed"), called("f/charge", "ok", number=1))
    assert "charge  payments.charge     done\n" in told(Outcome("completed", None, None, (), calls, ()))


def test_what_a_handler_says_can_not_move_the_cursor() -> None:
    known: Known = {("f/charge", "do"): Attempts(1, 0, 1, error=Error("Bad", "\x1b[2Jgone\nnext", "f/charge"))}
    text = told(Outcome("failed", None, NO_CARRIER, (), (called("f/charge", "failed"),), ()), known)
    assert "\x1b" not in text
    assert "\\x1b[2Jgone\\x0anext" in text


def test_the_last_column_ends_where_the_terminal_does() -> None:
    lines = table(["step", "said"], [["a", "x" * 50], ["b", "wide 漢字漢字漢字"]], 20).split("\n")
    assert lines == ["  step  said", "  a     xxxxxxxxx...", "  b     wide 漢字..."]


def test_in_a_narrow_terminal_the_output_counts_more_than_the_times() -> None:
    whole, narrow, narrower = (told(FAILED, KNOWN, width=width).split("\n")[4] for width in (100, 70, 60))
    assert whole.split() == ["step", "operation", "what", "happened", "tries", "began", "took", "output", "or", "error"]
    assert narrow.split() == ["step", "what", "happened", "tries", "output", "or", "error"]
    assert narrower == narrow
    assert max(map(len, told(FAILED, KNOWN, width=60).split("\n")[4:])) <= 60


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0.00s"),
        (9_994, "9.99s"),
        (12_000, "12.0s"),
        (185_000, "3m05s"),
        (7_500_000, "2h05m"),
        (187_200_000, "2d04h"),
    ],
)
def test_times_are_told_as_people_do(ms: int, text: str) -> None:
    assert elapsed(ms) == text


# ---------------------------------------------------------------- items, attempts, handlers, losers, blocks

MANY = [
    StepOf("f/found", "s.o"),
    StepOf("f/sku[]/place", "s.o"),
    StepOf("f/sku[]/try#/pack", "s.o"),
    StepOf("f/buy#/pay", "s.o"),
    StepOf("f/told[]/note", "s.o"),
    StepOf("f/back", "s.o", undoes=True),
    StepOf("f/last", "s.o"),
]


def test_items_and_attempts_stand_where_the_flow_has_them() -> None:
    paths = [
        "f/last",
        "f/sku[10]/place",
        "f/sku[2]/try#2/pack",
        "f/sku[2]/place",
        "f/sku[2]/pack",
        "f/buy#2/pay",
        "f/pay",
    ]
    assert in_order(MANY, paths) == [
        "f/found",
        *("f/sku[2]/place", "f/sku[2]/pack", "f/sku[2]/try#2/pack", "f/sku[10]/place"),
        *("f/pay", "f/buy#2/pay"),
        "f/told[]/note",
        "f/last",
    ]


def test_a_step_that_no_item_reached_has_one_line_and_a_block_that_did_not_run_none() -> None:
    assert in_order(MANY, []) == ["f/found", "f/sku[]/place", "f/sku[]/pack", "f/pay", "f/told[]/note", "f/last"]
    assert in_order(MANY, ["f/back", "f/strange"])[-3:] == ["f/back", "f/last", "f/strange"]


def test_the_steps_of_a_scope_with_a_compensation_of_its_own_do_not_last() -> None:
    block = ir.Undoing("order/buy:compensate", ir.Sequence((step("pay", CHARGE),)), ir.Sequence((undoing("back"),)), "")
    assert steps_of(flow(block, step("tell", CHARGE))) == [
        StepOf("order/pay", "payments.charge"),
        StepOf("order/back", "inventory.release", undoes=True),
        StepOf("order/tell", "payments.charge", lasting=True),
    ]


def undoing(name: str) -> ir.Step:
    return replace(step(name, RELEASE), firm=Firm("undo", ()))


def lines(*calls: Called, known: Known | None = None, residue: tuple[str, ...] = ()) -> dict[str, str]:
    outcome = Outcome("failed", None, NO_CARRIER, residue, calls, ())
    return {line.path: line.happened for line in lines_of(outcome, MANY, known or {})}


def test_a_loser_is_told_as_one() -> None:
    undo = replace(called("f/found", "ok", "undo"), reason=LOST)
    assert lines(called("f/found", "ok"), undo)["f/found"] == "done, lost and undone"


def test_what_an_operator_skipped_is_not_under_way() -> None:
    calls = (called("f/found", "ok"), called("f/found", "unknown", "undo"))
    assert lines(*calls, residue=("f/found",))["f/found"] == "done, undoing skipped"
    back = called("f/back", "unknown", "undo")
    known: Known = {("f/back", "undo"): Attempts(11, 0, 1, error=Error("Timeout", "", "f/back"))}
    assert lines(back, known=known, residue=("f/back",))["f/back"] == "undoing: unknown Timeout, skipped"


def test_a_step_of_a_compensation_block_is_told_by_its_only_call() -> None:
    assert lines(called("f/back", "ok", "undo"))["f/back"] == "undoing: done"
    assert "f/back" not in lines()


def test_what_remains_of_an_item_is_said() -> None:
    left = Outcome("failed", None, NO_CARRIER, (), (called("f/line[3]/tell", "ok"),), ())
    text = told(left, steps=[StepOf("f/line[]/tell", "mail.send", lasting=True)])
    assert text.endswith("what these did remains, because they have no compensation:\n  f/line[3]/tell")


# ---------------------------------------------------------------- progress


HAPPENED = [
    (1_000, Start(1_000, ())),
    (1_500, Settled(1_500, "f/charge", "do", (Ok({}),))),
    (2_000, Settled(2_000, "f/ship", "do", (Failed(NO_CARRIER),))),
    (2_000, Settled(2_000, "f/pay", "do", (Unknown(Error("Timeout", "", "f/pay")),))),
    (2_500, Stuck(2_500, "f/charge", "undo", 11, Error("Timeout", "no answer", "f/charge"))),
    (3_000, Arrived(3_000, "f/wait", External("e", "delivery.confirmed", "", {}))),
    (3_000, Fired(3_000, "f/wait")),
    (4_000, Cancel(4_000)),
    (4_000, Settled(4_000, "f/charge", "undo", (Ok({}),))),
]


def test_each_thing_that_happens_is_a_line() -> None:
    stream = io.StringIO()
    lines = Lines(stream, began=1_000)
    for at, input in HAPPENED:
        lines.took(at, input)
    lines.took(4_100, Arrived(4_100, "f/wait", External("e", "delivery.confirmed", "", {})), declined=True)
    lines.attempt(4_200, "f/ship", "do", 1)
    lines.attempt(4_300, "f/ship", "do", 2)
    lines.close()
    assert stream.getvalue() == (
        "   0.50s  f/charge  done\n"
        "   1.00s  f/ship  failed, NoCarrier: nobody drives there\n"
        "   1.00s  f/pay  nobody knows whether it happened, Timeout\n"
        "   1.50s  f/charge  can not be undone, Timeout: no answer\n"
        "   2.00s  f/wait  delivery.confirmed has arrived\n"
        "   2.00s  f/wait  the time is over\n"
        "   3.00s  somebody cancels the run\n"
        "   3.00s  f/charge  undone\n"
        "   3.10s  f/wait  delivery.confirmed is not the one that it waits for\n"
        "   3.30s  f/ship  attempt 2\n"
    )


def test_the_clauses_of_a_scope_and_pauses_are_told_in_the_words_of_the_flow() -> None:
    stream = io.StringIO()
    told = Lines(stream, MANY, began=0)
    told.took(0, Fired(0, "f/buy:events"))
    told.took(0, Arrived(0, "f/buy:alongside", External("e", "order.changed", "", {})))
    told.took(0, Fired(0, "f/repeat1[2]"))
    told.took(0, Fired(0, "f/buy#2"))
    told.took(0, Settled(0, "f/back", "undo", (Ok({}),)))
    told.took(0, Stuck(0, "f/back", "undo", 11, Error("Timeout", "", "f/back")))
    assert [line[10:] for line in stream.getvalue().splitlines()] == [
        "f/buy  the time is over",
        "f/buy  order.changed has arrived",
        "f/repeat1[2]  the pause is over",
        "f/buy#2  the pause is over",
        "f/back  done",
        "f/back  stuck, Timeout",
    ]


def test_the_table_is_painted_in_one_place_and_gone_at_the_end() -> None:
    stream = io.StringIO()
    live = Table(stream, STEPS[:2])
    live.attempt(0, "f/charge", "do", 1)
    live.took(5, Settled(5, "f/charge", "do", (Ok({}),)))
    live.close()
    assert stream.getvalue() == (
        "  f/charge  under way\n  f/ship    \n\x1b[2A\x1b[J  f/charge  done\n  f/ship    \n\x1b[2A\x1b[J"
    )
