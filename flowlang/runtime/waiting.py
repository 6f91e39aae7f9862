"""Events from outside, and those that flows publish: kept, offered to waits in the order of arming, or starting runs.

An event is taken in once, by its id, and kept until its time is over under the values of the fields by which waits ask.
It is offered to waits that are armed, and a wait that is armed later is offered what is kept, one event after another,
until it takes one. Each offer is an input of the machine and stands in the journal, declined ones too: the state is then
the fold of the journal whatever a machine makes of an offer. Who took what is a fact of the store (`taken`), not of one
role, so that of two waits, at two services even, one takes an event that is to one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowlang import codec, event
from flowlang.event import External, Value
from flowlang.link import Link, Refused
from flowlang.runtime.programs import Gate
from flowlang.runtime.store import ListenRow, RunRow, WaitRow
from flowlang.values import canonical, wire_dumps, wire_loads

if TYPE_CHECKING:
    from flowlang.runtime.driver import Driver, Part

SUBJECT = "subject"
BATCH = 256


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of an event: its id, whether it is new, why it was refused or "", the runs that it started or that took
    it at once; and where it is on its way to another process, the runs that wait for it there and the flows that it may
    start."""

    id: str
    fresh: bool
    problem: str = ""
    runs: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    starts: tuple[str, ...] = ()


