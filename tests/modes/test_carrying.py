"""What messages carry, and what a service keeps: enough on every way, and nothing twice."""

from __future__ import annotations

from flowlang import ir, table
from flowlang.choreograph.projection import project
from flowlang.table import StepRow, Table
from tests.modes.play import flow, players, same


def tables(lowered: ir.Flow) -> dict[str, Table]:
    return project(lowered, ir.hash_of(lowered))


def test_a_value_is_carried_only_as_far_as_it_is_read() -> None:
    lowered = flow("step a = a.act(id: id) step b = b.act(n: a.n) step c = c.act(n: n)")
    start, ok = (next(r for r in tables(lowered)[s].rows if isinstance(r, StepRow)).ok for s in ("a", "b"))
    assert start.carry == ("a", "n") and start.to == ("b",)
    assert ok.carry == ("n",) and ok.to == ("c",)


def test_a_service_that_has_a_value_is_not_told_again() -> None:
    lowered = flow("step x = b.act(n: n) step y = c.act(id: id) step z = b.act(n: n + x.n)")
    for service in ("b", "c"):
        row = next(row for row in tables(lowered)[service].rows if isinstance(row, StepRow))
        assert row.ok.carry == (("id",) if service == "b" else ())  # neither `n` nor `x` goes to c and back
    assert [c.input for c in same(players(lowered, n=5)).calls if c.id.path == "f/z"] == [{"n": 6}]


def test_what_is_held_on_some_ways_of_a_branch_only_is_not_relied_upon() -> None:
    lowered = flow(
        """
        step a = a.act(n: n)
        fork {
          branch x when n > 5 { step b1 = b.act(n: a.n) }
          branch y { step c1 = c.act(n: n) step b2 = b.act(n: n) }
        } join all
        step d = d.act(id: id)
        step b3 = b.act(n: a.n + 2)
        """
    )
    for n in (1, 9):
        inputs = {c.id.path: c.input for c in same(players(lowered, n=n)).calls}
        assert inputs["f/b3"] == {"n": 3}


def test_undo_messages_carry_no_values() -> None:
    lowered = flow(
        "step a = a.act(n: n) { compensate a.undo(n: n) } step b = b.act(n: a.n) { compensate b.undo(n: a.n) } fail Odd"
    )
    services = players(lowered, n=3)[1].schedule
    messages = [input.message for _, input in services.fed if hasattr(input, "message")]
    assert [m.name for m in messages if m.reason is not None] == ["f/fail1.gone", "f/b.gone"]
    assert all(m.data == () for m in messages if m.reason is not None)


def test_tables_and_kernel_come_back_as_they_went_out() -> None:
    lowered = flow("step a = a.act(n: n) { compensate a.undo(n: n) retry 0 } fail Odd")
    assert ir.from_data(ir.to_data(lowered)) == lowered
    for one in tables(lowered).values():
        assert table.from_data(table.to_data(one)) == one
