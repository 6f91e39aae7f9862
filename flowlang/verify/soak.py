"""`make soak`: the long proofs, for as many minutes as there are; goes on where it was, and writes docs/reliability.md.

python -m flowlang.verify.soak --minutes 30 --state .soak.json --page docs/reliability.md
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import apsw

from flowlang.contract import load
from flowlang.source import Source
from flowlang.verify import agree, generate, small
from flowlang.verify.choices import Choices
from flowlang.verify.crash import LAYOUTS, crash, ledger, points
from flowlang.verify.explore import MODES, Freedom, explore
from flowlang.verify.listening import events_for
from flowlang.verify.mutants import hunt
from flowlang.verify.planted import MUTANTS
from flowlang.verify.schedule import prepare
from flowlang.verify.simulate import Subject, simulate

State = dict[str, Any]
DEPTH = 3
WORLDS = 5_000  # of one exploration
RECOVERY = 2_000  # milliseconds that it may take until the first of 10,000 open runs goes on
SLICE = 20  # things done before the state is written


def main(arguments: Sequence[str] | None = None) -> int:
    """Go on for some minutes; 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="flowlang.verify.soak", description="The long proofs; resumable.")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--state", type=Path, default=Path(".soak.json"))
    parser.add_argument("--page", type=Path, default=Path("docs/reliability.md"))
    parser.add_argument("--only", action="append", choices=list(PROOFS), default=[])
    given = parser.parse_args(arguments)
    state: State = json.loads(given.state.read_text()) if given.state.exists() else {}
    chosen = given.only or list(PROOFS)
    each = given.minutes * 60 / len(chosen)
    for name in chosen:
        mine = state.setdefault(name, {"n": 0, "broken": []})
        until = time.monotonic() + each
        for number, _ in enumerate(PROOFS[name](mine)):
            if number % SLICE == 0:
                given.state.write_text(json.dumps(state))
            if time.monotonic() > until:
                break
        given.state.write_text(json.dumps(state))
        given.page.parent.mkdir(parents=True, exist_ok=True)
        given.page.write_text(page(state), encoding="utf-8")
        print(f"{name}: {mine['n']:,} so far, {len(mine['broken'])} broken", flush=True)
    return 1 if any(state[name]["broken"] for name in state) else 0


# ---------------------------------------------------------------- the proofs; each goes on from its own state


