"""Kills of real processes, from the command line: `python -m bench.soak.crashes --case order/all_well --mode orchestrate`.

Prints one object: what was tried and what came of it. A process of its own, since it forks: whoever does that must have one
thread. Ends with 1 when a promise was broken, or when nobody was killed
(but for a single `--place`, which a mode may have no way past).
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from itertools import product
from pathlib import Path

from bench.soak import examples
from flowlang.runtime import failpoint
from flowlang.verify.child import folder_of_memory
from flowlang.verify.killing import AFTER_ACK, MODES, Harness, Tally, places, victims

_PLACES = (*failpoint.PLACES, failpoint.COMMITTING, AFTER_ACK)


def main() -> int:
    """Kill, say what was found; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak.crashes")
    parser.add_argument("--list", action="store_true", help="print all (case, mode, place) and end")
    parser.add_argument("--case", default="order/all_well", choices=examples.names())
    parser.add_argument("--mode", default="orchestrate", choices=MODES)
    parser.add_argument("--runs", type=int, default=4, help="runs at once")
    parser.add_argument("--every", type=int, default=0, help="each n-th pass of each place; 0 is none")
    parser.add_argument("--place", action="append", choices=_PLACES, default=[], help="only these places")
    parser.add_argument("--then", choices=failpoint.PLACES, default="", help="kill again at its first pass in recovery")
    parser.add_argument("--random", type=int, default=0, help="kills at any moment")
    parser.add_argument("--stop", type=int, default=0, help="stop in place of kills, for so many milliseconds")
    parser.add_argument("--event", action="store_true", help="let time go by only where an event lies there")
    parser.add_argument("--victim", action="append", default=[], help="only these processes")
    parser.add_argument(
        "--in-thread", action="store_true", help="let each commit have a thread, as where a disk is slow"
    )
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.list:
        print(json.dumps(list(product(examples.names(), MODES, failpoint.PLACES))))
        return 0
    with tempfile.TemporaryDirectory(dir=folder_of_memory()) as folder:
        case = examples.case(given.case, given.runs)
        harness = Harness(case, given.mode, Path(folder) / "crash", given.in_thread)
        try:
            usual = harness.usual()
            for victim, place in product(
                given.victim or victims(harness.case.prepared, given.mode),
                given.place or places(given.mode, given.in_thread),
            ):
                if given.stop and given.every:
                    harness.all_stops(victim, place, given.stop, given.every, given.event)
                elif given.every:
                    harness.all_passes(victim, place, given.every, given.then)
            if given.random:
                harness.at_random(random.Random(given.seed), given.random, usual)
        finally:
            harness.close()
    print(json.dumps(told(harness.tally, given.seed)))
    return 1 if harness.tally.broken or not (harness.tally.kills or harness.tally.stops or given.place) else 0


def told(tally: Tally, seed: int) -> dict[str, object]:
    """A tally as an object."""
    return {
        "seed": seed,
        "lives": tally.lives,
        "kills": tally.kills,
        "while recovering": tally.again,
        "stops": tally.stops,
        "late": tally.late,
        "held up": tally.held_up,
        "asked again": tally.asked_again,
        "runs": tally.runs,
        "effects": tally.calls,
        "points": dict(sorted(tally.points.items())),
        "statuses": dict(sorted(tally.statuses.items())),
        "broken": tally.broken,
    }


if __name__ == "__main__":
    sys.exit(main())
