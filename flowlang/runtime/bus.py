"""Messages between the services of a choreography: outbox, relay, queue, inbox.

What a role says goes into its outbox in the transaction that says it. A later turn publishes it on the bus and the turn
after that marks it sent, so a crash in between publishes it again: at least once, and the inbox (a part's journal, by
message id, for the run's whole life) makes it once. What was taken from the bus is acknowledged after the commit that
took it. Rows are marked one by one, never by a cursor over their numbers.

What this process says to a role that it drives itself is heard in the turn that says it: both journals are written by one
transaction, so it is said and heard, or neither. It needs no row of its own, no mark and no acknowledgement. (A driver that is
not `direct` sends it the long way, where tests can look at each part of that.)
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from flowlang import codec, event
from flowlang.codec import Undecodable
from flowlang.event import External, Heard, Message
from flowlang.lifecycle import OVER
from flowlang.runtime import failpoint
from flowlang.runtime.store import BusRow, OutboxRow

if TYPE_CHECKING:
    from flowlang.runtime.driver import Driver, Part

LINGER = 0.01  # seconds that marks may wait for a turn that happens anyway


class Bus:
    """The outbox and the queue of one driver's roles."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._said: deque[OutboxRow] = deque()  # committed, not published
        self._saying: list[OutboxRow] = []  # of this turn
        self.came: deque[BusRow] = deque()  # on the bus, not taken in
        self._held: set[int] = set()  # rows of the bus that we know of
        self._early: dict[tuple[str, str], list[BusRow]] = {}  # for runs that have not begun here
        self._to_mark: list[int] = []
        self._to_ack: list[int] = []
        self._told: tuple[Heard | None, str] = (None, "")  # the message that one of our roles told another last
        self._flush: asyncio.TimerHandle | None = None

    def pending(self) -> bool:
        """Whether something is to be published or taken in."""
        return bool(self._said or self.came)

    # ------------------------------------------------------------ saying

    def say(self, part: Part, id: str, to: str, body: str) -> None:
        """Put something that a role says into its outbox; `to` is a service, or "" for whoever listens."""
        row = self._driver.store.put_outbox(part.role, id, part.run, part.share.hash, to, body)
        if row is not None:
            self._driver.count(part.run, 1)
            self._saying.append(row)
            self._driver.release(self._release)

    def say_again(self, row: OutboxRow) -> None:
        """Something that another process said and did not publish, as far as we know."""
        if row.seq not in self._to_mark and all(row.seq != said.seq for said in self._said):
            self._driver.count(row.run, 1)
            self._said.append(row)
            self._driver.schedule()

    def _release(self) -> None:
        self._said.extend(self._saying)
        self._saying.clear()
        self._driver.schedule()

    def post(self, role: str, id: str, run: str, hash: str, body: str) -> None:
        """Put something on the bus at once, within this turn."""
        row = self._driver.store.post(role, id, run, hash, body)
        if role in self._driver.roles:
            self._take_note(row)

    # ------------------------------------------------------------ a turn

    def begin_turn(self) -> None:
        """Mark and acknowledge what earlier turns did, publish what they said, take in what has come."""
        store = self._driver.store
        if self._to_mark:
            failpoint.hit("before-mark-sent")
            for seq in self._to_mark:
                store.mark_sent(seq)
            self._to_mark.clear()
        if self._to_ack:
            failpoint.hit("before-ack")
            for seq in self._to_ack:
                store.ack(seq)
                self._held.discard(seq)
            self._to_ack.clear()
        if self._said:
            self._driver.release(lambda: failpoint.hit("after-publish"))
        while self._said:
            self._publish(self._said.popleft())
        while self.came:
            self._take_in(self.came.popleft())
            self._driver.drain()
        if self._to_mark or self._to_ack:
            self._driver.release(self._after)

    def _after(self) -> None:
        if self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(LINGER, self._flush_now)

    def _flush_now(self) -> None:
        self._flush = None
        if self._to_mark or self._to_ack:
            self._driver.schedule()

    def _publish(self, row: OutboxRow) -> None:
        driver = self._driver
        driver.count(row.run, -1)
        self._to_mark.append(row.seq)
        if row.to:
            self.post(row.to, row.id, row.run, row.hash, row.body)
        else:
            driver.waiting.accept(codec.load_external(row.body))

    # ------------------------------------------------------------ hearing

    def look(self, run: str = "") -> None:
        """Look on the disk for what has come for our roles, of one run or all."""
        for role in sorted(self._driver.roles):
            for row in self._driver.store.queue(role, run):
                if row.seq not in self._held:
                    self._take_note(row)

    def _take_note(self, row: BusRow) -> None:
        self._held.add(row.seq)
        self.came.append(row)
        if not row.parked:
            self._driver.count(row.run, 1)
        self._driver.schedule()

    def look_at_parked(self) -> None:
        """A flow was installed: what could not be delivered may be now."""
        for role in sorted(self._driver.roles):
            for row in self._driver.store.queue(role):
                if row.parked:
                    self._held.discard(row.seq)
                    self._take_note(row)

    def _take_in(self, row: BusRow) -> None:
        driver = self._driver
        if not row.parked:
            driver.count(row.run, -1)
        try:
            said = codec.load_external(row.body) if row.body.startswith('["external"') else codec.load_input(row.body)
        except Undecodable as problem:
            return self._bury(row, f"it can't be read: {problem}")
        if isinstance(said, External):
            if said.type not in driver.listens:
                return self._bury(row, f"no installed flow knows events of type `{said.type}`")
            driver.waiting.heard(row.role, said)
            self._to_ack.append(row.seq)
        elif isinstance(said, Heard):
            message = said.message
            if driver.part(row.role, message.run) is None and driver.share(message.hash, row.role) is None:
                return self._park(row, f"flow {message.flow} {message.hash[:12]} is not installed here")
            why = self._hear(row.role, Heard(driver.now(), message))
            if why:
                return self._bury(row, why)
            self._to_ack.append(row.seq)
        else:
            self._obey(row, said)

    def tell(self, role: str, message: Message) -> None:
        """What one of our roles says to another, within the turn."""
        driver, now = self._driver, self._driver.now()
        heard, body = self._told
        if heard is None or heard.message is not message or heard.at != now:  # what is said to many is written once
            heard, body = self._told = Heard(now, message), codec.dump_heard(now, message, driver.texts)
        why = self._hear(role, heard, body)
        if why:
            driver.store.bury(role, message.run, message.hash, now, why, body)

    def _hear(self, role: str, heard: Heard, body: str = "") -> str:
        """A message of another service, whose flow is installed here; why it can't be taken in, or "". `body` is its text,
        where there is one already."""
        driver, message = self._driver, heard.message
        part = driver.part(role, message.run)
        if part is None:
            share = driver.share(message.hash, role)
            assert share is not None
            if message.started < heard.at - driver.outside.horizon:
                return "its run began too long ago to be heard of for the first time"
            if message.run not in driver.whole and not driver.store.is_known(message.run):
                return f"there is no run {message.run} any more"
            part = driver.begin_part(share, message.run, message.started)
        if part.status in OVER:
            if message.id not in part.seen:
                driver.store.drop(part.role, part.run)
            return ""
        try:
            driver.feed(part, message.id, heard, body)
        except part.share.machine.refusals as problem:
            return str(problem)
        return ""

    def _obey(self, row: BusRow, input: event.Input) -> None:
        """A word from the desk to a part: begin, cancel, or what an operator decided."""
        driver = self._driver
        part = driver.part(row.role, row.run)
        if part is None and isinstance(input, event.Start):
            share = driver.share(row.hash, row.role)
            if share is None:
                return self._park(row, f"flow {row.hash[:12]} is not installed here")
            part = driver.begin_part(share, row.run, input.at)
            self.came.extend(self._early.pop((row.role, row.run), ()))
        if part is None and isinstance(input, event.Cancel):
            return self._wait_for_start(row)
        if part is None:
            return self._bury(row, f"this service has no part in run {row.run}")
        if isinstance(input, event.Resolved):
            driver.resolve(part, row.id, input)
        else:
            driver.feed(part, row.id, input)
        self._to_ack.append(row.seq)

    def _wait_for_start(self, row: BusRow) -> None:
        """A cancel that overtook the start of its run."""
        why = f"run {row.run} has not begun here yet"
        self._park(row, why)
        self._early.setdefault((row.role, row.run), []).append(replace(row, parked=why))

    def _park(self, row: BusRow, why: str) -> None:
        if row.parked != why:
            self._driver.store.park(row.seq, why)

    def _bury(self, row: BusRow, why: str) -> None:
        self._driver.store.bury(row.role, row.run, row.hash, self._driver.now(), why, row.body)
        self._to_ack.append(row.seq)
