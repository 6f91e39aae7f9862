"""Kernel to one table for each service.

Every port of every block becomes an event named by its producer, and every block becomes a row at its owner. Ports are
shared: in a sequence the ok of one part is the start of the next, and the gone of one part is the undo of the one before,
so a sequence costs no message and no row. What has nothing to undo (a read, a value, an emitted event) is passed over on
the way back: the undo that would have reached it counts as its gone. `_Wiring` says which events a block's ok and gone are; `_Projection` walks the
kernel once and leaves rows behind. Then two facts about the rows as a whole are filled into their wires: who hears each
event, and which values it must carry (backward liveness, in `liveness.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import assert_never

from flowlang import ir
from flowlang.choreograph.liveness import carriage
from flowlang.choreograph.wiring import heard
from flowlang.owners import Owner, owners
from flowlang.table import (
    CatchRow,
    EmitRow,
    Events,
    FailRow,
    Hearing,
    Holding,
    JoinRow,
    LetRow,
    Part,
    RaceRow,
    Row,
    RunRow,
    StepRow,
    SwitchRow,
    Table,
    Taker,
    Way,
    Wire,
)


def project(flow: ir.Flow, flow_hash: str, owned: dict[str, Owner] | None = None) -> dict[str, Table]:
    """The table of each service that takes part in `flow`, by service. `owned` defaults to `owners(flow)`."""
    owned = owned or owners(flow)
    projection = _Projection({path: owner.service for path, owner in owned.items()})
    run = flow.name
    start, undo = (f"{run}.start",), (f"{run}.undo",)
    ok, gone = projection.block(flow.body, start, undo)
    unwired = [Wire(f"{run}.{port}", ()) for port in ("start", "undo", "hint", "closed")]
    steps = [row for _, row in projection.rows if isinstance(row, StepRow)]
    stuck, unstuck = tuple(row.stuck.event for row in steps), tuple(row.unstuck.event for row in steps)
    projection.row(run, RunRow(run, unwired[0], ok, gone, stuck, unstuck, unwired[1], unwired[2], unwired[3]))
    services = sorted({service for service, _ in projection.rows})
    rows, held = _wired(flow, projection.rows, services)
    return {
        service: Table(
            service,
            flow.name,
            flow_hash,
            flow.owner,
            unwired[2].event,
            unwired[3].event,
            tuple(row for owner, row in rows if owner == service),
            tuple(Holding(e, tuple(sorted(names))) for (owner, e), names in sorted(held.items()) if owner == service),
            flow.version,
        )
        for service in services
    }


@dataclass(slots=True)
class _Projection:
    owner: dict[str, str]
    rows: list[tuple[str, Row]] = field(default_factory=list)

    def row(self, path: str, row: Row) -> None:
        self.rows.append((self.owner[path], row))

    def block(self, node: ir.Node, start: Events, undo: Events) -> tuple[Events, Events]:
        """Leave the rows of `node`, started by any of `start` and undone by any of `undo`; returns its ok and its gone."""
        match node:
            case ir.Step():
                ok, gone = _port(node, "ok"), _port(node, "gone")
                self.row(
                    node.path,
                    StepRow(
                        node.path,
                        start,
                        undo if node.undo else (),
                        node.name,
                        node.operation,
                        node.input,
                        node.policy,
                        node.undo,
                        ok,
                        gone,
                        _port(node, "stuck"),
                        _port(node, "unstuck"),
                    ),
                )
                return (ok.event,), _gone_of(node, undo)
            case ir.Let():
                ok, gone = _port(node, "ok"), _port(node, "gone")
                self.row(node.path, LetRow(node.path, start, node.name, node.value, node.schema, ok, gone))
                return (ok.event,), _gone_of(node, undo)
            case ir.Emit():
                ok, gone = _port(node, "ok"), _port(node, "gone")
                self.row(node.path, EmitRow(node.path, start, node.event, node.data, ok, gone))
                return (ok.event,), _gone_of(node, undo)
            case ir.Fail():
                gone = _port(node, "gone")
                self.row(node.path, FailRow(node.path, start, node.error, node.message, gone))
                return (), (gone.event,)
            case ir.Sequence():
                return self.sequence(node, start, undo)
            case ir.Fork():
                return self.fork(node, start, undo)
            case ir.Switch():
                return self.switch(node, start, undo)
            case ir.Race():
                return self.race(node, start, undo)
            case ir.Catch():
                return self.catch(node, start, undo)
            case _:
                assert_never(node)

    def sequence(self, node: ir.Sequence, start: Events, undo: Events) -> tuple[Events, Events]:
        undos = [undo]  # of each item, from the last: the gone of the one after it
        for item in reversed(node.items[1:]):
            undos.append(_gone_of(item, undos[-1]))
        ok, gone = start, undo
        for position, item in enumerate(node.items):
            ok, item_gone = self.block(item, ok, undos[len(node.items) - 1 - position])
            gone = item_gone if position == 0 else gone
        return ok, gone

    def part(self, node: ir.Sequence, start: Wire, undo: Wire) -> Part:
        ok, gone = self.block(node, (start.event,), (undo.event,))
        return Part(ok, gone, undo)

    def fork(self, node: ir.Fork, start: Events, undo: Events) -> tuple[Events, Events]:
        branches = []
        for number, branch in enumerate(node.branches):
            undo_branch = _port(node, f"{number}.undo")
            ok, gone = self.block(branch.body, start, (undo_branch.event,))
            branches.append(Part(ok, gone, undo_branch))
        done, gone_wire = _port(node, "ok"), _port(node, "gone")
        self.row(node.path, JoinRow(node.path, tuple(branches), undo, done, gone_wire))
        return (done.event,), (gone_wire.event,)

    def switch(self, node: ir.Switch, start: Events, undo: Events) -> tuple[Events, Events]:
        ways: list[Way] = []
        oks: list[str] = []
        gones: list[str] = []
        for number, arm in enumerate(node.arms):
            way = Way(arm.when, _port(node, f"{number}.start"), _port(node, f"{number}.undo"))
            part = self.part(arm.body, way.start, way.undo)
            ways.append(way)
            oks += part.ok
            gones += part.gone
        refused = _port(node, "gone")
        self.row(node.path, SwitchRow(node.path, start, undo, tuple(ways), refused))
        return _each(oks), _each([*gones, refused.event])

    def race(self, node: ir.Race, start: Events, undo: Events) -> tuple[Events, Events]:
        hearings: list[Hearing] = []
        oks: list[str] = []
        gones: list[str] = []
        for number, a in enumerate(node.alternatives):
            begin, back = _port(node, f"{number}.start"), _port(node, f"{number}.undo")
            part = self.part(a.body, begin, back)
            hearings.append(Hearing(a.event, a.bind, a.field, a.value, a.where, begin, back))
            oks += part.ok
            gones += part.gone
        late = None
        if node.after is not None:
            late = Way(None, _port(node, "late.start"), _port(node, "late.undo"))
            part = self.part(node.late, late.start, late.undo)
            oks += part.ok
            gones += part.gone
        turned = _port(node, "gone")
        self.row(node.path, RaceRow(node.path, start, undo, tuple(hearings), node.after, late, turned))
        return _each(oks), _each([*gones, turned.event])

    def catch(self, node: ir.Catch, start: Events, undo: Events) -> tuple[Events, Events]:
        undo_body = _port(node, "body.undo")
        ok, gone = self.block(node.body, start, (undo_body.event,))
        takers = []
        for number, handler in enumerate(node.handlers):
            begin, back = _port(node, f"catch{number}.start"), _port(node, f"catch{number}.undo")
            takers.append(Taker(handler.errors, handler.bind, begin, self.part(handler.body, begin, back)))
        done, gone_wire = _port(node, "ok"), _port(node, "gone")
        body = Part(ok, gone, undo_body)
        self.row(node.path, CatchRow(node.path, start, body, tuple(takers), undo, done, gone_wire))
        return (done.event,), (gone_wire.event,)


def _port(node: ir.Step | ir.Let | ir.Emit | ir.Fail | ir.Fork | ir.Switch | ir.Race | ir.Catch, port: str) -> Wire:
    return Wire(f"{node.path}.{port}", ())


def _each(events: list[str]) -> Events:
    return tuple(dict.fromkeys(events))


def _gone_of(node: ir.Node, undo: Events) -> Events:
    """The events that say that `node` is gone; those of what has nothing to undo are also what undoes it."""
    match node:
        case ir.Step() if node.undo is not None:
            return (f"{node.path}.gone",)
        case ir.Step() | ir.Let() | ir.Emit():
            return _each([f"{node.path}.gone", *undo])
        case ir.Fail() | ir.Fork() | ir.Catch():
            return (f"{node.path}.gone",)
        case ir.Sequence():
            for item in reversed(node.items):
                undo = _gone_of(item, undo)
            return undo
        case ir.Switch():
            arms = [_gone_of(arm.body, (f"{node.path}.{n}.undo",)) for n, arm in enumerate(node.arms)]
            return _each([event for arm in arms for event in arm] + [f"{node.path}.gone"])
        case ir.Race():
            parts = [_gone_of(a.body, (f"{node.path}.{n}.undo",)) for n, a in enumerate(node.alternatives)]
            if node.after is not None:
                parts.append(_gone_of(node.late, (f"{node.path}.late.undo",)))
            return _each([event for part in parts for event in part] + [f"{node.path}.gone"])
        case _:
            assert_never(node)


# ---------------------------------------------------------------- who hears, and what is carried


def _wired(
    flow: ir.Flow, rows: list[tuple[str, Row]], services: list[str]
) -> tuple[list[tuple[str, Row]], dict[tuple[str, str], frozenset[str]]]:
    """`rows` with the hearers and the values of every wire; and what each service adds from its record to an event."""
    idle = _idle_entries(flow, rows)
    values = carriage(flow, rows, deaf=idle)
    rows = [
        (service, replace(row, start=()) if isinstance(row, CatchRow) and row.path in idle else row)
        for service, row in rows
    ]
    hearers: dict[str, set[str]] = {f"{flow.name}.hint": set(services), f"{flow.name}.closed": set(services)}
    for service, row in rows:
        for event, _, _ in heard(row):
            hearers.setdefault(event, set()).add(service)

    def fill(wire: Wire) -> Wire:
        names = values.carried.get(wire.event, frozenset())
        return Wire(wire.event, tuple(sorted(hearers.get(wire.event, ()))), tuple(sorted(names)))

    return [(service, rewired(row, fill)) for service, row in rows], values.held


def _idle_entries(flow: ir.Flow, rows: list[tuple[str, Row]]) -> frozenset[str]:
    """The scopes whose exit need not hear their start, since neither a handler nor what follows it reads anything."""
    needed = carriage(flow, rows, holding=False).carried
    return frozenset(
        row.path
        for _, row in rows
        if isinstance(row, CatchRow)
        and all(needed.get(taker.start.event, frozenset()) <= {taker.bind} for taker in row.takers)
    )


def rewired(row: Row, fill: Callable[[Wire], Wire]) -> Row:
    """`row` with `fill` applied to each of its wires."""

    def part(p: Part) -> Part:
        return replace(p, undo=fill(p.undo))

    def way(w: Way) -> Way:
        return replace(w, start=fill(w.start), undo=fill(w.undo))

    match row:
        case StepRow():
            return replace(row, ok=fill(row.ok), gone=fill(row.gone), stuck=fill(row.stuck), unstuck=fill(row.unstuck))
        case LetRow() | EmitRow():
            return replace(row, ok=fill(row.ok), gone=fill(row.gone))
        case FailRow():
            return replace(row, gone=fill(row.gone))
        case JoinRow():
            return replace(row, branches=tuple(map(part, row.branches)), ok=fill(row.ok), gone=fill(row.gone))
        case SwitchRow():
            return replace(row, ways=tuple(map(way, row.ways)), gone=fill(row.gone))
        case RaceRow():
            hearings = tuple(replace(h, start=fill(h.start), undo=fill(h.undo)) for h in row.hearings)
            return replace(row, hearings=hearings, late=row.late and way(row.late), gone=fill(row.gone))
        case CatchRow():
            takers = tuple(replace(t, start=fill(t.start), part=part(t.part)) for t in row.takers)
            return replace(row, body=part(row.body), takers=takers, ok=fill(row.ok), gone=fill(row.gone))
        case RunRow():
            return replace(
                row, start=fill(row.start), undo=fill(row.undo), hint=fill(row.hint), closed=fill(row.closed)
            )
        case _:
            assert_never(row)
