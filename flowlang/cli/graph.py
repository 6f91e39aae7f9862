"""`flowlang graph FILE`: the flow as a picture."""

from __future__ import annotations

import sys
from pathlib import PurePath

import click

from flowlang.cli.compiled import checked
from flowlang.cli.drawing import MissingTool, render
from flowlang.cli.output import put
from flowlang.cli.status import DONE, UNREACHABLE, USAGE, Stop
from flowlang.compile import build, kernel
from flowlang.diagram import Picture, draw
from flowlang.diagram.dot import to_dot
from flowlang.diagram.mermaid import to_mermaid

FORMATS = ("dot", "svg", "png", "pdf", "mermaid")
ENDINGS = {
    ".dot": "dot",
    ".gv": "dot",
    ".svg": "svg",
    ".png": "png",
    ".pdf": "pdf",
    ".mmd": "mermaid",
    ".mermaid": "mermaid",
}


@click.command()
@click.argument("file")
@click.option("-o", "--output", metavar="FILE", help="Where to; stdout without it.")
@click.option(
    "--format",
    "layout",
    type=click.Choice(FORMATS),
    help="Else the ending of the output says it; DOT on stdout. PNG and PDF need the `dot` program.",
)
@click.option(
    "--as",
    "subject",
    type=click.Choice(["flow", "services"]),
    default="flow",
    show_default=True,
    help="The flow itself, or its choreography: which service hears which event from whom.",
)
def graph(file: str, output: str | None, layout: str | None, subject: str) -> int:
    """Draw a flow: services as colours, compensations as dashed edges."""
    chosen = layout or by_ending(output)
    if chosen in ("png", "pdf") and output is None and sys.stdout.isatty():
        raise Stop(USAGE, f"a {chosen.upper()} is nothing for a terminal; say where it goes with -o FILE")
    picture = _pictured(file, subject)
    match chosen:
        case "dot":
            put(to_dot(picture), output)
        case "mermaid":
            put(to_mermaid(picture), output)
        case _:
            try:
                put(render(to_dot(picture), chosen), output)
            except MissingTool as error:
                raise Stop(UNREACHABLE, str(error)) from error
    return DONE


def _pictured(file: str, subject: str) -> Picture:
    if subject == "flow":
        return draw(kernel(checked(file)))
    from flowlang.diagram.services import draw_services

    made = build(checked(file, choreograph=True))
    return draw_services(made.flow, made.tables)


def by_ending(output: str | None) -> str:
    """The format that the name of an output says; DOT on stdout. Raises Stop."""
    if output is None or output == "-":
        return "dot"
    ending = PurePath(output).suffix.lower()
    if ending not in ENDINGS:
        known = ", ".join(ENDINGS)
        raise Stop(USAGE, f"`{output}` does not say its format; let it end in one of {known}, or use --format")
    return ENDINGS[ending]
