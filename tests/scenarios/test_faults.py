"""Adversarial scenarios that are about the runtime: crashes, disks, networks, clocks. Each is simulated with the real driver,
in both modes, until the fault that it is about has fired often enough."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pytest

from flowlang.verify import small
from flowlang.verify.choices import Choices
from flowlang.verify.explore import MODES
from flowlang.verify.listening import events_for
from flowlang.verify.schedule import prepare
from flowlang.verify.simulate import simulate
from flowlang.verify.subject import Subject

A, B, C = (f"step {s} = {s}.act(id: id) {{ compensate {s}.undo(id: id) }}\n" for s in "abc")
WAIT = 'wait for event "b.told" as e where e.id == id within 5m else fail Late\n'
BOTH = ("orchestrate", "choreograph")
CH = ("choreograph",)


@dataclass(frozen=True)
class Row:
    """A scenario: its flow, the families of faults, and which of them must have fired `times`."""

    number: int
    title: str
    body: str
    kinds: tuple[str, ...]
    fault: str
    times: int = 5
    modes: tuple[str, ...] = BOTH


ROWS = (
    Row(4, "redelivery long after, the run alive", A + WAIT + B, ("network",), "loss", modes=CH),
    Row(5, "redelivery after the run was closed", A + B, ("network",), "duplicate", modes=CH),
    Row(6, "a crash after the effect and before the commit", A + B, ("crash",), "crash after-effect"),
    Row(7, "as before, with services that answer otherwise when asked anew", A + B, ("crash", "service"), "crash after-effect", 3),
    Row(8, "a crash after the commit and before the message is published", A + B + C, ("crash",), "crash after-commit"),
    Row(9, "a crash after publishing and before it is marked sent", A + B + C, ("crash",), "crash before-mark-sent", 3, CH),
    Row(10, "a crash after the commit and before the acknowledgement", A + B + C, ("crash",), "crash before-ack", 3, CH),
    Row(14, "a handler raises what no contract declares", A + B, ("service",), "handler bug"),
    Row(15, "a broker loses a message", A + B + C, ("network",), "loss", modes=CH),
    Row(16, "what is said is published out of order", f"fork {{ {A} {B} }} join all {C}", ("network", "crash"), "reorder", modes=CH),
    Row(25, "the owner crashes half-way through emitting starts", f"for each i in [1, 2, 3] parallel 3 {{ {B} }}", ("crash",), "crash before-commit"),
    Row(32, "an event that was taken comes again", A + WAIT + B, ("client",), "asked twice"),
    Row(33, "the owner is down past the deadline with the event queued", A + WAIT + B, ("crash", "network"), "kill"),
    Row(34, "clocks that differ and jump", A + WAIT + B, ("clock",), "clock jump"),
    Row(42, "an undo overtakes the forward request", A + "fail Odd", ("service",), "slow service"),
    Row(44, "a crash between a compensation's effect and its commit", f"{A} {B} fail Odd", ("crash",), "crash after-effect"),
    Row(60, "a disk that refuses a commit", A + B, ("store",), "disk full"),
)  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.number:02}-{row.title.replace(' ', '-')}")
def test_scenario(row: Row, mode: str) -> None:
    if mode not in row.modes:
        mode = row.modes[0]  # a message needs two services: the same once more, with other seeds
        first = 1_000
    else:
        first = 0
    prepared = prepare(small.kernel(small.whole(row.body)))
    one = Subject(prepared, small.INPUT, events_for(prepared, small.INPUT))
    faults: Counter[str] = Counter()
    effects = 0
    for seed in range(first, first + 900):
        found = simulate(one, mode, Choices(seed), row.kinds)
        assert not found.broken, (seed, found.broken)
        faults += found.faults
        effects += found.effects
        if faults[row.fault] >= row.times:
            break
    assert faults[row.fault] >= row.times and effects > 0
