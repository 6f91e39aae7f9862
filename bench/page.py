"""`docs/performance.md`: what was measured, on which machine, with which versions and settings, and what it says."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench.duel import STEPS, WORKS, Figures
from bench.goals import Goal, goals
from bench.peers import ROOT, Peer

PAGE = ROOT / "docs/performance.md"

HEAD = """# How fast, how durable, how large

Written by `make bench`, never by hand. Everybody is measured in one go, a little of each in turn (forwards, then backwards),
because a machine that others use too is faster now and slower then: the ratios say more than the figures. A spread of 5 to
30 % is usual; below 1.3 times there is no difference.

The workloads are three steps in a row, ten, and a fork of four with a join. The handlers do nothing, the payload is an order
of about 300 bytes, and under flowlang the contract of each step is checked on the way in and on the way out. A rate is runs
that were completed in a second, by one process; `p50` and `p99` are milliseconds from the start of a run to its end. The
time of the processor is that of the contender's own process for one run (without its server, where it has one), and says most
where the machine is busy with other things.
"""


def write(
    peers: Sequence[Peer], skipped: Mapping[str, str], versions: Mapping[str, str], figures: Figures, settings: str
) -> str:
    """The part of the page about peers."""
    lines = [f"Measured on {machine()}.", "", settings, ""]
    lines += ["| | version |", "|---|---|", *(f"| {name} | {version} |" for name, version in versions.items()), ""]
    lines += ["| | what it promises |", "|---|---|", *(f"| {peer.name} | {peer.promise} |" for peer in peers), ""]
    lines += [f"{name}: skipped, because {why}.\n" for name, why in {**skipped, **figures.broken}.items()]
    for work, name in WORKS.items():
        rows = list(_table(peers, figures, work))
        if rows:
            lines += [f"## {name}", "", *rows, ""]
    lines += ["## What was to be reached", "", *table(tuple(goals(figures))), ""]
    return "\n".join(lines)


def table(found: Sequence[Goal]) -> Iterator[str]:
    """Goals as a table."""
    yield "| | to reach | measured | |"
    yield "|---|---|---|---|"
    for goal in found:
        yield goal.row()


def _table(peers: Sequence[Peer], figures: Figures, work: str) -> Iterator[str]:
    at_once = sorted({cell[2] for cell in figures.rounds if cell[1] == work})
    if not at_once:
        return
    yield "| | at once | runs/s: median | least | most | steps/s | p50 ms | p99 ms | µs of processor | flowlang is so many times faster |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for peer in peers:
        for many in dict.fromkeys((1, figures.best(peer.name, work))):
            cell = (peer.name, work, many)
            rates = figures.all(cell, "rate")
            if not rates:
                continue
            ours = ("flowlang", work, 1 if many == 1 else figures.best("flowlang", work))
            ratio, least, most = figures.ratio(ours, cell)
            said = "" if peer.name == "flowlang" else f"{ratio:.3g} ({least:.3g} to {most:.3g})"
            rate = figures.median(cell)
            yield (
                f"| {peer.name} | {many} | {rate:,.0f} | {min(rates):,.0f} | {max(rates):,.0f} | {rate * STEPS[work]:,.0f} "
                f"| {figures.median(cell, 'p50'):.3g} | {figures.median(cell, 'p99'):.3g} "
                f"| {figures.median(cell, 'cpu'):,.0f} | {said} |"
            )


def machine() -> str:
    """Where and when this was measured."""
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    date = time.strftime("%Y-%m-%d")
    return (
        f"{platform.system()} {platform.release()}, {os.cpu_count()} cores ({processor()}), Python "
        f"{platform.python_version()}, on {date}; load averages {load} when it ended"
    )


def processor() -> str:
    """The name of the processor where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
