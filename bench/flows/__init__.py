"""The flows of the workloads, built as `flowlang run` builds them."""

from __future__ import annotations

from pathlib import Path

from flowlang.cli.compiled import checked
from flowlang.compile import Built, build
from flowlang.runtime.programs import Installation, of_flow, of_tables

FOLDER = Path(__file__).parent


def built(name: str, *, choreograph: bool = False) -> Built:
    """The flow in file `name`."""
    return build(checked(str(FOLDER / name), choreograph=choreograph))


def installation(made: Built, mode: str) -> Installation:
    """What goes into a store."""
    if mode == "choreograph":
        return of_tables(made.flow, made.hash, made.tables)
    return of_flow(made.flow, made.hash)
