"""Who answers the calls of a run: a stand-in where its scenario says so, else the user's handlers, else the examples.

Put together from what was stored with the run, so that whoever goes on with it after a crash, in whichever process, asks
the same.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from flowlang.event import Result
from flowlang.runtime.answer import Answers, Examples
from flowlang.runtime.clock import SystemClock
from flowlang.runtime.handlers import Handlers, load
from flowlang.runtime.isolated import Isolated
from flowlang.runtime.ports import Caller, Request
from flowlang.runtime.standin import StandIn
from flowlang.scenario.tree import from_value
from flowlang.values import wire_loads

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from flowlang.runtime.setting import Setting

SCENARIO, SERVICES, ISOLATE = "scenario", "services", "isolate"
"""The options that are stored with a run: the scenario's value as wire JSON, the folder of handlers, and (if not "") that
they are called in processes of their own."""


class HandlersUnusable(Exception):
    """The files of handlers can't be used. Its text is for the user."""


def callers(setting: Setting) -> Caller:
    """The caller for one run at one role. Raises HandlersUnusable."""
    folder, stored = setting.options.get(SERVICES, ""), setting.options.get(SCENARIO)
    name = f"{folder}|{setting.options.get(ISOLATE, '')}"
    caller = setting.kept.get(name)
    if caller is None:
        caller = setting.kept[name] = _for_all_runs(setting, folder)
    if not stored:
        return caller
    answers = Answers(setting.operations.values())
    return StandIn(from_value(wire_loads(stored)), answers, setting.clock, setting.recorded, caller)


def _for_all_runs(setting: Setting, folder: str) -> Caller:
    """Handlers where there are some, else the examples: the same for all runs of one flow."""
    answers = Answers(setting.operations.values())
    caller: Caller = Examples(answers)
    if folder:
        handlers, problems = load(Path(folder), setting.operations.values())
        errors = [str(problem) for problem in problems if problem.severity == "error"]
        if errors:
            raise HandlersUnusable("\n\n".join(errors))
        isolated = setting.options.get(ISOLATE)
        caller = Isolated(folder, setting.operations.values()) if isolated else Handlers(handlers, answers, caller)
        if not isinstance(setting.clock, SystemClock):
            caller = _InRealTime(caller, setting.clock.real)
    return caller


class _InRealTime:
    """Keeps a virtual clock from jumping while the user's own code runs."""

    def __init__(self, caller: Caller, real: Callable[[], AbstractContextManager[None]]) -> None:
        self._caller = caller
        self._real = real

    async def call(self, request: Request) -> Result:
        """One attempt. See `Caller`."""
        with self._real():
            return await self._caller.call(request)
