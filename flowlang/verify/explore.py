"""Every order in which a small flow can go: each delivery, timer, event and result, in one mode, against what it means.

A world is the state of the machines and all that is on its way. From each world every single thing that could happen next
is tried, the nearest worlds first, and a world that was met before is not gone through again; so the first schedule found
that breaks a promise is a shortest one. A world in which nothing can happen is an end: there the pair of oracle and outcome
must be what `denote` says. What each input must keep to on the way is held in `flowlang.verify.once`.

Two worlds are one when their states, and all that is on its way, are equal: see `flowlang.verify.states.key`.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import assert_never

from flowlang import event
from flowlang.declared import Operation
from flowlang.event import Effect, External, Input, Value
from flowlang.verify.choices import Choices
from flowlang.verify.once import Broken, Known, Once, Turn, fed_again
from flowlang.verify.outside import answer_of, fits, operations_of, undo_word, words
from flowlang.verify.schedule import START, Choreographed, Disagreement, Mode, Orchestrated, Prepared
from flowlang.verify.world import Numbers, Past, World

MODES: dict[str, Callable[[Prepared], Mode]] = {"orchestrate": Orchestrated, "choreograph": Choreographed}

MOST = 20_000
"""Worlds after which a flow is too large to go through all of them."""


@dataclass(frozen=True, slots=True)
class Freedom:
    """What may happen besides deliveries and timers. With `stuck` a call may also end at an operator, who may say
    anything; `halts` lets a call that is told not to be tried again end in each way in which it can."""

    events: tuple[External, ...] = ()
    cancel: bool = True
    unknown: bool = True
    stuck: bool = False
    halts: bool = True


@dataclass(frozen=True, slots=True)
class Break:
    """A promise that was broken, and the shortest schedule that breaks it: what happened, one after the other."""

    mode: str
    why: str
    schedule: tuple[str, ...]


@dataclass(slots=True)
class Explored:
    """How much was gone through. `complete` is false where the flow was too large. `ends` are the different pairs of oracle
    and outcome, by status. `replays` are inputs of which a crash before their commit was held to lead to the same, and
    `duplicates` those that were held to change nothing a second time; of what is equal, once for all: see `once`."""

    worlds: int = 0
    steps: int = 0
    duplicates: int = 0
    replays: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    complete: bool = True
    broken: Break | None = None
    armed: list[event.Arm] = field(default_factory=list, repr=False)


def explore(
    prepared: Prepared, mode: str, input: Mapping[str, Value], freedom: Freedom = Freedom(), most: int = MOST
) -> Explored:
    """Go through all schedules of one run, or say that they are more than `most` worlds."""
    return _Search(prepared, mode, dict(input), freedom, most).run()


def wander(
    prepared: Prepared,
    mode: str,
    input: Mapping[str, Value],
    freedom: Freedom,
    choices: Choices,
    most: int = 2_000,
) -> Explored:
    """Go one way through a flow of any size."""
    return _Search(prepared, mode, dict(input), freedom, most).wander(choices)


Act = tuple[str, partial[None]]


@dataclass(slots=True)
class _Search:
    prepared: Prepared
    mode: str
    input: dict[str, Value]
    freedom: Freedom
    most: int
    found: Explored = field(default_factory=Explored)
    operations: dict[tuple[str, str], Operation] = field(default_factory=dict)
    answers: dict[tuple[str, str], Value] = field(default_factory=dict)
    fed: list[tuple[str, Known]] = field(default_factory=list)  # by what is happening now
    said_by: dict[str, str] = field(default_factory=dict)  # which role says each message, by its id
    once: Once = field(init=False)
    messages: dict[int, Known] = field(default_factory=dict)  # those that were said, by their addresses
    numbers: Numbers = field(init=False)
    outs: dict[tuple[int, bool], list[tuple[str, tuple[event.Result, ...]]]] = field(default_factory=dict)  # by call
    inputs: dict[tuple[int, str, str, str], Known] = field(
        default_factory=dict
    )  # results, by time and call and in words

    def run(self) -> Explored:
        self.search()
        if self.found.broken is None:
            try:
                self.once.replays()
            except (Broken, AssertionError, KeyError, ValueError) as wrong:
                self.broke(self.once.replaying, "at the end", wrong)
        self.once.intact()
        return self.found

    def search(self) -> Explored:
        """From each world everything that could happen next, the nearest worlds first."""
        first = self.begin()
        if self.found.broken is not None:
            return self.found
        first.number = self.numbers.of(first)
        seen, todo = {first.number}, deque([first])
        while todo:
            world = todo.popleft()
            self.found.worlds += 1
            acts = list(self.acts(world))
            try:
                if not (world.ready or world.calls or world.timers):
                    self.end(world)
            except (Broken, AssertionError, KeyError, ValueError) as wrong:
                return self.broke(world.last, "at the end", wrong)
            for said, act in acts:
                self.found.steps += 1
                if self.ahead(world, act) in seen:
                    self.found.replays += 1
                    self.found.duplicates += 1
                    continue
                after = world.copy()
                self.fed = []
                try:
                    act(after)
                except (Broken, AssertionError, KeyError, ValueError) as wrong:
                    return self.broke(world.last, said, wrong)
                after.last = Past(said, tuple(self.fed), world.last)
                after.number = self.numbers.of(after)
                if after.number not in seen:
                    seen.add(after.number)
                    todo.append(after)
            if len(seen) > self.most:
                self.found.complete = False
                return self.found
        return self.found

    def begin(self) -> World:
        """The run has just started."""
        self.operations = operations_of(self.prepared.flow)
        self.answers = {name: answer_of(operation) for name, operation in self.operations.items()}
        self.once = Once(self.prepared, MODES[self.mode](self.prepared), self.input)
        self.numbers = Numbers(self.heard)
        coming = list(self.freedom.events)
        first = World(self.once.begun.copy(), START, [], {}, set(), {}, {}, coming, [], [], set(), self.freedom.cancel)
        try:
            self.feed(first, self.once.machines.owner, event.Start(START, tuple(self.input.items())))
        except (Broken, AssertionError, KeyError, ValueError) as wrong:
            self.broke(None, "the run starts", wrong)
        first.last = Past("the run starts", tuple(self.fed), None)
        return first

    def wander(self, choices: Choices) -> Explored:
        """One way through, on which most goes well."""
        world = self.begin()
        while self.found.broken is None and (acts := list(self.acts(world))):
            well = [one for one in acts if self._goes_well(one[1])]
            said, act = choices.pick(well if well and choices.chance(90) else acts)
            self.fed = []
            try:
                act(world)
            except (Broken, AssertionError, KeyError, ValueError) as wrong:
                return self.broke(world.last, said, wrong)
            world.last = Past(said, tuple(self.fed), world.last)
            self.found.steps += 1
            if self.found.steps > self.most:
                break
        return self.found

    def _goes_well(self, act: partial[None]) -> bool:
        if act.func == self.settle:
            return isinstance(act.keywords["input"].value.results[-1], event.Ok)
        return act.func in (self.deliver, self.arrive)

    def broke(self, past: Past | None, said: str, wrong: Exception) -> Explored:
        words = [said]
        while past is not None:
            words.append(past.said)
            past = past.before
        self.found.broken = Break(self.mode, _reason(wrong), tuple(reversed(words)))
        return self.found

    def ahead(self, world: World, act: partial[None]) -> int | None:
        """The number of the world after an act, where one machine takes one thing in, and all that could break a promise was
        looked at before."""
        if act.func == self.deliver:
            role, input = world.ready[act.keywords["number"]]
            gone = self.numbers.of_ready(role, input)
        elif act.func == self.settle and not world.retried:
            name, input = act.keywords["name"], act.keywords["input"]
            role, gone = name[0], self.numbers.of_call(name, world.calls[name])
        else:
            return None
        turn = world.states[role].after.get(input)
        if turn is None or input not in turn.state.unmoved or not world.said.isdisjoint(turn.said):
            return None
        return self.numbers.after(world, role, turn, gone)

    # ------------------------------------------------------------ what can happen

    def acts(self, world: World) -> Iterator[Act]:
        """Everything that could happen next, once for things that are the same."""
        different: set[tuple[str, int]] = set()
        for number, (role, known) in enumerate(world.ready):
            if (role, known.key) not in different:
                different.add((role, known.key))
                input = known.value
                said = self.said_by.get(input.message.id) if isinstance(input, event.Heard) else None
                whose = f" from {said}" if said else ""
                yield f"{role} takes in {words(input)}{whose}", partial(self.deliver, number=number)
        for role, path, kind in sorted(world.calls):
            yield from self.results(world, role, path, kind)
        for role, path in sorted(world.timers):
            yield f"the timer of {path}{self.at(role)} is due", partial(self.fire, role=role, path=path)
        for number, coming in enumerate(world.coming):
            yield f"event {coming.id} ({coming.type}) arrives", partial(self.arrive, number=number)
        for number, (_, call) in enumerate(world.stuck):
            for decision in ("skip", "done", "retry") if call.kind == "undo" else ("done", "fail", "retry"):
                yield (
                    f"an operator says `{decision}` to {call.path}{undo_word(call.kind)}",
                    partial(self.resolve, number=number, decision=decision),
                )
        if world.may_cancel:
            yield "cancel is asked for", partial(self.cancel)

    def results(self, world: World, role: str, path: str, kind: str) -> Iterator[Act]:
        call, name = world.calls[role, path, kind], (role, path, kind)
        halted = (role, path) in world.halted
        outs = self.outs.get((id(call), halted))
        if outs is None:
            outs = self.outs[id(call), halted] = list(self.can_end(call, halted))
        where = f"call {path}{undo_word(kind)}{self.at(role)}"
        for said, results in outs:
            input = self.inputs.get((world.at, path, kind, said))
            if input is None:
                input = self.once.one(event.Settled(world.at, path, kind, results))
                self.inputs[world.at, path, kind, said] = input
            yield f"{where} {said}", partial(self.settle, name=name, input=input)
        if self.freedom.stuck and name not in world.retried:
            yield f"{where} is stuck", partial(self.stick, name=name)

    def can_end(self, call: event.Invoke, halted: bool) -> Iterator[tuple[str, tuple[event.Result, ...]]]:
        """The ways in which a call can end, in words too; `halted`: it was told not to be tried again."""
        operation, policy, is_do = self.operations[call.service, call.operation], call.policy, call.kind == "do"
        yield "is ok", (event.Ok(self.answers[call.service, call.operation]),)
        can_fail = [one for one in operation.errors if one in policy.lets or (is_do and not policy.firm)]
        for error in can_fail[:1]:
            yield f"fails with {error}", (event.Failed(event.Error(error, "no", call.path)),)
        if is_do and self.freedom.unknown and not policy.firm:
            yield "ends unknown", (event.Unknown(event.Error("Timeout", "no answer", call.path)),)
        if is_do and halted:
            yield "is not tried", (event.Failed(event.Error("", "", call.path)),)

    def at(self, role: str) -> str:
        """Where something happens, in words; the engine is alone."""
        return "" if self.mode == "orchestrate" else f" at {role}"

    # ------------------------------------------------------------ it happens

    def deliver(self, world: World, number: int) -> None:
        role, input = world.ready.pop(number)
        self.turn(world, role, input)

    def settle(self, world: World, name: tuple[str, str, str], input: Known) -> None:
        del world.calls[name]
        self.turn(world, name[0], input)

    def stick(self, world: World, name: tuple[str, str, str]) -> None:
        call = world.calls.pop(name)
        role, path, kind = name
        error = event.Error("HandlerError", "a bug", path)
        self.feed(world, role, event.Stuck(world.at, path, kind, 3, error, (event.Unknown(error),)))
        world.stuck.append((role, call))

    def fire(self, world: World, role: str, path: str) -> None:
        world.at = max(world.at, world.timers.pop((role, path)))
        self.feed(world, role, event.Fired(world.at, path))

    def arrive(self, world: World, number: int) -> None:
        """An event is offered to every wait that it fits, though one has taken it: that is for the machines to know."""
        coming = world.coming.pop(number)
        world.kept.append(coming)
        for role, path in sorted(world.waits):
            if any(fits(arm, coming) for arm in world.waits.get((role, path), ())):
                self.feed(world, role, event.Arrived(world.at, path, coming))

    def offer(self, world: World, role: str, path: str) -> None:
        """Offer the kept events that fit an armed wait, in order of arrival, until it takes one."""
        for kept in list(world.kept):
            for arm in list(world.waits.get((role, path), ())):
                if kept in world.kept and fits(arm, kept):
                    effects = self.feed(world, role, event.Arrived(world.at, path, kept))
                    if any(isinstance(effect, event.Took) for effect in effects):
                        break

    def resolve(self, world: World, number: int, decision: str) -> None:
        role, call = world.stuck.pop(number)
        if decision == "retry":
            world.retried.add((role, call.path, call.kind))
            world.calls[role, call.path, call.kind] = call
        value = self.answers[call.service, call.operation] if call.kind == "do" else None
        self.feed(world, role, event.Resolved(world.at, call.path, call.kind, decision, value))

    def cancel(self, world: World) -> None:
        world.may_cancel = False
        self.feed(world, self.once.machines.owner, event.Cancel(world.at))

    # ------------------------------------------------------------ feeding

    def feed(self, world: World, role: str, input: Input) -> list[Effect]:
        """Let a machine take an input in."""
        return self.turn(world, role, self.once.one(input))

    def turn(self, world: World, role: str, input: Known) -> list[Effect]:
        """Let a machine take an input in, and once more, as a duplicate."""
        turn = self.once.turn(role, world.states[role], input)
        self.found.replays += 1
        self.fed.append((role, input))
        world.states[role] = turn.state
        if turn.said:
            if not world.said.isdisjoint(turn.said):
                raise Broken(f"{words(input.value)} says what was said before: {self.said_again(world, turn)}")
            world.said |= turn.said
        self.unchanged(world, role, input)
        for effect in turn.effects:
            self.take(world, role, effect)
        return turn.effects

    def said_again(self, world: World, turn: Turn) -> str:
        """What a turn says that was said before, in words."""
        names = {effect.message.id: effect.message.name for effect in turn.effects if isinstance(effect, event.Send)}
        return ", ".join(sorted(names.get(id, id) for _, id in world.said & turn.said))

    def unchanged(self, world: World, role: str, known: Known) -> None:
        """A duplicate leaves the state of a role as it is."""
        input = known.value
        if not fed_again(input):
            return
        if isinstance(input, event.Settled | event.Stuck) and (role, input.path, input.kind) in world.retried:
            return
        self.found.duplicates += 1
        self.once.unchanged(role, world.states[role], known)

    def heard(self, message: event.Message) -> Known:
        """A message of a turn, which lives as long as the search, as its hearer takes it in."""
        found = self.messages.get(id(message))
        if found is None:
            found = self.messages[id(message)] = self.once.one(event.Heard(START, message))
        return found

    def take(self, world: World, role: str, effect: Effect) -> None:
        match effect:
            case event.Invoke():
                world.calls[role, effect.path, effect.kind] = effect
            case event.Halt(path):
                if self.freedom.halts and (role, path, "do") in world.calls:
                    world.halted.add((role, path))
            case event.SetTimer(path, due):
                world.timers[role, path] = due
            case event.StopTimer(path):
                world.timers.pop((role, path), None)
            case event.Arm(path):
                self.found.armed.append(effect)
                world.waits.setdefault((role, path), []).append(effect)
                self.offer(world, role, path)
            case event.Disarm(path):
                world.waits.pop((role, path), None)
            case event.Took(_, id):
                world.kept = [kept for kept in world.kept if kept.id != id]
            case event.Send(to, message):
                self.said_by[message.id] = role
                world.ready.append((to, self.heard(message)))
            case event.Finish():
                world.finished += 1
            case event.Declined() | event.Publish():
                pass
            case _:
                assert_never(effect)

    # ------------------------------------------------------------ ends

    def end(self, world: World) -> None:
        """Nothing can happen any more: hold what it came to against what it means."""
        status = self.once.judge(world.states, world.finished)
        if status:
            self.found.ends[status] += 1
        fed = self.all_fed(world)
        for role, input in fed:
            self.unchanged(world, role, input)
        for role, state in world.states.items():
            self.once.replay(role, [input for whose, input in fed if whose == role], state, world.last)

    def all_fed(self, world: World) -> list[tuple[str, Known]]:
        """What was taken in on the way to a world."""
        parts = []
        past = world.last
        while past is not None:
            parts.append(past.fed)
            past = past.before
        return [one for part in reversed(parts) for one in part]


def _reason(wrong: Exception) -> str:
    return str(wrong) if isinstance(wrong, Broken | Disagreement) else f"{type(wrong).__name__}: {wrong}"
