"""What of a comparison stands in the two compiled forms themselves: who knows whom, who decides, who sees too much.

Under an orchestrator a coordinator of its own knows every service, makes every decision and sees every value; it uses
those that it decides by. In a choreography that is what the tables say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flowlang import ir
from flowlang.choreograph.seen import ITEM, expressions, fields_of, reads_of, seen, unused
from flowlang.compare.rates import short
from flowlang.expression.tree import Expression
from flowlang.table import EmitRow, FailRow, LetRow, RunRow, StepRow, Table, wires


@dataclass(frozen=True, slots=True)
class Service:
    """A service of the choreography: how many others it hears from and tells, and what it decides."""

    name: str
    steps: int
    hears_from: int
    tells: int
    decides: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is the same in every run. `unused` are (service, field) pairs that are seen and not used, in each mode, and
    `personal` those of them that are x-pii. `longest` steps of `steps` stand on the longest chain. A change of one step
    touches `touched` tables, as a mean."""

    services: tuple[Service, ...]
    steps: int
    longest: int
    waits: int
    reactions: int
    touched: float
    unused: tuple[int, int]
    personal: tuple[int, int]

    @property
    def deciding(self) -> int:
        """How many services own a decision."""
        return sum(1 for service in self.services if service.decides)


def facts(flow: ir.Flow, tables: Mapping[str, Table]) -> Facts:
    """The facts of `flow` and its `tables`."""
    blocks = list(ir.walk(flow.body))
    through = unused(seen(flow, tables))
    central = list(_central(flow))
    return Facts(
        services=tuple(_services(tables)),
        steps=sum(isinstance(node, ir.Step) for node in blocks),
        longest=longest(flow.body),
        waits=sum(isinstance(node, ir.Race) for node in blocks),
        reactions=sum(isinstance(node, ir.Catch | ir.Interrupt | ir.Retry | ir.Alongside) for node in blocks),
        touched=_touched(tables),
        unused=(len(central), len(through)),
        personal=(sum(central), sum(sight.field.personal for sight in through)),
    )


def longest(node: ir.Node) -> int:
    """The steps on the longest way through `node`, each loop taken once."""
    match node:
        case ir.Step():
            return 1
        case ir.Sequence():
            return sum(map(longest, node.items))
        case ir.Undoing():
            return longest(node.body)
        case ir.Alongside() | ir.Interrupt() | ir.Catch():
            return longest(node.body)
        case _:
            return max(map(longest, ir.parts_of(node)), default=0)


def _services(tables: Mapping[str, Table]) -> Iterator[Service]:
    known = neighbours(tables)
    for name in sorted(tables):
        rows = tables[name].rows
        decides = (row for row in rows if not isinstance(row, StepRow | LetRow | EmitRow | FailRow))
        yield Service(
            name,
            sum(isinstance(row, StepRow) for row in rows),
            len({source for source, target in known if target == name}),
            len({target for source, target in known if source == name}),
            tuple(short(row.path) for row in decides),
        )


def neighbours(tables: Mapping[str, Table]) -> set[tuple[str, str]]:
    """(from, to) of every two services of which one tells the other something of the flow; that a run is over or stuck
    everybody says in every flow."""
    return {
        (service, hearer)
        for service, table in tables.items()
        for row in table.rows
        for wire in wires(row)
        if not _is_bookkeeping(wire.event, row)
        for hearer in wire.to
        if hearer != service
    }


def _is_bookkeeping(event: str, row: object) -> bool:
    port = event.rpartition(".")[2]
    return port in ("stuck", "unstuck") or (isinstance(row, RunRow) and port in ("closed", "hint"))


def _touched(tables: Mapping[str, Table]) -> float:
    """How many tables change with a step, as a mean: its own, and those that hear what it says."""
    counts = [
        len({table.service, *row.ok.to, *row.gone.to})
        for table in tables.values()
        for row in table.rows
        if isinstance(row, StepRow)
    ]
    return sum(counts) / len(counts) if counts else 1.0


def _central(flow: ir.Flow) -> Iterator[bool]:
    """The fields that a coordinator sees and does not decide by, each with whether it is x-pii."""
    deciding = (node for node in ir.walk(flow.body) if not isinstance(node, ir.Step | ir.Emit))
    reads = reads_of(expression for node in deciding for expression in _own(node))
    for fields in fields_of(flow).values():
        for field in fields:
            plain = tuple(part for part in field.path if part != ITEM)
            if not any(plain[: len(path)] == path[: len(plain)] for path in reads.get(field.value, ())):
                yield field.personal


def _own(node: ir.Node) -> Iterator[Expression]:
    if not isinstance(node, ir.Sequence):
        inner = {id(e) for part in ir.parts_of(node) for one in ir.walk(part) for e in expressions(one)}
        yield from (expression for expression in expressions(node) if id(expression) not in inner)
