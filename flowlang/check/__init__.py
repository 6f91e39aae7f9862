"""What is wrong with a flow that can be read: names, types, data, saga, time and choreography, each family by itself."""

from __future__ import annotations

from collections.abc import Iterator

from flowlang.check.choreography import choreography
from flowlang.check.commit import commit
from flowlang.check.errors import errors
from flowlang.check.loops import loops
from flowlang.check.names import names
from flowlang.check.resolve import Child, Flows
from flowlang.check.saga import saga
from flowlang.check.size import size
from flowlang.check.time import time
from flowlang.check.types import types
from flowlang.check.words.names import SameFlow
from flowlang.contract import Contracts
from flowlang.diagnostic import Diagnostic, Label
from flowlang.language import tree

__all__ = ["Child", "Flows", "alone", "check", "decisions"]


def check(flow: tree.Flow, contracts: Contracts, flows: Flows | None = None) -> list[Diagnostic]:
    """Everything that is wrong with `flow`, in the order of its text; `allow.accept` takes out what its comments accept.
    `flows` are those that it may run, without errors; it may always run itself."""
    found = alone(flow, contracts, flows)
    if all(one.severity != "error" for one in found):
        found += decisions(flow, contracts, flows)
    return sorted(found, key=_place)


def alone(flow: tree.Flow, contracts: Contracts, flows: Flows | None = None) -> list[Diagnostic]:
    """What is wrong with `flow` whoever decides, in the order of its text; errors of `flows` do not matter."""
    known = _with_itself(flow, contracts, flows)
    found = [*size(flow, known), *_families(flow, contracts, known)]
    other = known[flow.name.text]
    if other is not None and other.flow is not flow:
        related = (Label(other.flow.name.span, "the other one"),)
        found.append(SameFlow(span=flow.name.span, related=related, name=flow.name.text))
    return sorted(found, key=_place)


def decisions(flow: tree.Flow, contracts: Contracts, flows: Flows | None = None) -> list[Diagnostic]:
    """What nobody could decide if `flow` were choreographed; neither it nor any of `flows` has errors."""
    return list(choreography(flow, contracts, _with_itself(flow, contracts, flows)))


def _with_itself(flow: tree.Flow, contracts: Contracts, flows: Flows | None) -> Flows:
    known = dict(flows or {})
    known.setdefault(flow.name.text, Child(flow, contracts, known))
    return known


def _place(one: Diagnostic) -> tuple[int, int, str]:
    return one.span.start, one.span.end, one.code


def _families(flow: tree.Flow, contracts: Contracts, flows: Flows) -> Iterator[Diagnostic]:
    yield from names(flow, contracts, flows)
    yield from loops(flow)
    yield from errors(flow, contracts, flows)
    yield from types(flow, contracts, flows)
    yield from saga(flow, contracts, flows)
    yield from commit(flow, flows)
    yield from time(flow, contracts)
