"""What is put before real crashes: some runs of one flow in one world."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flowlang import ir
from flowlang.event import External, Value
from flowlang.runtime.programs import Installation, of_flow, of_tables
from flowlang.scenario.tree import Answer, Answers, Say, Scenario
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


def plain(
    name: str,
    prepared: Prepared,
    input: Mapping[str, Value],
    events: Sequence[External] = (),
    failing: Sequence[str] = (),
    runs: int = 4,
) -> Case:
    """A case without a scenario: operations answer with their examples, the steps in `failing` (their paths) with their first
    declared error, and the events come a minute after the start."""
    flow, services = prepared.flow, prepared.services

    def installation(mode: str) -> Installation:
        hash = ir.hash_of(flow)
        if mode == "orchestrate":
            return of_flow(flow, hash)
        return of_tables(flow, hash, {service: program.table for service, program in services.items()})

    steps = {node.path: node for node in ir.walk(flow.body) if isinstance(node, ir.Step)}
    answers = {path: Answers((Answer("fail", error=steps[path].operation.errors[0]),)) for path in failing}
    said = tuple(Say(MINUTE, one.id, one.type, one.subject, one.data) for one in events)
    return Case(
        name, prepared, installation, input, Scenario(None, has_input=False, answers=answers, happenings=said), runs
    )
