"""What a store keeps, row by row, and the ways in which it can refuse.

Everything that belongs to a part of a run carries the role that it belongs to: `@engine` where one engine runs the whole
flow, a service's name in a choreography. A role reads and writes only rows of its own and those of the bus; the rows of
`runs` are the desk where runs are asked for. `flowlang.runtime.sqlite` writes them to a file, `flowlang.runtime.memory`
keeps them for as long as the process lives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from flowlang.event import External
from flowlang.frozen import dataclass
from flowlang.lifecycle import Item

ENGINE = "@engine"
"""The one role of a flow under a central engine; no service can be called so."""


class StoreError(Exception):
    """The store can't be read or written: locked, full, read-only, gone. Nothing is half-written."""


class StoreLocked(StoreError):
    """Another process holds the store. It may let go."""


class StoreRefused(StoreError):
    """The file is there but is no store that this version can use."""


class RuntimeRefusal(Exception):
    """What was asked for can't be done; the text says why in one sentence. Nothing has changed."""


class NotFound(RuntimeRefusal):
    """There is no such run, flow or dead letter."""


class NotStuck(RuntimeRefusal):
    """The step does not wait for an operator."""


class Conflict(RuntimeRefusal):
    """Another run has this business key with another input."""

    def __init__(self, message: str, run: str) -> None:
        super().__init__(message)
        self.run = run  # who has the key


@dataclass(frozen=True, slots=True)
class FlowRow:
    """An installed flow in one mode. `owner` is the role that answers for its runs, `gate` how events start it, or "";
    the runs that events start get the `options`."""

    hash: str
    mode: str  # orchestrate | choreograph
    name: str
    owner: str
    gate: str
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ListenRow:
    """A type of business event that installed flows know: who listens, by which fields, how long it is kept, for whom."""

    type: str
    keep: int
    to: str  # one | all
    schema: str
    roles: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as it was asked for, and what it came to. `key` is text that is equal for equal values, `input` the values
    by name as they are in journals."""

    run: str
    flow: str
    hash: str
    mode: str
    owner: str
    key: str | None
    input: str
    status: str  # open completed failed cancelled; in a listing also stuck
    started: int
    ended: int | None
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PartRow:
    """One role's part of a run. `dropped` counts what came after its end. One that is `asleep` has no calls under way."""

    role: str
    run: str
    hash: str
    mode: str
    started: int
    status: str
    dropped: int
    asleep: bool = False


@dataclass(frozen=True, slots=True)
class WorkRow:
    """A call and how far it is. `created`, `begun` and `ended` are times: of the call, its latest attempt, its result."""

    role: str
    run: str
    item: Item
    created: int
    begun: int | None
    ended: int | None


@dataclass(frozen=True, slots=True)
class TimerRow:
    """A block that is to be woken."""

    role: str
    run: str
    path: str
    due: int


@dataclass(frozen=True, slots=True)
class WaitRow:
    """A wait that listens, since `armed` (ms); `seq` is the order of arming."""

    seq: int
    role: str
    run: str
    path: str
    type: str
    field: str
    value: str
    armed: int


@dataclass(frozen=True, slots=True)
class KeptRow:
    """An event that is kept for those who may still wait for it; `seq` is the order of arrival."""

    seq: int
    event: External
    arrived: int
    until: int
    to: str


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A message or business event that a role has said; `to` is a service, or "" for whoever listens."""

    seq: int
    role: str
    id: str
    run: str
    hash: str
    to: str
    body: str


@dataclass(frozen=True, slots=True)
class BusRow:
    """Something on its way to a role. `parked` says why it can't be delivered yet, or is ""."""

    seq: int
    role: str
    id: str
    run: str
    hash: str
    body: str
    parked: str = ""


@dataclass(frozen=True, slots=True)
class DeadRow:
    """A dead letter: something that could not be taken in, and why."""

    id: int
    role: str
    run: str
    hash: str
    at: int
    reason: str
    body: str


@dataclass(frozen=True, slots=True)
class CommandRow:
    """Something that another process asks of the engine; `answer` is None until it is done."""

    id: str
    word: str
    body: str
    answer: str | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A call of a run as its role has recorded it: how many of its attempts have a result."""

    path: str
    kind: str
    service: str
    operation: str
    answered: int
