"""What people ask of runs: start, send, cancel, resolve, replay. Each is one act within a turn, so it is done or not done.

A refusal is raised before anything is written. The same acts serve whoever is the engine and whoever asks it by mailbox.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowlang import codec, event
from flowlang.codec import Undecodable
from flowlang.event import Error, External, Value
from flowlang.lifecycle import OVER
from flowlang.runtime.calls import Known, note, with_rows
from flowlang.runtime.clock import EPOCH
from flowlang.runtime.programs import Share, State, share_of
from flowlang.runtime.setting import names
from flowlang.runtime.sqlite import SqliteStore
from flowlang.runtime.store import Conflict, DeadRow, NotFound, NotStuck, RunRow, WorkRow
from flowlang.runtime.waiting import Sent, is_same_input
from flowlang.values import canonical, wire_dumps

if TYPE_CHECKING:
    from flowlang.runtime.driver import Driver

DECISIONS = {"do": ("retry", "done", "fail"), "undo": ("retry", "skip", "done")}
"""What an operator can say about a stuck call."""

IDS = 16  # ids of new runs that a store is asked for at once


@dataclass(frozen=True, slots=True)
class Started:
    """A run, and whether it is new; if not, it had the same key (or id) and the same input."""

    run: str
    fresh: bool


def new_row(
    store: SqliteStore,
    hash: str,
    mode: str,
    values: Mapping[str, Value],
    key: Value,
    run: str,
    options: Mapping[str, str],
    now: int,
) -> RunRow | Started:
    """The row of a run that is asked for, or the run that is there already. Raises NotFound, Conflict."""
    flow = store.flow(hash, mode)
    if flow is None:
        raise NotFound(f"flow {hash[:12]} is not installed in mode {mode}")
    given = wire_dumps(dict(values), known=True)
    text = None if key is None else canonical(key)
    there = None
    if run:
        there = store.run(run)
        _IDS.forget()
    if there is None and text is not None:
        there = store.holder(flow.name, mode, text)
    if there is None:
        run = run or _IDS.next(store)
        return RunRow(run, flow.name, hash, mode, flow.owner, text, given, "open", now, None, dict(options))
    if is_same_input(there.input, given) and there.flow == flow.name and there.mode == mode:
        return Started(there.run, False)
    what = f"the key {text}" if there.run != run else "this id"
    raise Conflict(f"run {there.run} of `{there.flow}` has {what} with another input", there.run)


class _Ids:
    """Ids that grow with time, so that the rows of new runs lie side by side: wherever they go in a large store, they go to
    few pages. Twelve digits: the time in steps of 16 ms, and twelve bits by chance, which keep processes that ask in the same
    moment apart; nothing is secret here. Whether a store has them already is asked for some at once, within a step."""

    def __init__(self) -> None:
        self._chance = random.Random()
        self._last = 0
        self._free: tuple[SqliteStore, int, list[str]] | None = None

    def next(self, store: SqliteStore) -> str:
        """An id that no run of the store has."""
        step = time.time_ns() // 1_000_000 - EPOCH >> 4
        while self._free is None or self._free[:2] != (store, step) or not self._free[2]:
            first = max((step << 12) + self._chance.getrandbits(12), self._last + 1)
            self._last = first + IDS - 1
            ids = [f"{id:012x}" for id in range(self._last, first - 1, -1)]
            known = store.known_between(ids[-1], ids[0])
            self._free = store, step, [id for id in ids if id not in known]
        return self._free[2].pop()

    def forget(self) -> None:
        """Somebody has chosen an id, perhaps one of those that are free."""
        self._free = None


_IDS = _Ids()


def start(
    driver: Driver,
    hash: str,
    mode: str,
    values: Mapping[str, Value],
    key: Value,
    run: str,
    options: Mapping[str, str],
) -> Started:
    """Begin a run, or find the one that is there already."""
    row = new_row(driver.store, hash, mode, values, key, run, options, driver.now())
    if isinstance(row, Started):
        return row
    driver.start(row, dict(values))
    return Started(row.run, True)


def send(driver: Driver, type: str, data: Value, subject: str, id: str) -> Sent:
    """An event from outside. It is taken in once; without an `id` it gets one of its own."""
    return driver.waiting.send(External(id or secrets.token_hex(16), type, subject, data))


def cancel(driver: Driver, run: str) -> str:
    """Ask for a run to be cancelled; the status that it has already, or `cancelling`."""
    row = run_of(driver.store, run)
    if row.status in OVER:
        return row.status
    if row.owner not in driver.roles:
        driver.bus.post(row.owner, "cancel", run, row.hash, codec.dumps(event.Cancel(driver.now())))
        return "cancelling"
    part = driver.part(row.owner, run)
    if part is None:
        raise NotFound(f"run {run} has not begun yet")
    driver.feed(part, "cancel", event.Cancel(driver.now()))
    return "cancelling"


def resolve(
    driver: Driver, run: str, step: str, decision: str, kind: str = "", value: Value = None, error: Error | None = None
) -> str:
    """An operator's word on a stuck step, named by its path or the last part of it; returns the path."""
    run_of(driver.store, run)
    found = [
        (row.role, path, word)
        for row in driver.store.parts(run)
        for path, word, _ in _stuck(driver, row.role, run)
        if names(step, path) and kind in ("", word)
    ]
    if not found:
        raise NotStuck(f"step `{step}` of run {run} is not stuck")
    if len(found) > 1:
        raise NotStuck(f"`{step}` names several stuck steps: {', '.join(sorted(path for _, path, _ in found))}")
    role, path, word = found[0]
    if not word:
        raise NotStuck(f"`{step}` can't be evaluated, and no word of an operator changes that")
    if decision not in DECISIONS[word]:
        raise NotStuck(f"a stuck {_noun(word)} takes {', '.join(DECISIONS[word])}, not `{decision}`")
    items = (row.item for row in driver.store.work(role, run))
    call = next((item.call for item in items if (item.call.path, item.call.kind) == (path, word)), None)
    if decision == "retry" and call is None:
        answers = " or ".join(one for one in DECISIONS[word] if one not in ("retry", "fail"))
        raise NotStuck(f"the {_noun(word)} `{step}` can't be called at all; say {answers}")
    if decision == "fail" and (
        call is None or (call.policy.firm and (error is None or error.name not in call.policy.lets))
    ):
        raise NotStuck(f"step `{step}` follows a commit, and nothing takes this failure; say retry or done")
    resolved = event.Resolved(driver.now(), path, word, decision, value, error)
    id = f"resolved:{word}:{path}:{secrets.token_hex(4)}"
    part = driver.part(role, run) if role in driver.roles else None
    if part is None:
        hash = run_of(driver.store, run).hash
        driver.bus.post(role, id, run, hash, codec.dumps(resolved))
    else:
        driver.resolve(part, id, resolved)
    return path


