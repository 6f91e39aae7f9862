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
from flowlang.runtime import view
from flowlang.runtime.sqlite import SqliteStore
from flowlang.runtime.store import RunRow
from flowlang.scenario.tree import EMPTY
from flowlang.values import Timestamp, parse_json, plain_dumps


@click.command()
@click.option("--store", default=STORE, show_default=True, metavar="PATH", help="Where the runs are kept.")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    metavar="STATUS",
    help="Only those: open, stuck, completed, failed, cancelled.",
)
@click.option("--json", "as_json", is_flag=True, help="One object to a line.")
def runs(store: str, statuses: Sequence[str], as_json: bool) -> int:
    """List the runs, the newest last."""
    with looking(store) as opened:
        rows = [row for row in view.runs(opened) if not statuses or row.status in statuses]
        words = [_word(opened, row) for row in rows]
    if as_json:
        data("\n".join(plain_dumps(_object(row, word)) for row, word in zip(rows, words, strict=True)))
        return DONE
    if not rows:
        talk("no run yet" if not statuses else "no such run")
        return DONE
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    head = ["run", "flow", "mode", "status", "started", "took", "key"]
    data(table(head, [_cells(row, word) for row, word in zip(rows, words, strict=True)], width))
    return DONE


@click.command()
@click.argument("run")
@click.option("--store", default=STORE, show_default=True, metavar="PATH", help="Where the runs are kept.")
@click.option("--json", "as_json", is_flag=True, help="The report object, on one line.")
def show(run: str, store: str, as_json: bool) -> int:
    """Show RUN (its id, or how that begins): each step, its state, times and attempts, and why it waits.

    Ends with 0 however the run is.
    """
    with looking(store) as opened:
        found = run_id(opened, run)
        now = max(opened.latest(found), _now(opened, found))
        return Told(DONE, told(opened, [found], EMPTY, now, as_json=as_json).data).say()


def _now(store: SqliteStore, run: str) -> int:
    """The present time as the run counts it: that of a scenario stands still while nobody drives it."""
    from flowlang.cli.stored import world_of

    return 0 if world_of(store, run).virtual else time.time_ns() // 1_000_000


def _word(store: SqliteStore, row: RunRow) -> str:
    """The public word for the state of a run."""
    if row.status in OVER or row.status == "stuck":
        return row.status
    status: str = report(view.outcome(store, row.run), row.run, row.flow, row.hash, row.mode)["status"]
    return status


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
