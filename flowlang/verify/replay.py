"""What the journal of a part leads to: a state, the calls, and the rows that follow from it.

A journal is read on from where it was read last, so that to look after every commit costs what the history is long and not
its square; at the end all of them are read anew from their beginning, see `flowlang.verify.invariants.whole`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from flowlang import codec, event
from flowlang.lifecycle import OVER
from flowlang.runtime.calls import Known, note
from flowlang.runtime.programs import Share, State
from flowlang.runtime.sqlite import SqliteStore
from flowlang.runtime.store import PartRow
from flowlang.runtime.waiting import asked
from flowlang.verify.adapters import known_share
from flowlang.verify.states import alike

if TYPE_CHECKING:
    from flowlang.runtime.driver import Part

Armed = tuple[str, str, str, str]  # path, event type, field, value as text


class Broken(AssertionError):
    """A promise that was not kept."""


@dataclass(slots=True)
class Journal:
    """The inputs of one part so far: `read` of them led to `state`, asked for `calls`, said each of `sends` (to whom, id) once, are
    what was `heard` (ids) and the texts of `errors`, and left `timers` (path to time) and `armed` waits."""

    role: str
    run: str
    share: Share
    state: State
    read: int = 0
    calls: Known = field(default_factory=dict)
    sends: dict[tuple[str, str], None] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    timers: dict[str, int] = field(default_factory=dict)
    armed: list[Armed] = field(default_factory=list)

    def read_on(self, store: SqliteStore) -> None:
        """Take in what was written since."""
        sql = "SELECT body FROM journal WHERE role = ? AND run = ? AND seq >= ? ORDER BY seq"
        for (text,) in store._fresh(sql, (self.role, self.run, self.read)):
            self.read += 1
            input = codec.load_input(text)
            try:
                effects = self.share.machine.advance(self.share.program, self.state, input)
            except (
                AssertionError,
                KeyError,
                ValueError,
            ) as wrong:  # what a machine says that is driven to where it can't be
                raise Broken(
                    f"the journal of {self.role} can't be replayed: {type(wrong).__name__}: {wrong}"
                ) from wrong
            note(self.calls, self.role, self.run, input, effects)
            if isinstance(input, event.Fired):
                self.timers.pop(input.path, None)
            elif isinstance(input, event.Heard):
                self.heard.append(input.message.id)
            elif isinstance(input, event.Settled):
                self.errors += [result.error.message for result in input.results if not isinstance(result, event.Ok)]
            elif isinstance(input, event.Stuck):
                self.errors.append(input.error.message)
            for effect in effects:
                self._follow(effect)

    def _follow(self, effect: event.Effect) -> None:
        match effect:
            case event.SetTimer(path, due):
                self.timers[path] = due
            case event.StopTimer(path):
                self.timers.pop(path, None)
            case event.Arm(path, type, name):
                self.armed.append((path, type, name, asked(effect)))
            case event.Disarm(path):
                self.armed = [one for one in self.armed if one[0] != path]
            case event.Send(to, message):
                if (to, message.id) in self.sends:  # nobody else would notice: an inbox drops the second one
                    raise Broken(f"{self.role} says {message.name} to {to} twice")
                self.sends[to, message.id] = None
            case _:
                pass


def journal(store: SqliteStore, part: PartRow) -> Journal:
    """The journal of a part, of which nothing was read yet."""
    body = store.share(part.hash, part.mode, part.role)
    assert body is not None, f"the flow of {part.run} is not installed"
    share = known_share(part.hash, part.mode, part.role, body)
    return Journal(part.role, part.run, share, share.machine.initial(share.program, part.run, part.started))


@dataclass(slots=True)
class Twins:
    """The journals of all parts of a history, read as they grow; `said_by` is which role said each message, by its id."""

    known: dict[tuple[str, str], Journal] = field(default_factory=dict)
    said_by: dict[str, str] = field(default_factory=dict)

    def after(self, store: SqliteStore, parts: Mapping[tuple[str, str], Part], touched: set[tuple[str, str]]) -> int:
        """After a commit: the journals of the parts that took something in lead to what is in memory and on the disk; how
        many were looked at. Raises Broken."""
        for role, run in sorted(touched):
            part = parts.get((role, run))
            if part is None:
                continue
            twin = self.known.get((role, run))
            if twin is None:
                row = store.part(role, run)
                assert row is not None, f"{role} takes in what is of no run"
                twin = self.known[role, run] = journal(store, row)
            before = len(twin.sends)
            twin.read_on(store)
            self.said_by |= {id: role for _, id in islice(twin.sends, before, None)}
            if not alike(twin.state, part.state):
                raise Broken(f"the journal of {role} does not lead to its state")
            if part.status not in OVER:
                rows_follow(store, twin)
        return len(touched)


def rows_follow(store: SqliteStore, read: Journal) -> None:
    """The timers and waits of a part on the disk are those that its journal leaves. Raises Broken."""
    timers = {row.path: row.due for row in store.role_timers(read.role, read.run)}
    if timers != read.timers:
        raise Broken(f"the timers of {read.role} are {timers}, and its journal leaves {read.timers}")
    armed = [(row.path, row.type, row.field, row.value) for row in store.waits(read.run) if row.role == read.role]
    if sorted(armed) != sorted(read.armed):
        raise Broken(f"{read.role} listens for {armed}, and its journal leaves {read.armed}")
