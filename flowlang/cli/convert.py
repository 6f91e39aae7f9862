"""`flowlang convert FILE`: the other form of the same flow. Only `#` comments stay behind."""

from __future__ import annotations

import click

from flowlang.cli.compiled import refuse
from flowlang.cli.files import is_yaml, opened
from flowlang.cli.output import put
from flowlang.cli.status import DONE
from flowlang.diagnostic import Diagnostic
from flowlang.language import parse
from flowlang.language.format import to_text
from flowlang.language.yaml import to_yaml


@click.command()
@click.argument("file")
@click.option("-o", "--output", metavar="FILE", help="Where to; stdout without it.")
def convert(file: str, output: str | None) -> int:
    """Turn a flow's text into YAML, or its YAML into text; the ending of FILE says which. `-` is text on stdin."""
    source = opened(file)
    if isinstance(source, Diagnostic):
        refuse([source])
    flow, found = parse(source)
    errors = [one for one in found if one.severity == "error"]
    if flow is None or errors:
        refuse(errors)
    put(to_text(flow) if is_yaml(file) else to_yaml(flow), output)
    return DONE
