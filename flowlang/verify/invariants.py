"""What must hold of a run whatever happened to it, told from two independent records: the ledger of the outside, and the store.

nothing accepted is lost           a start or event that a client was told is taken in is in the store
the meaning                        oracle and outcome are what `denote` says
one effect for each key            and every key that the outside saw is one of the outcome
results are recorded once          no call begins after its result was recorded
the ledger is a legal order        a call begins only after the effects of all calls that it follows
undo is the mirror of do           of a run that is undone no effect is left that has a compensation
every run ends or has a witness    an armed wait or an operator, and not nothing
timers                             fired once, and never before their time by their owner's clock
nothing comes too late unseen      an event that came before a wait gave up was offered to it (where all share a clock)
a secret is kept                   the text that stands for what is personal is in no line that was logged, printed or told
messages add up                    all that was said was sent and taken in once, or came after the end, or is dead
replay                             after every commit a journal leads to the state in memory and to the rows on the disk
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flowlang import codec, event, ir
from flowlang.event import EffectId, Outcome, Value, key_of
from flowlang.lifecycle import OVER
from flowlang.runtime.calls import with_rows
from flowlang.runtime.ports import Request
from flowlang.runtime.sqlite import SqliteStore
from flowlang.runtime.store import PartRow
from flowlang.runtime.waiting import asked
from flowlang.verify.adapters import WatchedStore, known_share
from flowlang.verify.ledger import Entry, Ledger
from flowlang.verify.outside import step_at
from flowlang.verify.replay import Broken, Journal, Twins, journal
from flowlang.verify.schedule import Choreographed, Mode, Orchestrated, Prepared, Schedule, closure


@dataclass(slots=True)
class Checks:
    """What was seen so far, and how often something was looked at."""

    taken: set[tuple[str, str, str]] = field(default_factory=set)
    settled: set[tuple[str, str, str]] = field(default_factory=set)
    fired: set[tuple[str, str, str]] = field(default_factory=set)
    replayed: int = 0
    ordered: int = 0
    messages: int = 0
    twins: Twins = field(default_factory=Twins)
    errors: list[str] = field(default_factory=list, repr=False)  # what was said of them

    def begins(self, request: Request) -> None:
        """A call is about to be made."""
        if (request.run, request.path, request.kind) in self.settled:
            raise Broken(f"a call of {request.path} ({request.kind}) begins after its result was recorded")

    def took(self, role: str, run: str, id: str, at: int, body: str) -> None:
        """An input of a role is on the disk."""
        if (role, run, id) in self.taken:
            raise Broken(f"{role} took one input in twice: {id}")
        self.taken.add((role, run, id))
        word = id.partition(":")[0]
        if word == "done":
            input = codec.load_input(body)
            if isinstance(input, event.Settled):
                self.settled.add((run, input.path, input.kind))
        elif word == "fired":
            path, _, due = id.removeprefix("fired:").rpartition(":")
            if (role, run, path) in self.fired:
                raise Broken(f"the timer of {path} fired twice")
            self.fired.add((role, run, path))
            if at < int(due):
                raise Broken(f"the timer of {path} fired {int(due) - at} ms early")


def offered(store: WatchedStore, now: int) -> None:
    """At a commit: what was kept for a wait that was armed just now has been offered to it."""
    for role, run, path in dict.fromkeys(store.armed):
        kept = {
            row.seq: row
            for wait in store.waits_of(role, run, path)
            for row in store.kept(wait.type, wait.field, wait.value, now)
        }
        ids = {id for its_role, its_run, id, *_ in store.appended if (its_role, its_run) == (role, run)}
        for seq in sorted(kept):
            takers = store.takers(kept[seq].event.id)
            if takers.get(run) is False or (kept[seq].to == "one" and not all(takers.values())):
                continue
            if f"arrived:{path}:{kept[seq].event.id}" not in ids:
                raise Broken(f"event {kept[seq].event.id} was kept for {path}, and is not offered to it")


def whole(
    store: SqliteStore,
    runs: Mapping[str, Prepared],
    mode: str,
    input: Mapping[str, Value],
    accepted: Sequence[tuple[str, str]],
    ledger: Ledger,
    checks: Checks,
) -> tuple[str, ...]:
    """At the end: everything; the status of each of the `runs`, of which we know the version with which it began."""
    _nothing_lost(store, accepted)
    _messages(store, checks)
    statuses = []
    for run, prepared in runs.items():
        read = [journal(store, part) for part in store.parts(run)]
        if not read:
            raise Broken(f"{run} was accepted and never began")
        for one in read:
            one.read_on(store)
        row = store.run(run)
        assert row is not None
        if others := [one.role for one in read if one.share.hash != prepared.hash]:
            raise Broken(f"{run} goes on under another version at {', '.join(others)}")
        finished = int(row.status in OVER)
        machines = _machines(prepared, mode, read)
        outcome = Schedule(prepared, machines, random.Random(0), dict(input), [], finished=finished).check()
        statuses.append(outcome.status)
        checks.errors += [message for one in read for message in one.errors]
        checks.errors += [] if outcome.error is None else [outcome.error.message]
        _witness(store, run, outcome)
        by_hand = _by_hand(store, run)
        _keys(run, outcome, ledger, by_hand)
        checks.ordered += _order(run, outcome, ledger)
        _mirror(prepared.flow, run, outcome, ledger, by_hand)
        _attempts(store, read, ledger)
        _said(store, read)
    return tuple(statuses)


def in_time(store: SqliteStore, run: str) -> None:
    """No wait of a run gave up while an event that it asked for had come. Only where all processes go by one clock: an event
    was on the disk before the turn in which the timer fired if its time is the earlier one."""
    for part in store.parts(run):
        share = known_share(part.hash, part.mode, part.role, store.share(part.hash, part.mode, part.role) or "")
        state = share.machine.initial(share.program, run, part.started)
        armed: dict[str, tuple[str, str, str]] = {}
        offered: set[str] = set()
        for id, _, body in store.journal(part.role, run):
            input = codec.load_input(body)
            offered.add(id)
            if isinstance(input, event.Fired) and input.path in armed:
                _none_waited(store, run, input, armed[input.path], offered)
            for effect in share.machine.advance(share.program, state, input):
                if isinstance(effect, event.Arm):
                    armed[effect.path] = (effect.type, effect.field, asked(effect))


def _none_waited(
    store: SqliteStore, run: str, fired: event.Fired, wait: tuple[str, str, str], offered: set[str]
) -> None:
    for kept in store.kept(*wait, fired.at):
        takers = store.takers(kept.event.id)
        is_used = takers.get(run) is False or (kept.to == "one" and not all(takers.values()))
        if kept.arrived < fired.at and not is_used and f"arrived:{fired.path}:{kept.event.id}" not in offered:
            early = fired.at - kept.arrived
            raise Broken(
                f"{fired.path} gave up, and {kept.event.id} had come {early} ms before and was not offered to it"
            )


def _machines(prepared: Prepared, mode: str, read: Sequence[Journal]) -> Mode:
    """A run as its journals leave it."""
    if mode == "orchestrate":
        central = Orchestrated(prepared)
        (central.state,) = (one.state for one in read)
        return central
    services = Choreographed(prepared)
    services.states |= {one.role: one.state for one in read}
    return services


def _nothing_lost(store: SqliteStore, accepted: Sequence[tuple[str, str]]) -> None:
    events = {id for (id,) in store._all("SELECT id FROM events")}
    for word, id in accepted:
        if word == "start" and store.run(id) is None:
            raise Broken(f"the start of {id} was accepted and is lost")
        if word == "event" and id not in events:
            raise Broken(f"event {id} was accepted and is lost")
        if word == "cancel" and not any(_heard_of_cancel(store, part) for part in store.parts(id)):
            raise Broken(f"the cancel of {id} was accepted and is lost")


def _heard_of_cancel(store: SqliteStore, part: PartRow) -> bool:
    """Whether a part took a cancel in, or it may be among what came after its end."""
    return part.dropped > 0 or any(name == "cancel" for name, _, _ in store.journal(part.role, part.run))


def _messages(store: SqliteStore, checks: Checks) -> None:
    """Outbox, bus, inbox and dead letters add up."""
    taken = {(role, run, id) for role, run, id in store._all("SELECT role, run, id FROM journal")}
    over = {(role, run) for role, run, status in store._all("SELECT role, run, status FROM parts") if status in OVER}
    dead = store.dead()
    if dead:
        raise Broken(f"a dead letter: {dead[0].reason}")
    if left := store._all("SELECT role, id FROM bus WHERE parked = ''"):
        raise Broken(f"{len(left)} messages are on the bus for ever, the first for {left[0][0]}")
    for role, id, run, to, sent in store._all("SELECT role, id, run, recipient, sent FROM outbox"):
        checks.messages += 1
        if not sent:
            raise Broken(f"{role} said a message that was never sent")
        if to and (to, run, id) not in taken and (to, run) not in over:
            raise Broken(f"a message of {role} to {to} was sent and never taken in")


def _witness(store: SqliteStore, run: str, outcome: Outcome) -> None:
    """A run that is not over waits for something that one can name."""
    if outcome.status in OVER or outcome.status == "stuck":
        return
    if timers := store.timers(run):  # at an end no process watches one any more
        raise Broken(f"nobody watches the timer of {timers[0].path}")
    if not store.waits(run):
        raise Broken(f"{run} is {outcome.status}, and nothing can make it go on")


def _by_hand(store: SqliteStore, run: str) -> set[tuple[str, str]]:
    """The calls that an operator decided."""
    found = set()
    for part in store.parts(run):
        for id, _, body in store.journal(part.role, run):
            if id.startswith("resolved"):
                resolved = codec.load_input(body)
                assert isinstance(resolved, event.Resolved)
                if resolved.decision != "retry":
                    found.add((resolved.path, resolved.kind))
    return found


def _keys(run: str, outcome: Outcome, ledger: Ledger, by_hand: set[tuple[str, str]]) -> None:
    """The keys that the outside saw are those of the outcome, with their inputs, and each has one effect."""
    expected = {key_of(run, call.id): call for call in outcome.calls}
    begun: dict[str, Entry] = {}
    for entry in ledger.of("begin", run):
        begun.setdefault(entry.key, entry)
    effects = Counter(entry.key for entry in ledger.of("effect", run))
    for name, entry in begun.items():
        if name not in expected:
            raise Broken(f"{entry.path} ({entry.kind}) was called with a key that is not of the run")
        if entry.input != expected[name].input:
            raise Broken(f"{entry.path} ({entry.kind}) was called with {entry.input}, not {expected[name].input}")
    for name, count in effects.items():
        if count > 1:
            raise Broken(f"{begun[name].path} had {count} effects under one key")
    for name, call in expected.items():
        decided = (call.id.path, call.id.kind) in by_hand
        if call.result in ("ok", "failed") and name not in begun and not decided:
            raise Broken(f"{call.id.path} ({call.id.kind}) is {call.result} and was never called")
        if call.result == "ok" and not effects[name] and not decided:
            raise Broken(f"{call.id.path} ({call.id.kind}) is ok and had no effect")


def _order(run: str, outcome: Outcome, ledger: Ledger) -> int:
    """A call begins after the calls that it follows: after the effect where there was one, else after the attempt."""
    first: dict[str, int] = {}
    done: dict[str, int] = {}
    for entry in ledger.entries:
        if entry.run == run and entry.what == "begin":
            first.setdefault(entry.key, entry.seq)
        elif entry.run == run and entry.what == "effect":
            done.setdefault(entry.key, entry.seq)
    names: dict[EffectId, str] = {call.id: key_of(run, call.id) for call in outcome.calls}
    results = {call.id: call.result for call in outcome.calls}
    pairs = 0
    for later, earlier in closure(outcome.calls).items():
        begins = first.get(names[later])
        for before in earlier if begins is not None else ():
            name = names.get(before, "")
            ended = done.get(name) if results.get(before) == "ok" else first.get(name)
            if ended is None or begins is None:
                continue
            pairs += 1
            if ended > begins:
                raise Broken(
                    f"{later.path} ({later.kind}) begins before {before.path} ({before.kind}), which it follows"
                )
    return pairs


def _mirror(flow: ir.Flow, run: str, outcome: Outcome, ledger: Ledger, by_hand: set[tuple[str, str]]) -> None:
    """Of a run that was undone nothing is left but what an operator left, what is not to be undone, and what the blocks
    that replace undoing did instead (those are held against the meaning alone)."""
    if outcome.status not in ("failed", "cancelled"):
        return
    if any(type(node).__name__ in ("Undoing", "Child") for node in ir.walk(flow.body)):
        return
    undone = {entry.undoes for entry in ledger.of("effect", run) if entry.kind == "undo"}
    compensated = {call.id.path for call in outcome.calls if call.id.kind == "undo"}
    for entry in ledger.of("effect", run):
        if entry.kind != "do" or (entry.path, "do") in by_hand or (entry.path, "undo") in by_hand:
            continue
        if entry.path in outcome.residue or entry.key in undone:
            continue
        if entry.path in compensated or step_at(flow, entry.path).undo is not None:
            raise Broken(f"the run is {outcome.status}, and the effect of {entry.path} is left")


def _attempts(store: SqliteStore, read: Sequence[Journal], ledger: Ledger) -> None:
    """No attempt was made that had not been counted before."""
    begun = Counter((entry.path, entry.kind) for entry in ledger.of("begin", read[0].run))
    counted: Counter[tuple[str, str]] = Counter()
    for one in read:
        for row in with_rows(dict(one.calls), store.work(one.role, one.run)).values():
            counted[row.item.call.path, row.item.call.kind] += row.item.attempts
            if row.item.state not in ("done", "stuck"):
                raise Broken(f"the call of {row.item.call.path} is {row.item.state} for ever")
    for name, times in begun.items():
        if times > counted[name]:
            raise Broken(f"{name[0]} ({name[1]}) was called {times} times and counted {counted[name]}")


def _said(store: SqliteStore, read: Sequence[Journal]) -> None:
    """What the journals say to each other was taken in, or came after the end; and nothing else was heard."""
    over = {part.role for part in store.parts(read[0].run) if part.status in OVER}
    said = {(to, id) for one in read for to, id in one.sends}
    heard = {(one.role, id) for one in read for id in one.heard}
    if lost := sorted((to, id) for to, id in said - heard if to not in over):
        raise Broken(f"a message to {lost[0][0]} was said and never taken in")
    if made_up := sorted(heard - said):
        raise Broken(f"{made_up[0][0]} heard a message that nobody said")
