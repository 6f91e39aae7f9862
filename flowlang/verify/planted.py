"""The deliberate mistakes: where each is planted, and a small flow on which it can be seen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """`old` stands once in `module` and becomes `new`. `flow` is the body of a flow over the services a, b and c on which
    `how` (`explore` or `simulate`) finds it in one of the `modes`. With `says`, it is the promise that a part of this text is
    about that is seen to be broken: so each of them has a mistake that proves that it bites."""

    name: str
    module: str
    old: str
    new: str
    flow: str
    how: str = "explore"
    modes: tuple[str, ...] = ("orchestrate", "choreograph")
    stuck: bool = False
    cancel: bool = True
    unknown: bool = True
    says: str = ""
    by_event: bool = False  # the flow is one that an event starts


A, B, C = (f"step {s} = {s}.act(id: id) {{ compensate {s}.undo(id: id) }}\n" for s in "abc")
WAIT = 'wait for event "b.told" as e where e.id == id within 5m else fail Late\n'

RUNTIME = (
    Mutant(
        "an effect is let go before the commit",
        "flowlang.runtime.turns",
        "        self._released.append(act)\n",
        "        act()\n",
        A + B + C,
        "simulate",
    ),
    Mutant(
        "an event starts a run of the version that was there first",
        "flowlang.runtime.driver",
        "        newest = {flow.name: flow for flow in self.store.flows()}\n",
        "        newest = {flow.name: flow for flow in reversed(self.store.flows())}\n",
        "step s = b.act(id: told.id) { compensate b.undo(id: told.id) }\nwait 2m\n",
        "simulate",
        says="not the newest when its event was sent",
        by_event=True,
    ),
    Mutant(
        "a message is marked sent before it is published",
        "flowlang.runtime.bus",
        "            self._saying.append(row)\n",
        "            self._saying.append(row)\n            self._driver.store.mark_sent(row.seq)\n",
        A + B + C,
        "simulate",
        ("choreograph",),
        says="was sent and never taken in",
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
        says="early",
    ),
    Mutant(
        "an attempt that is not counted before it is made",
        "flowlang.runtime.work",
        "        begun = replace(one.row, item=lifecycle.begin(one.row.item), begun=self._driver.now(), ended=None)\n",
        "        begun = replace(one.row, item=lifecycle.begin(one.row.item), begun=self._driver.now(), ended=None)\n        begun = replace(begun, item=replace(begun.item, attempts=one.row.item.attempts))\n",
        A + B,
        "simulate",
        says="times and counted 1",
    ),
    Mutant(
        "an unknown result takes the next key",
        "flowlang.lifecycle",
        "if isinstance(result, Failed) and not is_firm(item):",
        "if not is_firm(item):",
        A + B + "fail Odd",
        "simulate",
    ),
    Mutant(
        "what was under way when the process died is forgotten",
        "flowlang.runtime.work",
        '            if one.state == "running":\n                self._follow',
        '            if one.state == "running":\n                continue\n                self._follow',
        A + B,
        "simulate",
        says="stranded",
    ),
    Mutant(
        "an inbox that forgets when the process dies",
        "flowlang.runtime.driver",
        "            part.seen.add(id)\n            part.seq += 1\n        return with_rows",
        "            part.seq += 1\n        return with_rows",
        A + B + C,
        "simulate",
        ("choreograph",),
        says="took one input in twice",
    ),
    Mutant(
        "a cancel that overtook the start is thrown away",
        "flowlang.runtime.bus",
        "            return self._wait_for_start(row)\n",
        "            return self._to_ack.append(row.seq)\n",
        A + B + C,
        "simulate",
        ("choreograph",),
        says="the cancel of r1 was accepted and is lost",
    ),
    Mutant(
        "an event that came before its wait is not offered",
        "flowlang.runtime.waiting",
        "        self._driver.then(lambda: self._look_back(part, armed.path))",
        "        pass",
        A + WAIT + B,
        "simulate",
        says="is not offered to it",
    ),
    Mutant(
        "timers are forgotten when the process dies",
        "flowlang.runtime.driver",
        "                self.timers.remember(timer)\n            for said",
        "                pass\n            for said",
        A + WAIT + B,
        "simulate",
        says="nobody watches the timer",
    ),
    Mutant(
        "a run goes on under the newest version of its flow",
        "flowlang.runtime.driver",
        '        share = self.share(row.hash, role, row.mode)\n        assert share is not None, f"run {run} is',
        '        share = self.share(self.store.flows()[-1].hash, role, row.mode)\n        assert share is not None, f"run {run} is',
        A + WAIT + B,
        "simulate",
    ),
    Mutant(
        "a timer that was stopped stays on the disk",
        "flowlang.runtime.driver",
        "                self.store.stop_timer(part.role, part.run, path)\n",
        "                pass\n",
        A + WAIT + B,
        "simulate",
        says="and its journal leaves {}",
    ),
    Mutant(
        "a wait that is over listens on",
        "flowlang.runtime.driver",
        "                self.store.disarm(part.role, part.run, path)\n",
        "                pass\n",
        A + WAIT + B,
        "simulate",
        says="and its journal leaves []",
    ),
    Mutant(
        "an event that a wait took is not in its journal",
        "flowlang.runtime.driver",
        "        self.store.append(part.role,",
        "        id.startswith('arrived') or self.store.append(part.role,",
        A + WAIT + B,
        "simulate",
        says="does not lead to its state",
    ),
    Mutant(
        "a call is taken for done before it is answered",
        "flowlang.runtime.work",
        "            answer = asyncio.ensure_future(caller.call(request))\n",
        "            answer = asyncio.ensure_future(caller.call(request))\n"
        "            driver.do(partial(self._ended, part, one, attempt, Ok({'n': 1})))\n",
        A + B,
        "simulate",
        says="begins before small/a (do), which it follows",
    ),
    Mutant(
        "an event that nobody waits for yet is thrown away",
        "flowlang.runtime.waiting",
        "        driver.drain()\n        waiting = {",
        "        driver.drain()\n        driver.store.takers(external.id) or driver.store.erase_event(external.id)\n"
        "        waiting = {",
        A + WAIT + B,
        "simulate",
        says="event e1 was accepted and is lost",
    ),
    Mutant(
        "what an operation answers is written to the log",
        "flowlang.runtime.work",
        "        driver, call = self._driver, one.call\n",
        "        driver, call = self._driver, one.call\n"
        '        __import__("logging").getLogger("flowlang.runtime").info("%s: %s", call.path, results)\n',
        A,
        "simulate",
        says="what is personal can be seen",
    ),
    Mutant(
        "what is sent to an operation is printed",
        "flowlang.runtime.work",
        '        failpoint.hit("before-effect")\n',
        '        failpoint.hit("before-effect")\n        print(call.path, call.input)\n',
        A + "step b = b.act(id: id, who: has(a.who) ? a.who : id)",
        "simulate",
        says="what is personal can be seen",
    ),
)

CH, OR = ("choreograph",), ("orchestrate",)
ROWS, WALK = "flowlang.choreograph.", "flowlang.orchestrate."
FORK_ALL = f"fork {{ {A} {B} }} join all\n"
FORK_ANY = f"fork {{ {A} {B} }} join any\n"
LATE = f"scope k {{ {A} }} within 4m else {{ {B} }}\n"
AGAIN = f"""scope k {{ fork {{ emit "c.told" {{ id: id, n: n }} {B} }} join any
{C} }} on event "b.told" as o where o.id == id alongside -> {{ }}
catch -> {{ {A} }}"""

JOINS = (
    Mutant(
        "a join that acts on the first failure without waiting",
        ROWS + "joins",
        "        elif everything:\n            _rewind(",
        "        elif cell.gone:\n            _rewind(",
        FORK_ALL,
        modes=CH,
    ),
    Mutant(
        "a join under the central engine that acts on the first failure without waiting",
        WALK + "joins",
        "    if len(cell.ok) + len(cell.gone) < len(node.branches):\n        return\n",
        "    if len(cell.ok) + len(cell.gone) < len(node.branches) and not cell.gone:\n        return\n",
        FORK_ALL,
        modes=OR,
    ),
    Mutant(
        "the reason is that of whoever failed first in time",
        ROWS + "joins",
        "    cell.undoing = first_reason([cell.reasons[branch] for branch in sorted(cell.reasons)])\n",
        "    cell.undoing = first_reason(list(cell.reasons.values()))\n",
        FORK_ALL,
        modes=CH,
    ),
    Mutant(
        "a loser is kept",
        ROWS + "joins",
        "        return turn.say_back(row.branches[branch].undo, heard.index, after, LOST if lost else cell.undoing)",
        "        return _look(turn, row, heard.index, cell)",
        FORK_ANY,
        modes=CH,
    ),
    Mutant(
        "`join any` closes early",
        ROWS + "joins",
        "        if everything and all(",
        "        if True or all(",
        FORK_ANY,
        modes=CH,
    ),
    Mutant(
        "`closed` is said only when a loser was late",
        ROWS + "joins",
        "            turn.say(row.hints[number], index, Said({}, ()), LOST)\n    _look(turn, row, index, cell)\n",
        "            turn.say(row.hints[number], index, Said({}, ()), LOST)\n",
        FORK_ANY,
        modes=CH,
    ),
    Mutant(
        "the run ends before the losers have settled",
        ROWS + "runs",
        "    if any(join not in cell.joins for join in said.open):",
        "    if False:",
        FORK_ANY,
        modes=CH,
    ),
    Mutant(
        "a loop that is undone from its first item",
        WALK + "joins",
        "        return walk.undo(*address(item - 1), reason, causes)",
        "        return walk.undo(*address(0), reason, causes)",
        f"for each i in [1, 2, 3] {{ {A} }}",
        modes=OR,
        cancel=False,
    ),
)

UNDOING = (
    Mutant(
        "undo from the first to the last",
        WALK + "machine",
        "                walk.undo(place.parts[-1], index, reason, causes)",
        "                walk.undo(place.parts[0], index, reason, causes)",
        f"scope k {{ {A} {B} }} catch as e -> {{ }}\nfail Odd",
        modes=OR,
    ),
    Mutant(
        "undo of the way that was not taken",
        ROWS + "machine",
        "            turn.say_back(row.ways[cell.way].undo, index, causes, reason)",
        "            turn.say_back(row.ways[1 - cell.way].undo, index, causes, reason)",
        f"switch {{ case n > 0 -> {{ {A} }} else -> {{ {B} }} }}\nfail Odd",
        modes=CH,
    ),
    Mutant(
        "a guard evaluated twice",
        WALK + "machine",
        "            walk.undo(place.parts[cell.arm], index, reason, causes)",
        "            walk.undo(place.parts[_choose(walk, node, walk.env(place, index))], index, reason, causes)",
        f"switch {{ case !has(a) -> {{ {A} }} else -> {{ {B} }} }}\nfail Odd",
        modes=OR,
    ),
    Mutant(
        "a gone that forgets the reason of its undo",
        ROWS + "steps",
        "    turn.say_back(row.gone, index, causes, step.reason)\n\n\n# ---",
        "    turn.say_back(row.gone, index, causes, CANCELLED)\n\n\n# ---",
        A + B,
        modes=CH,
    ),
    Mutant(
        "an unknown result is taken as clean",
        ROWS + "steps",
        '            _undo(turn, row, index, cell, Reason("failed", error), after)',
        '            turn.say_back(row.gone, index, after, Reason("failed", error))',
        A,
        modes=CH,
    ),
    Mutant(
        "an unknown result under the central engine is taken as clean",
        WALK + "steps",
        '            undo(walk, number, node, index, cell, Reason("failed", error), after)',
        '            walk.gone(number, index, Reason("failed", error), after)',
        A,
        modes=OR,
    ),
    Mutant(
        "an undo names another key than the one that it undoes",
        ROWS + "steps",
        "max(len(step.results) - 1, 0)\n",
        "0\n",
        "step a = a.act(id: id) { compensate a.undo(id: id) retry 2 on No }\nfail Odd",
        "simulate",
        CH,
        says="the effect of small/a is left",
    ),
    Mutant(
        "a step of a sequence is left when the one behind it fails",
        WALK + "machine",
        "            if place.position:\n                walk.undo(",
        "            if place.position > 1:\n                walk.undo(",
        A + B,
        modes=OR,
    ),
    Mutant(
        "who owns the run does not hear that a step is stuck",
        ROWS + "steps",
        "    turn.say(row.stuck, (*index, cell.times), Said({}, ()))",
        "    pass",
        B,
        modes=CH,
        stuck=True,
        cancel=False,
    ),
    Mutant(
        "an inbox entry is forgotten",
        ROWS + "machine",
        "    state.seen.add(message.id)\n",
        "",
        A + B,
        modes=CH,
    ),
)

SCOPES = (
    Mutant(
        "a scope's exit that is not arbitrated",
        WALK + "scopes",
        '    if position == 0 and cell.verdict == "interrupted":\n        walk.undo(',
        "    if False:\n        walk.undo(",
        LATE,
        modes=OR,
    ),
    Mutant(
        "a handler that does not wait until the body is gone",
        ROWS + "scopes",
        "    turn.say(row.hint, index, Said({}, ()), CANCELLED)\n    if cell.waiting",
        "    turn.say(row.hint, index, Said({}, ()), CANCELLED)\n    _react(turn, row, index, cell, ())\n    if cell.waiting",
        LATE,
        modes=CH,
    ),
    Mutant(
        "a message is said twice, and the inbox of its hearer hides it",
        ROWS + "turn",
        "                self.effects.append(event.Send(service, message))\n",
        "                self.effects += [event.Send(service, message)] * 2\n",
        A + B,
        "simulate",
        CH,
        says=" twice",
    ),
    Mutant(
        "a scope with handlers beside it that is gone once more when a join in it closes",
        ROWS + "scopes",
        "        if cell.why is None:  # on the way back",
        "        if True:  # on the way back",
        AGAIN,
        modes=CH,
        cancel=False,
        unknown=False,
        says="was started before",
    ),
    Mutant(
        "a retry that starts before the last attempt is gone",
        WALK + "machine",
        "            if place.position:\n                walk.undo(parent.parts[place.position - 1], index, reason, causes)",
        "            if place.position and not isinstance(walk.program.places[parent.parent].node, ir.Retry):\n"
        "                walk.undo(parent.parts[place.position - 1], index, reason, causes)",
        f"scope k {{ {A} {B} }} retry 1",
        modes=OR,
    ),
    Mutant(
        "a retry that reopens after its block was ok",
        ROWS + "scopes",
        "    if cell.closed or not listed or attempt > row.limit:",
        "    if not listed or attempt > row.limit:",
        f"scope k {{ {A} }} retry 1\nfail Odd",
        modes=CH,
    ),
    Mutant(
        "a catch that reopens after its block was ok",
        ROWS + "scopes",
        "            if number == 0 and not cell.closed and reason.error is not None:",
        "            if number == 0 and reason.error is not None:",
        f"scope k {{ {A} }} catch as e -> {{ {B} }}\nfail Odd",
        modes=CH,
    ),
    Mutant(
        "a catch that catches `cancelled`",
        WALK + "scopes",
        "    taken = None\n    if position == 0 and not cell.closed and reason.error is not None:",
        '    taken = None\n    if reason.kind == "cancelled":\n'
        '        reason = event.failed("Cancelled", "", "")\n'
        "    if position == 0 and not cell.closed and reason.error is not None:",
        f'scope k {{ {A} {B} }} catch as e -> {{ emit "a.told" {{ id: "other", n: n }} }}',
        modes=OR,
    ),
    Mutant(
        "a handler started without its entry data",
        ROWS + "scopes",
        "            if cell.entry is not None or not row.start:\n                _handle(",
        "            if True:\n                _handle(",
        "step b = b.act(id: id)\nscope k at c { step s = b.act(id: id) } catch as e -> { step t = c.act(n: b.n) }",
        modes=CH,
        cancel=False,
    ),
    Mutant(
        "a compensation block that sees what came after its scope",
        WALK + "scopes",
        "            cell.env = dict(walk.env(place, index))",
        "            cell.env = walk.env(place, index)",
        f"scope k {{ {A} }} compensate {{ step u = b.act(n: has(c) ? 1 : 0) }}\n{C} fail Odd",
        modes=OR,
        cancel=False,
    ),
    Mutant(
        "a commit that does not latch the run's verdict",
        ROWS + "runs",
        '    owner.verdict = "committed"\n',
        "",
        A + "commit\n" + B,
        modes=CH,
    ),
)

HINTS = (
    Mutant(
        "an armed wait deaf to its hint",
        ROWS + "waits",
        '    if isinstance(cell, WaitCell) and cell.state == "armed":\n        cell.state, cell.reason',
        '    if isinstance(cell, WaitCell) and cell.state == "deaf":\n        cell.state, cell.reason',
        A + 'wait for event "b.told" as e where e.id == id forever',
        modes=CH,
    ),
    Mutant(
        "a hint that leaks into the next iteration",
        ROWS + "turn",
        "                reason = known.get((hint, index[: place.depth(hint)]))",
        "                reason = next((why for (name, _), why in known.items() if name == hint), None)",
        f"for each i in [1, 2] {{ {FORK_ANY} }}",
        modes=CH,
        cancel=False,
        unknown=False,
    ),
    Mutant(
        "a call that was turned is made all the same",
        "flowlang.runtime.work",
        "            one.row = replace(row, item=item)  # so that nobody begins it in what is left of this turn\n",
        "",
        f"fork {{ branch x {{ step r = a.act(id: id) fail Odd }} {B} {C} }} join all or cancel",
        "simulate",
        OR,
        says="begins after its result was recorded",
    ),
    Mutant(
        "two waits that consume one event",
        ROWS + "waits",
        'cell.state != "armed" or input.event.id in turn.state.taken:',
        'cell.state != "armed":',
        'fork { wait for event "a.told" as x where x.id == id forever\n'
        'wait for event "a.told" as y where y.id == id forever } join all',
        modes=CH,
    ),
    Mutant(
        "a value held on one path only",
        ROWS + "liveness",
        "    return frozenset.intersection(*sets)",
        "    return frozenset().union(*sets)",
        "step a = a.act(n: n)\n"
        "fork { branch x when n > 5 { step b1 = b.act(n: a.n) }\n"
        "branch y { step c1 = c.act(n: n) step b2 = b.act(n: n) } } join all\n"
        "step d = c.act(id: id)\nstep b3 = b.act(n: a.n + 2)",
        modes=CH,
        cancel=False,
    ),
)

MUTANTS = (*RUNTIME, *JOINS, *UNDOING, *SCOPES, *HINTS)
