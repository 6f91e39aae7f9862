"""Play one flow under the central machine with the answers that a test gives, and hold it against the meaning.

A tiny world around the machine: calls are settled one after another in the order of their paths unless a test holds them
back, timers run out when a test says so, and events are offered to whoever listens. `outcome` is the run's, after it has
been compared with what `denote` makes of the oracle in the cells.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from flowlang import event, ir
from flowlang.denote import denote
from flowlang.event import Called, Error, External, Failed, Input, Invoke, Ok, Outcome, Result, Unknown, Value
from flowlang.oracle import Oracle
from flowlang.orchestrate import machine
from flowlang.orchestrate.outcome import oracle, outcome, stuck
from flowlang.orchestrate.program import load
from flowlang.orchestrate.state import State
from flowlang.verify.schedule import closure, comparable
from tests.lower.lowering import kernel

START = 1_000_000
UNKNOWN = Unknown(Error("Timeout", "no answer", ""))
STUCK = "stuck"


def failing(name: str = "No") -> Result:
    """A declared error."""
    return Failed(Error(name, "no", ""))


def a(name: str, service: str = "a") -> str:
    """A step of this name, with a compensation, whose operation a test can answer."""
    return f"step {name} = {service}.act(id: id) {{ compensate {service}.undo(id: id) }} "


@dataclass(slots=True)
class Run:
    """A run. `answers` by path without `f/`, or `path:undo`; a call without an answer is ok with `{n: 1}`; a list has one
    answer for each call under that path. What is named in `held` waits until `let` is called for it."""

    flow: ir.Flow
    state: State
    answers: dict[str, Result | str]
    held: set[str]
    input: dict[str, Value]
    at: int = START
    begun: list[str] = field(default_factory=list)
    calls: dict[str, Invoke] = field(default_factory=dict)
    halted: set[str] = field(default_factory=set)
    timers: dict[str, int] = field(default_factory=dict)
    waits: dict[str, list[event.Arm]] = field(default_factory=dict)
    kept: list[External] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)

    def feed(self, input: Input) -> list[event.Effect]:
        """Give the machine one input, and do what it asks for."""
        self.at += 1
        effects = machine.advance(load_once(self.flow), self.state, input)
        armed = [effect.path for effect in effects if isinstance(effect, event.Arm)]
        for effect in effects:
            match effect:
                case event.Invoke():
                    self.calls[name(effect.path, effect.kind)] = effect
                case event.Halt():
                    self.halted.add(name(effect.path, "do"))
                case event.SetTimer():
                    self.timers[effect.path] = effect.due
                case event.StopTimer():
                    self.timers.pop(effect.path, None)
                case event.Arm():
                    self.waits.setdefault(effect.path, []).append(effect)
                case event.Disarm():
                    del self.waits[effect.path]
                case event.Finish():
                    self.finished.append(effect.status)
                case _:
                    pass
        for path in dict.fromkeys(armed):
            for kept in list(self.kept):
                self.offer(path, kept)
        return effects

    def offer(self, path: str, external: External) -> None:
        """Offer an event to a block that may still listen."""
        for arm in self.waits.get(path, []):
            if arm.type == external.type and external in self.kept and external.data.get(arm.field) == arm.value:
                effects = self.feed(event.Arrived(self.at, path, external))
                if any(isinstance(effect, event.Took) for effect in effects):
                    self.kept.remove(external)

    def go(self) -> Run:
        """Settle whatever is not held back, in the order of the paths."""
        while free := [call for call in sorted(self.calls) if call not in self.held]:
            self.settle(free[0])
        return self

    def settle(self, call: str, answer: Result | str | None = None) -> None:
        """Settle one call, with the answer that is ready for it."""
        invoke = self.calls.pop(call)
        self.begun.append(call)
        said = answer or self.answers.get(call, Ok({"n": 1}))
        if said == STUCK:
            error = Error("HandlerError", "a bug", invoke.path)
            self.feed(event.Stuck(self.at, invoke.path, invoke.kind, 3, error, (Unknown(error),)))
        else:
            assert not isinstance(said, str)
            self.feed(event.Settled(self.at, invoke.path, invoke.kind, (said,)))

    def let(self, *held: str) -> Run:
        """Let held calls end, one after another, and what follows from them."""
        for call in held:
            self.held.discard(call)
            self.go()
        return self

    def never_made(self, call: str) -> Run:
        """A call that the machine halted was not attempted yet."""
        assert call in self.halted
        self.settle(call, Failed(Error("", "halted", "")))
        return self.go()

    def cancel(self) -> Run:
        self.feed(event.Cancel(self.at))
        return self.go()

    def send(self, id: str, type: str = "a.told", **data: Value) -> Run:
        """An event from outside, correlated with the run unless `id` is among its data."""
        self.kept.append(External(id, type, "", {"id": "o-1", **data}))
        for path in list(self.waits):
            self.offer(path, self.kept[-1]) if self.kept else None
        return self.go()

    def fire(self, path: str = "") -> Run:
        """Let a timer run out: the only one, or the one of block `path`."""
        [due] = [timer for timer in self.timers if path in ("", timer.removeprefix("f/"))]
        self.at = max(self.at, self.timers.pop(due))
        self.feed(event.Fired(self.at, due))
        return self.go()

    def resolve(self, path: str, kind: str, decision: str, value: Value = None, error: str = "") -> Run:
        """An operator's word; after a retry the call is made again."""
        failure = Error(error, "an operator said so", "") if error else None
        again = event.Invoke(f"f/{path}", kind, "a", "act", None, event.Policy())
        if decision == "retry":
            self.calls[name(f"f/{path}", kind)] = again
        self.feed(event.Resolved(self.at, f"f/{path}", kind, decision, value, failure))
        return self.go()

    def oracle(self) -> Oracle:
        return oracle(load_once(self.flow), self.state)

    def stuck(self) -> list[tuple[str, str]]:
        return [(path, kind) for path, kind, _ in stuck(load_once(self.flow), self.state)]

    def why_stuck(self) -> list[str]:
        """Why they are."""
        return [why for _, _, why in stuck(load_once(self.flow), self.state)]

    def outcome(self) -> Outcome:
        """What the run came to so far, which must be what the flow means."""
        got = outcome(load_once(self.flow), self.state)
        meant = denote(self.flow, self.input, self.oracle())
        assert comparable(got) == comparable(meant), f"the run came to\n  {got}\nand its flow means\n  {meant}"
        assert self.finished == ([got.status] if got.status in ("completed", "failed", "cancelled") else [])
        if self.finished:
            left = (self.state.live, self.state.open, self.state.waiting, self.state.frames, self.timers, self.waits)
            assert not any(left), left
        return got


