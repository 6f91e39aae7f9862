"""One driver for both modes: it folds inputs into states, makes what follows durable, and only then lets it happen.

Everything happens in turns (see `turns`). A turn feeds what has come (results, messages, commands, timers) to the machines,
writes journal and intents, and lets the effects go once they are on the disk: calls begin, messages leave. The state of a
run is a fold over its journal and is kept in memory only; to recover is to fold again.

What a machine wants is carried out by four helpers that share the turn: `work` (calls), `waiting` (external events),
`timers`, and `bus` (messages between services).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, assert_never

from flowlang import codec, event
from flowlang.event import Effect, Input
from flowlang.lifecycle import OVER, run_after
from flowlang.runtime.bus import Bus
from flowlang.runtime.calls import Known, Open, note, recorded, with_rows
from flowlang.runtime.ports import Caller
from flowlang.runtime.programs import Gate, Share, State, gate_of
from flowlang.runtime.setting import Notice, Outside
from flowlang.runtime.sqlite import SqliteStore
from flowlang.runtime.store import ListenRow, PartRow, Recorded, RunRow, TimerRow
from flowlang.runtime.timers import Timers
from flowlang.runtime.turns import Turns
from flowlang.runtime.waiting import Waiting
from flowlang.runtime.work import Work

BATCH = 256  # timers and inputs that one turn takes, so that a flood of them holds up nobody else
CATCH_UP = 64  # parts that one turn looks at after a restart
KEPT_PARTS = 2_000  # parts without work that stay in memory
FINISH_MOVES = {"completed": "complete", "failed": "fail", "cancelled": "cancel"}


@dataclass(slots=True)
class Part:
    """One role's part of one run, in memory: its state, how long its journal is, what is in it, its open calls."""

    role: str
    run: str
    share: Share
    state: State
    started: int
    status: str
    seq: int = 0
    seen: set[str] = field(default_factory=set)
    items: dict[tuple[str, str], Open] = field(default_factory=dict)
    asleep: bool = False
    options: Mapping[str, str] | None = None
    caller: Caller | None = None
    answered: Known | None = None  # kept once somebody has asked

    def is_idle(self) -> bool:
        """Whether no call of it is under way or to be made."""
        for one in self.items.values():  # noqa: SIM110 (a generator costs more than all the rest)
            if one.row is None or one.row.item.state != "stuck":
                return False
        return True


