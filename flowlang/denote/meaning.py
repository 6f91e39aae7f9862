"""Which block means what, and what a whole run comes to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from flowlang import ir
from flowlang.denote.around import Around
from flowlang.denote.ends import Causes, Done, End, Env, Gone, Parked, left, nothing
from flowlang.denote.scopes import Scopes
from flowlang.event import CANCELLED, Outcome, Value, path_key
from flowlang.link import Link, Refused
from flowlang.oracle import Oracle
from flowlang.place import instance


def denote(flow: ir.Flow, input: Mapping[str, Value], oracle: Oracle, link: Link | None = None) -> Outcome:
    """The outcome of a run of `flow` with `input` (values by name) under `oracle`. Raises IllegalOracle. A `link` can be
    shared by many calls for one flow, so that its expressions are compiled once."""
    meaning = Meaning(oracle, link or Link())
    around = Around().hinted(CANCELLED if oracle.cancelled else None)
    block = meaning.block(flow.body, around, dict(input), ())
    status, output, error = "open", None, None
    match block:
        case Done() if oracle.cancelled:
            status = "cancelled" if block.undo(CANCELLED, block.causes) is not None else "open"
        case Done() if isinstance(left(block), Done):
            status, output = "completed", block.env.get("return")
        case Gone() if oracle.cancelled or block.reason.kind == "cancelled":
            status = "cancelled"
        case Gone():
            status, error = "failed", block.reason.error
        case Done() | Parked():
            pass
    if status == "open" and meaning.stuck:
        status = "stuck"
    calls = sorted(meaning.calls.values(), key=lambda c: (path_key(c.id.path), c.id.kind, c.id.number))
    events = sorted(meaning.events, key=lambda e: path_key(e.path))
    return Outcome(status, output, error, tuple(sorted(meaning.residue, key=path_key)), tuple(calls), tuple(events))


class Meaning(Scopes):
    """The meaning of every block."""

    __slots__ = ()

    def block(self, node: ir.Node, around: Around, env: Env, causes: Causes) -> End:
        """The meaning of one block begun with `env` after `causes`."""
        try:
            match node:
                case ir.Step():
                    return self.step(node, around, env, causes)
                case ir.Let():
                    return self.let(node, env, causes)
                case ir.Emit():
                    return self.emit(node, around, env, causes)
                case ir.Fail():
                    return self.fail(node, around, env, causes)
                case ir.Commit():
                    return self.commit(node, around, env, causes)
                case ir.Sequence():
                    return self.sequence(node, around, env, causes)
                case ir.Fork():
                    return self.fork(node, around, env, causes)
                case ir.Switch():
                    return self.switch(node, around, env, causes)
                case ir.Race():
                    return self.race(node, around, env, causes)
                case ir.Each():
                    return self.each(node, around, env, causes)
                case ir.Repeat():
                    return self.repeat(node, around, env, causes)
                case ir.Alongside():
                    return self.alongside(node, around, env, causes)
                case ir.Retry():
                    return self.retry(node, around, env, causes)
                case ir.Interrupt():
                    return self.interrupt(node, around, env, causes)
                case ir.Catch():
                    return self.catch(node, around, env, causes)
                case ir.Undoing():
                    return self.undoing_scope(node, around, env, causes)
                case ir.Child():
                    return self.child(node, around, env, causes)
                case ir.Region():
                    return self.block(node.body, around, env, causes)
                case _:
                    assert_never(node)
        except Refused as refused:
            assert not isinstance(node, ir.Sequence)
            error = refused.error(instance(node.path, around.index))
            return self.failing(ir.firm_of(node), error, around, nothing, causes)
