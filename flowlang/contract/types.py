"""From a schema to the type that the checker sees: records, lists, maps and scalars; everything else is opaque.

A schema says what a value may not be, a type what one may do with it, so a type is given only where every value that
fits the schema has it: `properties` without `type: object` lets strings pass, and is no record.
"""

from __future__ import annotations

from dataclasses import replace

from flowlang.contract.project import File, Project
from flowlang.expression.types import (
    ANY,
    BOOL,
    DECIMAL,
    INT,
    NULL,
    STRING,
    Anything,
    Field,
    ListType,
    MapType,
    Maybe,
    Record,
    String,
    Type,
)
from flowlang.yamltree import YMapping, YNode, YScalar, YSequence

MAX_PARTS = 2_000  # records and lists of one type: mutual recursion would multiply them
MAX_DEPTH = 40  # of them in each other
_SCALARS: dict[str, Type] = {"string": STRING, "integer": INT, "number": DECIMAL, "boolean": BOOL, "null": NULL}


def type_of(node: YNode, file: File, project: Project, name: str = "") -> Type:
    """The type of values that fit the schema `node`. Recursion ends in an opaque type."""
    target = project.target(node, file) if isinstance(node, YMapping) and len(node.entries) == 1 else None
    if target is not None:  # most inputs and outputs are a reference and nothing else
        node, file, name = target.node, target.file, target.name
    if id(node) not in project.types:
        project.types[id(node)] = _Typing(project).of(node, file, name)
    return project.types[id(node)]


