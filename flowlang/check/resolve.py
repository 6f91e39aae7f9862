"""What the names of a flow mean in the contracts: services, operations, events and types."""

from __future__ import annotations

from flowlang.check.walk import statements
from flowlang.contract import Contracts, OperationEntry
from flowlang.declared import EventType, Operation
from flowlang.expression.types import ANY, Type
from flowlang.language import tree

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


def taking_part(flow: tree.Flow, contracts: Contracts) -> list[str]:
    """The services that do something in `flow`: a step, a compensation, or saying an event; sorted."""
    found: set[str] = set()
    for statement in statements(flow.body):
        if isinstance(statement, tree.Step):
            found.add(statement.call.service.text)
            if isinstance(statement.undo, tree.UndoBy):
                found.add(statement.undo.call.service.text)
        elif isinstance(statement, tree.Emit):
            event = event_of(statement.event, contracts)
            found |= set() if event is None else {event.service}
    return sorted(found)


def type_owners(contracts: Contracts) -> dict[str, list[str]]:
    """The names of all types of the contracts, sorted, each with the services that declare it."""
    return {name: [entry.service for entry in contracts.type_named(None, name)] for name in contracts.type_names()}


def input_of(call: tree.Call, contracts: Contracts) -> Type:
    """The type of what the operation takes; `any` when there is no such operation."""
    entry = _entry(call, contracts)
    return ANY if entry is None else entry.input


def output_of(call: tree.Call, contracts: Contracts) -> Type:
    """The type of what the operation answers; `any` when there is no such operation."""
    entry = _entry(call, contracts)
    return ANY if entry is None else entry.output


def data_of(event: tree.Text, contracts: Contracts) -> Type:
    """The type of an event's data; `any` when no contract declares the event."""
    entry = contracts.event(event.value)
    return ANY if entry is None else entry.data


def _entry(call: tree.Call, contracts: Contracts) -> OperationEntry | None:
    service = contracts.services.get(call.service.text)
    return None if service is None else service.operations.get(call.operation.text)
