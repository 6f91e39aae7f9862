"""What the driver needs from outside: somebody who calls operations, and a clock. Stand-ins and simulators
implement the same two words as the real thing."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from flowlang.event import EffectId, Reason, Result, Value, key_of


class Request(NamedTuple):
    """One attempt of one call. `number` is that of its idempotency key; an undo also has in `undone` the number of the call
    that it undoes, and why. `attempt` counts from 1 over the whole step; `answered` of the attempts before it
    have a recorded result (the others died with their process); `timeout` is in milliseconds."""

    run: str
    flow: str
    path: str
    kind: str  # do | undo
    service: str
    operation: str
    input: Value
    number: int
    attempt: int
    timeout: int
    undone: int = 0
    reason: Reason | None = None
    answered: int = 0

    @property
    def key(self) -> str:
        """The idempotency key. Worked out when somebody asks: nearly no handler does."""
        return key_of(self.run, EffectId(self.path, self.kind, self.number))

    @property
    def undoes(self) -> str:
        """The idempotency key of the call that an undo undoes, else ""."""
        return key_of(self.run, EffectId(self.path, "do", self.undone)) if self.kind == "undo" else ""


class ScenarioMistake(RuntimeError):
    """The scenario does not say what the run needs: no answer of anybody, so nothing is recorded and the run stops."""


class Caller(Protocol):
    """Calls operations. Never raises for what a handler does: a declared error is `Failed`; a time limit, an
    unreachable service, an undeclared exception or an unusable answer is `Unknown` with the error's name. One that can
    tell of a result without anybody waiting for it has a method `begin` besides (see `Handlers`)."""

    async def call(self, request: Request) -> Result:
        """The result of one attempt, with the output conformed to the operation's schema."""
        ...


class Clock(Protocol):
    """The time that decides: milliseconds since 1970 UTC."""

    def now(self) -> int:
        """The present time."""
        ...

    async def sleep_until(self, due: int) -> None:
        """Return at `due` or later, never earlier."""
        ...

    def nap(self, left: int) -> float:
        """The seconds to sleep at once when `left` milliseconds are left: a clock that may be set is looked at again."""
        ...
