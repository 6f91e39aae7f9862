"""One input on its way through a service: what rows read and write while they act on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from flowlang import event, place
from flowlang.cell import Causes
from flowlang.choreograph.program import Program
from flowlang.choreograph.state import Data, Open, Said, State
from flowlang.declared import Firm
from flowlang.event import Effect, Index, Message, Reason, message_id
from flowlang.frozen import dataclass as record
from flowlang.link import Refused
from flowlang.table import Events, Wire


@record(frozen=True, slots=True)
class Heard:
    """An event on its way through the rows of this service."""

    name: str
    index: Index
    said: Said
    reason: Reason | None = None


@dataclass(slots=True)
class Turn:
    """A service's program and state, the time of the input, and what has followed from it so far: effects, and events that this
    service hears itself."""

    program: Program
    state: State
    at: int
    effects: list[Effect] = field(default_factory=list)
    todo: list[Heard] = field(default_factory=list)

    def say(self, wire: Wire, index: Index, said: Said, reason: Reason | None = None) -> None:
        """Say an event: at once to this service, as one message to others. It carries what its hearers need."""
        data, here, message = said.data, self.program.table.service, None
        carried = {name: data[name] for name in wire.carry if name in data} if wire.carry else {}
        for service in wire.to:
            if service == here:
                self.todo.append(Heard(wire.event, index, Said(carried, said.causes, said.open), reason))
            else:
                message = message or self._message(wire.event, index, reason, said, carried)
                self.effects.append(event.Send(service, message))

    def _message(self, name: str, index: Index, reason: Reason | None, said: Said, carried: Data) -> Message:
        state, table = self.state, self.program.table
        id = message_id(state.run, table.hash, name, index)
        data = tuple(carried.items())
        return Message(
            id, state.run, state.started, table.flow, table.hash, name, index, reason, said.open, said.causes, data
        )

    def say_back(self, wire: Wire, index: Index, causes: Causes, reason: Reason | None) -> None:
        """Say an event of the way back: it carries no values, and no join is open behind it."""
        self.say(wire, index, Said({}, causes), reason)

    def record(self, name: str, at: str, index: Index, value: event.Value) -> None:
        """Keep a value that this service was given or made at the event or block `at`, in the iteration `index`, if it is ever
        asked for it again."""
        if name in self.program.kept:
            self.state.values[(name, *_frame(at, index))] = value

    def recorded(self, names: Iterable[str], at: str, index: Index) -> Data:
        """Those of `names` that this service has a record of for the event `at`: the innermost one counts. Iterations of
        another loop may have the same numbers, so a number counts together with the loop that it is of."""
        values, found = self.state.values, {}
        for name in names:
            for length in range(len(index), -1, -1):
                key = (name, *_frame(at, index[:length]))
                if key in values:
                    found[name] = values[key]
                    break
        return found

    def hinted(self, hints: Events, index: Index) -> Reason | None:
        """Why a block that these hints turn must turn round, or None."""
        known = self.state.hints
        if known:
            for hint in hints:
                reason = known.get((hint, index[: place.depth(hint)]))
                if reason is not None:
                    return reason
        return None


def _frame(at: str, index: Index) -> tuple[str, Index]:
    """The loop or scope whose iteration `index` is, as the path template of `at` has it."""
    return (place.frames(at)[len(index) - 1] if index else "", index)


def refuses(firm: Firm | None, index: Index, refused: Refused) -> bool:
    """Whether a block may say that it is gone because something could not be evaluated."""
    return firm is None or refused.name in firm.lets(index)


def union(*many: Causes) -> Causes:
    """All calls of several."""
    return tuple(dict.fromkeys(cause for causes in many for cause in causes))


def all_open(many: Iterable[Said]) -> Open:
    """The joins that are open after several things."""
    return tuple(sorted({one for said in many for one in said.open}))
