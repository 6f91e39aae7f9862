"""What the driver needs from outside: somebody who calls operations, and a clock. Stand-ins and simulators
implement the same two words as the real thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from flowlang.event import Reason, Result, Value


@dataclass(frozen=True, slots=True)
class Request:
    """One attempt of one call. `key` is the idempotency key; an undo also names `undoes`, the key of the call
    that it undoes, and why. `attempt` counts from 1 over the whole step; `answered` of the attempts before it
    have a recorded result (the others died with their process); `timeout` is in milliseconds."""

    run: str
    flow: str
    path: str
    kind: str  # do | undo
    service: str
    operation: str
    input: Value
    key: str
    attempt: int
    timeout: int
    undoes: str = ""
    reason: Reason | None = None
    answered: int = 0


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
