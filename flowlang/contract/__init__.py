"""Contracts: what each service can be asked to do and what it tells, read from the YAML files of its team.

`load(sources, read)` gives everything that `check` and `lower` need: operations and events with self-contained schemas,
their types, and the place of each name. Schemas are looked up with `type_for` and `schema_for` for a type as a flow
writes it.
"""

from flowlang.contract.entries import Contract, Contracts, EventEntry, OperationEntry, SchemaEntry
from flowlang.contract.load import ENGINE_ERRORS, load
from flowlang.contract.named import schema_for, type_for
from flowlang.contract.project import Read

__all__ = [
    "ENGINE_ERRORS",
    "Contract",
    "Contracts",
    "EventEntry",
    "OperationEntry",
    "Read",
    "SchemaEntry",
    "load",
    "schema_for",
    "type_for",
]