def simulations(mine: State) -> Iterator[None]:
    """Seed n: flow n / 10 of all small flows, drawn; every fault; both modes."""
    while mine["n"] < 200_000:
        first = mine["n"]
        text = small.text(Choices(first // 10).below(small.count(DEPTH)), DEPTH)
        prepared = prepare(small.kernel(text))
        subject = Subject(prepared, small.INPUT, events_for(prepared, small.INPUT, 4))
        for seed in range(first, first + 10):
            for mode in MODES:
                found = simulate(subject, mode, Choices(seed))
                mine["faults"] = mine.get("faults", 0) + sum(found.faults.values())
                mine["effects"] = mine.get("effects", 0) + found.effects
                if found.broken:
                    mine["broken"].append(f"seed {seed} {mode}: {found.broken}\n{text}")
            mine["n"] += 1
            yield


def explorations(mine: State) -> Iterator[None]:
    """Every small flow of the depth, spread so that a short soak sees all constructs."""
    many = small.count(DEPTH)
    step = 7_919  # a prime: number n is flow n * step of all
    while mine["n"] < 2 * many:
        number = mine["n"] // 2 * step % many
        text = small.text(number, DEPTH)
        prepared = prepare(small.kernel(text))
        events = events_for(prepared, small.INPUT, 4)
        for mode in MODES:
            found = explore(prepared, mode, small.INPUT, Freedom(events), WORLDS)
            mine["worlds"] = mine.get("worlds", 0) + found.worlds
            mine["complete"] = mine.get("complete", 0) + found.complete
            if found.broken:
                mine["broken"].append(f"flow {number} {mode}: {found.broken.why}\n{text}")
            mine["n"] += 1
        yield


def flows(mine: State) -> Iterator[None]:
    """Random flows of the generator, both modes against the meaning."""
    contracts, _ = load([Source(name, text) for name, text in generate.CONTRACTS.items()], _nothing_else)
    while mine["n"] < 100_000:
        tally, difference = agree.agree(contracts, range(mine["n"], mine["n"] + 5), schedules=2)
        mine["runs"] = mine.get("runs", 0) + sum(tally.runs.values())
        if difference is not None:
            mine["broken"].append(f"flows from {mine['n']}: {difference.why}")
        mine["n"] += 5
        yield


def crashes(mine: State) -> Iterator[None]:
    """Every place, every pass, every process, of one flow after the other in every layout."""
    while True:
        number = mine.get("flow", 0)
        with _scene(number, runs=1) as scene:
            for layout in LAYOUTS:
                for _, found in points(scene, layout):
                    mine["n"] += 1
                    mine["effects"] = mine.get("effects", 0) + found.effects
                    yield
        mine["flow"] = number + 1


def kills(mine: State) -> Iterator[None]:
    """Kills at any time."""
    while mine["n"] < 5_000:
        number = mine.get("flow", 0)
        with _scene(number, runs=3) as scene:
            for layout in LAYOUTS:
                found = crash(scene, layout, f"kill-{layout}", None, random.Random(number))
                mine["n"] += found.kills
                mine["effects"] = mine.get("effects", 0) + found.effects
                yield
        mine["flow"] = number + 1


def examples(mine: State) -> Iterator[None]:
    """Every place, every pass, every process, of every scenario of every example, in every layout."""
    every = json.loads(_of_project("soak.crashes", "--list").stdout)
    while mine.get("next", 0) < len(every):
        case, mode, place = every[mine.get("next", 0)]
        words = ("--case", case, "--mode", mode, "--place", place, "--every", "1", "--runs", "2")
        done = _of_project("soak.crashes", *words)
        found: State = json.loads(done.stdout) if done.stdout else {"kills": 0, "effects": 0, "broken": [done.stderr]}
        mine["n"] += found["kills"]
        mine["effects"] = mine.get("effects", 0) + found["effects"]
        mine["broken"] += [f"{' '.join(words)}: {why}" for why in found["broken"]]
        mine["next"] = mine.get("next", 0) + 1
        mine["of"] = len(every)
        yield


def recovery(mine: State) -> Iterator[None]:
    """From the start of a process to its first call, with 10,000 runs open; three times a soak."""
    for _ in range(3):
        done = _of_project("soak.recovery")
        mine["n"] += 1
        took = round(float(done.stdout) * 1000)
        mine["worst"] = max(mine.get("worst", 0), took)
        if took > RECOVERY:
            mine["broken"].append(f"recovery took {took:,} ms")
        yield


def _of_project(*words: str) -> subprocess.CompletedProcess[str]:
    """A tool that needs the examples, which lie beside the package and not in it."""
    root = Path(__file__).parents[2]
    return subprocess.run([sys.executable, "-m", *words], cwd=root, capture_output=True, text=True, check=False)


def mutants(mine: State) -> Iterator[None]:
    """Every planted mistake."""
    for mutant in MUTANTS[mine["n"] :]:
        found = hunt(mutant)
        mine.setdefault("trials", {})[mutant.name] = found.trials
        if not found.why:
            mine["broken"].append(f"got away: {mutant.name}")
        mine["n"] += 1
        yield


PROOFS: dict[str, Callable[[State], Iterator[None]]] = {
    "mutants": mutants,
    "explorations": explorations,
    "simulations": simulations,
    "flows": flows,
    "crashes": crashes,
    "kills": kills,
    "examples": examples,
    "recovery": recovery,
}

_STEPS = "\n".join(f"step {s} = {s}.act(id: id) {{ compensate {s}.undo(id: id) }}" for s in "abc")
_BODIES = (
    f"{_STEPS}\nfail Odd",
    f"fork {{ {_STEPS} }} join all",
    f'{_STEPS}\nwait for event "b.told" as e where e.id == id within 5m else fail Late',
    f"for each i in [1, 2, 3] parallel 2 {{ {_STEPS} }}",
    f"scope k {{ {_STEPS} fail Odd }} catch as e -> {{ step d = b.act(id: id) {{ compensate none }} }}",
)
"""Flows of which every run comes to an end by itself: what waits for ever can't be killed until it is over."""


def _scene(number: int, runs: int) -> Any:
    body = _BODIES[number % len(_BODIES)]
    prepared = prepare(small.kernel(small.whole(body)))
    folder = Path(tempfile.mkdtemp(prefix="soak"))
    return ledger(folder, Subject(prepared, small.INPUT, events_for(prepared, small.INPUT)), runs=runs)


def _nothing_else(reference: str, beside: Source) -> Source:
    raise AssertionError(f"{beside.name} refers to {reference}")


# ---------------------------------------------------------------- the page


def page(state: State) -> str:
    """docs/reliability.md."""
    rows = [
        ("exhaustive failpoint crashes, real processes", "crashes", "{n:,} points, {effects:,} effects"),
        ("random kill -9, real processes, three layouts", "kills", "{n:,} kills, {effects:,} effects"),
        (
            "exhaustive failpoint crashes, examples in their scenarios, three layouts",
            "examples",
            "{n:,} points ({next} of {of} places done), {effects:,} effects",
        ),
        ("recovery of 10,000 open runs, to the first call", "recovery", "{n:,} starts, worst {worst:,} ms"),
        (
            "simulated histories, all faults, both modes",
            "simulations",
            "{n:,} seeds, {faults:,} faults, {effects:,} effects",
        ),
        ("random flows, modes against `denote`", "flows", "{n:,} flows, {runs:,} runs"),
        (
            "explorations of small flows of depth 3",
            "explorations",
            "{n:,}, {complete:,} of them whole, {worlds:,} worlds",
        ),
        ("planted mistakes caught", "mutants", "{n} looked for"),
    ]
    lines = [
        "# Reliability: what was tried, and what came of it",
        "",
        "Written by `make soak`, which goes on where it was. `make test` tries a part of each on every change. A figure of",
        "broken promises stands beside how many times one could have been broken.",
        "",
        "| what | tried so far | broken |",
        "|---|---|---|",
    ]
    for title, name, said in rows:
        mine = state.get(name)
        if mine is None or not mine["n"]:
            lines.append(f"| {title} | nothing yet | unknown |")
            continue
        known = {
            "effects": 0,
            "faults": 0,
            "runs": 0,
            "complete": 0,
            "worlds": 0,
            "next": 0,
            "of": 0,
            "worst": 0,
        } | mine
        lines.append(f"| {title} | {said.format(**known)} | {len(mine['broken'])} of {mine['n']:,} |")
    lines += [
        "",
        f"Seeds: histories 0 to n, each in both modes; kills {_kinds()}.",
        f"Versions of the last soak (earlier ones, of earlier commits, are added up here too): {_versions()}.",
        "",
    ]
    trials = state.get("mutants", {}).get("trials", {})
    if trials:
        lines += [
            "## Planted mistakes",
            "",
            "Trials are schedules gone through, or histories simulated, until it was found.",
            "",
        ]
        lines += [
            "| mistake | trials |",
            "|---|---|",
            *(f"| {name} | {count:,} |" for name, count in trials.items()),
            "",
        ]
    broken = [one for name in state for one in state[name]["broken"]]
    if broken:
        lines += ["## Broken promises", "", *(f"```\n{one}\n```" for one in broken[:20]), ""]
    return "\n".join(lines)


def _kinds() -> str:
    return "with the number of the flow as seed"


def _versions() -> str:
    try:
        ours = version("flowlang")
    except PackageNotFoundError:
        ours = "of a checkout"
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return (
        f"flowlang {ours} ({commit.stdout.strip() or 'no commit'}), Python {platform.python_version()}, "
        f"SQLite {apsw.sqlite_lib_version()}, {platform.system()}"
    )


if __name__ == "__main__":
    sys.exit(main())
