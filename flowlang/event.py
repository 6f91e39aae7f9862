"""What goes into a machine and what comes out: the words that both modes share.

A machine is a pure function. It is told what happened (an *input*) and answers with what should be done (*effects*). It
never waits, stores, sends or looks at a clock; the driver on floor 7 does, and does not know which machine it drives.
Times are whole milliseconds since 1970 UTC, handed in with the input. Values are those of `flowlang.values`.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from flowlang.frozen import dataclass, keyed
from flowlang.values import Value as Value

Index = tuple[int, ...]  # the iterations and attempts around a block, from the outside; () where there is none

# ---------------------------------------------------------------- facts


@dataclass(frozen=True, slots=True)
class Error:
    """A named failure, as `catch as e` sees it. `data` is absent when `has_data` is false. `service` is whose operation
    failed ("" for `fail` and for errors of the engine at a block without one)."""

    name: str
    message: str
    path: str
    data: Value = None
    has_data: bool = False
    service: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a block is gone: kind `failed` with its error, `cancelled`, or `lost`."""

    kind: str
    error: Error | None = None


CANCELLED = Reason("cancelled")
LOST = Reason("lost")


def failed(name: str, message: str, path: str) -> Reason:
    """The reason of a failure that carries no data."""
    return Reason("failed", Error(name, message, path))


@dataclass(frozen=True, slots=True)
class Ok:
    """An operation answered."""

    value: Value


@dataclass(frozen=True, slots=True)
class Failed:
    """An operation answered with a declared error, or was never started (`InvalidInput`): nothing of it remains."""

    error: Error


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody can tell whether the operation happened: `Timeout`, `Unavailable`, `InvalidOutput`, a crash of the handler."""

    error: Error


Result = Ok | Failed | Unknown


@keyed(frozen=True, slots=True)
class EffectId:
    """One idempotency key of one step: `number` counts the declared failures before it, `kind` is `do` or `undo`."""

    path: str
    kind: str
    number: int = 0


def path_key(path: str) -> tuple[tuple[str, int], ...]:
    """The order of paths in every report: by text, iterations and attempts as numbers (`x[2]` before `x[10]`)."""
    return tuple((text, int(number or 0)) for text, number in re.findall(r"(\D*)(\d*)", path))


def key_of(run: str, effect: EffectId) -> str:
    """The idempotency key: the same in both modes, across redelivery and restart."""
    text = f"{run}|{effect.path}|{effect.kind}|{effect.number}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class External:
    """A business event from outside or from an `emit`: id, type, CloudEvents subject ("" if none) and data."""

    id: str
    type: str
    subject: str
    data: Value


@dataclass(frozen=True, slots=True)
class Message:
    """An event between services of a choreography (a CloudEvent on the bus).

    `name` is path and port (`order_fulfilment/charge.ok`), `index` the iteration, `open` the joins whose losers have not
    settled (path template and index), `causes` the latest calls that it follows, `data` the live values that it carries.
    `started` is the start time of the run.
    """

    id: str
    run: str
    started: int
    flow: str
    hash: str
    name: str
    index: Index = ()
    reason: Reason | None = None
    open: tuple[tuple[str, Index], ...] = ()
    causes: tuple[EffectId, ...] = ()
    data: tuple[tuple[str, Value], ...] = ()


def message_id(run: str, flow_hash: str, name: str, index: Index) -> str:
    """The id of a message: a resend is the same event. Only what all runs share is hashed, so that it is hashed once; the hash
    has one length, and an index has digits and points only, so no two messages have one id."""
    event = _event_id(flow_hash, name)
    return f"{event}:{'.'.join(map(str, index))}:{run}" if index else f"{event}::{run}"


@lru_cache(4096)
def _event_id(flow_hash: str, name: str) -> str:
    return hashlib.sha256(f"{flow_hash}|{name}".encode()).hexdigest()[:20]


# ---------------------------------------------------------------- inputs of a machine


@dataclass(frozen=True, slots=True)
class Start:
    """The run begins with these values by name (parameters, or the event that starts it). Goes to the run's owner."""

    at: int
    input: tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True)
class Heard:
    """A message of another service arrived (choreography only)."""

    at: int
    message: Message


@dataclass(frozen=True, slots=True)
class Settled:
    """The call of step `path` has its final result; `results` has one for each idempotency key used, in order, the last
    one being final. A forward call ends `Ok`, `Failed` or `Unknown`; a compensation ends `Ok` or is `Stuck` instead."""

    at: int
    path: str
    kind: str  # do | undo
    results: tuple[Result, ...]


@dataclass(frozen=True, slots=True)
class Stuck:
    """The call of step `path` cannot go on by itself after `attempts` attempts; an operator must say what to do.
    `results` has one entry for each key used so far."""

    at: int
    path: str
    kind: str
    attempts: int
    error: Error
    results: tuple[Result, ...] = ()


