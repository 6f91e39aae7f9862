"""What services hold for later, where loops number their iterations alike."""

from __future__ import annotations

from tests.modes.play import calls, flow, players, same


def test_an_iteration_of_one_loop_is_not_taken_for_that_of_another_with_its_number() -> None:
    """The service keeps the `c` of the repeat's iteration 0; the item 0 after it must see what the repeat ended with."""
    lowered = flow(
        """
        repeat with c = 1 {
          step one = a.read(n: c)
          next c = 5
        } until one.n == 1 at most 3
        for each x in [7] {
          step two = b.read(n: x)
          step three = a.read(n: c)
        }
        """
    )
    outcome = same(players(lowered))
    assert outcome.status == "completed"
    assert calls(outcome) == ["repeat1[0]/one ok", "x[0]/three ok", "x[0]/two ok"]
    assert [call.input for call in outcome.calls] == [{"n": 1}, {"n": 5}, {"n": 7}]
