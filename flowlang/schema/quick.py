"""Whether a value fits, told at once where it does: nearly every value does, and then nobody needs places or problems.

The plain part of a schema (types, members, items, bounds, enumerations of texts) becomes closures `look(value)` that give
the value as the schema has it, or `DOUBT`; whatever they do not know is asked of the full closure. Who is in doubt asks the
full closure of the whole, which knows what to say. Values that are no JSON never pass: every part is looked at by its type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from flowlang.schema.refs import Document

DOUBT: Final = object()
"""The answer of who can't say that the value fits."""

Look = Callable[[Any], Any]

_KNOWN: Final = frozenset(
    ("type", "properties", "required", "items", "minimum", "minItems", "minLength", "enum", "$ref", "$defs")
)
_IDLE: Final = frozenset(("title", "description", "$comment", "default", "example", "examples", "deprecated"))
_DEEPEST: Final = 24  # levels of a schema; deeper ones are left to the full closure, which counts those of the value

_PLAIN: Final[dict[str, type]] = {"string": str, "integer": int, "boolean": bool, "null": type(None)}


def looker(schema: Any, document: Document, full: Callable[[Any], Look], depth: int = _DEEPEST) -> Look:
    """The closure of `schema`; `full` makes one of what is not plain."""
    if not isinstance(schema, dict) or depth == 0 or not _is_plain(schema):
        return full(schema)
    if "$ref" in schema:
        target = document.target(schema["$ref"])
        if schema.keys() - _IDLE - {"$ref", "$defs"} or document.is_recursive(target):
            return full(schema)
        return looker(target, document, full, depth - 1)
    match schema.get("type"):
        case "object":
            properties = schema.get("properties", {})
            parts = {name: looker(part, document, full, depth - 1) for name, part in properties.items()}
            leaves = {name: _leaf(part) for name, part in properties.items()}
            return _object(parts, leaves, frozenset(schema.get("required", ())))
        case "array" if "items" in schema:
            return _list(looker(schema["items"], document, full, depth - 1), schema.get("minItems", 0))
        case "number":
            return _number(schema.get("minimum"))
        case "integer" if "minimum" in schema:
            return _integer(schema["minimum"])
        case "string" if "enum" in schema or "minLength" in schema:
            return _text(schema.get("minLength", 0), frozenset(schema["enum"]) if "enum" in schema else None)
        case "string" | "integer" | "boolean" | "null" as name:
            return _of_kind(_PLAIN[name])
        case _:
            return full(schema)


def _is_plain(schema: dict[str, Any]) -> bool:
    """Whether all that the schema says is known here, and belongs to the type that it names."""
    said = schema.keys() - _IDLE
    if not said <= _KNOWN:
        return False
    if "$ref" in said:
        return True
    belongs = {
        "object": {"properties", "required"},
        "array": {"items", "minItems"},
        "string": {"minLength", "enum"},
        "integer": {"minimum"},
        "number": {"minimum"},
        "boolean": set(),
        "null": set(),
    }
    name = schema.get("type")
    if not isinstance(name, str) or name not in belongs or not said - {"type", "$defs"} <= belongs[name]:
        return False
    return all(type(each) is str for each in schema.get("enum", ()))


def _leaf(schema: Any) -> type | None:
    """The type that is all that a schema asks for, so that who looks at the member need not call anybody."""
    if isinstance(schema, dict) and schema.keys() - _IDLE == {"type"} and isinstance(schema["type"], str):
        return _PLAIN.get(schema["type"])
    return None


def _object(parts: Mapping[str, Look], leaves: Mapping[str, type | None], required: frozenset[str]) -> Look:
    members = tuple((name, leaves[name], look, name in required) for name, look in parts.items())
    unknown = required - parts.keys()

    def look(value: Any) -> Any:
        if type(value) is not dict or unknown:
            return DOUBT
        left = len(value)
        result = value
        get = value.get
        for name, leaf, part, is_required in members:
            item = get(name, DOUBT)
            if item is DOUBT:
                if is_required:
                    return DOUBT
                continue
            left -= 1
            if type(item) is not leaf:
                fitted = part(item)
                if fitted is DOUBT:
                    return DOUBT
                if fitted is not item:
                    if result is value:
                        result = value.copy()
                    result[name] = fitted
        return DOUBT if left else result  # members that the schema does not name may hold anything

    return look


def _list(part: Look, least: int) -> Look:
    def look(value: Any) -> Any:
        if type(value) is not list or len(value) < least:
            return DOUBT
        result = value
        for index, item in enumerate(value):
            fitted = part(item)
            if fitted is not item:
                if fitted is DOUBT:
                    return DOUBT
                if result is value:
                    result = value.copy()
                result[index] = fitted
        return result

    return look


def _number(low: Any) -> Look:
    def look(value: Any) -> Any:
        kind = type(value)
        if kind is int:
            value = Decimal(value)
        elif kind is not Decimal:
            return DOUBT
        return value if low is None or value >= low else DOUBT

    return look


def _integer(low: Any) -> Look:
    def look(value: Any) -> Any:
        return value if type(value) is int and value >= low else DOUBT

    return look


def _text(least: int, wanted: frozenset[str] | None) -> Look:
    def look(value: Any) -> Any:
        if type(value) is not str or len(value) < least:
            return DOUBT
        return value if wanted is None or value in wanted else DOUBT

    return look


def _of_kind(kind: type) -> Look:
    def look(value: Any) -> Any:
        return value if type(value) is kind else DOUBT

    return look
