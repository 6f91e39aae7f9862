"""What changed between two schemas, and for whom: who gives such values, or who gets them.

A schema becomes narrower when a value that fitted does not fit any more: that hurts who gives values of the old one. It
becomes wider when a value fits that did not: that hurts who reads them by the old one. A keyword whose effect is not known
here counts as both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flowlang.declared import Schema

DEEPEST = 20
WORDS_ONLY = frozenset(("title", "description", "$comment", "example", "examples", "default", "deprecated", "x-pii"))
LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
HERE = frozenset(("type", "enum", "required", "properties", "items", "$ref", "$defs", *LOWER, *UPPER, *WORDS_ONLY))


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: where, in words, and whether the new schema is `narrower` or `wider` by it, or both, or neither."""

    path: str
    words: str
    narrower: bool
    wider: bool


def differences(old: Schema, new: Schema) -> list[Difference]:
    """What `new` has changed, outer before inner."""
    return list(_between(old, old, new, new, "", 0))


def _between(old: Any, old_root: Schema, new: Any, new_root: Schema, path: str, depth: int) -> Iterator[Difference]:
    old, new = _resolved(old, old_root), _resolved(new, new_root)
    if depth > DEEPEST or (old == new and old_root == new_root):
        return
    if old.get("x-pii", False) != new.get("x-pii", False):
        marked = "is marked x-pii now" if new.get("x-pii") else "is not marked x-pii any more"
        yield Difference(path, marked, False, False)
    yield from _types(old, new, path)
    yield from _enum(old, new, path)
    yield from _bounds(old, new, path)
    for word in sorted((old.keys() | new.keys()) - HERE):
        if old.get(word) != new.get(word):
            yield Difference(path, f"has another `{word}`", True, True)
    before, after = _properties(old), _properties(new)
    must, must_now = set(old.get("required", ())), set(new.get("required", ()))
    for name in [*before, *(name for name in after if name not in before)]:
        at = f"{path}.{name}" if path else name
        if name not in after:
            yield Difference(at, "is gone", False, True)
        elif name not in before:
            kind = "required" if name in must_now else "optional"
            yield Difference(at, f"is new and {kind}", name in must_now, False)
        else:
            if (name in must) != (name in must_now):
                now = name in must_now
                yield Difference(at, "is required now" if now else "is optional now", now, not now)
            yield from _between(before[name], old_root, after[name], new_root, at, depth + 1)
    for name in sorted((must ^ must_now) - before.keys() - after.keys()):
        now = name in must_now
        yield Difference(
            f"{path}.{name}" if path else name, "is required now" if now else "is optional now", now, not now
        )
    if isinstance(old.get("items"), dict) and isinstance(new.get("items"), dict):
        yield from _between(old["items"], old_root, new["items"], new_root, f"{path}[]", depth + 1)
    elif old.get("items") != new.get("items"):
        yield Difference(f"{path}[]", "has other items", True, True)


def _resolved(schema: Any, root: Schema) -> dict[str, Any]:
    """`schema` with what it refers to."""
    found: dict[str, Any] = {}
    for _ in range(DEEPEST):
        if not isinstance(schema, dict):
            return found if schema is not False else {**found, "not": {}}
        found = {**schema, **found}
        reference = found.pop("$ref", None)
        if not isinstance(reference, str):
            return found
        schema = _target(reference, root)
    return found


def _target(reference: str, root: Schema) -> Any:
    found: Any = root
    for part in reference.removeprefix("#").split("/")[1:]:
        found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
    return found


def _properties(schema: dict[str, Any]) -> dict[str, Any]:
    found = schema.get("properties")
    return found if isinstance(found, dict) else {}


def _types(old: dict[str, Any], new: dict[str, Any], path: str) -> Iterator[Difference]:
    before, after = _kinds(old), _kinds(new)
    if before != after:
        words = f"is {_listed(after)} now, and was {_listed(before)}"
        yield Difference(path, words, not _covers(after, before), not _covers(before, after))


def _kinds(schema: dict[str, Any]) -> frozenset[str]:
    kinds = schema.get("type")
    return frozenset() if kinds is None else frozenset([kinds] if isinstance(kinds, str) else kinds)


def _covers(wide: frozenset[str], narrow: frozenset[str]) -> bool:
    """Whether every value of a type in `narrow` has one in `wide`; no type at all is any value."""
    more = wide | ({"integer"} if "number" in wide else set())
    return not wide or (bool(narrow) and narrow <= more)


def _listed(kinds: frozenset[str]) -> str:
    return " or ".join(sorted(kinds)) or "any value"


def _enum(old: dict[str, Any], new: dict[str, Any], path: str) -> Iterator[Difference]:
    before, after = old.get("enum"), new.get("enum")
    if before == after:
        return
    if before is None or after is None:
        words = "is one of a list now" if before is None else "is not one of a list any more"
        yield Difference(path, words, before is None, after is None)
        return
    gone = [value for value in before if value not in after]
    fresh = [value for value in after if value not in before]
    if gone:
        yield Difference(path, f"is not {', '.join(map(_shown, gone))} any more", True, False)
    if fresh:
        yield Difference(path, f"may be {', '.join(map(_shown, fresh))} now", False, True)


def _shown(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _bounds(old: dict[str, Any], new: dict[str, Any], path: str) -> Iterator[Difference]:
    for word in (*LOWER, *UPPER):
        before, after = old.get(word), new.get(word)
        if before == after:
            continue
        if before is None or after is None:
            narrower = before is None
        else:
            narrower = (after > before) == (word in LOWER)
        words = f"has no `{word}` any more" if after is None else f"has the {word} {after}"
        yield Difference(path, words, narrower, not narrower)
