"""`flowlang prune`: take runs that ended long ago out of a store, beside a living engine too."""

from __future__ import annotations

import os
import time

import click

from flowlang.cli.screen import talk
from flowlang.cli.session import STORE
from flowlang.cli.status import DONE, UNREACHABLE, USAGE, Stop
from flowlang.runtime.store import StoreError
from flowlang.values import Duration


@click.command()
@click.option("--older-than", required=True, metavar="DURATION", help="How long ago they ended at least, as in 30d.")
@click.option("--store", default=STORE, show_default=True, metavar="PATH", help="Where the runs are kept.")
def prune(older_than: str, store: str) -> int:
    """Take runs that ended long ago out of a store, with everything of them, in small batches beside a living engine.

    What is open stays. A business key of a pruned run is free again: the next run with it is a new one.
    """
    try:
        age = Duration.parse(older_than)
    except ValueError as error:
        raise Stop(USAGE, f"--older-than: {error}") from error
    if age.ms < 0:
        raise Stop(USAGE, f"--older-than: `{older_than}` is in the future")
    if not os.path.exists(store):
        raise Stop(UNREACHABLE, f"there is no store at {store}: nothing was run here yet, or with another --store")
    from flowlang.runtime.pruning import prune as take_out

    try:
        gone = take_out(store, time.time_ns() // 1_000_000 - age.ms)
    except StoreError as error:
        raise Stop(UNREACHABLE, str(error)) from error
    talk(f"{gone} run{'' if gone == 1 else 's'} pruned")
    return DONE
