"""What is wrong with a flow that can be read: names, types, data, saga, time and choreography, each family by itself."""

from __future__ import annotations

from flowlang.check.choreography import choreography
from flowlang.check.errors import errors
from flowlang.check.names import names
from flowlang.check.saga import saga
from flowlang.check.time import time
from flowlang.check.types import types
from flowlang.contract import Contracts
from flowlang.diagnostic import Diagnostic
from flowlang.language import tree

FAMILIES = (names, errors, types, saga, time, choreography)


def check(flow: tree.Flow, contracts: Contracts) -> list[Diagnostic]:
    """Everything that is wrong with `flow`, in the order of its text; `allow.accept` takes out what its comments accept."""
    found = [finding for family in FAMILIES for finding in family(flow, contracts)]
    return sorted(found, key=lambda one: (one.span.start, one.span.end, one.code))
