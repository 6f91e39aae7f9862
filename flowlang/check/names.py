"""Names: that each is declared once, and that whatever a flow refers to in the contracts is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from typing import assert_never

from flowlang.check.resolve import (
    BUILT_IN,
    event_of,
    events,
    operation_of,
    operations,
    services,
    taking_part,
    type_owners,
)
from flowlang.check.walk import bodies, branch_body, expressions, reads, returns, statements, within
from flowlang.check.words.names import (
    AmbiguousType,
    DuplicateName,
    HiddenName,
    NotTakingPart,
    UnknownEvent,
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
from flowlang.language.words import NotYet

SUB_FLOWS = "flow"
"""What stands in place of the service where another flow is called."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One of the parts of a block that do not see each other: `kind` is `fork`, `switch`, `scope` or `wait`."""

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
    what: str  # parameter | step | let | event | error | branch | scope
    arms: tuple[Arm, ...] = ()


def names(flow: tree.Flow, contracts: Contracts) -> Iterator[Diagnostic]:
    """Findings about the names of `flow`."""
    declared = list(declarations(flow))
    yield from _duplicates(declared)
    yield from _hidden(flow, {each.name.text: each for each in reversed(declared)})
    yield from _unused(flow)
    yield from _types(flow, contracts)
    yield from _calls(flow, contracts)
    yield from _events(flow, contracts)
    yield from _places(flow, contracts)


def declarations(flow: tree.Flow) -> Iterator[Declared]:
    """Every name that `flow` declares, in source order."""
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
            case tree.Scope():
                yield Declared(statement.name, "scope", arms)
                yield from _declared(statement.body, (*arms, Arm(here, "scope", 0)))
                for number, catch in enumerate(statement.catches, 1):
                    inside = (*arms, Arm(here, "scope", number, returns(catch.body)))
                    if catch.bind is not None:
                        yield Declared(catch.bind, "error", inside)
                    yield from _declared(catch.body, inside)
            case tree.Emit() | tree.Fail() | tree.Return():
                pass
            case _:
                assert_never(statement)


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
    """Two lets may share a name when never both of them run: they are in different arms, or the flow ends behind the
    earlier one (the rest of the flow is then understood to stand in the other arm)."""
    if not (later.what == earlier.what == "let"):
        return False
    parted = apart(later.arms, earlier.arms)
    if parted is not None:
        return parted.kind != "fork"
    inside = list(takewhile(lambda arm: not arm.caught, (arm for arm in earlier.arms if arm not in later.arms)))
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


def _calls(flow: tree.Flow, contracts: Contracts) -> Iterator[Diagnostic]:
    for statement in statements(flow.body):
        if isinstance(statement, tree.Step):
            yield from _call(statement.call, contracts)
            if isinstance(statement.undo, tree.UndoBy):
                yield from _call(statement.undo.call, contracts)


def _call(call: tree.Call, contracts: Contracts) -> Iterator[Diagnostic]:
    if call.service.text not in services(contracts) and call.service.text == SUB_FLOWS:
        yield NotYet(span=call.service.span.to(call.operation.span), form="running another flow as a step")
    elif call.service.text not in services(contracts):
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
        if isinstance(statement, tree.WaitEvent | tree.Emit):
            named.append(statement.event)
    for event in named:
        if event_of(event, contracts) is None:
            known = events(contracts)
            yield UnknownEvent(span=event.span, hint=meant(event.value, known), type=event.value, known=listed(known))


def _places(flow: tree.Flow, contracts: Contracts) -> Iterator[Diagnostic]:
    """`owner` and every `at` name a service that takes part."""
    named = [] if flow.owner is None else [flow.owner]
    for statement in statements(flow.body):
        if isinstance(statement, tree.Fork | tree.Switch | tree.WaitEvent | tree.Scope) and statement.at is not None:
            named.append(statement.at)
    part = taking_part(flow, contracts) if named else []
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
