"""Which service of a choreography sees which field of the data, and whether it uses it.

A service sees a value when it makes it (a step's result), is given it (the run's input, at the owner; an event that it
waits for) or hears an event that carries it. It uses a field when an expression in one of its rows reads it; what is there
to be used later it keeps. Everything else only travels through it. All of that stands in the tables; which fields a value
has, and which of them are personal (`x-pii`), stands in the schemas of the flow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from flowlang import ir
from flowlang.declared import Schema
from flowlang.expression.names import selected_paths
from flowlang.expression.tree import Expr, Expression, Index, ListOf, MapOf, Ref, Select, Ternary
from flowlang.table import Row, StepRow, Table, wires

Path = tuple[str, ...]
DEEPEST = 6  # levels of fields that are told apart
ITEM = "[]"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a value of the flow: `order.address.zip` is (address, zip) of order; a list's items are `[]`. A value whose
    fields nobody declared has the one field (). `personal` says that it is marked `x-pii`."""

    value: str
    path: Path
    personal: bool

    def __str__(self) -> str:
        return ".".join((self.value, *self.path)).replace(f".{ITEM}", ITEM)


@dataclass(frozen=True, slots=True)
class Sight:
    """`service` sees `field`. `made`: it comes from there. `read`: an expression there uses it. `kept`: it stays there to
    be used later. None of them: it only travels through."""

    service: str
    field: Field
    made: bool
    read: bool
    kept: bool

    @property
    def used(self) -> bool:
        """Whether the service has any business with the field."""
        return self.made or self.read


def seen(flow: ir.Flow, tables: Mapping[str, Table]) -> tuple[Sight, ...]:
    """Everything that each service sees, by service and then by value and field in the order of the flow."""
    known = fields_of(flow)
    told = _told(tables)
    found: list[Sight] = []
    for service in sorted(tables):
        table = tables[service]
        reads = reads_of(expression for row in table.rows for expression in expressions(row))
        if service == flow.owner:  # which decides whether the run starts, and under which key
            begin = None if flow.start is None else flow.start.where
            for name, paths in reads_of(each for each in (flow.key, begin) if each is not None).items():
                reads.setdefault(name, set()).update(paths)
        made = {row.name for row in table.rows if isinstance(row, StepRow)} & set(known)
        given = set(_given(flow)) if service == flow.owner else set()
        bound = {name for row in table.rows for name in _bound(row)}
        kept = {name for holding in table.holds for name in holding.names}
        for name in [name for name in known if name in made | given | bound | told.get(service, set())]:
            for field in known[name]:
                read = any(_meets(path, field.path) for path in reads.get(name, ()))
                found.append(Sight(service, field, name in made, read, name in kept))
    return tuple(found)


def unused(sights: Iterable[Sight]) -> list[Sight]:
    """What a service sees and has no business with."""
    return [sight for sight in sights if not sight.used]


def reads_of(given: Iterable[Expression]) -> dict[str, set[Path]]:
    """The paths that expressions read, by name; () is the whole value."""
    found: dict[str, set[Path]] = {}
    for expression in given:
        for name, paths in selected_paths(expression.tree).items():
            found.setdefault(name, set()).update(paths)
    return found


def expressions(row: Any) -> Iterator[Expression]:
    """Every expression of a row (or of a block of the kernel), whatever kind it is; parts that are blocks are left out."""
    if isinstance(row, Expression):
        yield row
    elif isinstance(row, tuple):
        for one in row:
            yield from expressions(one)
    elif is_dataclass(row) and not isinstance(row, ir.Sequence):
        for field in fields(row):
            yield from expressions(getattr(row, field.name))


def _meets(read: Path, field: Path) -> bool:
    """Whether reading `read` reads `field`: the one begins with the other. What is read of an item is read of the list."""
    plain = tuple(part for part in field if part != ITEM)
    short = min(len(read), len(plain))
    return read[:short] == plain[:short]


def _told(tables: Mapping[str, Table]) -> dict[str, set[str]]:
    """The values that events bring to each service."""
    found: dict[str, set[str]] = {}
    for service, table in tables.items():
        for row in table.rows:
            for wire in wires(row):
                for hearer in wire.to:
                    if hearer != service:
                        found.setdefault(hearer, set()).update(wire.carry)
    return found


def _given(flow: ir.Flow) -> Iterator[str]:
    yield from (param.name for param in flow.params)
    if flow.start is not None and flow.start.bind:
        yield flow.start.bind


def _bound(row: Row) -> Iterator[str]:
    """The names that a row gives to events from outside."""
    for name in ("hearings", "reactions", "handlers"):
        yield from (one.bind for one in getattr(row, name, ()) if one.bind)


# ---------------------------------------------------------------- which fields a value has


def personal_fields(schema: Schema) -> tuple[Path, ...]:
    """The innermost personal fields of the values of a schema."""
    return tuple(path for path, personal in _Shape(schema, schema).leaves() if personal)


