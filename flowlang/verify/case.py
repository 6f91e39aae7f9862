"""What is put before real crashes: some runs of one flow in one world."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flowlang.event import Value
from flowlang.runtime.programs import Installation
from flowlang.scenario.tree import Scenario
from flowlang.verify.schedule import Prepared

MINUTE = 60_000


@dataclass(frozen=True, slots=True)
class Case:
    """Runs of one flow in one world. `installation` gives the flow in a mode."""

    name: str
    prepared: Prepared
    installation: Callable[[str], Installation]
    input: Mapping[str, Value]
    scenario: Scenario
    runs: int = 4

    def names(self) -> list[str]:
        """The runs."""
        return [f"r{number}" for number in range(1, self.runs + 1)]
