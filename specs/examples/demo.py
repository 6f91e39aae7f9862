"""`make demo`: one order, checked, drawn, run in both modes, and undone in both, by the commands that anybody would type."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parent
FOLDER = Path(".flowlang") / "demo"
FLOW = "order/order.flow"
MODES = ("orchestrate", "choreograph")
BOLD, PLAIN = ("\x1b[1m", "\x1b[0m") if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else ("", "")


def main() -> None:
    """Run the commands one after the other; the first that does not end as it should ends the demo."""
    os.chdir(EXAMPLES.parent.parent)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    flow = f"specs/examples/{FLOW}"
    scenarios = "specs/examples/order/scenarios"

    title("1. Is there a mistake in the flow, or does it not fit the contracts of its services?")
    run(f"flowlang check {flow}")
    title("2. A drawing: open it in a browser.")
    run(f"flowlang graph {flow} -o {FOLDER}/order.svg")
    title("3. Who would hear, do and say what, if nobody were in charge?")
    run(f"flowlang plan {flow}")

    for number, (scenario, what, status) in enumerate(
        [
            ("all_well", "All well", "completed"),
            ("no_carrier", "Nobody drives there: what was done is undone", "failed"),
        ],
        4,
    ):
        title(f"{number}. {what}. First under one engine, then as services that only hear each other's events.")
        reports = []
        for mode in MODES:
            command = f"flowlang run {flow} --mode {mode} --scenario {scenarios}/{scenario}.yaml"
            run(command)
            reports.append(run(f"{command} --json", quiet=True))
        one, other = map(compared, reports)
        print(f"\nThe two reports, {len(one)} bytes each: {'equal' if one == other else 'DIFFERENT'}.")
        if one != other or f'"status": "{status}"' not in one:
            sys.exit(1)

    title("6. For real: Python handlers, each service a process of its own, a run that waits for an event.")
    store = f"--store {FOLDER}/state.db"
    order = '{"order": {"id": "o-7", "total": 42, "items": [{"sku": "a", "qty": 1}], "address": "Main Street 1", "email": "a@example.org"}}'
    (FOLDER / "order.json").write_text(order + "\n", encoding="utf-8")
    services = "--services specs/examples/order/services"
    run(f"flowlang run {flow} --mode choreograph --input {FOLDER}/order.json {services} {store} --processes", status=6)
    event = '{"shipmentId": "s-o-7", "at": "2026-01-03T00:00:00Z"}'
    run(f"flowlang send delivery.confirmed --data {shlex.quote(event)} {store}")
    run(f"flowlang runs {store}")
    print(f"\nThat was the demo. What it made is in {FOLDER}.")


def title(text: str) -> None:
    print(f"\n{BOLD}{text}{PLAIN}", flush=True)


def run(command: str, *, status: int = 0, quiet: bool = False) -> str:
    """Show and run a command; its output goes to the terminal, or is returned when `quiet`."""
    if not quiet:
        print(f"\n$ {command}", flush=True)
    words = [sys.executable, "-m", "flowlang", *shlex.split(command)[1:]]
    environment = {**os.environ, "ORDER_BOOKS": str(FOLDER / "books")}
    stream = subprocess.PIPE if quiet else None
    done = subprocess.run(words, stdout=stream, stderr=stream, text=True, check=False, env=environment)
    if done.returncode != status:
        print(f"this ended with {done.returncode}, not {status}", file=sys.stderr)
        sys.exit(1)
    return done.stdout or ""


def compared(report: str) -> str:
    """A report without what may differ between the modes: the run's id, the mode, and the keys."""
    data = json.loads(report)
    for value in (data["run"], data["mode"], *(effect["key"] for effect in data["effects"])):
        report = report.replace(f'"{value}"', '"-"')
    return report


if __name__ == "__main__":
    main()
