"""What all flows in one kernel share, and where a block stands in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from flowlang.contract import Contracts
from flowlang.language import tree
from flowlang.lower.firm import Firmness, Taker
from flowlang.lower.paths import statements_of

MOST_CALLS = 100  # how deep flows may run flows
MOST_NODES = 20_000  # of a kernel
MOST_NESTING = 1_000  # of its blocks

Flows = Mapping[str, tuple[tree.Flow, Contracts]]


class TooLarge(Exception):
    """With the flows that it runs in their places, a flow has more blocks than a kernel may have."""


@dataclass(slots=True)
class Whole:
    """What all flows in one kernel share. `spent` counts the nodes made so far."""

    flows: Flows
    spent: int = 0

    def spend(self, depth: int) -> None:
        self.spent += 1
        if self.spent > MOST_NODES or depth > MOST_NESTING:
            raise TooLarge

    def first_service(self, flow: tree.Flow) -> str:
        """The service of the first step; of a flow without steps, the one whose event it says or hears first; or ""."""
        contracts = self.flows[flow.name.text][1] if flow.name.text in self.flows else None
        steps = self.services_of(flow.body, frozenset({flow.name.text}))
        events = (event for statement in statements_of(flow.body) for event in _events_of(statement))
        told = (contracts.events[event.value].event.service for event in events if contracts is not None)
        return next(steps, None) or next(told, "")

    def services_of(self, block: tree.Block, inside: frozenset[str]) -> Iterator[str]:
        """The services of the steps of `block` in source order, with those of the flows that it runs."""
        for statement in statements_of(block):
            if not isinstance(statement, tree.Step):
                continue
            if not statement.call.runs_flow:
                yield statement.call.service.text
            elif (name := statement.call.operation.text) not in inside:
                yield from self.services_of(self.flows[name][0].body, inside | {name})


def _events_of(statement: tree.Statement) -> Iterator[tree.Text]:
    """The types of the events that a statement says or hears itself."""
    match statement:
        case tree.Emit() | tree.WaitEvent():
            yield statement.event
        case tree.Race():
            yield from (alternative.event for alternative in statement.alternatives)
        case tree.Scope():
            yield from (reaction.event for reaction in statement.reactions)
        case _:
            pass


@dataclass(frozen=True, slots=True)
class Place:
    """Where a block stands: `prefix` is what its path begins with, `yields` what `yield` names there."""

    prefix: str
    firm: Firmness = field(default_factory=Firmness)
    yields: str = ""
    depth: int = 0

    def at(self, name: str) -> str:
        return f"{self.prefix}/{name}"

    def within(self, mark: str = "", *takers: Taker) -> Place:
        """Inside of a block; `mark` is what it adds to the paths of what stands in it."""
        prefix = self.at(mark) if mark else self.prefix
        return replace(self, prefix=prefix, firm=self.firm.within(*takers), depth=self.depth + 1)
