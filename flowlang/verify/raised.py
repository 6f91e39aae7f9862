"""Which declared errors can come out of a block of a generated flow, and of which services."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from flowlang.language import tree
from flowlang.lower.paths import blocks_of
from flowlang.verify.terms import SPAN

DECLARED = {"act": ("E0", "E1"), "read": ("E0",)}

Raised = frozenset[tuple[str, str]]  # (service, or "" for `fail`; name)


def raised(statements: Iterable[tree.Statement], children: Mapping[str, tree.Flow]) -> Raised:
    """The errors that operations declare or `fail` raises in `statements`, and that nothing in them catches."""
    return Raised().union(*(_raised(statement, children) for statement in statements))


def named(can: Raised) -> list[tree.ErrorRef]:
    """Each error of `can` that can be named, as one would write it: with its service where several raise it."""
    names = sorted({name for _, name in can})
    found: list[tree.ErrorRef] = []
    for name in names:
        services = sorted(service for service, one in can if one == name)
        if len(services) == 1:
            found.append(ref(name))
        else:
            found += [ref(name, service) for service in services if service]
    return found


def ref(name: str, service: str = "") -> tree.ErrorRef:
    return tree.ErrorRef(tree.Name(service, SPAN) if service else None, tree.Name(name, SPAN), SPAN)


def _raised(statement: tree.Statement, children: Mapping[str, tree.Flow]) -> Raised:
    match statement:
        case tree.Fail():
            return Raised({("", statement.error.text)})
        case tree.Step() if statement.call.runs_flow:
            return raised(children[statement.call.operation.text].body.statements, children)
        case tree.Step():
            return Raised((statement.call.service.text, name) for name in DECLARED[statement.call.operation.text])
        case tree.Scope():
            return _out_of(statement, children)
        case _:
            return Raised().union(*(raised(block.statements, children) for block in blocks_of(statement)))


def _out_of(scope: tree.Scope, children: Mapping[str, tree.Flow]) -> Raised:
    inside = [scope.body, *(reaction.body for reaction in scope.reactions)]
    inside += [scope.limit.otherwise] if scope.limit else []
    left = Raised().union(*(raised(block.statements, children) for block in inside))
    for catch in scope.catches:
        taken = {(error.service.text if error.service else "", error.name.text) for error in catch.errors}
        left = Raised((service, name) for service, name in left if taken and not {(service, name), ("", name)} & taken)
    return left.union(*(raised(catch.body.statements, children) for catch in scope.catches))
