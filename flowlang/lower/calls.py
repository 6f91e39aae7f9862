"""A step: the call of an operation, or another flow in its place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from flowlang import ir
from flowlang.contract import OperationEntry, schema_for
from flowlang.declared import Schema, Undo
from flowlang.event import UNDO_BACKOFF_MAX, UNDO_BACKOFF_MIN, UNDO_LIMIT, Policy
from flowlang.expression.tree import Entry, Expr, Expression, Literal, MapOf, Select
from flowlang.language import tree
from flowlang.lower.ends import returns
from flowlang.lower.firm import Firmness, raised_by
from flowlang.lower.names import Names, expression
from flowlang.lower.whole import MOST_CALLS, Place

if TYPE_CHECKING:
    from flowlang.lower.statements import Lowering


def lower_step(lowering: Lowering, step: tree.Step, path: str, place: Place) -> ir.Step:
    entry = lowering.contracts.services[step.call.service.text].operations[step.call.operation.text]
    undo = None
    # A step of a compensation block is an undoing itself, and is not undone.
    if isinstance(step.undo, tree.UndoBy) and place.firm.kind != "undo":
        by, given = _compensation(lowering, step.undo.call)
        undo = Undo(by.operation, given, _undo_policy(by))
    return ir.Step(
        path,
        lowering.names.of(step.name.text),
        entry.operation,
        lowering.value(_input(step.call)),
        _policy(step, entry.timeout_ms, entry.operation.idempotent),
        undo,
        isinstance(step.undo, tree.UndoNone),
        place.firm.of(*raised_by(entry.operation)),
        doc=step.doc,
        span=step.span,
    )


def _compensation(lowering: Lowering, call: tree.Call) -> tuple[OperationEntry, Expression]:
    """The operation that undoes, and its input."""
    by = lowering.contracts.services[call.service.text].operations[call.operation.text]
    return by, lowering.value(_input(call))


def lower_child(lowering: Lowering, step: tree.Step, path: str, place: Place) -> list[ir.Node]:
    """The flow that a step runs, in its place: first its parameters get their values."""
    flow, contracts = lowering.whole.flows[step.call.operation.text]
    if lowering.calls == MOST_CALLS:
        message = expression(Literal(f"flows run flows more than {MOST_CALLS} deep", step.span))
        return [ir.Fail(path, "LimitReached", message, doc=step.doc, span=step.span)]
    optional = frozenset(p.name.text for p in flow.params if isinstance(p.type, tree.OptionalType))
    inner = lowering.inner(flow, contracts, Names(f"{lowering.names.of(step.name.text)}/", optional))
    given = [let for param in flow.params if (let := _given(lowering, step, param, inner, path, place)) is not None]
    inside = replace(place.within(step.name.text), yields="")
    body = inner.block(flow.body.statements, inside)
    returned = inner.names.of("return") if any(returns(one) for one in flow.body.statements) else ""
    name = lowering.names.of(step.name.text) if returned else ""
    # the call that undoes it is reported under the path of the step, so the child then needs another one
    child = f"{path}:flow" if isinstance(step.undo, tree.UndoBy) else path
    node: ir.Node = ir.Child(child, flow.name.text, name, returned, body, "", doc=step.doc, span=step.span)
    if step.undo is not None and place.firm.kind != "undo":
        undo = _undoing(lowering, step, path) if isinstance(step.undo, tree.UndoBy) else ir.Sequence(())
        node = ir.Undoing(f"{path}:compensate", ir.Sequence((node,)), undo, "", doc=step.doc, span=step.span)
    return [*given, node]


def _given(
    lowering: Lowering, step: tree.Step, param: tree.Param, inner: Lowering, path: str, place: Place
) -> ir.Let | None:
    """The let of one parameter; of one that may be absent, that of the record it stands in."""
    name, args = param.name.text, step.call.args
    value: Expr | None = None
    match args:
        case tree.NamedArgs():
            value = next((entry.value for entry in args.map.entries if entry.key == name), None)
        case tree.Whole():
            value = Select(args.value, name, isinstance(param.type, tree.OptionalType), args.span, args.span)
        case None:
            pass
        case _:
            assert_never(args)
    schema, called = schema_for(param.type, inner.contracts), inner.names.of(name)
    if name in inner.names.maybe:
        entries = () if value is None else (Entry(name, value, step.span),)
        value, called = MapOf(entries, step.span), inner.names.given(name)
        schema = _record(name, schema)
    if value is None:
        return None
    firm = place.firm.of(("", "ExpressionError"), ("", "InvalidInput"))
    return ir.Let(f"{path}/{name}", called, lowering.value(value), schema, "InvalidInput", firm, span=step.span)


def _undoing(lowering: Lowering, step: tree.Step, path: str) -> ir.Sequence:
    """What runs in place of undoing the flow that a step ran."""
    assert isinstance(step.undo, tree.UndoBy)
    by, given = _compensation(lowering, step.undo.call)
    firm = Firmness("undo").of()
    undo = ir.Step(path, "", by.operation, given, _undo_policy(by), None, False, firm, span=step.undo.span)
    return ir.Sequence((undo,))


def _record(name: str, schema: Schema) -> Schema:
    """The schema of a record with at most the field `name`."""
    inner = dict(schema)
    defs = inner.pop("$defs", None)
    whole: Schema = {"type": "object", "properties": {name: inner}}
    return whole if defs is None else {**whole, "$defs": defs}


def _input(call: tree.Call) -> Expr:
    match call.args:
        case tree.NamedArgs():
            return call.args.map
        case tree.Whole():
            return call.args.value
        case None:
            return MapOf((), call.span)
        case _:
            assert_never(call.args)


def _policy(step: tree.Step, contract_timeout: int | None, idempotent: bool) -> Policy:
    """How often and how long: the step's words, else its contract's, else the defaults of the language."""
    usual = Policy()
    timeout = step.timeout.value.ms if step.timeout else contract_timeout or usual.timeout
    retry = step.retry
    if retry is None:
        return Policy(timeout=timeout, idempotent=idempotent)
    low, high = (t.value.ms for t in retry.backoff) if retry.backoff else (usual.backoff_min, usual.backoff_max)
    errors = tuple(sorted({error.name.text for error in retry.errors})) or usual.errors
    return Policy(retry.limit.value, low, high, errors, timeout, idempotent)


def _undo_policy(by: OperationEntry) -> Policy:
    """A compensation is tried often, under one key, whatever it fails with."""
    timeout = by.timeout_ms or Policy().timeout
    return Policy(UNDO_LIMIT, UNDO_BACKOFF_MIN, UNDO_BACKOFF_MAX, (), timeout, by.operation.idempotent)
