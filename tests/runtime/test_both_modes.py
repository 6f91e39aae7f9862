"""The driver with the real machines: one flow of the kernel in both modes, with the same report at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from flowlang import codec, ir
from flowlang.choreograph.projection import project
from flowlang.event import Heard, Input, Ok, Policy, Result, Settled
from flowlang.expression.tree import Expression, Literal
from flowlang.report import report
from flowlang.runtime import programs, sqlite, view
from flowlang.runtime.clock import VirtualClock, run_virtual
from flowlang.runtime.desk import fold
from flowlang.runtime.driver import Part
from flowlang.runtime.engine import Engine
from flowlang.runtime.ports import Request
from flowlang.runtime.programs import Installation
from flowlang.source import Source, Span
from flowlang.values import Duration, plain_dumps, wire_dumps
from tests.runtime.fakes import Ledger, declined, unknown
from tests.runtime.flows import CHARGE, CONFIRMED, LOOK_ALIKES, REFUND, RELEASE, RESERVE, flow, fork, ref, select, step

NOWHERE = Span(Source("order.flow", ""), 0, 0)
DAY = 86_400_000


def race(after: Expression | None) -> ir.Race:
    taken = ir.Alternative(CONFIRMED, "done", "id", select("order", "id"), None, ir.Sequence(()))
    late = ir.Sequence((ir.Fail("order/late", "TooLate", None),)) if after else ir.Sequence(())
    return ir.Race("order/wait", (taken,), after, late, "")


ORDER = flow(
    step("charge", CHARGE, REFUND),
    fork(ir.Sequence((step("left", RESERVE, RELEASE),)), ir.Sequence((step("right", RESERVE, RELEASE),))),
    race(Expression("3d", Literal(Duration(3 * DAY), NOWHERE))),
    ir.Emit("order/emit1", CONFIRMED, Expression("done", select("done", "id").tree.of)),  # type: ignore[union-attr]
    step("again", CHARGE),
)


def installation(mode: str, kernel: ir.Flow = ORDER) -> Installation:
    hash = ir.hash_of(kernel)
    return (
        programs.of_flow(kernel, hash)
        if mode == "orchestrate"
        else programs.of_tables(kernel, hash, project(kernel, hash))
    )


Play = Callable[[Engine, str], Awaitable[None]]


async def confirm(engine: Engine, run: str) -> None:
    assert await engine.until(run) == "waits"
    await engine.send("delivery.confirmed", {"id": "o-1"}, id="e1")


async def nothing(engine: Engine, run: str) -> None:
    pass


async def cancel(engine: Engine, run: str) -> None:
    assert await engine.until(run) == "waits"
    await engine.cancel(run)


async def skip(engine: Engine, run: str) -> None:
    assert await engine.until(run) == "stuck"
    assert view.run(engine.store, run).status == "stuck"
    await engine.resolve(run, "charge", "skip")


def answers(**by_step: Result) -> Callable[[Request], Result | None]:
    def says(request: Request) -> Result | None:
        name = request.path.removeprefix("order/") + ("_undo" if request.kind == "undo" else "")
        return by_step.get(name)

    return says


class Everything(dict[tuple[str, str], Part]):
    """Parts, also those of runs that are over, which a driver lets go."""

    def pop(self, key: tuple[str, str], *default: Any) -> Any:
        return self[key]


def assert_written(engine: Engine, role: str, run: str) -> list[Input]:
    """The inputs of a part; each stands in the journal as the codec writes it, by whichever way it came there."""
    found = []
    for _, _, body in engine.store.journal(role, run):
        found.append(codec.load_input(body))
        assert codec.dumps(found[-1]) == body
    return found


def run(mode: str, play: Play, says: Callable[[Request], Result | None], path: str = "memory") -> dict[str, Any]:
    """The report of one run in one mode; the state in memory is that of the journal."""
    ledger = Ledger(says)

    async def main(clock: VirtualClock) -> dict[str, Any]:
        async with Engine.open(path, callers=ledger.callers, clock=clock, jitter=lambda: 0.5) as engine:
            engine.driver.parts = parts = Everything()
            installed = installation(mode)
            await engine.install(installed)
            await engine.start(installed.flow.hash, mode, {"order": {"id": "o-1"}}, run="r1")
            await play(engine, "r1")
            await engine.until("r1", follow=True)
            await engine.quiet()
            for part in engine.store.parts("r1"):
                live = parts[part.role, "r1"].state
                assert fold(engine.store, part.role, "r1")[1] == live
                assert_written(engine, part.role, "r1")
            made = report(view.outcome(engine.store, "r1"), "r1", "order", installed.flow.hash, mode)
            assert view.run(engine.store, "r1").status == made["status"]
            keys = {effect["key"] for effect in made["effects"]}
            assert keys == {request.key for request in ledger.calls}
            return made

    return run_virtual(main)


CASES: dict[str, tuple[Play, Callable[[Request], Result | None], str, int]] = {
    "all well": (confirm, answers(), "completed", 4),
    "declined": (nothing, answers(charge=declined()), "failed", 1),
    "sold out": (nothing, answers(right=declined("SoldOut")), "failed", 5),
    "unknown": (nothing, answers(left=unknown()), "failed", 6),
    "too late": (nothing, answers(), "failed", 6),
    "cancelled": (cancel, answers(), "cancelled", 6),
    "last step declined": (confirm, answers(again=declined()), "failed", 7),
    "stuck and skipped": (skip, answers(left=declined("SoldOut"), charge_undo=declined()), "failed", 5),
}


@pytest.mark.parametrize("case", CASES)
def test_both_modes_report_the_same(case: str) -> None:
    play, says, status, calls = CASES[case]
    central, services = (run(mode, play, says) for mode in ("orchestrate", "choreograph"))
    assert (central["status"], len(central["effects"])) == (status, calls)
    for made in (central, services):
        assert made.pop("mode") in ("orchestrate", "choreograph")
    assert plain_dumps(central, indent=1) == plain_dumps(services, indent=1)


@pytest.mark.parametrize("mode", ["orchestrate", "choreograph"])
def test_a_run_goes_on_in_another_process(mode: str, tmp_path: Path) -> None:
    path, ledger, installed = str(tmp_path / "s.db"), Ledger(), installation(mode)

    async def one(clock: VirtualClock) -> None:
        async with Engine.open(path, callers=ledger.callers, clock=clock) as engine:
            await engine.install(installed)
            await engine.start(installed.flow.hash, mode, {"order": {"id": "o-1"}}, run="r1")
            assert await engine.until("r1") == "waits"

    async def two(clock: VirtualClock) -> None:
        async with Engine.open(path, callers=ledger.callers, clock=clock) as engine:
            await engine.send("delivery.confirmed", {"id": "o-1"}, id="e1")
            assert await engine.until("r1") == "completed"

    run_virtual(one)
    run_virtual(two)
    assert len(ledger.calls) == 4
    store = view.open_view(path)
    assert [wait.path for wait in view.waits(store, "r1")] == []
    assert view.outcome(store, "r1").status == "completed"
    store.close()


def test_a_store_whose_journal_lies_in_the_order_of_its_parts_is_read_and_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    now = {mode: plain_dumps(run(mode, confirm, answers())) for mode in ("orchestrate", "choreograph")}
    rest, found, columns = sqlite.SCHEMA.partition("CREATE TABLE journal(")
    _, index, after = columns.partition("CREATE UNIQUE INDEX journal_part ON journal(run, role, seq);")
    assert found and index
    before = (
        "CREATE TABLE journal(role TEXT, run TEXT, seq INTEGER, id TEXT NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL, "
        "PRIMARY KEY(run, role, seq)) STRICT, WITHOUT ROWID;"
    )
    monkeypatch.setattr(sqlite, "SCHEMA", rest + before + after)
    for mode, said in now.items():
        assert plain_dumps(run(mode, confirm, answers(), str(tmp_path / f"{mode}.db"))) == said
        (tmp_path / mode).mkdir()
        test_a_run_goes_on_in_another_process(mode, tmp_path / mode)


@pytest.mark.parametrize("mode", ["orchestrate", "choreograph"])
def test_data_that_breaks_its_contract_is_a_dead_letter(mode: str) -> None:
    async def main(clock: VirtualClock) -> None:
        async with Engine.open("memory", callers=Ledger().callers, clock=clock) as engine:
            installed = installation(mode)
            await engine.install(installed)
            sent = await engine.send("delivery.confirmed", {"nothing": 1}, id="e1")
            assert "does not fit" in sent.problem
            assert [dead.reason for dead in engine.dead()] == [sent.problem]

    run_virtual(main)


@pytest.mark.parametrize("mode", ["orchestrate", "choreograph"])
def test_events_start_flows_where_their_condition_holds(mode: str) -> None:
    where = Expression('e.id == "yes"', _equals())
    kernel = flow(step("charge", CHARGE), start=ir.Begin(CONFIRMED, "order", where), name="order")

    async def main(clock: VirtualClock) -> None:
        async with Engine.open("memory", callers=Ledger().callers, clock=clock) as engine:
            await engine.install(installation(mode, kernel))
            assert (await engine.send("delivery.confirmed", {"id": "no"}, id="e1")).runs == ()
            [run] = (await engine.send("delivery.confirmed", {"id": "yes"}, id="e2")).runs
            assert await engine.until(run) == "completed"
            assert view.outcome(engine.store, run).calls[0].input == {"id": "yes"}

    run_virtual(main)


def _equals() -> Any:
    from flowlang.expression.tree import Binary

    return Binary("==", select("order", "id").tree, Literal("yes", NOWHERE), NOWHERE)


def test_many_runs_at_once_do_not_mix(tmp_path: Path) -> None:
    ledger = Ledger()

    async def main(clock: VirtualClock) -> None:
        async with Engine.open(str(tmp_path / "s.db"), callers=ledger.callers, clock=clock) as engine:
            runs = []
            for mode in ("orchestrate", "choreograph"):
                installed = installation(mode)
                await engine.install(installed)
                for number in range(20):
                    given = {"order": {"id": f"o-{mode}-{number}"}}
                    runs.append((await engine.start(installed.flow.hash, mode, given)).run)
            await asyncio.gather(*[engine.until(run) for run in runs])
            for mode in ("orchestrate", "choreograph"):
                for number in range(20):
                    await engine.send("delivery.confirmed", {"id": f"o-{mode}-{number}"})
            assert set(await asyncio.gather(*[engine.until(run) for run in runs])) == {"completed"}
            assert len(ledger.calls) == 160
            for run in runs:
                for part in engine.store.parts(run):
                    assert_written(engine, part.role, run)

    run_virtual(main)


def test_what_services_tell_each_other_keeps_its_kind(tmp_path: Path) -> None:
    """Runs at once whose values are equal for Python, or nearly: each hears its own, and the journal says which."""
    kernel = flow(step("left", RESERVE), ir.Step("order/charge", "charge", CHARGE, ref("left"), Policy(), None, False))
    answers = {f"r{number}": value for number, value in enumerate([*LOOK_ALIKES, *LOOK_ALIKES])}
    ledger = Ledger(lambda request: Ok(answers[request.run]) if request.operation == "reserve" else None)

    async def main(clock: VirtualClock) -> None:
        async with Engine.open(str(tmp_path / "s.db"), callers=ledger.callers, clock=clock) as engine:
            installed = installation("choreograph", kernel)
            await engine.install(installed)
            begun = [
                engine.start(installed.flow.hash, "choreograph", {"order": {"id": "o-1"}}, run=run) for run in answers
            ]
            await asyncio.gather(*begun)
            assert {await engine.until(run) for run in answers} == {"completed"}
            for run, value in answers.items():
                [settled] = [one for one in assert_written(engine, "inventory", run) if isinstance(one, Settled)]
                heard = [one for one in assert_written(engine, "payments", run) if isinstance(one, Heard)]
                said = [value for one in heard for name, value in one.message.data if name == "left"]
                given = [one.input for one in ledger.calls if (one.run, one.operation) == (run, "charge")]
                assert [wire_dumps(one) for one in [settled.results[0].value, *said, *given]] == [wire_dumps(value)] * 3

    run_virtual(main)
