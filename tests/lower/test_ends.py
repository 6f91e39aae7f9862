"""What follows a `return` on some way moves to where it can still happen."""

from __future__ import annotations

import pytest

from tests.lower.lowering import shown

FOLLOWING = ["switch f/rest1", "  step f/y"]


def test_the_one_arm_that_goes_on_takes_the_rest() -> None:
    assert shown("switch { case n > 1 -> return 1 else -> step x = a.act() } step y = a.act()") == [
        "switch f/switch1",
        "  let f/return",
        "  step f/x",
        "  step f/y",
    ]
    assert shown('race { on event "a.told" -> return 1 after 1m -> {} } step y = a.act()') == [
        "race f/race1",
        "  let f/return",
        "  step f/y",
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "switch { case n > 1 -> return 1 case n > 0 -> {} else -> {} }",
        "scope s { step x = a.act() } catch as e -> return 1",
        "scope s { step x = a.act() } within 1m else return 1",
        'scope s { step x = a.act() } on event "a.told" -> return 1',
        "repeat { step x = a.act() } until n > 1 at most 3 else return 1",
        "orchestrate at a { switch { case n > 1 -> return 1 else -> {} } }",
    ],
)
def test_else_it_stands_behind_a_switch(statement: str) -> None:
    assert shown(f"{statement} step y = a.act()")[-2:] == FOLLOWING


@pytest.mark.parametrize(
    "statement",
    [
        "fail Odd",
        "scope s { fail Odd } catch as e -> return 1",
        'race { on event "a.told" -> fail Odd after 1m -> return 2 }',
        "fork { fail Odd step x = a.act() } join all",
        "fork { fail Odd fail Even step x = a.act() } join 2",
        "repeat { fail Odd } until n > 1 at most 3",
        "orchestrate at a { fail Odd }",
    ],
)
def test_nothing_follows_where_no_way_goes_on(statement: str) -> None:
    assert "step f/y" not in shown(f"{statement} step y = a.act()")


@pytest.mark.parametrize(
    "statement",
    [
        "fork { branch b when n > 1 { fail Odd } step x = a.act() } join all",
        "fork { fail Odd step x = a.act() } join any",
        "for each i in [1] { fail Odd }",
        'scope s { step x = a.act() } on event "a.told" alongside -> fail Odd',
        'scope s { fail Odd } on event "a.told" -> {}',
    ],
)
def test_it_follows_where_some_way_does(statement: str) -> None:
    assert shown(f"{statement} step y = a.act()")[-1].strip() == "step f/y"
