"""`flowlang resume [RUN]`: go on with what was interrupted, in the world that each run was started in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import click

from flowlang.cli.ending import Told, drive, stopped, told
from flowlang.cli.screen import talk
from flowlang.cli.session import STORE, Session
from flowlang.cli.status import DONE
from flowlang.cli.steps import StepOf, crash_at, steps_in
from flowlang.cli.stored import looking, open_runs, virtual_start, world_of
from flowlang.runtime import view
from flowlang.runtime.engine import Engine
from flowlang.runtime.setting import NO_CRASH, RealClock
from flowlang.runtime.store import RunRow
from flowlang.scenario.tree import EMPTY


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN...]")
@click.option("--store", default=STORE, show_default=True, metavar="PATH", help="Where the runs are kept.")
@click.option("--json", "as_json", is_flag=True, help="One report object to a line, in place of the summaries.")
@click.option("--follow", is_flag=True, help="Stay while a run only waits.")
@click.option(
    "--crash-before", multiple=True, metavar="STEP", help="Kill this process right before the step is called."
)
@click.option(
    "--crash-after", multiple=True, metavar="STEP", help="Kill this process right after its result is stored."
)
def resume(
    runs: Sequence[str],
    store: str,
    as_json: bool,
    follow: bool,
    crash_before: Sequence[str],
    crash_after: Sequence[str],
) -> int:
    """Go on with RUN, or with all runs that are open, until each is over or only waits. A run of a scenario goes on in it.

    Ends with the highest of the runs' own statuses (see `flowlang run --help`), and with 0 when there is nothing to do.
    """
    rows = open_runs(store, runs)
    if not rows:
        talk("no run is open")
    crash = crash_at(crash_before, crash_after, _steps(store, rows)) if rows else NO_CRASH
    status = DONE
    for group in _together([row.run for row in rows], store):
        session = Session(store, virtual_start(store, group[0]), crash)
        end = session.drive(partial(_resume, runs=group, follow=follow, as_json=as_json))
        status = max(status, end.say())
    return status


def _steps(store: str, rows: Sequence[RunRow]) -> list[StepOf]:
    """The steps of the flows of these runs."""
    with looking(store) as opened:
        return [step for row in {row.hash: row for row in rows}.values() for step in steps_in(opened, row)]


def _together(runs: Sequence[str], store: str) -> list[list[str]]:
    """Runs in real time share an engine; each scenario has a clock of its own."""
    real = [run for run in runs if virtual_start(store, run) is None]
    return [*([real] if real else []), *([run] for run in runs if run not in real)]


async def _resume(engine: Engine, clock: RealClock, *, runs: Sequence[str], follow: bool, as_json: bool) -> Told:
    known = {row.run for row in view.runs(engine.store)}
    for run in runs:
        await engine.resume(run)
    scenario = world_of(engine.store, runs[0])
    mistake = None
    for run in runs:
        mistake = mistake or await drive(engine, clock, run, scenario, follow=follow)
    begun = [row.run for row in view.runs(engine.store) if row.run not in known]  # by events of these runs
    worlds = [*((run, scenario) for run in runs), *((run, EMPTY) for run in begun)]
    ends = [told(engine.store, [run], world, clock.now(), as_json=as_json) for run, world in worlds]
    separator = "\n" if as_json else "\n\n"
    end = Told(
        max(end.status for end in ends),
        separator.join(end.data for end in ends),
        "\n".join(end.talk for end in ends if end.talk),
    )
    return stopped(end, mistake)
