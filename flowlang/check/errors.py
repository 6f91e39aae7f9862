"""Which errors can be raised where, and whether `catch` and `retry on` name such ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from flowlang.check.names import listed, meant
from flowlang.check.resolve import Flows, child_of, operation_of
from flowlang.check.walk import bodies, statements
from flowlang.check.words.data import DeadCatch
from flowlang.check.words.names import AmbiguousError, EngineErrorFailed, ErrorNotRaised, RetriedInVain
from flowlang.contract import ENGINE_ERRORS, Contracts
from flowlang.diagnostic import Diagnostic, Label, nearest
from flowlang.language import tree
from flowlang.source import Span

ENGINE = tuple(name for name in ENGINE_ERRORS if name != "HandlerError")
"""Those of the engine's errors that can be caught: a step whose handler breaks is stuck instead."""

BEFORE_A_CALL = ("ExpressionError", "InvalidInput")
"""Those that come up where the arguments of a call are computed."""

LIMIT = "LimitReached"
"""The one of them that is not raised by whatever is called: it comes from a `repeat`, and from a flow that runs itself too
often."""


MOST_CALLS = 10_000
"""Calls of flows that are followed. Flows that run each other in every way could be followed without end."""


@dataclass(slots=True)
class Raised:
    """The declared errors that can come out of a place: the services that raise each, "" for `fail`. `complete` is False
    when a call could not be resolved, so that nothing can be said of what is missing."""

    errors: dict[str, set[str]] = field(default_factory=dict)
    complete: bool = True

    def add(self, other: Raised) -> None:
        """Whatever `other` raises too."""
        for name, services in other.errors.items():
            self.errors.setdefault(name, set()).update(services)
        self.complete = self.complete and other.complete


def errors(flow: tree.Flow, contracts: Contracts, flows: Flows) -> Iterator[Diagnostic]:
    """Findings about the errors that `flow` names."""
    raising = Raising(contracts, flows)
    for statement in statements(flow.body):
        if isinstance(statement, tree.Step) and statement.retry is not None and not statement.call.runs_flow:
            can = raising.block(tree.Block((statement,), statement.span))
            for error in statement.retry.errors:
                if error.service is None and error.name.text in BEFORE_A_CALL:
                    yield RetriedInVain(span=error.span, error=error.name.text)
                else:
                    yield from _error(error, can)
        elif isinstance(statement, tree.Fail) and statement.error.text in ENGINE_ERRORS:
            yield EngineErrorFailed(
                span=statement.error.span, error=statement.error.text, known=", ".join(ENGINE_ERRORS)
            )
        elif isinstance(statement, tree.Scope):
            if statement.retry is not None:
                can = raising.attempt(statement)
                for error in statement.retry.errors:
                    yield from _error(error, can)
            yield from _catches(statement, raising.caught(statement))


@dataclass(frozen=True, slots=True)
class Raising:
    """What can come out of the parts of a flow, apart from the engine's own errors. `above` are the flows whose bodies are
    under way, so that one that runs itself comes to an end."""

    contracts: Contracts
    flows: Flows
    above: tuple[int, ...] = ()
    spent: Counter[str] = field(default_factory=Counter)

    def block(self, block: tree.Block) -> Raised:
        """What can come out of `block`."""
        found = Raised()
        for statement in block.statements:
            found.add(self.statement(statement))
        return found

    def statement(self, statement: tree.Statement) -> Raised:
        """What can come out of `statement`."""
        match statement:
            case tree.Step() if statement.call.runs_flow:
                return self.child(statement.call)
            case tree.Step():
                operation = operation_of(statement.call, self.contracts)
                named = () if operation is None else operation.errors
                return Raised({error: {statement.call.service.text} for error in named}, operation is not None)
            case tree.Fail():
                return Raised({statement.error.text: {""}})
            case tree.Repeat(otherwise=None):
                found = self.block(statement.body)
                found.add(Raised({LIMIT: {""}}))
                return found
            case tree.Scope():
                found = _left(statement, self.caught(statement))
                for catch in statement.catches:
                    found.add(self.block(catch.body))
                return found
            case _:
                found = Raised()
                for body in bodies(statement):
                    found.add(self.block(body))
                return found

    def child(self, call: tree.Call) -> Raised:
        """What can come out of another flow: after its `commit` nothing does but what it says itself."""
        child = child_of(call, self.flows)
        if child is None:
            return Raised(complete=False)
        if id(child.flow) in self.above:
            return Raised({LIMIT: {""}})
        self.spent["calls"] += 1
        if self.spent["calls"] > MOST_CALLS:
            return Raised(complete=False)
        inside = Raising(child.contracts, child.flows, (*self.above, id(child.flow)), self.spent)
        return inside.block(child.flow.body)

    def attempt(self, scope: tree.Scope) -> Raised:
        """What a `retry` of the scope can take: its body, and what runs alongside."""
        found = self.block(scope.body)
        for reaction in scope.reactions:
            if reaction.alongside:
                found.add(self.block(reaction.body))
        return found

    def caught(self, scope: tree.Scope) -> Raised:
        """What a `catch` of the scope can take: an attempt, and whatever handles its interruption."""
        found = self.attempt(scope)
        for reaction in scope.reactions:
            if not reaction.alongside:
                found.add(self.block(reaction.body))
        if scope.limit is not None:
            found.add(self.block(scope.limit.otherwise))
        return found


