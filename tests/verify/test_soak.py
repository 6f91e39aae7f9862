"""The long proofs go on where they were, count nothing twice, and their page never shows a bare zero."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from itertools import product
from pathlib import Path

import pytest

from bench.soak import __main__ as soak
from bench.soak import examples, state
from bench.soak.page import page
from bench.soak.proofs import Proof, crash_slices, example_slices, kill_slices, proofs
from bench.soak.shares import Share, Shares
from bench.soak.workers import Workers
from flowlang.verify import killing
from flowlang.verify.ledger import Ledger
from flowlang.verify.witness import Book
from tests.repository.command import ROOT

CODE = state.Code("aaaa", "c0ffee1", "flowlang 1, Python 3")
LATER = state.Code("bbbb", "deadbee", "flowlang 2, Python 3")
OF = {name: len(proof.slices) for name, proof in proofs().items()}


def row(*parts: state.Part) -> state.Row:
    return state.Row("plan", next=1, parts=list(parts))


def part(code: state.Code, first: int, last: int, **found: object) -> state.Part:
    return state.Part(code, "2026-01-02", "2026-01-02", first, last, {"broken": [], **found})


# ---------------------------------------------------------------- slices


def test_a_soak_that_is_broken_off_goes_on_and_does_nothing_twice(tmp_path: Path) -> None:
    file, side = tmp_path / "state.json", tmp_path / "reliability.md"
    words = ["--state", str(file), "--page", str(side), "--only", "mutants", "--workers", "2"]
    command = [sys.executable, "-m", "bench.soak", *words, "--minutes", "5"]
    going = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    while not file.exists() or not state.read(file)["mutants"].done:
        assert going.poll() is None
        time.sleep(0.01)
    os.killpg(going.pid, signal.SIGINT)  # as a ctrl-C does
    said, _ = going.communicate()
    assert going.returncode == 130, said
    before = state.read(file)["mutants"]
    assert before.found["n"] == before.done == len(before.found["trials"]) > 0

    assert soak.main([*words, "--minutes", "0.001"]) == 0
    after = state.read(file)["mutants"]
    assert after.found["n"] == after.done == len(after.found["trials"]) > before.done
    text = side.read_text()
    assert (
        f"| planted mistakes | {after.done} of {OF['mutants']} mistakes |" in text
        and "nothing yet | | | unknown" in text
    )

    assert soak.main([*words, "--minutes", "0", "--fresh"]) == 0
    assert state.read(file)["mutants"].done == 0


def test_a_slice_is_added_once() -> None:
    mine = state.Row("plan")
    for slice in (1, 0, 3):
        mine.add(slice, {"n": 10, "by": {f"s{slice}": 1, "all": 1}, "broken": []}, CODE)
    assert (mine.next, mine.ahead, mine.done, mine.found["n"]) == (2, {3}, 3, 30)
    assert mine.found["by"] == {"s1": 1, "s0": 1, "s3": 1, "all": 3}
    with pytest.raises(AssertionError):
        mine.add(1, {"n": 10, "broken": []}, CODE)


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    rows = {"kills": row(part(CODE, 0, 4, n=3, by={"a": {"b": 2}}), part(LATER, 5, 5, n=1))}
    rows["kills"].ahead = {7, 9}
    state.write(tmp_path / "s", rows)
    assert state.read(tmp_path / "s") == rows


def test_a_row_that_does_not_tell_its_slices_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "s").write_text('{"kills": {"n": 402, "broken": []}}')
    assert state.read(tmp_path / "s") == {}


def test_points_of_examples_are_all_and_distinct() -> None:
    slices = list(example_slices())
    assert len(slices) == len(set(slices))
    for name in examples.names():
        for layout in killing.MODES:
            mine = {(victim, place) for case, its, victim, place in slices if (case, its) == (name, layout)}
            processes = 1 + (len(examples.case(name).prepared.services) if layout == "choreograph" else 0)
            assert len(mine) == processes * (4 if layout == "orchestrate" else 7), name
    enough = {(examples.flow_of(case), layout) for case, layout, *_ in slices[: proofs()["examples"].enough]}
    assert enough == {(examples.flow_of(name), layout) for name in examples.names() for layout in killing.MODES}


def test_every_example_is_killed_at_every_place_with_commits_in_a_thread() -> None:
    slices = list(crash_slices())
    assert len(slices) == len(set(slices))
    met = {(examples.flow_of(case), layout, place) for case, layout, _, place, in_thread in slices if in_thread}
    for name, layout in product(examples.flows(), killing.MODES):
        assert {place for flow, its, place in met if (flow, its) == (name, layout)} == set(killing.places(layout, True))


def test_kills_at_random_meet_every_example_in_every_layout() -> None:
    met = Counter((name, layout) for name, layout, _ in kill_slices())
    assert {(name, layout) for name in examples.names() for layout in killing.MODES} <= set(met)
    assert {count for (_, layout), count in met.items() if layout == "choreograph"} == {1, 2}
    assert {count for (_, layout), count in met.items() if layout != "choreograph"} <= {2, 3, 4}


@pytest.mark.parametrize("proof", ["examples", "crashes", "kills", "simulations", "flows"])
def test_a_slice_of_each_proof_finds_something_at_stake_and_nothing_broken(proof: str, tmp_path: Path) -> None:
    one = proofs()[proof]
    with Workers(1) as pool:
        pool.start(proof, 0, lambda folder: one.act(one.slices[0], folder))
        found = next(over for _ in iter(int, 1) for over in pool.over()).found
    assert found["broken"] == []
    assert found["n"] > 0 and found.get("effects", found.get("runs", 0)) > 0
    mine = state.Row("plan")
    mine.add(0, found, CODE)
    assert f"| 0 of {found['n']:,} | `c0ffee1`" in page({proof: mine}, OF, CODE)


# ---------------------------------------------------------------- what is broken


def test_what_is_broken_says_its_slice_and_how_to_do_it_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A round of kills whose ledger has lost what was done: who reads the page needs nothing else to try it again."""
    whole = Book.since

    def forgetful(book: Book) -> tuple[Ledger, list[tuple[str, str]], int]:
        ledger, *rest = whole(book)
        ledger.entries = [entry for entry in ledger.entries if entry.what != "effect"]
        return ledger, *rest

    monkeypatch.setattr(Book, "since", forgetful)
    number = next(
        n for n, (name, layout, _) in enumerate(kill_slices()) if (name, layout) == ("small: fork", "together")
    )
    one = Proof(kill_slices()[number : number + 1], proofs()["kills"].act)
    file, side = tmp_path / "state.json", tmp_path / "reliability.md"
    monkeypatch.setattr(soak, "proofs", lambda: {**proofs(), "kills": one})
    words = ["--state", str(file), "--page", str(side), "--only", "kills"]

    assert soak.main([*words, "--workers", "1"]) == 1
    text = side.read_text()
    assert f"kills, slice 0: ('small: fork', 'together', {number})" in text
    assert "small: fork, together, [" in text and " is ok and had no effect" in text

    before = file.read_text()
    [again] = [line for line in text.splitlines() if line.startswith("again: python -m bench.soak ")]
    capfd.readouterr()
    assert soak.main(again.split()[4:]) == 1
    assert " is ok and had no effect" in json.loads(capfd.readouterr().out)["broken"][0]
    assert file.read_text() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--slice", "0"], "say which with --only"),
        (["--only", "recovery", "--slice", "3"], "`recovery` has the slices 0 to 2"),
    ],
)
def test_a_slice_that_there_is_not_is_refused(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        soak.main(words)
    assert said in capsys.readouterr().err


# ---------------------------------------------------------------- workers


def _spoiled(folder: Path) -> state.Found:
    raise ValueError("this slice can't be done")


def test_a_slice_that_dies_is_a_broken_promise() -> None:
    with Workers(1) as pool:
        pool.start("kills", 3, _spoiled)
        done = next(over for _ in iter(int, 1) for over in pool.over())
    assert (done.proof, done.slice, done.found["n"]) == ("kills", 3, 0)
    assert done.found["broken"] == ["ended with 1: ValueError: this slice can't be done"]


def test_who_leaves_ends_what_goes_on_with_all_that_it_started() -> None:
    reading, writing = os.pipe()

    def forever(folder: Path) -> state.Found:
        child = "import os, sys, time; os.write(int(sys.argv[1]), b'here'); time.sleep(100)"
        subprocess.run([sys.executable, "-c", child, str(writing)], pass_fds=[writing])
        return {"n": 1, "broken": []}

    with Workers(1) as pool:
        pool.start("kills", 0, forever)
        os.close(writing)
        assert os.read(reading, 4) == b"here"
    assert select.select([reading], [], [], 20)[0], "whoever holds the other end goes on"
    assert os.read(reading, 4) == b""
    os.close(reading)


# ---------------------------------------------------------------- shares


def test_time_goes_to_where_most_is_left() -> None:
    shares = Shares(1000.0, {"small": Share(20, 10, 10.0), "large": Share(310, 10, 10.0), "huge": Share(10**6, 1, 1.0)})
    used: Counter[str] = Counter()
    for _ in range(200):
        name = shares.next([name for name, share in shares.of.items() if share.left], lambda name: 0.0)
        assert name
        shares.over(name, 1.0)
        used[name] += 1
    assert 0 < 5 * used["small"] < used["large"] and abs(used["large"] - used["huge"]) <= 2


def test_who_is_done_leaves_the_time_to_the_others() -> None:
    shares = Shares(100.0, {"short": Share(2, 0, 0.0), "long": Share(1000, 0, 0.0)})
    begun = []
    for _ in range(50):
        open = [name for name, share in shares.of.items() if share.done < share.slices]
        begun.append(shares.next(open, lambda name: 0.0))
        shares.over(str(begun[-1]), 1.0)
    assert begun.count("short") == 2 and begun.count("long") == 48


def test_more_than_enough_waits_for_the_others() -> None:
    shares = Shares(100.0, {"enough": Share(5, 5, 5.0), "new": Share(20, 0, 0.0), "old": Share(20, 10, 30.0)})
    begun = []
    for _ in range(30):
        open = ["enough", *(name for name in ("new", "old") if shares.of[name].done < 20)]
        begun.append(str(shares.next(open, lambda name: 0.0)))
        shares.over(begun[-1], 3.0)
    assert "enough" not in begun[:30] and set(begun) == {"new", "old"}
    assert shares.next(["enough"], lambda name: 0.0) == "enough"


# ---------------------------------------------------------------- the page


def test_what_was_broken_is_on_the_page() -> None:
    mine = row(part(CODE, 0, 0, n=7, again=1, effects=20))
    mine.parts[0].found["broken"] = ["a promise"]
    text = page({"kills": mine}, OF, CODE)
    assert "| 7 of 5,000 kills | 1 kills while recovering, 20 effects | rounds 1 to 1 | 1 of 7 | `c0ffee1`" in text
    assert "a promise" in text


def test_what_was_found_at_other_code_says_so() -> None:
    mine = row(part(CODE, 0, 19, n=1000, faults=5, effects=6), part(LATER, 20, 23, n=200, faults=7, effects=8))
    mine.parts[0].found["broken"] = ["a promise"]
    text = page({"simulations": mine}, OF, LATER)
    assert "| 1,200 of 200,000 seeds |" in text and "seeds 0 to 999; seeds 1,000 to 1,199" in text
    assert (
        "| 1 of 1,200 | 1 of 1,000 broken at `c0ffee1`, 2026-01-02; the code has changed since"
        "<br>0 of 200 broken at `deadbee`, 2026-01-02 |"
    ) in text
    assert "Versions at `c0ffee1`: flowlang 1" in text and "Versions at `deadbee`: flowlang 2" in text


def test_a_row_of_other_slices_begins_anew(tmp_path: Path) -> None:
    file, side = tmp_path / "state.json", tmp_path / "reliability.md"
    rows = {"kills": row(part(CODE, 0, 0, n=7, again=1, effects=20))}
    state.write(file, rows)
    assert soak.main(["--state", str(file), "--page", str(side), "--minutes", "0", "--only", "kills"]) == 0
    assert "7 of 5,000 kills" not in side.read_text()


def test_a_proof_with_nothing_at_stake_is_no_proof() -> None:
    text = page({"kills": row(part(CODE, 0, 0, n=0))}, OF, CODE)
    assert "| 0 of 5,000 kills | nothing | rounds 1 to 1 | 0, and nothing was tried |" in text


def test_the_code_is_known_by_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "flowlang").mkdir()
    (tmp_path / "flowlang" / "a.py").write_text("a = 1\n")
    monkeypatch.setattr(state, "ROOT", tmp_path)
    first = state.code_now()
    assert first.commit == "no commit"
    (tmp_path / "flowlang" / "a.py").write_text("a = 2\n")
    assert state.code_now().hash != first.hash


def test_slices_of_a_soak_can_be_written_down() -> None:
    for name, proof in proofs().items():
        assert isinstance(proof, Proof) and json.loads(json.dumps(list(proof.slices))), name
