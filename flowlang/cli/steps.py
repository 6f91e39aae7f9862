"""The steps of a flow in its order, with each item, attempt and handler of a run in its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from flowlang import ir, table
from flowlang.check.screen import visible
from flowlang.cli.status import USAGE, Stop
from flowlang.declared import Operation
from flowlang.diagnostic import nearest
from flowlang.place import bare, index_of, key
from flowlang.report import path_key
from flowlang.runtime import view
from flowlang.runtime.setting import Crash, names
from flowlang.runtime.sqlite import SqliteStore
from flowlang.runtime.store import RunRow
from flowlang.values import wire_loads


@dataclass(frozen=True, slots=True)
class StepOf:
    """A step as the flow has it: its path, with `[]` and `#` where there may be many of it, and what it calls. `lasting`
    are those that have an effect which nothing undoes; `undoes` those of a compensation block."""

    path: str
    operation: str
    lasting: bool = False
    undoes: bool = False


def steps_of(flow: ir.Flow) -> list[StepOf]:
    """The steps of a flow in its order."""
    return list(_steps(flow.body, covered=False))


def _steps(node: ir.Node, *, covered: bool) -> Iterator[StepOf]:
    """`covered` are steps of a block that has a compensation of its own."""
    match node:
        case ir.Step():
            undone = covered or node.undo is not None
            yield _step(node.path, node.operation, undone, node.firm is not None and node.firm.kind == "undo")
        case ir.Undoing():
            yield from _steps(node.body, covered=True)
            yield from _steps(node.undo, covered=False)
        case _:
            for part in ir.parts_of(node):
                yield from _steps(part, covered=covered)


def _step(path: str, operation: Operation, undone: bool, undoes: bool) -> StepOf:
    lasting = not (undone or undoes or operation.reads)
    return StepOf(path, f"{operation.service}.{operation.name}", lasting, undoes)


def steps_in(store: SqliteStore, row: RunRow) -> list[StepOf]:
    """The same from what is installed. No service knows the order of all steps, so in a choreography those that were
    called come first, as they were called."""
    if row.mode == "orchestrate":
        body = store.share(row.hash, row.mode, row.owner)
        return [] if body is None else steps_of(ir.from_data(wire_loads(body)))
    found = {
        key(step.path): _step(
            step.path, step.operation, step.compensate is not None, step.firm is not None and step.firm.kind == "undo"
        )
        for body in store.shares(row.hash, row.mode).values()
        for step in table.from_data(wire_loads(body)).rows
        if isinstance(step, table.StepRow)
    }
    called = [bare(work.item.call.path) for work in view.steps(store, row.run)]
    return [found[path] for path in dict.fromkeys([*called, *found]) if path in found]


def crash_at(before: Sequence[str], after: Sequence[str], steps: Iterable[StepOf]) -> Crash:
    """Where the process kills itself, as the command line says it about `steps`. Raises Stop for a place that is none of
    them: it is never passed, and that would look like a run that survives."""
    known = [key(step.path) for step in steps if not step.undoes]
    for option, places in (("--crash-before", before), ("--crash-after", after)):
        for place in places:
            if not any(names(bare(place), step) for step in known):
                near = nearest(place, [*known, *(step.rpartition("/")[2] for step in known)])
                meant = f"did you mean `{near}`?" if near else f"its steps: {', '.join(sorted(known))}"
                raise Stop(USAGE, f"{option}: `{visible(place)}` is no step of the flow; {meant}")
    return Crash(tuple(before), tuple(after))


def in_order(steps: Sequence[StepOf], called: Iterable[str]) -> list[str]:
    """The paths of all steps in the order of the flow: `called` are those of which something is known. Items of a loop,
    attempts and handlers stand together, one after the other; a step of which none was called has one line of its own.
    What `steps` does not know stands at the end."""
    templates = {key(step.path): step.path for step in steps}
    paths = list(dict.fromkeys(called))
    seen = {bare(path) for path in paths}
    order = {step.path: number for number, step in enumerate(steps)}
    first: dict[str, int] = {}
    for path, number in order.items():
        for mark in _marks(path):
            first.setdefault(mark, number)

    def place(path: str) -> tuple[tuple[int, int], ...]:
        template = templates[bare(path)]
        numbers = index_of(template, path) if path != bare(path) or "[]" not in path else ()
        around = [(first[mark], number) for mark, number in zip(_marks(template), numbers, strict=False)]
        return (*around, (order[template], 0))

    known = [path for path in paths if bare(path) in templates]
    missing = [path for path, step in zip(templates, steps, strict=False) if path not in seen and not step.undoes]
    strangers = sorted((path for path in paths if bare(path) not in templates), key=path_key)
    return [*sorted([*known, *missing], key=place), *strangers]


def _marks(template: str) -> list[str]:
    """The blocks around a step that there may be many of, from the outside."""
    parts = template.split("/")
    return ["/".join(parts[: place + 1]) for place, part in enumerate(parts) if part.endswith(("[]", "#"))]
