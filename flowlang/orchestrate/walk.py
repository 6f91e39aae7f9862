"""One input on its way through the blocks: what they say to each other, and what all of them ask of the state.

A block is told `start`, `undo` or `turn`, and says `ok` or `gone` to its parent. Nothing is said twice and nothing is
answered on the spot: the machine takes one word after another from `todo`, so the stack never grows with the flow.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from flowlang.cell import Causes
from flowlang.event import CANCELLED, Effect, Error, Index, Reason, Value
from flowlang.ir import firm_of
from flowlang.orchestrate.program import Place, Program
from flowlang.orchestrate.state import State, UndoingCell
from flowlang.place import instance

Word = tuple[str, int, Index, Reason, Causes]


@dataclass(slots=True)
class Walk:
    """`todo` holds (port, block, index, reason, causes); the reason of a start or an ok means nothing."""

    program: Program
    state: State
    at: int
    effects: list[Effect] = field(default_factory=list, init=False)
    todo: deque[Word] = field(default_factory=deque, init=False)

    def start(self, number: int, index: Index, causes: Causes) -> None:
        self.todo.append(("start", number, index, CANCELLED, causes))

    def ok(self, number: int, index: Index, causes: Causes) -> None:
        self.todo.append(("ok", number, index, CANCELLED, causes))

    def gone(self, number: int, index: Index, reason: Reason, causes: Causes) -> None:
        self.todo.append(("gone", number, index, reason, causes))

    def undo(self, number: int, index: Index, reason: Reason, causes: Causes) -> None:
        self.todo.append(("undo", number, index, reason, causes))

    # ------------------------------------------------------------ paths and names

    def path(self, place: Place, index: Index) -> str:
        """The path of one instance of a block."""
        return instance(place.template, index) if index else place.template

    def env(self, place: Place, index: Index) -> dict[str, Value]:
        """The values that a block sees."""
        frame, depth = place.around.frame
        return self.state.frames[frame, index[:depth]] if frame else self.state.env

    def begin(self, part: int, index: Index, more: dict[str, Value], causes: Causes) -> None:
        """Start a part that has names of its own: it sees what is known around it, and `more`."""
        parent = self.program.places[self.program.places[part].parent]
        self.state.frames[part, index] = {**self.env(parent, index[: parent.depth]), **more}
        self.start(part, index, causes)

    def end(self, part: int, index: Index, kept: bool) -> None:
        """The names of a part that has ended: `kept` around it, or forgotten."""
        env = self.state.frames.pop((part, index))
        if kept:
            place = self.program.places[part]
            parent = self.program.places[place.parent]
            known = self.env(parent, index[: parent.depth])
            known.update((name, env[name]) for name in place.exports if name in env)

    def reason_of(self, scope: int, index: Index) -> Reason | None:
        """Why the compensation block of a scope runs."""
        cell = self.state.cells[scope, index]
        assert isinstance(cell, UndoingCell)
        return cell.reason

    # ------------------------------------------------------------ hints

    def hinted(self, place: Place, index: Index) -> Reason | None:
        """Why a block is to turn round instead of beginning, or None."""
        hints = self.state.hints
        if hints:
            for part, depth in place.around.domains:
                reason = hints.get((part, index[:depth]))
                if reason is not None:
                    return reason
        return None

    def hint(self, part: int, index: Index, reason: Reason) -> None:
        """Turn whatever waits in a part, and whatever will begin there."""
        self.state.hints[part, index] = reason
        here = (part, len(index))
        for number, at in self.state.live:
            if here in self.program.places[number].around.domains and at[: len(index)] == index:
                self.todo.append(("turn", number, at, reason, ()))

    # ------------------------------------------------------------ failures

    def may_fail(self, number: int, index: Index, error: Error) -> bool:
        """Whether a block may fail with `error`; one after a commit that nobody would catch is stuck instead."""
        firm = firm_of(self.program.places[number].node)
        if firm is None or error.name in firm.lets(index):
            return True
        self.state.stuck[number, index], self.state.parked[number, index] = "", error
        return False


def union(*many: Causes) -> Causes:
    """All the calls of `many`, each once."""
    return tuple(dict.fromkeys(cause for causes in many for cause in causes))
