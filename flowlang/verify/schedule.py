"""One run under a random schedule: results, events, timers, cancellation and operators in any order, with duplicates.

The machines are pure, so a schedule is a plain loop: pick one of the things that could happen next, feed it in, collect
what follows. A delivery that is repeated must change nothing. At the end the run's outcome must be the one that `denote`
gives for the oracle in its cells.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

from flowlang import event, ir, place
from flowlang.choreograph import machine as service_machine
from flowlang.choreograph import program as service_program
from flowlang.choreograph.conditions import broken
from flowlang.choreograph.outcome import oracle as service_oracle
from flowlang.choreograph.outcome import outcome as service_outcome
from flowlang.choreograph.projection import project
from flowlang.choreograph.state import RunCell
from flowlang.declared import Schema
from flowlang.denote import denote
from flowlang.event import Called, EffectId, Outcome, Value
from flowlang.expression.evaluate import Evaluate
from flowlang.expression.tree import Expression
from flowlang.link import Link, carries
from flowlang.oracle import Oracle
from flowlang.orchestrate import machine as central_machine
from flowlang.orchestrate import program as central_program
from flowlang.orchestrate.outcome import oracle as central_oracle
from flowlang.orchestrate.outcome import outcome as central_outcome
from flowlang.schema import Conformer
from flowlang.verify.states import clone, key, same

START = 1_000_000
ENGINE = "engine"
MOST_STEPS = 20_000


class Disagreement(AssertionError):
    """A run came to something else than its flow means."""


class Mode(Protocol):
    """One way of running a flow: where inputs go, and what came of them."""

    owner: str

    @property
    def states(self) -> Mapping[str, Any]: ...
    def having(self, states: Mapping[str, Any]) -> Mode: ...
    def advance(self, role: str, input: event.Input) -> list[event.Effect]: ...
    def advance_in(self, state: Any, role: str, input: event.Input) -> list[event.Effect]: ...
    def held(self, role: str) -> object: ...
    def owner_knows(self, stuck: bool) -> bool: ...
    def outcome(self) -> Outcome: ...
    def oracle(self) -> Oracle: ...


@dataclass(frozen=True)
class Prepared:
    """A flow ready to run in both modes, as often as one likes. Each form is made when it is asked for."""

    flow: ir.Flow
    link: Link = field(default_factory=Link)  # shared, so that an expression is compiled once

    @cached_property
    def hash(self) -> str:
        """The identity of what the flow means."""
        return ir.hash_of(self.flow)

    @cached_property
    def nodes(self) -> dict[str, ir.Node]:
        """The blocks of the flow, by where they stand."""
        return {place.key(node.path): node for node in ir.walk(self.flow.body) if not isinstance(node, ir.Sequence)}

    @cached_property
    def central(self) -> central_program.Program:
        return replace(central_program.load(self.flow), link=self.link)

    @cached_property
    def services(self) -> dict[str, service_program.Program]:
        tables = project(self.flow, self.hash)
        wrong = broken(tables)
        if wrong:
            raise Disagreement("; ".join(wrong))
        return {name: replace(service_program.load(table), link=self.link) for name, table in tables.items()}


def prepare(flow: ir.Flow, leaves: Leaves | None = None) -> Prepared:
    """Both forms of `flow`. Flows under the same contracts may share their `leaves`."""
    return Prepared(flow, Link() if leaves is None else _Sharing(leaves))


@dataclass(slots=True)
class Leaves:
    """What many flows have in common: what holds values against the schemas of their contracts, by identity; and the closures
    of their expressions, which keep no state, by all that stands in these."""

    conformers: dict[int, tuple[Schema, Conformer]] = field(default_factory=dict)
    evaluates: dict[tuple[Any, bool], Evaluate] = field(default_factory=dict)


class _Sharing(Link):
    """Makes nothing anew that another flow has made."""

    def __init__(self, leaves: Leaves) -> None:
        super().__init__()
        self._conformers = leaves.conformers
        self._evaluates = leaves.evaluates

    def _evaluate(self, expression: Expression, bounded: bool) -> Evaluate:
        name = key(expression.tree), bounded
        found = self._evaluates.get(name)
        if found is None:
            found = self._evaluates[name] = super()._evaluate(expression, bounded)
        return found


class Orchestrated:
    """The central machine: one role."""

    def __init__(self, prepared: Prepared) -> None:
        self.owner = ENGINE
        self.program = prepared.central
        self.state = central_machine.initial(self.program, "run", START)

    @property
    def states(self) -> Mapping[str, Any]:
        """Of the one role."""
        return {ENGINE: self.state}

    def having(self, states: Mapping[str, Any]) -> Orchestrated:
        """The same machine in another state."""
        made = copy(self)
        (made.state,) = states.values()
        return made

    def advance(self, role: str, input: event.Input) -> list[event.Effect]:
        return self.advance_in(self.state, role, input)

    def advance_in(self, state: Any, role: str, input: event.Input) -> list[event.Effect]:
        """In another state than its own."""
        return central_machine.advance(self.program, state, input)

    def held(self, role: str) -> object:
        return self.state

    def owner_knows(self, stuck: bool) -> bool:
        return True  # it is the one that is stuck

    def outcome(self) -> Outcome:
        return central_outcome(self.program, self.state)

    def oracle(self) -> Oracle:
        return central_oracle(self.program, self.state)


class Choreographed:
    """A machine for each service, each with its own table."""

    def __init__(self, prepared: Prepared) -> None:
        self.owner = prepared.flow.owner
        self.programs = prepared.services
        self.states = {
            service: service_machine.initial(program, "run", START) for service, program in self.programs.items()
        }

    def having(self, states: Mapping[str, Any]) -> Choreographed:
        """The same machines in other states."""
        made = copy(self)
        made.states = dict(states)
        return made

    def advance(self, role: str, input: event.Input) -> list[event.Effect]:
        return self.advance_in(self.states[role], role, input)

    def advance_in(self, state: Any, role: str, input: event.Input) -> list[event.Effect]:
        """In another state than its own."""
        return service_machine.advance(self.programs[role], state, input)

    def held(self, role: str) -> object:
        return self.states[role]

    def owner_knows(self, stuck: bool) -> bool:
        cells = self.states[self.owner].cells.values()
        return any(isinstance(cell, RunCell) and cell.waits_for_operator() == stuck for cell in cells)

    def outcome(self) -> Outcome:
        return service_outcome(self.programs, self.states)

    def oracle(self) -> Oracle:
        return service_oracle(self.programs, self.states)


@dataclass(frozen=True, slots=True)
class Odds:
    """How often things go wrong, in percent."""

    failed: int = 12
    unknown: int = 8
    stuck: int = 3
    duplicate: int = 15
    cancel: int = 25
    halted: int = 60  # of the calls that a hint finds in a back-off or not yet begun
    echoed: int = 30  # of what the run publishes comes back to it
    stuck_undo: int = 3


@dataclass(slots=True)
class Schedule:
    """A random schedule of one run in one mode."""

    prepared: Prepared
    mode: Mode
    rng: random.Random
    input: dict[str, Value]
    events: list[event.External]
    odds: Odds = Odds()
    at: int = START
    ready: list[tuple[str, event.Input]] = field(default_factory=list)  # may be fed in any order
    calls: dict[tuple[str, str, str], event.Invoke] = field(default_factory=dict)
    timers: dict[tuple[str, str], int] = field(default_factory=dict)
    waits: dict[tuple[str, str], list[event.Arm]] = field(default_factory=dict)
    kept: list[event.External] = field(default_factory=list)
    stuck: list[tuple[str, str, str]] = field(default_factory=list)
    retried: set[tuple[str, str, str]] = field(default_factory=set)
    invoked: dict[tuple[str, str, str], event.Invoke] = field(default_factory=dict)
    fed: list[tuple[str, event.Input]] = field(default_factory=list)
    finished: int = 0
    may_cancel: bool = False

    def run(self) -> Outcome:
        """Run to the end, or to where it only waits. Raises Disagreement."""
        self.may_cancel = self.percent(self.odds.cancel)
        self.feed(self.mode.owner, event.Start(self.at, tuple(self.input.items())))
        steps = 0
        while self.step():
            steps += 1
            if steps > MOST_STEPS:
                raise Disagreement(f"still not at an end after {MOST_STEPS} deliveries")
        return self.check()

    def percent(self, chance: int) -> bool:
        return self.rng.randrange(100) < chance

    def step(self) -> bool:
        """Let one thing happen; False when nothing can."""
        doable: list[Callable[[], None]] = []
        doable += [self.deliver] * min(len(self.ready), 4)
        doable += [self.settle] * min(len(self.calls), 4)
        doable += [self.external] if self.events else []
        if self.stuck and self.percent(50):
            doable.append(self.resolve)
        if self.may_cancel and self.percent(10):
            doable.append(self.cancel)
        if self.timers and (not doable or self.percent(10)):
            doable.append(self.fire)
        if not doable:
            return False
        self.rng.choice(doable)()
        if self.percent(self.odds.duplicate):
            self.repeat()
        return True

    # ------------------------------------------------------------ what can happen

    def deliver(self) -> None:
        role, input = self.ready.pop(self.rng.randrange(len(self.ready)))
        self.feed(role, input)

    def settle(self) -> None:
        key = self.rng.choice(sorted(self.calls))
        role, path, kind = key
        del self.calls[key]
        if self.percent(self.odds.stuck if kind == "do" else self.odds.stuck_undo):
            error = event.Error("HandlerError", "a bug", path)
            self.feed(role, event.Stuck(self.at, path, kind, 3, error, (event.Unknown(error),)))
            self.stuck.append(key)
        else:
            self.feed(role, event.Settled(self.at, path, kind, self.answers(self.invoked[key])))

    def answers(self, call: event.Invoke) -> tuple[event.Result, ...]:
        """What a call comes to. One that has to succeed is tried under one key until it does, but for the errors that are
        let through; that of a compensation is never anything else than ok."""
        if call.policy.firm:
            let = [name for name in ("E0", "E1") if name in call.policy.lets]
            if let and self.percent(2 * self.odds.failed):
                return (event.Failed(event.Error(self.rng.choice(let), "no", call.path)),)
            return (event.Ok(self.value()),)
        return (event.Ok({}),) if call.kind == "undo" else self.results(call.path)

    def value(self) -> dict[str, Value]:
        """What an operation answers."""
        return {"v": self.rng.randrange(4)} | ({"w": self.rng.randrange(4)} if self.percent(50) else {})

    def results(self, path: str) -> tuple[event.Result, ...]:
        """What a call comes to: sometimes after declared errors that were retried under the next key."""
        found: list[event.Result] = []
        while len(found) < 2 and self.percent(8):
            found.append(event.Failed(event.Error("E1", "again", path)))
        drawn = self.rng.randrange(100)
        if drawn < self.odds.failed:
            name, data = self.rng.choice((("E0", None), ("E1", {"why": 1})))
            return (*found, event.Failed(event.Error(name, "no", path, data, data is not None)))
        if drawn < self.odds.failed + self.odds.unknown:
            return (*found, event.Unknown(event.Error("Timeout", "no answer", path)))
        return (*found, event.Ok(self.value()))

    def external(self) -> None:
        self.kept.append(self.events.pop(self.rng.randrange(len(self.events))))
        for role, path in sorted(self.waits):
            self.offer(role, path)

    def offer(self, role: str, path: str) -> None:
        """Offer the kept events that fit an armed wait, in order of arrival, as long as it listens."""
        for kept in list(self.kept):
            arms = self.waits.get((role, path), [])
            # another wait may have taken it meanwhile
            if kept in self.kept and any(arm.type == kept.type and carries(kept, arm.field, arm.value) for arm in arms):
                self.feed(role, event.Arrived(self.at, path, kept))

    def fire(self) -> None:
        role, path = self.rng.choice(sorted(self.timers))
        self.at = max(self.at, self.timers.pop((role, path)))
        self.feed(role, event.Fired(self.at, path))

    def cancel(self) -> None:
        self.may_cancel = False
        self.feed(self.mode.owner, event.Cancel(self.at))

    def resolve(self) -> None:
        """An operator decides. What has to succeed can't be said to have failed; what undoes can be passed over."""
        role, path, kind = key = self.stuck.pop(self.rng.randrange(len(self.stuck)))
        call = self.invoked[key]
        last = "skip" if kind == "undo" else "fail"
        if call.policy.firm and kind == "do":
            last = "retry"
        decision = self.rng.choice(("done", "retry", last))
        if decision == "retry":
            self.retried.add(key)
            self.calls[key] = call
        value = self.value() if kind == "do" or call.policy.firm else None
        self.feed(role, event.Resolved(self.at, path, kind, decision, value))

    def repeat(self) -> None:
        """Feed something again that was fed before: nothing may change."""
        role, input = self.rng.choice(self.fed)
        if isinstance(input, event.Start | event.Resolved):
            return
        if isinstance(input, event.Settled | event.Stuck) and (role, input.path, input.kind) in self.retried:
            return  # asked for again by an operator: then an answer to the new attempts is no duplicate
        before = clone(self.mode.held(role))
        effects = self.mode.advance(role, input)
        if [e for e in effects if not isinstance(e, event.Declined)] or not same(before, self.mode.held(role)):
            raise Disagreement(f"a repeated {input} changed something: {effects}")

    # ------------------------------------------------------------ feeding

    def feed(self, role: str, input: event.Input) -> list[event.Effect]:
        self.at += 1
        effects = self.mode.advance(role, input)
        self.fed.append((role, input))
        for effect in effects:
            self.take(role, effect)
        return effects

    def take(self, role: str, effect: event.Effect) -> None:
        match effect:
            case event.Invoke():
                self.calls[role, effect.path, effect.kind] = self.invoked[role, effect.path, effect.kind] = effect
            case event.Halt():
                self.halt(role, effect.path)
            case event.SetTimer():
                self.timers[role, effect.path] = effect.due
            case event.StopTimer():
                self.timers.pop((role, effect.path), None)
            case event.Arm():
                self.waits.setdefault((role, effect.path), []).append(effect)
                self.offer(role, effect.path)
            case event.Disarm():
                self.waits.pop((role, effect.path), None)
            case event.Took():
                self.kept = [kept for kept in self.kept if kept.id != effect.event]
            case event.Send():
                self.ready.append((effect.to, event.Heard(self.at, effect.message)))
            case event.Publish():
                if self.percent(self.odds.echoed):
                    self.events.append(event.External(f"told {effect.path}", effect.type, "o-1", effect.data))
            case event.Finish():
                self.finished += 1
            case _:
                pass

    def halt(self, role: str, path: str) -> None:
        """A call that only waits is settled at once: by its last result, or as never attempted. One that has to succeed
        has no last result."""
        call = self.calls.get((role, path, "do"))
        if call is not None and self.percent(self.odds.halted):
            del self.calls[role, path, "do"]
            never = event.Failed(event.Error("", "", path))
            unknown = event.Unknown(event.Error("Unavailable", "down", path))
            busy = event.Failed(event.Error("E1", "busy", path))
            last = never if call.policy.firm else self.rng.choice((never, unknown, busy))
            self.ready.append((role, event.Settled(self.at, path, "do", (last,))))

    # ------------------------------------------------------------ the verdict

    def check(self) -> Outcome:
        """What the run came to. Raises Disagreement."""
        got, oracle = self.mode.outcome(), self.mode.oracle()
        hold(self.prepared, self.input, got, oracle, self.finished, self.mode.owner_knows(got.status == "stuck"))
        return got


