"""Waits, limits and retries: what would never end, what is over before it begins, and which event a wait means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from flowlang.check.resolve import operation_of
from flowlang.check.walk import Listening, branch_body, listening, opening, statements
from flowlang.check.words.time import (
    BackoffReversed,
    JoinOfAll,
    NeverJoined,
    NeverRetried,
    NoCorrelation,
    NoLimit,
    NoTime,
    RetryOfFlow,
    SiblingWaits,
)
from flowlang.contract import Contracts
from flowlang.diagnostic import Diagnostic, Label
from flowlang.expression.correlation import correlation
from flowlang.expression.tree import Expr, Literal, Unary
from flowlang.language import tree
from flowlang.source import Span
from flowlang.values import Duration


def time(flow: tree.Flow, contracts: Contracts) -> Iterator[Diagnostic]:
    """Findings about time in `flow`."""
    keyed = flow.key is not None
    for statement in statements(flow.body):
        for heard in listening(statement):
            yield from _correlation(heard, _kind(statement), keyed=keyed)
        match statement:
            case tree.Step():
                yield from _step(statement, contracts)
            case tree.Fork():
                yield from _fork(statement)
            case tree.WaitEvent() | tree.Race():
                yield from _limit(statement)
            case tree.Repeat():
                if statement.every is not None:
                    yield from _time("a pause", statement.every)
            case tree.Scope():
                if statement.limit is not None:
                    yield from _time("a limit", statement.limit.time)
                if statement.retry is not None:
                    yield from _backoff(statement.retry)
            case tree.Wait(until=False):
                yield from _time("a wait", statement.time)
            case _:
                pass


def _step(step: tree.Step, contracts: Contracts) -> Iterator[Diagnostic]:
    if step.call.runs_flow:
        for clause, word in ((step.retry, "retry"), (step.timeout, "timeout")):
            if clause is not None:
                name = step.name.text
                scope = "retry" if word == "retry" else "within ... else ..."
                how = f"put the step into a scope: `scope {name}_whole {{ step {name} = ... }} {scope}`"
                yield RetryOfFlow(span=clause.span, clause=word, how=how)
        return
    if step.timeout is not None and step.timeout.value.ms <= 0:
        yield NoTime(span=step.timeout.span, what="a timeout", time=step.timeout.span.text)
    if step.retry is None:
        return
    operation = operation_of(step.call, contracts)
    if operation is not None and not operation.idempotent:
        yield NeverRetried(span=step.retry.span, operation=f"{operation.service}.{operation.name}")
    yield from _backoff(step.retry)


def _backoff(retry: tree.Retry) -> Iterator[Diagnostic]:
    if retry.backoff is not None:
        least, most = retry.backoff
        if least.value > most.value:
            span = least.span.to(most.span)
            yield BackoffReversed(span=span, least=least.span.text, most=most.span.text)


# ---------------------------------------------------------------- forks


def _fork(fork: tree.Fork) -> Iterator[Diagnostic]:
    if fork.need is not None:
        need, count = fork.need.value, len(fork.branches)
        if need > count:
            yield NeverJoined(span=fork.need.span, need=need, count=count)
        elif need == count:
            yield JoinOfAll(span=fork.need.span, need=need)
    if fork.join == "all":
        yield from _siblings(fork)


def _siblings(fork: tree.Fork) -> Iterator[Diagnostic]:
    """A branch that waits holds the failure of its siblings back until it has settled itself."""
    fails = [_failing(branch) for branch in fork.branches]
    for number, wait in enumerate(map(_waiting, fork.branches)):
        failing = next((each for other, each in enumerate(fails) if each is not None and other != number), None)
        if wait is not None and failing is not None:
            yield SiblingWaits(span=wait, related=(Label(failing, "when this fails"),))
            return


def _waiting(branch: tree.Branch | tree.Statement) -> Span | None:
    for statement in statements(branch_body(branch)):
        if isinstance(statement, tree.WaitEvent | tree.Race | tree.Wait):
            heard = listening(statement)
            return heard[0].event.span if heard else statement.span
    return None


def _failing(branch: tree.Branch | tree.Statement) -> Span | None:
    for statement in statements(branch_body(branch)):
        if isinstance(statement, tree.Step):
            return statement.name.span
        if isinstance(statement, tree.Fail):
            return statement.error.span
    return None


# ---------------------------------------------------------------- waits


def _kind(statement: tree.Statement) -> str:
    return {tree.WaitEvent: "wait", tree.Race: "alternative"}.get(type(statement), "handler")


def _limit(statement: tree.WaitEvent | tree.Race) -> Iterator[Diagnostic]:
    match statement.limit:
        case None if isinstance(statement, tree.WaitEvent):
            how = "add `within 3d else fail TooLate`, or `forever` to say that there is none"
            yield NoLimit(span=statement.event.span, what="wait", how=how)
        case None:
            how = "add `after 3d -> ...`, or `forever` to say that there is none"
            yield NoLimit(span=opening(statement.span, "race"), what="race", how=how)
        case tree.Within() | tree.After():
            yield from _time("a limit", statement.limit.time)
        case tree.Forever():
            pass
        case _:
            assert_never(statement.limit)


def _time(what: str, time: Expr) -> Iterator[Diagnostic]:
    if _never_positive(time):
        yield NoTime(span=time.span, what=what, time=time.span.text)


def _correlation(heard: Listening, kind: str, *, keyed: bool) -> Iterator[Diagnostic]:
    if correlates(heard, keyed=keyed):
        return
    named = heard.bind.text if heard.bind else "event"
    if heard.where is None:
        how = f"say which one: `{'' if heard.bind else 'as event '}where {named}.field == value`,\n"
        how += "or give the flow a `key`, which the subject of the event must equal"
    elif heard.bind is None:
        how = f"give the event a name, `as {named}`, and add a condition: `&& {named}.field == value`"
    else:
        how = f"add a condition: `&& {named}.field == value`"
    span = heard.event.span if heard.where is None else heard.where.span
    yield NoCorrelation(span=span, kind=kind, type=heard.event.value, how=how)


def correlates(heard: Listening, *, keyed: bool) -> bool:
    """Whether an event finds its run: by one conjunct `event.field == value`, or without `where` by the flow's key."""
    if heard.where is None:
        return keyed
    return heard.bind is not None and correlation(heard.where, heard.bind.text) is not None


def _never_positive(expr: Expr) -> bool:
    """Whether `expr` is a constant that leaves no time."""
    if isinstance(expr, Literal) and isinstance(expr.value, Duration):
        return expr.value.ms <= 0
    return isinstance(expr, Unary) and expr.op == "-" and isinstance(expr.of, Literal)
