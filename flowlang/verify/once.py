"""What an input does to the state of a machine, found out once, with all that is promised of it held against it.

    a crash before the commit        the same input from the state before leads to the same state and effects
    a duplicate changes nothing      what was just taken in is fed again, and at an end all that ever was
    replay                           at an end the inputs of each role alone lead to its state

A machine is a function of its state and the input; in most worlds of a choreography one service takes in what it takes in in
many others, while the rest of the services are somewhere else. So worlds share the states of roles that are the same in
everything, the order of members too, and with each state is kept to what each input led, with the promises above held
against it at the first time. That is no less than to hold them each time: what is not done again would be done with equal
things by a function of them, and that it is one (that it depends on nothing else) is what the crash before the commit looks
for, twice the same input on copies of one state, and again the replays.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flowlang import event
from flowlang.event import Effect, Input, Value
from flowlang.verify.outside import words
from flowlang.verify.schedule import Mode, Prepared, Schedule, comparable
from flowlang.verify.states import alike, clone, key, same


class Broken(Exception):
    """A promise was broken while one thing happened."""


@dataclass(slots=True, eq=False)
class Known:
    """Something of which equal ones were made one: an input, an effect, or the state of a role, which nobody changes any more.
    `key` is equal for those that mean the same. Of a state, `after` is to what each input leads from it, `unmoved` are the
    inputs of which a duplicate was seen to leave it as it is, and `twin` is the copy that was fed these."""

    value: Any
    key: int
    after: dict[Known, Turn] = field(default_factory=dict)
    unmoved: set[Known] = field(default_factory=set)
    twin: Any = None


@dataclass(frozen=True, slots=True)
class Turn:
    """What one input does to one state."""

    state: Known
    effects: list[Effect]


@dataclass(slots=True)
class Once:
    """The machines of one mode, the states in which they were seen, and what was found out of these."""

    prepared: Prepared
    machines: Mode
    input: dict[str, Value]
    begun: dict[str, Known] = field(init=False)  # the states from which it begins, by role
    known: dict[tuple[str, int], list[Known]] = field(default_factory=dict)  # by whose they are, and their keys
    looked_at: set[tuple[tuple[Known, ...], int]] = field(default_factory=set)  # ends
    judged: set[int] = field(default_factory=set)
    ended: set[int] = field(default_factory=set)
    replayed: set[tuple[Known, tuple[Known, ...]]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.begun = {role: self.one(state, role) for role, state in self.machines.states.items()}

    def one(self, value: Any, role: str = "") -> Known:
        """The one that stands for all that are the same in everything; of a state, for those of one role, whose machine alone
        goes on from it."""
        number = hash(key(value))
        alike = self.known.setdefault((role, number), [])
        for known in alike:
            if same(known.value, value):
                return known
        alike.append(Known(value, number))
        return alike[-1]

    # ------------------------------------------------------------ inputs

    def turn(self, role: str, state: Known, input: Known) -> Turn:
        """What an input does to the state of a role: twice from copies of it, the second time as after a crash."""
        found = state.after.get(input)
        if found is not None:
            return found
        after, again = clone(state.value), clone(state.value)
        effects = self.machines.advance_in(after, role, input.value)
        if not alike(self.machines.advance_in(again, role, input.value), effects) or not alike(again, after):
            raise Broken(f"after a crash before the commit {words(input.value)} leads to something else")
        one = self.one(after, role)
        one.twin = again
        found = state.after[input] = Turn(one, effects)
        return found

    def unchanged(self, role: str, state: Known, input: Known) -> None:
        """A duplicate leaves the state of a role as it is."""
        if input in state.unmoved:
            return
        if state.twin is None:
            state.twin = clone(state.value)
        effects = self.machines.advance_in(state.twin, role, input.value)
        if [e for e in effects if not isinstance(e, event.Declined)] or not alike(state.twin, state.value):
            raise Broken(f"{words(input.value)} a second time changes something: {effects}")
        state.unmoved.add(input)

    # ------------------------------------------------------------ ends

    def judge(self, states: Mapping[str, Known], finished: int) -> str:
        """Hold what the machines came to against what it means, once for what is the same in all that is looked at. The
        status, where no end before had the same oracle and outcome."""
        place = (tuple(states.values()), finished)
        if place in self.looked_at:
            return ""
        self.looked_at.add(place)
        mode = self.machines.having({role: known.value for role, known in states.items()})
        outcome, oracle = mode.outcome(), key(mode.oracle())
        case = hash((oracle, key(outcome), finished, mode.owner_knows(outcome.status == "stuck")))
        if case in self.judged:
            return ""
        Schedule(self.prepared, mode, random.Random(0), self.input, [], finished=finished).check()
        self.judged.add(case)
        pair = hash((oracle, key(comparable(outcome))))
        if pair in self.ended:
            return ""
        self.ended.add(pair)
        return outcome.status

    def replay(self, role: str, inputs: tuple[Known, ...], state: Known) -> None:
        """The inputs of a role alone lead to its state: one state that takes all of them in, as nothing does that was copied
        after each."""
        if (state, inputs) in self.replayed:
            return
        folded = clone(self.begun[role].value)
        for input in inputs:
            self.machines.advance_in(folded, role, input.value)
        if not alike(folded, state.value):
            raise Broken("what was taken in does not lead to the state when it is replayed")
        self.replayed.add((state, inputs))


def fed_again(input: Input) -> bool:
    """Whether a machine may see an input twice: the driver tells some apart by their ids."""
    return not isinstance(input, event.Start | event.Resolved)
