"""The conditions on emitted tables hold for what is projected, and each of them notices its own mistake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from flowlang import ir
from flowlang.choreograph.conditions import broken
from flowlang.choreograph.projection import project
from flowlang.table import Holding, JoinRow, Row, StepRow, Table, Wire, rewired
from tests.modes.play import flow

WHOLE = """
  step one = a.act(id: id) { compensate a.undo(id: id) }
  scope s {
    fork {
      step two = b.act(id: one.id) { compensate b.undo(id: id) }
      step three = c.act(id: one.id) { compensate c.undo(id: id) }
    } join any
  }
    within 1h else fail Late
    on event "b.told" as told where told.id == id -> { step four = d.act(id: one.id) { compensate none } }
  for each x in [1, 2] as all { step five = b.act(id: one.id, n: x) { compensate b.undo(id: id) } yield five.n }
  step six = c.act(id: one.id, n: size(all)) { compensate none }
"""


def tables() -> dict[str, Table]:
    return project(flow(WHOLE), "0" * 64)


def changed(change: Callable[[Row], Row]) -> dict[str, Table]:
    """The tables with every row changed."""
    return {name: replace(table, rows=tuple(map(change, table.rows))) for name, table in tables().items()}


def wired(event: str, change: Callable[[Wire], Wire]) -> dict[str, Table]:
    """The tables with the wire of one event changed."""
    found = changed(lambda row: rewired(row, lambda wire: change(wire) if wire.event == event else wire))
    assert found != tables(), f"nobody says {event}"
    return found


def test_what_is_projected_can_work() -> None:
    assert broken(tables()) == []


def test_an_event_that_nobody_says_is_noticed() -> None:
    found = broken(wired("f/two.ok", lambda wire: replace(wire, event="f/else.ok")))
    assert any("hears `f/two.ok`, which nobody says" in one for one in found)


def test_a_service_that_is_not_told_is_noticed() -> None:
    found = broken(wired("f/s.key0.ok", lambda wire: replace(wire, to=tuple(to for to in wire.to if to != "c"))))
    assert any(one.startswith("`c` has a row for `f/s.key0.ok`") for one in found)


def test_a_service_that_is_told_for_nothing_is_noticed() -> None:
    found = broken(wired("f/six.ok", lambda wire: replace(wire, to=(*wire.to, "d"))))
    assert "`c` tells `d` of `f/six.ok`, which has no row for it" in found


def test_an_event_without_a_hearer_is_noticed() -> None:
    def deaf(row: Row) -> Row:
        return replace(row, start=()) if isinstance(row, StepRow) and row.path == "f/six" else row

    heard_by_nobody = {
        name: replace(table, rows=tuple(rewired(row, silent) for row in table.rows))
        for name, table in changed(deaf).items()
    }
    assert any(one.startswith("nobody hears `f/x.ok`") for one in broken(heard_by_nobody))


def silent(wire: Wire) -> Wire:
    return replace(wire, to=()) if wire.event == "f/x.ok" else wire


def test_a_guard_that_is_used_twice_is_noticed() -> None:
    found = broken(wired("f/three.ok", lambda wire: replace(wire, event="f/two.ok")))
    assert "`f/two.ok` is said by 2 rows" in found


def test_a_hint_that_does_not_arrive_is_noticed() -> None:
    found = broken(wired("f/s:events.hint", lambda wire: replace(wire, to=())))
    assert any("is not told of it" in one and "f/s:events.hint" in one for one in found)
    assert any("is deaf to `f/s:events.hint`" in one for one in found)


def test_a_value_that_is_not_carried_is_noticed() -> None:
    found = broken(wired("f/s.key0.ok", lambda wire: replace(wire, carry=())))
    assert "`c` reads `one` at `f/s.key0.ok` (f/three), and does not have it" in found


def test_a_join_that_can_learn_nothing_of_a_branch_is_noticed() -> None:
    def blind(row: Row) -> Row:
        if not isinstance(row, JoinRow):
            return row
        return replace(row, branches=(replace(row.branches[0], ok=(), gone=()), *row.branches[1:]))

    assert any("can't learn how part 0 of f/fork1 ends" in one for one in broken(changed(blind)))


def test_a_value_that_was_never_given_is_noticed() -> None:
    found = tables()
    found["d"] = replace(found["d"], holds=(Holding("f/s:events.0.start", ("three",)),))
    assert "`d` is taken to hold `three` at `f/s:events.0.start`, and was never given it" in broken(found)


@pytest.mark.parametrize(
    "body", ["commit\n  step z = b.act(id: id)", "orchestrate at d { step z = b.act(id: id) { compensate none } }"]
)
def test_small_flows_can_work(body: str) -> None:
    lowered = flow(f"  step y = d.act(id: id) {{ compensate none }}\n  {body}")
    assert broken(project(lowered, ir.hash_of(lowered))) == []
