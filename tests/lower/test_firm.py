"""What stands after a point of no return, or in a compensation block, fails only where somebody takes the failure."""

from __future__ import annotations

from flowlang import ir
from flowlang.declared import Firm, Taking
from tests.lower.lowering import at, kernel, shown


def firm(whole: ir.Flow, path: str) -> Firm | None:
    node = at(whole, path)
    assert isinstance(node, ir.Step | ir.Let | ir.Emit | ir.Switch | ir.Race | ir.Each | ir.Repeat)
    return node.firm


def test_what_follows_a_commit_is_firm_and_what_precedes_it_is_not() -> None:
    whole = kernel(
        'step x = a.act() commit step y = a.act() let z = n emit "a.told" wait 1m for each i in [1] { step j = a.act() }'
    )
    assert firm(whole, "f/x") is None
    for path in ("y", "z", "emit1", "wait1", "i", "i[]/j"):
        assert firm(whole, f"f/{path}") == Firm("commit", ())


def test_only_what_was_begun_after_the_commit_takes_errors_and_only_those_that_can_be_raised() -> None:
    whole = kernel(
        """
        commit
        scope s {
          step x = a.act()
          let v = 7 / n
          for each i in [1] { scope t { step y = a.act() } retry 2 on No catch b.No, Busy -> step h = a.act() }
        } catch No, ExpressionError, Timeout -> step c = a.act()
        """
    )
    outer = Taking(("ExpressionError", "No"))
    assert firm(whole, "f/x") == Firm("commit", (outer,))
    assert firm(whole, "f/v") == Firm("commit", (Taking(("ExpressionError",)),))
    inner = (outer, Taking(("Busy",)), Taking(("No",), 1, 3))
    assert firm(whole, "f/i[]/t#/y") == Firm("commit", inner)
    assert firm(whole, "f/i[]/h") == Firm("commit", (outer,))
    assert firm(whole, "f/c") == Firm("commit", ())
    y = firm(whole, "f/i[]/t#/y")
    assert y is not None
    assert y.lets((0, 3)) == ("Busy", "ExpressionError", "No")
    assert Firm("commit", inner[1:]).lets((0, 2)) == ("Busy", "No")
    assert Firm("commit", inner[1:]).lets((0, 3)) == ("Busy",)


def test_a_catch_of_anything_takes_all_that_a_firm_block_can_fail_with() -> None:
    whole = kernel("commit scope s { step x = a.act() } catch as e -> {}")
    assert firm(whole, "f/x") == Firm("commit", (Taking(("Busy", "ExpressionError", "InvalidInput", "No")),))


def test_steps_of_a_compensation_block_are_firm_and_are_not_undone_themselves() -> None:
    whole = kernel(
        "scope s { step x = a.act() } compensate { step u = a.act() { compensate a.undo() } } catch as e -> {}"
    )
    undoing = at(whole, "f/u")
    assert isinstance(undoing, ir.Step)
    assert (undoing.firm, undoing.undo) == (Firm("undo", ()), None)
    assert firm(whole, "f/x") is None


def test_the_message_of_a_failure_that_is_caught_after_a_commit_is_made_before() -> None:
    body = "commit scope s { fail Odd(id) } catch as e -> {}"
    assert shown(body)[2:] == ["  let f/fail1.message", "  fail f/fail1"]
    assert "let f/fail1.message" not in "".join(shown(body.replace("commit ", "")))
