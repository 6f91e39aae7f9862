"""Which calls a part of a run has, from its journal: a call that goes straight needs no row of its own.

A call is asked for by an input and ended by another, and both stand in the journal. So one whose first attempt begins in the
turn that asks for it, and which ends with that attempt, is never written anywhere else. Only what the journal can't tell has
a row: that a call is not begun yet, that an attempt has failed and the next has its time, that a step is stuck.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flowlang.event import Effect, EffectId, Input, Invoke, Settled
from flowlang.lifecycle import Item
from flowlang.runtime.store import Recorded, WorkRow

Known = dict[tuple[str, str], WorkRow]
"""The calls of a part by path and kind, in the order in which they were asked for."""


@dataclass(slots=True, eq=False)
class Open:
    """A call that is not over. Without a `row` its first attempt is under way. `is_ours` says that this process has asked
    for it, or has taken it up from another one."""

    role: str
    run: str
    call: Invoke
    created: int
    row: WorkRow | None = None
    is_ours: bool = True

    @property
    def state(self) -> str:
        """How far it is."""
        return "running" if self.row is None else self.row.item.state

    @property
    def id(self) -> EffectId:
        """The idempotency key of the next attempt."""
        return EffectId(self.call.path, self.call.kind, self.call.number) if self.row is None else self.row.item.id

    def as_row(self) -> WorkRow:
        """The same, told in full."""
        return self.row if self.row is not None else begun(self.role, self.run, self.call, self.created)


def begun(role: str, run: str, call: Invoke, at: int) -> WorkRow:
    """A call whose first attempt is under way."""
    return WorkRow(role, run, Item(call, "running", 1, 0, 1), at, at, None)


def note(known: Known, role: str, run: str, input: Input, effects: Iterable[Effect]) -> None:
    """Enter what one input of the journal says of calls."""
    if isinstance(input, Settled):
        row = known.get((input.path, input.kind))
        if row is not None:
            item = Item(row.item.call, "done", 1, 1, 1, input.results[:-1], input.results[-1])
            known[input.path, input.kind] = WorkRow(role, run, item, row.created, row.begun, input.at)
    for effect in effects:
        if isinstance(effect, Invoke):
            known[effect.path, effect.kind] = begun(role, run, effect, input.at)


def with_rows(known: Known, rows: Iterable[WorkRow]) -> Known:
    """`known`, where a row of its own says more of a call than the journal does."""
    known.update(((row.item.call.path, row.item.call.kind), row) for row in rows)
    return known


def recorded(rows: Iterable[WorkRow]) -> list[Recorded]:
    """How many attempts of each call have a result."""
    return [
        Recorded(r.item.call.path, r.item.call.kind, r.item.call.service, r.item.call.operation, r.item.answered)
        for r in rows
    ]
