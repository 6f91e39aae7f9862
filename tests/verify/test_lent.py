"""What is lent and remembered is what a plain copy would have come to."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

import pytest

from flowlang.event import Error
from flowlang.orchestrate.state import SwitchCell
from flowlang.verify import small
from flowlang.verify.explore import MODES, Freedom, explore
from flowlang.verify.lent import Lent, LentSet, Parts, agree, asked, lend
from flowlang.verify.listening import events_for
from flowlang.verify.mutants import hunt
from flowlang.verify.once import Done, Known, Once, Remembered, Turn
from flowlang.verify.planted import MUTANTS, A, B, C
from flowlang.verify.schedule import prepare
from flowlang.verify.states import alike, clone, same, twin

NAMES = "abcd"


@dataclass(slots=True)
class State:
    cells: dict[str, SwitchCell] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    status: str = "open"


class Kept:
    """Parts of states, as an exploration keeps them; here all that are the same are few."""

    def __init__(self) -> None:
        self.ones: list[object] = []

    def one(self, value: object) -> object:
        known = next((one for one in self.ones if same(one, value)), None)
        self.ones += [value] if known is None else []
        return value if known is None else known

    def parts(self) -> Parts:
        return Parts(self.one, self.one)


def act(state: State, choices: random.Random) -> list[object]:
    """Something that a machine could do, and what it saw."""
    seen: list[object] = []
    for _ in range(choices.randrange(1, 6)):
        name, cells = choices.choice(NAMES), state.cells
        match choices.randrange(10):
            case 0:
                cells[name] = SwitchCell(choices.randrange(3))
            case 1:
                seen.append(name in cells)
            case 2:
                seen.append(None if (cell := cells.get(name)) is None else cell.arm)
            case 3:
                if name in cells:
                    cells[name].arm += 1
            case 4:
                gone = cells.pop(name, None)
                seen.append(gone and gone.arm)
            case 5:
                seen.append([(at, cell.arm) for at, cell in cells.items()])
            case 6:
                seen.append(bool(cells))
            case 7:
                cells.setdefault(name, SwitchCell(7)).arm += 1
            case 8:
                seen.append(name in state.seen)
                state.seen.add(name)
            case _:
                seen.append(state.status)
                state.status = choices.choice(("open", "completed"))
    return seen


def drawn(choices: random.Random) -> State:
    names = choices.sample(NAMES, choices.randrange(4))
    return State({name: SwitchCell(choices.randrange(3)) for name in names}, set(choices.sample(NAMES, 1)))


def test_what_is_lent_goes_as_a_copy_does_and_so_does_all_that_answers_the_same() -> None:
    again = 0
    for seed in range(3_000):
        parts = Kept().parts()
        first, other = drawn(random.Random(seed)), drawn(random.Random(-seed - 1))
        for state in (first, other):
            parts.settle(state)
        was, plain, lent = clone(first), clone(first), lend(first)
        assert act(plain, random.Random(seed)) == act(lent, random.Random(seed)), seed
        assert first == was, f"{seed}: what is lent was changed"
        changes = parts.changes(lent)
        made = parts.changed(first, changes)
        assert made == plain and list(made.cells) == list(plain.cells), seed
        if asked(lent).answers(first) == asked(lent).answers(other):
            again += 1
            plain = clone(other)
            assert act(plain, random.Random(seed)) == act(lend(first), random.Random(seed)), seed
            made = parts.changed(other, changes)
            assert made == plain and list(made.cells) == list(plain.cells), seed
    assert again > 300, "that another state answers the same has hardly been seen"


def test_what_was_asked_tells_states_apart_by_nothing_else() -> None:
    lent = lend(State({"a": SwitchCell(0), "b": SwitchCell(1)}, {"x"}))
    assert lent.cells["a"].arm == 0 and "y" not in lent.seen and "c" not in lent.cells
    asks = asked(lent)
    assert asks.wholes == () and asks.empties == ()
    assert asks.members == (("cells", ("a", "c")), ("seen", ("y",)))
    assert lent.status == "open" and list(lent.cells) == ["a", "b"]
    assert asked(lent).wholes == ("status", "cells")


def test_two_that_went_differently_do_not_agree() -> None:
    of = State({"a": SwitchCell(0)})
    one, other = lend(of), lend(of)
    one.cells["a"].arm = other.cells["a"].arm = 4
    assert agree(one, other)
    other.cells["a"].arm = 5
    assert not agree(one, other)
    assert isinstance(one.cells, Lent) and isinstance(one.seen, LentSet) and of.cells["a"].arm == 0


def flows() -> list[str]:
    """Every seventh flow of depth 2, and some of depth 3."""
    third = small.count(3)
    return [small.text(n, 2) for n in range(0, small.count(2), 7)] + [
        small.text(n, 3) for n in range(99, third, third // 12)
    ]


@pytest.mark.parametrize("mode", MODES)
def test_what_is_remembered_is_what_a_plain_copy_comes_to(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    turns, first = 0, 0
    turn, first_turn = Once.turn, Once.first_turn

    def counted(once: Once, role: str, state: Known, input: Known, known: Remembered) -> Done:
        nonlocal first
        first += 1
        return first_turn(once, role, state, input, known)

    def held(once: Once, role: str, state: Known, input: Known) -> Turn:
        nonlocal turns
        turns += 1
        found = turn(once, role, state, input)
        plain = clone(state.value)
        assert alike(once.machines.advance_in(plain, role, input.value), found.effects)
        assert alike(plain, found.state.value)
        return found

    monkeypatch.setattr(Once, "turn", held)
    monkeypatch.setattr(Once, "first_turn", counted)
    for text in flows():
        prepared = prepare(small.kernel(text))
        found = explore(prepared, mode, small.INPUT, Freedom(events_for(prepared, small.INPUT)), 300)
        assert found.broken is None, (text, found.broken)
    assert 2 * turns > 3 * first > 0, "hardly anything was remembered"


def test_a_part_that_was_changed_by_whom_it_was_not_lent_to_is_seen() -> None:
    prepared = prepare(small.kernel(small.whole(A)))
    once = Once(prepared, MODES["orchestrate"](prepared), {})
    once.intact()
    cell = once.part(SwitchCell(1))
    once.intact()
    cell.arm = 2
    with pytest.raises(AssertionError, match="was not lent"):
        once.intact()


def test_what_is_one_in_two_places_is_one_in_a_twin_and_two_in_a_copy() -> None:
    env = {"a": [1]}
    state = {"one": env, "two": env, "error": Error("No", "no", "f/a")}
    whole = twin(state)
    assert whole == state and whole["one"] is whole["two"] is not env and whole["one"]["a"] is not env["a"]
    assert whole["error"] is state["error"]
    assert clone(state)["one"] is not clone(state)["two"]


GONE_TWICE = f"""{B} scope k {{ fork {{ emit "c.told" {{ id: id, n: n }} {A} }} join any
{C} }} on event "b.told" as o where o.id == id alongside -> {{ }}"""


def test_what_is_said_twice_breaks_a_promise_where_nothing_else_shows_it() -> None:
    """The second time that the scope is gone is a message, and its hearer has seen it: it changes nothing there."""
    mutant = next(mutant for mutant in MUTANTS if "gone once more" in mutant.name)
    found = hunt(replace(mutant, flow=GONE_TWICE))
    assert "says what was said before: small/k:alongside.gone" in found.why
    prepared = prepare(small.kernel(small.whole(GONE_TWICE)))
    freedom = Freedom(events_for(prepared, small.INPUT), cancel=False, unknown=False)
    assert explore(prepared, "choreograph", small.INPUT, freedom).broken is None
