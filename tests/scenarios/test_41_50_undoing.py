"""Rows 41 to 50: time limits, calls that are overtaken, compensations that fail, and what is undone and what is not."""

from __future__ import annotations

import asyncio
from pathlib import Path

from flowlang import event, ir
from flowlang.contract import Contracts, load
from flowlang.event import Result
from flowlang.language.text import parse
from flowlang.lower import lower
from flowlang.runtime.ports import Request
from flowlang.source import Source
from flowlang.verify import small
from flowlang.verify.choices import Choices
from flowlang.verify.explore import Freedom, explore
from flowlang.verify.schedule import prepare
from flowlang.verify.simulate import simulate
from flowlang.verify.subject import Subject
from tests.modes.play import ANY, CONTRACT, SERVICES, UNKNOWN, calls, failing, follows
from tests.runtime.fakes import Ledger, unknown
from tests.scenarios.stage import A, B, C, D, Stage, crashes, drive, play, says, unchanged


def test_41_a_time_limit_while_a_result_is_unknown_compensates_first(mode: str) -> None:
    """The performer asks under the key of the call whose end nobody knows, and then the scope is gone."""
    body = f"scope s {{ {A} }} within 1h else {{ {B} }} {C}"
    player = play(mode, body, held=("a", "a:undo"), a=UNKNOWN)
    player.fire()
    assert player.begun == [] and player.outcome().status == "open"
    player.let("a")
    assert player.begun == ["a"]
    [undo] = [call for call in player.schedule.calls.values() if call.kind == "undo"]
    assert undo.undoes == 0, "it names the key of the call"
    player.let("a:undo")
    outcome = player.outcome()
    assert calls(outcome) == ["a unknown", "a:undo ok", "b ok", "c ok"] and outcome.status == "completed"
    assert follows(outcome, "b", "a:undo")


def test_42_a_call_that_was_overtaken_is_never_made_afterwards(mode: str) -> None:
    """It waits for its turn when the run is cancelled: whatever comes later, its cell knows that it was turned."""

    async def main(stage: Stage) -> None:
        ledger, engine = stage.ledger, stage.engine
        ledger.gate = asyncio.Event()
        first = await stage.begin("r1", id="o-1")
        second = await stage.begin("r2", id="o-2")
        await asyncio.sleep(1)
        assert [request.run for request in ledger.calls] == [first], "there is one worker"
        await engine.cancel(second)
        assert await engine.until(second) == "cancelled"
        ledger.gate.set()
        assert await engine.until(first) == "completed"
        await engine.resume()
        await engine.quiet()
        assert {request.run for request in ledger.calls} == {first}

    drive(A + B, mode, main, Ledger(says()), workers=1, direct=False)


def test_42_a_start_that_comes_after_the_step_was_turned_does_nothing() -> None:
    player = play("choreograph", A + B, held=("a",))
    player.cancel()
    player.let("a")
    late = [one for one in player.schedule.fed if one[0] == "b" and isinstance(one[1], event.Heard)]
    assert late and player.outcome().status == "cancelled"
    assert all(unchanged(player, role, input) for role, input in late)
    assert "b" not in player.begun and not player.schedule.calls


def test_43_a_compensation_that_fails_for_a_while_is_tried_again_under_one_key(mode: str) -> None:
    left = [4]

    def answers(request: Request) -> Result | None:
        if request.kind == "undo" and request.path == "f/a" and left[0]:
            left[0] -= 1
            return unknown("Unavailable")
        return says(c=failing())(request)

    async def main(stage: Stage) -> None:
        await stage.begin()
        assert await stage.engine.until("r1") == "failed"
        asked = [request for request in stage.ledger.calls if (request.path, request.kind) == ("f/a", "undo")]
        assert len(asked) == 5 and len({request.key for request in asked}) == 1
        assert stage.outcome().residue == ()

    drive(A + B + C, mode, main, Ledger(answers))


def test_43_a_compensation_that_fails_for_good_is_stuck_and_never_said_to_be_clean(mode: str) -> None:
    async def main(stage: Stage) -> None:
        engine = stage.engine
        await stage.begin()
        assert await engine.until("r1") == "stuck"
        assert stage.outcome().status == "stuck"
        await engine.cancel("r1")
        assert await engine.until("r1") == "stuck", "no cancel changes that"
        await engine.resolve("r1", "a", "skip")
        assert await engine.until("r1") in ("failed", "cancelled")
        assert stage.outcome().residue == ("f/a",)

    drive(A + B, mode, main, Ledger(says(b=failing(), undo_a=unknown("HandlerError"))))


def test_44_a_crash_between_the_effect_of_a_compensation_and_its_commit(mode: str, tmp_path: Path) -> None:
    assert crashes(A + B + C, mode, "after-effect", tmp_path, "failed", says(c=failing())) == 5


def test_45_a_second_failure_while_it_is_undone_starts_no_second_wave(mode: str) -> None:
    body = f"fork {{ branch x {{ {A} {B} }} {C} }} join all {D}"
    player = play(mode, body, held=("c", "a:undo"), b=failing(), c=failing("Busy"))
    assert player.begun == ["a", "b"]
    player.let("c")
    player.let("a:undo")
    outcome = player.outcome()
    assert calls(outcome) == ["a ok", "a:undo ok", "b failed", "c failed"] and player.begun.count("a:undo") == 1
    assert outcome.error is not None and outcome.error.path == "f/b" and player.schedule.finished == 1


