"""A scope as one node for each kind of its clauses, one in the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from flowlang import ir
from flowlang.event import Policy
from flowlang.expression.tree import Expression, Literal, Ref
from flowlang.language import tree
from flowlang.lower.ends import is_plain
from flowlang.lower.firm import Errors, Firmness, Taker
from flowlang.lower.names import expression
from flowlang.lower.whole import Place
from flowlang.place import depth

if TYPE_CHECKING:
    from flowlang.lower.statements import Lowering


def lower_scope(lowering: Lowering, scope: tree.Scope, path: str, outside: Place) -> list[ir.Node]:
    """One node for each kind of clause, from the inside, behind the values that its latches need at its entry."""
    if is_plain(scope):
        return list(lowering.block(scope.body.statements, outside).items)
    at = scope.at.text if scope.at else ""
    before, wanted, limit = _entry(lowering, scope, path, outside)
    caught = outside.within("", *(Taker(_errors(catch.errors)) for catch in scope.catches))
    inside = caught.within(f"{scope.name.text}#" if scope.retry else "", *_retrying(scope, caught))
    body = lowering.block(scope.body.statements, inside)
    if body.items:
        body = _latches(lowering, scope, path, at, body, wanted, limit, caught, inside)
    if scope.catches and body.items:
        handlers = tuple(
            ir.Handler(
                _errors(catch.errors),
                lowering.names.of(catch.bind.text if catch.bind else ""),
                lowering.block(catch.body.statements, outside.within()),
                catch.doc,
            )
            for catch in scope.catches
        )
        body = _around(ir.Catch(path, body, handlers, at, doc=scope.doc, span=scope.span))
    if scope.undo is not None:
        undo = lowering.block(scope.undo.statements, replace(outside.within(), firm=Firmness("undo")))
        if body.items or undo.items:
            undoing = f"{path}:compensate"
            body = _around(ir.Undoing(undoing, body, undo, at, doc=scope.doc, span=scope.span))
    return [*before, *body.items] if body.items else []


def _latches(
    lowering: Lowering,
    scope: tree.Scope,
    path: str,
    at: str,
    body: ir.Sequence,
    wanted: list[tuple[str, Expression]],
    limit: Expression | None,
    caught: Place,
    inside: Place,
) -> ir.Sequence:
    """`body` within its handlers that run alongside, its attempts, and what interrupts it."""
    reactions = list(zip(scope.reactions, wanted, strict=True))
    beside = [(on, wants) for on, wants in reactions if on.alongside]
    if beside:
        handlers = []
        for number, (on, wants) in enumerate(beside):
            kid = inside.within(_kid(lowering, scope, on, number))
            body_of_kid = lowering.block(on.body.statements, kid)
            handlers.append(lowering.alternative(on, *wants, body_of_kid, kid.prefix))
        beside_path = inside.at(f"{scope.name.text}:alongside")  # inside of an attempt, if there are several
        body = _around(ir.Alongside(beside_path, body, tuple(handlers), at, doc=scope.doc, span=scope.span))
    if scope.retry is not None:
        usual, retry = Policy(), scope.retry
        low, high = (t.value.ms for t in retry.backoff) if retry.backoff else (usual.backoff_min, usual.backoff_max)
        errors = _errors(retry.errors)
        body = _around(
            ir.Retry(f"{path}:retry", body, retry.limit.value, low, high, errors, at, doc=scope.doc, span=scope.span)
        )
    interrupting = [(on, wants) for on, wants in reactions if not on.alongside]
    if interrupting or scope.limit is not None:
        late = lowering.block(scope.limit.otherwise.statements if scope.limit else (), caught.within())
        alternatives = tuple(
            lowering.alternative(on, *wants, lowering.block(on.body.statements, caught.within()))
            for on, wants in interrupting
        )
        events = f"{path}:events"
        body = _around(ir.Interrupt(events, body, alternatives, limit, late, at, doc=scope.doc, span=scope.span))
    return body


def _entry(
    lowering: Lowering, scope: tree.Scope, path: str, place: Place
) -> tuple[list[ir.Node], list[tuple[str, Expression]], Expression | None]:
    """What the latches of a scope need is evaluated before it, so that its entry cannot fail: the lets, then for each
    reaction its field and value, and the time limit."""
    before: list[ir.Node] = []
    firm = place.firm.of(("", "ExpressionError"))

    def named(value: Expression, suffix: str) -> Expression:
        if isinstance(value.tree, Literal):
            return value
        name = lowering.names.of(f"{scope.name.text}.{suffix}")
        before.append(ir.Let(f"{path}.{suffix}", name, value, None, firm=firm, span=scope.span))
        return expression(Ref(name, scope.span))

    wanted = []
    for number, on in enumerate(scope.reactions):
        field, value = lowering.wanted(on)
        wanted.append((field, named(value, f"key{number}")))
    limit = None if scope.limit is None else named(lowering.value(scope.limit.time), "limit")
    return before, wanted, limit


def _kid(lowering: Lowering, scope: tree.Scope, on: tree.OnEvent, number: int) -> str:
    """What an alongside handler adds to the paths in it; its event's name where no other has that."""
    bind = on.bind.text if on.bind else ""
    return f"{bind}[]" if bind and lowering.declared.count(bind) == 1 else f"{scope.name.text}.on{number}[]"


def _around(node: ir.Node) -> ir.Sequence:
    return ir.Sequence((node,))


def _retrying(scope: tree.Scope, around: Place) -> tuple[Taker, ...]:
    """The retry of a scope as a taker: as long as attempts are left."""
    if scope.retry is None:
        return ()
    return (Taker(_errors(scope.retry.errors), depth(around.prefix), scope.retry.limit.value + 1),)


def _errors(refs: Sequence[tree.ErrorRef]) -> Errors:
    return tuple((ref.service.text if ref.service else "", ref.name.text) for ref in refs)
