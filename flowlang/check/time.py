"""Waits, limits and retries: what would never end, what is over before it begins, and which event a wait means."""

from __future__ import annotations

from collections.abc import Iterator

from flowlang.check.resolve import operation_of
from flowlang.check.walk import statements
from flowlang.check.words.time import BackoffReversed, NeverRetried, NoCorrelation, NoLimit, NoTime
from flowlang.contract import Contracts
from flowlang.diagnostic import Diagnostic
from flowlang.expression.correlation import correlation
from flowlang.expression.tree import Expr, Literal, Unary
from flowlang.language import tree
from flowlang.values import Duration


def time(flow: tree.Flow, contracts: Contracts) -> Iterator[Diagnostic]:
    """Findings about time in `flow`."""
    for statement in statements(flow.body):
        match statement:
            case tree.Step():
                yield from _step(statement, contracts)
            case tree.WaitEvent():
                yield from _wait(statement, keyed=flow.key is not None)
            case _:
                pass


def _step(step: tree.Step, contracts: Contracts) -> Iterator[Diagnostic]:
    if step.timeout is not None and step.timeout.value.ms <= 0:
        yield NoTime(span=step.timeout.span, what="a timeout", time=step.timeout.span.text)
    if step.retry is None:
        return
    operation = operation_of(step.call, contracts)
    if operation is not None and not operation.idempotent:
        yield NeverRetried(span=step.retry.span, operation=f"{operation.service}.{operation.name}")
    if step.retry.backoff is not None:
        least, most = step.retry.backoff
        if least.value > most.value:
            span = least.span.to(most.span)
            yield BackoffReversed(span=span, least=least.span.text, most=most.span.text)


def _wait(wait: tree.WaitEvent, *, keyed: bool) -> Iterator[Diagnostic]:
    if not correlates(wait, keyed=keyed):
        named = wait.bind.text if wait.bind else "event"
        if wait.where is None:
            how = f"say which one: `{'' if wait.bind else 'as event '}where {named}.field == value`,\n"
            how += "or give the flow a `key`, which the subject of the event must equal"
        elif wait.bind is None:
            how = f"give the event a name, `as {named}`, and add a condition: `&& {named}.field == value`"
        else:
            how = f"add a condition: `&& {named}.field == value`"
        span = wait.event.span if wait.where is None else wait.where.span
        yield NoCorrelation(span=span, type=wait.event.value, how=how)
    if wait.limit is None:
        yield NoLimit(span=wait.event.span)
    if isinstance(wait.limit, tree.Within) and _never_positive(wait.limit.time):
        yield NoTime(span=wait.limit.time.span, what="a limit", time=wait.limit.time.span.text)


def correlates(wait: tree.WaitEvent, *, keyed: bool) -> bool:
    """Whether an event finds its run: by one conjunct `event.field == value`, or without `where` by the flow's key."""
    if wait.where is None:
        return keyed
    return wait.bind is not None and correlation(wait.where, wait.bind.text) is not None


def _never_positive(expr: Expr) -> bool:
    """Whether `expr` is a constant that leaves no time."""
    if isinstance(expr, Literal) and isinstance(expr.value, Duration):
        return expr.value.ms <= 0
    return isinstance(expr, Unary) and expr.op == "-" and isinstance(expr.of, Literal)
