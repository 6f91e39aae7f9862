"""What is simulated: a flow in both forms and in two versions, what it starts with, and what is answered to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flowlang import event
from flowlang.event import External, Value
from flowlang.link import Refused
from flowlang.runtime.programs import Gate, Installation, gate_of, of_flow, of_tables
from flowlang.verify.canary import carried, planted
from flowlang.verify.outside import answer_of, operations_of, words
from flowlang.verify.rollout import second
from flowlang.verify.schedule import Prepared, prepare


@dataclass(frozen=True, slots=True)
class Subject:
    """A flow to be simulated: both forms, its input, events that its waits may take."""

    prepared: Prepared
    input: Mapping[str, Value]
    events: Sequence[External] = ()
    shows: Callable[[event.Input], object] = words  # what is told to people of an input that was taken in
    _kept: dict[Any, Any] = field(default_factory=dict)  # a simulation installs a flow again and again

    def version(self, number: int) -> Prepared:
        """The flow itself, or for 1 the version of it that is rolled out."""
        if number == 0:
            return self.prepared
        if number not in self._kept:
            self._kept[number] = prepare(second(self.prepared.flow))
        found: Prepared = self._kept[number]
        return found

    def answers(self) -> Mapping[tuple[str, str], Value]:
        """What the operations answer, with the canary in what is personal."""
        if "answers" not in self._kept:
            self._kept["answers"] = {
                name: planted(operation.output, answer_of(operation))
                for name, operation in operations_of(self.prepared.flow).items()
            }
        found: Mapping[tuple[str, str], Value] = self._kept["answers"]
        return found

    def is_personal(self) -> bool:
        """Whether the canary is in its input, its events or what is answered to it."""
        values = (*self.input.values(), *(one.data for one in self.events), *self.answers().values())
        return any(map(carried, values))

    def starts_with(self) -> Value:
        """The data of an event that starts the flow with its input."""
        start = self.prepared.flow.start
        return self.input[start.bind] if start is not None and start.bind else {}

    def is_let_in(self, mode: str) -> bool:
        """Whether such an event starts a run."""
        if "let in" not in self._kept:
            gate = gate_of(self.installation(mode).flow)
            self._kept["let in"] = gate is not None and _lets_in(gate, self.starts_with())
        found: bool = self._kept["let in"]
        return found

    def installation(self, mode: str, number: int = 0) -> Installation:
        """A version as it is installed."""
        if (mode, number) not in self._kept:
            one = self.version(number)
            self._kept[mode, number] = (
                of_flow(one.flow, one.hash)
                if mode == "orchestrate"
                else of_tables(one.flow, one.hash, {name: program.table for name, program in one.services.items()})
            )
        found: Installation = self._kept[mode, number]
        return found


def _lets_in(gate: Gate, data: Value) -> bool:
    values = gate.values(data)
    if values is None:
        return False
    try:
        gate.key_text(values)
    except Refused:
        return False
    return True
