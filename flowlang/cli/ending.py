"""How a run ends for whoever asked for it: driven until nothing goes on by itself, reported, compared, one exit status."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flowlang import ir
from flowlang.check.screen import visible
from flowlang.cli.progress import block, is_pause
from flowlang.cli.screen import data, talk
from flowlang.cli.status import CANCELLED, DONE, FAILED, FINDINGS, STUCK, WAITS
from flowlang.cli.steps import steps_in, steps_of
from flowlang.cli.summary import Attempts, Known, elapsed, summary
from flowlang.cli.unheard import unheard
from flowlang.event import Failed, Ok, Outcome, Unknown
from flowlang.lifecycle import OVER, Item
from flowlang.report import Report, report
from flowlang.runtime import view
from flowlang.runtime.clock import VirtualClock
from flowlang.runtime.engine import Engine
from flowlang.runtime.player import play
from flowlang.runtime.ports import ScenarioMistake
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


async def drive(
    engine: Engine, clock: RealClock, run: str, scenario: Scenario, *, follow: bool
) -> ScenarioMistake | None:
    """Let the run, and whatever its events start, go on until nothing goes on by itself. A virtual clock is followed to
    its end, since waiting costs nothing there. Returns the mistake of the scenario that has stopped the engine, if one
    has: what came before it can be told."""
    try:
        await _drive(engine, clock, run, scenario, follow)
    except ScenarioMistake as mistake:
        return mistake
    return None


async def _drive(engine: Engine, clock: RealClock, run: str, scenario: Scenario, follow: bool) -> None:
    before = {row.run for row in view.runs(engine.store)}
    follow = follow or isinstance(clock, VirtualClock)
    if scenario.happenings:
        await _play(engine, clock, run, scenario, follow)
    else:
        await _follow(engine, clock, run, follow)
    await engine.quiet()
    while started := {row.run for row in view.runs(engine.store)} - before:
        before |= started
        for other in sorted(started):
            await engine.until(other, follow=follow)
        await engine.quiet()


async def _follow(engine: Engine, clock: RealClock, run: str, follow: bool) -> None:
    """Drive the run; whoever stays with one that waits is told what for."""
    if await engine.until(run) == "waits" and follow:
        if not isinstance(clock, VirtualClock):
            talk("\n".join(f"          {sentence}" for sentence in waiting(engine.store, run, clock.now())))
        await engine.until(run, follow=True)


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
    both: set[asyncio.Future[Any]] = {until, player}
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    if player.done() and player.exception() is not None:
        until.cancel()
        player.result()
    return await until


def stopped(end: Told, mistake: ScenarioMistake | None) -> Told:
    """`end`, or the end of a run that a mistake of its scenario has stopped. What was expected counts no more, and nobody
    is sent to `resume`: the scenario is stored with the run, which would come to the same place again."""
    return end if mistake is None else Told(FINDINGS, end.data, f"error: {mistake}; the run stops here")


def told(
    store: SqliteStore,
    runs: Sequence[str],
    scenario: Scenario,
    now: int,
    *,
    as_json: bool,
    flows: Sequence[ir.Flow] = (),
) -> Told:
    """What is said of `runs`, the first of which is the one that was asked for. `flows` are known beside the store."""
    reports = []
    texts = []
    for run in runs:
        row = view.run(store, run)
        outcome = view.outcome(store, run)
        reports.append(report(outcome, run, row.flow, row.hash, row.mode))
        if not as_json:
            texts.append(_text(store, row, outcome, flows, now))
    said = "\n".join(map(plain_dumps, reports)) if as_json else "\n\n".join(texts)
    status = status_of(reports[0]) if reports else DONE
    notes = [f"note: {sentence}" for run in runs[:1] for sentence in unheard(store, view.run(store, run), scenario)]
    if scenario.expect is None:
        return Told(status, said, "\n".join(notes))
    wrong = differences(scenario.expect, reports[0])
    if wrong:
        notes += ["error: the run is not as the scenario expects", *(f"  {one}" for one in wrong)]
        return Told(FINDINGS, said, "\n".join(notes))
    return Told(DONE, said, "\n".join([*notes, "as the scenario expects"]))


def status_of(report: Report) -> int:
    """The exit status of a run."""
    return STATUSES.get(report["status"], WAITS)


def _text(store: SqliteStore, row: RunRow, outcome: Outcome, flows: Sequence[ir.Flow], now: int) -> str:
    flow = next((flow for flow in flows if flow.name == row.flow), None)
    steps = steps_in(store, row) if flow is None else steps_of(flow)
    head = f"run {row.run} of {row.flow}, {row.mode}, {elapsed((row.ended or now) - row.started)}"
    width = shutil.get_terminal_size().columns if sys.__stdout__ is not None and sys.__stdout__.isatty() else 0
    return summary(outcome, head, steps, known_of(store, row), waiting(store, row.run, now), width)


def known_of(store: SqliteStore, row: RunRow) -> Known:
    """Attempts, times and the last output or error of each call."""
    known: Known = {}
    for work in view.steps(store, row.run):
        item = work.item
        last = item.results[-1] if item.results else None
        took = None if work.ended is None else work.ended - work.created
        known[item.call.path, item.call.kind] = Attempts(
            item.attempts,
            work.created - row.started,
            took,
            last.value if isinstance(last, Ok) else None,
            isinstance(last, Ok),
            last.error if isinstance(last, Failed | Unknown) else None,
            item.state == "stuck",
        )
    return known


def waiting(store: SqliteStore, run: str, now: int) -> Iterator[str]:
    """Why a run does not go on by itself just now, a sentence for each reason."""
    called = view.steps(store, run)
    for row in called:
        said = _call(run, row.item, now)
        if said:
            yield said
    if view.run(store, run).status == "stuck":
        calls = {(row.item.call.path, row.item.call.kind) for row in called if row.item.state == "stuck"}
        for path, kind, why in view.stuck(store, run):
            if (path, kind) not in calls:
                yield _uncalled(run, path, kind, f" ({visible(why)})" if why else "")
    due = {timer.path: timer.due for timer in view.timers(store, run)}
    waits = view.waits(store, run)
    for wait in waits:
        limit = f", until {Timestamp.of_ms(due[wait.path])}" if wait.path in due else ""
        yield visible(f"{_listens(wait.path)} {wait.type} with {wait.field} {wait.value}{limit}")
    for path in sorted(set(due) - {wait.path for wait in waits}):
        yield visible(f"{block(path)} {_goes_on(path)} {Timestamp.of_ms(due[path])}")


def _listens(path: str) -> str:
    """What somebody waits for who listens at `path`."""
    where, _, clause = path.partition(":")
    words = {"events": "is interrupted by", "alongside": "runs a handler for each"}
    return f"{where} {words.get(clause, 'waits for')}"


def _goes_on(path: str) -> str:
    """What a timer of `path` is for."""
    if is_pause(path):
        return "begins at"
    return "has time until" if ":" in path else "waits until"


def _call(run: str, item: Item, now: int) -> str:
    name = f"{item.call.path}{', being undone,' if item.call.kind == 'undo' else ''}"
    tried = f"{item.attempts} attempt{'' if item.attempts == 1 else 's'}"
    why = f": {_error(item.last)}" if isinstance(item.last, Failed | Unknown) else ""
    match item.state:
        case "stuck":
            words = _answers(item)
            return f"{name} is stuck after {tried}{why}\n    {_say(run, item.call.path, words)}"
        case "backoff":
            return f"{name} is tried again in {elapsed(max(item.due - now, 0))}, after {tried}{why}"
        case "running":
            return f"{name} is under way, attempt {item.attempts}"
        case "ready":
            return f"{name} is about to be called"
        case _:
            return ""


def _uncalled(run: str, path: str, kind: str, why: str) -> str:
    """A block that is stuck without a call, since what it needs for one can't be evaluated."""
    if not kind:
        return f"{path} is stuck: it can't be evaluated{why}, and no word of an operator changes that"
    name, words = ("the compensation of ", "skip|done") if kind == "undo" else ("", "done")
    return (
        f"{name}{path} is stuck: its arguments can't be evaluated{why}, so it can't be called\n"
        f"    {_say(run, path, words)}"
    )


def _say(run: str, path: str, words: str) -> str:
    return f"say how it goes on: flowlang resolve {run} {path} {words}"


def _answers(item: Item) -> str:
    """What an operator may say of a stuck call: nothing takes the failure of a step that follows a commit."""
    if item.call.kind == "undo":
        return "retry|skip|done"
    policy = item.call.policy
    return "retry|done" if policy.firm and not policy.lets else "retry|done|fail"


def _error(result: Failed | Unknown) -> str:
    return visible(f"{result.error.name}: {result.error.message}" if result.error.message else result.error.name)
