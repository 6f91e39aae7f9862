"""A second version of a flow, for a history in which one is rolled out: the same contracts, and something more to do.

Its first step in the flow's own body is done once more behind itself, under a path of its own; a flow without one computes a
value that nobody reads. So who goes on with a run under the other version calls too much or too little, or reads the state of
another row.
"""

from __future__ import annotations

from dataclasses import replace

from flowlang import ir
from flowlang.expression.text import to_text
from flowlang.expression.tree import Expression, Literal
from flowlang.verify.terms import SPAN

AGAIN = "-again"
"""What is added to the path of the step that is repeated; no step of a user can be called so."""


def second(flow: ir.Flow) -> ir.Flow:
    """Another version of `flow`."""
    items = flow.body.items
    place = next((number for number, node in enumerate(items) if isinstance(node, ir.Step)), None)
    if place is None:
        one = Literal(1, SPAN)
        extra: ir.Node = ir.Let(f"{flow.name}/version{AGAIN}", f"version{AGAIN}", Expression(to_text(one), one), None)
        return replace(flow, body=ir.Sequence((extra, *items)))
    step = items[place]
    assert isinstance(step, ir.Step)
    extra = replace(step, path=step.path + AGAIN, name="")
    return replace(flow, body=ir.Sequence((*items[: place + 1], extra, *items[place + 1 :])))
