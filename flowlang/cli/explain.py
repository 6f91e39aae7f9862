"""`flowlang explain FL0302`: the page of a code."""

from __future__ import annotations

import click

from flowlang.check import explain as pages
from flowlang.cli.screen import data
from flowlang.cli.status import DONE, USAGE, Stop
from flowlang.diagnostic import nearest


@click.command()
@click.argument("code")
def explain(code: str) -> int:
    """Explain a code: what is wrong, an example, and its repair."""
    page = pages.explain(code)
    if page is None:
        near = nearest(code.strip().upper(), list(pages.words()))
        raise Stop(USAGE, f"there is no code `{code}`" + (f"; did you mean `{near}`?" if near else ""))
    data(page)
    return DONE
