"""A machine of a few lines for tests of the driver: it does a list of things in order, and undoes what it did.

    a           call step a; when a later one fails its compensation is called
    wait:T:v    listen for an event of type T whose `id` is v, until a timer after an hour (wait:T:v:f, whose `f` is v)
    emit:T      publish an event of type T with the id "e"
    tell:s      (choreography) let service s do its own list, and go on when it has answered

A flow is a list of these for each role, stored as JSON. `callers` makes a ledger that outlives the engine.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flowlang import event
from flowlang.event import Effect, Error, Failed, Input, Message, Ok, Policy, Result, Unknown
from flowlang.runtime.ports import Request
from flowlang.runtime.programs import Installation, Machine, Share
from flowlang.runtime.setting import Setting
from flowlang.runtime.store import ENGINE, FlowRow, ListenRow
from flowlang.values import wire_dumps, wire_loads

HOUR = 3_600_000


class NotOurs(Exception):
    """The message is for nobody here."""


@dataclass
class Program:
    role: str
    hash: str
    todo: list[str]
    policy: Policy


@dataclass
class State:
    run: str
    started: int
    place: int = 0
    status: str = "open"
    undoing: list[str] = field(default_factory=list)
    verdict: str = ""
    stuck: list[tuple[str, str]] = field(default_factory=list)
    caller: str = ""  # the service that let us begin
    waiting: bool = False
    history: list[str] = field(default_factory=list)


def initial(program: Program, run: str, started: int) -> State:
    return State(run, started)


def advance(program: Program, state: State, input: Input) -> list[Effect]:
    state.history.append(type(input).__name__)
    match input:
        case event.Start():
            return _go_on(program, state, input.at)
        case event.Heard(_, message):
            return _heard(program, state, message, input.at)
        case event.Settled(_, path, "do", results):
            if isinstance(results[-1], Ok):
                state.place += 1
                return _turn_back(program, state) if state.verdict else _go_on(program, state, input.at)
            state.verdict = state.verdict or "failed"
            if isinstance(results[-1], Unknown):
                return [event.Invoke(path, "undo", "svc", "undo", {}, program.policy, event.CANCELLED)]
            return _turn_back(program, state)
        case event.Settled(_, _, _, _):
            return _turn_back(program, state)
        case event.Stuck(_, path, kind, _, _, _):
            state.stuck.append((path, kind))
            return []
        case event.Resolved(_, path, kind, decision, _, _):
            if (path, kind) not in state.stuck:
                return []
            state.stuck.remove((path, kind))
            if decision == "retry":
                return []
            if kind == "do":
                state.place += 1
                return _go_on(program, state, input.at)
            return _turn_back(program, state)
        case event.Fired(_, path):
            state.waiting = False
            state.place += 1
            return [event.Disarm(path), *_go_on(program, state, input.at)]
        case event.Arrived(_, path, external):
            if not state.waiting or external.data.get("sour"):
                return [event.Declined(path, external.id)]
            state.waiting = False
            state.place += 1
            leave = [event.Took(path, external.id), event.Disarm(path), event.StopTimer(path)]
            return [*leave, *_go_on(program, state, input.at)]
        case event.Cancel():
            if state.verdict or state.status != "open":
                return []
            state.verdict = "cancelled"
            path = _path(program, state.place)
            if state.waiting:
                state.waiting = False
                return [event.Disarm(path), event.StopTimer(path), *_turn_back(program, state)]
            return [event.Halt(path)]
    raise AssertionError(input)


def _path(program: Program, place: int) -> str:
    return (
        f"flow/{program.todo[place].split(':')[0]}{place}"
        if ":" in program.todo[place]
        else f"flow/{program.todo[place]}"
    )


def _go_on(program: Program, state: State, at: int) -> list[Effect]:
    effects: list[Effect] = []
    while state.place < len(program.todo):
        word, *rest = program.todo[state.place].split(":")
        path = _path(program, state.place)
        match word:
            case "wait":
                state.waiting = True
                field = rest[2] if rest[2:] else "id"
                return [*effects, event.Arm(path, rest[0], field, rest[1]), event.SetTimer(path, at + HOUR)]
            case "emit":
                effects.append(event.Publish(path, rest[0], {"id": "e"}))
                state.place += 1
            case "tell":
                return [*effects, _send(program, state, rest[0], f"{program.role}.asks")]
            case _:
                return [*effects, event.Invoke(path, "do", "svc", word, {"n": state.place}, program.policy)]
    if state.caller:
        state.status = "closed"
        return [*effects, _send(program, state, state.caller, f"{program.role}.done")]
    state.status = "completed"
    return [*effects, event.Finish("completed")]


def _send(program: Program, state: State, to: str, name: str) -> Effect:
    id = event.message_id(state.run, program.hash, name, (state.place,))
    return event.Send(to, Message(id, state.run, state.started, "flow", program.hash, name))


def _heard(program: Program, state: State, message: Message, at: int) -> list[Effect]:
    role, _, word = message.name.partition(".")
    if word == "asks":
        state.caller = role
        return _go_on(program, state, at)
    if word == "done":
        state.place += 1
        return _go_on(program, state, at)
    raise NotOurs(f"nobody hears {message.name}")


def _turn_back(program: Program, state: State) -> list[Effect]:
    if not state.undoing:
        state.undoing = [f"flow/{word}" for word in program.todo[: state.place] if ":" not in word] + [""]
    while state.undoing[-1:] == [""]:
        state.undoing.pop()
    if state.undoing:
        path = state.undoing.pop()
        state.undoing = state.undoing or ["", ""][:1]
        return [event.Invoke(path, "undo", "svc", "undo", {}, program.policy, event.CANCELLED)]
    state.status = state.verdict
    return [event.Finish(state.verdict)]


MACHINE = Machine(
    initial,
    advance,
    lambda _, state: [(*one, "") for one in state.stuck],
    lambda state: state.status != "open",
    (NotOurs,),
)


def load(hash: str, mode: str, role: str, body: str) -> Share:
    data = wire_loads(body)
    policy = Policy(
        **{name: tuple(value) if isinstance(value, list) else value for name, value in data["policy"].items()}
    )
    program = Program(role, hash, data["todo"], policy)
    return Share(hash, mode, role, "flow", MACHINE, program, {})


def central(
    *todo: str, hash: str = "h", to: str = "one", name: str = "flow", gate: str = "", **policy: Any
) -> Installation:
    """A flow for the engine; `gate` is an event type that starts it."""
    return _installation({ENGINE: list(todo)}, "orchestrate", ENGINE, hash, to, name, gate, policy)


def service(
    owner: str,
    hash: str = "h",
    to: str = "one",
    *,
    gate: str = "",
    policy: dict[str, Any] | None = None,
    **todo: list[str],
) -> Installation:
    """A flow for services, each with its list."""
    return _installation(todo, "choreograph", owner, hash, to, "flow", gate, policy or {})


def _installation(
    todo: dict[str, list[str]], mode: str, owner: str, hash: str, to: str, name: str, gate: str, policy: dict[str, Any]
) -> Installation:
    shares = {role: wire_dumps({"todo": words, "policy": policy}) for role, words in todo.items()}
    listens: dict[str, set[str]] = {gate: {owner}} if gate else {}
    fields = {"id"}
    for role, words in todo.items():
        for word, *rest in (entry.split(":") for entry in words):
            if word in ("wait", "emit"):
                listens.setdefault(rest[0], set()).update({role} if word == "wait" else ())
                fields.update(rest[2:])
    rows = tuple(
        ListenRow(type, 10 * HOUR, to, "{}", tuple(sorted(roles)), tuple(sorted(fields)))
        for type, roles in listens.items()
    )
    text = wire_dumps({"type": gate, "bind": "e", "where": None, "key": None}) if gate else ""
    return Installation(FlowRow(hash, mode, name, owner, text), shares, rows)


@dataclass
class Ledger:
    """What the outside saw: every call by key. It answers by `says`, which gets the request, else with ok."""

    says: Callable[[Request], Result | None] = lambda request: None
    calls: list[Request] = field(default_factory=list)
    gate: asyncio.Event | None = None  # calls come back only once this is set

    def callers(self, setting: Setting) -> Ledger:
        return self

    async def call(self, request: Request) -> Result:
        self.calls.append(request)
        if self.gate is not None:
            await self.gate.wait()
        return self.says(request) or Ok({"by": request.operation})

    def effects(self) -> list[tuple[str, str]]:
        """Path and kind of each call, by first call of its key."""
        return list({request.key: (request.path, request.kind) for request in self.calls}.values())

    def by_key(self) -> Counter[str]:
        return Counter(request.key for request in self.calls)


def failing(step: str, result: Result, times: int = 10**9) -> Callable[[Request], Result | None]:
    """Says `result` to the first `times` calls of `step` (`step:undo` for its compensation)."""
    left = [times]
    path, _, kind = step.partition(":")

    def says(request: Request) -> Result | None:
        if request.path == f"flow/{path}" and request.kind == (kind or "do") and left[0] > 0:
            left[0] -= 1
            return result
        return None

    return says


def declined(name: str = "Declined") -> Failed:
    return Failed(Error(name, "no", ""))


def unknown(name: str = "Timeout") -> Unknown:
    return Unknown(Error(name, "who knows", ""))
