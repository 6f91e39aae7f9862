"""The outside of a simulated run: services that honour their keys, and a ledger of every call that outlives all crashes.

A service performs a key at most once, answers the same to a key that it has performed, and performs no forward key any more
whose compensation it has performed. Everything between it and the engine may fail: a request is lost, an answer is lost, an
answer comes after the time limit, a service is down or slow. So what the ledger says of a key is true, whatever an engine
believes.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from flowlang.declared import Operation
from flowlang.event import Error, Failed, Ok, Result, Unknown, Value
from flowlang.runtime.ports import Request
from flowlang.verify.choices import Choices


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: at `seq`, `what` (begin, effect, fenced, answer, lost) happened to an attempt of a call."""

    seq: int
    at: int
    what: str
    run: str
    path: str
    kind: str
    key: str
    attempt: int
    process: str
    undoes: str = ""
    input: Value = None
    said: str = ""


@dataclass(slots=True)
class Ledger:
    """All calls of all runs, in order."""

    entries: list[Entry] = field(default_factory=list)

    def note(self, at: int, what: str, request: Request, process: str, said: str = "") -> Entry:
        """Write one line."""
        entry = Entry(
            len(self.entries),
            at,
            what,
            request.run,
            request.path,
            request.kind,
            request.key,
            request.attempt,
            process,
            request.undoes,
            request.input,
            said,
        )
        self.entries.append(entry)
        return entry

    def of(self, what: str, run: str = "") -> list[Entry]:
        """The lines of one kind, of one run or all."""
        return [entry for entry in self.entries if entry.what == what and run in ("", entry.run)]


class Now(Protocol):
    """The time at the outside."""

    def now(self) -> int:
        """Milliseconds since 1970 UTC."""
        ...


@dataclass(frozen=True, slots=True)
class Trouble:
    """How often calls go wrong, in percent: an answer that fails, a request or answer that is lost, one that is late, a bug
    in a handler."""

    failed: int = 12
    lost: int = 6
    late: int = 4
    bug: int = 3
    down: int = 4


NO_TROUBLE = Trouble(0, 0, 0, 0, 0)


class Outside:
    """All services of the operations of some flows, which answer with variations of `answers`. `fault` is told of everything
    that goes wrong."""

    def __init__(
        self,
        operations: Mapping[tuple[str, str], Operation],
        answers: Mapping[tuple[str, str], Value],
        choices: Choices,
        trouble: Trouble,
        fault: Callable[[str], None],
        now: Now,
    ) -> None:
        self.ledger = Ledger()
        self.performed: dict[str, Result] = {}
        self.fenced: set[str] = set()
        self._operations = operations
        self._examples = answers
        self._choices = choices
        self._trouble = trouble
        self._fault = fault
        self._now = now
        self._down: dict[str, int] = {}  # service -> until when
        self._buggy: Counter[str] = Counter()

    async def call(self, request: Request, process: str) -> Result:
        """One attempt, as the engine sees it."""
        choices, trouble = self._choices, self._trouble
        self.ledger.note(self._now.now(), "begin", request, process)
        if self._down.get(request.service, 0) > self._now.now():
            return self._unknown(request, "Unavailable", "the service is down")
        drawn = choices.below(100)
        bounds = [100 - trouble.down, -trouble.bug, -trouble.late, -trouble.lost]
        down, bug, late, lost = (sum(bounds[: n + 1]) for n in range(4))
        if drawn >= down:
            self._fault("dead service")
            self._down[request.service] = self._now.now() + 100 * (1 + choices.below(200))
            return self._unknown(request, "Unavailable", "the service is down")
        if drawn >= bug:
            self._fault("handler bug")
            return self._unknown(request, "HandlerError", "an exception that nobody declared")
        if drawn >= late:
            return await self._late(request, process)
        if drawn >= lost:
            return self._lost(request, process)
        took = choices.pick((0, 0, 1, 20, 400))
        if took:
            await asyncio.sleep(took / 1000)
        return self.perform(request, process)

    async def _late(self, request: Request, process: str) -> Result:
        """The answer comes after the time limit; the effect happens early, late, or after the engine has died."""
        self._fault("slow service")
        early = self._choices.below(2)
        if early:
            self.perform(request, process)
        try:
            await asyncio.sleep(request.timeout / 1000)
        finally:  # a request on the wire arrives, whatever becomes of who sent it
            if not early:
                asyncio.get_running_loop().call_later(self._choices.below(5), self.perform, request, process)
        return self._unknown(request, "Timeout", "no answer in time")

    def _lost(self, request: Request, process: str) -> Result:
        if self._choices.below(2):
            self._fault("lost request")
        else:
            self._fault("lost answer")
            self.perform(request, process)
        return self._unknown(request, "Unavailable", "nothing came back")

    def perform(self, request: Request, process: str) -> Result:
        """What the service does with a request: its effect, once for each key."""
        known = self.performed.get(request.key)
        if known is None:
            if request.key in self.fenced:
                self.ledger.note(self._now.now(), "fenced", request, process)
                return self._unknown(request, "Unavailable", "it was undone before it began")
            known = self.performed[request.key] = self._decided(request)
            if request.undoes:
                self.fenced.add(request.undoes)
            if isinstance(known, Ok):
                self.ledger.note(self._now.now(), "effect", request, process)
        self.ledger.note(self._now.now(), "answer", request, process, type(known).__name__)
        return known

    def _decided(self, request: Request) -> Result:
        operation = self._operations[request.service, request.operation]
        if request.kind == "do" and operation.errors and self._choices.below(100) >= 100 - self._trouble.failed:
            return Failed(Error(self._choices.pick(operation.errors), "no", request.path))
        example = self._examples[request.service, request.operation]
        return Ok(varied(operation, example, self._choices))

    def _unknown(self, request: Request, name: str, message: str) -> Result:
        return Unknown(Error(name, message, request.path))


def varied(operation: Operation, answer: Value, choices: Choices) -> Value:
    """An answer of an operation: its example, with whole numbers, truths and choices of the contract drawn."""
    properties: Any = operation.output.get("properties", {})
    if not isinstance(answer, dict) or not isinstance(properties, dict):
        return answer
    made = dict(answer)
    for name, schema in properties.items():
        if name not in made or not isinstance(schema, dict):
            continue
        if isinstance(schema.get("enum"), list):
            made[name] = choices.pick(schema["enum"])
        elif schema.get("type") == "boolean":
            made[name] = bool(choices.below(2))
        elif schema.get("type") == "integer" and not {"minimum", "maximum", "multipleOf"} & set(schema):
            made[name] = choices.below(4)
    return made
