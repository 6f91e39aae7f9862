"""`docs/reliability.md`: what was tried, how many promises were at stake, from which seeds, at which code, and what broke."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.soak import proofs
from bench.soak.state import Code, Found, Part, Row

HEAD = """# Reliability: what was tried, and what came of it

Written by `make soak`, which goes on where it was, never by hand. `make test` tries a part of each on every change. Beside
the number of promises that were broken stands how many times one could have been broken.
"""
BROKEN = 20  # that are shown


@dataclass(frozen=True, slots=True)
class _Title:
    """A row's words: `stake` is what could have gone wrong, `seeds` says which ones slices from a to b are. `of` is how many
    units each slice has, or 0 where that is seen only when it is done."""

    proof: str
    title: str
    unit: str
    of: int
    stake: Callable[[Found], str]
    seeds: Callable[[int, int], str]


def _seeds(word: str, each: int) -> Callable[[int, int], str]:
    return lambda first, last: f"{word} {first * each:,} to {(last + 1) * each - 1:,}"


def _of_list(word: str) -> Callable[[int, int], str]:
    return lambda first, last: f"{word} {first + 1:,} to {last + 1:,}"


TITLES = (
    _Title(
        "examples",
        "exhaustive failpoint crashes: the examples in their scenarios",
        "points",
        0,
        lambda found: (
            f"{found['n']:,} kills, {found['effects']:,} effects, of which {found['asked again']:,} asked for again"
        ),
        _of_list("places"),
    ),
    _Title(
        "crashes",
        "exhaustive failpoint crashes: small flows, and the examples with commits in a thread",
        "points",
        0,
        lambda found: f"{found['n']:,} kills, {found['effects']:,} effects",
        _of_list("places"),
    ),
    _Title(
        "kills",
        "random `kill -9`: the examples in their scenarios, and small flows",
        "kills",
        proofs.KILLS_AT_ONCE,
        lambda found: f"{found['again']:,} kills while recovering, {found['effects']:,} effects",
        _of_list("rounds"),
    ),
    _Title(
        "recovery",
        "recovery of 10,000 open runs: process start to first call",
        "starts",
        1,
        lambda found: f"{min(found['took']):,} to {max(found['took']):,} ms; {proofs.RECOVERY:,} are allowed",
        _of_list("starts"),
    ),
    _Title(
        "simulations",
        "simulated histories: all faults, both modes",
        "seeds",
        proofs.SEEDS_AT_ONCE,
        lambda found: f"{found['faults']:,} faults fired, {found['effects']:,} effects",
        _seeds("seeds", proofs.SEEDS_AT_ONCE),
    ),
    _Title(
        "flows",
        "random flows: both modes against `denote`",
        "flows",
        proofs.FLOWS_AT_ONCE,
        lambda found: f"{found['runs']:,} runs",
        _seeds("seeds", proofs.FLOWS_AT_ONCE),
    ),
    _Title(
        "explorations",
        f"explorations: all small flows of depth {proofs.DEPTH}, both modes",
        "explorations",
        2 * proofs.EXPLORED_AT_ONCE,
        lambda found: f"{found['worlds']:,} worlds; {found['complete']:,} explorations whole",
        _seeds("flows", proofs.EXPLORED_AT_ONCE),
    ),
    _Title(
        "mutants",
        "planted mistakes",
        "mistakes",
        1,
        lambda found: f"{sum(found['trials'].values()):,} trials",
        _of_list("mistakes"),
    ),
)


def page(rows: Mapping[str, Row], slices: Mapping[str, int], now: Code) -> str:
    """The whole page. `slices` says of how many each proof is made, and `now` is the code as it is."""
    lines = [
        HEAD,
        "| what | tried | at stake | which | broken | measured at |",
        "|---|---|---|---|---|---|",
        *(_row(title, rows.get(title.proof), slices[title.proof], now) for title in TITLES),
        "",
        *_notes(rows),
        *_crashes(rows),
        *_mistakes(rows.get("mutants")),
        *_broken(rows),
    ]
    return "\n".join(lines)


def _row(title: _Title, row: Row | None, slices: int, now: Code) -> str:
    if row is None or not row.done:
        return f"| {title.title} | nothing yet | | | unknown | |"
    found = row.found
    goal = f" of {title.of * slices:,}" if title.of else ""
    places = "" if title.of else f" at {row.done:,} of {slices:,} places"
    tried = f"{found['n']:,}{goal} {title.unit}{places}"
    stake = title.stake(found) if found["n"] else "nothing"
    which = "; ".join(title.seeds(part.first, part.last) for part in row.parts)
    broken = (
        f"{len(found['broken'])} of {found['n']:,}" if found["n"] else f"{len(found['broken'])}, and nothing was tried"
    )
    return f"| {title.title} | {tried} | {stake} | {which} | {broken} | {_measured(row, now)} |"


def _measured(row: Row, now: Code) -> str:
    """The commits, with how many were tried and broken at each where there are several."""
    said = []
    for part in row.parts:
        many = f"{len(part.found['broken'])} of {part.found['n']:,} broken at " if len(row.parts) > 1 else ""
        since = "" if part.code.hash == now.hash else "; the code has changed since"
        said.append(f"{many}`{part.code.commit}`, {_days(part)}{since}")
    return "<br>".join(said)


def _days(part: Part) -> str:
    return part.since if part.since == part.until else f"{part.since} to {part.until}"


def _notes(rows: Mapping[str, Row]) -> Iterator[str]:
    yield "A point is an example, a scenario, a layout, a process, a failpoint and the number of its pass, and counts once. A"
    yield "place is a point without that number: it is passed until there is no further pass. The processes that are killed"
    yield "are real ones, forked off one that has imported everything and opened nothing; the ledger is another process, which"
    yield "outlives every kill. Their stores are in a memory file system where there is one: what a killed process has written"
    yield "stays with the kernel there as on a disk. Loss of power is another matter, and another check (`tests/verify/test_power.py`)."
    yield "A quick file system never has commits in a thread, so they are made to have one in a part of the exhaustive crashes"
    yield "and in every second round of kills at any moment; such a process is killed while its thread commits, too."
    yield "Each simulated seed is gone through in both modes. Kills at any moment take the number of their round as seed."
    yield ""
    versions: dict[str, list[str]] = {}
    for row in rows.values():
        for part in row.parts:
            versions.setdefault(part.code.versions, [])
            if part.code.commit not in versions[part.code.versions]:
                versions[part.code.versions].append(part.code.commit)
    for text, commits in versions.items():
        yield f"Versions at {', '.join(f'`{commit}`' for commit in commits)}: {text}."
    yield ""


def _crashes(rows: Mapping[str, Row]) -> Iterator[str]:
    """How many crashes each flow has gone through in each layout."""
    exhaustive = _by(rows, "examples") | _by(rows, "crashes")
    random = _by(rows, "kills")
    names = sorted({*exhaustive, *random}, key=lambda name: (name.startswith("small: "), name))
    if not names:
        return
    yield "## Crashes of each flow"
    yield ""
    yield "Points killed exhaustively + kills at any moment."
    yield ""
    yield f"| flow | {' | '.join(proofs.LAYOUTS.values())} |"
    yield f"|---|{'---|' * len(proofs.LAYOUTS)}"
    for name in names:
        cells = (
            f"{exhaustive.get(name, {}).get(layout, 0):,} + {random.get(name, {}).get(layout, 0):,}"
            for layout in proofs.LAYOUTS
        )
        yield f"| {name} | {' | '.join(cells)} |"
    yield ""


def _by(rows: Mapping[str, Row], proof: str) -> dict[str, Any]:
    found: dict[str, Any] = rows[proof].found.get("by", {}) if proof in rows else {}
    return found


def _mistakes(row: Row | None) -> Iterator[str]:
    trials = row.found.get("trials", {}) if row else {}
    if not trials:
        return
    yield "## Planted mistakes"
    yield ""
    yield "Trials are schedules gone through, or histories simulated, until it was found."
    yield ""
    yield "| mistake | trials |"
    yield "|---|---|"
    yield from (f"| {name} | {count:,} |" for name, count in trials.items())
    yield ""


def _broken(rows: Mapping[str, Row]) -> Iterator[str]:
    broken = [(part.code.commit, one) for row in rows.values() for part in row.parts for one in part.found["broken"]]
    if not broken:
        return
    yield "## Broken promises"
    yield ""
    yield from (f"At `{commit}`:\n```\n{one}\n```" for commit, one in broken[:BROKEN])
    if len(broken) > BROKEN:
        yield f"And {len(broken) - BROKEN:,} more."
    yield ""