class Driver(Turns):
    """Drives the parts that `roles` have in the runs of one store. Use it inside a running event loop."""

    def __init__(self, store: SqliteStore, roles: tuple[str, ...], outside: Outside) -> None:
        super().__init__(store, outside)
        self.roles = set(roles)
        self.parts: dict[tuple[str, str], Part] = {}
        self.listens: dict[str, ListenRow] = store.listens()
        self.gates: dict[str, list[Gate]] = {}
        self.live: dict[str, int] = {}  # how many things of a run go on by themselves
        self.over: dict[str, str] = {}  # runs that ended while we looked
        self.active: set[str] = set()  # runs that we have taken up
        self.whole: dict[str, Mapping[str, str]] = {}  # runs whose parts of our roles are all in memory; their options
        self.everything = False  # whether all runs are taken up
        self.shares_bus = False  # whether other processes put things on the bus for our roles
        self.exact = False  # whether others live on the store: what is asleep must be true, what is new be learnt
        self.direct = True  # whether what our roles say to each other is heard in the turn that says it
        self.texts = codec.Texts()  # of the values that this turn has written
        self.work = Work(self)
        self.waiting = Waiting(self)
        self.bus = Bus(self)
        self.timers = Timers(self)
        self._shares: dict[tuple[str, str, str], Share] = {}
        self._newest = 0  # what the store calls the newest flow that we have learnt
        self._room = KEPT_PARTS
        self._behind: dict[tuple[str, str], None] = {}  # parts that are not looked at yet after all was taken up
        self._ended: set[str] = set()  # runs of which this turn has ended a part
        self._kept: dict[tuple[str, str, str], dict[str, Caller]] = {}
        self.learn()

    # ------------------------------------------------------------ what a turn does

    def idle(self) -> bool:
        """Whether nothing at all is in progress here but calls and timers."""
        return not (self._todo or self._scheduled or self.is_committing or self._behind or self.bus.pending())

    def count(self, run: str, by: int) -> None:
        """One thing more or less of a run goes on by itself: a call, or something on its way."""
        left = self.live.get(run, 0) + by
        if left:
            self.live[run] = left
        else:
            self.live.pop(run, None)
            self._touched.add(run)

    def _gather(self) -> None:
        """Everything that this turn does: first what came from outside, then timers, so that an event that was there in
        time is seen before its deadline."""
        self.texts.forget()
        if self.exact:
            self._learn_what_is_new()
        self.bus.begin_turn()
        self.drain()
        for _ in range(min(len(self._todo), BATCH)):
            self._todo.popleft()()
            if self._inner:
                self.drain()
        if self.exact and self.timers.is_due():
            self.bus.look()  # whoever was stopped for a while finds there what others have put on it in time
        if not (self._todo or self.bus.pending()):
            self.timers.fire()
        if self._behind and self.work.has_room():
            self._catch_up()
            self.drain()
        if self._todo or self.bus.pending() or (self._behind and self.work.has_room()):
            self.schedule()

    def _let_go(self) -> None:
        released, self._released = self._released, []
        for act in released:
            act()
        if self._ended:
            self._let_runs_go()
        self.timers.set_alarm()
        if len(self.parts) > self._room:
            self.do(self._make_room)
        if len(self.over) > 2 * KEPT_PARTS:
            self.over.clear()  # the store knows

    def _make_room(self) -> None:
        """Forget parts of which nothing goes on; they are folded anew when something reaches them."""
        idle = [key for key, part in self.parts.items() if not part.items]
        for key in idle[: len(self.parts) - KEPT_PARTS]:
            self._fall_asleep(self.parts[key])
            self._let_part_go(*key)
        self._room = max(KEPT_PARTS, 2 * len(self.parts))  # not looked for again in every turn

    def _let_part_go(self, role: str, run: str) -> None:
        self.parts.pop((role, run), None)
        self.active.discard(run)
        self.whole.pop(run, None)

    def _fall_asleep(self, part: Part) -> None:
        if not part.asleep and part.status not in OVER:
            part.asleep = True
            self.store.set_asleep(part.role, part.run, True)

    def rest(self) -> None:
        """Note of all parts that are idle that they are, so that the next process need not look at them. Within a turn."""
        for part in self.parts.values():
            if part.is_idle():
                self._fall_asleep(part)

    # ------------------------------------------------------------ flows

    def _learn_what_is_new(self) -> None:
        """Others install flows while we serve: whatever this turn takes in is for flows that we know, since nobody else writes
        while it lasts. Known too late, an event for a wait of a new flow would be taken for one that nobody wants."""
        if self.store.newest_flow() != self._newest:
            self.learn()
            self.bus.look_at_parked()

    def learn(self) -> None:
        """Look again at what is installed."""
        self._newest = self.store.newest_flow()
        self.listens = self.store.listens()
        newest = {flow.name: flow for flow in self.store.flows()}
        self.gates.clear()
        for flow in newest.values():
            gate = gate_of(flow)
            if gate is not None:
                self.gates.setdefault(gate.type, []).append(gate)

    def share(self, hash: str, role: str, mode: str = "") -> Share | None:
        """What `role` holds of a flow, or None when it is not installed here."""
        mode = mode or ("orchestrate" if role.startswith("@") else "choreograph")
        found = self._shares.get((hash, mode, role))
        if found is None:
            body = self.store.share(hash, mode, role)
            if body is None:
                return None
            found = self._shares[hash, mode, role] = self.outside.load(hash, mode, role, body)
        return found

    # ------------------------------------------------------------ parts

    def begin_part(self, share: Share, run: str, started: int) -> Part:
        """`share.role` takes part in a run that it had not heard of."""
        part = Part(share.role, run, share, share.machine.initial(share.program, run, started), started, "open")
        part.options = self.whole.get(run)
        self.store.add_part(PartRow(share.role, run, share.hash, share.mode, started, "open", 0))
        self.parts[share.role, run] = part
        self.active.add(run)
        return part

    def part(self, role: str, run: str) -> Part | None:
        """A role's part of a run, folded from its journal where it is not in memory."""
        if not self.everything and run not in self.active:
            self.take_up(run)
            self.drain()  # its open calls go on as they were left, before anything new reaches them
        if self._behind and (role, run) in self._behind:
            self._recover(role, run)
        found = self.parts.get((role, run))
        return found if found is not None or run in self.whole else self._load(role, run)

    def _load(self, role: str, run: str) -> Part | None:
        row = self.store.part(role, run)
        if row is None:
            return None
        share = self.share(row.hash, role, row.mode)
        assert share is not None, f"run {run} is of a flow that was never installed"
        state = share.machine.initial(share.program, run, row.started)
        part = Part(role, run, share, state, row.started, row.status, asleep=row.asleep)
        if row.status in OVER:
            return part  # a tombstone: whatever reaches it is dropped and counted
        for key, call in self._folded(part).items():
            if call.item.state != "done":
                has_row = call.item.state != "running" or call.item.attempts != 1 or call.item.halted
                part.items[key] = Open(
                    role, run, call.item.call, call.created, call if has_row else None, is_ours=False
                )
        self.parts[role, run] = part
        return part

    def _folded(self, part: Part) -> Known:
        """Fold the journal of a part into its state, which is new; the calls that it tells of."""
        known: Known = {}
        for id, _, body in self.store.journal(part.role, part.run):
            input = codec.load_input(body)
            effects = part.share.machine.advance(part.share.program, part.state, input)
            note(known, part.role, part.run, input, effects)
            part.seen.add(id)
            part.seq += 1
        return with_rows(known, self.store.work(part.role, part.run))

    def recorded(self, role: str, run: str) -> list[Recorded]:
        """What a role has recorded of the calls of a run."""
        part = self.part(role, run)
        if part is None:
            return []
        if part.answered is None:
            initial = part.share.machine.initial(part.share.program, run, part.started)
            part.answered = self._folded(Part(role, run, part.share, initial, part.started, part.status))
        return recorded(with_rows(dict(part.answered), (one.as_row() for one in part.items.values())).values())

    def kept(self, share: Share) -> dict[str, Caller]:
        """What callers keep for all runs of a flow at one role."""
        return self._kept.setdefault((share.hash, share.mode, share.role), {})

    async def dismiss(self) -> None:
        """Let callers go that hold something outside of this process."""
        for caller in [caller for kept in self._kept.values() for caller in kept.values()]:
            close = getattr(caller, "close", None)
            if close is not None:
                await close()

    def take_up(self, run: str = "") -> None:
        """Go on with a run, or with everything in the store: what was under way, unsaid, unheard, timed."""
        if self.everything or run in self.active:
            return
        if run:
            self.active.add(run)
        else:
            self.everything = True
        taken = self.active if not run else set()
        found = [(role, one) for role in sorted(self.roles) for one in self.store.awake(role, run) if one not in taken]
        for key in found:
            self._behind[key] = None
            self.count(key[1], 1)
        for role in sorted(self.roles):
            for timer in self.store.role_timers(role, run):
                self.timers.remember(timer)
            for said in self.store.unsent(role, run):
                self.bus.say_again(said)
        if run:
            self.then(partial(self._recover_all, found))
        self.bus.look(run)

    def _catch_up(self) -> None:
        """Look at some of the parts that were taken up; the others have their turn while those go on already, and not before
        their calls can begin, or all of them would lie in memory."""
        self._recover_all(tuple(islice(self._behind, CATCH_UP)))

    def _recover_all(self, parts: Iterable[tuple[str, str]]) -> None:
        for role, run in parts:
            if (role, run) in self._behind:
                self._recover(role, run)

    def _recover(self, role: str, run: str) -> None:
        """Go on with the calls that another process has left behind in a part."""
        del self._behind[role, run]
        part = self.part(role, run)
        assert part is not None
        self.work.recover(part)
        self.count(run, -1)
        if self.exact:
            self._tell_sleep(part)

    def _tell_sleep(self, part: Part) -> None:
        idle = part.is_idle()
        if idle != part.asleep:
            part.asleep = idle
            self.store.set_asleep(part.role, part.run, idle)

    # ------------------------------------------------------------ feeding

    def feed(self, part: Part, id: str, input: Input, body: str = "") -> list[Effect] | None:
        """Fold one input into a part and make durable what follows; None where it was fed before or came too late. `body` is
        the text of the input, where there is one already."""
        if part.status in OVER:
            self.store.drop(part.role, part.run)
            return None
        if id in part.seen:
            return None
        machine, program = part.share.machine, part.share.program
        effects = machine.advance(program, part.state, input)
        part.seen.add(id)
        self.store.append(part.role, part.run, part.seq, id, input.at, body or codec.dumps(input))
        part.seq += 1
        for effect in effects:
            self._carry_out(part, input, effect)
        if part.status not in OVER:
            if machine.closed(part.state):
                self._set_status(part, "close")
            else:
                self._judge(part)
        if self.exact:
            self._tell_sleep(part)
        elif part.asleep and part.items:
            part.asleep = False
            self.store.set_asleep(part.role, part.run, False)
        if part.answered is not None:
            note(part.answered, part.role, part.run, input, effects)
        if self.outside.notice is not None:
            declined = any(isinstance(effect, event.Declined) for effect in effects)
            self.tell(Notice(input.at, part.run, part.role, input, declined=declined))
        return effects

    def _carry_out(self, part: Part, input: Input, effect: Effect) -> None:
        """Make one effect durable; those outside are released by the commit."""
        match effect:
            case event.Invoke():
                self.work.open(part, effect, input.at)
            case event.Send():
                to, message = effect.to, effect.message
                if self.direct and to in self.roles and self.share(message.hash, to, part.share.mode) is not None:
                    return self._inner.append(partial(self.bus.tell, to, message))
                self.bus.say(part, message.id, to, codec.dumps(event.Heard(input.at, message)))
            case event.Halt(path):
                self.work.halt(part, path)
            case event.SetTimer(path, due):
                timer = TimerRow(part.role, part.run, path, due)
                self.store.set_timer(timer)
                self.timers.remember(timer)
            case event.StopTimer(path):
                self.store.stop_timer(part.role, part.run, path)
                self.timers.forget(part.role, part.run, path)
            case event.Arm():
                self.waiting.arm(part, effect)
            case event.Disarm(path):
                self.store.disarm(part.role, part.run, path)
            case event.Took() | event.Declined():
                pass  # `waiting`, which offered the event, reads the answer
            case event.Publish():
                self.waiting.publish(part, effect)
            case event.Finish(status):
                self._set_status(part, FINISH_MOVES[status])
                self.store.finish_run(part.run, status, input.at)
                self.release(partial(self.over.__setitem__, part.run, status))
            case _:
                assert_never(effect)

    def _let_runs_go(self) -> None:
        """Parts have ended. When all of a run have, nothing is expected to reach them any more, and their states are let go:
        they would be most of what the collector of garbage has to go through."""
        for run in self._ended:
            here = [part for role in self.roles if (part := self.parts.get((role, run))) is not None]
            if all(part.status in OVER for part in here):
                for part in here:
                    self._let_part_go(part.role, run)
        self._ended.clear()

    def _judge(self, part: Part) -> None:
        """Whether the part waits for an operator. Looked at only when nothing of it goes on by itself."""
        if not part.is_idle():
            return
        stuck = bool(part.items) or bool(part.share.machine.stuck(part.share.program, part.state))
        if stuck != (part.status == "stuck"):
            self._set_status(part, "stick" if stuck else "unstick")

    def _set_status(self, part: Part, move: str) -> None:
        part.status = run_after(part.status, move)
        self.store.set_part(part.role, part.run, part.status)
        self._touched.add(part.run)
        if part.status in OVER:
            self._ended.add(part.run)

    def tell(self, notice: Notice) -> None:
        """Tell whoever watches, once it is true."""
        if self.outside.notice is not None:
            self.release(lambda: self.outside.notice and self.outside.notice(notice))

    # ------------------------------------------------------------ runs

    def start(self, row: RunRow, values: dict[str, Any]) -> None:
        """Begin a run, here or at the service that owns it."""
        self.store.add_run(row)
        body = codec.dump_start(row.started, row.input)
        if row.owner not in self.roles:
            return self.bus.post(row.owner, "start", row.run, row.hash, body)
        share = self.share(row.hash, row.owner, row.mode)
        assert share is not None, f"flow {row.hash} is not installed"
        self.whole[row.run] = row.options
        part = self.begin_part(share, row.run, row.started)
        self.feed(part, "start", event.Start(row.started, tuple(values.items())), body)

    def resolve(self, part: Part, id: str, resolved: event.Resolved) -> None:
        """An operator's word on a stuck step."""
        self.feed(part, id, resolved)
        self.work.resolved(part, resolved)
        if part.status not in OVER:
            self._judge(part)
            if self.exact:
                self._tell_sleep(part)

    # ------------------------------------------------------------ ending

    def stop(self) -> None:
        """Begin nothing any more; what is under way may end."""
        self.stopping = True
        self.timers.silence()
