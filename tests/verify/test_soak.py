"""The long proofs go on where they were, and their page never shows a bare zero."""

from __future__ import annotations

import json
from pathlib import Path

from flowlang.verify import soak


def test_a_soak_goes_on_where_it_was(tmp_path: Path) -> None:
    state, side = tmp_path / "state.json", tmp_path / "reliability.md"
    words = ["--minutes", "0.0005", "--state", str(state), "--page", str(side), "--only", "explorations"]
    assert soak.main(words) == 0
    first = json.loads(state.read_text())["explorations"]["n"]
    assert soak.main(words) == 0
    assert json.loads(state.read_text())["explorations"]["n"] > first > 0
    text = side.read_text()
    assert "| explorations of small flows of depth 3 |" in text and "nothing yet | unknown" in text


def test_what_was_broken_is_on_the_page() -> None:
    text = soak.page({"kills": {"n": 7, "effects": 20, "broken": ["a promise"]}})
    assert "| 7 kills, 20 effects | 1 of 7 |" in text and "a promise" in text
