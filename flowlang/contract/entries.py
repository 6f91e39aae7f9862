"""What contracts say, ready to be looked up: each entry knows its schema, its type and its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from flowlang.declared import EventType, Operation, Schema
from flowlang.expression.types import Type
from flowlang.source import Span


@dataclass(frozen=True, slots=True)
class OperationEntry:
    """An operation. `timeout_ms` is the default of the steps that call it, None if the contract has none; `errors` are the
    declared ones with their texts. The type of an operation without `output` is null: there is nothing to read."""

    operation: Operation
    input: Type
    output: Type
    timeout_ms: int | None
    errors: dict[str, str]
    error_spans: dict[str, Span] = field(compare=False, repr=False)
    span: Span = field(compare=False, repr=False)  # of its name
    description: str = ""


@dataclass(frozen=True, slots=True)
class EventEntry:
    """A business event and the type of its data."""

    event: EventType
    data: Type
    span: Span = field(compare=False, repr=False)  # of its name
    description: str = ""


@dataclass(frozen=True, slots=True)
class SchemaEntry:
    """A named schema: a type that flows can use. Few of many are used, so schema and type are made when asked for."""

    service: str
    name: str
    make_schema: Callable[[], Schema] = field(compare=False, repr=False)
    make_type: Callable[[], Type] = field(compare=False, repr=False)
    span: Span = field(compare=False, repr=False)  # of its name

    @property
    def schema(self) -> Schema:
        """The self-contained schema."""
        return self.make_schema()

    @property
    def type(self) -> Type:
        """What the checker sees."""
        return self.make_type()


@dataclass(frozen=True, slots=True)
class Contract:
    """One service. `hears` are the events of others that it may observe."""

    service: str
    title: str
    operations: dict[str, OperationEntry]
    events: dict[str, EventEntry]
    hears: tuple[str, ...]
    schemas: dict[str, SchemaEntry]
    span: Span = field(compare=False, repr=False)  # of its name


@dataclass(frozen=True, slots=True)
class Contracts:
    """All contracts of a flow, by service, in the order of the names of their files."""

    services: dict[str, Contract]

    @property
    def events(self) -> dict[str, EventEntry]:
        """Every declared event, by type."""
        return {name: entry for contract in self.services.values() for name, entry in contract.events.items()}

    def event(self, type: str) -> EventEntry | None:
        """The event of this type, or None."""
        return next((each.events[type] for each in self.services.values() if type in each.events), None)

    def type_named(self, service: str | None, name: str) -> tuple[SchemaEntry, ...]:
        """The schemas called `name`: of one service, or of all. More than one is ambiguous."""
        asked = self.services.values() if service is None else filter(None, (self.services.get(service),))
        return tuple(each.schemas[name] for each in asked if name in each.schemas)

    def type_names(self) -> tuple[str, ...]:
        """The names of all schemas, sorted, each once."""
        return tuple(sorted({name for each in self.services.values() for name in each.schemas}))
