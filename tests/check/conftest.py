"""The contracts of the examples, those that only the cases use, and the flows that examples run."""

from __future__ import annotations

from pathlib import Path

import pytest

import flowlang.check
from flowlang.check import Child, Flows
from flowlang.contract import Contracts, load
from flowlang.language import parse
from flowlang.source import Source
from flowlang.unread import Refusal

EXAMPLES = Path(flowlang.check.__file__).parent / "examples"
FOLDERS = (EXAMPLES / "contracts", Path(__file__).parent / "contracts")


@pytest.fixture(scope="session")
def contracts() -> Contracts:
    paths = [path for folder in FOLDERS for path in sorted(folder.glob("*.yaml"))]
    sources = [Source(f"contracts/{path.name}", path.read_text("utf-8")) for path in paths]
    found, problems = load(sources, lambda path, beside: Refusal("missing", "there is none"))
    assert not problems
    return found


@pytest.fixture(scope="session")
def flows(contracts: Contracts) -> Flows:
    found: dict[str, Child | None] = {}
    for path in sorted((EXAMPLES / "flows").glob("*.flow")):
        flow, problems = parse(Source(f"flows/{path.name}", path.read_text("utf-8")))
        assert flow is not None and not problems
        found[flow.name.text] = Child(flow, contracts, found)
    return found
