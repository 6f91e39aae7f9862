"""Runs as a store has them: found, and the world that each was started in."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from flowlang.cli.status import UNREACHABLE, USAGE, Stop
from flowlang.event import External, Value
from flowlang.lifecycle import OVER
from flowlang.runtime import damage, view
from flowlang.runtime.callers import SCENARIO
from flowlang.runtime.clock import EPOCH
from flowlang.runtime.sqlite import SqliteStore
from flowlang.runtime.store import NotFound, RunRow, StoreError
from flowlang.runtime.waiting import text_of
from flowlang.scenario.tree import EMPTY, Scenario, from_value
from flowlang.values import wire_loads


@contextmanager
def looking(store: str) -> Iterator[SqliteStore]:
    """The store at this path, to look at, beside a living engine too."""
    if not os.path.exists(store):
        raise Stop(UNREACHABLE, f"there is no store at {store}: nothing was run here yet, or with another --store")
    try:
        opened = view.open_view(store)
        try:
            with damage.blamed(store):
                yield opened
        finally:
            opened.close()
    except StoreError as error:
        raise Stop(UNREACHABLE, str(error)) from error
    except NotFound as error:
        raise Stop(USAGE, f"{error}; `flowlang runs` lists them") from error


def open_runs(store: str, wanted: Sequence[str]) -> list[RunRow]:
    """The runs of these ids, or all that are open, in the order in which they were started."""
    with looking(store) as opened:
        if wanted:
            return [view.run(opened, run_id(opened, run)) for run in wanted]
        return [row for row in view.runs(opened) if row.status not in OVER]


def run_id(store: SqliteStore, wanted: str) -> str:
    """The run whose id is `wanted` or begins with it. Raises NotFound."""
    rows = view.runs(store)
    found = [row.run for row in rows if row.run == wanted] or [row.run for row in rows if row.run.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotFound(f"there is no run `{wanted}`")
    raise NotFound(f"`{wanted}` begins the ids of {len(found)} runs: {', '.join(found[:5])}")


def find_run(store: str, wanted: str) -> str:
    """The whole id of a run in the store at this path."""
    with looking(store) as opened:
        return run_id(opened, wanted)


def world_of(store: SqliteStore, run: str) -> Scenario:
    """The scenario that a run was started in."""
    stored = view.run(store, run).options.get(SCENARIO)
    return EMPTY if stored is None else from_value(wire_loads(stored))


def virtual_start(store: str, run: str) -> int | None:
    """The virtual time at which a run of a scenario goes on; None for a run in real time."""
    with looking(store) as opened:
        if not world_of(opened, run).virtual:
            return None
        return max(EPOCH, opened.latest(run))


def virtual_time(store: str, type: str, data: Value, subject: str) -> int | None:
    """The virtual time at which an event reaches the runs that wait for it, when these are runs of scenarios; None where
    one of them lives in real time, or none waits."""
    external = External("", type, subject, data)
    with looking(store) as opened:
        found = {
            wait.run
            for row in view.runs(opened)
            if row.status not in OVER
            for wait in opened.waits(row.run)
            if wait.type == type and text_of(wait.field, external) == wait.value
        }
    times = [virtual_start(store, run) for run in found]
    known = [time for time in times if time is not None]
    return max(known) if known and len(known) == len(times) else None
