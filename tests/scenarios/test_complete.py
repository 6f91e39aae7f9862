"""Every adversarial scenario has its number in the name of a test."""

from __future__ import annotations

import re
from pathlib import Path

from tests.scenarios import test_faults, test_orders


def test_all_sixty_are_there() -> None:
    text = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    named = {int(number) for number in re.findall(r"def test_scenario_(\d+)_", text)}
    listed = {row.number for row in (*test_orders.ROWS, *test_faults.ROWS)}
    assert named | listed == set(range(1, 61))
