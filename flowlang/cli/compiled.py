"""A flow that a command works with: one without errors. What is wrong is shown as `check` shows it, and ends the command.

It goes to stderr: only for `check` are the findings what it was asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

from flowlang.check import render
from flowlang.check.allow import accept
from flowlang.cli.files import opened, project_of
from flowlang.cli.screen import colour, talk
from flowlang.cli.status import FINDINGS
from flowlang.compile import Front, every, front, together
from flowlang.diagnostic import Diagnostic


class Findings(SystemExit):
    """The flow has errors, which have been shown."""

    def __init__(self) -> None:
        super().__init__(FINDINGS)


def checked(name: str, *, choreograph: bool = False) -> Front:
    """The flow in the file `name`, without errors. With `choreograph` what choreography cannot do is an error too."""
    source = opened(name)
    if isinstance(source, Diagnostic):
        refuse([source])
    project = project_of(name)
    project.add(name, source)
    whole = front(source, project)
    found = told([whole], choreograph=choreograph)
    errors = [one for one in found if render.severity(one, choreograph=choreograph) == "error"]
    if errors:
        refuse(errors, choreograph=choreograph)
    return whole


def told(given: Sequence[Front], *, choreograph: bool, also: Sequence[Diagnostic] = ()) -> list[Diagnostic]:
    """What is wrong with the flows of `given`, with those that they use, and with all of them together, without what
    comments accept: flow after flow, each finding once, and `also` where they belong. Of what cannot be choreographed in a flow that is only used, the
    flow that uses it speaks."""
    whole = list(dict.fromkeys(one for front in given for one in every(front)))
    among = [*together(whole), *also]
    found: list[Diagnostic] = []
    seen: set[tuple[str, str, int, int]] = set()
    for one in whole:
        here = [finding for finding in one.found if one in given or not finding.choreography_only]
        here += [finding for finding in among if finding.span.source is one.source]
        for finding in accept(here, one.source, choreograph=choreograph):
            place = (finding.code, finding.span.source.name, finding.span.start, finding.span.end)
            if finding.span.source is one.source or place not in seen:
                found.append(finding)
                seen.add(place)
    return found


def refuse(errors: list[Diagnostic], *, choreograph: bool = False) -> NoReturn:
    """Show the errors and end the command."""
    talk(render.text(errors, colour=colour(sys.stderr), choreograph=choreograph))
    talk(render.summary(errors, choreograph=choreograph))
    raise Findings()
