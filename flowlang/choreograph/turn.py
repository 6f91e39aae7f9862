"""One input on its way through a service: what rows read and write while they act on it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from flowlang import event
from flowlang.cell import Causes
from flowlang.choreograph.program import Program
from flowlang.choreograph.state import Data, State
from flowlang.event import Effect, Message, Reason, message_id
from flowlang.table import Wire


@dataclass(frozen=True, slots=True)
class Heard:
    """An event on its way through the rows of this service."""

    name: str
    data: Data
    causes: Causes
    reason: Reason | None
    index: tuple[int, ...] = ()


@dataclass(slots=True)
class Turn:
    """A service's program and state, the time of the input, and what has followed from it so far."""

    program: Program
    state: State
    at: int
    effects: list[Effect] = field(default_factory=list)
    todo: deque[Heard] = field(default_factory=deque)

    def say(
        self,
        wire: Wire,
        data: Mapping[str, event.Value],
        causes: Causes,
        reason: Reason | None = None,
        index: tuple[int, ...] = (),
    ) -> None:
        """Say an event: at once to this service, as a message to others. It carries what its hearers need."""
        carried = {name: data[name] for name in wire.carry if name in data}
        table, state = self.program.table, self.state
        for service in wire.to:
            if service == table.service:
                self.todo.append(Heard(wire.event, carried, causes, reason, index))
            else:
                id = message_id(state.run, table.hash, wire.event, index)
                message = Message(
                    id,
                    state.run,
                    state.started,
                    table.flow,
                    table.hash,
                    wire.event,
                    index,
                    reason,
                    (),
                    causes,
                    tuple(carried.items()),
                )
                self.effects.append(event.Send(service, message))
