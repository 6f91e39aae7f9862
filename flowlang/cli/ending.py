"""How a run ends for whoever asked for it: driven until nothing goes on by itself, reported, compared, one exit status."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass

from flowlang import ir
from flowlang.check.screen import visible
from flowlang.cli.progress import elapsed
from flowlang.cli.screen import data, talk
from flowlang.cli.status import CANCELLED, DONE, FAILED, FINDINGS, STUCK, WAITS
from flowlang.cli.summary import Attempts, Known, summary
from flowlang.event import Failed, Ok, Unknown
from flowlang.lifecycle import OVER, Item
from flowlang.report import Report, report
from flowlang.runtime import view
from flowlang.runtime.clock import VirtualClock
from flowlang.runtime.engine import Engine
from flowlang.runtime.player import play
from flowlang.runtime.setting import RealClock
from flowlang.runtime.sqlite import SqliteStore
from flowlang.runtime.store import RunRow
from flowlang.scenario.compare import differences
from flowlang.scenario.tree import Scenario
from flowlang.values import Timestamp, plain_dumps

STATUSES = {"completed": DONE, "failed": FAILED, "cancelled": CANCELLED, "stuck": STUCK}


@dataclass(frozen=True, slots=True)
class Told:
    """What a command says at its end: its exit status, what goes to stdout, what goes to stderr."""

    status: int
    data: str
    talk: str = ""

    def say(self) -> int:
        """Print it; the exit status."""
        data(self.data)
        if self.talk:
            talk(self.talk)
        return self.status


async def drive(engine: Engine, clock: RealClock, run: str, scenario: Scenario, *, follow: bool) -> None:
    """Let the run, and whatever its events start, go on until nothing goes on by itself. A virtual clock is followed to
    its end, since waiting costs nothing there."""
    before = {row.run for row in view.runs(engine.store)}
    follow = follow or isinstance(clock, VirtualClock)
    if scenario.happenings:
        await _play(engine, clock, run, scenario, follow)
    else:
        await engine.until(run, follow=follow)
    await engine.quiet()
    while started := {row.run for row in view.runs(engine.store)} - before:
        before |= started
        for other in sorted(started):
            await engine.until(other, follow=follow)
        await engine.quiet()


async def _play(engine: Engine, clock: RealClock, run: str, scenario: Scenario, follow: bool) -> None:
    """Drive the run while the scenario's events happen."""
    started = view.run(engine.store, run).started
    player = asyncio.ensure_future(_held(engine, play(engine, clock, run, started, scenario.happenings)))
    try:
        while await _next(engine, run, player, follow) not in OVER and not player.done():
            await player
    finally:
        player.cancel()


async def _held(engine: Engine, playing: Awaitable[None]) -> None:
    with engine.held():
        await playing


async def _next(engine: Engine, run: str, player: asyncio.Future[None], follow: bool) -> str:
    """What the run comes to next. A mistake that the player finds counts first."""
    until = asyncio.ensure_future(engine.until(run, follow=follow))
    await asyncio.wait({until, player}, return_when=asyncio.FIRST_COMPLETED)
    if player.done():
        player.result()
    return await until


def told(
    store: SqliteStore, runs: Sequence[str], flows: Sequence[ir.Flow], scenario: Scenario, now: int, *, as_json: bool
) -> Told:
    """What is said of `runs`, the first of which is the one that was asked for."""
    rows = {row.run: row for row in view.runs(store)}
    reports = []
    texts = []
    for run in runs:
        row = rows[run]
        outcome = view.outcome(store, run)
        reports.append(report(outcome, run, row.flow, row.hash, row.mode))
        if not as_json:
            texts.append(_text(store, row, flows, now))
    said = "\n".join(map(plain_dumps, reports)) if as_json else "\n\n".join(texts)
    status = status_of(reports)
    if scenario.expect is None:
        return Told(status, said)
    wrong = differences(scenario.expect, reports[0])
    if wrong:
        return Told(FINDINGS, said, "error: the run is not as the scenario expects\n  " + "\n  ".join(map(str, wrong)))
    return Told(DONE, said, "as the scenario expects")


def status_of(reports: Sequence[Report]) -> int:
    """The exit status of a run: what the first, which was asked for, came to."""
    return STATUSES.get(reports[0]["status"], WAITS)


def _text(store: SqliteStore, row: RunRow, flows: Sequence[ir.Flow], now: int) -> str:
    outcome = view.outcome(store, row.run)
    flow = next((flow for flow in flows if flow.name == row.flow), None)
    steps = [] if flow is None else steps_of(flow)
    head = f"run {row.run} of {row.flow}, {row.mode}, {elapsed((row.ended or now) - row.started)}"
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    return summary(outcome, head, steps, known_of(store, row.run), waiting(store, row.run, now), width)


def steps_of(flow: ir.Flow) -> list[tuple[str, str]]:
    """The steps of a flow in its order, with their operations."""
    steps = [node for node in ir.walk(flow.body) if isinstance(node, ir.Step)]
    return [(step.path, f"{step.operation.service}.{step.operation.name}") for step in steps]


def known_of(store: SqliteStore, run: str) -> Known:
    """Attempts and the last output or error of each call."""
    known: Known = {}
    for row in view.steps(store, run):
        item = row.item
        last = item.results[-1] if item.results else None
        match last:
            case Ok(value):
                found = Attempts(item.attempts, value, True)
            case Failed(error) | Unknown(error):
                found = Attempts(item.attempts, error=error)
            case None:
                found = Attempts(item.attempts)
        known[item.call.path, item.call.kind] = found
    return known


def waiting(store: SqliteStore, run: str, now: int) -> Iterator[str]:
    """Why a run does not go on by itself just now, a sentence for each reason."""
    for row in view.steps(store, run):
        said = _call(run, row.item, now)
        if said:
            yield said
    due = {timer.path: timer.due for timer in view.timers(store, run)}
    waits = view.waits(store, run)
    for wait in waits:
        limit = f", until {Timestamp.of_ms(due[wait.path])}" if wait.path in due else ""
        yield visible(f"{wait.path} waits for {wait.type} with {wait.field} {wait.value}{limit}")
    for path in sorted(set(due) - {wait.path for wait in waits}):
        yield visible(f"{path} waits until {Timestamp.of_ms(due[path])}")


def _call(run: str, item: Item, now: int) -> str:
    name = f"{item.call.path}{', being undone,' if item.call.kind == 'undo' else ''}"
    tried = f"{item.attempts} attempt{'' if item.attempts == 1 else 's'}"
    why = f": {_error(item.last)}" if isinstance(item.last, Failed | Unknown) else ""
    match item.state:
        case "stuck":
            words = "retry|skip|done" if item.call.kind == "undo" else "retry|done|fail"
            return f"{name} is stuck after {tried}{why}\n    say how it goes on: flowlang resolve {run} {item.call.path} {words}"
        case "backoff":
            return f"{name} is tried again in {elapsed(max(item.due - now, 0))}, after {tried}{why}"
        case "running":
            return f"{name} is under way, attempt {item.attempts}"
        case "ready":
            return f"{name} is about to be called"
        case _:
            return ""


def _error(result: Failed | Unknown) -> str:
    return visible(f"{result.error.name}: {result.error.message}" if result.error.message else result.error.name)
