"""`flowlang plan FILE`: the tables of a choreography as text, or what each service sees of the data."""

from __future__ import annotations

import shutil
import sys
from typing import TextIO

import click

from flowlang.choreograph.data import data_text
from flowlang.choreograph.plan import plan_text
from flowlang.cli.compiled import checked
from flowlang.cli.output import put
from flowlang.cli.status import DONE
from flowlang.compile import build

WIDTH = 100


@click.command()
@click.argument("file")
@click.option("--data", is_flag=True, help="Which service sees which field, and which it has no use for.")
def plan(file: str, data: bool) -> int:
    """Show what each service hears, does and says in a choreography, and who decides what."""
    made = build(checked(file, choreograph=True))
    width = page_width(sys.stdout)
    text = data_text(made.flow, made.tables, width) if data else plan_text(made.tables, made.owners, width)
    put(text, None)
    return DONE


def page_width(stream: TextIO) -> int:
    """The columns that a text for people may have on `stream`."""
    return shutil.get_terminal_size((WIDTH, 24)).columns if stream.isatty() else WIDTH
