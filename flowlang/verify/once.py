"""What an input does to the state of a machine, found out once, with all that is promised of it held against it.

    a crash before the commit        the same input from the state before leads to the same state and effects
    a duplicate changes nothing      what was just taken in is fed again, and at an end all that ever was
    replay                           at an end the inputs of each role alone lead to its state
    nothing is said twice            no two turns of a run say the same message, or publish the same event

A machine is a function of its state and the input; in most worlds of a choreography one service takes in what it takes in in
many others, while the rest of the services are somewhere else. And most inputs look at two or three cells of a state. So
worlds share the states of roles that are the same in everything, the order of members too, and what an input did to one
state it does to all that are the same in what it asked of it (see `flowlang.verify.lent`), with the promises above held at
the first time. That is no less than to hold them each time: what is not done again would be done with equal things by a
function of them, and that it is one (that it depends on nothing else) is what the crash before the commit looks for, twice
the same input on one state. The replays are made on plain states, of which nothing was lent and nothing is remembered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flowlang import event
from flowlang.event import Effect, Input, Value
from flowlang.verify.lent import Asked, Change, Parts, agree, asked, lend, parts_of
from flowlang.verify.outside import words
from flowlang.verify.schedule import Mode, Prepared, hold
from flowlang.verify.states import alike, clone, key, same, twin


class Broken(Exception):
    """A promise was broken while one thing happened."""


@dataclass(slots=True, eq=False)
class Known:
    """Something of which equal ones were made one: an input, or the settled state of a role. `key` is equal for those that
    mean the same. Of a state, `after` is to what each input leads from it, and `unmoved` are the inputs of which a duplicate
    leaves it as it is."""

    value: Any
    key: int
    after: dict[Known, Turn] = field(default_factory=dict)
    unmoved: set[Known] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Turn:
    """What one input does to one state. `said` are the messages among its effects, and to whom, and the events."""

    state: Known
    effects: list[Effect]
    said: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Done:
    """What one input does to every state that answers the same to what it asks."""

    changes: list[Change]
    effects: list[Effect]


@dataclass(slots=True)
class Remembered:
    """What one input did: by what it asked, and what was answered. It seldom asks different things."""

    found: dict[Asked, dict[tuple[Any, ...], Done]] = field(default_factory=dict)

    def recall(self, settled: Any) -> Done | None:
        """What was seen to be done to states of which this is one."""
        for asks, seen in self.found.items():
            done = seen.get(asks.answers(settled))
            if done is not None:
                return done
        return None

    def note(self, lent: Any, done: Done) -> Done:
        asks = asked(lent)
        self.found.setdefault(asks, {})[asks.answers(lent.lender)] = done
        return done


@dataclass(slots=True)
class Fold:
    """Inputs that a role took in one after the other, first by this way. `leads_to` are the states in which it was then, at an
    end; `further` goes on by the next input."""

    way: object
    leads_to: dict[Known, None] = field(default_factory=dict)
    further: dict[Known, Fold] = field(default_factory=dict)


@dataclass(slots=True)
class Once:
    """The machines of one mode, the states in which they were seen, and what was found out of these."""

    prepared: Prepared
    machines: Mode
    input: dict[str, Value]
    begun: dict[str, Known] = field(default_factory=dict)  # the states from which it begins, by role
    inputs: dict[int, list[Known]] = field(default_factory=dict)  # by their keys
    states: dict[tuple[str, tuple[int, ...]], Known] = field(default_factory=dict)  # by whose they are, and their parts
    alike: dict[int, list[Any]] = field(default_factory=dict)  # parts of states, by their numbers
    wholes: dict[Any, dict[Any, Any]] = field(default_factory=dict)  # dicts of parts, by these
    numbers: dict[int, int] = field(default_factory=dict)  # hashes of keys of parts, by their addresses
    parts: Parts = field(init=False)
    turns: dict[tuple[str, Known], Remembered] = field(default_factory=dict)
    duplicates: dict[tuple[str, Known], Remembered] = field(default_factory=dict)
    looked_at: set[tuple[tuple[Known, ...], int]] = field(default_factory=set)  # ends
    judged: set[int] = field(default_factory=set)
    ended: set[int] = field(default_factory=set)
    folds: dict[str, Fold] = field(default_factory=dict)  # by role
    replaying: Any = None  # by which way it came

    def __post_init__(self) -> None:
        self.parts = Parts(self.part, self.whole)
        for role, state in self.machines.states.items():
            first = clone(state)
            self.parts.settle(first)
            self.begun[role] = self.state(role, first)

    # ------------------------------------------------------------ what is the same

    def one(self, input: Input) -> Known:
        """The one that stands for all inputs that are the same in everything."""
        number = hash(key(input))
        alike = self.inputs.setdefault(number, [])
        for known in alike:
            if same(known.value, input):
                return known
        alike.append(Known(input, number))
        return alike[-1]

    def state(self, role: str, settled: Any) -> Known:
        """The one that stands for all states of a role that are the same in everything."""
        parts = parts_of(settled)
        found = self.states.get((role, parts))
        if found is None:
            found = Known(settled, hash(tuple([self.numbers[part] for part in parts])))
            self.states[role, parts] = found
        return found

    def part(self, value: Any) -> Any:
        """The one that stands for all parts of states that are the same in everything."""
        number = hash(key(value))
        alike = self.alike.setdefault(number, [])
        for one in alike:
            if same(one, value):
                return one
        alike.append(value)
        self.numbers[id(value)] = number
        return value

    def whole(self, members: dict[Any, Any]) -> dict[Any, Any]:
        """The one that stands for all dicts of the same parts in the same order."""
        parts = [id(part) for part in members.values()]
        name = tuple(members), tuple(parts)
        found = self.wholes.get(name)
        if found is None:
            found = self.wholes[name] = members
            self.numbers[id(members)] = hash(
                frozenset(zip(members, [self.numbers[part] for part in parts], strict=True))
            )
        return found

    def intact(self) -> None:
        """No machine has changed an input, or a part of a settled state: they are those of others too."""
        held = [(known.key, known.value) for ones in self.inputs.values() for known in ones]
        held += [(number, part) for number, ones in self.alike.items() for part in ones]
        for number, part in held:
            assert hash(key(part)) == number, f"{part} was changed by whom it was not lent to"

    # ------------------------------------------------------------ inputs

    def turn(self, role: str, state: Known, input: Known) -> Turn:
        """What an input does to the state of a role."""
        found = state.after.get(input)
        if found is None:
            known = self.turns.setdefault((role, input), Remembered())
            done = known.recall(state.value) or self.first_turn(role, state, input, known)
            changed = self.after(role, state, done.changes)
            found = state.after[input] = Turn(changed, done.effects, said_by(done.effects))
        return found

    def first_turn(self, role: str, state: Known, input: Known, known: Remembered) -> Done:
        """Let a machine take an input in twice, the second time as after a crash."""
        one, two = lend(state.value), lend(state.value)
        effects = self.machines.advance_in(one, role, input.value)
        again = self.machines.advance_in(two, role, input.value)
        changes = self.parts.changes(one)
        if not alike(again, effects) or not (agree(one, two) or self.mean(role, state, changes, two)):
            raise Broken(f"after a crash before the commit {words(input.value)} leads to something else")
        return known.note(one, Done(changes, effects))

    def mean(self, role: str, state: Known, changes: list[Change], lent: Any) -> bool:
        """Whether a state that was lent means what the state does with these changes."""
        other = self.parts.changes(lent)
        return self.after(role, state, changes).key == self.after(role, state, other).key

    def after(self, role: str, state: Known, changes: list[Change]) -> Known:
        return self.state(role, self.parts.changed(state.value, changes)) if changes else state

    def unchanged(self, role: str, state: Known, input: Known) -> None:
        """A duplicate leaves the state of a role as it is."""
        if input in state.unmoved:
            return
        known = self.duplicates.setdefault((role, input), Remembered())
        if known.recall(state.value) is None:
            lent = lend(state.value)
            effects = self.machines.advance_in(lent, role, input.value)
            if [e for e in effects if not isinstance(e, event.Declined)] or not self.mean(role, state, [], lent):
                raise Broken(f"{words(input.value)} a second time changes something: {effects}")
            known.note(lent, Done([], effects))
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
        outcome, oracle = mode.outcome(), mode.oracle()
        knows, decided = mode.owner_knows(outcome.status == "stuck"), key(oracle)
        case = hash((decided, key(outcome), finished, knows))
        if case in self.judged:
            return ""
        came = hold(self.prepared, self.input, outcome, oracle, finished, knows)
        self.judged.add(case)
        pair = hash((decided, key(came)))
        if pair in self.ended:
            return ""
        self.ended.add(pair)
        return outcome.status

    def replay(self, role: str, inputs: Iterable[Known], state: Known, way: object) -> None:
        """The inputs of a role alone, which came by this way, lead to its state: this is seen to by `replays`."""
        fold = self.folds.setdefault(role, Fold(way))
        for input in inputs:
            known = fold.further.get(input)
            if known is None:
                known = fold.further[input] = Fold(way)
            fold = known
        fold.leads_to[state] = None

    def replays(self) -> None:
        """One state takes all inputs of a role in that ever came one after the other, as nothing does that was copied after
        each. Where inputs part that began alike there is a `twin` of it, in which what is one is still one."""
        for role, first in self.folds.items():
            todo = [(clone(self.begun[role].value), first)]
            while todo:
                state, fold = todo.pop()
                self.replaying = fold.way
                for known in fold.leads_to:
                    if not alike(state, known.value):
                        raise Broken("what was taken in does not lead to the state when it is replayed")
                for number, (input, further) in enumerate(fold.further.items(), 1):
                    self.replaying = further.way
                    folded = state if number == len(fold.further) else twin(state)
                    self.machines.advance_in(folded, role, input.value)
                    todo.append((folded, further))


def said_by(effects: list[Effect]) -> frozenset[tuple[str, str]]:
    """What is said, each thing once."""
    said = [(e.to, e.message.id) for e in effects if isinstance(e, event.Send)]
    said += [("", e.path) for e in effects if isinstance(e, event.Publish)]
    if len(set(said)) != len(said):
        raise Broken(f"something is said twice at once: {effects}")
    return frozenset(said)


def fed_again(input: Input) -> bool:
    """Whether a machine may see an input twice: the driver tells some apart by their ids."""
    return not isinstance(input, event.Start | event.Resolved)
