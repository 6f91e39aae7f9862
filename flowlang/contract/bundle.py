"""A schema and everything that it refers to as one self-contained schema: every `$ref` points into its own `$defs`."""

from __future__ import annotations

from typing import Any

from flowlang.contract.keywords import KEYWORDS, SCHEMA, SCHEMA_MAP, SCHEMAS
from flowlang.contract.project import File, Place, Project
from flowlang.declared import Schema
from flowlang.yamltree import YMapping, YNode, YSequence, plain

LEFT_OUT = ("$defs", "$schema", "$comment")  # what is needed of `$defs` comes back by its references


def bundle(node: YNode, file: File, project: Project) -> Schema:
    """The schema `node`, self-contained. One that only refers to another is that other."""
    seen: set[int] = set()
    while isinstance(node, YMapping) and len(node.entries) == 1 and id(node) not in seen:
        seen.add(id(node))
        target = project.target(node, file)
        if target is None:
            break
        node, file = target.node, target.file
    if id(node) in project.bundles:  # the same object, so that it is compiled once
        return project.bundles[id(node)]
    bundling = _Bundling(project)
    schema = bundling.schema(node, file)
    if schema is False:
        return {"not": {}}
    assert schema is True or isinstance(schema, dict)
    whole: dict[str, Any] = {} if schema is True else dict(schema)
    bundling.finish()
    if bundling.defs:
        whole["$defs"] = dict(sorted(bundling.defs.items()))
    project.bundles[id(node)] = whole
    return whole


class _Bundling:
    """The definitions of one schema, named in the order in which they are met."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.defs: dict[str, Any] = {}
        self._names: dict[int, str] = {}  # by identity of the node
        self._taken: set[str] = set()
        self._todo: list[tuple[str, Place]] = []

    def schema(self, node: YNode, file: File) -> Any:
        """`node` as plain data, with its references led to `$defs`."""
        if not isinstance(node, YMapping):
            return plain(node)
        if not self.project.spend():
            return {}
        whole: dict[str, Any] = {}
        for entry in node.entries:
            kind, value = KEYWORDS.get(entry.key), entry.value
            if entry.key in LEFT_OUT:
                continue
            if entry.key == "$ref":
                target = self.project.target(node, file)
                if target is not None:
                    whole["$ref"] = self._reference(target)
            elif kind == SCHEMA:
                whole[entry.key] = self.schema(value, file)
            elif kind == SCHEMA_MAP and isinstance(value, YMapping):
                whole[entry.key] = {each.key: self.schema(each.value, file) for each in value.entries}
            elif kind == SCHEMAS and isinstance(value, YSequence):
                whole[entry.key] = [self.schema(each, file) for each in value.items]
            else:
                whole[entry.key] = plain(value)
        return whole

    def finish(self) -> None:
        """Add the definitions that are referred to, and those that they refer to."""
        for name, place in self._todo:  # grows on the way
            self.defs[name] = self.schema(place.node, place.file)

    def _reference(self, place: Place) -> str:
        name = self._names.get(id(place.node))
        if name is None:
            name, number = place.name or "schema", 2
            while name in self._taken:
                name, number = f"{place.name}_{number}", number + 1
            self._taken.add(name)
            self._names[id(place.node)] = name
            self._todo.append((name, place))
        return "#/$defs/" + name.replace("~", "~0").replace("/", "~1").replace("%", "%25")
