"""Who would wait and decide in a choreography, and whether it can: the owner of a wait must be able to observe its event.

Who owns what is asked of the kernel (`flowlang.owners`), so this family speaks only of flows without other errors. For most
flows that need not be asked, and no kernel is made, since `check` runs on every save.
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

MANY = 19_000
"""Statements from which on a kernel may be too large for a run."""


def choreography(flow: tree.Flow, contracts: Contracts, flows: Flows) -> Iterator[Diagnostic]:
    """Findings about decisions and waits that no service can take, in a flow without errors."""
    part = taking_part(flow, contracts, flows)
    if not part:
        yield NobodyDecides(span=flow.name.span)
    whole = Child(flow, contracts, flows)
    if _open(whole, part):
        yield from _of_kernel(whole, part)


def _open(whole: Child, part: list[str]) -> bool:
    """Whether something is left to ask the kernel: how large it is, or whether the owner of a wait can observe its event.
    Where every service can, or the one that the only `at` names, it is not asked."""
    inside = [(child, each) for child in run_by(whole) for each in statements(child.flow.body)]
    if len(inside) > MANY or any(isinstance(each, tree.Step) and each.call.runs_flow for _, each in inside):
        return True
    flow = whole.flow
    if flow.start is not None:
        owners = part if flow.owner is None else [flow.owner.text]
        if not all(observes(service, flow.start.event, whole.contracts) for service in owners):
            return True
    heard = [(child, each, one.event) for child, each in inside for one in listening(each)]
    named = {at.text for _, each, _ in heard if (at := named_at(each)) is not None}
    return len(named) > 1 or any(
        not observes(service, event, child.contracts)
        for child, each, event in heard
        for service in (named if named_at(each) is not None else part)
    )


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
