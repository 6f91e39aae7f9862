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
from flowlang.verify.states import key

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


@dataclass(slots=True)
class _World:
    """One situation. `ready` may be fed in any order; `last` leads back to how it came about."""

    states: dict[str, Known]  # by role
    at: int
    ready: list[tuple[str, Known]]
    calls: dict[tuple[str, str, str], event.Invoke]
    halted: set[tuple[str, str]]
    timers: dict[tuple[str, str], int]
    waits: dict[tuple[str, str], list[event.Arm]]
    coming: list[External]
    kept: list[External]
    stuck: list[tuple[str, event.Invoke]]
    retried: set[tuple[str, str, str]]
    may_cancel: bool
    said: frozenset[tuple[str, str]] = frozenset()  # on the way here
    finished: int = 0
    last: _Past | None = None

    def copy(self) -> _World:
        return _World(
            self.states.copy(),
            self.at,
            self.ready.copy(),
            self.calls.copy(),
            self.halted.copy(),
            self.timers.copy(),
            {name: arms.copy() for name, arms in self.waits.items()},
            self.coming.copy(),
            self.kept.copy(),
            self.stuck.copy(),
            self.retried.copy(),
            self.may_cancel,
            self.said,
            self.finished,
            self.last,
        )


@dataclass(frozen=True, slots=True)
class _Past:
    """What was fed, in words, and what came before."""

    said: str
    fed: tuple[tuple[str, Known], ...]
    before: _Past | None


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
    marks: dict[int, int] = field(default_factory=dict)  # keys of effects, by their addresses

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
        seen, todo = {self.key(first)}, deque([first])
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
                after = world.copy()
                self.fed = []
                self.found.steps += 1
                try:
                    act(after)
                except (Broken, AssertionError, KeyError, ValueError) as wrong:
                    return self.broke(world.last, said, wrong)
                after.last = _Past(said, tuple(self.fed), world.last)
                name = self.key(after)
                if name not in seen:
                    seen.add(name)
                    todo.append(after)
            if len(seen) > self.most:
                self.found.complete = False
                return self.found
        return self.found

    def begin(self) -> _World:
        """The run has just started."""
        self.operations = operations_of(self.prepared.flow)
        self.answers = {name: answer_of(operation) for name, operation in self.operations.items()}
        self.once = Once(self.prepared, MODES[self.mode](self.prepared), self.input)
        coming = list(self.freedom.events)
        first = _World(self.once.begun.copy(), START, [], {}, set(), {}, {}, coming, [], [], set(), self.freedom.cancel)
        try:
            self.feed(first, self.once.machines.owner, event.Start(START, tuple(self.input.items())))
        except (Broken, AssertionError, KeyError, ValueError) as wrong:
            self.broke(None, "the run starts", wrong)
        first.last = _Past("the run starts", tuple(self.fed), None)
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
            world.last = _Past(said, tuple(self.fed), world.last)
            self.found.steps += 1
            if self.found.steps > self.most:
                break
        return self.found

    def _goes_well(self, act: partial[None]) -> bool:
        results: tuple[event.Result, ...] = act.keywords.get("results", ())
        return act.func in (self.deliver, self.arrive) or (results != () and isinstance(results[-1], event.Ok))

    def broke(self, past: _Past | None, said: str, wrong: Exception) -> Explored:
        words = [said]
        while past is not None:
            words.append(past.said)
            past = past.before
        self.found.broken = Break(self.mode, _reason(wrong), tuple(reversed(words)))
        return self.found

    # ------------------------------------------------------------ what is the same

    def key(self, world: _World) -> int:
        """Equal for worlds that are one."""
        return hash(
            (
                tuple([state.key for state in world.states.values()]),
                world.at,
                tuple(sorted([(role, input.key) for role, input in world.ready])),
                frozenset([(name, self.mark(call)) for name, call in world.calls.items()]),
                frozenset(world.halted),
                frozenset(world.timers.items()),
                frozenset([(name, *map(self.mark, arms)) for name, arms in world.waits.items()]),
                tuple([one.id for one in world.coming]),
                tuple([one.id for one in world.kept]),
                frozenset([(role, call.path, call.kind) for role, call in world.stuck]),
                world.may_cancel,
                world.finished,
            )
        )

    def mark(self, effect: Effect) -> int:
        """The key of an effect of a turn, which lives as long as the search."""
        found = self.marks.get(id(effect))
        if found is None:
            found = self.marks[id(effect)] = hash(key(effect))
        return found

    # ------------------------------------------------------------ what can happen

    def acts(self, world: _World) -> Iterator[Act]:
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

    def results(self, world: _World, role: str, path: str, kind: str) -> Iterator[Act]:
        call = world.calls[role, path, kind]
        operation = self.operations[call.service, call.operation]
        policy = call.policy
        outs: list[tuple[str, tuple[event.Result, ...]]] = [
            ("is ok", (event.Ok(self.answers[call.service, call.operation]),))
        ]
        can_fail = [one for one in operation.errors if one in policy.lets or (call.kind == "do" and not policy.firm)]
        for error in can_fail[:1]:
            outs.append((f"fails with {error}", (event.Failed(event.Error(error, "no", path)),)))
        if kind == "do" and self.freedom.unknown and not policy.firm:
            outs.append(("ends unknown", (event.Unknown(event.Error("Timeout", "no answer", path)),)))
        if kind == "do" and (role, path) in world.halted:
            outs.append(("is not tried", (event.Failed(event.Error("", "", path)),)))
        for said, results in outs:
            yield (
                f"call {path}{undo_word(kind)}{self.at(role)} {said}",
                partial(self.settle, name=(role, path, kind), results=results),
            )
        if self.freedom.stuck and (role, path, kind) not in world.retried:
            yield f"call {path}{undo_word(kind)}{self.at(role)} is stuck", partial(self.stick, name=(role, path, kind))

    def at(self, role: str) -> str:
        """Where something happens, in words; the engine is alone."""
        return "" if self.mode == "orchestrate" else f" at {role}"

    # ------------------------------------------------------------ it happens

    def deliver(self, world: _World, number: int) -> None:
        role, input = world.ready.pop(number)
        self.turn(world, role, input)

    def settle(self, world: _World, name: tuple[str, str, str], results: tuple[event.Result, ...]) -> None:
        del world.calls[name]
        role, path, kind = name
        self.feed(world, role, event.Settled(world.at, path, kind, results))

    def stick(self, world: _World, name: tuple[str, str, str]) -> None:
        call = world.calls.pop(name)
        role, path, kind = name
        error = event.Error("HandlerError", "a bug", path)
        self.feed(world, role, event.Stuck(world.at, path, kind, 3, error, (event.Unknown(error),)))
        world.stuck.append((role, call))

    def fire(self, world: _World, role: str, path: str) -> None:
        world.at = max(world.at, world.timers.pop((role, path)))
        self.feed(world, role, event.Fired(world.at, path))

    def arrive(self, world: _World, number: int) -> None:
        """An event is offered to every wait that it fits, though one has taken it: that is for the machines to know."""
        coming = world.coming.pop(number)
        world.kept.append(coming)
        for role, path in sorted(world.waits):
            if any(fits(arm, coming) for arm in world.waits.get((role, path), ())):
                self.feed(world, role, event.Arrived(world.at, path, coming))

    def offer(self, world: _World, role: str, path: str) -> None:
        """Offer the kept events that fit an armed wait, in order of arrival, until it takes one."""
        for kept in list(world.kept):
            for arm in list(world.waits.get((role, path), ())):
                if kept in world.kept and fits(arm, kept):
                    effects = self.feed(world, role, event.Arrived(world.at, path, kept))
                    if any(isinstance(effect, event.Took) for effect in effects):
                        break

    def resolve(self, world: _World, number: int, decision: str) -> None:
        role, call = world.stuck.pop(number)
        if decision == "retry":
            world.retried.add((role, call.path, call.kind))
            world.calls[role, call.path, call.kind] = call
        value = self.answers[call.service, call.operation] if call.kind == "do" else None
        self.feed(world, role, event.Resolved(world.at, call.path, call.kind, decision, value))

    def cancel(self, world: _World) -> None:
        world.may_cancel = False
        self.feed(world, self.once.machines.owner, event.Cancel(world.at))

    # ------------------------------------------------------------ feeding

    def feed(self, world: _World, role: str, input: Input) -> list[Effect]:
        """Let a machine take an input in."""
        return self.turn(world, role, self.once.one(input))

    def turn(self, world: _World, role: str, input: Known) -> list[Effect]:
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

    def said_again(self, world: _World, turn: Turn) -> str:
        """What a turn says that was said before, in words."""
        names = {effect.message.id: effect.message.name for effect in turn.effects if isinstance(effect, event.Send)}
        return ", ".join(sorted(names.get(id, id) for _, id in world.said & turn.said))

    def unchanged(self, world: _World, role: str, known: Known) -> None:
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

    def take(self, world: _World, role: str, effect: Effect) -> None:
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

    def end(self, world: _World) -> None:
        """Nothing can happen any more: hold what it came to against what it means."""
        status = self.once.judge(world.states, world.finished)
        if status:
            self.found.ends[status] += 1
        fed = self.all_fed(world)
        for role, input in fed:
            self.unchanged(world, role, input)
        for role, state in world.states.items():
            self.once.replay(role, [input for whose, input in fed if whose == role], state, world.last)

    def all_fed(self, world: _World) -> list[tuple[str, Known]]:
        """What was taken in on the way to a world."""
        parts = []
        past = world.last
        while past is not None:
            parts.append(past.fed)
            past = past.before
        return [one for part in reversed(parts) for one in part]


def _reason(wrong: Exception) -> str:
    return str(wrong) if isinstance(wrong, Broken | Disagreement) else f"{type(wrong).__name__}: {wrong}"
