"""`flowlang check FILE...`: every mistake of the flows and of their contracts, in one run."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from flowlang.check import render
from flowlang.cli.compiled import told
from flowlang.cli.files import Project, opened, project_of
from flowlang.cli.screen import colour, data, talk
from flowlang.cli.status import DONE, FINDINGS
from flowlang.compile import every, fronts, travelling
from flowlang.diagnostic import Diagnostic
from flowlang.source import Source


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--mode",
    type=click.Choice(["orchestrate", "choreograph"]),
    help="The mode it shall run in. What only choreography cannot do is a warning, and an error under choreograph.",
)
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@click.option(
    "--format",
    "layout",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="Frames for people, one JSON list for programs, workflow commands for GitHub.",
)
def check(files: Sequence[str], mode: str | None, strict: bool, layout: str) -> int:
    """Find the mistakes in flows, their contracts and the flows that they use. `-` is stdin. Several files are checked
    together.

    Ends with 0 when there is no error, else with 1; with --strict a warning is enough.
    """
    choreograph = mode == "choreograph"
    found, unread = _found(files, choreograph=choreograph)
    match layout:
        case "json":
            data(render.json(found, choreograph=choreograph))
        case "github":
            data(render.github(found, choreograph=choreograph))
        case _:
            data(render.text(found, colour=colour(sys.stdout), choreograph=choreograph))
    talk(render.summary(found, choreograph=choreograph))
    for name in unread:
        talk(f"note: `{name}` could not be read as a whole; what its lost parts have to do with was not checked")
    bad = {"error", "warning"} if strict else {"error"}
    return FINDINGS if any(render.severity(one, choreograph=choreograph) in bad for one in found) else DONE


def findings(files: Sequence[str], *, choreograph: bool) -> list[Diagnostic]:
    """Everything that is wrong with `files`, with the flows that they use, and with all of them together; a file that
    several of them use is complained about once."""
    return _found(files, choreograph=choreograph)[0]


def _found(files: Sequence[str], *, choreograph: bool) -> tuple[list[Diagnostic], list[str]]:
    """The findings, and the names of the flows that could not be read as a whole."""
    projects: dict[str, Project] = {}
    sources: dict[str, list[Source]] = {}
    found: list[Diagnostic] = []
    unread: dict[str, None] = {}
    for name in dict.fromkeys(files):
        source = opened(name)
        if isinstance(source, Diagnostic):
            found.append(source)
            continue
        project = project_of(name)
        project = projects.setdefault(project.root, project)
        project.add(name, source)
        sources.setdefault(project.root, []).append(source)
    for root, given in sources.items():
        whole = fronts(given, projects[root])
        also = [one for front in whole for one in travelling(front)] if choreograph else []
        found += told(whole, choreograph=choreograph, also=also)
        unread |= {one.source.name: None for front in whole for one in every(front) if one.flow is None}
    return found, list(unread)