def test_46_the_services_of_the_branch_that_was_not_taken_hear_nothing_of_its_undo() -> None:
    body = f"switch {{ case n == 1 -> {{ {A} }} else -> {{ {B} }} }} {C}"
    player = play("choreograph", body, c=failing())
    assert calls(player.outcome()) == ["a ok", "a:undo ok", "c failed"]
    told = {input.message.name for role, input in player.schedule.fed if role == "b" and isinstance(input, event.Heard)}
    assert told <= {"f.closed", "f.stuck"}, told
    states = player.schedule.mode.states  # type: ignore[attr-defined]
    assert states["b"].cells == {}


def test_46_only_the_branch_that_was_taken_is_undone(mode: str) -> None:
    body = f"switch {{ case n == 1 -> {{ {A} }} else -> {{ {B} }} }} {C}"
    for n, taken in ((1, "a"), (2, "b")):
        player = play(mode, body, n=n, c=failing())
        assert calls(player.outcome()) == sorted(["c failed", f"{taken} ok", f"{taken}:undo ok"])


def test_47_of_a_loop_exactly_the_items_that_were_ok_are_undone(mode: str) -> None:
    each = "for each x in [1, 2, 3, 4, 5] {0} {{ step b = b.act(n: x) {{ compensate b.undo(n: x) }} }} "
    for width, made in (("parallel 5", {0, 1, 3, 4}), ("", {0, 1})):
        player = play(mode, each.format(width), **{"x[2]/b": failing()})
        undone = {call.id.path for call in player.outcome().calls if call.id.kind == "undo"}
        assert undone == {f"f/x[{item}]/b" for item in made}
        assert [call.input for call in player.outcome().calls if call.id.kind == "undo"] == [
            {"n": item + 1} for item in sorted(made)
        ]


def test_48_a_parent_that_fails_long_after_a_child_flow_undoes_the_child(mode: str) -> None:
    child = f"flow pay(id: string, m: int) -> int {{ owner b {B} {C} return m + c.n }} "
    body = f"step p = flow.pay(id: id, m: 4) wait 30d step d = d.act(n: p) {A}"
    player = play(mode, with_child(body, child), a=failing())
    assert player.outcome().status == "open"
    player.fire()
    outcome = player.outcome()
    assert outcome.status == "failed"
    assert calls(outcome) == ["a failed", "d ok", "p/b ok", "p/b:undo ok", "p/c ok", "p/c:undo ok"]
    assert follows(outcome, "p/b:undo", "p/c:undo")


def test_48_in_every_order_a_child_that_was_ok_is_undone_with_its_parent(mode: str) -> None:
    kernel = with_child(
        f"step p = flow.pay(id: id, m: 4) {A} fail Odd", f"flow pay(id: string, m: int) {{ owner b {B} }} "
    )
    found = explore(prepare(kernel), mode, small.INPUT, Freedom(cancel=False))
    assert found.broken is None and found.complete and set(found.ends) == {"failed"}
    outcome = simulate(Subject(prepare(kernel), small.INPUT), mode, Choices(draws=()), ())
    assert (outcome.statuses, outcome.effects) == (("failed",), 4), "the child's step and our own, both undone"


def with_child(body: str, child: str) -> ir.Flow:
    """A flow that calls another one."""
    sources = [Source(f"{name}.yaml", CONTRACT.format(service=name, any=ANY, heard="")) for name in SERVICES]
    contracts, found = load(sources, lambda reference, beside: None)
    assert not found and isinstance(contracts, Contracts)
    head = 'use contracts "*.yaml" use flows "*.flow"\n'
    trees = []
    for text in (f"flow f(id: string, n: int) {{ key id owner a {body} }}", child):
        tree, wrong = parse(Source("f.flow", head + text))
        assert tree is not None and not wrong, [one.say(one.message) for one in wrong]
        trees.append(tree)
    return lower(trees[0], contracts, {trees[1].name.text: (trees[1], contracts)})


def test_49_a_step_after_the_commit_that_fails_for_good_is_stuck_and_nothing_is_undone(mode: str) -> None:
    async def main(stage: Stage) -> None:
        engine = stage.engine
        await stage.begin()
        assert await engine.until("r1") == "stuck"
        await engine.cancel("r1")
        assert await engine.until("r1") == "stuck", "it is too late to cancel"
        assert not [one for one in stage.made() if "undo" in one]
        asked = [request for request in stage.ledger.calls if request.path == "f/b"]
        assert len(asked) > 3 and len({request.key for request in asked}) == 1
        await engine.resolve("r1", "b", "done", value={"n": 1})
        assert await engine.until("r1") == "completed"

    drive(f"{A} commit {B} {C}", mode, main, Ledger(says(b=failing())))


def test_50_an_interrupt_handler_that_fails_goes_to_the_scope_around_and_not_round(mode: str) -> None:
    inner = f'scope s {{ {A} {B} }} on event "b.told" as e where e.id == id -> {{ {C} }} '
    player = play(mode, f"scope t {{ {inner} }} catch No as why -> {{ {D} }} ", held=("b",), c=failing())
    player.send("b.told", "e1", id="o-1", n=1)
    player.let("b")
    player.send("b.told", "e2", id="o-1", n=1)
    outcome = player.outcome()
    assert outcome.status == "completed"
    assert sorted(calls(outcome)) == sorted(["a ok", "a:undo ok", "b ok", "b:undo ok", "c failed", "d ok"]), "each once"
    assert [kept.id for kept in player.schedule.kept] == ["e2"]
