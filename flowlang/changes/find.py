"""What changed between two versions of a flow, and whom it touches.

Three classes. *inert*: nothing runs otherwise. *handler-compatible*: it runs otherwise, but every service goes on to hear
what it heard and to be asked what it was asked; tables are exchanged, handlers stay. *topological*: services change what
they rely on among each other (who hears what from whom, who decides, what an operation or event promises), so they change
together. A change `breaks` when runs in flight, which keep the tables they began with, or other services would fail by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal

from flowlang import ir
from flowlang.changes.schemas import differences
from flowlang.declared import EventType, Operation, Schema
from flowlang.expression.tree import Expression
from flowlang.table import EmitRow, Row, RunRow, Table, wires

Class = Literal["topological", "handler-compatible", "inert"]
CLASSES: tuple[Class, ...] = ("topological", "handler-compatible", "inert")


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a flow in both of its forms; `owners` is who decides each block, by path."""

    flow: ir.Flow
    hash: str
    tables: Mapping[str, Table]
    owners: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """One change: what it is about (a path, an operation, a service), in one sentence."""

    kind: Class
    about: str
    words: str
    breaks: bool = False


def changes(old: Version, new: Version) -> tuple[Change, ...]:
    """Everything that changed, the most far-reaching first."""
    found = [
        *_header(old.flow, new.flow),
        *_blocks(old.flow, new.flow),
        *_owners(old, new),
        *_heard(old, new),
        *_contracts(old.flow, new.flow),
    ]
    return tuple(sorted(dict.fromkeys(found), key=lambda one: (CLASSES.index(one.kind), not one.breaks)))


# ---------------------------------------------------------------- the flow itself


def _header(old: ir.Flow, new: ir.Flow) -> Iterator[Change]:
    if old.name != new.name:
        words = f"is `{new.name}` now, and was `{old.name}`: to every service that is another flow"
        yield Change("topological", "the flow", words, True)
    if old.version != new.version:
        yield Change("inert", "the version", f'is "{new.version}" now, and was "{old.version}"')
    if old.doc != new.doc:
        yield Change("inert", "the documentation", "of the flow is another")
    if _text(old.key) != _text(new.key):
        words = (
            f"is {_quoted(new.key)} now, and was {_quoted(old.key)}: a run that is asked for again may be begun again"
        )
        yield Change("handler-compatible", "the key", words)
    before, after = (None if f.start is None else f.start.event.type for f in (old, new))
    if before != after:
        words = f"is {after or 'a call'} now, and was {before or 'a call'}"
        yield Change("topological", "what starts a run", words, True)
    elif old.start and new.start and _text(old.start.where) != _text(new.start.where):
        yield Change("handler-compatible", "what starts a run", f"has the condition {_quoted(new.start.where)} now")
    given, takes = ({p.name: p for p in f.params} for f in (old, new))
    for name in [*given, *(name for name in takes if name not in given)]:
        if name not in takes:
            yield Change("topological", f"the parameter {name}", "is gone", True)
        elif name not in given:
            must = takes[name].required
            kind: Class = "topological" if must else "handler-compatible"
            yield Change(kind, f"the parameter {name}", f"is new and {'required' if must else 'optional'}", must)
        else:
            yield from _schema(given[name].schema, takes[name].schema, f"the parameter {name}", given=True)
            if given[name].required != takes[name].required:
                must = takes[name].required
                kind = "topological" if must else "handler-compatible"
                yield Change(kind, f"the parameter {name}", f"is {'required' if must else 'optional'} now", must)
    if old.output is not None or new.output is not None:
        yield from _schema(old.output or {}, new.output or {}, "the output", given=False)


def _blocks(old: ir.Flow, new: ir.Flow) -> Iterator[Change]:
    before, after = (_by_path(flow) for flow in (old, new))
    gone = {path: node for path, node in before.items() if path not in after}
    fresh = {path: node for path, node in after.items() if path not in before}
    renamed = _renamed(gone, fresh)
    for path, now in renamed.items():
        yield Change("topological", path, f"is called {now} now: its events have other names", True)
    for path, node in gone.items():
        if path not in renamed:
            yield Change("topological", path, f"is gone ({_what(node)})", isinstance(node, ir.Step))
    for path, node in fresh.items():
        if path not in renamed.values():
            yield Change("topological", path, f"is new ({_what(node)})", isinstance(node, ir.Step))
    for path in before:
        if path in after:
            yield from _block(path, before[path], after[path])