_PROGRAMS: dict[int, tuple[ir.Flow, object]] = {}


def load_once(flow: ir.Flow) -> machine.Program:
    """The program of `flow`, made on first use."""
    found = _PROGRAMS.get(id(flow))
    if found is None:
        found = _PROGRAMS[id(flow)] = (flow, load(flow))
    program = found[1]
    assert isinstance(program, machine.Program)
    return program


def run(
    body: str | ir.Flow,
    *others: str,
    held: tuple[str, ...] = (),
    n: int = 1,
    answers: dict[str, Result | str] | None = None,
) -> Run:
    """The flow with this body (and the flows that it runs), started and run as far as it goes by itself."""
    flow = kernel(body, *others) if isinstance(body, str) else body
    input: dict[str, Value] = {"id": "o-1", "n": n}
    found = Run(flow, machine.initial(load_once(flow), "run", START), answers or {}, set(held), input)
    found.feed(event.Start(found.at, tuple(input.items())))
    return found.go()


def name(path: str, kind: str) -> str:
    """`charge` or `charge:undo`."""
    return path.split("/", 1)[1] + (":undo" if kind == "undo" else "")


def calls(outcome: Outcome) -> list[str]:
    """`charge ok`, `charge:undo ok`, ... sorted by path."""
    return [f"{name(c.id.path, c.id.kind)} {c.result}" for c in outcome.calls]


def call(outcome: Outcome, wanted: str) -> Called:
    """The call of this name."""
    [found] = [one for one in outcome.calls if name(one.id.path, one.id.kind) == wanted]
    return found


def follows(outcome: Outcome, later: str, earlier: str) -> bool:
    """Whether one call is after another."""
    return call(outcome, earlier).id in closure(outcome.calls)[call(outcome, later).id]
