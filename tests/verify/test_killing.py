"""Real `kill -9` of examples in the worlds of their scenarios: with failures, events, and days that pass."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flowlang.runtime import failpoint

ROOT = Path(__file__).parents[2]
SEED = int(os.environ.get("FLOWLANG_SEED", datetime.now(UTC).date().toordinal()))


def crashes(case: str, mode: str, *words: str) -> dict[str, Any]:
    """What the harness says; it forks, so it is a process of its own."""
    command = [sys.executable, "-m", "bench.soak.crashes", "--case", case, "--mode", mode, "--seed", str(SEED), *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    points = found["points"]
    print(f"FLOWLANG_SEED={SEED} {case} {mode}: {len(points)} points, {found['kills']} kills", {**found, "points": 0})
    assert found["broken"] == [], f"FLOWLANG_SEED={SEED}"
    assert done.returncode == 0, done.stderr
    assert found["kills"] + found["stops"] == sum(points.values()) > 0, "nobody was killed, so nothing was shown"
    return found


def test_each_process_of_a_choreography_dies_at_its_first_pass_of_every_place() -> None:
    found = crashes("image_convert/all_well", "choreograph", "--runs", "2", "--every", "1000")
    for service in ("converter", "storage"):
        mine = [point.split(" ") for point in found["points"] if f" {service} " in point]
        assert {place for _, _, place, _ in mine} == set(failpoint.PLACES)
    assert found["asked again"] > 0, "no effect was ever made whose result was lost"


def test_an_undoing_survives_its_engine() -> None:
    found = crashes("order/no_carrier", "orchestrate", "--runs", "2", "--every", "4")
    assert set(found["statuses"]) == {"failed"}
    assert found["kills"] >= 10


@pytest.mark.parametrize("then", ["before-effect", "before-commit", "after-commit", "after-effect"])
def test_who_recovers_dies_again(then: str) -> None:
    """The engine in the midst of an undoing, then a service in the midst of a choreography: killed, and killed in recovery."""
    words = ("--runs", "2", "--then", then, "--place", "after-commit", "--place", "before-effect")
    found = crashes("order/no_carrier", "orchestrate", "--every", "9", *words)
    assert set(found["statuses"]) == {"failed"} and found["while recovering"] >= 2
    found = crashes("image_convert/all_well", "choreograph", "--every", "1000", "--victim", "storage", *words)
    assert set(found["statuses"]) == {"completed"} and found["while recovering"] > 0


def test_days_pass_while_processes_die_at_any_moment() -> None:
    """The parcel comes in time, whoever was dead at that moment."""
    found = crashes("order/all_well", "choreograph", "--runs", "3", "--random", "10")
    assert found["kills"] == 10
    assert set(found["statuses"]) == {"completed"}


@pytest.mark.parametrize(
    ("case", "mode"), [("order/no_carrier", "orchestrate"), ("image_convert/all_well", "together")]
)
def test_an_example_dies_while_a_thread_commits(case: str, mode: str) -> None:
    found = crashes(case, mode, "--runs", "2", "--every", "3", "--place", "while-committing", "--in-thread")
    assert found["kills"] >= 5


def test_examples_die_at_any_moment_with_commits_in_a_thread() -> None:
    found = crashes("image_convert/all_well", "choreograph", "--runs", "2", "--random", "5", "--in-thread")
    assert found["kills"] == 5 and set(found["statuses"]) == {"completed"}


DAY = 86_400_000


def test_who_is_stopped_past_a_deadline_takes_the_event_that_came_in_time() -> None:
    """The service that waits three days for the parcel is stopped for four; the parcel came on the second one."""
    stop = ("--every", "1", "--stop", str(4 * DAY), "--event", "--victim", "notifications", "--place", "after-ack")
    found = crashes("order/all_well", "choreograph", "--runs", "1", *stop)
    assert found["stops"] >= found["late"] > 0
    assert set(found["statuses"]) == {"completed"}


def test_who_is_stopped_within_a_transaction_holds_others_up_and_nobody_gives_up() -> None:
    """Each process with the store in its hand, at its first passes: whoever wants to write says that he waits, and goes on
    when the one that is stopped does."""
    stop = ("--every", "4", "--stop", "1000", "--place", "before-commit", "--place", "before-ack")
    found = crashes("image_convert/all_well", "choreograph", "--runs", "2", *stop)
    assert found["stops"] >= found["held up"] >= 5
    assert set(found["statuses"]) == {"completed"}


def test_a_step_is_stopped_past_the_limit_of_a_scope_that_another_service_watches() -> None:
    """Carriers have half an hour, and the one who asks them has the watch; they stand for a day before, in and after a call."""
    stop = ("--every", "5", "--stop", str(DAY), "--victim", "carriers")
    found = crashes("freight_bidding/all_well", "choreograph", "--runs", "1", *stop)
    assert {point.split(" ")[2] for point in found["points"]} == set(failpoint.PLACES)
    assert found["stops"] >= found["late"] > 10
    assert found["statuses"]["failed"] > 0, "too slow, and what they had offered is declined"
    assert found["statuses"]["completed"] > 0, "some were stopped when they had answered"
