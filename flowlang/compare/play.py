"""One run in one mode, played by the machines themselves with given choices, and counted.

Time is counted in hops: what a machine does at once costs none, a message takes one. Inputs are fed in the order of their
hops, so that whoever waits for several goes on with the last, and the hop at which a run ends is the length of its
critical path. Steps answer at once, timers fire at once, events from outside are there when they are waited for.

Under a central engine a call is a command to the service and its reply: the engine is a coordinator of its own.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from flowlang import event, ir, place
from flowlang.choreograph import machine as service_machine
from flowlang.choreograph import program as service_program
from flowlang.compare.guess import Choose, Guess, answer, example
from flowlang.compare.rates import Rates, short, ways_of
from flowlang.declared import Operation
from flowlang.event import Failed, Invoke, Ok, Result, Unknown
from flowlang.link import Link
from flowlang.orchestrate import machine as central_machine
from flowlang.orchestrate import program as central_program
from flowlang.table import RunRow
from flowlang.values import Value, plain_dumps

COORDINATOR = "the coordinator"
START = 1_000_000
MOST_INPUTS = 50_000


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that one service got from another. Those with the same `id` are one publication."""

    id: str
    source: str
    target: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Call:
    """A forward call that a run made, by the path of its instance."""

    path: str
    operation: Operation
    fails_with: tuple[str, ...]  # the errors with which it may fail


@dataclass(slots=True)
class Played:
    """What a run came to: its messages, how many hops it took to its end, and what was called."""

    deliveries: list[Delivery] = field(default_factory=list)
    hops: int = 0
    status: str = ""
    calls: list[Call] = field(default_factory=list)


class TooLong(Exception):
    """A run that would not end under these choices."""


class Form(Protocol):
    """A flow made ready for one mode, for one run."""

    owner: str

    def advance(self, role: str, input: event.Input) -> list[event.Effect]: ...
    def is_bookkeeping(self, name: str) -> bool: ...


class Central:
    """Under one engine."""

    def __init__(self, program: central_program.Program, link: Guess) -> None:
        self.owner = COORDINATOR
        self._program = replace(program, link=link)
        self._state = central_machine.initial(self._program, "run", START)

    def advance(self, role: str, input: event.Input) -> list[event.Effect]:
        return central_machine.advance(self._program, self._state, input)

    def is_bookkeeping(self, name: str) -> bool:
        return False


class Services:
    """As a choreography."""

    def __init__(self, owner: str, programs: dict[str, service_program.Program], link: Guess) -> None:
        self.owner = owner
        self._programs = {name: replace(program, link=link) for name, program in programs.items()}
        self._states = {name: service_machine.initial(one, "run", START) for name, one in self._programs.items()}
        self._quiet = bookkeeping(programs)

    def advance(self, role: str, input: event.Input) -> list[event.Effect]:
        return service_machine.advance(self._programs[role], self._states[role], input)

    def is_bookkeeping(self, name: str) -> bool:
        return name in self._quiet


def bookkeeping(programs: dict[str, service_program.Program]) -> frozenset[str]:
    """The events that close a run's records once it is over: no part of what the flow does."""
    rows = (row for program in programs.values() for row in program.table.rows)
    return frozenset(row.closed.event for row in rows if isinstance(row, RunRow))


def play(flow: ir.Flow, form: Form, choose: Choose, fail: tuple[str, str] | None = None) -> Played:
    """One run of `flow`; the first call of the step at the path `fail[0]` fails with the error `fail[1]`."""
    return _Play(flow, form, choose, fail).run()


