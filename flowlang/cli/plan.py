"""`flowlang plan FILE`: the tables of a choreography as text."""

from __future__ import annotations

import shutil
import sys

import click

from flowlang.choreograph.plan import plan_text
from flowlang.cli.compiled import checked
from flowlang.cli.output import put
from flowlang.cli.status import DONE
from flowlang.compile import build

WIDTH = 100


@click.command()
@click.argument("file")
def plan(file: str) -> int:
    """Show what each service hears, does and says in a choreography, and who decides what."""
    made = build(checked(file, choreograph=True))
    width = shutil.get_terminal_size((WIDTH, 24)).columns if sys.stdout.isatty() else WIDTH
    put(plan_text(made.tables, made.owners, width), None)
    return DONE