@dataclass(frozen=True, slots=True)
class Resolved:
    """An operator's word on a stuck call: `retry`; `skip` (undo only: listed as residue); `done` (for a forward step with
    its result); `fail` (forward only, with an error)."""

    at: int
    path: str
    kind: str
    decision: str
    value: Value = None
    error: Error | None = None


@dataclass(frozen=True, slots=True)
class Fired:
    """The timer of block `path` is due."""

    at: int
    path: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """An external event that matches the correlation of the armed wait `path`. The machine answers `Took` or `Declined`."""

    at: int
    path: str
    event: External


@dataclass(frozen=True, slots=True)
class Cancel:
    """Somebody asks for the run to be cancelled. Goes to the run's owner."""

    at: int


Input = Start | Heard | Settled | Stuck | Resolved | Fired | Arrived | Cancel

# ---------------------------------------------------------------- effects of a machine


@dataclass(frozen=True, slots=True)
class Policy:
    """How often and how long a call is tried. Times in milliseconds; `errors` are those that are retried, by bare name. A
    `firm` call is not given up but for a failure with one of the errors `lets`: it is tried again under one key, whatever
    it fails with, and is then stuck."""

    limit: int = 2  # further attempts
    backoff_min: int = 200
    backoff_max: int = 10_000
    errors: tuple[str, ...] = ("Timeout", "Unavailable")
    timeout: int = 30_000
    idempotent: bool = True
    firm: bool = False
    lets: tuple[str, ...] = ()


UNDO_LIMIT, UNDO_BACKOFF_MIN, UNDO_BACKOFF_MAX = 10, 1_000, 300_000


@dataclass(frozen=True, slots=True)
class Invoke:
    """Call an operation for step `path`, retried under `policy`, answered by `Settled` or `Stuck`. The input is valid
    against the operation's schema. An undo carries the reason and the number of the forward key that it undoes."""

    path: str
    kind: str  # do | undo
    service: str
    operation: str
    input: Value
    policy: Policy
    reason: Reason | None = None
    undoes: int = 0
    number: int = 0  # where the count of declared failures starts


@dataclass(frozen=True, slots=True)
class Halt:
    """Don't try the call of step `path` again: if it waits in a back-off, it is settled by its last result; if it was
    never attempted, by `Failed` with error name `""` (turned: nothing happened). A running attempt is left alone."""

    path: str


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Wake block `path` with `Fired` at `due`, never earlier."""

    path: str
    due: int


@dataclass(frozen=True, slots=True)
class StopTimer:
    """The timer of `path` is not needed any more."""

    path: str


@dataclass(frozen=True, slots=True)
class Arm:
    """Wait `path` listens for events of `type` whose `field` (a dotted path into the data, or `subject`) equals `value`.
    Kept events that fit are offered at once, in the order of arrival, each as `Arrived`."""

    path: str
    type: str
    field: str
    value: Value


@dataclass(frozen=True, slots=True)
class Disarm:
    """Wait `path` does not listen any more."""

    path: str


@dataclass(frozen=True, slots=True)
class Took:
    """The event just offered was consumed by wait `path`."""

    path: str
    event: str


@dataclass(frozen=True, slots=True)
class Declined:
    """The event just offered did not satisfy the `where` of wait `path` (or came too late): it stays kept."""

    path: str
    event: str


@dataclass(frozen=True, slots=True)
class Send:
    """Put a message into the outbox for service `to`."""

    to: str
    message: Message


@dataclass(frozen=True, slots=True)
class Publish:
    """Put a business event into the outbox; `path` is the `emit` that said it."""

    path: str
    type: str
    data: Value


@dataclass(frozen=True, slots=True)
class Finish:
    """The run is over: `completed`, `failed` or `cancelled`. From the run's owner only."""

    status: str


Effect = Invoke | Halt | SetTimer | StopTimer | Arm | Disarm | Took | Declined | Send | Publish | Finish

# ---------------------------------------------------------------- what a run came to


@dataclass(frozen=True, slots=True)
class Called:
    """One entry of the report: the calls under one idempotency key. `result` is `ok`, `failed`, `unknown`, or `pending`
    while the run goes on. `after` are calls that it follows, not yet reduced."""

    id: EffectId
    service: str
    operation: str
    input: Value
    result: str
    after: tuple[EffectId, ...]
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Emitted:
    """A business event that the run published."""

    path: str
    type: str
    data: Value


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to: the thing on which both modes and `denote` must agree. `status` is `completed`, `failed`,
    `cancelled`, `stuck`, or `open` while it goes on or waits (`running` where whoever looks knows that it goes on). Calls, events and residue are sorted by path."""

    status: str
    output: Value
    error: Error | None
    residue: tuple[str, ...]
    calls: tuple[Called, ...]
    events: tuple[Emitted, ...]
