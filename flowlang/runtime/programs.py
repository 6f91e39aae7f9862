"""What the driver holds of a flow: one machine for each mode, and for each role its program, however it is stored.

The two modes meet here and nowhere else. The central machine is imported only when a flow of that mode is run: it knows
the kernel, and a service process must not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flowlang import place, shape, table
from flowlang.declared import EventType, Operation
from flowlang.event import Effect, Error, Input, Value
from flowlang.expression.tree import Expression
from flowlang.link import Link, Refused
from flowlang.runtime.store import ENGINE, FlowRow, ListenRow
from flowlang.table import EmitRow, StepRow, Table, hearings
from flowlang.values import wire_dumps, wire_loads

if TYPE_CHECKING:
    from flowlang import ir

State = Any
Program = Any


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine as the driver sees it. `advance` changes the state in place. `stuck` lists what can't go on by itself as
    (path, kind, why), kind "" where that is no call; `closed` says that this role has no more part in the run."""

    initial: Callable[[Program, str, int], State]
    advance: Callable[[Program, State, Input], list[Effect]]
    stuck: Callable[[Program, State], list[tuple[str, str, str]]]
    closed: Callable[[State], bool]
    refusals: tuple[type[Exception], ...] = ()  # what `advance` raises for a message that is not the role's


@dataclass(frozen=True, slots=True)
class Share:
    """What one role holds of one flow, ready to run; `operations` are all that it may call, by service and name."""

    hash: str
    mode: str
    role: str
    flow: str
    machine: Machine
    program: Program
    operations: Mapping[tuple[str, str], Operation]


@dataclass(frozen=True, slots=True)
class Installation:
    """A flow in one mode as it goes into a store: its row, the body for each role, the event types that it knows."""

    flow: FlowRow
    shares: Mapping[str, str]
    listens: tuple[ListenRow, ...]


# ---------------------------------------------------------------- into a store


def of_flow(flow: ir.Flow, hash: str) -> Installation:
    """`flow` under a central engine."""
    from flowlang import ir
    from flowlang.owners import Listening, heard_by

    listens = _Listens()
    for node in ir.walk(flow.body):
        if isinstance(node, Listening):
            for alternative in heard_by(node):
                listens.heard(alternative.event, ENGINE, alternative.field)
        elif isinstance(node, ir.Emit):
            listens.said(node.event)
    if flow.start is not None:
        listens.heard(flow.start.event, ENGINE, "")
    row = FlowRow(hash, "orchestrate", flow.name, ENGINE, _gate_text(flow))
    return Installation(row, {ENGINE: wire_dumps(ir.to_data(flow))}, listens.rows())


def of_tables(flow: ir.Flow, hash: str, tables: Mapping[str, Table]) -> Installation:
    """`flow` as a choreography of services, each of which gets its own of the `tables`."""
    listens = _Listens()
    for service, one in tables.items():
        for row in one.rows:
            for hearing in hearings(row):
                listens.heard(hearing.type, service, hearing.field)
            if isinstance(row, EmitRow):
                listens.said(row.type)
    if flow.start is not None:
        listens.heard(flow.start.event, flow.owner, "")
    shares = {service: wire_dumps(table.to_data(one)) for service, one in tables.items()}
    return Installation(FlowRow(hash, "choreograph", flow.name, flow.owner, _gate_text(flow)), shares, listens.rows())


@dataclass(slots=True)
class _Listens:
    types: dict[str, EventType] = field(default_factory=dict)
    roles: dict[str, set[str]] = field(default_factory=dict)
    fields: dict[str, set[str]] = field(default_factory=dict)

    def said(self, type: EventType) -> None:
        self.types[type.type] = type

    def heard(self, type: EventType, role: str, name: str) -> None:
        self.types[type.type] = type
        self.roles.setdefault(type.type, set()).add(role)
        if name:
            self.fields.setdefault(type.type, set()).add(name)

    def rows(self) -> tuple[ListenRow, ...]:
        return tuple(
            ListenRow(
                name,
                type.keep,
                type.to,
                wire_dumps(type.data),
                tuple(sorted(self.roles.get(name, ()))),
                tuple(sorted(self.fields.get(name, ()))),
            )
            for name, type in sorted(self.types.items())
        )