def _left(scope: tree.Scope, inside: Raised) -> Raised:
    """What no handler of `scope` takes."""
    if any(not catch.errors for catch in scope.catches):
        return Raised()
    left = Raised({name: set(services) for name, services in inside.errors.items()}, inside.complete)
    for error in (error for catch in scope.catches for error in catch.errors):
        services = left.errors.get(error.name.text, set())
        services -= set(services) if error.service is None else {error.service.text}
    left.errors = {name: services for name, services in left.errors.items() if services}
    return left


def _catches(scope: tree.Scope, can: Raised) -> Iterator[Diagnostic]:
    taken: dict[tuple[str, str], Span] = {}
    everything: Span | None = None
    for catch in scope.catches:
        if everything is not None:
            yield DeadCatch(span=_head(catch), related=(Label(everything, "takes any error"),))
            continue
        for error in catch.errors:
            key = ("" if error.service is None else error.service.text, error.name.text)
            earlier = taken.get(key) or taken.get(("", error.name.text))
            if earlier is not None:
                yield DeadCatch(span=error.span, related=(Label(earlier, "taken here"),))
            else:
                yield from _error(error, can)
            taken.setdefault(key, error.span)
        if not catch.errors:
            everything = _head(catch)


def _head(catch: tree.Catch) -> Span:
    """`catch E as e` without the body."""
    if catch.bind is not None:
        return Span(catch.span.source, catch.span.start, catch.bind.span.end)
    end = catch.errors[-1].span.end if catch.errors else catch.body.span.start
    return Span(catch.span.source, catch.span.start, end)


def _error(error: tree.ErrorRef, can: Raised) -> Iterator[Diagnostic]:
    name = error.name.text
    services = can.errors.get(name, set())
    if error.service is not None:
        if error.service.text in services or not can.complete:
            return
    elif services or not can.complete or (name in ENGINE and name != LIMIT):
        if len(services - {""}) > 1:
            said = sorted(services - {""})
            yield AmbiguousError(
                span=error.span, error=name, services=" and ".join(f"`{each}`" for each in said), first=said[0]
            )
        return
    known = [*sorted(can.errors), *(each for each in ENGINE if each != LIMIT)]
    if error.service is None:
        yield ErrorNotRaised(span=error.span, hint=meant(name, known), error=name, known=listed(known))
        return
    service = error.service.text
    hint = _of_service(service, name, can)
    yield ErrorNotRaised(span=error.span, hint=hint, error=f"{service}.{name}", known=listed(known))


def _of_service(service: str, name: str, can: Raised) -> str:
    """A hint at the error that `service.name` was meant to be: of that service, or of that name."""
    if name in ENGINE:
        return f"did you mean `{name}`? It is the engine's, whichever service is called"
    of_name = sorted(each for each in can.errors.get(name, ()) if each)
    if of_name:
        return f"did you mean `{of_name[0]}.{name}`?"
    near = nearest(name, [each for each, raisers in can.errors.items() if service in raisers])
    return f"did you mean `{service}.{near}`?" if near else ""
