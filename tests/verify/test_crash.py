"""Small flows as real processes over a real file, killed with `kill -9` at every place and at any time. The ledger outlives them all."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flowlang.verify import small
from flowlang.verify.case import Case, plain
from flowlang.verify.child import folder_of_memory
from flowlang.verify.killing import DESK, LOOK, MODES, PATIENCE, Harness, Kill, Patience, places, victims
from flowlang.verify.ledger import Ledger
from flowlang.verify.listening import events_for
from flowlang.verify.schedule import prepare
from flowlang.verify.witness import Book

STEP = "step {0} = {0}.act(id: id) {{ compensate {0}.undo(id: id) }}\n"
A, B, C = (STEP.format(name) for name in "abc")
WAIT = 'wait for event "b.told" as e where e.id == id within 5m else fail Late\n'
UNDONE = A + WAIT + B + "fail Odd"
FORKED = f"{A} fork {{ {B} {C} }} join all\n{WAIT}"


def case(body: str, failing: tuple[str, ...] = (), runs: int = 1) -> Case:
    prepared = prepare(small.kernel(small.whole(body)))
    return plain("small", prepared, small.INPUT, events_for(prepared, small.INPUT), failing, runs)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=folder_of_memory()) as name:
        yield Path(name)


@contextmanager
def harness(of: Case, mode: str, folder: Path, in_thread: bool = False) -> Iterator[Harness]:
    found = Harness(of, mode, folder / "crash", in_thread)
    try:
        yield found
    finally:
        found.close()


@pytest.mark.parametrize(
    ("mode", "in_thread"), [*((mode, False) for mode in MODES), ("orchestrate", True), ("together", True)]
)
def test_killed_at_every_pass_of_every_place(mode: str, in_thread: bool, folder: Path) -> None:
    expected = places(mode, in_thread)
    with harness(case(UNDONE), mode, folder, in_thread) as killer:
        for victim in victims(killer.case.prepared, mode):
            for place in expected:
                killer.all_passes(victim, place)
    tally = killer.tally
    killed = Counter(place for point in tally.points for place in expected if f" {place} " in point)
    print(f"{mode}: {dict(killed)}")
    assert tally.broken == [] and set(tally.statuses) == {"failed"}
    assert tally.calls == 4 * tally.runs, "of each run two done, two undone"
    assert set(killed) == set(expected), "while a thread commits, too, where there is one"
    assert tally.kills == sum(tally.points.values()) >= 15


@pytest.mark.parametrize("mode", MODES)
def test_killed_at_any_moment_again_and_again(mode: str, folder: Path) -> None:
    """A hundred kills, over three modes."""
    with harness(case(FORKED, runs=3), mode, folder) as killer:
        killer.at_random(random.Random(0), 34, killer.usual())
    tally = killer.tally
    print(f"{mode}: {tally.kills} kills, {tally.again} of them in recovery, {tally.calls} effects")
    assert tally.broken == [] and set(tally.statuses) == {"completed"}
    assert tally.kills == 34 and tally.calls == 3 * tally.runs


def test_what_fails_is_undone_in_spite_of_kills(folder: Path) -> None:
    with harness(case(A + B + C, failing=("small/c",), runs=2), "orchestrate", folder) as killer:
        for number, place in enumerate(("before-effect", "after-effect", "before-commit", "after-commit")):
            assert killer.once([Kill(DESK, place, 2 + number)]) == 1
    assert killer.tally.broken == [] and killer.tally.statuses == {"failed": 8}
    assert killer.tally.calls == 4 * 8, "of each run two done and two undone; a declared error has no effect"


def test_the_ledger_would_tell(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same checks with a ledger that has lost what was done."""
    whole: Callable[[Book], tuple[Ledger, list[tuple[str, str]], int]] = Book.since

    def forgetful(book: Book) -> tuple[Ledger, list[tuple[str, str]], int]:
        ledger, *rest = whole(book)
        ledger.entries = [entry for entry in ledger.entries if entry.what != "effect"]
        return ledger, *rest

    monkeypatch.setattr(Book, "since", forgetful)
    with harness(case(A), "orchestrate", folder) as killer:
        killer.once([])
    assert len(killer.tally.broken) == 1 and "is ok and had no effect" in killer.tally.broken[0]


def test_whoever_was_stopped_meanwhile_has_not_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("flowlang.verify.killing.time.monotonic", lambda: now[0])
    patience = Patience()
    now[0] = 10 * PATIENCE
    assert patience.lasts(), "a machine that slept"
    looks = 0
    while patience.lasts():
        now[0] += LOOK / 2
        looks += 1
    assert looks * LOOK / 2 == pytest.approx(PATIENCE, abs=2 * LOOK)
