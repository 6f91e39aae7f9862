"""The contracts of the examples, and those that only the cases use."""

from __future__ import annotations

from pathlib import Path

import pytest

import flowlang.check
from flowlang.contract import Contracts, load
from flowlang.source import Source
from flowlang.unread import Refusal

FOLDERS = (Path(flowlang.check.__file__).parent / "examples" / "contracts", Path(__file__).parent / "contracts")


@pytest.fixture(scope="session")
def contracts() -> Contracts:
    paths = [path for folder in FOLDERS for path in sorted(folder.glob("*.yaml"))]
    sources = [Source(f"contracts/{path.name}", path.read_text("utf-8")) for path in paths]
    found, problems = load(sources, lambda path, beside: Refusal("missing", "there is none"))
    assert not problems
    return found
