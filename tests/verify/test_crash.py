"""Real processes over a real file, killed with `kill -9` at every place and at any time. The ledger outlives them all."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowlang.runtime import failpoint, turns
from flowlang.verify import small
from flowlang.verify.child import folder_of_memory
from flowlang.verify.crash import LAYOUTS, Kill, Scene, crash, ledger, points
from flowlang.verify.listening import events_for
from flowlang.verify.replay import Broken
from flowlang.verify.schedule import prepare
from flowlang.verify.simulate import Subject

STEP = "step {0} = {0}.act(id: id) {{ compensate {0}.undo(id: id) }}\n"
A, B, C = (STEP.format(name) for name in "abc")
WAIT = 'wait for event "b.told" as e where e.id == id within 5m else fail Late\n'
UNDONE = A + WAIT + B + "fail Odd"
FORKED = f"{A} fork {{ {B} {C} }} join all\n{WAIT}"
OF_BUS = ("after-publish", "before-mark-sent", "before-ack")


def subject(body: str) -> Subject:
    prepared = prepare(small.kernel(small.whole(body)))
    return Subject(prepared, small.INPUT, events_for(prepared, small.INPUT))


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=folder_of_memory()) as name:
        yield Path(name)


@pytest.fixture
def undone(folder: Path) -> Iterator[Scene]:
    with ledger(folder, subject(UNDONE), runs=1) as scene:
        yield scene


@pytest.mark.parametrize(
    ("layout", "slow"), [*((layout, turns.SLOW) for layout in LAYOUTS), ("orchestrate", -1.0), ("together", -1.0)]
)
def test_killed_at_every_pass_of_every_place(
    layout: str, slow: float, undone: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        turns, "SLOW", slow
    )  # of processes forked off here: where all commits are slow, they have a thread
    killed: Counter[str] = Counter()
    for kill, found in points(undone, layout):
        killed[kill.place] += 1
        assert found.statuses == ["failed"] and found.kills == 1, kill
        assert found.effects == 4, kill  # two done, two undone
    print(f"{layout}: {dict(killed)}")
    assert set(killed) == set(failpoint.PLACES) - (set(OF_BUS) if layout == "orchestrate" else set())
    assert sum(killed.values()) >= 15


@pytest.mark.parametrize("layout", LAYOUTS)
def test_killed_at_random_again_and_again(layout: str, folder: Path) -> None:
    kills = calls = 0
    with ledger(folder, subject(FORKED)) as scene:
        for seed in range(100):
            found = crash(scene, layout, f"random-{seed}", None, random.Random(seed))
            assert found.statuses == ["completed"] * scene.runs
            assert found.effects == 3 * scene.runs
            kills += found.kills
            calls += found.calls
            if kills >= 34:
                break
    print(f"{layout}: {kills} kills, {calls} calls")
    assert kills >= 34, "a hundred kills, over three layouts"


def test_what_fails_is_undone_in_spite_of_kills(folder: Path) -> None:
    with ledger(folder, subject(A + B + C), failing=("c.act",), runs=2) as scene:
        for number, place in enumerate(("before-effect", "after-effect", "before-commit", "after-commit")):
            found = crash(scene, "orchestrate", f"fail-{place}", Kill("engine", place, 2 + number))
            assert (found.kills, found.statuses) == (1, ["failed", "failed"])
            assert found.effects == 8  # of each run two done and two undone; a declared error has no effect


def test_the_ledger_would_tell(folder: Path) -> None:
    """The same checks with a ledger that has lost a line."""
    with ledger(folder, subject(A), runs=1) as scene:
        import flowlang.verify.crash as module

        whole = module._read

        def forgetful(address: str) -> object:
            found = whole(address)
            found.entries = [entry for entry in found.entries if entry.what != "effect"]
            return found

        module._read = forgetful  # type: ignore[assignment]
        try:
            with pytest.raises(Broken, match="is ok and had no effect"):
                crash(scene, "orchestrate", "told", None)
        finally:
            module._read = whole
