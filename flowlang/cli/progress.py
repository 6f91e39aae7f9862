"""What happens in a run, told on stderr while it happens: a line for each thing, or on a terminal a table that is repainted.

The machine's own words come in (`event.Input` and attempts); what leaves is a sentence that somebody can read aloud.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TextIO

from flowlang.check.screen import visible
from flowlang.cli.steps import StepOf, in_order
from flowlang.cli.summary import elapsed
from flowlang.event import (
    Arrived,
    Cancel,
    Failed,
    Fired,
    Heard,
    Input,
    Ok,
    Resolved,
    Result,
    Settled,
    Start,
    Stuck,
    Unknown,
)
from flowlang.place import bare, key

DIM, PLAIN = "\x1b[2m", "\x1b[0m"


@dataclass(slots=True)
class Lines:
    """Plain lines: the time since the first one, the step, and what happened."""

    stream: TextIO
    steps: Sequence[StepOf] = ()
    began: int | None = None

    def attempt(self, at: int, path: str, kind: str, attempt: int) -> None:
        """A call is made."""
        if attempt > 1:
            self._say(at, path, f"{'undoing, ' if kind == 'undo' else ''}attempt {attempt}")

    def took(self, at: int, input: Input, *, declined: bool = False) -> None:
        """Something was taken in and is recorded."""
        said = told(input, self.steps, declined=declined)
        self.began = at if self.began is None else self.began
        if said is not None:
            self._say(at, *said)

    def close(self) -> None:
        """Nothing follows."""

    def _say(self, at: int, path: str, what: str) -> None:
        self.began = at if self.began is None else self.began
        place = f"{path}  " if path else ""
        print(visible(f"{elapsed(at - self.began):>8}  {place}{what}"), file=self.stream, flush=True)


@dataclass(slots=True)
class Table:
    """The steps with their state, painted again in the same place; gone when the run is over, as the summary follows."""

    stream: TextIO
    steps: Sequence[StepOf]
    states: dict[str, str] = field(default_factory=dict)
    painted: int = 0

    def attempt(self, at: int, path: str, kind: str, attempt: int) -> None:
        """A call is made."""
        tries = f", attempt {attempt}" if attempt > 1 else ""
        self._set(path, f"{'being undone' if kind == 'undo' else 'under way'}{tries}")

    def took(self, at: int, input: Input, *, declined: bool = False) -> None:
        """Something was taken in and is recorded."""
        said = told(input, self.steps, declined=declined)
        if said is not None:
            self._set(*said)

    def close(self) -> None:
        """Wipe the table."""
        self._wipe()
        self.stream.flush()

    def _set(self, path: str, state: str) -> None:
        self.states[path or "the run"] = state
        self._wipe()
        size = shutil.get_terminal_size()
        paths = in_order(self.steps, self.states)
        shown = [path for path in paths if path in self.states] if len(paths) > size.lines - 2 else paths
        shown = shown[-(size.lines - 2) :]
        wide = max(map(len, shown), default=0)
        for path in shown:
            line = visible(f"  {path:<{wide}}  {self.states.get(path, '')}")[: size.columns - 1]
            self.stream.write(line + "\n")
        self.painted = len(shown)
        self.stream.flush()

    def _wipe(self) -> None:
        if self.painted:
            self.stream.write(f"\x1b[{self.painted}A\x1b[J")
        self.painted = 0


Progress = Lines | Table


def told(input: Input, steps: Sequence[StepOf] = (), *, declined: bool = False) -> tuple[str, str] | None:
    """The path that something happened to, and what, in words. None for what nobody needs to see. An event that is
    `declined` is kept: another wait may take it."""
    match input:
        case Start():
            return None
        case Heard():
            return None
        case Settled(path=path, kind=kind, results=results):
            return path, _undone(results[-1]) if _is_undo(path, kind, steps) else _done(results[-1])
        case Stuck(path=path, kind=kind, error=error):
            what = "can not be undone" if _is_undo(path, kind, steps) else "stuck"
            return path, f"{what}, {_error(error.name, error.message)}"
        case Resolved(path=path, decision=decision):
            return path, f"an operator says {decision}"
        case Fired(path=path):
            return block(path), "the pause is over" if is_pause(path) else "the time is over"
        case Arrived(path=path, event=event):
            return block(path), f"{event.type} {'is not the one that it waits for' if declined else 'has arrived'}"
        case Cancel():
            return "", "somebody cancels the run"


def _is_undo(path: str, kind: str, steps: Sequence[StepOf]) -> bool:
    """Whether a call undoes its step, which may be another flow with steps of its own; one of a compensation block undoes
    others."""
    if kind != "undo":
        return False
    alone = any(step.undoes and key(step.path) == bare(path) for step in steps)
    return not alone or any(key(step.path).startswith(f"{bare(path)}/") for step in steps)


def block(path: str) -> str:
    """The block that a user knows by the path of one of its clauses: `order/buy` for `order/buy:events`."""
    return path.partition(":")[0]


_PAUSE = re.compile(r"(\]|#\d+)$")


def is_pause(path: str) -> bool:
    """Whether a timer of `path` is that of a pause: what comes after it is an iteration, or an attempt."""
    return _PAUSE.search(path) is not None


def _done(result: Result) -> str:
    match result:
        case Ok():
            return "done"
        case Failed(error):
            return f"failed, {_error(error.name, error.message)}" if error.name else "turned back"
        case Unknown(error):
            return f"nobody knows whether it happened, {_error(error.name, error.message)}"


def _undone(result: Result) -> str:
    return "undone" if isinstance(result, Ok) else _done(result)


def _error(name: str, message: str) -> str:
    return f"{name}: {message}" if message else name
