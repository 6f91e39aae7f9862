"""`flowlang compile FILE`: the kernel as JSON, or one table for each service as YAML."""

from __future__ import annotations

import click

from flowlang import ir, table
from flowlang.cli.compiled import checked
from flowlang.cli.output import put, put_all
from flowlang.cli.status import DONE
from flowlang.cli.tables import to_yaml
from flowlang.compile import build, kernel
from flowlang.values import plain_dumps


@click.command()
@click.argument("file")
@click.option("--to", "target", type=click.Choice(["ir", "tables"]), required=True, help="The kernel, or the tables.")
@click.option("-o", "--output", metavar="DIR", help="A folder, which is made when it is not there; stdout without it.")
def compile(file: str, target: str, output: str | None) -> int:
    """Print a flow's kernel (JSON), or one table for each service (YAML)."""
    whole = checked(file, choreograph=target == "tables")
    if target == "ir":
        flow = kernel(whole)
        made = {f"{flow.name}.ir.json": plain_dumps(ir.to_data(flow), indent=2)}
    else:
        tables = build(whole).tables
        made = {f"{name}.table.yaml": to_yaml(table.to_data(tables[name])) for name in sorted(tables)}
    if output is None:
        put("---\n".join(made.values()), None)
    else:
        put_all(made, output)
    return DONE