# ---------------------------------------------------------------- out of a store


def share_of(hash: str, mode: str, role: str, body: str) -> Share:
    """The share that `body` describes. Raises Misshapen."""
    data = wire_loads(body)
    return _central(hash, role, data) if mode == "orchestrate" else _service(hash, role, data)


def _central(hash: str, role: str, data: Any) -> Share:
    from flowlang import ir
    from flowlang.orchestrate import machine
    from flowlang.orchestrate.outcome import stuck
    from flowlang.orchestrate.program import load

    flow = ir.from_data(data)
    program = load(flow, hash)

    steps = [node for node in ir.walk(flow.body) if isinstance(node, ir.Step)]
    central = Machine(machine.initial, machine.advance, stuck, lambda state: bool(state.status != "open"))
    operations = _operations((step.operation, None if step.undo is None else step.undo.operation) for step in steps)
    return Share(hash, "orchestrate", role, flow.name, central, program, operations)


def _service(hash: str, role: str, data: Any) -> Share:
    from flowlang.choreograph import machine
    from flowlang.choreograph.program import load

    held = table.from_data(data)

    def stuck(_: Program, state: State) -> list[tuple[str, str, str]]:
        if not state.stuck:
            return []
        return [(place.instance(*key), *_stuck_call(state.cells[key])) for key in state.stuck]

    service = Machine(machine.initial, machine.advance, stuck, lambda state: bool(state.closed), (machine.Unheard,))
    operations = _operations(
        (row.operation, None if row.compensate is None else row.compensate.operation)
        for row in held.rows
        if isinstance(row, StepRow)
    )
    return Share(hash, "choreograph", role, held.flow, service, load(held), operations)


def _stuck_call(cell: object) -> tuple[str, str]:
    """The kind of the call that is stuck, or "" where something else is; and why."""
    from flowlang.choreograph.state import DoCell, ParkedCell

    if isinstance(cell, DoCell):
        return cell.step.kind if cell.step.state == "stuck" else "undo", _why(cell.step.stuck)
    return "", _why(cell.error if isinstance(cell, ParkedCell) else None)


def _why(error: Error | None) -> str:
    return "" if error is None else error.message or error.name


def _operations(used: Iterable[tuple[Operation, Operation | None]]) -> dict[tuple[str, str], Operation]:
    found: dict[tuple[str, str], Operation] = {}
    for do, undo in used:
        for operation in (do, undo):
            if operation is not None:
                found[operation.service, operation.name] = operation
    return found


# ---------------------------------------------------------------- how a run begins


@dataclass(frozen=True, slots=True)
class Gate:
    """How events start a flow: by which type, under which condition, with which business key."""

    flow: FlowRow
    type: str
    bind: str
    where: Expression | None
    key: Expression | None
    link: Link

    def values(self, data: Value) -> dict[str, Value] | None:
        """What a run starts with that an event of this data starts, or None when it starts none."""
        values = {self.bind: data} if self.bind else {}
        try:
            return values if self.where is None or self.link.truth(self.where, values) else None
        except Refused:
            return None  # a condition that can't be evaluated on this event is not met

    def key_text(self, values: Mapping[str, Value]) -> Value:
        """The business key of such a run, or None. Raises Refused."""
        return None if self.key is None else self.link.value(self.key, values)


def _gate_text(flow: ir.Flow) -> str:
    if flow.start is None:
        return ""
    start = flow.start
    data = {
        "type": start.event.type,
        "bind": start.bind,
        "where": None if start.where is None else shape.to_data(start.where),
        "key": None if flow.key is None else shape.to_data(flow.key),
    }
    return wire_dumps(data)


def gate_of(flow: FlowRow) -> Gate | None:
    """The gate of an installed flow, or None where events don't start it."""
    if not flow.gate:
        return None
    data = wire_loads(flow.gate)
    where, key = (None if data[name] is None else shape.from_data(Expression, data[name]) for name in ("where", "key"))
    return Gate(flow, data["type"], data["bind"], where, key, Link())
