"""`flowlang plan FILE`: the tables of a choreography as text, or what each service sees of the data."""

from __future__ import annotations

import shutil
import sys
from typing import TextIO

import click

from flowlang.choreograph.data import data_data, data_text
from flowlang.choreograph.plan import plan_text
from flowlang.cli.compiled import checked
from flowlang.cli.output import put
from flowlang.cli.status import DONE, USAGE, Stop
from flowlang.compile import build
from flowlang.values import plain_dumps

WIDTH = 100


@click.command()
@click.argument("file")
@click.option("--data", is_flag=True, help="Which service sees which field, and which it has no use for.")
@click.option("--json", "as_json", is_flag=True, help="With --data: one JSON object for programs.")
def plan(file: str, data: bool, as_json: bool) -> int:
    """Show what each service hears, does and says in a choreography, and who decides what."""
    if as_json and not data:
        raise Stop(USAGE, "--json is for --data; `flowlang compile --to tables` writes the tables for programs")
    made = build(checked(file, choreograph=True))
    if as_json:
        put(plain_dumps(data_data(made.flow, made.tables), indent=2), None)
        return DONE
    width = page_width(sys.stdout)
    text = data_text(made.flow, made.tables, width) if data else plan_text(made.tables, made.owners, width)
    put(text, None)
    return DONE


def page_width(stream: TextIO) -> int:
    """The columns that a text for people may have on `stream`."""
    return shutil.get_terminal_size((WIDTH, 24)).columns if stream.isatty() else WIDTH
