"""What the names of a flow mean in the contracts: services, operations, events and types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flowlang.check.walk import statements
from flowlang.contract import Contracts, OperationEntry, type_for
from flowlang.declared import EventType, Operation
from flowlang.expression.fit import bare
from flowlang.expression.types import ANY, NULL, Field, Maybe, Record, Type
from flowlang.language import tree


@dataclass(frozen=True, slots=True, eq=False)
class Child:
    """A flow that another one runs, its contracts, and the flows that it may run in turn."""

    flow: tree.Flow
    contracts: Contracts
    flows: Flows


Flows = Mapping[str, Child | None]
"""The flows that a flow may run, by name, itself too; None for one that could not be read."""

BUILT_IN = ("string", "int", "decimal", "bool", "any")


def services(contracts: Contracts) -> list[str]:
    """The services with a contract, sorted."""
    return sorted(contracts.services)


def operations(service: str, contracts: Contracts) -> list[str]:
    """The operations of a service, sorted."""
    return sorted(contracts.services[service].operations)


def events(contracts: Contracts) -> list[str]:
    """The declared event types, sorted."""
    return sorted(contracts.events)


def operation_of(call: tree.Call, contracts: Contracts) -> Operation | None:
    """The operation that is called, or None when there is none of that name."""
    entry = _entry(call, contracts)
    return None if entry is None else entry.operation


def event_of(event: tree.Text, contracts: Contracts) -> EventType | None:
    """The event type of a name."""
    entry = contracts.event(event.value)
    return None if entry is None else entry.event


def observes(service: str, event: tree.Text, contracts: Contracts) -> bool:
    """Whether a service learns of an event: it publishes it, or its contract lists it under `hears`. A service or event
    that is not known is complained about elsewhere."""
    declared, contract = contracts.event(event.value), contracts.services.get(service)
    if declared is None or contract is None:
        return True
    return declared.event.service == service or event.value in contract.hears


def child_of(call: tree.Call, flows: Flows) -> Child | None:
    """The flow that is run by `call`, or None: it runs none, or one that is not known."""
    return flows.get(call.operation.text) if call.runs_flow else None


def taking_part(flow: tree.Flow, contracts: Contracts, flows: Flows) -> list[str]:
    """The services that do something in `flow`: a step, a compensation, or saying an event; sorted. Those of the flows
    that it runs too, as far as `flows` knows them."""
    found: set[str] = set()
    for child in run_by(Child(flow, contracts, flows)):
        for statement in statements(child.flow.body):
            if isinstance(statement, tree.Emit):
                event = event_of(statement.event, child.contracts)
                found |= set() if event is None else {event.service}
            elif isinstance(statement, tree.Step):
                found |= set() if statement.call.runs_flow else {statement.call.service.text}
                if isinstance(statement.undo, tree.UndoBy):
                    found.add(statement.undo.call.service.text)
    return sorted(found)


def run_by(child: Child) -> Iterator[Child]:
    """`child` and every flow that it runs, directly or through others, each once."""
    waiting, seen = [child], {id(child.flow)}
    while waiting:
        here = waiting.pop()
        yield here
        for statement in statements(here.flow.body):
            other = child_of(statement.call, here.flows) if isinstance(statement, tree.Step) else None
            if other is not None and id(other.flow) not in seen:
                seen.add(id(other.flow))
                waiting.append(other)


def type_owners(contracts: Contracts) -> dict[str, list[str]]:
    """The names of all types of the contracts, sorted, each with the services that declare it."""
    return {name: [entry.service for entry in contracts.type_named(None, name)] for name in contracts.type_names()}


def input_of(call: tree.Call, contracts: Contracts, flows: Flows) -> Type:
    """The type of what the operation or the flow takes; `any` when there is none of that name."""
    if call.runs_flow:
        child = child_of(call, flows)
        return ANY if child is None else parameters(child.flow, child.contracts)
    entry = _entry(call, contracts)
    return ANY if entry is None else entry.input


def parameters(flow: tree.Flow, contracts: Contracts) -> Record:
    """The parameters of a flow as the record that its callers give."""
    fields: list[Field] = []
    for param in flow.params:
        kind = type_for(param.type, contracts)
        fields.append(Field(param.name.text, bare(kind), not isinstance(kind, Maybe), span=param.name.span))
    return Record(tuple(sorted(fields, key=lambda field: field.name)))


def output_of(call: tree.Call, contracts: Contracts, flows: Flows) -> Type:
    """The type of what the operation or the flow answers; `any` when there is none of that name."""
    if call.runs_flow:
        child = child_of(call, flows)
        if child is None:
            return ANY
        return NULL if child.flow.output is None else type_for(child.flow.output, child.contracts)
    entry = _entry(call, contracts)
    return ANY if entry is None else entry.output


def data_of(event: tree.Text, contracts: Contracts) -> Type:
    """The type of an event's data; `any` when no contract declares the event."""
    entry = contracts.event(event.value)
    return ANY if entry is None else entry.data


def _entry(call: tree.Call, contracts: Contracts) -> OperationEntry | None:
    service = contracts.services.get(call.service.text)
    return None if service is None else service.operations.get(call.operation.text)
