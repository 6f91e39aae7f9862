"""Where the references of a schema lead, and that none of them goes in a circle without looking deeper into the value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from flowlang.schema.fault import SchemaError
from flowlang.schema.loops import components

MAX_WORK = 10_000  # schemas that look at one and the same part of a value
MAX_NESTING = 200  # of schemas in each other

# What looks at the same part of the value again, and what looks at a part of it.
_SAME_LIST: Final = ("allOf", "anyOf", "oneOf")
_SAME: Final = ("not", "if", "then", "else")
_DEEPER_LIST: Final = ("prefixItems",)
_DEEPER: Final = (
    "items",
    "contains",
    "additionalProperties",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
)
_DEEPER_MAP: Final = ("properties", "patternProperties")
_UNSUPPORTED: Final = ("$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$vocabulary")


class Document:
    """A whole schema, within which references lead."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self._recursive: set[int] | None = None

    def target(self, reference: Any) -> Any:
        """The schema that `reference` means. Raises SchemaError."""
        if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
            raise SchemaError(f"`{reference}` does not lead into the schema itself")
        here = self.root
        for part in reference.split("/")[1:]:
            key = pointed(part)
            if isinstance(here, list) and key.isascii() and key.isdigit() and int(key) < len(here):
                here = here[int(key)]
            elif isinstance(here, dict) and key in here:
                here = here[key]
            else:
                raise SchemaError(f"`{reference}` leads nowhere")
        if not isinstance(here, dict | bool):
            raise SchemaError(f"`{reference}` leads to something that is not a schema")
        return here

    def is_recursive(self, schema: dict[str, Any]) -> bool:
        """Whether `schema` can be reached from itself."""
        if self._recursive is None:
            self._recursive = self._loops()
        return id(schema) in self._recursive

    def _loops(self) -> set[int]:
        """The identities of all schemas that lie on a loop."""
        place: dict[int, int] = {id(self.root): 0}
        schemas = [self.root]
        follow: list[set[int]] = []
        for schema in schemas:  # grows on the way
            after = set()
            for each in self.within(schema):
                if id(each) not in place:
                    place[id(each)] = len(schemas)
                    schemas.append(each)
                after.add(place[id(each)])
            follow.append(after)
        loop = components(follow)
        return {key for key, at in place.items() if loop[at] >= 0}

    def within(self, schema: Any) -> Iterator[dict[str, Any]]:
        """The schemas directly in `schema`, or that it refers to."""
        yield from self.beside(schema)
        if isinstance(schema, dict):
            for word in _DEEPER_LIST:
                yield from (each for each in schema.get(word, ()) if isinstance(each, dict))
            for word in _DEEPER_MAP:
                yield from (each for each in schema.get(word, {}).values() if isinstance(each, dict))
            yield from (schema[word] for word in _DEEPER if isinstance(schema.get(word), dict))

    def beside(self, schema: Any) -> Iterator[dict[str, Any]]:
        """The schemas that look at the same part of the value as `schema` does."""
        if not isinstance(schema, dict):
            return
        if "$ref" in schema:
            target = self.target(schema["$ref"])
            if isinstance(target, dict):
                yield target
        for word in _SAME_LIST:
            yield from (each for each in schema.get(word, ()) if isinstance(each, dict))
        yield from (schema[word] for word in _SAME if isinstance(schema.get(word), dict))
        yield from (each for each in schema.get("dependentSchemas", {}).values() if isinstance(each, dict))


def pointed(part: str) -> str:
    """The key that a part of a reference stands for."""
    if "%" in part:
        from urllib.parse import unquote  # rare, and slow to load

        part = unquote(part)
    return part.replace("~1", "/").replace("~0", "~")


def check_circles(document: Document) -> None:
    """Raise SchemaError where a schema means itself, or where alternatives are stacked so that they multiply."""
    work: dict[int, int] = {}
    seen: set[int] = set()
    todo = [document.root] if isinstance(document.root, dict) else []
    while todo:
        schema = todo.pop()
        if id(schema) in seen:
            continue
        seen.add(id(schema))
        for word in _UNSUPPORTED:
            if word in schema:
                raise SchemaError(f"`{word}` is not supported")
        _work(document, schema, work, set(), 0)
        todo.extend(document.within(schema))


def _work(document: Document, schema: dict[str, Any], work: dict[int, int], above: set[int], depth: int) -> int:
    known = work.get(id(schema))
    if known is not None:
        return known
    if id(schema) in above or depth > MAX_NESTING:
        raise SchemaError("a schema refers to itself without looking deeper into the value")
    above.add(id(schema))
    total = 1 + sum(_work(document, each, work, above, depth + 1) for each in document.beside(schema))
    above.discard(id(schema))
    if total > MAX_WORK:
        raise SchemaError("its alternatives are stacked so that they multiply")
    work[id(schema)] = total
    return total
