"""Random flows under everything that can go wrong at once: no promise is broken, and every seed is a whole history."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flowlang import ir
from flowlang.event import Error, External, Outcome
from flowlang.place import instance
from flowlang.runtime.bus import Bus
from flowlang.runtime.ports import Request
from flowlang.verify import small
from flowlang.verify.choices import Choices
from flowlang.verify.explore import MODES, Freedom, explore
from flowlang.verify.invariants import _mirror
from flowlang.verify.ledger import Ledger
from flowlang.verify.listening import events_for
from flowlang.verify.mutants import planted
from flowlang.verify.planted import MUTANTS
from flowlang.verify.process import Report
from flowlang.verify.replay import Broken
from flowlang.verify.rollout import second
from flowlang.verify.schedule import prepare
from flowlang.verify.simulate import KINDS, shortest, simulate
from flowlang.verify.subject import Subject
from tests.verify.flows import subject

ROOT = Path(__file__).parents[2]
SEED = int(os.environ.get("FLOWLANG_SEED", datetime.now(UTC).date().toordinal()))
CHUNKS, FLOWS, SEEDS = 8, 10, 25  # 2,000 seeds, each in both modes
EXPECTED = {  # every kind of fault, and in which it may be looked for
    "kill", "crash before-commit", "crash after-commit", "crash before-effect", "crash after-effect", "crash after-publish",
    "crash before-mark-sent", "crash before-ack", "disk full", "duplicate", "delay", "loss", "reorder", "clock skew",
    "clock jump", "slow service", "dead service", "handler bug", "lost request", "lost answer", "asked twice", "rollout",
}  # fmt: skip


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_whatever_goes_wrong_no_promise_is_broken(chunk: int) -> None:
    faults: Counter[str] = Counter()
    statuses: Counter[str] = Counter()
    effects = replayed = ordered = lines = 0
    for number in range(FLOWS):
        one = subject((SEED * CHUNKS + chunk) * FLOWS + number)
        for seed in range(number * SEEDS, (number + 1) * SEEDS):
            for mode in MODES:
                found = simulate(one, mode, Choices(seed))
                assert not found.broken, (
                    f"FLOWLANG_SEED={SEED} chunk {chunk} flow {number} seed {seed} {mode}: {found.broken}"
                )
                faults += found.faults
                statuses.update(f"{mode} {status}" for status in found.statuses)
                effects += found.effects
                replayed += found.checks.replayed
                ordered += found.checks.ordered
                lines += len(found.seen) if one.is_personal() else 0
    print(f"FLOWLANG_SEED={SEED} chunk {chunk}: {dict(statuses)}, {dict(faults)}, {effects} effects")
    assert set(faults) >= EXPECTED, EXPECTED - set(faults)
    assert effects > 100 and replayed > 100 and ordered > 100 and lines > 100
    for mode in MODES:
        for status in ("completed", "failed", "cancelled"):
            assert statuses[f"{mode} {status}"] > 0


def test_a_seed_is_the_same_history_in_every_process() -> None:
    script = "import hashlib\nfrom tests.verify.test_simulate import digest\nprint(digest())\n"
    said = [
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hashing},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hashing in ("1", "2")
    ]
    assert said[0] == said[1] and len(said[0]) > 60


def digest() -> str:
    """The traces of some histories, in short."""
    traces = [
        "\n".join(simulate(subject(number), mode, Choices(number)).trace) for number in range(10) for mode in MODES
    ]
    return hashlib.sha256("\n".join(traces).encode()).hexdigest()


def _shop() -> Subject:
    steps = (f"step {s} = {s}.act(id: id) {{ compensate {s}.undo(id: id) }}" for s in "abc")
    return Subject(prepare(small.kernel(small.whole("\n".join(steps)))), small.INPUT)


def test_what_breaks_a_promise_is_found_and_shrunk_to_few_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bus that throws away a cancel that overtook the start of its run, as it did once."""
    monkeypatch.setattr(Bus, "_wait_for_start", lambda self, row: self._bury(row, "it has no part in the run"))
    shop = _shop()
    for seed in range(2_000):
        choices = Choices(seed)
        if simulate(shop, "choreograph", choices).broken:
            break
    else:
        pytest.fail("it was not found")
    draws, found = shortest(shop, "choreograph", choices.draws)
    # which promise is seen to be broken first depends on the seed
    assert "a dead letter" in found.broken or found.broken == "the cancel of r1 was accepted and is lost"
    assert sum(found.faults.values()) <= 3 and len(draws) <= len(choices.draws)
    assert any("cancel" in line for line in found.trace)


@pytest.mark.parametrize("mode", MODES)
def test_a_new_version_is_rolled_out_through_the_gate_of_a_flow(mode: str) -> None:
    """Events start runs before it and after it, of the version that is the newest then; each goes on with its own."""
    steps = "step s = b.act(id: told.id) { compensate b.undo(id: told.id) }\nwait 2m\nstep t = c.act(id: told.id) { compensate none }"
    one = Subject(prepare(small.kernel(small.by_event(steps))), small.TOLD)
    started: Counter[str] = Counter()
    for seed in range(120):
        found = simulate(one, mode, Choices(seed))
        assert not found.broken, (seed, found.broken)
        lines = [line for line in found.trace if "is started by event" in line]
        started.update(line.rpartition(" ")[2] + (" rolled out" if found.faults["rollout"] else "") for line in lines)
    print(started)
    assert started["1"] > 10 and started["1 rolled out"] > 3 and started["2 rolled out"] > 3


