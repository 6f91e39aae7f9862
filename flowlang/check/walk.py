"""The parts of a statement: the blocks inside it, the expressions it evaluates, the calls it makes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from flowlang.expression.names import macro_variable
from flowlang.expression.tree import Expr, Method, Ref
from flowlang.expression.walk import parts
from flowlang.language import tree


def statements(block: tree.Block) -> Iterator[tree.Statement]:
    """Every statement in `block` at any depth, in source order, a block before its parts."""
    for statement in block.statements:
        yield statement
        for inner in bodies(statement):
            yield from statements(inner)


def bodies(statement: tree.Statement) -> tuple[tree.Block, ...]:
    """The blocks directly inside `statement`; the branches of a fork as blocks."""
    match statement:
        case tree.Step() | tree.Let() | tree.Emit() | tree.Fail() | tree.Return():
            return ()
        case tree.Sequence():
            return (statement.body,)
        case tree.Fork():
            return tuple(branch_body(branch) for branch in statement.branches)
        case tree.Switch():
            arms = tuple(case.body for case in statement.cases)
            return arms if statement.default is None else (*arms, statement.default)
        case tree.WaitEvent():
            return (statement.limit.otherwise,) if isinstance(statement.limit, tree.Within) else ()
        case tree.Scope():
            return (statement.body, *(catch.body for catch in statement.catches))
        case _:
            assert_never(statement)


def branch_body(branch: tree.Branch | tree.Statement) -> tree.Block:
    """What a branch does: its block, or the bare statement as a block."""
    return branch.body if isinstance(branch, tree.Branch) else tree.Block((branch,), branch.span)


def returns(block: tree.Block) -> bool:
    """Whether every way through `block` comes to a `return`. A `fail` is none: what catches it may go on."""
    return any(_returns(statement) for statement in block.statements)


def _returns(statement: tree.Statement) -> bool:
    match statement:
        case tree.Return():
            return True
        case tree.Switch(default=None) | tree.Fork() | tree.WaitEvent():
            return False
        case tree.Sequence() | tree.Switch() | tree.Scope():
            return all(returns(body) for body in bodies(statement))
        case tree.Step() | tree.Let() | tree.Emit() | tree.Fail():
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
        case tree.Let() | tree.Return():
            yield statement.value
        case tree.Sequence() | tree.Scope():
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
        case tree.WaitEvent():
            if statement.where is not None:
                yield statement.where
            if isinstance(statement.limit, tree.Within):
                yield statement.limit.time
        case tree.Emit():
            if statement.data is not None:
                yield statement.data
        case tree.Fail():
            if statement.message is not None:
                yield statement.message
        case _:
            assert_never(statement)


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
