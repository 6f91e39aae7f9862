"""Who would wait and decide in a choreography, and whether it can: the owner of a wait must be able to observe its event.

Who owns what is asked of the kernel (`flowlang.owners`), so this family speaks only of flows without other errors. Most
flows neither listen nor run others; for them no kernel is made, since `check` runs on every save.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowlang.check.names import listed
from flowlang.check.resolve import Child, Flows, event_of, observes, run_by, taking_part
from flowlang.check.size import too_large
from flowlang.check.walk import Listening, listening, named_at, statements
from flowlang.check.words.choreography import CannotHear, CannotStart, NobodyDecides, NobodyHears, TwoWaiters
from flowlang.contract import Contracts
from flowlang.diagnostic import Diagnostic, Label
from flowlang.language import tree
from flowlang.source import Span

if TYPE_CHECKING:
    from flowlang import ir

MANY = 5_000
"""Statements from which on the size of the kernel is worth a look."""


def choreography(flow: tree.Flow, contracts: Contracts, flows: Flows) -> Iterator[Diagnostic]:
    """Findings about decisions and waits that no service can take, in a flow without errors."""
    part = taking_part(flow, contracts, flows)
    if not part:
        yield NobodyDecides(span=flow.name.span)
    count = 0
    for count, statement in enumerate(statements(flow.body), 1):
        if listening(statement) or (isinstance(statement, tree.Step) and statement.call.runs_flow) or count > MANY:
            break
    else:
        if flow.start is None:
            return
    yield from _of_kernel(Child(flow, contracts, flows), part)


def _of_kernel(whole: Child, part: list[str]) -> Iterator[Diagnostic]:
    from flowlang import lower  # most flows are checked without

    flows = {each.flow.name.text: (each.flow, each.contracts) for each in run_by(whole)}
    try:
        kernel = lower.lower(whole.flow, whole.contracts, flows)
    except lower.TooLarge:
        yield too_large(whole.flow)
        return
    if not part:
        return
    if whole.flow.start is not None:
        yield from _start(whole.flow, whole.flow.start, kernel.owner, whole.contracts)
    heard = sorted(_heard(whole, kernel), key=lambda one: one.step is not None)  # those of the flow itself come first
    for type in dict.fromkeys(one.event.event.value for one in heard):
        same = [one for one in heard if one.event.event.value == type]
        two = list(_two(same))
        yield from two or _deaf(whole, same, part)


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


# ---------------------------------------------------------------- who listens


@dataclass(frozen=True, slots=True)
class _Heard:
    """An event that a flow listens for: the words that say so, in which flow they stand, the service that would listen,
    and the step through which the flow runs that other one (None in the flow itself)."""

    event: Listening
    at: tree.Name | None
    inside: Child
    owner: str
    why: str
    step: Span | None = field(default=None, compare=False)


def _heard(whole: Child, kernel: ir.Flow) -> Iterator[_Heard]:
    """Everything that is listened for in `kernel`, in source order."""
    from flowlang import ir
    from flowlang.owners import owners

    words = {
        statement.span: (statement, child)
        for child in run_by(whole)
        for statement in statements(child.flow.body)
        if listening(statement)
    }
    calls = {
        each.span: each.call.service.span.to(each.call.operation.span)
        for each in statements(whole.flow.body)
        if isinstance(each, tree.Step)
    }
    found = owners(kernel)
    for node, step in _listening(kernel.body, None):
        if node.span not in words:
            continue  # `wait 5m` listens for nothing
        statement, child = words[node.span]
        owner = found[node.path]
        for event in listening(statement):
            beside = isinstance(event, tree.OnEvent) and event.alongside
            if beside == isinstance(node, ir.Alongside):
                through = None if step is None else calls[step]
                yield _Heard(event, named_at(statement), child, owner.service, owner.why, through)


def _listening(node: ir.Node, step: Span | None) -> Iterator[tuple[ir.Race | ir.Interrupt | ir.Alongside, Span | None]]:
    from flowlang import ir
    from flowlang.owners import Listening as Listener

    if isinstance(node, Listener):
        yield node, step
    if isinstance(node, ir.Child):
        step = step or node.span
    for part in ir.parts_of(node):
        yield from _listening(part, step)


# ---------------------------------------------------------------- whether it can


def _two(same: list[_Heard]) -> Iterator[Diagnostic]:
    """All that listens for one type of event has one owner, so no two of them may be named."""
    named = [one for one in same if one.at is not None]
    told: set[int] = set()
    for other in named[1:]:
        first = named[0].at
        if first is None or other.at is None or other.at.text == first.text or id(other.at) in told:
            continue
        told.add(id(other.at))
        span, related = other.at.span, Label(first.span, f"`{first.text}` here")
        if other.step is not None:
            span, related = other.step, Label(other.at.span, f"`{other.at.text}` here")
        yield TwoWaiters(
            span=span, related=(related,), type=other.event.event.value, here=other.at.text, there=first.text
        )


def _deaf(whole: Child, same: list[_Heard], part: list[str]) -> Iterator[Diagnostic]:
    """Of all that listens for one type of event the first is blamed, or the one where `at` names the owner."""
    first = next((one for one in same if one.at is not None), same[0])
    event = event_of(first.event.event, first.inside.contracts)
    if event is None or observes(first.owner, first.event.event, first.inside.contracts):
        return
    span, related = first.event.event.span, tuple[Label, ...]()
    if first.step is not None:
        span, related = first.step, (Label(span, "it would listen here"),)
    able = [service for service in part if observes(service, first.event.event, whole.contracts)]
    if not able:
        yield NobodyHears(
            span=span,
            related=related,
            service=first.owner,
            type=event.type,
            publisher=event.service,
            known=listed(part),
        )
        return
    yield CannotHear(
        span=span,
        related=related,
        service=first.owner,
        type=event.type,
        publisher=event.service,
        why=f"`{first.owner}` {first.why}",
        fix=f"let a service listen that can: `at {able[0]}`;\nor ",
    )
