"""A type as a flow writes it (`Order`, `orders.Order`, `[T]`, `T?`, `string`) to its type and its schema.

What a flow writes is a tree of the language, of which this folder must know nothing when it runs: the two are read beside
each other. So the classes are told apart by their names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowlang.contract.entries import Contracts, SchemaEntry
from flowlang.declared import Schema
from flowlang.expression.types import ANY, BOOL, DECIMAL, INT, STRING, Anything, ListType, Maybe, Type

if TYPE_CHECKING:
    from flowlang.language.tree import NamedType, TypeRef


BUILT_IN: dict[str, tuple[Type, Schema]] = {
    "string": (STRING, {"type": "string"}),
    "int": (INT, {"type": "integer"}),
    "decimal": (DECIMAL, {"type": "number"}),
    "bool": (BOOL, {"type": "boolean"}),
    "any": (ANY, {}),
}


def type_for(ref: TypeRef, contracts: Contracts) -> Type:
    """The type that `ref` means; one that no contract declares, or several, is opaque."""
    if hasattr(ref, "item"):
        inner = type_for(ref.item, contracts)
        if type(ref).__name__ == "ListType":
            return ListType(inner)
        return inner if isinstance(inner, Maybe | Anything) else Maybe(inner)
    if ref.service is None and ref.name.text in BUILT_IN:
        return BUILT_IN[ref.name.text][0]
    entry = _entry(ref, contracts)
    return ANY if entry is None else entry.type


def schema_for(ref: TypeRef, contracts: Contracts) -> Schema:
    """The self-contained schema that `ref` means. `check` has found that there is one."""
    if hasattr(ref, "item"):
        inner = dict(schema_for(ref.item, contracts))
        defs = inner.pop("$defs", None)
        is_list = type(ref).__name__ == "ListType"
        whole: Schema = {"type": "array", "items": inner} if is_list else {"anyOf": [inner, {"type": "null"}]}
        return whole if defs is None else {**whole, "$defs": defs}
    if ref.service is None and ref.name.text in BUILT_IN:
        return BUILT_IN[ref.name.text][1]
    entry = _entry(ref, contracts)
    return {} if entry is None else entry.schema


def _entry(ref: NamedType, contracts: Contracts) -> SchemaEntry | None:
    found = contracts.type_named(None if ref.service is None else ref.service.text, ref.name.text)
    return found[0] if len(found) == 1 else None
