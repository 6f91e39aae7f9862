"""`make bench`: the figures, on this machine. Printed and written down, never asserted: a slow machine is not a bug.

python -m bench                     everything, and docs/performance.md
python -m bench --quick peers       less of it, while one works on something: peers, growth, checking
"""

from __future__ import annotations

import argparse
import os

from bench import checking, duel, growth, page, peers

PARTS = ("peers", "growth", "checking")


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[], help="what to measure; everything else")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and shorter ones")
    parser.add_argument("--only", default="", help="compare only peers whose names contain this")
    given = parser.parse_args()
    parts = given.parts or PARTS
    python = peers.prepare()
    if "peers" in parts:
        keep("1-peers", _compare(python, quick=given.quick, only=given.only))
    if "growth" in parts:
        keep("2-growth", growth.main(python, quick=given.quick))
    if "checking" in parts:
        checking.main()
    if not given.quick and not given.only:
        page.PAGE.parent.mkdir(exist_ok=True)
        page.PAGE.write_text("\n".join([page.HEAD, *kept()]), encoding="utf-8")
        print(f"written to {os.path.relpath(page.PAGE)}")


def _compare(python: str, *, quick: bool, only: str) -> str:
    rounds, seconds = (3, 0.3) if quick else (8, 0.4)
    works = ("three",) if quick else tuple(duel.WORKS)
    with peers.all_peers(python) as (all_of_them, skipped):
        chosen = [peer for peer in all_of_them if not only or only in peer.name or peer.name == "flowlang"]
        figures = duel.fight(chosen, works, rounds, seconds)
    settings = (
        f"{rounds} rounds of at least {seconds} s for each cell, at once: {', '.join(map(str, duel.AT_ONCE))}, of which after two "
        "rounds only 1 and the best (and in two more the second best, where that is quick); all on uvloop; flowlang with the "
        "extra `fast`."
    )
    text = page.write(chosen, skipped, peers.versions(python), figures, settings)
    print(text)
    return text


def keep(name: str, text: str) -> None:
    """Parts that were measured are kept, so that each can be measured anew by itself."""
    folder = peers.HOME / "parts"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(text, encoding="utf-8")


def kept() -> list[str]:
    """All parts, in their order."""
    return [file.read_text(encoding="utf-8") for file in sorted((peers.HOME / "parts").glob("*.md"))]


if __name__ == "__main__":
    main()
