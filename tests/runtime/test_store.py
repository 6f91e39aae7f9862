"""What every store promises, and what the file refuses."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowlang import codec
from flowlang.event import Error, External, Failed, Invoke, Ok, Policy, Reason, Unknown
from flowlang.lifecycle import Item, begin, settle
from flowlang.runtime import lock, view
from flowlang.runtime.calls import recorded
from flowlang.runtime.lock import StoreOwned
from flowlang.runtime.memory import memory_store
from flowlang.runtime.schema import VERSION
from flowlang.runtime.sqlite import SqliteStore, open_store
from flowlang.runtime.store import (
    FlowRow,
    ListenRow,
    PartRow,
    Recorded,
    RunRow,
    StoreError,
    StoreRefused,
    TimerRow,
    WorkRow,
)

RUN = RunRow("r1", "flow", "h", "orchestrate", "@engine", '"k"', "{}", "open", 5, None, {"scenario": "é"})
CALL = Invoke(
    "f/a", "undo", "s", "op", {"x": [1, None]}, Policy(errors=("Busy",)), Reason("failed", Error("E", "m", "f")), 2
)


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteStore]:
    opened = open_store(str(tmp_path / "s.db")) if request.param == "file" else memory_store()
    yield opened
    opened.close()


def fill(store: SqliteStore) -> None:
    with store.transaction():
        store.add_run(RUN)
        store.add_part(PartRow("@engine", "r1", "h", "orchestrate", 5, "open", 0))


# ---------------------------------------------------------------- the contract


def test_a_transaction_is_done_or_not_done(store: SqliteStore) -> None:
    with pytest.raises(RuntimeError), store.transaction():
        store.add_run(RUN)
        store.append("@engine", "r1", 0, "start", 5, "[]")
        raise RuntimeError
    assert store.runs() == []
    assert store.journal("@engine", "r1") == []
    fill(store)
    assert store.run("r1") == RUN


def test_a_journal_keeps_order_and_no_place_twice(store: SqliteStore) -> None:
    fill(store)
    with store.transaction():
        for seq, id in enumerate(["start", "b", "a"]):
            store.append("@engine", "r1", seq, id, 7 + seq, f"[{seq}]")
        store.append("other", "r1", 0, "start", 1, "[]")
    assert store.journal("@engine", "r1") == [("start", 7, "[0]"), ("b", 8, "[1]"), ("a", 9, "[2]")]
    assert store.latest("r1") == 9
    assert store.latest("nobody") == 0
    with pytest.raises(AssertionError), store.transaction():
        store.append("@engine", "r1", 2, "c", 7, "[]")


def test_a_key_is_held_by_open_and_completed_runs_only(store: SqliteStore) -> None:
    fill(store)
    assert store.holder("flow", "orchestrate", '"k"') == RUN
    assert store.holder("flow", "choreograph", '"k"') is None
    for status, holds in [("completed", True), ("failed", False), ("cancelled", False)]:
        with store.transaction():
            store.finish_run("r1", status, 9)
        assert (store.holder("flow", "orchestrate", '"k"') is not None) == holds


def test_work_comes_back_as_it_was(store: SqliteStore) -> None:
    fill(store)
    item = settle(begin(Item(replace(CALL, kind="do"))), Failed(Error("Busy", "", "f/a", {"n": 1}, True, "s")), 10, 0.5)
    row = WorkRow("@engine", "r1", begin(item), 1, 2, None)
    with store.transaction():
        store.put_work(WorkRow("@engine", "r1", Item(CALL), 1, None, None))
        store.put_work(row)
    assert store.work("@engine", "r1") == [WorkRow("@engine", "r1", Item(CALL), 1, None, None), row]
    done = replace(row, item=settle(row.item, Unknown(Error("Timeout", "", "f/a")), 11, 0.0), ended=12)
    assert done.item.state == "done"
    with store.transaction():
        store.put_work(done)
    assert store.work("@engine", "r1") == [WorkRow("@engine", "r1", Item(CALL), 1, None, None), done]
    assert recorded(store.work("@engine", "r1")) == [
        Recorded("f/a", "undo", "s", "op", 0),
        Recorded("f/a", "do", "s", "op", 2),
    ]


def test_a_part_is_awake_until_it_is_asleep_or_over(store: SqliteStore) -> None:
    fill(store)
    assert store.awake("@engine") == store.awake("@engine", "r1") == ["r1"]
    assert store.awake("@engine", "r2") == store.awake("other") == []
    assert (store.busy("r1"), store.busy(""), store.busy("r2")) == (True, True, False)
    for asleep in (True, False):
        with store.transaction():
            store.set_asleep("@engine", "r1", asleep)
        assert (store.awake("@engine") == []) == asleep
        assert store.busy("r1") == (not asleep)
    with store.transaction():
        store.set_part("@engine", "r1", "completed")
    assert store.awake("@engine") == []
    assert not store.busy("r1")


def test_timers_belong_to_a_role(store: SqliteStore) -> None:
    with store.transaction():
        for role, due in [("a", 30), ("a", 10), ("b", 5)]:
            store.set_timer(TimerRow(role, "r1", f"f/{due}", due))
        store.set_timer(TimerRow("a", "r1", "f/30", 40))
        store.stop_timer("a", "r1", "f/10")
    assert store.role_timers("a") == [TimerRow("a", "r1", "f/30", 40)]
    assert [timer.due for timer in store.timers("r1")] == [5, 40]


def test_waits_are_found_by_value_in_the_order_of_arming(store: SqliteStore) -> None:
    with store.transaction():
        for run in ("r2", "r1", "r3"):
            store.arm("a", run, "f/w", "T", "id", '"v"', 5)
        store.arm("a", "r4", "f/w", "T", "id", '"other"', 6)
        store.arm("b", "r5", "f/w", "T", "id", '"v"', 7)
        store.disarm("a", "r1", "f/w")
    assert [wait.run for wait in store.waits_for("a", "T", "id", '"v"')] == ["r2", "r3"]
    assert store.waits_of("a", "r1", "f/w") == []


def test_an_event_is_kept_once_by_its_fields_and_for_its_time(store: SqliteStore) -> None:
    one, two = External("e1", "T", "s", {"id": "v"}), External("e2", "T", "", {"id": "v"})
    with store.transaction():
        assert store.keep(two, 5, 100, "one", [("id", '"v"')])
        assert store.keep(one, 6, 200, "all", [("id", '"v"'), ("subject", "s")])
        assert not store.keep(one, 7, 300, "one", [("id", '"v"')])
    assert [row.event for row in store.kept("T", "id", '"v"', 50)] == [two, one]
    assert [row.event for row in store.kept("T", "id", '"v"', 100)] == [one]
    assert [row.to for row in store.kept("T", "subject", "s", 50)] == ["all"]
    assert [row.event for row in store.expired(100, 10)] == [two]
    assert store.next_expiry() == 100
    with store.transaction():
        store.forget_event(store.expired(100, 10)[0].seq)
        assert not store.keep(two, 9, 900, "one", [])
        store.erase_event("e1")
        assert store.keep(one, 9, 900, "one", [])
    assert store.events_of("T", 0)[0].event == one


def test_an_event_is_not_given_up_while_it_is_on_its_way_to_a_service(store: SqliteStore) -> None:
    """Else it would be a dead letter, and taken all the same when the service is up again."""
    one = External("e1", "T", "", {"id": "v"})
    with store.transaction():
        store.keep(one, 5, 100, "all", [])
        first, second = (store.post(role, "e1", "", "", "x") for role in ("a", "b"))
        store.ack(first.seq)
    assert store.expired(100, 10) == []
    with store.transaction():
        store.ack(second.seq)
    assert [row.event for row in store.expired(100, 10)] == [one]


def test_the_outbox_forgets_nothing_and_says_nothing_twice(store: SqliteStore) -> None:
    with store.transaction():
        first = store.put_outbox("a", "m1", "r1", "h", "b", "1")
        assert store.put_outbox("a", "m1", "r1", "h", "b", "1") is None
        second = store.put_outbox("a", "m1", "r1", "h", "c", "1")
        third = store.put_outbox("a", "m2", "r2", "h", "b", "2")
    assert first is not None
    assert second is not None
    with store.transaction():
        store.mark_sent(second.seq)
    assert store.unsent("a") == [first, third]
    assert store.unsent("a", "r2") == [third]
    assert store.unsent("b") == []


def test_the_bus_keeps_what_is_not_acknowledged(store: SqliteStore) -> None:
    with store.transaction():
        rows = [store.post("b", id, "r1", "h", "x") for id in ("m1", "m1", "m2")]
        store.post("c", "m3", "r1", "h", "x")
        store.park(rows[2].seq, "no flow")
    with store.transaction():
        store.ack(rows[0].seq)
    assert [row.id for row in store.queue("b")] == ["m1", "m2"]
    assert [row.parked for row in store.parked()] == ["no flow"]
    assert store.busy("r1")


def test_flows_shares_and_listeners(store: SqliteStore) -> None:
    with store.transaction():
        store.add_flow(FlowRow("h1", "orchestrate", "f", "@engine", ""), {"@engine": "body"})
        store.add_flow(FlowRow("h2", "orchestrate", "f", "@engine", "{}", {"services": "x"}), {"@engine": "body2"})
        newest = store.newest_flow()
        store.add_flow(FlowRow("h1", "orchestrate", "f", "@engine", ""), {"@engine": "ignored"})
        store.listen(ListenRow("T", 5, "one", "{}", ("a",), ("id",)))
        store.listen(ListenRow("T", 9, "one", "{}", ("b",), ("id", "x.y")))
    assert [flow.hash for flow in store.flows()] == ["h2", "h1"]
    assert [dict(flow.options) for flow in store.flows()] == [{"services": "x"}, {}]
    assert store.newest_flow() > newest
    assert store.share("h1", "orchestrate", "@engine") == "body"
    assert store.share("h1", "choreograph", "@engine") is None
    assert store.listens() == {"T": ListenRow("T", 9, "one", "{}", ("a", "b"), ("id", "x.y"))}


def test_commands_and_dead_letters(store: SqliteStore) -> None:
    with store.transaction():
        store.ask("c1", "cancel", "{}")
        store.ask("c2", "cancel", "{}")
        store.answer("c1", "yes")
        number = store.bury("a", "r1", "h", 5, "why", "body")
    assert [command.id for command in store.commands()] == ["c2"]
    assert store.answer_of("c1") == "yes"
    assert store.dead()[0].id == number
    with store.transaction():
        store.unbury(number)
    assert store.dead() == []


# ---------------------------------------------------------------- the file


def test_what_was_committed_is_there_for_the_next_process(tmp_path: Path) -> None:
    path = str(tmp_path / "deep" / "er" / "s.db")
    first = open_store(path)
    fill(first)
    first.close()
    second = open_store(path, write=False)
    assert second.run("r1") == RUN
    with pytest.raises(StoreError, match="read-only"):
        second.drop("@engine", "r1")
    second.close()


def test_a_commit_of_another_process_is_noticed_once(tmp_path: Path) -> None:
    one, two = open_store(str(tmp_path / "s.db")), open_store(str(tmp_path / "s.db"))
    assert one.changed()
    assert not one.changed()
    fill(two)
    assert one.changed()
    assert not one.changed()
    fill_again = PartRow("b", "r1", "h", "m", 1, "open", 0)
    with one.transaction():
        one.add_part(fill_again)
    assert not one.changed()


def foreign(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE t(x)")
    database.commit()
    database.close()


def of_version(version: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        open_store(str(path)).close()
        database = apsw.Connection(str(path))
        database.execute(f"PRAGMA user_version = {version}")
        database.close()

    return make


def cut(size: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        open_store(str(path)).close()
        path.write_bytes(path.read_bytes()[:size])

    return make


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: path.write_text("key: value\n" * 50), "no SQLite file"),
        (lambda path: path.write_text("hi"), "no SQLite file"),
        (foreign, "another program"),
        (of_version(VERSION + 1), "newer"),
        (of_version(0), "older"),
        (cut(8192), "cut short"),
        (cut(50), "cut short"),
        (lambda path: path.mkdir(), "a directory"),
    ],
    ids=["text", "short text", "foreign", "newer", "older", "truncated", "cut in its head", "directory"],
)
@pytest.mark.parametrize("write", [True, False])
def test_what_is_no_store_of_ours_is_refused_and_left_alone(
    make: Callable[[Path], None], says: str, write: bool, tmp_path: Path
) -> None:
    path = tmp_path / "s.db"
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(StoreRefused, match=says):
        open_store(str(path), write)
    assert (path.read_bytes() if path.is_file() else b"") == before


@pytest.mark.parametrize("write", [True, False])
def test_whoever_is_killed_while_the_log_goes_into_the_store_leaves_a_whole_one(write: bool, tmp_path: Path) -> None:
    path, log = tmp_path / "s.db", tmp_path / "s.db-wal"
    store = open_store(str(path))
    fill(store)
    many = [replace(RUN, run=f"more{number}", key=f"k{number}") for number in range(400)]
    with store.transaction():
        for run in many:
            store.add_run(run)
    kept = log.read_bytes()
    store.close()  # the log is in the store now
    pages = path.stat().st_size // 4096
    with open(path, "r+b") as file:
        file.truncate((pages - 5) * 4096)  # the last pages were not in yet; they are put in one after the other
    log.write_bytes(kept)
    found = open_store(str(path), write)
    assert [run for run in many if found.run(run.run) != run] == []
    found.close()


def test_a_store_that_is_being_made_at_this_moment_is_not_cut_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.db"
    open_store(str(path)).close()
    whole = path.read_bytes()
    path.write_bytes(whole[:8192])  # whoever makes it has written the head, and is about to write the rest

    looks = iter([path.read_bytes(), *[whole] * 3])

    def journal(file: str) -> bool:
        path.write_bytes(next(looks))  # the second time is between our looks at the file and at what is beside it
        return False

    monkeypatch.setattr("flowlang.runtime.sqlite._is_written", journal)
    open_store(str(path)).close()


def test_a_store_that_is_damaged_inside_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    open_store(str(path)).close()
    data = bytearray(path.read_bytes())
    data[100:4096] = b"\xff" * 3996
    path.write_bytes(bytes(data))
    with pytest.raises(StoreRefused, match="damaged"):
        open_store(str(path)).flows()


def test_a_store_that_is_not_there_cannot_be_looked_at(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store"):
        view.open_view(str(tmp_path / "s.db"))
    assert not (tmp_path / "s.db").exists()


def test_a_parent_that_is_a_file_is_an_error_of_the_store(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        open_store(str(tmp_path / "file" / "s.db"))


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "s.db"))
    fill(store)
    pages = store.limit_pages(0)
    store.limit_pages(pages)
    with pytest.raises(StoreError, match="no space"), store.transaction():
        for seq in range(2000):
            store.append("@engine", "r1", seq, str(seq), 0, "x" * 1000)
    assert store.journal("@engine", "r1") == []
    store.limit_pages(10 * pages + 5000)
    with store.transaction():
        store.append("@engine", "r1", 0, "start", 0, "x" * 1000)
    assert len(store.journal("@engine", "r1")) == 1
    store.close()


def test_a_locked_store_is_an_error_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowlang.runtime.sqlite.BUSY", 1)
    one, two = open_store(str(tmp_path / "s.db")), open_store(str(tmp_path / "s.db"))
    one.begin()
    with pytest.raises(StoreError, match="locked"):
        two.begin()
    one.rollback()
    fill(two)


# ---------------------------------------------------------------- the lock


def test_a_second_owner_is_refused_and_told_who_the_first_is(tmp_path: Path) -> None:
    path = str(tmp_path / "s.db")
    assert lock.owner_of(path) is None
    held = lock.take(path)
    owner = lock.owner_of(path)
    assert owner is not None
    with pytest.raises(StoreOwned) as refused:
        lock.take(path)
    assert refused.value.owner == owner
    assert str(owner.pid) in str(refused.value)
    lock.take(path, "payments").release()
    held.release()
    assert lock.owner_of(path) is None
    lock.take(path).release()


def test_the_lock_of_a_process_that_was_killed_is_free(tmp_path: Path) -> None:
    path = str(tmp_path / "s.db")
    script = (
        "import os, signal, sys\n"
        "from flowlang.runtime import lock\n"
        f"held = lock.take({path!r})\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    child = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    with pytest.raises(StoreOwned) as refused:
        lock.take(path)
    assert refused.value.owner.pid == child.pid
    child.kill()
    child.communicate()
    lock.take(path).release()


# ---------------------------------------------------------------- the text of rows

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(max_size=5)
    | st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-1000, max_value=1000),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
errors = st.builds(
    Error, st.text(max_size=3), st.text(max_size=3), st.text(max_size=3), values, st.booleans(), st.text(max_size=3)
)
results = st.builds(Ok, values) | st.builds(Failed, errors) | st.builds(Unknown, errors)


@settings(max_examples=200, deadline=None)
@given(st.lists(results, max_size=3).map(tuple))
def test_results_come_back_from_their_text(found: tuple[Ok | Failed | Unknown, ...]) -> None:
    assert codec.load_results(codec.dump_results(found)) == found


def test_what_is_no_text_of_ours_is_undecodable() -> None:
    for text in (
        "",
        "null",
        "[]",
        '["start"]',
        '["fired",1,2]',
        '["what",1]',
        "{",
        '["heard",1,[]]',
        '["start",true,[]]',
    ):
        with pytest.raises(codec.Undecodable):
            codec.load_input(text)


def test_a_store_whose_maker_was_killed_is_empty_or_whole_and_never_somebody_elses(tmp_path: Path) -> None:
    """At each single change of its files, looked at and opened afterwards."""
    script = Path(__file__).with_name("half_born.py")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20


@pytest.mark.parametrize("write", [True, False])
def test_a_pipe_in_place_of_a_store_is_refused_and_not_waited_for(tmp_path: Path, write: bool) -> None:
    path = str(tmp_path / "s.db")
    os.mkfifo(path)
    with pytest.raises(StoreRefused, match="is no file that a store could be in"):
        open_store(path, write)


def test_a_store_reached_through_a_link_is_the_same_store(tmp_path: Path) -> None:
    store, link = tmp_path / "a.db", tmp_path / "b.db"
    link.symlink_to(store)
    held = lock.take(str(store))
    with pytest.raises(StoreOwned):
        lock.take(str(link))
    held.release()
    lock.take(str(link)).release()
