"""Adversarial scenarios that are about orders of events: each is a small flow, gone through in every order, in both modes.

On the way every input is fed twice, and every commit is preceded by a crash; at each end oracle and outcome are what the flow
means. The number is that of the list of scenarios.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import pytest

from flowlang.verify import small
from flowlang.verify.explore import MODES, Explored, Freedom, explore
from flowlang.verify.listening import events_for
from flowlang.verify.schedule import prepare


@dataclass(frozen=True)
class Row:
    """A scenario: its flow, what may happen besides deliveries, and the statuses to which it comes."""

    number: int
    title: str
    body: str
    ends: str
    cancel: bool = False
    unknown: bool = False
    stuck: bool = False


A, B, C = (f"step {s} = {s}.act(id: id) {{ compensate {s}.undo(id: id) }}\n" for s in "abc")
ALL = f"fork {{ {A} {B} }} join all\n"
ANY = f"fork {{ {A} {B} }} join any\n"
WAIT = 'wait for event "b.told" as e where e.id == id within 5m else fail Late\n'
FOREVER = 'wait for event "b.told" as e where e.id == id forever\n'
C_READS = "step c = c.act(id: id, n: n)\n"

ROWS = (
    Row(1, "a join input arrives before its owner saw anything else", ALL + C_READS, "completed failed"),
    Row(2, "a duplicate branch completion does not fire a join twice", ALL, "completed failed"),
    Row(3, "a duplicate ok after the gone of a branch is no-op", ALL + "fail Odd", "failed"),
    Row(12, "events of one run arrive in any order", A + WAIT + B, "completed failed"),
    Row(17, "one branch fails while a sibling runs", ALL, "completed failed", unknown=True),
    Row(18, "both branches fail and the first in source order is the reason", ALL, "completed failed"),
    Row(19, "a branch fails before its sibling has heard its start", f"fork {{ {A} {B} }} join all or cancel", "completed failed"),
    Row(20, "two completions of a join any race", ANY, "completed failed"),
    Row(21, "a loser completes after the scope began to undo", f"scope k {{ {ANY} }} within 4m else {{ {C} }}", "completed failed"),
    Row(22, "n of m can't be reached any more", f"fork {{ {A} {B} {C} }} join 2", "completed failed"),
    Row(23, "for each over an empty list is ok at once", f"for each i in [] {{ {A} }} {B}", "completed failed"),
    Row(24, "items out of order and twice", f"for each i in [1, 2] parallel 2 {{ {A} }}", "completed failed"),
    Row(26, "a late event of an iteration during the next", f"for each i in [1, 2] {{ {A} }}", "completed failed"),
    Row(27, "a guard is decided once", f"switch {{ case n > 0 -> {{ {A} }} else -> {{ {B} }} }} fail Odd", "failed"),
    Row(28, "a timer fires while the event is in flight", WAIT + A, "completed failed"),
    Row(29, "an event arrives before its wait is armed", A + FOREVER + B, "completed failed open"),
    Row(35, "a cancel races the last ok of a scope", f"scope k {{ {A} }} catch as e -> {{ {B} }}", "completed failed cancelled", cancel=True),
    Row(36, "a hint reaches only some services", ALL + C, "completed failed cancelled", cancel=True),
    Row(37, "a hint arrives before the start that it concerns", A + B, "completed failed cancelled", cancel=True),
    Row(38, "a cancel and a time limit together are one latch", f"scope k {{ {A} }} within 4m else {{ {B} }}", "completed failed cancelled", cancel=True),
    Row(40, "a cancelled body is neither retried nor caught", f"scope k {{ {A} {B} }} catch as e -> {{ {C} }} retry 1", "completed failed cancelled", cancel=True),
    Row(41, "a time limit while the result of a step is unknown", f"scope k {{ {A} }} within 4m else {{ {B} }}", "completed failed", unknown=True),
    Row(43, "a compensation that fails for good is stuck and never reported as clean", f"{A} fail Odd", "failed stuck", stuck=True),
    Row(45, "a second failure while undoing makes no second wave", f"{A} fork {{ {B} fail Odd fail Even }} join all", "failed"),
    Row(46, "undo of a switch leaves the other arm's services alone", f"switch {{ case n > 0 -> {{ {A} }} else -> {{ {C} }} }} {B}", "completed failed"),
    Row(47, "of a for each exactly those that were ok are undone", f"for each i in [1, 2, 3] parallel 2 {{ {A} }}", "completed failed"),
    Row(49, "a step after commit that fails for good is stuck and nothing is undone", f"{A} commit {B}", "completed failed stuck", stuck=True),
    Row(50, "a handler of an interruption that fails does not loop", f'scope k {{ {A} }} on event "a.told" as o where o.id == id -> {{ fail Odd }}', "completed failed"),
    Row(56, "an interrupting event before its scope has started", f'{B} scope k {{ {A} }} on event "a.told" as o where o.id == id -> {{ {C} }}', "completed failed"),
)  # fmt: skip


@cache
def found(row: Row, mode: str) -> Explored:
    prepared = prepare(small.kernel(small.whole(row.body)))
    events = events_for(prepared, small.INPUT)
    return explore(prepared, mode, small.INPUT, Freedom(events, row.cancel, row.unknown, row.stuck), 6_000)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.number:02}-{row.title.replace(' ', '-')}")
def test_scenario(row: Row, mode: str) -> None:
    seen = found(row, mode)
    assert seen.broken is None, seen.broken
    assert set(seen.ends) <= set(row.ends.split()), seen.ends
    if seen.complete:
        assert set(seen.ends) == set(row.ends.split())
    assert seen.duplicates >= seen.worlds // 2 and seen.replays > 0