def fields_of(flow: ir.Flow) -> dict[str, tuple[Field, ...]]:
    """The fields of each value of `flow` by its name, in the order in which the flow gives them."""
    found: dict[str, tuple[Field, ...]] = {}
    shapes: dict[str, _Shape] = {}

    def add(name: str, shape: _Shape) -> None:
        if not name or name in shapes:
            return
        shapes[name] = shape
        if "." not in name:  # the compiler's own: made, used and gone at one place
            found[name] = tuple(Field(name, path, personal) for path, personal in shape.leaves())

    for param in flow.params:
        add(param.name, _Shape(param.schema, param.schema))
    if flow.start is not None:
        add(flow.start.bind, _Shape(flow.start.event.data, flow.start.event.data))
    for node in ir.walk(flow.body):
        match node:
            case ir.Step():
                add(node.name, _Shape(node.operation.output, node.operation.output))
            case ir.Let():
                add(node.name, _Shape(node.schema, node.schema) if node.schema else _shape(node.value.tree, shapes))
            case ir.Race() | ir.Interrupt():
                for one in node.alternatives:
                    add(one.bind, _Shape(one.event.data, one.event.data))
            case ir.Alongside():
                for one in node.handlers:
                    add(one.bind, _Shape(one.event.data, one.event.data))
            case ir.Each():
                add(node.variable, _shape(node.items.tree, shapes).item())
                collected = next(
                    (n for n in ir.walk(node.body) if isinstance(n, ir.Let) and n.name == node.yields), None
                )
                if collected is not None:
                    personal = any(p for _, p in _shape(collected.value.tree, shapes).leaves())
                    add(node.collect, _Shape(None, None, personal))
            case ir.Repeat():
                for carried in node.carried:
                    add(carried.name, _shape(carried.first.tree, shapes))
            case ir.Child():
                add(node.name, _Shape(None, None))
            case _:
                pass  # gives no name, or only that of an error
    return found


@dataclass(frozen=True, slots=True)
class _Shape:
    """What is known of a value: the schema for it inside `root`, or only whether it is made of something personal."""

    schema: Any
    root: Schema | None
    personal: bool = False

    def leaves(self) -> list[tuple[Path, bool]]:
        """The innermost fields with whether they are personal; at least one."""
        return list(_leaves(self.schema, self.root or {}, (), self.personal, 0))

    def select(self, name: str) -> _Shape:
        """The field `name`."""
        inner, personal = self.schema, self.personal
        for one in _layers(inner, self.root or {}):
            personal = personal or one.get("x-pii") is True
            properties = one.get("properties")
            if isinstance(properties, dict) and name in properties:
                return _Shape(properties[name], self.root, personal)
        return _Shape(None, None, personal)

    def item(self) -> _Shape:
        """An item of the list."""
        personal = self.personal
        for one in _layers(self.schema, self.root or {}):
            personal = personal or one.get("x-pii") is True
            if isinstance(one.get("items"), dict):
                return _Shape(one["items"], self.root, personal)
        return _Shape(None, None, personal or any(p for _, p in self.leaves()))


def _shape(tree: Expr, known: Mapping[str, _Shape]) -> _Shape:
    """What is known of the value of an expression: of a path everything, of anything else whether it is personal."""
    match tree:
        case Ref():
            return known.get(tree.name, _Shape(None, None))
        case Select():
            return _shape(tree.of, known).select(tree.name)
        case Index():
            return _shape(tree.of, known).item()
        case _:
            return _Shape(None, None, any(_personal(name, path, known) for name, path in _made_of(tree)))


def _made_of(tree: Expr) -> Iterator[tuple[str, Path]]:
    """What the value of an expression may hold a part of: a comparison or a length tells nothing of a person."""
    match tree:
        case MapOf():
            for entry in tree.entries:
                yield from _made_of(entry.value)
        case ListOf():
            for item in tree.items:
                yield from _made_of(item)
        case Ternary():
            yield from _made_of(tree.then)
            yield from _made_of(tree.otherwise)
        case _:
            yield from ((name, path) for name, paths in selected_paths(tree).items() for path in paths)


def _personal(name: str, path: Path, known: Mapping[str, _Shape]) -> bool:
    shape = known.get(name, _Shape(None, None))
    for part in path:
        shape = shape.select(part)
    return any(personal for _, personal in shape.leaves())


def _leaves(schema: Any, root: Schema, path: Path, personal: bool, depth: int) -> Iterator[tuple[Path, bool]]:
    layers = list(_layers(schema, root))
    personal = personal or any(one.get("x-pii") is True for one in layers)
    inner: dict[str, Any] = {}
    for one in layers:
        if isinstance(one.get("properties"), dict):
            inner |= one["properties"]
        elif isinstance(one.get("items"), dict):
            inner.setdefault(ITEM, one["items"])
    if not inner or depth == DEEPEST:
        yield path, personal
        return
    for name, part in inner.items():
        yield from _leaves(part, root, (*path, name), personal, depth + 1)


def _layers(schema: Any, root: Schema) -> Iterator[dict[str, Any]]:
    """`schema` and what it refers to or is made of, each once."""
    todo, met = [schema], set[int]()
    while todo:
        one = todo.pop(0)
        if not isinstance(one, dict) or id(one) in met:
            continue
        met.add(id(one))
        yield one
        if isinstance(one.get("$ref"), str):
            todo.append(_target(one["$ref"], root))
        for word in ("allOf", "anyOf", "oneOf"):
            todo += one.get(word, []) if isinstance(one.get(word), list) else []


def _target(reference: str, root: Schema) -> Any:
    found: Any = root
    for part in reference.removeprefix("#").split("/")[1:]:
        found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
    return found
