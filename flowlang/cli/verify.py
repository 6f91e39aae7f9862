"""`flowlang verify FILE`: that both modes agree on this flow and nothing is lost, or the shortest schedule that breaks it."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import Any

import click

from flowlang.cli.compiled import checked
from flowlang.cli.drawing import MissingTool, render
from flowlang.cli.given import input_values
from flowlang.cli.graph import by_ending
from flowlang.cli.output import put
from flowlang.cli.progress import told
from flowlang.cli.screen import data, talk
from flowlang.cli.status import DONE, FINDINGS, USAGE, Stop
from flowlang.compile import kernel
from flowlang.verify.explore import Explored
from flowlang.verify.handlers import of_folder
from flowlang.verify.sequence import numbered, to_dot, to_mermaid
from flowlang.verify.simulate import KINDS
from flowlang.verify.verify import Failure, Plan, Verdict, families, verify


@click.command(name="verify")
@click.argument("file")
@click.option("--seeds", default=200, show_default=True, metavar="N", help="Histories to simulate in each mode.")
@click.option(
    "--faults",
    metavar="KINDS",
    help=f"What may go wrong, separated by commas: {', '.join(KINDS)}; `none` for nothing.  [default: everything]",
)
@click.option("--input", "input_file", metavar="FILE", help="The parameters as JSON; examples of them without it.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="One value of the input.")
@click.option(
    "--services",
    metavar="DIR",
    help="Call these handlers in the simulation: one that does something twice under one key is found and named.",
)
@click.option(
    "--worlds", default=50_000, show_default=True, metavar="N", help="Worlds after which a flow is too large."
)
@click.option("--mutants/--no-mutants", default=True, help="Hold the checks against planted mistakes too.")
@click.option(
    "--graph",
    "graph_file",
    metavar="FILE",
    help="Where the picture of the shortest schedule that breaks a promise goes: .svg, .dot, .mmd, .png or .pdf.  "
    "[default: FLOW.broken.svg]",
)
@click.option("--json", "as_json", is_flag=True, help="One object in place of the text.")
def verify_command(
    file: str,
    seeds: int,
    faults: str | None,
    input_file: str | None,
    settings: Sequence[str],
    services: str | None,
    worlds: int,
    mutants: bool,
    graph_file: str | None,
    as_json: bool,
) -> int:
    """Verify a flow: every order in which it can go where it is small, random histories under every fault, and planted
    mistakes that the same checks must find. Nothing of yours is called but the handlers of --services.

    Ends with 0 when no promise was broken, else with 1; also where nothing happened that could have broken one.
    """
    if seeds < 1 or worlds < 1:
        raise Stop(USAGE, "--seeds and --worlds want a number from 1")
    flow = kernel(checked(file, choreograph=True))
    where = graph_file or f"{flow.name}.broken.svg"
    by_ending(where)  # or it is said before anything is tried
    values = _values(flow, input_file, settings, file)
    handlers = None if services is None else of_folder(os.path.abspath(services), flow)
    plan = Plan(seeds, _kinds(faults), worlds, mutants, handlers, told)
    verdict = verify(flow, values, plan, talk)
    data(json.dumps(_as_data(verdict), indent=1) if as_json else text(verdict, _wide()))
    if verdict.failure is not None:
        _draw(flow.name, verdict.failure, where)
    elif graph_file is not None:
        talk("no promise was broken, so there is no picture of it")
    return DONE if verdict.holds else FINDINGS


def _wide() -> int:
    return shutil.get_terminal_size((120, 24)).columns if sys.stdout.isatty() else 120


def _draw(flow: str, failure: Failure, where: str) -> None:
    """The picture of a broken promise. Where it can't be drawn the list must do, which is printed already."""
    layout = by_ending(where)
    title = f"{flow}, {failure.mode}: {failure.why.splitlines()[0]}"
    try:
        match layout:
            case "mermaid":
                put(to_mermaid(failure.schedule), where)
            case "dot":
                put(to_dot(failure.schedule, title), where)
            case _:
                put(render(to_dot(failure.schedule, title), layout), where)
    except MissingTool as problem:
        talk(f"no picture: {problem}")


def _values(flow: Any, input_file: str | None, settings: Sequence[str], file: str) -> dict[str, Any]:
    from flowlang.scenario.fit import example_input

    if input_file is not None or settings:
        return input_values(flow, input_file, settings, file)
    example: Any = example_input(flow)
    if flow.start is not None:
        return {flow.start.bind: example} if flow.start.bind else {}
    return dict(example)


