"""How large a flow is with all the flows that it runs: each of them becomes a part of it, and so does one that runs itself,
up to a hundred times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from flowlang.check.resolve import Child, Flows, child_of
from flowlang.check.walk import statements
from flowlang.check.words.names import TooLarge
from flowlang.diagnostic import Diagnostic
from flowlang.language import tree

MOST = 20_000
"""Blocks of a flow that one run can hold."""

DEEPEST = 100
"""Flows in each other; a further one fails."""


def size(flow: tree.Flow, flows: Flows) -> Iterator[Diagnostic]:
    """A finding where `flow` is too large; `flows` are those that it may run."""
    known: dict[int, tuple[int, list[Child]]] = {}
    todo = [flow]
    children: dict[int, Flows] = {id(flow): flows}
    while todo:
        here = todo.pop()
        own, called = 0, []
        for statement in statements(here.body):
            own += not isinstance(statement, tree.Sequence)
            child = child_of(statement.call, children[id(here)]) if isinstance(statement, tree.Step) else None
            if child is not None:
                called.append(child)
        known[id(here)] = own, called
        for child in called:
            if id(child.flow) not in children:
                children[id(child.flow)] = child.flows
                todo.append(child.flow)
    whole = _whole(flow, known)
    if whole > MOST:
        yield too_large(flow, whole)


def too_large(flow: tree.Flow, size: int = 0) -> Diagnostic:
    """The finding that `flow` has `size` blocks."""
    said = "too many" if not size else f"{size:,}" if size < 1_000_000_000 else "more than a billion"
    return TooLarge(span=flow.name.span, size=said, limit=f"{MOST:,}")


def _whole(flow: tree.Flow, known: dict[int, tuple[int, list[Child]]]) -> int:
    """All blocks, counted level by level: how often each flow is there, one call deeper each time."""
    level = Counter({id(flow): 1})
    total = 0
    for _ in range(DEEPEST + 1):
        below: Counter[int] = Counter()
        for which, times in level.items():
            own, called = known[which]
            total += own * times
            for child in called:
                below[id(child.flow)] += times
        if not below:
            break
        level = below
    return total
