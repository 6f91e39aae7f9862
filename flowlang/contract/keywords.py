"""The keywords of JSON Schema 2020-12 and what each takes: for checking schemas and for walking through them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from flowlang.yamltree import YMapping, YNode, YSequence

SCHEMA, SCHEMAS, SCHEMA_MAP = "schema", "list of schemas", "schemas by name"
COUNT, NUMBER, STEP = "whole number of at least 0", "number", "number above 0"
TEXT, FLAG, NAMES, NAME_MAP = "string", "`true` or `false`", "list of names", "lists of names by name"
VALUE, VALUES, CHOICE, TYPE, PATTERN, REF = "value", "list", "non-empty list", "type", "pattern", "reference"

KEYWORDS: Final[dict[str, str]] = {
    **dict.fromkeys(
        ("additionalProperties", "items", "contains", "propertyNames", "not", "if", "then", "else"), SCHEMA
    ),
    **dict.fromkeys(("unevaluatedItems", "unevaluatedProperties", "contentSchema"), SCHEMA),
    **dict.fromkeys(("properties", "patternProperties", "dependentSchemas", "$defs"), SCHEMA_MAP),
    **dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems"), SCHEMAS),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), COUNT),
    **dict.fromkeys(("minContains", "maxContains"), COUNT),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), NUMBER),
    "multipleOf": STEP,
    **dict.fromkeys(("title", "description", "$comment", "format", "$schema"), TEXT),
    **dict.fromkeys(("contentEncoding", "contentMediaType"), TEXT),
    **dict.fromkeys(("uniqueItems", "deprecated", "readOnly", "writeOnly", "x-pii"), FLAG),
    "required": NAMES,
    "dependentRequired": NAME_MAP,
    **dict.fromkeys(("const", "default", "example"), VALUE),
    "examples": VALUES,
    "enum": CHOICE,
    "type": TYPE,
    "pattern": PATTERN,
    "$ref": REF,
}
"""`example` is no keyword of 2020-12 but of its best-known dialect, and people write it."""

UNSUPPORTED: Final = {
    "$id": "it would change what `$ref` means",
    "$anchor": "refer to a place by its path: `#/schemas/Name`",
    "$dynamicRef": "use `$ref`",
    "$dynamicAnchor": "use `$ref`",
    "$recursiveRef": "use `$ref`",
    "$recursiveAnchor": "use `$ref`",
    "$vocabulary": "leave it out",
    "definitions": "call it `$defs`, or put its schemas under `schemas:`",
    "dependencies": "use `dependentRequired` or `dependentSchemas`",
    "additionalItems": "use `prefixItems` with `items`",
    "nullable": 'write `type: [string, "null"]`',
    "discriminator": "use `oneOf` with a `const` in each alternative",
}
"""Keywords of other versions and dialects, with what to do about each."""

TYPES: Final = ("array", "boolean", "integer", "null", "number", "object", "string")
MEANT: Final = {
    **dict.fromkeys(("int", "int32", "int64", "long"), "integer"),
    **dict.fromkeys(("decimal", "float", "double"), "number"),
    **dict.fromkeys(("bool",), "boolean"),
    **dict.fromkeys(("list",), "array"),
    **dict.fromkeys(("map", "dict", "record"), "object"),
    **dict.fromkeys(("str", "text", "date", "date-time"), "string"),
}
"""What people write for a type, and what JSON Schema calls it."""

SAME: Final = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas")
"""Keywords whose schemas look at the same part of a value as the schema around them."""


def inner(schema: YMapping) -> Iterator[tuple[str, YNode]]:
    """The schemas written directly in `schema`, each with its keyword."""
    for entry in schema.entries:
        kind = KEYWORDS.get(entry.key)
        if kind == SCHEMA:
            yield entry.key, entry.value
        elif kind == SCHEMA_MAP and isinstance(entry.value, YMapping):
            yield from ((entry.key, each.value) for each in entry.value.entries)
        elif kind == SCHEMAS and isinstance(entry.value, YSequence):
            yield from ((entry.key, each) for each in entry.value.items)