def _by_path(flow: ir.Flow) -> dict[str, ir.Node]:
    """The blocks that their author knows, by their paths without the flow's name."""
    return {
        node.path.split("/", 1)[-1]: node
        for node in ir.walk(flow.body)
        if not isinstance(node, ir.Sequence)
        and not (isinstance(node, ir.Let) and "." in node.name)
        and not (isinstance(node, ir.Switch) and not node.drawn)
    }


def _renamed(gone: Mapping[str, ir.Node], fresh: Mapping[str, ir.Node]) -> dict[str, str]:
    """Steps that do the same under another name, by their old path."""
    found: dict[str, str] = {}
    for path, node in gone.items():
        for now, other in fresh.items():
            if now not in found.values() and isinstance(node, ir.Step) and isinstance(other, ir.Step):
                if _call(node) == _call(other) and node.input.text == other.input.text:
                    found[path] = now
                    break
    return found


def _block(path: str, old: ir.Node, new: ir.Node) -> Iterator[Change]:
    """What changed in a block that is there in both versions; its parts are blocks of their own."""
    if type(old) is not type(new):
        yield Change("topological", path, f"is {_what(new)} now, and was {_what(old)}", True)
        return
    if isinstance(old, ir.Step) and isinstance(new, ir.Step):
        yield from _step(path, old, new)
        return
    for name, before, after in _fields(old, new):
        words = f"has another {_NAMES.get(name, name)}"
        if name == "doc":
            yield Change("inert", path, "has another documentation")
        elif isinstance(before, Expression | None) and isinstance(after, Expression | None):
            yield Change("handler-compatible", path, f"{words}: {_quoted(after)} in place of {_quoted(before)}")
        elif name in ("join", "need"):
            yield Change("topological", path, f"joins {_join(new)} now, and joined {_join(old)}", True)
        elif name == "event" and isinstance(before, EventType) and isinstance(after, EventType):
            if before.type != after.type:
                yield Change("topological", path, f"publishes {after.type} now, and published {before.type}", True)
        elif name not in ("at", "schema"):
            yield Change("handler-compatible", path, words)


_NAMES = {"when": "condition", "where": "condition", "after": "time limit", "items": "list", "most": "bound"}


def _fields(old: ir.Node, new: ir.Node) -> Iterator[tuple[str, Any, Any]]:
    """The fields of two blocks that differ, but for what stands in blocks inside them; of each arm, alternative or handler
    its own fields."""
    for field in fields(old):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if field.name in ("path", "span", "name", "collect", "returned", "yields"):
            continue
        if isinstance(before, tuple) and before and is_dataclass(before[0]) and len(before) == len(after):
            for one, other in zip(before, after, strict=True):
                yield from _fields(one, other)
        elif not isinstance(before, ir.Sequence) and not isinstance(after, ir.Sequence) and not _alike(before, after):
            yield field.name, before, after


def _alike(before: Any, after: Any) -> bool:
    if isinstance(before, Expression) and isinstance(after, Expression):
        return before.text == after.text
    return bool(before == after)


def _join(node: ir.Node) -> str:
    assert isinstance(node, ir.Fork)
    return (
        f"{node.need} of {len(node.branches)}"
        if node.join == "some"
        else "all or cancel"
        if node.join == "cancel"
        else "all"
    )


