"""The contracts of the examples."""

from __future__ import annotations

from pathlib import Path

import pytest

import flowlang.check
from flowlang.contract import Contracts, load
from flowlang.source import Source

FOLDER = Path(flowlang.check.__file__).parent / "examples" / "contracts"


@pytest.fixture(scope="session")
def contracts() -> Contracts:
    sources = [Source(f"contracts/{path.name}", path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.yaml"))]
    found, problems = load(sources, lambda name: None)
    assert not problems
    return found
