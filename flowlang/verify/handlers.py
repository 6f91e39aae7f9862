"""The user's own handlers in a simulation: each call is made again under its key now and then, and must do nothing more.

A handler is not idempotent when a second call under one key is answered otherwise, or changes what the first one left in the
variables of its modules. While one handler runs no other does, so whatever changes is its own doing.
"""

from __future__ import annotations

import asyncio
import sys
import types
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from flowlang import ir
from flowlang.event import Failed, Ok, Result
from flowlang.runtime.callers import SERVICES, callers
from flowlang.runtime.ports import Caller, Request
from flowlang.runtime.setting import Setting
from flowlang.verify.outside import operations_of
from flowlang.verify.process import Services
from flowlang.verify.replay import Broken

MOST = 2_000  # characters of a variable that are looked at


def of_folder(folder: str, flow: ir.Flow) -> Services:
    """Whoever answers the calls of a run with the handlers of this folder. Raises HandlersUnusable when it is called."""
    once = {name for name, operation in operations_of(flow).items() if not operation.idempotent}
    seen = _Seen()

    def made(setting: Setting) -> Caller:
        inner = callers(replace(setting, options={SERVICES: str(Path(folder))}))
        return _Twice(inner, once, seen)

    return made


@dataclass(slots=True)
class _Seen:
    answers: dict[str, Result] = field(default_factory=dict)
    lock: asyncio.Lock | None = None
    loop: asyncio.AbstractEventLoop | None = None

    def alone(self) -> asyncio.Lock:
        """The lock of this simulation; each has a loop of its own."""
        loop = asyncio.get_running_loop()
        if self.lock is None or self.loop is not loop:
            self.lock, self.loop = asyncio.Lock(), loop
            self.answers.clear()  # another history: the same keys mean other calls
        return self.lock


@dataclass(slots=True)
class _Twice:
    inner: Caller
    once: set[tuple[str, str]]
    seen: _Seen

    async def call(self, request: Request) -> Result:
        """One attempt, and where it was ok a second one that nobody asked for."""
        async with self.seen.alone():
            first = await self._compared(request)
            if isinstance(first, Ok) and (request.service, request.operation) not in self.once:
                await self._compared(request)
            return first

    async def _compared(self, request: Request) -> Result:
        known = self.seen.answers.get(request.key)
        before = variables() if isinstance(known, Ok) else {}
        result = await self.inner.call(request)
        if isinstance(known, Ok):
            self._must_be_same(request, known, result, before)
        elif isinstance(result, Ok | Failed):
            self.seen.answers[request.key] = result
        return result

    def _must_be_same(self, request: Request, known: Ok, result: Result, before: Mapping[str, str]) -> None:
        who = f"`{request.service}.{request.operation}` at {request.path} ({request.kind}), key {request.key}"
        if isinstance(result, Ok) and result.value != known.value:
            raise Broken(f"{who}, is not idempotent: it answered {known.value!r}, and then {result.value!r}")
        if isinstance(result, Failed):
            raise Broken(
                f"{who}, is not idempotent: it answered {known.value!r}, and then failed with {result.error.name}"
            )
        after = variables()
        for name in sorted(after):
            if before.get(name) != after[name]:
                said = f"`{name}` was {before.get(name)} after the first effect, and {after[name]} after the second"
                raise Broken(f"{who}, is not idempotent: {said}")


def variables() -> dict[str, str]:
    """What the modules of handlers keep in their variables, as text."""
    found: dict[str, str] = {}
    for name, module in sorted(sys.modules.items()):
        if name.startswith("_flowlang_services_"):
            short = name.partition(".")[2] or "__init__"
            for variable, value in vars(module).items():
                if not variable.startswith("__") and _is_data(value):
                    found[f"{short}.{variable}"] = repr(value)[:MOST]
    return found


def _is_data(value: Any) -> bool:
    return not isinstance(value, types.ModuleType | types.FunctionType | type) and isinstance(
        value, dict | list | set | tuple | int | float | str
    )