def hold(
    prepared: Prepared, input: Mapping[str, Value], got: Outcome, oracle: Oracle, finished: int, owner_knows: bool
) -> object:
    """Compare what a run came to with what its flow means under its oracle; what is `comparable` of it. Raises Disagreement."""
    if got.status in ("open", "stuck") and not owner_knows:
        raise Disagreement(f"the run is {got.status}, and its owner thinks otherwise")
    if finished != (got.status in ("completed", "failed", "cancelled")):
        raise Disagreement(f"{got.status}, and finished {finished} times")
    meant = denote(prepared.flow, input, oracle, prepared.link)
    came = comparable(got)
    if came != comparable(meant):
        wrong = Disagreement("; ".join(differences(got, meant)))
        wrong.add_note(f"the run came to\n  {got}\nand its flow means\n  {meant}\nunder {oracle}")
        raise wrong
    used = oracle.used()
    if len(used) != len(set(used)):
        raise Disagreement(f"one event satisfied two waits: {used}")
    return came


def comparable(outcome: Outcome) -> object:
    """An outcome with causality as the set of all earlier calls, which does not depend on how it was collected."""
    earlier = closure(outcome.calls)
    calls = [(c.id, c.service, c.operation, c.input, c.result, c.reason, earlier[c.id]) for c in outcome.calls]
    return outcome.status, outcome.output, outcome.error, outcome.residue, calls, outcome.events


