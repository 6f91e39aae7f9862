"""`flowlang runs` and `flowlang show RUN`: what a store knows, also beside a living engine."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence

import click

from flowlang.cli.ending import Told, told
from flowlang.cli.screen import data, talk
from flowlang.cli.session import STORE
from flowlang.cli.status import DONE
from flowlang.cli.stored import looking, run_id
from flowlang.cli.summary import elapsed, table
from flowlang.lifecycle import OVER
from flowlang.report import report
from flowlang.runtime import lock, view
from flowlang.runtime.sqlite import SqliteStore
from flowlang.runtime.store import RunRow
from flowlang.scenario.tree import EMPTY
from flowlang.values import Timestamp, parse_json, plain_dumps

INTERRUPTED = "interrupted"
STATUSES = ("running", INTERRUPTED, "waiting", "stuck", "completed", "failed", "cancelled", "open")


@click.command()
@click.option("--store", default=STORE, show_default=True, metavar="PATH", help="Where the runs are kept.")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(STATUSES),
    metavar="STATUS",
    help=f"Only those: {', '.join(STATUSES[:-1])}; open is any that is not over.",
)
@click.option("--json", "as_json", is_flag=True, help="One object to a line.")
def runs(store: str, statuses: Sequence[str], as_json: bool) -> int:
    """List the runs, the newest last.

    A run is running while a call or a message of it is under way, and interrupted when no engine lives on the store to go
    on with that: `flowlang resume` does. It is waiting when only an event or a timer can move it.
    """
    alive = (
        lock.owner_of(store) is not None
    )  # asked first: what a run is in the middle of later is interrupted for sure
    with looking(store) as opened:
        found = [(row, _word(opened, row, alive)) for row in view.runs(opened)]
    rows = [(row, word) for row, word in found if not statuses or _is_wanted(row, word, statuses)]
    if as_json:
        data("\n".join(plain_dumps(_object(row, word)) for row, word in rows))
        return DONE
    if not rows:
        talk("no run yet" if not statuses else "no such run")
        return DONE
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    head = ["run", "flow", "mode", "status", "started", "took", "key"]
    data(table(head, [_cells(row, word) for row, word in rows], width))
    return DONE


@click.command()
@click.argument("run")
@click.option("--store", default=STORE, show_default=True, metavar="PATH", help="Where the runs are kept.")
@click.option("--json", "as_json", is_flag=True, help="The report object, on one line.")
def show(run: str, store: str, as_json: bool) -> int:
    """Show RUN (its id, or how that begins): each step, its state, times and attempts, and why it waits.

    Ends with 0 however the run is.
    """
    alive = lock.owner_of(store) is not None
    with looking(store) as opened:
        found = run_id(opened, run)
        now = max(opened.latest(found), _now(opened, found))
        said = told(opened, [found], EMPTY, now, as_json=as_json).data
        interrupted = _word(opened, view.run(opened, found), alive) == INTERRUPTED
    note = f"note: it was interrupted, and no engine lives here: `flowlang resume {found}` goes on with it"
    return Told(DONE, said, note if interrupted else "").say()


def _now(store: SqliteStore, run: str) -> int:
    """The present time as the run counts it: that of a scenario stands still while nobody drives it."""
    from flowlang.cli.stored import world_of

    return 0 if world_of(store, run).virtual else time.time_ns() // 1_000_000


def _word(store: SqliteStore, row: RunRow, alive: bool) -> str:
    """The public word for the state of a run; a report has it too, but knows no engine that is `alive` or not."""
    if row.status in OVER or row.status == "stuck":
        return row.status
    status: str = report(view.outcome(store, row.run), row.run, row.flow, row.hash, row.mode)["status"]
    return INTERRUPTED if status == "running" and not alive else status


def _is_wanted(row: RunRow, word: str, statuses: Sequence[str]) -> bool:
    return word in statuses or ("open" in statuses and row.status not in OVER)


def _object(row: RunRow, word: str) -> dict[str, object]:
    return {
        "run": row.run,
        "flow": row.flow,
        "hash": row.hash,
        "mode": row.mode,
        "status": word,
        "started": str(Timestamp.of_ms(row.started)),
        "ended": None if row.ended is None else str(Timestamp.of_ms(row.ended)),
        "key": None if row.key is None else parse_json(row.key),
    }


def _cells(row: RunRow, word: str) -> list[str]:
    started = str(Timestamp.of_ms(row.started - row.started % 1000)).replace("T", " ").removesuffix("Z")
    took = "" if row.ended is None else elapsed(row.ended - row.started)
    key = "" if row.key is None else parse_json(row.key)
    return [row.run, row.flow, row.mode, word, started, took, key if isinstance(key, str) else plain_dumps(key)]