def _kinds(faults: str | None) -> tuple[str, ...]:
    if faults is None:
        return KINDS
    try:
        return families([] if faults == "none" else [name.strip() for name in faults.split(",")])
    except ValueError as problem:
        raise Stop(USAGE, str(problem)) from problem


def text(verdict: Verdict, wide: int = 120) -> str:
    """A verdict for people, in lines of at most `wide` columns."""
    lines = [f"{verdict.flow}"]
    for mode, found in verdict.explored.items():
        much = f"{found.worlds:,} worlds, {found.steps:,} steps, {found.duplicates:,} duplicates, {found.replays:,} crashes"
        if found.complete:
            lines.append(f"  explored       {mode}: every order in which it can go; {much}; {_ends(found)}")
        else:
            lines.append(f"  explored       {mode}: too large to go through in every order; {much}, and simulated")
    if verdict.histories:
        came = ", ".join(f"{count:,} {status}" for status, count in sorted(verdict.statuses.items()))
        lines.append(
            f"  simulated      {verdict.histories:,} histories with {sum(verdict.statuses.values()):,} runs: {came}; "
            f"{verdict.calls:,} calls, {verdict.effects:,} effects"
        )
        fired = ", ".join(f"{count:,} {kind}" for kind, count in sorted(verdict.faults.items())) or "none"
        lines.append(f"  faults         {sum(verdict.faults.values()):,}: {fired}")
        lines.append(
            f"  looked at      {verdict.replayed:,} journals replayed after a commit, {verdict.ordered:,} pairs of calls "
            "in order"
        )
        if verdict.secrets:
            lines.append(
                f"  personal data  a text in its place went through {verdict.secrets:,} histories "
                f"and is in none of {verdict.lines:,} lines"
            )
    if verdict.hunts:
        caught = [(one, here) for one, here in verdict.hunts if one.why]
        here = sum(1 for _, on_this in caught if on_this)
        lines.append(
            f"  planted bugs   {len(caught)} of {len(verdict.hunts)} caught, {here} of them on this flow "
            f"and {len(caught) - here} on small flows that have what they are about"
        )
        lines += [f"                 got away: {one.mutant.name}" for one, _ in verdict.hunts if not one.why]
    told = [textwrap.fill(line, wide, subsequent_indent=" " * 17, break_on_hyphens=False) for line in lines]
    return "\n".join([*told, _conclusion(verdict, wide)])


def _ends(found: Explored) -> str:
    many = sum(found.ends.values())
    return "one end" if many == 1 else f"{many} different ends"


def _conclusion(verdict: Verdict, wide: int) -> str:
    failure = verdict.failure
    if failure is None:
        if verdict.empty:
            return f"nothing was proven: {verdict.empty}"
        return "no promise was broken" if verdict.holds else "the checks missed a planted bug, so they prove nothing"
    how = "found by trying every order" if failure.seed < 0 else f"with seed {failure.seed}"
    why = textwrap.fill(f"a promise was broken ({failure.mode}, {how}): {failure.why}", wide, break_on_hyphens=False)
    return f"{why}\nthe shortest schedule found:\n{numbered(failure.schedule)}"


def _as_data(verdict: Verdict) -> dict[str, Any]:
    failure = verdict.failure
    return {
        "flow": verdict.flow,
        "holds": verdict.holds,
        "explored": {
            mode: {
                "complete": found.complete,
                "worlds": found.worlds,
                "steps": found.steps,
                "duplicates": found.duplicates,
                "crashes": found.replays,
                "ends": dict(found.ends),
            }
            for mode, found in verdict.explored.items()
        },
        "histories": verdict.histories,
        "statuses": dict(verdict.statuses),
        "faults": dict(verdict.faults),
        "calls": verdict.calls,
        "effects": verdict.effects,
        "personal": {"histories": verdict.secrets, "lines": verdict.lines},
        "mutants": [
            {"name": one.mutant.name, "caught": bool(one.why), "trials": one.trials, "here": here}
            for one, here in verdict.hunts
        ],
        "nothing": verdict.empty,
        "broken": None
        if failure is None
        else {
            "mode": failure.mode,
            "seed": failure.seed,
            "why": failure.why,
            "schedule": [line.strip() for line in failure.schedule],
        },
    }