def test_nobody_comes_through_a_gate_that_his_input_does_not_open() -> None:
    shut = small.by_event("step s = b.act(id: told.id) { compensate none }").replace(
        "as told", "as told where told.n > 5"
    )
    one = Subject(prepare(small.kernel(shut)), small.TOLD)
    for seed in range(20):
        found = simulate(one, "choreograph", Choices(seed))
        assert not found.broken and not any("is started by event" in line for line in found.trace)


def test_only_the_faults_that_are_asked_for_happen() -> None:
    shop = _shop()
    families = {"crash": ("crash", "kill"), "store": ("disk",), "network": ("duplicate", "delay", "loss", "reorder")}
    families["rollout"] = ("rollout",)
    for kind, words in families.items():
        faults: Counter[str] = Counter()
        for seed in range(40):
            faults += simulate(shop, "choreograph", Choices(seed), (kind,)).faults
        assert faults and all(fault.startswith(words) for fault in faults), (kind, faults)
    assert set(KINDS) >= set(families)


def test_without_faults_a_flow_is_simply_run() -> None:
    for mode in MODES:
        found: Report = simulate(_shop(), mode, Choices(draws=()), ())
        assert (found.statuses, found.effects, found.faults, found.broken) == (("completed",), 3, Counter(), "")


def test_an_event_that_nobody_takes_is_still_there_at_the_end() -> None:
    text = small.whole('wait for event "b.told" as e where e.id == id within 5m else fail Late')
    prepared = prepare(small.kernel(text))
    other = External("e1", "b.told", "", {"id": "another", "n": 1})
    for mode in MODES:
        found = simulate(Subject(prepared, small.INPUT, (other,)), mode, Choices(draws=()), ())
        assert found.statuses == ("failed",) and not found.broken


def test_what_is_written_while_a_process_comes_up_is_seen_by_it() -> None:
    """In this history a run is asked for when its owner has taken up what was there and is not yet told of what comes: the
    history was held to be stranded, for nobody looked again."""
    text = small.whole(
        'scope k1 { switch { case n > 0 -> { fail Odd } else -> { fail Odd } } } on event "a.told" as o1 where o1.id == id -> {'
        ' scope k5 { emit "a.told" { id: "other", n: n } } on event "a.told" as o5 where o5.id == id alongside -> {'
        " step s7 = b.act(id: id) { compensate b.undo(id: id) } } }"
    )
    prepared = prepare(small.kernel(text))
    one = Subject(prepared, small.INPUT, events_for(prepared, small.INPUT, 4))
    found = simulate(one, "choreograph", Choices(34_633))
    assert not found.broken and len(found.statuses) == 2 and found.faults["rollout"]


LOOP = small.kernel(
    small.whole("for each i in [1, 2] { step s = a.act(id: id) { compensate a.undo(id: id) } }\nfail Odd")
)


@pytest.mark.parametrize("mode", MODES)
def test_an_operator_answers_for_a_step_of_one_iteration(mode: str) -> None:
    """Behind a point of no return a call is not given up: it gets stuck."""
    text = small.whole("commit\nfor each i in [1, 2] { step s = a.act(id: id) }")
    loop = Subject(prepare(small.kernel(text)), small.INPUT)
    for seed in range(400):
        found = simulate(loop, mode, Choices(seed))
        assert not found.broken
        if any("an operator says `done` to small/i[1]/s (do)" in line for line in found.trace):
            return
    raise AssertionError("no operator had to")


def test_an_effect_of_an_iteration_that_is_left_is_found() -> None:
    [step] = [node for node in ir.walk(LOOP.body) if isinstance(node, ir.Step)]
    ledger = Ledger()
    ledger.note(0, "effect", Request("run", "small", instance(step.path, (1,)), "do", "a", "act", {}, 0, 1, 0), "a")
    failed = Outcome("failed", None, Error("Odd", "", "small"), (), (), ())
    with pytest.raises(Broken, match=r"the effect of small/i\[1\]/s is left"):
        _mirror(LOOP, "run", failed, ledger, set())
    _mirror(LOOP, "run", replace(failed, residue=("small/i[1]/s",)), ledger, set())


@pytest.mark.parametrize("mode", MODES)
def test_runs_keep_the_version_with_which_they_began(mode: str) -> None:
    """The second version of the shop does its first step twice, so a run of it has four effects and not three."""
    rolled_out = 0
    for seed in range(60):
        found = simulate(_shop(), mode, Choices(seed), ("rollout",))
        assert not found.broken
        if set(found.statuses) == {"completed"}:
            more = found.effects - 3 * len(found.statuses)
            assert more == 0 if not found.faults else 1 <= more < len(found.statuses)
            rolled_out += found.faults["rollout"]
    assert rolled_out > 5


def test_a_version_that_is_mixed_up_with_another_is_found_and_shrunk() -> None:
    mistake = next(mutant for mutant in MUTANTS if "newest version" in mutant.name)
    waits = Subject(prepare(small.kernel(small.whole(mistake.flow))), small.INPUT)
    with planted(mistake):
        seed = next(seed for seed in range(400) if simulate(waits, "orchestrate", Choices(seed)).broken)
        choices = Choices(seed)
        simulate(waits, "orchestrate", choices)
        draws, found = shortest(waits, "orchestrate", choices.draws)
    assert found.broken and found.faults["rollout"] == 1 and sum(found.faults.values()) <= 3
    assert len(draws) <= len(choices.draws)


@pytest.mark.parametrize("number", range(0, small.count(2), 3))
def test_the_second_version_of_a_flow_is_another_one_that_can_be_run(number: int) -> None:
    first = prepare(small.kernel(small.text(number, 2)))
    other = prepare(second(first.flow))
    assert other.hash != first.hash
    for mode in MODES:
        found = explore(other, mode, small.INPUT, Freedom(cancel=False, unknown=False), 60)
        assert found.broken is None
