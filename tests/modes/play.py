"""Play one flow in both modes with the answers that a test gives, and hold both against the meaning.

Calls are settled one after another in the order in which they were asked for, so a test can say what happens between two
of them. Contracts are made from what the flow uses: every operation takes anything and answers a record.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from flowlang import event, ir
from flowlang.contract import load
from flowlang.event import Called, External, Failed, Invoke, Ok, Outcome, Result, Unknown, Value
from flowlang.language.text import parse
from flowlang.lower import lower
from flowlang.source import Source
from flowlang.verify.schedule import Choreographed, Odds, Orchestrated, Schedule, closure, prepare

CONTRACT = """
service: {service}
operations:
  act: {{ input: {any}, output: {any}, errors: {{ No: "no", Busy: "busy" }} }}
  undo: {{ input: {any} }}
  read: {{ effect: none, input: {any}, output: {any}, errors: {{ No: "no" }} }}
events:
  {service}.told: {{ data: {any}, keep: 7d, to: all }}
hears: [{heard}]
"""
ANY = "{ type: object, additionalProperties: true, properties: { id: { type: string }, n: { type: integer } } }"
SERVICES = ("a", "b", "c", "d")


def flow(body: str, header: str = "", output: str = "") -> ir.Flow:
    """`body` as a flow over the services a, b, c and d with a parameter `n: int` and the key `id`."""
    text = f'use contracts "*.yaml"\nflow f(id: string, n: int){output} {{\n  key id\n  owner a\n{header}\n{body}\n}}\n'
    tree, found = parse(Source("f.flow", text))
    assert tree is not None and not found, [d.say(d.message) for d in found]
    sources = []
    for service in SERVICES:
        heard = ", ".join(f"{other}.told" for other in SERVICES if other != service)
        sources.append(Source(f"{service}.yaml", CONTRACT.format(service=service, any=ANY, heard=heard)))
    contracts, found = load(sources, lambda reference, beside: None)
    assert not found, [d.say(d.message) for d in found]
    return lower(tree, contracts)


def failing(name: str = "No") -> Result:
    """A declared error."""
    return Failed(event.Error(name, "no", ""))


UNKNOWN = Unknown(event.Error("Timeout", "no answer", ""))
STUCK = "stuck"
Answer = Result | str


@dataclass(slots=True)
class Player:
    """A run in one mode. `answers` by the step's name, or `name:undo`; a call without an answer is ok with `{n: 1}`.
    What is named in `held` waits until `let` is called for it."""

    schedule: Schedule
    answers: dict[str, Answer]
    held: set[str]
    begun: list[str] = field(default_factory=list)

    def go(self) -> None:
        """Settle and deliver whatever can be, calls in the order of their paths."""
        s = self.schedule
        while True:
            free = [key for key in sorted(s.calls) if name(key[1], key[2]) not in self.held]
            if s.ready:
                s.deliver()
            elif free:
                self.settle(free[0])
            else:
                return

    def settle(self, key: tuple[str, str, str]) -> None:
        role, path, kind = key
        call: Invoke = self.schedule.calls.pop(key)
        self.begun.append(name(path, kind))
        answer = self.answers.get(name(path, kind), Ok({"n": 1}))
        if answer == STUCK:
            error = event.Error("HandlerError", "a bug", path)
            self.schedule.feed(role, event.Stuck(self.schedule.at, path, call.kind, 3, error, (Unknown(error),)))
            return
        assert not isinstance(answer, str)
        self.schedule.feed(role, event.Settled(self.schedule.at, path, kind, (answer,)))

    def let(self, held: str) -> None:
        """Let a held call end, and what follows from it."""
        self.held.discard(held)
        self.go()

    def cancel(self) -> None:
        self.schedule.feed(self.schedule.mode.owner, event.Cancel(self.schedule.at))
        self.go()

    def send(self, type: str, event_id: str, /, **data: Value) -> None:
        """An event from outside."""
        self.schedule.events.append(External(event_id, type, "", data))
        self.schedule.external()
        self.go()

    def fire(self) -> None:
        """Let the one timer run out."""
        assert len(self.schedule.timers) == 1
        self.schedule.fire()
        self.go()

    def resolve(self, step: str, kind: str, decision: str, value: Value = None) -> None:
        role = next(role for role, path, k in [*self.where()] if path == f"f/{step}" and k == kind)
        if decision == "retry":
            self.schedule.calls[role, f"f/{step}", kind] = Invoke(f"f/{step}", kind, "", "", None, event.Policy())
        self.schedule.feed(role, event.Resolved(self.schedule.at, f"f/{step}", kind, decision, value))
        self.go()

    def where(self) -> list[tuple[str, str, str]]:
        """(role, path, kind) of every call that was settled, or that could not be made."""
        found = []
        for role, input in self.schedule.fed:
            if isinstance(input, event.Settled | event.Stuck):
                found += [(role, input.path, kind) for kind in ("do", "undo")]
        return found

    def outcome(self) -> Outcome:
        """What it came to so far, which must be what the flow means."""
        return self.schedule.check()


def name(path: str, kind: str) -> str:
    """`charge` or `charge:undo`."""
    return path.split("/", 1)[1] + (":undo" if kind == "undo" else "")


def players(lowered: ir.Flow, held: tuple[str, ...] = (), n: int = 1, **answers: Answer) -> list[Player]:
    """The flow, started in both modes and run as far as it goes by itself. `undo_x` in `answers` is `x:undo`."""
    found = []
    for mode in (Orchestrated(prepare(lowered)), Choreographed(prepare(lowered))):
        quiet = Odds(0, 0, 0, 0, 0, 0, 0, 0)
        schedule = Schedule(prepare(lowered), mode, random.Random(0), {"id": "o-1", "n": n}, [], quiet)
        said = {f"{k[5:]}:undo" if k.startswith("undo_") else k: v for k, v in answers.items()}
        player = Player(schedule, said, set(held))
        schedule.feed(mode.owner, event.Start(schedule.at, (("id", "o-1"), ("n", n))))
        player.go()
        found.append(player)
    return found


def same(both: list[Player]) -> Outcome:
    """The one outcome of both modes."""
    central, services = (player.outcome() for player in both)
    assert (central.status, central.output, central.error) == (services.status, services.output, services.error)
    assert [c.id for c in central.calls] == [c.id for c in services.calls]
    return central


def calls(outcome: Outcome) -> list[str]:
    """`charge ok`, `charge:undo ok`, ... sorted by path."""
    return [f"{name(c.id.path, c.id.kind)} {c.result}" for c in outcome.calls]


def follows(outcome: Outcome, later: str, earlier: str) -> bool:
    """Whether one call is after another, by names as in `calls`."""
    by_name: dict[str, Called] = {name(c.id.path, c.id.kind): c for c in outcome.calls}
    return by_name[earlier].id in closure(outcome.calls)[by_name[later].id]