class Waiting:
    """The external events of one driver."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._conformers: dict[str, tuple[str, dict[str, Value]]] = {}
        self._link = Link()

    # ------------------------------------------------------------ events come in

    def publish(self, part: Part, said: event.Publish) -> None:
        """A flow has published a business event."""
        id = hashlib.sha256(f"{part.run}|{said.path}|emit".encode()).hexdigest()[:32]
        self._driver.bus.say(part, id, "", codec.dumps(External(id, said.type, "", said.data)))

    def send(self, external: External) -> Sent:
        """An event from outside: it must be known, fit its contract, and not have come before."""
        known = self._driver.listens.get(external.type)
        if known is None:
            return self._refuse(external, f"no installed flow knows events of type `{external.type}`")
        try:
            data = self._link.conformed(self._schema(known), external.data, "InvalidInput")
        except Refused as refused:
            return self._refuse(external, f"the data does not fit the contract of `{external.type}`: {refused.message}")
        return self.accept(External(external.id, external.type, external.subject, data))

    def _refuse(self, external: External, problem: str) -> Sent:
        store = self._driver.store
        if not any(dead.body == codec.dumps(external) for dead in store.dead()):
            store.bury("", "", "", self._driver.now(), problem, codec.dumps(external))
        return Sent(external.id, False, problem)

    def _schema(self, known: ListenRow) -> dict[str, Value]:
        """The schema of a type's data; the same object as long as it is the same text, as `Link` needs it."""
        found = self._conformers.get(known.type)
        if found is None or found[0] != known.schema:
            found = self._conformers[known.type] = (known.schema, wire_loads(known.schema))
        return found[1]

    def accept(self, external: External) -> Sent:
        """Take an event in that fits its contract, once, and hand it to every role that listens."""
        driver = self._driver
        known, now = driver.listens.get(external.type), driver.now()
        if known is None:
            return self._refuse(external, f"no installed flow knows events of type `{external.type}`")
        keys = [(name, text) for name in known.fields if (text := text_of(name, external)) is not None]
        if not driver.store.keep(external, now, now + known.keep, known.to, keys):
            return Sent(external.id, False, runs=tuple(driver.store.takers(external.id)))
        elsewhere = [role for role in known.roles if role not in driver.roles]
        for role in known.roles:
            if role in elsewhere:
                driver.bus.post(role, external.id, "", "", codec.dumps(external))
            else:
                self.heard(role, external)
        driver.drain()
        waiting = {wait.run: None for role in elsewhere for wait in self._waits(role, external, known)}
        gates = driver.gates.get(external.type, ())
        starts = {
            gate.flow.name: None
            for gate in gates
            if gate.flow.owner in elsewhere and gate.values(external.data) is not None
        }
        return Sent(external.id, True, "", tuple(driver.store.takers(external.id)), tuple(waiting), tuple(starts))

    def heard(self, role: str, external: External) -> None:
        """A role hears of an event: it may start runs there, and waits there may take it."""
        for gate in self._driver.gates.get(external.type, ()):
            if gate.flow.owner == role:
                self._begin(gate, external)
        known = self._driver.listens[external.type]
        for wait in self._waits(role, external, known):
            part = self._driver.part(role, wait.run)
            if part is not None:
                self._offer(part, wait.path, external, known.to)

    def _waits(self, role: str, external: External, known: ListenRow) -> list[WaitRow]:
        """The waits of a role that an event may satisfy, in the order of arming."""
        found = {
            wait.seq: wait
            for name in known.fields
            if (text := text_of(name, external)) is not None
            for wait in self._driver.store.waits_for(role, external.type, name, text)
        }
        return [found[seq] for seq in sorted(found)]

    # ------------------------------------------------------------ waits

    def arm(self, part: Part, armed: event.Arm) -> None:
        """A wait listens from now on; what is kept for it is offered once this input is done."""
        now = self._driver.now()
        self._driver.store.arm(part.role, part.run, armed.path, armed.type, armed.field, asked(armed), now)
        self._driver.then(lambda: self._look_back(part, armed.path))

    def _look_back(self, part: Part, path: str) -> None:
        """Offer the kept events that a wait has not been offered yet, in the order of their arrival, as long as it listens:
        a wait ends with the event that it takes, handlers beside a scope take one after another."""
        store, now = self._driver.store, self._driver.now()
        kept = {
            row.seq: row
            for wait in store.waits_of(part.role, part.run, path)
            for row in store.kept(wait.type, wait.field, wait.value, now)
        }
        for seq in sorted(kept):
            took = self._offer(part, path, kept[seq].event, kept[seq].to)
            if took and not store.waits_of(part.role, part.run, path):
                return

    def _offer(self, part: Part, path: str, external: External, to: str) -> bool:
        """Offer an event to a wait, once, unless somebody has used it up; whether the wait took it."""
        store = self._driver.store
        takers = store.takers(external.id)
        if takers.get(part.run) is False or (to == "one" and not all(takers.values())):
            return False
        offered = event.Arrived(self._driver.now(), path, external)
        effects = self._driver.feed(part, f"arrived:{path}:{external.id}", offered) or ()
        if not any(isinstance(effect, event.Took) for effect in effects):
            return False
        store.take(external.id, part.run, started=False)
        return True

    # ------------------------------------------------------------ runs that events start

    def _begin(self, gate: Gate, external: External) -> None:
        """Start a run of a flow for an event, once for each event."""
        driver, flow = self._driver, gate.flow
        values = gate.values(external.data)
        run = run_started_by(flow.name, flow.mode, external.id)
        if values is None or driver.store.run(run) is not None:
            return
        given = wire_dumps(values, known=True)
        try:
            key = gate.key_text(values)
        except Refused as refused:
            problem = f"the key of `{flow.name}` can't be computed: {refused.message}"
            driver.store.bury(flow.owner, "", flow.hash, driver.now(), problem, codec.dumps(external))
            return
        text = None if key is None else canonical(key)
        holder = None if text is None else driver.store.holder(flow.name, flow.mode, text)
        if holder is not None:
            if not is_same_input(holder.input, given):
                problem = f"run {holder.run} of `{flow.name}` has the key {text} with another input"
                driver.store.bury(flow.owner, "", flow.hash, driver.now(), problem, codec.dumps(external))
            return
        row = RunRow(
            run, flow.name, flow.hash, flow.mode, flow.owner, text, given, "open", driver.now(), None, flow.options
        )
        driver.store.take(external.id, run, started=True)
        driver.start(row, values)

    # ------------------------------------------------------------ giving up

    def expire(self) -> None:
        """Give up events whose time is over; one from outside that nobody used becomes a dead letter."""
        store, now = self._driver.store, self._driver.now()
        for row in store.expired(now, BATCH):
            listened = self._driver.listens.get(row.event.type)
            if not store.takers(row.event.id) and listened is not None and listened.roles:
                problem = f"nobody waited for `{row.event.type}` before its time was over"
                store.bury("", "", "", now, problem, codec.dumps(row.event))
            store.forget_event(row.seq)


def is_same_input(one: str, other: str) -> bool:
    """Whether the inputs of two runs are equal, whatever their numbers look like."""
    return one == other or canonical(wire_loads(one)) == canonical(wire_loads(other))


def run_started_by(flow: str, mode: str, event_id: str) -> str:
    """The run of a flow that an event starts: the same however often the event comes."""
    return hashlib.sha256(f"{flow}|{mode}|{event_id}".encode()).hexdigest()[:12]


def asked(armed: event.Arm) -> str:
    """The value by which a wait asks, as `text_of` gives that of an event."""
    return armed.value if armed.field == SUBJECT and isinstance(armed.value, str) else canonical(armed.value)


def text_of(name: str, external: External) -> str | None:
    """The value of a field of an event as waits ask for it, or None where the event has no such field."""
    if name == SUBJECT:
        return external.subject
    value = external.data
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            return None
        value = value[part]
    return canonical(value)
