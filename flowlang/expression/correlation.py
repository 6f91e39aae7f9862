"""What a wait listens for: the conjunct `event.field == value` of its condition.

`check` asks whether there is one, and lowering takes it into the kernel.
"""

from __future__ import annotations

from collections.abc import Iterator

from flowlang.expression.names import free_names
from flowlang.expression.tree import Binary, Expr, Literal, Ref, Select


def correlation(where: Expr | None, bind: str) -> tuple[str, Expr] | None:
    """The conjunct `event.field == value` of a wait's condition that can be computed at arming: the field as a dotted
    path into the event's data, and the value. A value of the run is taken before a constant, which would correlate every
    run with the same events. None where there is no such conjunct."""
    constant = None
    for conjunct in _conjuncts(where):
        if not isinstance(conjunct, Binary) or conjunct.op != "==":
            continue
        for side, other in ((conjunct.left, conjunct.right), (conjunct.right, conjunct.left)):
            path = _field_of(side, bind)
            if path and bind not in free_names(other):
                if not isinstance(other, Literal):
                    return path, other
                constant = constant or (path, other)
    return constant


def _conjuncts(where: Expr | None) -> Iterator[Expr]:
    if isinstance(where, Binary) and where.op == "&&":
        yield from _conjuncts(where.left)
        yield from _conjuncts(where.right)
    elif where is not None:
        yield where


def _field_of(side: Expr, bind: str) -> str:
    """`a.b` of `bind.a.b`, else ""."""
    names: list[str] = []
    while isinstance(side, Select) and not side.optional:
        names.append(side.name)
        side = side.of
    return ".".join(reversed(names)) if isinstance(side, Ref) and side.name == bind else ""
