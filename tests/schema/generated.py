"""Random schemas and values that have something to do with each other."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

NAMES = st.sampled_from(["a", "b", "c", "ab", "x-1"])
NUMBERS = st.integers(-3, 6) | st.sampled_from([Decimal(text) for text in ("0.5", "1.0", "1.5", "-0.1", "2.25", "1e2")])
TEXTS = st.sampled_from(["", "a", "ab", "abc", "aaa", "x-1", "é", "A1"])
PATTERNS = st.sampled_from(["a", "^a", "b$", "^a+$", "^[a-c]*$", "x|^$", "^(ab|c)+$", "[^a]", "a{2,3}"])
KINDS = st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


def _schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    by_name = st.dictionaries(NAMES, inner, max_size=3)
    some = st.lists(inner, min_size=1, max_size=3)
    count = st.integers(0, 3)
    names = st.lists(NAMES, max_size=2, unique=True)
    words: dict[str, st.SearchStrategy[Any]] = {
        "type": KINDS | st.lists(KINDS, min_size=1, max_size=2, unique=True),
        "enum": st.lists(VALUES, min_size=1, max_size=3),
        "const": VALUES,
        "minimum": NUMBERS,
        "maximum": NUMBERS,
        "exclusiveMinimum": NUMBERS,
        "exclusiveMaximum": NUMBERS,
        "multipleOf": st.sampled_from([1, 2, Decimal("0.5"), Decimal("0.1")]),
        "minLength": count,
        "maxLength": count,
        "pattern": PATTERNS,
        "items": inner,
        "prefixItems": some,
        "contains": inner,
        "minContains": count,
        "maxContains": count,
        "minItems": count,
        "maxItems": count,
        "uniqueItems": st.booleans(),
        "properties": by_name,
        "required": names,
        "additionalProperties": inner,
        "patternProperties": st.dictionaries(PATTERNS, inner, max_size=2),
        "propertyNames": inner,
        "minProperties": count,
        "maxProperties": count,
        "dependentRequired": st.dictionaries(NAMES, names, max_size=2),
        "dependentSchemas": by_name,
        "allOf": some,
        "anyOf": some,
        "oneOf": some,
        "not": inner,
        "if": inner,
        "then": inner,
        "else": inner,
        "unevaluatedProperties": inner,
        "unevaluatedItems": inner,
    }
    chosen = st.lists(st.sampled_from(sorted(words)), max_size=4, unique=True)
    return chosen.flatmap(lambda keys: st.fixed_dictionaries({key: words[key] for key in keys}))


_LEAVES: st.SearchStrategy[Any] = st.booleans() | st.fixed_dictionaries({"type": KINDS})
_PLAIN = st.recursive(_LEAVES, _schemas, max_leaves=6)
_REFS = st.sampled_from([{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}])
_WITH_REFS = st.recursive(_LEAVES | _REFS, _schemas, max_leaves=6)

SCHEMAS: st.SearchStrategy[Any] = _PLAIN | st.builds(
    lambda root, a, b: {"allOf": [root], "$defs": {"A": a, "B": {"type": "object", "properties": {"a": b}}}},
    _WITH_REFS,
    _PLAIN,
    _WITH_REFS,
)
