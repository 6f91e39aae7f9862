"""`flowlang run FILE...`: one run of a flow, driven until it is over or only waits."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

import click

from flowlang import ir
from flowlang.cli.compiled import checked
from flowlang.cli.ending import Told, drive, stopped, told
from flowlang.cli.files import opened
from flowlang.cli.given import input_values, refused, with_failures
from flowlang.cli.screen import talk
from flowlang.cli.session import MEMORY, STORE, Session
from flowlang.cli.status import FINDINGS, USAGE, Stop
from flowlang.cli.steps import crash_at, steps_of
from flowlang.compile import Built, build
from flowlang.diagnostic import Diagnostic
from flowlang.event import Value
from flowlang.link import Link, Refused
from flowlang.runtime import view
from flowlang.runtime.callers import ISOLATE, SCENARIO, SERVICES
from flowlang.runtime.clock import EPOCH
from flowlang.runtime.engine import Engine
from flowlang.runtime.handlers import load
from flowlang.runtime.programs import of_flow, of_tables
from flowlang.runtime.setting import RealClock
from flowlang.scenario.read import Read, read
from flowlang.scenario.tree import EMPTY, Scenario, to_value
from flowlang.values import wire_dumps


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE [FILE...]")
@click.option(
    "--mode",
    type=click.Choice(["orchestrate", "choreograph"]),
    default="orchestrate",
    show_default=True,
    help="Under one engine, or as services that react to events.",
)
@click.option("--input", "input_file", metavar="FILE", help="The parameters as JSON; `-` is stdin.")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="One value of the input: `--set order.total=120.50`."
)
@click.option(
    "--services",
    metavar="DIR",
    help="The folder with the handlers in Python. Without one, operations answer with the example of their contract.",
)
@click.option(
    "--scenario",
    "scenario_file",
    metavar="FILE",
    help="What the outside does, and what is expected. The clock is virtual, the store in memory.",
)
@click.option(
    "--fail",
    "failures",
    multiple=True,
    metavar="WHERE=ERROR",
    help="Let an operation or a step fail: `--fail payments.charge=Declined`, also `=timeout` and `=crash`.",
)
@click.option(
    "--store",
    metavar="PATH",
    help=f"Where runs are kept: a file, or `memory`.  [default: {STORE}; memory with --scenario]",
)
@click.option("--json", "as_json", is_flag=True, help="One report object to a line, in place of the summary.")
@click.option("--follow", is_flag=True, help="Stay while the run only waits.")
@click.option(
    "--durability",
    type=click.Choice(["full", "fast"]),
    default="full",
    show_default=True,
    help="When the power fails: full loses nothing that was told; fast may lose the last moments, and is quicker.",
)
@click.option(
    "--isolate", is_flag=True, help="With --services: the handlers of each service in a process of their own."
)
@click.option("--processes", is_flag=True, help="With --mode choreograph: each service is a process of its own.")
@click.option(
    "--crash-before",
    "crash_before",
    multiple=True,
    metavar="STEP",
    help="Kill this process right before the step is called.",
)
@click.option(
    "--crash-after",
    "crash_after",
    multiple=True,
    metavar="STEP",
    help="Kill this process right after the step's result is stored.",
)
def run(
    files: Sequence[str],
    mode: str,
    input_file: str | None,
    settings: Sequence[str],
    services: str | None,
    scenario_file: str | None,
    failures: Sequence[str],
    store: str | None,
    as_json: bool,
    follow: bool,
    durability: str,
    isolate: bool,
    processes: bool,
    crash_before: Sequence[str],
    crash_after: Sequence[str],
) -> int:
    """Run a flow, driven until it is over or only waits. Further FILEs are flows that its events may start.

    Ends with 0 when the run is completed, 3 when it failed and is undone, 4 when it is cancelled, 5 when it is stuck, 6
    when it only waits; with 1 when the flow or the scenario has errors or the scenario's expectation is not met, and with
    2 when the input does not fit.
    """
    if processes:
        _may_be_processes(mode, scenario_file, store)
    if isolate:
        _may_be_isolated(services, scenario_file)
    built = [build(checked(file, choreograph=mode == "choreograph")) for file in files]
    flow, others = built[0].flow, [one.flow for one in built[1:]]
    found = _scenario(scenario_file, flow, others)
    values = _values(found, flow, input_file, settings, files[0])
    scenario = with_failures(found.scenario if found else EMPTY, failures, (flow, *others))
    folder = None if services is None else _handlers(services, (flow, *others))
    options = _options(scenario, folder, isolate)
    beside = _options(replace(scenario, input=None, has_input=False, happenings=(), expect=None), folder, isolate)
    store = store or (MEMORY if found else STORE)
    run = _named(flow, scenario) if found and store == MEMORY else ""
    plan = Plan(built, mode, values, _key(flow, values), options, beside, scenario, follow, run)
    session = Session(
        store=store,
        virtual=EPOCH if found else None,
        crash=crash_at(crash_before, crash_after, [step for one in (flow, *others) for step in steps_of(one)]),
        quiet=False,
        steps=steps_of(flow),
        processes=processes,
        durability=durability,
    )
    session.create()
    return session.drive(lambda engine, clock: _run(engine, clock, plan, as_json=as_json)).say()


def _may_be_processes(mode: str, scenario_file: str | None, store: str | None) -> None:
    """Processes meet in a store on the disk, in real time."""
    if mode != "choreograph":
        raise Stop(USAGE, "--processes needs --mode choreograph: a central engine is one process")
    if scenario_file is not None:
        raise Stop(
            USAGE, "--processes can't go with --scenario: its clock is virtual, and processes have none in common"
        )
    if store == MEMORY:
        raise Stop(USAGE, "--processes needs a store on the disk, which the processes can share")


def _may_be_isolated(services: str | None, scenario_file: str | None) -> None:
    """Only handlers of the user's can do any harm, and they take real time."""
    if services is None:
        raise Stop(USAGE, "--isolate needs --services: without handlers there is nothing to keep apart")
    if scenario_file is not None:
        raise Stop(
            USAGE, "--isolate can't go with --scenario: its clock is virtual, and other processes have none of it"
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a run needs."""

    built: Sequence[Built]
    mode: str
    values: dict[str, Value]
    key: Value
    options: dict[str, str]
    beside: dict[str, str]  # options of the runs that its events start: the same answers, and nothing happens twice
    scenario: Scenario
    follow: bool
    run: str = ""  # the id of the run; else it gets one


async def _run(engine: Engine, clock: RealClock, plan: Plan, *, as_json: bool) -> Told:
    for one in plan.built:
        central = plan.mode == "orchestrate"
        installation = of_flow(one.flow, one.hash) if central else of_tables(one.flow, one.hash, one.tables)
        # stored with the flow: runs that its events start live in the same world, after a crash too
        await engine.install(installation, plan.beside)
    known = {row.run for row in view.runs(engine.store)}
    first = plan.built[0]
    started = await engine.start(first.hash, plan.mode, plan.values, key=plan.key, run=plan.run, options=plan.options)
    if not started.fresh:
        await engine.resume(started.run)  # whoever began it may have been killed
    mistake = await drive(engine, clock, started.run, plan.scenario, follow=plan.follow)
    beside = [row.run for row in view.runs(engine.store) if row.run not in known and row.run != started.run]
    flows = [one.flow for one in plan.built]
    runs = [started.run, *beside]
    said = told(engine.store, runs, plan.scenario, clock.now(), as_json=as_json, flows=flows)
    end = stopped(said, mistake)
    if not started.fresh:
        return replace(end, talk=f"this run is not new: it has the same key and the same input\n{end.talk}".rstrip())
    return end


def _scenario(name: str | None, flow: ir.Flow, others: Sequence[ir.Flow]) -> Read | None:
    if name is None:
        return None
    source = opened(name)
    if isinstance(source, Diagnostic):
        refused([source], FINDINGS)
    found = read(source, flow, others)
    if found.found:
        refused(found.found, FINDINGS)
    return found


def _values(
    found: Read | None, flow: ir.Flow, input_file: str | None, settings: Sequence[str], name: str
) -> dict[str, Value]:
    if found is not None and found.scenario.has_input:
        if input_file is not None or settings:
            raise Stop(USAGE, "the scenario has an input already: leave out --input and --set")
        values = dict(found.values)
    else:
        values = input_values(flow, input_file, settings, name)
    if flow.start is not None and flow.start.where is not None:
        _must_start(flow.start, values)
    return values


def _must_start(start: ir.Begin, values: dict[str, Value]) -> None:
    """The event must be one that starts the flow."""
    assert start.where is not None
    try:
        met = Link().truth(start.where, values)
    except Refused as refusal:
        raise Stop(USAGE, f"whether this event starts the flow can't be told: {refusal.message}") from refusal
    if not met:
        raise Stop(USAGE, f"this event does not start the flow: `{start.where.text}` is false")


def _key(flow: ir.Flow, values: dict[str, Value]) -> Value:
    if flow.key is None:
        return None
    try:
        return Link().value(flow.key, values)
    except Refused as refusal:
        raise Stop(USAGE, f"the key of the run can't be told: {refusal.message}") from refusal


def _named(flow: ir.Flow, scenario: Scenario) -> str:
    """The id of a run that stands alone in a store of its own: the same in both modes and whenever it is run again, since
    the pauses before further attempts follow from it, and a scenario must say the same thing every time."""
    return hashlib.sha256(f"{flow.name}|{wire_dumps(to_value(scenario))}".encode()).hexdigest()[:12]


def _options(scenario: Scenario, folder: str | None, isolate: bool) -> dict[str, str]:
    """What is stored with a run, so that whoever resumes it asks the same."""
    options: dict[str, str] = {}
    if scenario != EMPTY:
        options[SCENARIO] = wire_dumps(to_value(scenario))
    if folder is not None:
        options[SERVICES] = folder
    if isolate:
        options[ISOLATE] = "yes"
    return options


def _handlers(folder: str, flows: Sequence[ir.Flow]) -> str:
    """The folder, after its files were read once and everything wrong with them was said."""
    from pathlib import Path

    steps = [node for flow in flows for node in ir.walk(flow.body) if isinstance(node, ir.Step)]
    operations = [step.operation for step in steps] + [step.undo.operation for step in steps if step.undo is not None]
    _, problems = load(Path(folder), operations)
    for problem in problems:
        talk(str(problem))
        if problem.details and os.environ.get("FLOWLANG_DEBUG"):
            talk(problem.details)
    if any(problem.severity == "error" for problem in problems):
        sys.exit(FINDINGS)
    return os.path.abspath(folder)
