"""`unevaluatedProperties` and `unevaluatedItems`: what no other keyword at this place of the value has looked at.

Rare, and so plain rather than fast: the schemas beside are asked once more which of them hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from flowlang.schema.pattern import Pattern
from flowlang.schema.place import Path, Problems
from flowlang.schema.refs import Document

Fit = Callable[[Any, Path, Problems], Any]
Accepts = Callable[[Any, Any], bool]


def members(
    schema: dict[str, Any],
    document: Document,
    accepts: Accepts,
    pattern: Callable[[str], Pattern],
    compile_: Callable[[Any], Fit],
) -> Fit | None:
    """The closure of `unevaluatedProperties`, or None."""
    if "unevaluatedProperties" not in schema:
        return None
    each = compile_(schema["unevaluatedProperties"])

    def fit(value: Any, path: Path, problems: Problems) -> Any:
        if type(value) is not dict:
            return value
        seen = set(_names(schema, value, document, accepts, pattern, own=False))
        result = value
        for name, item in value.items():
            if name not in seen:
                fitted = each(item, (path, name), problems)
                if fitted is not item:
                    result = {**result, name: fitted}
        return result

    return fit


def items(
    schema: dict[str, Any],
    document: Document,
    accepts: Accepts,
    pattern: Callable[[str], Pattern],
    compile_: Callable[[Any], Fit],
) -> Fit | None:
    """The closure of `unevaluatedItems`, or None."""
    if "unevaluatedItems" not in schema:
        return None
    each = compile_(schema["unevaluatedItems"])

    def fit(value: Any, path: Path, problems: Problems) -> Any:
        if type(value) is not list:
            return value
        seen = set(_places(schema, value, document, accepts, own=False))
        return [item if at in seen else each(item, (path, at), problems) for at, item in enumerate(value)]

    return fit


def _names(
    schema: Any,
    value: dict[str, Any],
    document: Document,
    accepts: Accepts,
    pattern: Callable[[str], Pattern],
    own: bool,
) -> Iterator[str]:
    """The members that `schema`, which holds, has looked at."""
    if not isinstance(schema, dict):
        return
    if "additionalProperties" in schema or (own and "unevaluatedProperties" in schema):
        yield from value
        return
    yield from (name for name in schema.get("properties", ()) if name in value)
    for text in schema.get("patternProperties", ()):
        yield from (name for name in value if pattern(text).search(name))
    for each in _holding(schema, value, document, accepts):
        yield from _names(each, value, document, accepts, pattern, own=True)


def _places(schema: Any, value: list[Any], document: Document, accepts: Accepts, own: bool) -> Iterator[int]:
    """The positions that `schema`, which holds, has looked at."""
    if not isinstance(schema, dict):
        return
    if "items" in schema or (own and "unevaluatedItems" in schema):
        yield from range(len(value))
        return
    yield from range(min(len(schema.get("prefixItems", ())), len(value)))
    if "contains" in schema:
        yield from (at for at, item in enumerate(value) if accepts(schema["contains"], item))
    for each in _holding(schema, value, document, accepts):
        yield from _places(each, value, document, accepts, own=True)


def _holding(schema: dict[str, Any], value: Any, document: Document, accepts: Accepts) -> Iterator[Any]:
    """The schemas beside `schema` that hold for `value`."""
    if "$ref" in schema:
        yield document.target(schema["$ref"])
    yield from schema.get("allOf", ())
    for word in ("anyOf", "oneOf"):
        yield from (each for each in schema.get(word, ()) if accepts(each, value))
    if "if" in schema:
        holds = accepts(schema["if"], value)
        if holds:
            yield schema["if"]
        yield schema.get("then" if holds else "else", True)
    if isinstance(value, dict):
        yield from (each for name, each in schema.get("dependentSchemas", {}).items() if name in value)
