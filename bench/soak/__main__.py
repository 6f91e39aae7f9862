"""`make soak`: the long proofs, for as many minutes as there are; goes on where it was, and writes docs/reliability.md.

python -m bench.soak --minutes 30                     all proofs; ctrl-C ends it sooner, and nothing that was done is lost
python -m bench.soak --minutes 20 --only kills        one of them
python -m bench.soak --minutes 0                      only the page
python -m bench.soak --fresh                          forget what earlier soaks have found
python -m bench.soak --only kills --slice 255         this slice alone, once more: how each broken promise says it was found
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from bench.soak import state
from bench.soak.page import page
from bench.soak.proofs import Proof, proofs
from bench.soak.shares import Share, Shares
from bench.soak.workers import Done, Workers

TELL = 60  # seconds between two lines about how far it is
GRACE = 90  # seconds for slices that are begun when the time is over


def main(arguments: Sequence[str] | None = None) -> int:
    """Go on for some minutes; 1 where a promise was broken, 130 after a ctrl-C."""
    given = _given(arguments)
    every = proofs()
    if given.slice is not None:
        return _again(given.only[0], given.slice)
    chosen = given.only or list(every)
    rows = state.read(given.state)
    for name in chosen:
        plan = hashlib.sha256(json.dumps(list(every[name].slices)).encode()).hexdigest()[:12]
        if given.fresh or name not in rows or rows[name].plan != plan:
            rows[name] = state.Row(plan)
    state.write(given.state, rows)
    code = state.code_now()
    soak = Soak({name: every[name] for name in chosen}, rows, code, given.state)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: soak.stop())
    soak.go_on(given.minutes * 60, given.workers)
    given.page.parent.mkdir(parents=True, exist_ok=True)
    given.page.write_text(
        page(rows, {name: len(proof.slices) for name, proof in every.items()}, code), encoding="utf-8"
    )
    print(soak.told())
    return 130 if soak.stopped else 1 if any(row.found["broken"] for row in rows.values()) else 0


def _given(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description="The long proofs; resumable.")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="slices at a time")
    parser.add_argument("--state", type=Path, default=state.ROOT / ".soak.json")
    parser.add_argument("--page", type=Path, default=state.ROOT / "docs" / "reliability.md")
    parser.add_argument("--only", action="append", choices=list(proofs()), default=[], help="only these proofs")
    parser.add_argument("--fresh", action="store_true", help="forget what earlier soaks have found of these proofs")
    parser.add_argument("--slice", type=int, help="only this slice of the one proof, and write nothing down")
    given = parser.parse_args(arguments)
    if given.slice is not None:
        if len(given.only) != 1:
            parser.error("--slice is one of a proof: say which with --only")
        if given.slice not in range(many := len(proofs()[given.only[0]].slices)):
            parser.error(f"`{given.only[0]}` has the slices 0 to {many - 1}")
    return given


def _again(name: str, number: int) -> int:
    """One slice, as every other one: in a process of its own."""
    with Workers(1) as pool:
        _begin(pool, name, number, proofs()[name])
        over: list[Done] = []
        while not over:
            over += pool.over()
    found = over[0].found
    print(json.dumps(found, indent=1))
    return 1 if found["broken"] else 0


def _begin(pool: Workers, name: str, number: int, proof: Proof) -> None:
    pool.start(name, number, partial(proof.act, proof.slices[number]))


class Soak:
    """Some proofs, and how far each is."""

    def __init__(
        self, chosen: Mapping[str, Proof], rows: Mapping[str, state.Row], code: state.Code, file: Path
    ) -> None:
        self._proofs = chosen
        self._rows = rows
        self._code = code
        self._file = file
        self._left = {
            name: iter([number for number in range(len(proof.slices)) if not rows[name].is_done(number)])
            for name, proof in chosen.items()
        }
        self._shares = Shares(0.0)
        self.stopped = False

    def stop(self) -> None:
        """Break off what goes on now."""
        self.stopped = True

    def go_on(self, seconds: float, workers: int) -> None:
        """Do slices until there are none, or the time is over."""
        until = time.monotonic() + seconds
        told = time.monotonic()
        self._shares = Shares(seconds * workers, {name: self._share(name) for name in self._proofs})
        with Workers(workers) as pool:
            while (pool.busy or self._left) and not self.stopped:
                if time.monotonic() < until:
                    self._begin(pool)
                elif not pool.busy or time.monotonic() > until + GRACE:
                    return
                for done in pool.over():
                    self._add(done)
                if time.monotonic() > told + TELL:
                    told = time.monotonic()
                    print(self.told(), flush=True)

    def _share(self, name: str) -> Share:
        row, proof = self._rows[name], self._proofs[name]
        return Share(proof.enough or len(proof.slices), row.done, row.found.get("seconds", 0.0))

    def _begin(self, pool: Workers) -> None:
        while pool.free and (name := self._shares.next(list(self._left), pool.seconds)):
            number = next(self._left[name], None)
            if number is None:
                del self._left[name]
                continue
            _begin(pool, name, number, self._proofs[name])

    def _add(self, done: Done) -> None:
        self._shares.over(done.proof, done.seconds)
        where = self._proofs[done.proof].slices[done.slice]
        broken = [broken_at(done, where, why) for why in done.found["broken"]]
        self._rows[done.proof].add(done.slice, {**done.found, "broken": broken, "seconds": done.seconds}, self._code)
        state.write(self._file, self._rows)

    def told(self) -> str:
        """How far all are, in a line."""
        return "; ".join(
            f"{name} {row.done:,} of {len(self._proofs[name].slices):,} slices, {row.found['n']:,} tried, {len(row.found['broken'])} broken"
            for name, row in self._rows.items()
            if name in self._proofs
        )


def broken_at(done: Done, slice: object, why: str) -> str:
    """A broken promise with all that whoever looks for it has to know: what the slice is, and how to do it alone."""
    return f"{done.proof}, slice {done.slice}: {slice}\n{why}\nagain: python -m bench.soak --only {done.proof} --slice {done.slice}"


if __name__ == "__main__":
    sys.exit(main())
