"""What each statement is called within its flow: the last part of its path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from flowlang.language import tree


def statements_of(block: tree.Block) -> Iterator[tree.Statement]:
    """Every statement of `block`, outer before inner, in source order."""
    for statement in block.statements:
        yield statement
        for inner in blocks_of(statement):
            yield from statements_of(inner)


def blocks_of(statement: tree.Statement) -> Iterator[tree.Block]:
    """The blocks directly inside a statement; a bare statement in a fork is a block of its own. Reactions of a scope are in
    the order of the text, its clauses otherwise in a fixed one."""
    match statement:
        case tree.Step() | tree.Let() | tree.Wait() | tree.Commit():
            return
        case tree.Sequence() | tree.ForEach() | tree.Orchestrate():
            yield statement.body
        case tree.Fork():
            for branch in statement.branches:
                yield branch.body if isinstance(branch, tree.Branch) else tree.Block((branch,), branch.span)
        case tree.Switch():
            yield from (case.body for case in statement.cases)
            if statement.default is not None:
                yield statement.default
        case tree.WaitEvent():
            if isinstance(statement.limit, tree.Within):
                yield statement.limit.otherwise
        case tree.Race():
            yield from (alternative.body for alternative in statement.alternatives)
            if isinstance(statement.limit, tree.After):
                yield statement.limit.body
        case tree.Repeat():
            yield statement.body
            if statement.otherwise is not None:
                yield statement.otherwise
        case tree.Scope():
            yield statement.body
            yield from (catch.body for catch in statement.catches)
            yield from (reaction.body for reaction in statement.reactions)
            if statement.limit is not None:
                yield statement.limit.otherwise
            if statement.undo is not None:
                yield statement.undo
        case tree.Emit() | tree.Fail() | tree.Return() | tree.Next() | tree.Yield():
            return
        case _:
            assert_never(statement)


def paths_of(flow: tree.Flow) -> dict[int, str]:
    """The name of every statement (and of every conditional branch) by identity, numbered in source order: `fork1`,
    `switch2` for what has no name, `rate~2` for a name that another arm or another loop gives too."""
    found: dict[int, str] = {}
    taken: dict[str, int] = {}
    declared = {name for statement in statements_of(flow.body) for name in names_of(statement)}

    def unnamed(kind: str) -> str:
        taken[kind] = taken.get(kind, 0) + 1
        return unnamed(kind) if f"{kind}{taken[kind]}" in declared else f"{kind}{taken[kind]}"

    def repeated(name: str) -> str:
        taken[name] = taken.get(name, 0) + 1
        return name if taken[name] == 1 else f"{name}~{taken[name]}"

    for statement in statements_of(flow.body):
        match statement:
            case tree.Step() | tree.Scope():
                name = statement.name.text
            case tree.Let():
                name = repeated(statement.name.text)
            case tree.Fork():
                name = unnamed("fork")
                for branch in statement.branches:
                    if isinstance(branch, tree.Branch):
                        found[id(branch)] = branch.name.text
            case tree.WaitEvent():
                name = repeated(statement.bind.text) if statement.bind else unnamed("wait")
            case tree.ForEach():
                name = repeated(statement.variable.text)
            case tree.Return():
                name = repeated("return")
            case (
                tree.Sequence()
                | tree.Switch()
                | tree.Race()
                | tree.Repeat()
                | tree.Wait()
                | tree.Commit()
                | tree.Orchestrate()
                | tree.Emit()
                | tree.Fail()
                | tree.Next()
                | tree.Yield()
            ):
                name = unnamed(type(statement).__name__.lower())
            case _:
                assert_never(statement)
        found[id(statement)] = name
    return found


def names_of(statement: tree.Statement) -> Iterator[str]:
    """The names that a statement declares, blocks and branches included."""
    match statement:
        case tree.Step() | tree.Let() | tree.Scope():
            yield statement.name.text
        case tree.Fork():
            yield from (branch.name.text for branch in statement.branches if isinstance(branch, tree.Branch))
        case tree.WaitEvent() if statement.bind:
            yield statement.bind.text
        case tree.ForEach():
            yield statement.variable.text
        case _:
            pass
    if isinstance(statement, tree.Scope | tree.Race):
        reactions = statement.reactions if isinstance(statement, tree.Scope) else statement.alternatives
        yield from (reaction.bind.text for reaction in reactions if reaction.bind)
