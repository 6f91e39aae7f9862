"""The life of a call and of a run: the legal moves as tables, and what a result does to a call.

    ready -> running -> done
               |  ^
               v  |
             backoff -> done (halted)        running -> stuck -> ready (an operator retries) | done (an operator answers)

Pure: the present time and the jitter come in. An attempt is counted when it begins, before its call is made, so a handler
that takes the whole process down again and again comes to an end. A result that nobody can know repeats its key; a declared failure takes
the next one: this is where the idempotency keys come from.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from flowlang.event import (
    UNDO_BACKOFF_MAX,
    UNDO_BACKOFF_MIN,
    UNDO_LIMIT,
    EffectId,
    Error,
    Failed,
    Invoke,
    Ok,
    Result,
    Unknown,
)
from flowlang.frozen import dataclass

ITEM_MOVES: dict[str, dict[str, str]] = {
    "ready": {"begin": "running", "halt": "done"},
    "running": {"end": "done", "again": "backoff", "stick": "stuck"},
    "backoff": {"begin": "running", "halt": "done"},
    "stuck": {"retry": "ready", "answer": "done"},
    "done": {},
}
"""For each state of a call, the moves that leave it and where they lead."""

RUN_MOVES: dict[str, dict[str, str]] = {
    "open": {"stick": "stuck", "complete": "completed", "fail": "failed", "cancel": "cancelled", "close": "closed"},
    "stuck": {
        "unstick": "open",
        "complete": "completed",
        "fail": "failed",
        "cancel": "cancelled",
        "close": "closed",
    },
    "completed": {},
    "failed": {},
    "cancelled": {},
    "closed": {},
}
"""The same for a run. `closed` is what a service that does not answer for the run sees of its end."""

OVER = frozenset(state for state, moves in RUN_MOVES.items() if not moves)
"""The states that a run never leaves."""

HANDLER_ERROR = "HandlerError"
"""The name under which a caller reports a bug of a handler: an exception that no contract declares."""

HALTED = Failed(Error("", "halted before its first attempt", ""))
"""The result of a call that was never made."""


def item_after(state: str, move: str) -> str:
    """The state of a call after `move`; a move that the table does not have is a bug of ours."""
    assert move in ITEM_MOVES[state], f"a call that is {state} cannot {move}"
    return ITEM_MOVES[state][move]


def run_after(state: str, move: str) -> str:
    """The state of a run after `move`; a move that the table does not have is a bug of ours."""
    assert move in RUN_MOVES[state], f"a run that is {state} cannot {move}"
    return RUN_MOVES[state][move]


@dataclass(frozen=True, slots=True)
class Item:
    """One call of a step and how far it is.

    `attempts` counts all that ever began, `answered` those whose result is known to us, `spent` those since an operator
    last said retry, less the forgiven ones (they use up the policy). `closed` holds the results of keys that are not used any more, `last` the
    latest result under the present key. `due` is when a back-off ends. `round` counts the operator's retries.
    """

    call: Invoke
    state: str = "ready"
    attempts: int = 0
    answered: int = 0
    spent: int = 0
    closed: tuple[Result, ...] = ()
    last: Result | None = None
    due: int = 0
    halted: bool = False
    round: int = 0

    @property
    def id(self) -> EffectId:
        """The idempotency key that the next attempt uses."""
        return EffectId(self.call.path, self.call.kind, self.call.number + len(self.closed))

    @property
    def results(self) -> tuple[Result, ...]:
        """One result for each key used so far."""
        return self.closed if self.last is None else (*self.closed, self.last)


def begin(item: Item) -> Item:
    """`item` with one more attempt under way."""
    state = item_after(item.state, "begin")
    return replace(item, state=state, attempts=item.attempts + 1, spent=item.spent + 1, due=0)


def settle(item: Item, result: Result, now: int, jitter: float) -> Item:
    """`item` after its running attempt ended with `result`; `jitter` is from 0 up to but not including 1."""
    return _settled(replace(item, answered=item.answered + 1), result, now, jitter)


FORGIVEN = 3
"""So many lost attempts of a call don't use up its policy: a crash should change nothing. More are the call's own doing,
a handler that takes the process down, and must come to an end."""


def recover(item: Item, now: int) -> Item:
    """`item` after the process died during an attempt: nobody knows the result, and it is asked for again at once under
    the same key, whatever errors the policy names, unless the attempts are used up or the operation forbids it."""
    lost = Unknown(Error("Unavailable", "the process ended during the call", item.call.path))
    forgiven = item.attempts - item.answered <= FORGIVEN
    if forgiven:
        item = replace(item, spent=item.spent - 1)
    if item.call.policy.idempotent and (forgiven or (not item.halted and item.spent <= limit_of(item))):
        return replace(item, state=item_after(item.state, "again"), last=lost, due=now)
    return _stuck(item, lost) if is_firm(item) else _ended(item, lost)


def halt(item: Item) -> Item:
    """`item` told not to be tried again. A running attempt is left alone: its result will be the last. A firm call that
    has begun is not given up: it goes on until it is ok, or an operator says what became of it."""
    if is_firm(item) and item.attempts > 0:
        return item
    if item.state in ("ready", "backoff"):
        last = item.last
        if last is None and not item.closed:
            last = HALTED
        return replace(item, state=item_after(item.state, "halt"), halted=True, last=last)
    return replace(item, halted=True) if item.state == "running" else item


def retry(item: Item) -> Item:
    """A stuck `item` with fresh attempts under the same key, because an operator said so."""
    return replace(item, state=item_after(item.state, "retry"), spent=0, round=item.round + 1)


def answer(item: Item) -> Item:
    """A stuck `item` put aside, because an operator answered in its place."""
    return replace(item, state=item_after(item.state, "answer"))


def is_firm(item: Item) -> bool:
    """Whether the call is not given up but for an error that its policy lets through: a compensation, or what follows a
    commit. It has one key, many attempts, and is then stuck."""
    return item.call.kind == "undo" or item.call.policy.firm


def limit_of(item: Item) -> int:
    """How many further attempts the call has."""
    return UNDO_LIMIT if is_firm(item) else item.call.policy.limit


def backoff(item: Item, jitter: float) -> int:
    """Milliseconds until the next attempt: twice as long each time, with full jitter."""
    policy = item.call.policy
    low, high = policy.backoff_min, policy.backoff_max
    if is_firm(item):
        low, high = UNDO_BACKOFF_MIN, UNDO_BACKOFF_MAX
    return _backoff(low, high, item.spent, jitter)


def backoff_before(run: str, path: str, number: int, low: int, high: int) -> int:
    """Milliseconds before attempt `path` of a scope, the `number`th. A machine has no randomness, so the jitter is a hash
    of run and path: the same in both modes and in every replay, another one for each run."""
    drawn = int.from_bytes(hashlib.sha256(f"{run}|{path}".encode()).digest()[:4], "big")
    return _backoff(low, high, number - 1, drawn / 2**32)


def _backoff(low: int, high: int, spent: int, jitter: float) -> int:
    return int(min(high, low << min(spent - 1, 40)) * jitter)


def _settled(item: Item, result: Result, now: int, jitter: float) -> Item:
    if isinstance(result, Ok):
        return _ended(item, result)
    if is_firm(item):
        if isinstance(result, Failed) and result.error.name in item.call.policy.lets:
            return _ended(item, result)
        return _again(item, result, now, jitter) if _may_go_on(item) else _stuck(item, result)
    if item.halted:
        return _ended(item, result)
    if _is_retried(item, result) and _may_go_on(item):
        return _again(item, result, now, jitter)
    return _stuck(item, result) if result.error.name == HANDLER_ERROR else _ended(item, result)


def _is_retried(item: Item, result: Result) -> bool:
    assert isinstance(result, Failed | Unknown)
    name = "Unavailable" if result.error.name == HANDLER_ERROR else result.error.name
    return name in item.call.policy.errors


def _may_go_on(item: Item) -> bool:
    return item.call.policy.idempotent and item.spent <= limit_of(item)


def _again(item: Item, result: Result, now: int, jitter: float) -> Item:
    due = now + backoff(item, jitter)
    state = item_after(item.state, "again")
    if isinstance(result, Failed) and not is_firm(item):  # clean: the next attempt is another effect
        return replace(item, state=state, closed=(*item.closed, result), last=None, due=due)
    return replace(item, state=state, last=result, due=due)


def _ended(item: Item, result: Result) -> Item:
    return replace(item, state=item_after(item.state, "end"), last=result)


def _stuck(item: Item, result: Result) -> Item:
    return replace(item, state=item_after(item.state, "stick"), last=result)