def differences(got: Outcome, meant: Outcome) -> list[str]:
    """What is different in an outcome from what its flow means, in words."""
    found = []
    for name in ("status", "output", "error", "residue", "events"):
        is_, should = getattr(got, name), getattr(meant, name)
        if is_ != should:
            found.append(f"its {name} is {_said(is_)}, and its flow means {_said(should)}")
    made, wanted = ({call.id: call for call in outcome.calls} for outcome in (got, meant))
    found += [f"{_called(id)} was called, and its flow means that it is not" for id in made if id not in wanted]
    found += [f"{_called(id)} was not called, and its flow means that it is" for id in wanted if id not in made]
    earlier, before = closure(got.calls), closure(meant.calls)
    for id in [id for id in made if id in wanted]:
        for name in ("input", "result", "reason", "service", "operation"):
            is_, should = getattr(made[id], name), getattr(wanted[id], name)
            if is_ != should:
                found.append(f"the {name} of {_called(id)} is {_said(is_)}, and its flow means {_said(should)}")
        if earlier[id] != before[id]:
            is_, should = (", ".join(sorted(map(_called, ids))) or "nothing" for ids in (earlier[id], before[id]))
            found.append(f"{_called(id)} follows {is_}, and its flow means {should}")
    return found or ["its calls are in another order than its flow means"]


def _called(id: EffectId) -> str:
    return f"{id.path}{':undo' if id.kind == 'undo' else ''}"


def _said(value: object) -> str:
    match value:
        case event.Error(name=name):
            return name
        case event.Reason(kind=kind, error=error):
            return kind if error is None else f"{kind} ({error.name})"
        case None | () | "":
            return "none"
        case str():
            return value
        case _:
            return repr(value)


def closure(calls: tuple[Called, ...]) -> dict[EffectId, frozenset[EffectId]]:
    """For each call all calls that it follows."""
    after = {call.id: call.after for call in calls}
    found: dict[EffectId, frozenset[EffectId]] = {}

    def earlier(id: EffectId) -> frozenset[EffectId]:
        if id not in found:
            direct = after.get(id, ())
            found[id] = frozenset(direct).union(*(earlier(cause) for cause in direct))
        return found[id]

    for call in calls:
        earlier(call.id)
    return found
