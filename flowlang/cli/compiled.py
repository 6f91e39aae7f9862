"""A flow that a command works with: one without errors. What is wrong is shown as `check` shows it, and ends the command.

It goes to stderr: only for `check` are the findings what it was asked for.
"""

from __future__ import annotations

import sys
from typing import NoReturn

from flowlang.check import render
from flowlang.check.allow import accept
from flowlang.cli.files import opened, project_of
from flowlang.cli.screen import colour, talk
from flowlang.cli.status import FINDINGS
from flowlang.compile import Front, front
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
    whole = front(source, project_of(name))
    found = accept(list(whole.found), source, choreograph=choreograph)
    errors = [one for one in found if render.severity(one, choreograph=choreograph) == "error"]
    if errors:
        refuse(errors, choreograph=choreograph)
    return whole


def refuse(errors: list[Diagnostic], *, choreograph: bool = False) -> NoReturn:
    """Show the errors and end the command."""
    talk(render.text(errors, colour=colour(sys.stderr), choreograph=choreograph))
    talk(render.summary(errors, choreograph=choreograph))
    raise Findings()