def _stuck(driver: Driver, role: str, run: str) -> list[tuple[str, str, str]]:
    """The steps of a part that wait for an operator, as (path, kind, why). A part that is not in memory is folded and not taken
    up: a word that is refused must not set the run going."""
    part = driver.parts.get((role, run))
    if part is not None:
        return part.share.machine.stuck(part.share.program, part.state)
    share, state = fold(driver.store, role, run, driver.outside.load)
    return share.machine.stuck(share.program, state)


def fold(
    store: SqliteStore, role: str, run: str, load: Callable[[str, str, str, str], Share] = share_of
) -> tuple[Share, State]:
    """What a role holds of a run's flow, and the state to which the journal of its part leads. Raises NotFound."""
    share, state, _ = _fold(store, role, run, load)
    return share, state


def calls(
    store: SqliteStore, role: str, run: str, load: Callable[[str, str, str, str], Share] = share_of
) -> list[WorkRow]:
    """The calls of a part, in the order in which they were asked for. Raises NotFound."""
    return list(with_rows(_fold(store, role, run, load)[2], store.work(role, run)).values())


def _fold(
    store: SqliteStore, role: str, run: str, load: Callable[[str, str, str, str], Share]
) -> tuple[Share, State, Known]:
    part = store.part(role, run)
    body = None if part is None else store.share(part.hash, part.mode, role)
    if part is None or body is None:
        raise NotFound(f"the flow of run {run} is not installed in this store")
    share = load(part.hash, part.mode, role, body)
    state = share.machine.initial(share.program, run, part.started)
    known: Known = {}
    for _, _, text in store.journal(role, run):
        input = codec.load_input(text)
        note(known, role, run, input, share.machine.advance(share.program, state, input))
    return share, state, known


def replay(driver: Driver, id: int) -> str:
    """Take a dead letter in again; what came of it: "" or why it is dead once more."""
    dead = next((row for row in driver.store.dead() if row.id == id), None)
    if dead is None:
        raise NotFound(f"there is no dead letter {id}")
    driver.store.unbury(id)
    try:
        external = codec.load_external(dead.body)
    except Undecodable:
        driver.bus.post(dead.role, f"replay:{id}", dead.run, dead.hash, dead.body)
        return ""
    return _send_again(driver, dead, external)


def _send_again(driver: Driver, dead: DeadRow, external: External) -> str:
    if dead.role:
        driver.waiting.heard(dead.role, external)
        return ""
    driver.store.erase_event(external.id)
    return driver.waiting.send(external).problem


def run_of(store: SqliteStore, run: str) -> RunRow:
    """A run that there is. Raises NotFound."""
    row = store.run(run)
    if row is None:
        raise NotFound(f"there is no run {run}")
    return row


def _noun(kind: str) -> str:
    return "compensation" if kind == "undo" else "step"
