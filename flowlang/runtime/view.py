"""What a store says about runs, for whoever looks: the state is folded from the journals, nothing is changed.

It reads all parts of a run, so it is not for services.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from flowlang.event import Outcome
from flowlang.lifecycle import OVER
from flowlang.runtime.desk import calls, fold, run_of
from flowlang.runtime.programs import Share, State, share_of
from flowlang.runtime.sqlite import SqliteStore, open_store
from flowlang.runtime.store import RunRow, TimerRow, WaitRow, WorkRow


def open_view(path: str) -> SqliteStore:
    """The store at `path` to look at, beside a living engine or without one."""
    return open_store(path, write=False)


def runs(store: SqliteStore) -> list[RunRow]:
    """All runs; an open one of which a part waits for an operator is `stuck`."""
    stuck = store.stuck_runs()
    return [_with_stuck(row, stuck) for row in store.runs()]


def run(store: SqliteStore, id: str) -> RunRow:
    """One run. Raises NotFound."""
    return _with_stuck(run_of(store, id), store.stuck_runs())


def _with_stuck(row: RunRow, stuck: set[str]) -> RunRow:
    return replace(row, status="stuck") if row.run in stuck and row.status not in OVER else row


@dataclass(frozen=True, slots=True)
class Folded:
    """A run's parts as their journals leave them, by role."""

    row: RunRow
    shares: dict[str, Share]
    states: dict[str, State]


def folded(store: SqliteStore, id: str) -> Folded:
    """The parts of a run. Raises NotFound."""
    row = run_of(store, id)
    shares: dict[str, Share] = {}
    states: dict[str, State] = {}
    for part in store.parts(id):
        shares[part.role], states[part.role] = fold(store, part.role, id)
    return Folded(row, shares, states)


def outcome(store: SqliteStore, id: str) -> Outcome:
    """What a run came to, so far; one that is open is `running` when a call is under way or a message on its way, which
    no part's state tells. Raises NotFound."""
    found = _outcome(store, id)
    goes_on = found.status == "open" and (_has_calls(found) or id in store.on_their_way())
    return replace(found, status="running") if goes_on else found


def _has_calls(outcome: Outcome) -> bool:
    return outcome.status != "stuck" and any(call.result == "pending" for call in outcome.calls)


def _outcome(store: SqliteStore, id: str) -> Outcome:
    found = folded(store, id)
    if found.row.mode == "orchestrate":
        from flowlang.orchestrate.outcome import outcome as central

        [role] = found.states or [""]
        if not role:
            return Outcome("open", None, None, (), (), ())
        return central(found.shares[role].program, found.states[role])
    from flowlang.choreograph.outcome import outcome as choreographed

    return choreographed({role: share.program for role, share in found.shares.items()}, found.states)


def steps(store: SqliteStore, id: str, load: Callable[[str, str, str, str], Share] = share_of) -> list[WorkRow]:
    """The calls of a run in the order in which they were asked for."""
    rows = [row for part in store.parts(id) for row in calls(store, part.role, id, load)]
    return sorted(rows, key=lambda row: (row.created, row.item.call.path))


def stuck(store: SqliteStore, id: str) -> list[tuple[str, str, str]]:
    """The blocks of a run that can't go on by themselves, as (path, kind, why); kind "" where no operator can help."""
    found = folded(store, id)
    return sorted(
        block
        for role, share in found.shares.items()
        for block in share.machine.stuck(share.program, found.states[role])
    )


def waits(store: SqliteStore, id: str) -> list[WaitRow]:
    """The events that a run waits for."""
    return store.waits(id)


def timers(store: SqliteStore, id: str) -> list[TimerRow]:
    """The timers of a run."""
    return store.timers(id)
