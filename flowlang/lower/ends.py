"""Where a flow ends early: which statements return or always fail, and on which ways through them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import assert_never

from flowlang.language import tree
from flowlang.lower.paths import blocks_of


def is_plain(scope: tree.Scope) -> bool:
    """Whether a scope has no clause at all: it only groups."""
    return not (scope.catches or scope.reactions or scope.limit or scope.retry or scope.undo)


def flat(statement: tree.Statement) -> Iterator[tree.Statement]:
    """The statement, or what stands for it where it only groups: `sequence`, and a scope without a clause."""
    if isinstance(statement, tree.Sequence) or (isinstance(statement, tree.Scope) and is_plain(statement)):
        for inner in statement.body.statements:
            yield from flat(inner)
    else:
        yield statement


def returns(statement: tree.Statement) -> bool:
    """Whether a `return` stands somewhere in it."""
    return isinstance(statement, tree.Return) or any(
        returns(inner) for block in blocks_of(statement) for inner in block.statements
    )


def arms_of(statement: tree.Statement) -> Iterator[Sequence[tree.Statement]]:
    """The exclusive ways through a statement: cases and else, events and time limit, body and handlers."""
    match statement:
        case tree.WaitEvent():
            yield ()
            yield from (block.statements for block in blocks_of(statement))
        case tree.Repeat():
            yield statement.body.statements
            if statement.otherwise is not None:
                yield statement.otherwise.statements
        case tree.Scope():
            yield statement.body.statements
            yield from (catch.body.statements for catch in statement.catches)
            yield from (reaction.body.statements for reaction in statement.reactions if not reaction.alongside)
            if statement.limit is not None:
                yield statement.limit.otherwise.statements
        case _:
            yield from (block.statements for block in blocks_of(statement))


def all_end(statements: Sequence[tree.Statement]) -> bool:
    """Whether nothing can follow the last of `statements`."""
    return any(ends(statement) for statement in statements)


def ends(statement: tree.Statement) -> bool:
    """Whether nothing can follow a statement, because every way through it returns or fails."""
    match statement:
        case tree.Step() | tree.Let():
            return False
        case tree.Sequence():
            return all_end(statement.body.statements)
        case tree.Fork():
            return _fork_ends(statement)
        case tree.Switch() | tree.Race() | tree.Scope():
            return all(all_end(arm) for arm in arms_of(statement))
        case tree.WaitEvent() | tree.ForEach():
            return False
        case tree.Repeat():
            return all_end(statement.body.statements)
        case tree.Wait() | tree.Commit():
            return False
        case tree.Orchestrate():
            return all_end(statement.body.statements)
        case tree.Emit():
            return False
        case tree.Fail() | tree.Return():
            return True
        case tree.Next() | tree.Yield():
            return False
        case _:
            assert_never(statement)


def _fork_ends(fork: tree.Fork) -> bool:
    """Whether so many branches always fail that the join can't be reached."""
    going_on = 0
    for branch in fork.branches:
        if isinstance(branch, tree.Branch):
            going_on += branch.when is not None or not all_end(branch.body.statements)
        else:
            going_on += not ends(branch)
    return going_on < needed(fork)


def needed(fork: tree.Fork) -> int:
    """How many branches must be ok for a fork to go on."""
    if fork.join == "any":
        return 1
    if fork.need is not None:
        return min(fork.need.value, len(fork.branches))
    return len(fork.branches)
