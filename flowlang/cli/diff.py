"""`flowlang diff OLD NEW`: what changed between two versions of a flow, and what would break."""

from __future__ import annotations

import sys

import click

from flowlang.changes import Version, changes, changes_data, changes_text
from flowlang.cli.compiled import checked
from flowlang.cli.output import put
from flowlang.cli.plan import page_width
from flowlang.cli.status import DONE, FINDINGS
from flowlang.compile import build
from flowlang.values import plain_dumps


@click.command()
@click.argument("old")
@click.argument("new")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for programs.")
def diff(old: str, new: str, as_json: bool) -> int:
    """Say what changed from OLD to NEW, two files with one flow each, and what would break.

    Ends with 1 when runs in flight or other services would break. Each file is read with the contracts that it names.
    """
    before, after = _version(old), _version(new)
    found = changes(before, after)
    if as_json:
        put(plain_dumps(changes_data(before, after, found), indent=2), None)
    else:
        put(changes_text(before, after, found, page_width(sys.stdout)), None)
    return FINDINGS if any(change.breaks for change in found) else DONE


def _version(file: str) -> Version:
    made = build(checked(file))
    owners = {path: owner.service for path, owner in made.owners.items()}
    return Version(made.flow, made.hash, made.tables, owners)
