"""What a scenario's outside did that came to nothing: events that nobody took, answers for an item or attempt that never
came, and what came after the end.

Told at the end of a run, since nothing may be dropped in silence and a scenario that misses its run tests nothing. It is
read from the store, so whoever resumes a run is told the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from flowlang.check.screen import visible
from flowlang.cli.summary import elapsed
from flowlang.event import Invoke
from flowlang.lifecycle import OVER
from flowlang.runtime import view
from flowlang.runtime.player import event_id
from flowlang.runtime.sqlite import SqliteStore
from flowlang.runtime.store import RunRow
from flowlang.scenario.tree import Cancelling, Happening, Resolving, Say, Scenario


def unheard(store: SqliteStore, run: RunRow, scenario: Scenario) -> Iterator[str]:
    """A sentence for each happening of `scenario` that `run` made no use of, in order of time, and for each answer."""
    for number, happening in enumerate(scenario.happenings):
        if run.ended is not None and run.started + happening.at > run.ended:
            yield visible(f"the run was over before {_meant(happening)} at {elapsed(happening.at)}")
        elif _is_lost(store, run, number, happening):
            yield visible(f"{_lost(happening)} at {elapsed(happening.at)}")
    asked = {scenario.place_of(call.path, call.kind, "") for call in _calls(store, run)}
    for place in scenario.answers:
        # that a step is not reached may be what the scenario is about; an item that is not there is a slip
        if _ONE.search(place) and place.startswith(f"{run.flow}/") and place not in asked:
            yield visible(f"nobody asked for the answer of `{place}`")


_ONE = re.compile(r"\[\d+\]|#\d+")


def _calls(store: SqliteStore, run: RunRow) -> Iterator[Invoke]:
    return (work.item.call for work in view.steps(store, run.run))


def _is_lost(store: SqliteStore, run: RunRow, number: int, happening: Happening) -> bool:
    match happening:
        case Say(id=id):
            return not store.takers(id or event_id(run.run, number))
        case Cancelling():
            return run.status in OVER and run.status != "cancelled"
        case Resolving():
            return False  # a word on a step that is not stuck stops the run


def _meant(happening: Happening) -> str:
    match happening:
        case Say(type=type):
            return f"`{type}` came"
        case Cancelling():
            return "it was cancelled"
        case Resolving(path=path, decision=decision):
            return f"somebody said {decision} for `{path}`"


def _lost(happening: Happening) -> str:
    return (
        f"nobody took the `{happening.type}` that came" if isinstance(happening, Say) else "the cancel came too late,"
    )