def _step(path: str, old: ir.Step, new: ir.Step) -> Iterator[Change]:
    if old.operation.service != new.operation.service:
        yield Change("topological", path, f"is done by {_call(new)} now, and was by {_call(old)}", True)
    elif _call(old) != _call(new):
        yield Change("handler-compatible", path, f"calls {_call(new)} now, and called {_call(old)}")
    if old.input.text != new.input.text:
        yield Change("handler-compatible", path, f"has the input {new.input.text}, and had {old.input.text}")
    if old.policy != new.policy:
        yield Change("handler-compatible", path, "is tried otherwise: other attempts, errors or times")
    before, after = old.undo, new.undo
    if before is None and after is not None:
        yield Change("topological", path, f"is undone by {_named(after.operation)} now", True)
    elif before is not None and after is None:
        yield Change("topological", path, f"is not undone any more; it was by {_named(before.operation)}", True)
    elif before is not None and after is not None:
        if _named(before.operation) != _named(after.operation):
            words = f"is undone by {_named(after.operation)} now, and was by {_named(before.operation)}"
            yield Change("handler-compatible", path, words)
        elif before.input.text != after.input.text:
            yield Change("handler-compatible", path, f"is undone with the input {after.input.text} now")
    if old.doc != new.doc:
        yield Change("inert", path, "has another documentation")


# ---------------------------------------------------------------- who decides, and who hears what


def _owners(old: Version, new: Version) -> Iterator[Change]:
    if old.flow.owner != new.flow.owner:
        yield Change("topological", new.flow.owner, f"answers for the run, which {old.flow.owner} did", True)
    before, after = (_decisions(version) for version in (old, new))
    for path, service in before.items():
        if path in after and after[path] != service:
            words = f"is decided at {after[path]} now, and was at {service}"
            yield Change("topological", path, words, True)


def _decisions(version: Version) -> dict[str, str]:
    kinds = (ir.Step, ir.Let, ir.Emit, ir.Fail, ir.Sequence, ir.Commit)
    nodes = (node for node in ir.walk(version.flow.body) if not isinstance(node, kinds))
    return {
        node.path.split("/", 1)[-1]: version.owners[node.path]
        for node in nodes
        if not isinstance(node, ir.Sequence) and node.path in version.owners
    }


def _heard(old: Version, new: Version) -> Iterator[Change]:
    before, after = (_told(version.tables) for version in (old, new))
    for service in sorted(old.tables.keys() - new.tables.keys()):
        yield Change("topological", service, "has no part in the flow any more", True)
    for service in sorted(new.tables.keys() - old.tables.keys()):
        yield Change("topological", service, "has a part in the flow now", True)
    grouped: dict[tuple[str, str, bool], list[str]] = {}
    for hearer, event, source in sorted(before.keys() | after.keys()):
        if hearer not in old.tables or hearer not in new.tables:
            continue
        key = hearer, event, source
        if key not in before or key not in after:
            grouped.setdefault((hearer, source, key in after), []).append(event)
            continue
        lost, gained = before[key] - after[key], after[key] - before[key]
        if lost:
            yield Change("topological", hearer, f"gets no {_list(lost)} with {event} any more", True)
        if gained:
            yield Change("handler-compatible", hearer, f"gets {_list(gained)} with {event} now")
    for (hearer, source, now), events in grouped.items():
        words = f"hears {', '.join(events)} from {source}"
        yield Change("topological", hearer, f"{words} now" if now else f"no longer {words}", True)
    waits, waits_now = (_external(version.tables) for version in (old, new))
    for service, type in sorted(waits - waits_now):
        if service in new.tables:
            yield Change("topological", service, f"does not wait for {type} any more", True)
    for service, type in sorted(waits_now - waits):
        if service in old.tables:
            yield Change("topological", service, f"waits for {type} now", True)


def _told(tables: Mapping[str, Table]) -> dict[tuple[str, str, str], frozenset[str]]:
    """What each event carries from one service to another: by hearer, event and source, without the flow's name."""
    found: dict[tuple[str, str, str], frozenset[str]] = {}
    for source, table in tables.items():
        for row in table.rows:
            for wire in wires(row):
                for hearer in wire.to if not _is_bookkeeping(wire.event, row) else ():
                    if hearer != source:
                        event = wire.event.split("/", 1)[-1]
                        event = event.removeprefix(f"{table.flow}.") if "/" not in wire.event else event
                        found[hearer, event, source] = frozenset(wire.carry)
    return found


def _is_bookkeeping(event: str, row: Row) -> bool:
    port = event.rpartition(".")[2]
    return port in ("stuck", "unstuck") or (isinstance(row, RunRow) and port in ("closed", "hint"))


