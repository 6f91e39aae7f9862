"""What the command line gives to a run, checked against the flow: its input, and the failures that are asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NoReturn

from flowlang import ir
from flowlang.check import render
from flowlang.cli.files import opened
from flowlang.cli.input import Given, nothing, put, read_json
from flowlang.cli.screen import colour, talk
from flowlang.cli.status import USAGE, Stop
from flowlang.diagnostic import Diagnostic
from flowlang.event import Value
from flowlang.scenario.fit import fit
from flowlang.scenario.places import Place, Places
from flowlang.scenario.read import read_failures
from flowlang.scenario.tree import Scenario
from flowlang.source import Source, Span


def refused(found: Iterable[Diagnostic], status: int) -> NoReturn:
    """Show what is wrong, on stderr, and end the command."""
    talk(render.text(found, colour=colour(sys.stderr)))
    raise SystemExit(status)


def input_values(flow: ir.Flow, file: str | None, settings: Sequence[str], flow_file: str) -> dict[str, Value]:
    """The values that a run of `flow` starts with. What is wrong with them is shown, and the status is 2: they were handed
    to this command and belong to no file of the project."""
    given = _read(file) if file is not None else nothing(f"flowlang run {flow_file}")
    wrong = [problem for setting in settings if (problem := put(given, setting)) is not None]
    if wrong:
        refused(wrong, USAGE)
    values, found = fit(flow, given.value, given.places)
    if found:
        refused(found, USAGE)
    return values


def _read(file: str) -> Given:
    source = opened(file)
    if isinstance(source, Diagnostic):
        refused([source], USAGE)
    given = read_json(source, "the input")
    if isinstance(given, Diagnostic):
        refused([given], USAGE)
    return given


def with_failures(scenario: Scenario, failures: Sequence[str], flows: Sequence[ir.Flow]) -> Scenario:
    """`scenario` with the answers that `--fail` asks for, which count more than its own."""
    settings: list[tuple[str, str, Places]] = []
    for failure in failures:
        place, equals, word = failure.partition("=")
        if not equals or not place or not word:
            raise Stop(
                USAGE, f"--fail wants a place and an error, as in `--fail payments.charge=Declined`, not `{failure}`"
            )
        source = Source("<--fail>", failure)
        at: dict[Place, Span] = {
            ("place",): Span(source, 0, len(place)),
            ("word",): Span(source, len(place) + 1, len(failure)),
        }
        settings.append((place, word, Places(Span(source, 0, len(failure)), at)))
    found = read_failures(settings, flows, virtual=scenario.virtual)
    if found.found:
        refused(found.found, USAGE)
    return replace(scenario, answers={**scenario.answers, **found.scenario.answers})
