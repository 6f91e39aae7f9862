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

__all__ = ["Child", "Flows", "check"]


def check(flow: tree.Flow, contracts: Contracts, flows: Flows | None = None) -> list[Diagnostic]:
    """Everything that is wrong with `flow`, in the order of its text; `allow.accept` takes out what its comments accept.
    `flows` are those that it may run; it may always run itself."""
    known = dict(flows or {})
    other = known.setdefault(flow.name.text, Child(flow, contracts, known))
    found = list(size(flow, known)) or list(_families(flow, contracts, known))
    if other is not None and other.flow is not flow:
        related = (Label(other.flow.name.span, "the other one"),)
        found.append(SameFlow(span=flow.name.span, related=related, name=flow.name.text))
    if all(one.severity != "error" for one in found):
        found += choreography(flow, contracts, known)
    return sorted(found, key=lambda one: (one.span.start, one.span.end, one.code))


def _families(flow: tree.Flow, contracts: Contracts, flows: Flows) -> Iterator[Diagnostic]:
    yield from names(flow, contracts, flows)
    yield from loops(flow)
    yield from errors(flow, contracts, flows)
    yield from types(flow, contracts, flows)
    yield from saga(flow, contracts, flows)
    yield from commit(flow, contracts, flows)
    yield from time(flow, contracts)
