"""Which declared errors can come out of a block of a generated flow."""

from __future__ import annotations

from collections.abc import Mapping

from flowlang.language import tree
from flowlang.lower.paths import blocks_of

DECLARED = {"act": frozenset({"E0", "E1"}), "read": frozenset({"E0"})}


def raised(block: tree.Block, children: Mapping[str, tree.Flow]) -> frozenset[str]:
    """The errors that operations declare or `fail` raises in `block`, and that nothing in it catches."""
    return frozenset[str]().union(*(_raised(statement, children) for statement in block.statements))


def _raised(statement: tree.Statement, children: Mapping[str, tree.Flow]) -> frozenset[str]:
    match statement:
        case tree.Fail():
            return frozenset({statement.error.text})
        case tree.Step() if statement.call.runs_flow:
            return raised(children[statement.call.operation.text].body, children)
        case tree.Step():
            return DECLARED[statement.call.operation.text]
        case tree.Scope():
            beside = [reaction.body for reaction in statement.reactions if reaction.alongside]
            inside = raised(
                tree.Block((*statement.body.statements, *(s for b in beside for s in b.statements)), statement.span),
                children,
            )
            handlers = [reaction.body for reaction in statement.reactions if not reaction.alongside]
            handlers += [statement.limit.otherwise] if statement.limit else []
            inside = inside.union(*(raised(handler, children) for handler in handlers))
            for catch in statement.catches:
                inside = inside - {error.name.text for error in catch.errors} if catch.errors else frozenset()
            return inside.union(*(raised(catch.body, children) for catch in statement.catches))
        case _:
            return frozenset[str]().union(*(raised(block, children) for block in blocks_of(statement)))
