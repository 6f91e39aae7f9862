"""The parts of a statement: the blocks inside it, the expressions it evaluates, the calls it makes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from flowlang.expression.names import macro_variable
from flowlang.expression.tree import Expr, Method, Ref
from flowlang.expression.walk import parts
from flowlang.language import tree
from flowlang.source import Span


def statements(block: tree.Block) -> Iterator[tree.Statement]:
    """Every statement in `block` at any depth, in source order, a block before its parts."""
    for statement in block.statements:
        yield statement
        for inner in bodies(statement):
            yield from statements(inner)


def bodies(statement: tree.Statement) -> tuple[tree.Block, ...]:
    """The blocks directly inside `statement`; the branches of a fork as blocks."""
    match statement:
        case tree.Step() | tree.Let():
            return ()
        case tree.Sequence():
            return (statement.body,)
        case tree.Fork():
            return tuple(branch_body(branch) for branch in statement.branches)
        case tree.Switch() | tree.WaitEvent() | tree.Race():
            return ways(statement)
        case tree.ForEach():
            return (statement.body,)
        case tree.Repeat():
            return (statement.body,) if statement.otherwise is None else (statement.body, statement.otherwise)
        case tree.Scope():
            beside = tuple(reaction.body for reaction in statement.reactions if reaction.alongside)
            return (*ways(statement), *beside, *(() if statement.undo is None else (statement.undo,)))
        case tree.Orchestrate():
            return (statement.body,)
        case tree.Wait() | tree.Commit() | tree.Emit() | tree.Fail() | tree.Return() | tree.Next() | tree.Yield():
            return ()
        case _:
            assert_never(statement)


def ways(statement: tree.Switch | tree.WaitEvent | tree.Race | tree.Scope) -> tuple[tree.Block, ...]:
    """The blocks of `statement` of which one and no other is behind it: cases, alternatives, a body and its handlers."""
    match statement:
        case tree.Switch():
            arms = tuple(case.body for case in statement.cases)
            return arms if statement.default is None else (*arms, statement.default)
        case tree.WaitEvent():
            return (statement.limit.otherwise,) if isinstance(statement.limit, tree.Within) else ()
        case tree.Race():
            firsts = tuple(alternative.body for alternative in statement.alternatives)
            return (*firsts, statement.limit.body) if isinstance(statement.limit, tree.After) else firsts
        case tree.Scope():
            handlers = [catch.body for catch in statement.catches]
            handlers += [reaction.body for reaction in statement.reactions if not reaction.alongside]
            handlers += [] if statement.limit is None else [statement.limit.otherwise]
            return (statement.body, *handlers)
        case _:
            assert_never(statement)


def branch_body(branch: tree.Branch | tree.Statement) -> tree.Block:
    """What a branch does: its block, or the bare statement as a block."""
    return branch.body if isinstance(branch, tree.Branch) else tree.Block((branch,), branch.span)


def loses(fork: tree.Fork) -> bool:
    """Whether the fork goes on without some of its branches, which are taken back: `join 2` of two is `join all`."""
    need = {"any": 1, "some": 0}.get(fork.join)
    if need is None:
        return False
    return (need if fork.need is None else fork.need.value) < len(fork.branches)


def returns(block: tree.Block) -> bool:
    """Whether every way through `block` comes to a `return`. A `fail` is none: what catches it may go on."""
    return any(_returns(statement) for statement in block.statements)


def _returns(statement: tree.Statement) -> bool:
    match statement:
        case tree.Step() | tree.Let():
            return False
        case tree.Sequence():
            return returns(statement.body)
        case tree.Switch(default=None) | tree.Fork() | tree.WaitEvent():
            return False
        case tree.Switch() | tree.Race() | tree.Scope():
            return all(returns(body) for body in ways(statement))
        case tree.ForEach() | tree.Repeat() | tree.Wait() | tree.Commit():
            return False
        case tree.Orchestrate():
            return returns(statement.body)
        case tree.Emit() | tree.Fail():
            return False
        case tree.Return():
            return True
        case tree.Next() | tree.Yield():
            return False
        case _:
            assert_never(statement)


def expressions(statement: tree.Statement) -> Iterator[Expr]:
    """The expressions of `statement` itself, not those of the statements inside it."""
    match statement:
        case tree.Step():
            yield from arguments(statement.call)
            if isinstance(statement.undo, tree.UndoBy):
                yield from arguments(statement.undo.call)
        case tree.Let():
            yield statement.value
        case tree.Sequence():
            pass
        case tree.Fork():
            for branch in statement.branches:
                if isinstance(branch, tree.Branch) and branch.when is not None:
                    yield branch.when
        case tree.Switch():
            if statement.subject is not None:
                yield statement.subject
            for case in statement.cases:
                yield from case.values
        case tree.WaitEvent() | tree.Race() | tree.Scope():
            yield from (heard.where for heard in listening(statement) if heard.where is not None)
            if isinstance(statement.limit, tree.Within | tree.After):
                yield statement.limit.time
        case tree.ForEach():
            yield statement.items
        case tree.Repeat():
            yield from (carried.value for carried in statement.carried)
            yield statement.until
            if statement.every is not None:
                yield statement.every
        case tree.Wait():
            yield statement.time
        case tree.Commit() | tree.Orchestrate():
            pass
        case tree.Emit():
            if statement.data is not None:
                yield statement.data
        case tree.Fail():
            if statement.message is not None:
                yield statement.message
        case tree.Return() | tree.Next() | tree.Yield():
            yield statement.value
        case _:
            assert_never(statement)


Listening = tree.WaitEvent | tree.OnEvent
"""What waits for an event: a wait, an alternative of a race, a reaction of a scope."""


def listening(statement: tree.Statement) -> tuple[Listening, ...]:
    """What `statement` itself listens for, in source order."""
    match statement:
        case tree.WaitEvent():
            return (statement,)
        case tree.Race():
            return statement.alternatives
        case tree.Scope():
            return statement.reactions
        case _:
            return ()


def named_at(statement: tree.Statement) -> tree.Name | None:
    """The service that `at` names in `statement`."""
    match statement:
        case (
            tree.Fork()
            | tree.Switch()
            | tree.WaitEvent()
            | tree.Race()
            | tree.ForEach()
            | tree.Repeat()
            | tree.Scope()
            | tree.Orchestrate()
        ):
            return statement.at
        case _:
            return None


def arguments(call: tree.Call) -> Iterator[Expr]:
    """The expressions between the parentheses of a call."""
    match call.args:
        case tree.NamedArgs():
            yield call.args.map
        case tree.Whole():
            yield call.args.value
        case None:
            pass
        case _:
            assert_never(call.args)


def reads(expr: Expr) -> Iterator[Ref]:
    """Every place where `expr` reads a name of the flow; variables of macros are not names of the flow."""
    for part, variables in within(expr):
        if isinstance(part, Ref) and part.name not in variables:
            yield part


def within(expr: Expr) -> Iterator[tuple[Expr, frozenset[str]]]:
    """`expr` and every expression inside it, from left to right, with the macro variables that are known there.

    The place that declares a variable is left out. A stack and no recursion: a sum of ten thousand terms is as deep.
    """
    waiting: list[tuple[Expr, frozenset[str]]] = [(expr, frozenset())]
    while waiting:
        part, variables = waiting.pop()
        yield part, variables
        variable = macro_variable(part) if isinstance(part, Method) else None
        if variable is None:
            waiting += [(inner, variables) for inner in reversed(parts(part))]
        else:
            of, _, *rest = parts(part)
            waiting += [(inner, variables | {variable.name}) for inner in reversed(rest)]
            waiting.append((of, variables))


def opening(span: Span, word: str) -> Span:
    """The word that a block begins with; in YAML it may stand elsewhere, and the whole is pointed at."""
    head = Span(span.source, span.start, span.start + len(word))
    return head if head.text == word else span
