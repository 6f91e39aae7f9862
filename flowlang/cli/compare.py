"""`flowlang compare FILE`: both modes of a flow in figures, and which mode they speak for."""

from __future__ import annotations

import sys
from typing import Any

import click

from flowlang.cli.compiled import checked, refuse
from flowlang.cli.files import opened
from flowlang.cli.output import put
from flowlang.cli.plan import page_width
from flowlang.cli.status import DONE, USAGE, Stop
from flowlang.compare import BadRates, compare_data, compare_text, rates_of
from flowlang.compare import compare as both_modes
from flowlang.compile import build
from flowlang.diagnostic import Diagnostic
from flowlang.values import plain_dumps
from flowlang.yamltree import plain, read_yaml


@click.command()
@click.argument("file")
@click.option(
    "--rates",
    metavar="FILE",
    help="How likely branches and failures are (YAML). Without it all branches are alike, and 1 % of the calls fail.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object for programs.")
def compare(file: str, rates: str | None, as_json: bool) -> int:
    """Compare the two modes of a flow in figures, and recommend one.

    \b
    The file of rates has, by paths as in drawings:
      branches:   { switch1: [10, 90] }           shares of the ways out
      failures:   { payments.charge: 2%, default: 0.5% }
      items:      { line: 12 }                    of a `for each`
      iterations: { repeat1: 3 }                  of a `repeat`
    """
    made = build(checked(file, choreograph=True))
    try:
        known = rates_of(None if rates is None else _read(rates), made.flow)
    except BadRates as error:
        raise Stop(USAGE, f"{rates}: {error}") from error
    found = both_modes(made.flow, made.tables, known)
    put(plain_dumps(compare_data(found), indent=2) if as_json else compare_text(found, page_width(sys.stdout)), None)
    return DONE


def _read(name: str) -> Any:
    source = opened(name)
    if isinstance(source, Diagnostic):
        refuse([source])
    node, unreadable = read_yaml(source)
    if unreadable or node is None:
        refuse(list(unreadable))
    return plain(node)
