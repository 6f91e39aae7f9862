"""Every page of the constructs, of the patterns and of undoing does what it says, in both modes."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.repository.command import ROOT
from tests.repository.pages import PAGES, Part, inside, lay_out, parts, try_out

CONSTRUCTS = [
    *("step", "let", "sequence", "fork", "join_any", "join_or_cancel", "switch", "for_each", "repeat"),
    *("wait_for_event", "race", "scope_catch", "scope_retry", "scope_on_event", "scope_alongside", "scope_within"),
    *("scope_compensate", "emit", "wait", "commit", "sub_flow", "orchestrate_at", "return", "fail", "optional_results"),
]
OVER = ("completed", "failed", "cancelled", "stuck", "waiting")


def _id(page: Path) -> str:
    return str(page.relative_to(ROOT / "specs"))


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_every_block_of_a_page_works(page: Path, tmp_path: Path) -> None:
    lay_out(tmp_path)
    with inside(tmp_path):
        for part in parts(page):
            try:
                try_out(part)
            except AssertionError as error:
                raise AssertionError(f"{page.relative_to(ROOT)}:{part.block.line}: {error}") from error


def _expected(part: Part) -> str:
    status: str = yaml.safe_load(part.block.text)["expect"]["status"]
    return status


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_every_page_shows_what_ends_well_and_what_does_not(page: Path) -> None:
    ends = [_expected(part) for part in parts(page) if part.kind == "scenario"]
    assert len(ends) >= 2
    assert set(ends) <= set(OVER)
    assert set(ends) - {"completed"} or page.parent.name == "patterns"


@pytest.mark.parametrize("name", CONSTRUCTS)
def test_every_construct_has_a_whole_page(name: str) -> None:
    found = list(parts(ROOT / "specs" / "constructs" / f"{name}.md"))
    assert {"flow", "twin", "drawing", "bad flow", "scenario"} <= {part.kind for part in found}
    said = [part.block.text for part in found if part.kind == "console"]
    assert any("$ flowlang plan " in text for text in said)
    assert any("$ flowlang check " in text and "error[FL" in text for text in said)


def test_there_is_a_page_for_each_construct_and_each_pattern() -> None:
    assert sorted(page.stem for page in PAGES if page.parent.name == "constructs") == sorted(CONSTRUCTS)
    assert [page.stem[:2] for page in PAGES if page.parent.name == "patterns"] == [f"{n:02}" for n in range(1, 21)]
