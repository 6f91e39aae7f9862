"""The meaning of a flow, big-step: `denote(flow, input, oracle)` is the outcome that every run must have.

This is the specification. Both machines are held against it, never only against each other. It is a recursive function
over the kernel: a block takes the values and the calls before it and is either ok (with what it defined, the calls it
ends with, and a function that undoes it), gone (with a reason, and nothing left behind), or parked (it waits, or an
operator has to decide). Nothing in it knows of messages, services or time; whatever timing decided is in the oracle, and
an oracle that no run could have is refused.

Why undo is a function and not a second walk: a block can only be undone by what it really did, and the closure made on
the way holds just that. So undo is the mirror of do by construction: a sequence calls its parts' functions in reverse, a
fork calls those of all branches from one point, a switch has only that of the arm it took.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from flowlang import ir
from flowlang.event import (
    CANCELLED,
    Called,
    EffectId,
    Emitted,
    External,
    Failed,
    Ok,
    Outcome,
    Reason,
    Result,
    Unknown,
    Value,
    failed,
    path_key,
)
from flowlang.link import Link, Refused
from flowlang.oracle import Oracle
from flowlang.reason import as_value, first_reason, handler_of

Causes = tuple[EffectId, ...]
Env = dict[str, Value]
Undo = Callable[[Reason, Causes], Causes | None]  # None: parked


class IllegalOracle(ValueError):
    """The oracle says something that no run of this flow can have seen."""


@dataclass(frozen=True, slots=True)
class _Done:
    env: Env
    causes: Causes
    undo: Undo


@dataclass(frozen=True, slots=True)
class _Gone:
    reason: Reason
    causes: Causes


@dataclass(frozen=True, slots=True)
class _Parked:
    pass


_Block = _Done | _Gone | _Parked


def denote(flow: ir.Flow, input: Mapping[str, Value], oracle: Oracle, link: Link | None = None) -> Outcome:
    """The outcome of a run of `flow` with `input` (values by name) under `oracle`. Raises IllegalOracle. A `link` can be
    shared by many calls for one flow, so that its expressions are compiled once."""
    meaning = _Meaning(oracle, link or Link())
    block = meaning.block(flow.body, dict(input), ())
    status, output, error = "open", None, None
    match block:
        case _Done() if oracle.cancelled:
            status = "cancelled" if block.undo(CANCELLED, block.causes) is not None else "open"
        case _Done():
            status, output = "completed", block.env.get("return")
        case _Gone() if oracle.cancelled or block.reason.kind == "cancelled":
            status = "cancelled"
        case _Gone():
            status, error = "failed", block.reason.error
        case _Parked():
            pass
    if status == "open" and meaning.stuck:
        status = "stuck"
    calls = sorted(meaning.calls.values(), key=lambda c: (path_key(c.id.path), c.id.kind, c.id.number))
    events = sorted(meaning.events, key=lambda e: path_key(e.path))
    return Outcome(status, output, error, tuple(sorted(meaning.residue, key=path_key)), tuple(calls), tuple(events))


@dataclass(slots=True)
class _Meaning:
    oracle: Oracle
    link: Link
    calls: dict[EffectId, Called] = field(default_factory=dict)
    events: list[Emitted] = field(default_factory=list)
    residue: list[str] = field(default_factory=list)
    stuck: bool = False

    def block(self, node: ir.Node, env: Env, causes: Causes) -> _Block:
        """The meaning of one block begun with `env` after `causes`."""
        try:
            match node:
                case ir.Step():
                    return self.step(node, env, causes)
                case ir.Let():
                    value = self.link.value(node.value, env)
                    if node.schema is not None:
                        value = self.link.conformed(node.schema, value, "ExpressionError")
                    return _Done({**env, node.name: value}, causes, _nothing)
                case ir.Emit():
                    data = self.link.value(node.data, env)
                    data = self.link.conformed(node.event.data, data, "ExpressionError")
                    self.events.append(Emitted(node.path, node.event.type, data))
                    return _Done(env, causes, _nothing)
                case ir.Fail():
                    message = "" if node.message is None else self.link.value(node.message, env)
                    return _Gone(failed(node.error, message, node.path), causes)
                case ir.Sequence():
                    return self.sequence(node.items, env, causes)
                case ir.Fork():
                    return self.fork(node, env, causes)
                case ir.Switch():
                    return self.switch(node, env, causes)
                case ir.Race():
                    return self.race(node, env, causes)
                case ir.Catch():
                    return self.catch(node, env, causes)
                case _:
                    assert_never(node)
        except Refused as refused:
            assert not isinstance(node, ir.Sequence)
            return _Gone(Reason("failed", refused.error(node.path)), causes)

    # ------------------------------------------------------------ steps

    def step(self, node: ir.Step, env: Env, causes: Causes) -> _Block:
        if node.path in self.oracle.turned:
            return self.turned(node.path, causes)
        given = self.link.conformed(node.operation.input, self.link.value(node.input, env), "InvalidInput")
        results = self.oracle.results.get(node.path, ())
        after = self.record_calls(node, given, results, causes)
        if not results or node.path in self.oracle.stuck:
            if node.path not in self.oracle.pending and node.path not in self.oracle.stuck:
                raise IllegalOracle(f"{node.path} is reached but was never started")
            self.stuck |= node.path in self.oracle.stuck
            return _Parked()
        match results[-1]:
            case Ok(value):
                seen = {**env, node.name: value}
                return _Done(seen, after, self.undoing(node, seen))
            case Failed(error):
                return _Gone(Reason("failed", error), after)
            case Unknown(error):
                reason = Reason("failed", error)
                cleaned = self.undoing(node, env)(reason, after)
                return _Parked() if cleaned is None else _Gone(reason, cleaned)
            case other:
                assert_never(other)

    def record_calls(self, node: ir.Step, given: Value, results: tuple[Result, ...], causes: Causes) -> Causes:
        """Enter one call for each key, each after the one before; returns what follows the last."""
        words = {Ok: "ok", Failed: "failed", Unknown: "unknown"}
        for number, word in enumerate([words[type(result)] for result in results] or ["pending"]):
            id = EffectId(node.path, "do", number)
            self.enter(Called(id, node.operation.service, node.operation.name, given, word, causes))
            causes = (id,)
        return causes

    def undoing(self, node: ir.Step, env: Env) -> Undo:
        """What undoes a step that ended with `env` (without its own name where the result is unknown)."""
        if node.undo is None:
            return _nothing
        operation, problem, given = node.undo.operation, False, None
        try:
            given = self.link.conformed(operation.input, self.link.value(node.undo.input, env), "InvalidInput")
        except Refused:
            problem = True

        def undo(reason: Reason, causes: Causes) -> Causes | None:
            ended = self.oracle.undone.get(node.path)
            if ended is None or (problem and ended in ("ok", "pending")):
                raise IllegalOracle(f"{node.path} is to be undone, and the run says {ended}")
            if not problem:
                id = EffectId(node.path, "undo")
                word = self.oracle.undo_results.get(node.path, "pending")
                self.enter(Called(id, operation.service, operation.name, given, word, causes, reason))
                causes = (id,)
            if ended == "skipped":
                self.residue.append(node.path)
            self.stuck |= ended == "stuck"
            return None if ended in ("stuck", "pending") else causes

        return undo

    def enter(self, call: Called) -> None:
        if call.id in self.calls:
            raise IllegalOracle(f"{call.id} happens twice")
        self.calls[call.id] = call

    def turned(self, path: str, causes: Causes) -> _Gone:
        if not self.oracle.cancelled:
            raise IllegalOracle(f"{path} turned round without a verdict around it")
        return _Gone(self.oracle.turned[path], causes)

    # ------------------------------------------------------------ blocks

    def sequence(self, items: tuple[ir.Node, ...], env: Env, causes: Causes) -> _Block:
        undos: list[Undo] = []

        def undo(reason: Reason, causes: Causes) -> Causes | None:
            for part in reversed(undos):
                done = part(reason, causes)
                if done is None:
                    return None
                causes = done
            return causes

        for item in items:
            match self.block(item, env, causes):
                case _Done() as done:
                    env, causes = done.env, done.causes
                    undos.append(done.undo)
                case _Gone(reason, after):
                    rewound = undo(reason, after)
                    return _Parked() if rewound is None else _Gone(reason, rewound)
                case _Parked() as parked:
                    return parked
        return _Done(env, causes, undo)

    def fork(self, node: ir.Fork, env: Env, causes: Causes) -> _Block:
        parts = [self.block(branch.body, env, causes) for branch in node.branches]
        if any(isinstance(part, _Parked) for part in parts):
            return _Parked()
        done = [part for part in parts if isinstance(part, _Done)]
        gone = [part for part in parts if isinstance(part, _Gone)]
        settled = _union([*(part.causes for part in done), *(part.causes for part in gone)])
        if not gone:
            merged = dict(env)
            for part in done:
                merged.update(part.env)
            return _Done(merged, settled, lambda reason, causes: _undo_all(done, reason, causes, ()))
        reason = first_reason([part.reason for part in gone])
        rest = _undo_all(done, reason, settled, _union(part.causes for part in gone))
        return _Parked() if rest is None else _Gone(reason, rest)

    def switch(self, node: ir.Switch, env: Env, causes: Causes) -> _Block:
        taken = next(
            number for number, arm in enumerate(node.arms) if arm.when is None or self.link.truth(arm.when, env)
        )
        if self.oracle.decisions.get(node.path) != taken:
            raise IllegalOracle(f"{node.path} takes arm {taken}, the run says {self.oracle.decisions.get(node.path)}")
        return self.block(node.arms[taken].body, env, causes)

    def race(self, node: ir.Race, env: Env, causes: Causes) -> _Block:
        if node.path in self.oracle.turned and node.path not in self.oracle.races:
            return self.turned(node.path, causes)
        for alternative in node.alternatives:
            self.link.value(alternative.value, env)
        if node.after is not None:
            self.link.value(node.after, env)
        match self.oracle.races.get(node.path):
            case None:
                raise IllegalOracle(f"{node.path} is reached but was never armed")
            case "armed":
                if self.oracle.cancelled:
                    raise IllegalOracle(f"{node.path} is left armed below a verdict")
                return _Parked()
            case "timer":
                return self.block(node.late, env, causes)
            case External() as event:
                taken = self.fitting(node, env, event)
                seen = {**env, taken.bind: event.data} if taken.bind else env
                return self.block(taken.body, seen, causes)
            case other:
                raise IllegalOracle(f"{node.path} ended by {other!r}")

    def fitting(self, node: ir.Race, env: Env, event: External) -> ir.Alternative:
        """The alternative that `event` satisfies."""
        for alternative in node.alternatives:
            seen = {**env, alternative.bind: event.data} if alternative.bind else env
            if alternative.event.type == event.type and (
                alternative.where is None or self.link.truth(alternative.where, seen)
            ):
                return alternative
        raise IllegalOracle(f"{node.path} took {event.type} which it does not wait for")

    def catch(self, node: ir.Catch, env: Env, causes: Causes) -> _Block:
        block = self.block(node.body, env, causes)
        if not isinstance(block, _Gone) or block.reason.error is None:
            return block
        taken = handler_of([handler.errors for handler in node.handlers], block.reason.error)
        if taken is None:
            return block
        handler = node.handlers[taken]
        seen = {**env, handler.bind: as_value(block.reason.error)} if handler.bind else env
        return self.block(handler.body, seen, block.causes)


def _nothing(reason: Reason, causes: Causes) -> Causes | None:
    return causes


def _union(many: Iterable[Causes]) -> Causes:
    return tuple(dict.fromkeys(cause for causes in many for cause in causes))


def _undo_all(done: list[_Done], reason: Reason, causes: Causes, others: Causes) -> Causes | None:
    """Undo branches from one point, all of them even if one is parked; `others` are the calls of branches gone before."""
    ends = [part.undo(reason, causes) for part in done]
    return None if None in ends else _union([others, *(end for end in ends if end is not None)])
