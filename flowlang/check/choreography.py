"""Who would wait and decide in a choreography, and whether it can: the owner of a wait must be able to observe its event.

The owners follow section 7 of the semantics, as `flowlang.owners` computes them for the kernel; here they are
needed on the tree, with spans, before there is a kernel. Going backwards, each statement is told which service acts after
it and answers with the one that acts first in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flowlang.check.resolve import Flows, event_of, observes, taking_part
from flowlang.check.walk import branch_body, expressions, reads, statements
from flowlang.check.words.choreography import CannotHear, CannotStart, NobodyDecides, TwoWaiters
from flowlang.contract import Contracts
from flowlang.diagnostic import Diagnostic, Label
from flowlang.expression.tree import Expr
from flowlang.language import tree


def choreography(flow: tree.Flow, contracts: Contracts, flows: Flows) -> Iterator[Diagnostic]:
    """Findings about decisions and waits that no service can take."""
    owner = run_owner(flow, contracts)
    if owner is None:
        if not any(isinstance(statement, tree.Emit) for statement in statements(flow.body)):
            yield NobodyDecides(span=flow.name.span)
        return
    if flow.start is not None:
        yield from _start(flow, flow.start, owner, contracts)
    placing = _Placing(flow, owner, contracts)
    placing.block(flow.body, owner)
    waits: dict[str, list[tree.WaitEvent]] = {}
    for statement in statements(flow.body):
        if isinstance(statement, tree.WaitEvent):
            waits.setdefault(statement.event.value, []).append(statement)
    for same in waits.values():
        yield from _waits(same, placing, contracts)


def run_owner(flow: tree.Flow, contracts: Contracts) -> str | None:
    """Who answers for the run: the service that `owner` names, else that of the first step, else of the first `emit`."""
    if flow.owner is not None:
        return flow.owner.text
    emits: list[str] = []
    for statement in statements(flow.body):
        if isinstance(statement, tree.Step):
            return statement.call.service.text
        if isinstance(statement, tree.Emit):
            event = event_of(statement.event, contracts)
            emits += [] if event is None else [event.service]
    return emits[0] if emits else None


def _start(flow: tree.Flow, start: tree.Start, owner: str, contracts: Contracts) -> Iterator[Diagnostic]:
    event = event_of(start.event, contracts)
    if event is None or observes(owner, start.event, contracts):
        return
    named = flow.owner is not None
    why = (
        f"`{owner}` is the owner because `owner` names it"
        if named
        else f"`{owner}` is the owner because the first step is its"
    )
    related = () if flow.owner is None else (Label(flow.owner.span, "the owner of the run"),)
    yield CannotStart(
        span=start.event.span, related=related, service=owner, type=event.type, publisher=event.service, why=why
    )


def _waits(same: list[tree.WaitEvent], placing: _Placing, contracts: Contracts) -> Iterator[Diagnostic]:
    """All waits on one event type have one owner: the one that an `at` names, else that of the first wait."""
    named = [wait.at for wait in same if wait.at is not None]
    for other in named[1:]:
        if other.text != named[0].text:
            related = (Label(named[0].span, f"`{named[0].text}` waits here"),)
            yield TwoWaiters(
                span=other.span, related=related, type=same[0].event.value, here=other.text, there=named[0].text
            )
    event = event_of(same[0].event, contracts)
    if event is None or any(other.text != named[0].text for other in named[1:]):
        return
    first = next(wait for wait in same if wait.at is (named[0] if named else None))
    owner = named[0].text if named else placing.waits[id(first)]
    if not observes(owner, first.event, contracts):
        able = [
            service for service in taking_part(placing.flow, contracts, {}) if observes(service, first.event, contracts)
        ]
        why = f"`{owner}` waits because {'`at` names it' if named else 'it acts next'}"
        yield CannotHear(
            span=first.event.span,
            service=owner,
            type=event.type,
            publisher=event.service,
            why=why,
            fix="".join(f"let a service wait that can: `at {able}`;\nor " for able in able[:1]),
        )


class _Placing:
    """The owner of each wait by the identity of its node, found on a walk from the end of the flow to its beginning."""

    def __init__(self, flow: tree.Flow, owner: str, contracts: Contracts) -> None:
        self.flow = flow
        self.owner = owner
        self.contracts = contracts
        self.producers = _producers(flow)
        self.waits: dict[int, str] = {}

    def block(self, block: tree.Block, after: str) -> str:
        """Who acts first in `block`, or `after` when nothing in it acts."""
        for statement in reversed(block.statements):
            after = self.statement(statement, after)
        return after

    def statement(self, statement: tree.Statement, after: str) -> str:
        match statement:
            case tree.Step():
                return statement.call.service.text
            case tree.Let() | tree.Fail():
                return after
            case tree.Sequence():
                return self.block(statement.body, after)
            case tree.Fork():
                owner = statement.at.text if statement.at else after
                firsts = [self.branch(branch, owner) for branch in statement.branches]
                return firsts[0] if firsts else after
            case tree.Switch():
                for case in statement.cases:
                    self.block(case.body, after)
                if statement.default is not None:
                    self.block(statement.default, after)
                return statement.at.text if statement.at else self.decider(expressions(statement))
            case tree.WaitEvent():
                self.waits[id(statement)] = statement.at.text if statement.at else after
                if isinstance(statement.limit, tree.Within):
                    self.block(statement.limit.otherwise, after)
                return self.waits[id(statement)]
            case tree.Scope():
                owner = statement.at.text if statement.at else after
                for catch in statement.catches:
                    self.block(catch.body, owner)
                return self.block(statement.body, owner)
            case tree.Emit():
                event = event_of(statement.event, self.contracts)
                return after if event is None else event.service
            case tree.Return():
                return self.owner
            case _:
                return after

    def branch(self, branch: tree.Branch | tree.Statement, owner: str) -> str:
        first = self.block(branch_body(branch), owner)
        return self.decider([branch.when]) if isinstance(branch, tree.Branch) and branch.when is not None else first

    def decider(self, reading: Iterable[Expr]) -> str:
        """The producer of the data that a switch reads, the latest in source order; else who answers for the run."""
        names = {ref.name for expr in reading for ref in reads(expr)}
        made = [self.producers[name] for name in names if name in self.producers]
        return max(made)[1] if made else self.owner


def _producers(flow: tree.Flow) -> dict[str, tuple[int, str]]:
    """For each name that a step had a hand in: the position of the latest such step, and its service."""
    found: dict[str, tuple[int, str]] = {}
    for position, statement in enumerate(statements(flow.body)):
        if isinstance(statement, tree.Step):
            found[statement.name.text] = (position, statement.call.service.text)
        elif isinstance(statement, tree.Let):
            made = [found[ref.name] for ref in reads(statement.value) if ref.name in found]
            if made:
                found[statement.name.text] = max(made + [found[n] for n in (statement.name.text,) if n in found])
    return found
