"""The deliberate mistakes: where each is planted, and a small flow on which it can be seen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """`old` stands once in `module` and becomes `new`. `flow` is the body of a flow over the services a, b and c on which
    `how` (`explore` or `simulate`) finds it in one of the `modes`."""

    name: str
    module: str
    old: str
    new: str
    flow: str
    how: str = "explore"
    modes: tuple[str, ...] = ("orchestrate", "choreograph")
    stuck: bool = False
    cancel: bool = True


A, B, C = (f"step {s} = {s}.act(id: id) {{ compensate {s}.undo(id: id) }}\n" for s in "abc")
WAIT = 'wait for event "b.told" as e where e.id == id within 5m else fail Late\n'

RUNTIME = (
    Mutant(
        "an effect is let go before the commit",
        "flowlang.runtime.driver",
        "        self._released.append(act)\n",
        "        act()\n",
        A + B + C,
        "simulate",
    ),
    Mutant(
        "a message is marked sent before it is published",
        "flowlang.runtime.bus",
        "            self._saying.append(row)\n",
        "            self._saying.append(row)\n            self._driver.store.mark_sent(row.seq)\n",
        A + B + C,
        "simulate",
        ("choreograph",),
    ),
    Mutant(
        "a message is acknowledged before it is taken in",
        "flowlang.runtime.bus",
        "        self._held.add(row.seq)\n        self.came.append(row)\n",
        "        self._held.add(row.seq)\n        self.came.append(row)\n        self._driver.store.ack(row.seq)\n",
        A + B + C,
        "simulate",
        ("choreograph",),
    ),
    Mutant(
        "a cursor over the numbers of the outbox, in place of a mark on each row",
        "flowlang.runtime.rows.messages",
        "WHERE role = ?{one} AND sent = 0 ORDER BY seq",
        "WHERE role = ?{one} AND seq > (SELECT coalesce(max(seq), 0) FROM outbox WHERE sent = 1) ORDER BY seq",
        f"fork {{ {A} {B} }} join all {C}",
        "simulate",
        ("choreograph",),
    ),
    Mutant(
        "a timer that fires early",
        "flowlang.runtime.timers",
        "if not self._heap or self._heap[0][0] > driver.now():",
        "if not self._heap or self._heap[0][0] > driver.now() + 60_000:",
        A + WAIT + B,
        "simulate",
    ),
    Mutant(
        "an attempt that is not counted before it is made",
        "flowlang.runtime.work",
        "        return replace(row, item=lifecycle.begin(row.item), begun=self._driver.now(), ended=None)",
        "        begun = replace(row, item=lifecycle.begin(row.item), begun=self._driver.now(), ended=None)\n"
        "        return replace(begun, item=replace(begun.item, attempts=row.item.attempts))",
        A + B,
        "simulate",
    ),
    Mutant(
        "an unknown result takes the next key",
        "flowlang.lifecycle",
        'if isinstance(result, Failed) and item.call.kind == "do":',
        'if item.call.kind == "do":',
        A + B + "fail Odd",
        "simulate",
    ),
    Mutant(
        "what was under way when the process died is forgotten",
        "flowlang.runtime.work",
        '        if row.item.state == "running":\n            self._follow',
        '        if row.item.state == "running":\n            return\n            self._follow',
        A + B,
        "simulate",
    ),
    Mutant(
        "an inbox that forgets when the process dies",
        "flowlang.runtime.driver",
        "            part.seen.add(id)\n            part.seq += 1\n        for work",
        "            part.seq += 1\n        for work",
        A + B + C,
        "simulate",
        ("choreograph",),
    ),
    Mutant(
        "a cancel that overtook the start is thrown away",
        "flowlang.runtime.bus",
        "            return self._wait_for_start(row)\n",
        "            return self._to_ack.append(row.seq)\n",
        A + B + C,
        "simulate",
        ("choreograph",),
    ),
    Mutant(
        "an event that came before its wait is not offered",
        "flowlang.runtime.waiting",
        "        self._driver.then(lambda: self._look_back(part, armed.path))",
        "        pass",
        A + WAIT + B,
        "simulate",
    ),
    Mutant(
        "timers are forgotten when the process dies",
        "flowlang.runtime.driver",
        "                self.timers.remember(timer)\n            for said",
        "                pass\n            for said",
        A + WAIT + B,
        "simulate",
    ),
)

MUTANTS = (*RUNTIME,)