class _Typing:
    """The schemas above the one under way, and those done."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.above: set[int] = set()
        self.done: dict[int, Type] = {}
        self.left = MAX_PARTS
        self.cut = 0  # how often recursion was met

    def of(self, node: YNode, file: File, name: str = "") -> Type:
        """The type of `node`; `name` is what the contract calls it."""
        if not isinstance(node, YMapping):
            return ANY
        if id(node) in self.done:
            return self.done[id(node)]
        if id(node) in self.above or self.left <= 0 or len(self.above) >= MAX_DEPTH or not self.project.spend():
            self.cut += 1
            return ANY
        self.left -= 1
        self.above.add(id(node))
        before = self.cut
        found = self._all(node, file, name)
        self.above.discard(id(node))
        if self.cut == before:  # else it depends on what stands above it
            self.done[id(node)] = found
        return found

    def _all(self, node: YMapping, file: File, name: str) -> Type:
        """What the schema itself says together with what `$ref` and `allOf` say: a value has all of these types."""
        types = [self._own(node, file, name)]
        target = self.project.target(node, file)
        if target is not None:
            types.append(self.of(target.node, target.file, target.name))
        parts = node.get("allOf")
        record = any(isinstance(each, Record) for each in types)
        for part in parts.items if isinstance(parts, YSequence) else ():
            types.append(self.of(part, file, name))
            record = record or isinstance(types[-1], Record)
        if record and isinstance(parts, YSequence):  # `properties` in a part say no `type`, but it is an object
            types += [self._record(each, file, name) for each in (node, *parts.items) if _only_properties(each)]
        known = [each for each in types if not isinstance(each, Anything)]
        if known and all(isinstance(each, Record) for each in known):
            return _merged([each for each in known if isinstance(each, Record)], name)
        return known[0] if len(known) == 1 else ANY

    def _own(self, node: YMapping, file: File, name: str) -> Type:
        choice = _choice(node)
        if choice is not None:
            return choice
        alternative = self._alternative(node, file, name)
        if alternative is not None:
            return alternative
        names = _type_names(node)
        rest = [each for each in names if each != "null"]
        if sorted(rest) == ["integer", "number"]:
            return ANY
        found = self._plain(rest[0], node, file, name) if len(rest) == 1 else NULL if names and not rest else ANY
        return _maybe(found) if rest and "null" in names else found

    def _plain(self, kind: str, node: YMapping, file: File, name: str) -> Type:
        """The type of a schema whose `type` is `kind`."""
        if kind == "object":
            if node.get("properties") is not None:
                return self._record(node, file, name)
            others = node.get("additionalProperties")
            return MapType(_plainly(self.of(others, file))) if isinstance(others, YMapping) else ANY
        if kind == "array":
            items = node.get("items")
            if node.get("prefixItems") is not None:
                return ANY
            return ListType(self.of(items, file)) if isinstance(items, YMapping) else ListType(ANY)
        return _SCALARS.get(kind, ANY)

    def _record(self, node: YNode, file: File, name: str) -> Record:
        assert isinstance(node, YMapping)
        properties, required = node.get("properties"), node.get("required")
        needed = (
            {each.value for each in required.items if isinstance(each, YScalar)}
            if isinstance(required, YSequence)
            else set()
        )
        others = node.get("additionalProperties")
        fields = []
        for entry in properties.entries if isinstance(properties, YMapping) else ():
            found = self.of(entry.value, file)
            always = entry.key in needed and not isinstance(found, Maybe) and found != NULL
            personal = self._personal(entry.value, file)
            fields.append(Field(entry.key, _plainly(found), always, personal, entry.span))
        is_open = isinstance(others, YScalar) and others.value is True
        known = {each.name for each in fields}
        fields += [Field(str(each), ANY, True) for each in needed - known if isinstance(each, str)]
        return Record(tuple(sorted(fields, key=lambda each: each.name)), name, is_open)

    def _personal(self, node: YNode, file: File) -> bool:
        """Whether `x-pii: true` stands in the schema, or in the one that it refers to."""
        seen: set[int] = set()
        while isinstance(node, YMapping) and id(node) not in seen:
            seen.add(id(node))
            marked = node.get("x-pii")
            if isinstance(marked, YScalar) and marked.value is True:
                return True
            target = self.project.target(node, file)
            if target is None:
                return False
            node, file = target.node, target.file
        return False

    def _alternative(self, node: YMapping, file: File, name: str) -> Type | None:
        """`anyOf` or `oneOf` of a schema and null, which is how an optional value is written besides `type: [T, "null"]`."""
        for word in ("anyOf", "oneOf"):
            parts = node.get(word)
            if isinstance(parts, YSequence) and len(parts.items) == 2:
                rest = [
                    each for each in parts.items if not (isinstance(each, YMapping) and _type_names(each) == ["null"])
                ]
                if len(rest) == 1 and not _type_names(node):
                    return _maybe(self.of(rest[0], file, name))
        return None


def _type_names(node: YMapping) -> list[str]:
    names = node.get("type")
    items = names.items if isinstance(names, YSequence) else () if names is None else (names,)
    return [str(each.value) for each in items if isinstance(each, YScalar)]


def _choice(node: YMapping) -> Type | None:
    """The type of `enum` and `const`: what all the values have in common."""
    enum, const = node.get("enum"), node.get("const")
    items = enum.items if isinstance(enum, YSequence) else () if const is None else (const,)
    if not items:
        return None
    values = [each.value if isinstance(each, YScalar) else each for each in items]
    rest = [each for each in values if each is not None]
    if not rest:
        return NULL
    found: Type = ANY
    if all(isinstance(each, str) for each in rest):
        found = String(tuple(str(each) for each in rest))
    elif all(isinstance(each, bool) for each in rest):
        found = BOOL
    elif all(type(each) is int for each in rest) and _type_names(node) == ["integer"]:
        found = INT
    elif "number" in _type_names(node):
        return None  # normalised by `type`
    return _maybe(found) if len(rest) < len(values) else found


def _only_properties(node: YNode) -> bool:
    return isinstance(node, YMapping) and node.get("properties") is not None and node.get("type") is None


def _maybe(found: Type) -> Type:
    return found if isinstance(found, Maybe | Anything) or found == NULL else Maybe(found)


def _plainly(found: Type) -> Type:
    """Of a field or a map's value: that it may be absent is said by the field."""
    return found.item if isinstance(found, Maybe) else found


def _merged(records: list[Record], name: str) -> Record:
    """A record with the fields of all of `records`."""
    fields: dict[str, Field] = {}
    for each in (field for record in records for field in record.fields):
        other = fields.get(each.name)
        if other is None:
            fields[each.name] = each
            continue
        found = each.type if isinstance(other.type, Anything) else other.type
        span = other.span or each.span
        always, personal = other.required or each.required, other.personal or each.personal
        fields[each.name] = replace(other, type=found, required=always, personal=personal, span=span)
    named = name or next((record.name for record in records if record.name), "")
    return Record(tuple(fields[key] for key in sorted(fields)), named, any(record.open for record in records))
