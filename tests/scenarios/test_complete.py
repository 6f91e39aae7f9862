"""Every adversarial scenario has its number in the name of a test."""

from __future__ import annotations

import re
from pathlib import Path


def test_all_sixty_are_there() -> None:
    text = "".join(path.read_text() for path in Path(__file__).parent.glob("test_??_??_*.py"))
    assert {int(number) for number in re.findall(r"^def test_(\d\d)_", text, re.MULTILINE)} == set(range(1, 61))
