"""A command's time as the engine of a store: opened, driven until nothing goes on by itself, told about, closed.

stdout is data, so while handlers run what they print goes to stderr.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from flowlang.cli.progress import Lines, Progress, Table
from flowlang.cli.screen import colour, talk
from flowlang.cli.status import FINDINGS, UNREACHABLE, USAGE, Drained, Stop
from flowlang.cli.steps import StepOf
from flowlang.runtime import blocking, damage, failpoint
from flowlang.runtime.callers import HandlersUnusable, callers
from flowlang.runtime.clock import SystemClock, run_virtual
from flowlang.runtime.engine import Engine
from flowlang.runtime.lock import StoreOwned
from flowlang.runtime.loop import run_loop
from flowlang.runtime.ports import ScenarioMistake
from flowlang.runtime.processes import ServiceDied
from flowlang.runtime.setting import Crash, Notice, RealClock
from flowlang.runtime.store import RuntimeRefusal, StoreError

T = TypeVar("T")

STORE = ".flowlang/state.db"
MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class Session:
    """What an engine is opened with. `virtual` is the time at which a virtual clock begins, or None for the real one."""

    store: str = STORE
    virtual: int | None = None
    crash: Crash = field(default_factory=Crash)
    quiet: bool = False
    steps: Sequence[StepOf] = field(default=())  # shown in the live table
    processes: bool = False
    durability: str = "full"

    def drive(self, main: Callable[[Engine, RealClock], Awaitable[T]]) -> T:
        """What `main` gives, run with an engine. Whatever stops an engine is said in a sentence."""
        failpoint.set_hook(failpoint.from_environment(os.environ.get(failpoint.VARIABLE)))
        try:
            with damage.blamed(self.store), contextlib.redirect_stdout(sys.stderr), blocking.watched(_note):
                if self.virtual is None:
                    return run_loop(self._with(main, SystemClock()))
                return run_virtual(lambda clock: self._with(main, clock), self.virtual)
        except asyncio.CancelledError:  # drained, because the process was asked to end
            raise Drained from None
        except StoreOwned as error:
            said = f"{error}; `send`, `cancel` and `resolve` reach it there, `runs` and `show` can read beside it"
            raise Stop(UNREACHABLE, said) from error
        except ServiceDied as error:
            raise Stop(FINDINGS if error.unusable else UNREACHABLE, str(error)) from error
        except StoreError as error:
            raise Stop(UNREACHABLE, str(error)) from error
        except RuntimeRefusal as error:
            raise Stop(USAGE, str(error)) from error
        except HandlersUnusable as error:
            raise Stop(FINDINGS, str(error).removeprefix("error: ")) from error
        except ScenarioMistake as error:
            raise Stop(FINDINGS, f"{error}; the run stops here") from error

    def create(self) -> None:
        """Make the folder of the store, for the one command that begins with nothing."""
        if self.store != MEMORY:
            with contextlib.suppress(OSError):  # the engine says what is wrong with the place
                Path(self.store).parent.mkdir(parents=True, exist_ok=True)

    async def _with(self, main: Callable[[Engine, RealClock], Awaitable[T]], clock: RealClock) -> T:
        progress = self._progress()
        opened = Engine.open(
            self.store,
            callers=callers,
            clock=clock,
            notice=_telling(progress),
            crash=self.crash,
            poll=self.virtual is None,
            jitter=random.random if self.virtual is None else _steady,
            processes=self.processes,
            durability=self.durability,
            say=_note,
            direct=not failpoint.is_of_bus(os.environ.get(failpoint.VARIABLE)),
        )
        try:
            async with opened as engine:
                _drain_on_term(engine)
                return await main(engine, clock)
        finally:
            if progress is not None:
                progress.close()

    def _progress(self) -> Progress | None:
        if self.quiet:
            return None
        return Table(sys.__stderr__ or sys.stderr, self.steps) if colour(sys.stderr) else Lines(sys.stderr, self.steps)


def _note(said: str) -> None:
    talk(f"note: {said}")


def _steady() -> float:
    """The jitter of a scenario's back-offs: it must say the same thing every time."""
    return 0.5


def _telling(progress: Progress | None) -> Callable[[Notice], None] | None:
    if progress is None:
        return None

    def tell(notice: Notice) -> None:
        if notice.input is None:
            progress.attempt(notice.at, notice.path, notice.kind, notice.attempt)
        else:
            progress.took(notice.at, notice.input, declined=notice.declined)

    return tell


def _drain_on_term(engine: Engine) -> None:
    """A polite end: no new calls, what runs is waited for and recorded."""
    me = asyncio.current_task()
    loop = asyncio.get_running_loop()

    async def drain() -> None:
        await engine.drain()
        if me is not None:
            me.cancel()

    draining: list[asyncio.Task[None]] = []

    def begin() -> None:
        draining.append(loop.create_task(drain()))

    loop.add_signal_handler(signal.SIGTERM, begin)
