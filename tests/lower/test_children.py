"""A flow that a step runs stands in its place, under names and paths that begin with the step's."""

from __future__ import annotations

import pytest

from flowlang import ir
from flowlang.declared import Firm
from flowlang.lower import TooLarge
from tests.lower.lowering import at, kernel, shown

PAY = """
flow pay(order: any, note: string?) -> int {
  key order.id
  step charge = a.act(n: order.items.map(order, order.n).size()) { compensate a.undo(n: charge.n) }
  scope s { wait for event "a.told" as e where e.id == order.id forever } catch as e2 -> {}
  return has(note) ? 1 : charge.n
}
"""


def test_paths_and_names_begin_with_those_of_the_step() -> None:
    whole = kernel("step p = flow.pay(order: { id: id }) let v = p", PAY)
    assert list(shown("step p = flow.pay(order: { id: id }) let v = p", PAY)) == [
        "let f/p/order",
        "let f/p/note",
        "child f/p",
        "  step f/p/charge",
        "  catch f/p/s",
        "    race f/p/e",
        "  let f/p/return",
        "let f/v",
    ]
    child, charge, race = at(whole, "f/p"), at(whole, "f/p/charge"), at(whole, "f/p/e")
    assert isinstance(child, ir.Child) and isinstance(charge, ir.Step) and isinstance(race, ir.Race)
    assert (child.flow, child.name, child.returned) == ("pay", "p", "p/return")
    assert charge.name == "p/charge"
    # the variable of a macro is no name of the flow
    assert charge.input.text == "{ n: p/order.items.map(order, order.n).size() }"
    assert charge.undo is not None and charge.undo.input.text == "{ n: p/charge.n }"
    assert (race.alternatives[0].bind, race.alternatives[0].value.text) == ("p/e", "p/order.id")
    assert ir.from_data(ir.to_data(whole)) == whole


def test_a_parameter_that_may_be_absent_stands_in_a_record() -> None:
    whole = kernel("step p = flow.pay(order: { id: id }) step q = flow.pay(order: { id: id }, note: id)", PAY)
    for step, text in (("p", "{}"), ("q", "{ note: id }")):
        given, returned = at(whole, f"f/{step}/note"), at(whole, f"f/{step}/return")
        assert isinstance(given, ir.Let) and isinstance(returned, ir.Let)
        assert (given.name, given.value.text, given.breach) == (f"{step}/note.given", text, "InvalidInput")
        assert returned.value.text == f"has({step}/note.given.note) ? 1 : {step}/charge.n"


def test_one_value_as_the_whole_input_gives_each_parameter_its_field() -> None:
    whole = kernel("let all = { order: { id: id } } step p = flow.pay(all)", PAY)
    order, note = at(whole, "f/p/order"), at(whole, "f/p/note")
    assert isinstance(order, ir.Let) and isinstance(note, ir.Let)
    assert (order.value.text, note.value.text) == ("all.order", "{ note: all.?note }")


def test_children_of_children_and_of_loops() -> None:
    outer = "flow outer(order: any) { key order.id for each i in [1] { step p = flow.pay(order: order) } }"
    assert shown("step o = flow.outer(order: { id: id })", outer, PAY)[:6] == [
        "let f/o/order",
        "child f/o",
        "  each f/o/i",
        "    let f/o/i[]/p/order",
        "    let f/o/i[]/p/note",
        "    child f/o/i[]/p",
    ]
    step = at(kernel("step o = flow.outer(order: { id: id })", outer, PAY), "f/o/i[]/p/charge")
    assert isinstance(step, ir.Step)
    assert step.name == "o/p/charge"


def test_a_compensation_of_the_step_replaces_the_undoing_of_the_flow() -> None:
    body = "step p = flow.pay(order: { id: id }) { compensate a.undo(n: p) }"
    whole = kernel(body, PAY)
    undoing = at(whole, "f/p:compensate")
    assert isinstance(undoing, ir.Undoing)
    [undo] = undoing.undo.items
    assert isinstance(undo, ir.Step)
    assert (undo.path, undo.operation.name, undo.firm, undo.input.text) == ("f/p", "undo", Firm("undo", ()), "{ n: p }")


def test_a_commit_in_it_makes_firm_what_follows_there_only() -> None:
    inner = "flow inner(n: int) { key n step x = a.act() commit step y = a.act() }"
    whole = kernel("step i = flow.inner(n: n) step z = a.act() commit step j = flow.inner(n: n)", inner)
    firm = {node.path: node.firm is not None for node in ir.walk(whole.body) if isinstance(node, ir.Step)}
    assert firm == {"f/i/x": False, "f/i/y": True, "f/z": False, "f/j/x": True, "f/j/y": True}


def test_recursion_ends_after_a_hundred_calls() -> None:
    again = "flow again(n: int) { key n switch { case n > 0 -> step a = flow.again(n: n - 1) else -> {} } }"
    whole = kernel("step a = flow.again(n: n)", again)
    [limit] = [node for node in ir.walk(whole.body) if isinstance(node, ir.Fail)]
    assert limit.error == "LimitReached" and limit.path == "f" + "/a" * 101
    assert sum(isinstance(node, ir.Child) for node in ir.walk(whole.body)) == 100
    assert ir.from_data(ir.to_data(whole)) == whole


def test_a_kernel_has_a_largest_size() -> None:
    twice = "flow twice(n: int) { key n switch { case n > 0 -> { step a = flow.twice(n: n) step b = flow.twice(n: n) } else -> {} } }"
    with pytest.raises(TooLarge):
        kernel("step a = flow.twice(n: n)", twice)