def _external(tables: Mapping[str, Table]) -> set[tuple[str, str]]:
    """Who waits for which business event."""
    rows = ((service, row) for service, table in tables.items() for row in table.rows)
    return {
        (service, type.type) for service, row in rows if not isinstance(row, EmitRow) for type in _found(row, EventType)
    }


def _found(value: Any, kind: type) -> Iterator[Any]:
    if isinstance(value, kind):
        yield value
    elif isinstance(value, tuple):
        for one in value:
            yield from _found(one, kind)
    elif is_dataclass(value):
        for field in fields(value):
            yield from _found(getattr(value, field.name), kind)


# ---------------------------------------------------------------- what contracts promise


def _contracts(old: ir.Flow, new: ir.Flow) -> Iterator[Change]:
    before, after = ({_named(op): op for op in _found(flow.body, Operation)} for flow in (old, new))
    for name in before.keys() & after.keys():
        yield from _operation(name, before[name], after[name])
    types, types_now = ({type.type: type for type in _found((f.start, f.body), EventType)} for f in (old, new))
    for name in types.keys() & types_now.keys():
        was, now = types[name], types_now[name]
        yield from _schema(was.data, now.data, f"the event {name}", given=False)
        if was.service != now.service:
            yield Change(
                "topological", f"the event {name}", f"comes from {now.service} now, and came from {was.service}", True
            )
        if (was.keep, was.to) != (now.keep, now.to):
            yield Change("handler-compatible", f"the event {name}", "is kept for another time, or for others")


def _operation(name: str, old: Operation, new: Operation) -> Iterator[Change]:
    yield from _schema(old.input, new.input, f"the input of {name}", given=True)
    yield from _schema(old.output, new.output, f"the output of {name}", given=False)
    gone, fresh = set(old.errors) - set(new.errors), set(new.errors) - set(old.errors)
    if gone:
        yield Change("handler-compatible", name, f"does not fail with {_list(gone)} any more")
    if fresh:
        yield Change(
            "topological", name, f"may fail with {_list(fresh)} now, which no table knows that is in use", True
        )
    if old.idempotent and not new.idempotent:
        yield Change("topological", name, "may not be sent again any more, which tables in use would do", True)
    elif old.idempotent != new.idempotent:
        yield Change("handler-compatible", name, "may be sent again now")
    if old.reads != new.reads:
        words = "has no effect to undo now" if new.reads else "has an effect now, which nothing in use would undo"
        yield Change("handler-compatible" if new.reads else "topological", name, words, not new.reads)


def _schema(old: Schema, new: Schema, about: str, *, given: bool) -> Iterator[Change]:
    """Differences of what is handed in (`given`) or read."""
    for one in differences(old, new):
        breaks = one.narrower if given else one.wider
        place = f"{about}: `{one.path}`" if one.path else about
        harmless: Class = "handler-compatible" if one.narrower or one.wider or "new" in one.words else "inert"
        yield Change("topological" if breaks else harmless, place, one.words, breaks)


# ---------------------------------------------------------------- words


def _what(node: ir.Node) -> str:
    match node:
        case ir.Step():
            return f"a step, {_call(node)}"
        case ir.Let():
            return "a return" if node.name == "return" else f"a value, {node.value.text}"
        case ir.Emit():
            return f"emit {node.event.type}"
        case ir.Fail():
            return f"fail {node.error}"
        case ir.Race():
            return "a wait or race"
        case ir.Each() | ir.Repeat():
            return "a loop"
        case ir.Child():
            return f"the flow {node.flow}"
        case ir.Alongside() | ir.Retry() | ir.Interrupt() | ir.Catch() | ir.Undoing():
            return "a clause of a scope"
        case _:
            return f"a {type(node).__name__.lower()}"


def _call(step: ir.Step) -> str:
    return _named(step.operation)


def _named(operation: Operation) -> str:
    return f"{operation.service}.{operation.name}"


def _text(expression: Expression | None) -> str:
    return "" if expression is None else expression.text


def _quoted(expression: Expression | None) -> str:
    return "nothing" if expression is None else f"`{expression.text}`"


def _list(names: frozenset[str] | set[str]) -> str:
    return ", ".join(sorted(names))
