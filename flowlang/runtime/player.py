"""Plays what a scenario says about the outside: events, a cancel, an operator's word, each at its time after the start."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from flowlang.event import Error
from flowlang.runtime.ports import Clock, ScenarioMistake
from flowlang.runtime.store import NotStuck
from flowlang.scenario.tree import Cancelling, Happening, Resolving, Say

if TYPE_CHECKING:
    from flowlang.runtime.engine import Engine


async def play(engine: Engine, clock: Clock, run: str, started: int, happenings: Sequence[Happening]) -> None:
    """Let everything happen, in order of time. What happened before a crash is said again: an event is known by its id, a
    second cancel changes nothing, a step that is not stuck any more was resolved. Raises ScenarioMistake for a word on a
    step that is not stuck when its time comes."""
    began = clock.now()
    for number, happening in enumerate(happenings):
        await clock.sleep_until(started + happening.at)
        match happening:
            case Say(_, id, type, subject, data):
                await engine.send(type, data, subject=subject, id=id or event_id(run, number))
            case Cancelling():
                await engine.cancel(run)
            case Resolving(_, path, kind, decision, value, error, message):
                failed = Error(error, message, path) if decision == "fail" else None
                try:
                    await engine.resolve(run, path, decision, kind=kind, value=value, error=failed)
                except NotStuck as refusal:
                    if started + happening.at < began:
                        continue
                    raise ScenarioMistake(f"the scenario says {decision} for `{path}`, and {refusal}") from refusal


def event_id(run: str, number: int) -> str:
    """The id of an event that the scenario gives none: the same when it is said again after a crash."""
    return hashlib.sha256(f"{run}|scenario|{number}".encode()).hexdigest()[:32]
