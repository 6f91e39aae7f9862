"""`flowlang check FILE...`: every mistake of the flows and of their contracts, in one run."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from flowlang.check import render
from flowlang.check.allow import accept
from flowlang.cli.files import Project, opened, project_of
from flowlang.cli.screen import colour, data, talk
from flowlang.cli.status import DONE, FINDINGS
from flowlang.compile import front
from flowlang.diagnostic import Diagnostic


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
    """Find the mistakes in flows and their contracts. `-` is stdin.

    Ends with 0 when there is no error, else with 1; with --strict a warning is enough.
    """
    choreograph = mode == "choreograph"
    found = findings(files, choreograph=choreograph)
    match layout:
        case "json":
            data(render.json(found, choreograph=choreograph))
        case "github":
            data(render.github(found, choreograph=choreograph))
        case _:
            data(render.text(found, colour=colour(sys.stdout), choreograph=choreograph))
    talk(render.summary(found, choreograph=choreograph))
    bad = {"error", "warning"} if strict else {"error"}
    return FINDINGS if any(render.severity(one, choreograph=choreograph) in bad for one in found) else DONE


def findings(files: Sequence[str], *, choreograph: bool) -> list[Diagnostic]:
    """Everything that is wrong with `files`; a contract that several of them use is complained about once."""
    projects: dict[str, Project] = {}
    found: list[Diagnostic] = []
    told: set[tuple[str, str, int, int]] = set()
    for name in dict.fromkeys(files):
        source = opened(name)
        if isinstance(source, Diagnostic):
            found.append(source)
            continue
        project = project_of(name)
        project = projects.setdefault(project.root, project)
        for one in accept(list(front(source, project).found), source, choreograph=choreograph):
            place = (one.code, one.span.source.name, one.span.start, one.span.end)
            if one.span.source is source or place not in told:
                found.append(one)
                told.add(place)
    return found