@dataclass(slots=True)
class _Play:
    flow: ir.Flow
    form: Form
    choose: Choose
    fail: tuple[str, str] | None
    nodes: dict[str, ir.Node] = field(init=False)
    todo: list[tuple[int, int, str, event.Input]] = field(default_factory=list)
    timers: dict[tuple[str, str], int] = field(default_factory=dict)
    arms: dict[str, list[event.Arm]] = field(default_factory=dict)  # of each race, in the order of its alternatives
    played: Played = field(default_factory=Played)
    number: int = 0
    at: int = START

    def run(self) -> Played:
        blocks = (node for node in ir.walk(self.flow.body) if not isinstance(node, ir.Sequence))
        self.nodes = {place.key(node.path): node for node in blocks}
        values = tuple((name, value) for name, value in given(self.flow))
        self.later(0, self.form.owner, event.Start(START, values))
        while self.todo:
            hops, _, role, input = heapq.heappop(self.todo)
            if isinstance(input, event.Fired) and self.timers.pop((role, input.path), None) is None:
                continue  # it was stopped
            self.at += 1
            for effect in self.form.advance(role, replace(input, at=self.at)):
                self.take(role, effect, hops)
            if self.number > MOST_INPUTS:
                raise TooLong
        return self.played

    def later(self, hops: int, role: str, input: event.Input) -> None:
        self.number += 1
        heapq.heappush(self.todo, (hops, self.number, role, input))

    def take(self, role: str, effect: event.Effect, hops: int) -> None:
        match effect:
            case Invoke():
                self.call(role, effect, hops)
            case event.SetTimer():
                self.at = max(self.at, effect.due)
                self.timers[role, effect.path] = effect.due
                self.timer(role, effect.path, hops)
            case event.StopTimer():
                self.timers.pop((role, effect.path), None)
            case event.Arm():
                self.race(role, effect, hops)
            case event.Send():
                message = effect.message
                if not self.form.is_bookkeeping(message.name):
                    data = size(dict(message.data))
                    self.played.deliveries.append(Delivery(message.id, role, effect.to, data))
                self.later(hops + 1, effect.to, event.Heard(self.at, message))
            case event.Finish():
                self.played.hops, self.played.status = hops, effect.status
            case _:
                pass

    def call(self, role: str, call: Invoke, hops: int) -> None:
        node = self.nodes[place.bare(call.path)]
        assert isinstance(node, ir.Step)
        result: Result
        if call.kind == "undo":
            result = Ok({} if node.undo is None else answer(node.undo.operation))
        else:
            self.played.calls.append(Call(call.path, node.operation, tuple(_fails_with(node, call))))
            result = self.result(node, call.path)
        if role == COORDINATOR:
            answered = result.value if isinstance(result, Ok) else None
            id = f"{call.path} {call.kind} {call.number} {hops}"
            self.played.deliveries.append(Delivery(f"{id} command", role, call.service, size(call.input)))
            self.played.deliveries.append(Delivery(f"{id} reply", call.service, role, size(answered)))
            hops += 2
        self.later(hops, role, event.Settled(self.at, call.path, call.kind, (result,)))

    def result(self, node: ir.Step, path: str) -> Result:
        if self.fail is None or self.fail[0] != path:
            return Ok(answer(node.operation))
        error = event.Error(self.fail[1], "it fails", path)
        self.fail = None
        return Failed(error) if error.name in node.operation.errors else Unknown(error)

    def race(self, role: str, arm: event.Arm, hops: int) -> None:
        """Let one of the ways out of a race be taken once it listens for all of them; scopes are left to their bodies."""
        node = self.nodes.get(place.bare(arm.path))
        if not isinstance(node, ir.Race):
            return
        arms = self.arms.setdefault(arm.path, [])
        arms.append(arm)
        if len(arms) != len(node.alternatives):
            return
        way = self.choose(short(node.path), ways_of(node))
        if way == len(arms):
            self.later(hops, role, event.Fired(self.at, arm.path))
            return
        listens, chosen = arms[way], node.alternatives[way].event
        subject = listens.value if listens.field == "subject" and isinstance(listens.value, str) else ""
        data = _fitting(example(chosen.data), listens)
        arrived = event.External(f"{arm.path} {way}", chosen.type, subject, data)
        self.later(hops, role, event.Arrived(self.at, arm.path, arrived))

    def timer(self, role: str, path: str, hops: int) -> None:
        """A pause is over at once; a time limit is not reached, unless it was chosen."""
        node = self.nodes.get(place.bare(path))
        if isinstance(node, ir.Interrupt) or (isinstance(node, ir.Race) and node.alternatives):
            return
        self.later(hops, role, event.Fired(self.at, path))


def _fitting(data: Value, arm: event.Arm) -> Value:
    """`data` with the value in it by which `arm` knows its event."""
    if arm.field == "subject" or not isinstance(data, dict):
        return data
    made = inner = dict(data)
    *outer, last = arm.field.split(".")
    for name in outer:
        below = inner.get(name)
        inner[name] = dict(below) if isinstance(below, dict) else {}
        inner = inner[name]
    inner[last] = arm.value
    return made


def given(flow: ir.Flow) -> Iterator[tuple[str, Value]]:
    """What a run starts with."""
    yield from ((param.name, example(param.schema)) for param in flow.params)
    if flow.start is not None and flow.start.bind:
        yield flow.start.bind, example(flow.start.event.data)


def size(value: Value) -> int:
    """The bytes of a value as JSON."""
    return 0 if value is None or value == {} else len(plain_dumps(value).encode())


def _fails_with(node: ir.Step, call: Invoke) -> Iterator[str]:
    """The declared errors, or that nobody answers; of a call that is not given up only what somebody takes."""
    for name in node.operation.errors or ("Unavailable",):
        if not call.policy.firm or name in call.policy.lets:
            yield name


Forms = Callable[[str, Choose], Form]


def forms(flow: ir.Flow, programs: dict[str, service_program.Program], rates: Rates) -> Forms:
    """What makes a fresh run of `flow` in a mode: `orchestrate` or `choreograph`."""
    central, compiled = central_program.load(flow), Link()

    def make(mode: str, choose: Choose) -> Form:
        link = Guess(flow, rates, choose, compiled)
        if mode == "orchestrate":
            return Central(central, link)
        return Services(flow.owner, programs, link)

    return make
