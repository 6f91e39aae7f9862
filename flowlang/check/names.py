"""Names: that each is declared once, and that whatever a flow refers to in the contracts is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import assert_never

from flowlang.check.resolve import (
    BUILT_IN,
    Flows,
    child_of,
    event_of,
    events,
    operation_of,
    operations,
    services,
    taking_part,
    type_owners,
)
from flowlang.check.walk import (
    bodies,
    branch_body,
    expressions,
    listening,
    named_at,
    reads,
    returns,
    statements,
    within,
)
from flowlang.check.words.names import (
    AmbiguousType,
    DuplicateName,
    FlowStartsByEvent,
    HiddenName,
    NotTakingPart,
    UndoneByFlow,
    UnknownEvent,
    UnknownFlow,
    UnknownOperation,
    UnknownService,
    UnknownType,
)
from flowlang.check.words.style import UnusedLet
from flowlang.contract import Contracts
from flowlang.diagnostic import Diagnostic, Label, nearest
from flowlang.expression.names import macro_variable
from flowlang.expression.tree import Expr, Method
from flowlang.language import tree


@dataclass(frozen=True, slots=True)
class Arm:
    """One of the parts of a block that do not see each other: `kind` is `fork`, `switch`, `scope`, `wait` or `race`, or
    `alongside` or `undo` for those parts of a scope; or the body of a `for each`, of which nothing is seen outside."""

    block: int  # identity of the statement
    kind: str
    number: int
    returns: bool = field(default=False, compare=False)  # every way through it ends the flow

    @property
    def caught(self) -> bool:
        """Whether this is the body of a scope: a handler may go on where it does not come to its end."""
        return self.kind == "scope" and self.number == 0


@dataclass(frozen=True, slots=True)
class Declared:
    """A name where it is declared: `what` it is, and the arms around it from the outside in."""

    name: tree.Name
    what: str  # parameter | step | let | event | error | branch | scope | item | list | carried
    arms: tuple[Arm, ...] = ()


TOGETHER = {"fork", "alongside", "undo"}
"""Arms that do not see their siblings, and yet do not exclude them."""


def names(flow: tree.Flow, contracts: Contracts, flows: Flows) -> Iterator[Diagnostic]:
    """Findings about the names of `flow`."""
    declared = sorted(declarations(flow), key=lambda each: each.name.span.start)
    yield from _duplicates(declared)
    yield from _hidden(flow, {each.name.text: each for each in reversed(declared)})
    yield from _unused(flow)
    yield from _types(flow, contracts)
    yield from _calls(flow, contracts, flows)
    yield from _events(flow, contracts)
    yield from _places(flow, contracts, flows)


def declarations(flow: tree.Flow) -> Iterator[Declared]:
    """Every name that `flow` declares, a block before its parts."""
    yield from (Declared(param.name, "parameter") for param in flow.params)
    if flow.start is not None and flow.start.bind is not None:
        yield Declared(flow.start.bind, "event")
    yield from _declared(flow.body, ())


def _declared(block: tree.Block, arms: tuple[Arm, ...]) -> Iterator[Declared]:
    for statement in block.statements:
        here = id(statement)
        match statement:
            case tree.Step():
                yield Declared(statement.name, "step", arms)
            case tree.Let():
                yield Declared(statement.name, "let", arms)
            case tree.Sequence():
                yield from _declared(statement.body, arms)
            case tree.Fork():
                for number, branch in enumerate(statement.branches):
                    if isinstance(branch, tree.Branch):
                        yield Declared(branch.name, "branch", arms)
                    yield from _declared(branch_body(branch), (*arms, Arm(here, "fork", number)))
            case tree.Switch():
                for number, body in enumerate(bodies(statement)):
                    yield from _declared(body, (*arms, Arm(here, "switch", number, returns(body))))
            case tree.WaitEvent():
                if statement.bind is not None:
                    yield Declared(statement.bind, "event", arms)
                if isinstance(statement.limit, tree.Within):
                    late = statement.limit.otherwise
                    yield from _declared(late, (*arms, Arm(here, "wait", 1, returns(late))))
            case tree.Race():
                for number, alternative in enumerate(statement.alternatives):
                    yield from _handler(alternative, "event", (*arms, Arm(here, "race", number)))
                if isinstance(statement.limit, tree.After):
                    late = statement.limit.body
                    last = len(statement.alternatives)
                    yield from _declared(late, (*arms, Arm(here, "race", last, returns(late))))
            case tree.ForEach():
                inside = (*arms, Arm(here, "each", 0))
                yield Declared(statement.variable, "item", inside)
                if statement.bind is not None:
                    yield Declared(statement.bind, "list", arms)
                yield from _declared(statement.body, inside)
            case tree.Repeat():
                yield from (Declared(carried.name, "carried", arms) for carried in statement.carried)
                yield from _declared(statement.body, arms)
                if statement.otherwise is not None:
                    late = statement.otherwise
                    yield from _declared(late, (*arms, Arm(here, "repeat", 1, returns(late))))
            case tree.Scope():
                yield Declared(statement.name, "scope", arms)
                yield from _scope(statement, arms)
            case tree.Orchestrate():
                yield from _declared(statement.body, arms)
            case tree.Wait() | tree.Commit() | tree.Emit() | tree.Fail() | tree.Return() | tree.Next() | tree.Yield():
                pass
            case _:
                assert_never(statement)


def _scope(scope: tree.Scope, arms: tuple[Arm, ...]) -> Iterator[Declared]:
    for arm, part in parts_of(scope):
        match part:
            case tree.Catch():
                yield from _handler(part, "error", (*arms, arm))
            case tree.OnEvent():
                yield from _handler(part, "event", (*arms, arm))
            case tree.Block():
                yield from _declared(part, (*arms, arm))
            case _:
                assert_never(part)


def parts_of(scope: tree.Scope) -> Iterator[tuple[Arm, tree.Block | tree.Catch | tree.OnEvent]]:
    """The parts of a scope that do not see each other, each with its arm: the body, the handlers, the `else` of `within`,
    and the block that undoes it."""
    here = id(scope)
    yield Arm(here, "scope", 0), scope.body
    handlers: tuple[tree.Catch | tree.OnEvent, ...] = (*scope.catches, *scope.reactions)
    for number, handler in enumerate(handlers, 1):
        if isinstance(handler, tree.OnEvent) and handler.alongside:
            yield Arm(here, "alongside", number), handler
        else:
            yield Arm(here, "scope", number, returns(handler.body)), handler
    if scope.limit is not None:
        yield Arm(here, "scope", len(handlers) + 1, returns(scope.limit.otherwise)), scope.limit.otherwise
    if scope.undo is not None:
        yield Arm(here, "undo", len(handlers) + 2), scope.undo


def _handler(handler: tree.Catch | tree.OnEvent, what: str, inside: tuple[Arm, ...]) -> Iterator[Declared]:
    inside = (*inside[:-1], replace(inside[-1], returns=returns(handler.body)))
    if handler.bind is not None:
        yield Declared(handler.bind, what, inside)
    yield from _declared(handler.body, inside)


# ---------------------------------------------------------------- the flow's own names


def _duplicates(declared: list[Declared]) -> Iterator[Diagnostic]:
    before: dict[str, list[Declared]] = {}
    for each in declared:
        others = before.setdefault(each.name.text, [])
        clash = next((other for other in others if not _may_repeat(each, other)), None)
        if clash is not None:
            related = (Label(clash.name.span, "first use"),)
            yield DuplicateName(span=each.name.span, related=related, name=each.name.text)
        others.append(each)


def _may_repeat(later: Declared, earlier: Declared) -> bool:
    """Two lets may share a name when never both of them run."""
    return later.what == earlier.what == "let" and exclusive(later.arms, earlier.arms)


def exclusive(later: tuple[Arm, ...], earlier: tuple[Arm, ...]) -> bool:
    """Whether never both of two places are reached: they are in different arms, or the flow ends behind the earlier one
    (the rest of the flow is then understood to stand in the other arm)."""
    parted = apart(later, earlier), apart(earlier, later)
    if parted[0] is not None and parted[1] is not None:
        return not {parted[0].kind, parted[1].kind} & TOGETHER
    inside = list(takewhile(lambda arm: not arm.caught, (arm for arm in earlier if arm not in later)))
    return any(arm.returns for arm in inside)


def apart(one: tuple[Arm, ...], other: tuple[Arm, ...]) -> Arm | None:
    """The block in whose different arms two places stand (the arm of `one`), or None when one may come after the other."""
    for mine, theirs in zip(one, other, strict=False):
        if mine.block != theirs.block:
            return None
        if mine.number != theirs.number:
            return mine
    return None


def _hidden(flow: tree.Flow, declared: dict[str, Declared]) -> Iterator[Diagnostic]:
    for expr in _all_expressions(flow):
        for part, variables in within(expr):
            variable = macro_variable(part) if isinstance(part, Method) else None
            if variable is None:
                continue
            if variable.name in declared:
                related = (Label(declared[variable.name].name.span, "the other one"),)
                yield HiddenName(span=variable.span, related=related, name=variable.name)
            elif variable.name in variables:
                yield HiddenName(span=variable.span, name=variable.name)


def _unused(flow: tree.Flow) -> Iterator[Diagnostic]:
    read = {ref.name for expr in _all_expressions(flow) for ref in reads(expr)}
    for statement in statements(flow.body):
        if isinstance(statement, tree.Let) and statement.name.text not in read:
            read.add(statement.name.text)  # a repeated one is said once
            yield UnusedLet(span=statement.name.span, name=statement.name.text)


def _all_expressions(flow: tree.Flow) -> Iterator[Expr]:
    if flow.key is not None:
        yield flow.key
    if flow.start is not None and flow.start.where is not None:
        yield flow.start.where
    for statement in statements(flow.body):
        yield from expressions(statement)


# ---------------------------------------------------------------- names of the contracts


def _types(flow: tree.Flow, contracts: Contracts) -> Iterator[Diagnostic]:
    for ref in [*(param.type for param in flow.params), *([] if flow.output is None else [flow.output])]:
        yield from _type(ref, contracts)


def _type(ref: tree.TypeRef, contracts: Contracts) -> Iterator[Diagnostic]:
    match ref:
        case tree.ListType() | tree.OptionalType():
            yield from _type(ref.item, contracts)
        case tree.NamedType():
            name = ref.name.text
            known = type_owners(contracts)
            if ref.service is not None and ref.service.text not in services(contracts):
                yield _unknown_service(ref.service, contracts)
            elif ref.service is not None and ref.service.text not in known.get(name, ()):
                yield _unknown_type(ref, [type for type, owners in known.items() if ref.service.text in owners])
            elif ref.service is None and name not in BUILT_IN:
                owners = known.get(name, ())
                if not owners:
                    yield _unknown_type(ref, sorted([*BUILT_IN, *known]))
                elif len(owners) > 1:
                    said = " and ".join(f"`{owner}`" for owner in owners)
                    yield AmbiguousType(span=ref.span, name=name, services=said, first=owners[0])
        case _:
            assert_never(ref)


def _unknown_type(ref: tree.NamedType, known: list[str]) -> Diagnostic:
    name = ref.name.text if ref.service is None else f"{ref.service.text}.{ref.name.text}"
    return UnknownType(span=ref.name.span, hint=meant(ref.name.text, known), name=name, known=listed(known))


def _calls(flow: tree.Flow, contracts: Contracts, flows: Flows) -> Iterator[Diagnostic]:
    for statement in statements(flow.body):
        if not isinstance(statement, tree.Step):
            continue
        if not statement.call.runs_flow:
            yield from _call(statement.call, contracts)
        elif statement.call.operation.text not in flows:
            yield _unknown_flow(statement.call, flow, flows)
        elif (child := child_of(statement.call, flows)) is not None and child.flow.start is not None:
            related = (Label(child.flow.start.event.span, "started by this event"),)
            span = statement.call.operation.span
            yield FlowStartsByEvent(span=span, related=related, flow=child.flow.name.text)
        if isinstance(statement.undo, tree.UndoBy):
            call = statement.undo.call
            if call.runs_flow:
                yield UndoneByFlow(span=call.service.span.to(call.operation.span), flow=call.operation.text)
            else:
                yield from _call(call, contracts)


def _unknown_flow(call: tree.Call, flow: tree.Flow, flows: Flows) -> Diagnostic:
    known = sorted(flows)
    used = any(use.kind == "flows" for use in flow.uses)
    name = call.operation.text
    return UnknownFlow(
        span=call.operation.span,
        hint=meant(name, known),
        flow=name,
        known=f"flows that `use flows` brings in: {listed([each for each in known if each != flow.name.text])}"
        if used
        else "this flow has no `use flows`",
        file=f"{name}.flow",
    )


def _call(call: tree.Call, contracts: Contracts) -> Iterator[Diagnostic]:
    if call.service.text not in services(contracts):
        yield _unknown_service(call.service, contracts)
    elif operation_of(call, contracts) is None:
        known = operations(call.service.text, contracts)
        yield UnknownOperation(
            span=call.operation.span,
            hint=meant(call.operation.text, known),
            service=call.service.text,
            operation=call.operation.text,
            known=listed(known),
        )


def _unknown_service(service: tree.Name, contracts: Contracts) -> Diagnostic:
    known = services(contracts)
    return UnknownService(span=service.span, hint=meant(service.text, known), service=service.text, known=listed(known))


def _events(flow: tree.Flow, contracts: Contracts) -> Iterator[Diagnostic]:
    named = [] if flow.start is None else [flow.start.event]
    for statement in statements(flow.body):
        named += [heard.event for heard in listening(statement)]
        if isinstance(statement, tree.Emit):
            named.append(statement.event)
    for event in named:
        if event_of(event, contracts) is None:
            known = events(contracts)
            yield UnknownEvent(span=event.span, hint=meant(event.value, known), type=event.value, known=listed(known))


def _places(flow: tree.Flow, contracts: Contracts, flows: Flows) -> Iterator[Diagnostic]:
    """`owner` and every `at` name a service that takes part."""
    named = [] if flow.owner is None else [flow.owner]
    named += [at for at in map(named_at, statements(flow.body)) if at is not None]
    part = taking_part(flow, contracts, flows) if named else []
    if not set(part) <= set(services(contracts)):
        return  # a misspelt service may be the one that is meant
    for service in named:
        if service.text not in part:
            yield NotTakingPart(
                span=service.span, hint=meant(service.text, part), service=service.text, known=listed(part)
            )


def meant(word: str, known: list[str]) -> str:
    """A hint at the name that was probably meant, or nothing."""
    near = nearest(word, known)
    return f"did you mean `{near}`?" if near else ""


def listed(known: list[str]) -> str:
    """Names in their order for a note; a long list is cut."""
    return ", ".join(known[:20]) + (f" and {len(known) - 20} more" if len(known) > 20 else "") if known else "none"
