"""What the leaves mean: a step with its keys and its compensation, and whatever names, says, fails or commits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from flowlang import ir
from flowlang.declared import Firm
from flowlang.denote.around import Around, IllegalOracle
from flowlang.denote.ends import Causes, Done, End, Env, Gone, Parked, Undo, nothing
from flowlang.event import (
    Called,
    EffectId,
    Emitted,
    Error,
    External,
    Failed,
    Ok,
    Reason,
    Result,
    Unknown,
    Value,
    failed,
)
from flowlang.link import Link, Refused, carries
from flowlang.oracle import Oracle
from flowlang.place import instance

WORDS = {Ok: "ok", Failed: "failed", Unknown: "unknown"}


@dataclass(slots=True)
class Leaves:
    """The oracle, and what the walk has found so far."""

    oracle: Oracle
    link: Link
    calls: dict[EffectId, Called] = field(default_factory=dict)
    events: list[Emitted] = field(default_factory=list)
    residue: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)  # ids of the external events that were consumed
    stuck: bool = False

    def block(self, node: ir.Node, around: Around, env: Env, causes: Causes) -> End:
        """The meaning of one block begun with `env` after `causes`."""
        raise NotImplementedError

    # ------------------------------------------------------------ steps

    def step(self, node: ir.Step, around: Around, env: Env, causes: Causes) -> End:
        path = instance(node.path, around.index)
        if path in self.oracle.turned:
            return self.turned(path, around, causes)
        results = self.oracle.results.get(path, ())
        lets = None if node.firm is None else node.firm.lets(around.index)
        try:
            given = self.link.conformed(node.operation.input, self.link.value(node.input, env), "InvalidInput")
        except Refused as refused:
            if lets is None or refused.name in lets:
                raise
            return self.uncallable(node, path, results, env, causes)
        after = self.record_calls(node, path, around, given, results, causes)
        if path in self.oracle.skipped:
            self.residue.append(path)
            return Done(env, after, nothing)
        if not results or path in self.oracle.stuck:
            if path not in self.oracle.pending and path not in self.oracle.stuck:
                raise IllegalOracle(f"{path} is reached but was never started")
            self.stuck |= path in self.oracle.stuck
            return Parked()
        match results[-1]:
            case Failed(error) if lets is None or error.name in lets:
                return Gone(Reason("failed", error), after)
            case Unknown(error) if lets is None:
                reason = Reason("failed", error)
                cleaned = self.undoing(node, path, env)(reason, after)
                return Parked() if cleaned is None else Gone(reason, cleaned)
            case final:
                return self.answered(node, path, final, env, after)

    def uncallable(self, node: ir.Step, path: str, results: Sequence[Result], env: Env, causes: Causes) -> End:
        """A firm step without an input: an operator passes over it where he may, or does its work by hand."""
        if path in self.oracle.skipped:
            self.residue.append(path)
            return Done(env, causes, nothing)
        if results:
            return self.answered(node, path, results[-1], env, causes)
        self.stuck = True
        return Parked()

    def answered(self, node: ir.Step, path: str, final: Result, env: Env, after: Causes) -> Done:
        """The end of a step that has a value."""
        if not isinstance(final, Ok):
            raise IllegalOracle(f"{path} is firm and ended with {final}")
        seen = {**env, node.name: final.value} if node.name else env
        return Done(seen, after, self.undoing(node, path, seen))

    def record_calls(
        self, node: ir.Step, path: str, around: Around, given: Value, results: Sequence[Result], causes: Causes
    ) -> Causes:
        """Enter one call for each key, each after the one before; returns what follows the last."""
        kind, reason = ("undo", around.why) if _compensates(node) else ("do", None)
        if node.firm is not None and len(results) > 1:
            raise IllegalOracle(f"{path} is firm and has several keys")
        for number, word in enumerate([WORDS[type(result)] for result in results] or ["pending"]):
            id = EffectId(path, kind, number)
            self.enter(Called(id, node.operation.service, node.operation.name, given, word, causes, reason))
            causes = (id,)
        return causes

    def undoing(self, node: ir.Step, path: str, env: Env) -> Undo:
        """What undoes a step that ended with `env` (without its own name where the result is unknown)."""
        if node.undo is None or _compensates(node):
            return nothing
        operation, problem, given = node.undo.operation, False, None
        try:
            given = self.link.conformed(operation.input, self.link.value(node.undo.input, env), "InvalidInput")
        except Refused:
            problem = True

        def undo(reason: Reason, causes: Causes) -> Causes | None:
            ended = self.oracle.undone.get(path)
            if ended is None or (problem and ended in ("ok", "pending")):
                raise IllegalOracle(f"{path} is to be undone, and the run says {ended}")
            if not problem:
                id = EffectId(path, "undo")
                word = self.oracle.undo_results.get(path, "pending")
                self.enter(Called(id, operation.service, operation.name, given, word, causes, reason))
                causes = (id,)
            if ended == "skipped":
                self.residue.append(path)
            self.stuck |= ended == "stuck"
            return None if ended in ("stuck", "pending") else causes

        return undo

    def enter(self, call: Called) -> None:
        if call.id in self.calls:
            raise IllegalOracle(f"{call.id} happens twice")
        self.calls[call.id] = call

    # ------------------------------------------------------------ the other leaves

    def let(self, node: ir.Let, env: Env, causes: Causes) -> End:
        value = self.link.value(node.value, env)
        if node.schema is not None:
            value = self.link.conformed(node.schema, value, node.breach)
        return Done({**env, node.name: value}, causes, nothing)

    def emit(self, node: ir.Emit, around: Around, env: Env, causes: Causes) -> End:
        data = self.link.conformed(node.event.data, self.link.value(node.data, env), "ExpressionError")
        self.events.append(Emitted(instance(node.path, around.index), node.event.type, data))
        return Done(env, causes, nothing)

    def fail(self, node: ir.Fail, around: Around, env: Env, causes: Causes) -> End:
        message = "" if node.message is None else self.link.value(node.message, env)
        return Gone(failed(node.error, message, instance(node.path, around.index)), causes)

    def commit(self, node: ir.Commit, around: Around, env: Env, causes: Causes) -> End:
        """Nothing that comes later is undone past this point: `check` sees to that, so its own undo is never asked for."""
        path = instance(node.path, around.index)
        if path in self.oracle.turned:
            return self.turned(path, around, causes)
        if path not in self.oracle.committed:
            raise IllegalOracle(f"{path} is reached but was never passed")
        if around.child is None and self.oracle.cancelled:
            raise IllegalOracle(f"{path} was passed although the run was cancelled before")
        if around.child is not None and self.oracle.verdicts.get(around.child) != "committed":
            raise IllegalOracle(f"{path} was passed, and {around.child} is {self.oracle.verdicts.get(around.child)}")
        return Done(env, causes, nothing)

    # ------------------------------------------------------------ for all blocks

    def turned(self, path: str, around: Around, causes: Causes) -> Gone:
        reason = self.oracle.turned[path]
        around.turn(path, reason)
        return Gone(reason, causes)

    def failing(self, firm: Firm | None, error: Error, around: Around, undo: Undo, causes: Causes) -> Gone | Parked:
        """A block fails with `error` after it did what `undo` takes back. A firm one may only where somebody takes it."""
        if firm is not None and error.name not in firm.lets(around.index):
            self.stuck = True
            return Parked()
        reason = Reason("failed", error)
        ended = undo(reason, causes)
        return Parked() if ended is None else Gone(reason, ended)

    def consumed(self, path: str, event: External, alternatives: Sequence[ir.Alternative], env: Env) -> int:
        """The first of `alternatives` that `event`, which block `path` consumed, satisfies."""
        if event.id in self.used:
            raise IllegalOracle(f"{path} took {event.id}, which was consumed before")
        self.used.add(event.id)
        for number, alternative in enumerate(alternatives):
            if alternative.event.type == event.type and self.fits(alternative, event, env):
                return number
        raise IllegalOracle(f"{path} took {event.type} which it does not wait for")

    def fits(self, alternative: ir.Alternative, event: External, env: Env) -> bool:
        """A condition that can't be evaluated on an event is not met by it."""
        if alternative.where is None:
            return carries(event, alternative.field, self.link.value(alternative.value, env))
        try:
            return self.link.truth(alternative.where, bound(env, alternative.bind, event.data))
        except Refused:
            return False


def bound(env: Env, name: str, value: Value) -> Env:
    """`env` with `value` under `name`, unless that is ""."""
    return {**env, name: value} if name else env


def _compensates(node: ir.Step) -> bool:
    return node.firm is not None and node.firm.kind == "undo"
