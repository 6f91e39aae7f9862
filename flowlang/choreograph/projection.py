"""Kernel to one table for each service.

Every port of every block becomes an event named by its producer, and every block becomes a row at its owner. Ports are
shared: in a sequence the ok of one part is the start of the next, and the gone of one part is the undo of the one before,
so a sequence costs no message and no row. What has nothing to undo (a read, a value, an emitted event) is passed over on
the way back: the undo that would have reached it counts as its gone.

`_Projection` walks the kernel once and leaves rows behind. What a block must know of what is around it is in `_Around`:
the hints that turn it, the exit that waits for the joins begun in it, and who conducts. Then two facts about the rows as a
whole are filled into their wires: who hears each event, and which values it must carry (`liveness.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import assert_never

from flowlang import ir
from flowlang.choreograph.liveness import carriage
from flowlang.choreograph.wiring import heard
from flowlang.declared import Firm
from flowlang.owners import Owner, owners
from flowlang.table import (
    AlongsideRow,
    Carrying,
    CatchRow,
    ChildRow,
    CommitRow,
    EachRow,
    EmitRow,
    Ending,
    Events,
    FailRow,
    Hearing,
    Holding,
    InterruptRow,
    JoinRow,
    LetRow,
    Part,
    RaceRow,
    Reaction,
    RelayRow,
    RepeatRow,
    RetryRow,
    Row,
    RunRow,
    StepRow,
    SwitchRow,
    Table,
    Taker,
    UndoingRow,
    Way,
    Wire,
    rewired,
)

Ends = tuple[Events, Events]  # the ok and the gone of a block


def project(flow: ir.Flow, flow_hash: str, owned: dict[str, Owner] | None = None) -> dict[str, Table]:
    """The table of each service that takes part in `flow`, by service. `owned` defaults to `owners(flow)`."""
    owned = owned or owners(flow)
    projection = _Projection({path: owner.service for path, owner in owned.items()})
    run, exit = flow.name, _Exit()
    ok, gone = projection.block(flow.body, (f"{run}.start",), (f"{run}.undo",), _Around((f"{run}.hint",), exit))
    start, undo, hint, closed = (Wire(f"{run}.{port}", ()) for port in ("start", "undo", "hint", "closed"))
    rows = [row for _, row in projection.rows]
    resolvable = [row for row in rows if isinstance(row, StepRow)]
    for_good = [row.stuck.event for row in rows if isinstance(row, MayStick) and row.stuck is not None]
    stuck = (*(row.stuck.event for row in resolvable), *for_good)
    unstuck = tuple(row.unstuck.event for row in resolvable)
    projection.row(run, RunRow(run, start, ok, gone, stuck, unstuck, undo, hint, closed, exit.joins()))
    services = sorted({service for service, _ in projection.rows})
    wired, held = _wired(flow, projection.rows, services)
    return {
        service: Table(
            service,
            flow.name,
            flow_hash,
            flow.owner,
            closed.event,
            tuple(row for owner, row in wired if owner == service),
            tuple(Holding(e, tuple(sorted(names))) for (owner, e), names in sorted(held.items()) if owner == service),
            flow.version,
        )
        for service in services
    }


MayStick = LetRow | EmitRow | SwitchRow | RaceRow | EachRow | RepeatRow


class _Exit:
    """The joins whose losers an exit waits for, found while its inside is walked."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def joins(self) -> Events:
        return tuple(self.found)


@dataclass(frozen=True, slots=True)
class _Around:
    """What is around a block. `hints` turn it, `exit` waits for the joins begun in it, `conductor` starts its steps, `child`
    is the path of the child flow around it, `reason` the name of the value that says why a compensation block runs."""

    hints: Events
    exit: _Exit
    conductor: str = ""
    child: str = ""
    reason: str = ""


@dataclass(slots=True)
class _Projection:
    owner: dict[str, str]
    rows: list[tuple[str, Row]] = field(default_factory=list)

    def row(self, path: str, row: Row) -> None:
        self.rows.append((self.owner[path], row))

    # ------------------------------------------------------------ leaves

    def block(self, node: ir.Node, start: Events, undo: Events, around: _Around) -> Ends:
        """Leave the rows of `node`, started by any of `start` and undone by any of `undo`; returns its ok and its gone."""
        match node:
            case ir.Step():
                return self.conducted(node, start, undo, around)
            case ir.Let():
                ok, gone = _port(node, "ok"), _port(node, "gone")
                stuck = _stuck(node, node.firm)
                row = LetRow(
                    node.path, start, node.name, node.value, node.schema, ok, gone, node.breach, node.firm, stuck
                )
                self.row(node.path, row)
                return (ok.event,), _gone_of(node, undo, around)
            case ir.Emit():
                return self.conducted(node, start, undo, around)
            case ir.Fail():
                gone = _port(node, "gone")
                self.row(node.path, FailRow(node.path, start, node.error, node.message, gone))
                return (), (gone.event,)
            case ir.Commit():
                ok, gone = _port(node, "ok"), _port(node, "gone")
                self.row(node.path, CommitRow(node.path, start, around.child, ok, gone))
                return (ok.event,), (gone.event,)
            case ir.Sequence():
                return self.sequence(node, start, undo, around)
            case ir.Fork():
                return self.fork(node, start, undo, around)
            case ir.Switch():
                return self.switch(node, start, undo, around)
            case ir.Race():
                return self.race(node, start, undo, around)
            case ir.Each():
                return self.each(node, start, undo, around)
            case ir.Repeat():
                return self.repeat(node, start, undo, around)
            case ir.Alongside():
                return self.alongside(node, start, undo, around)
            case ir.Retry():
                return self.retry(node, start, undo, around)
            case ir.Interrupt():
                return self.interrupt(node, start, undo, around)
            case ir.Catch():
                return self.catch(node, start, undo, around)
            case ir.Undoing():
                return self.undoing(node, start, undo, around)
            case ir.Child():
                return self.child(node, start, undo, around)
            case ir.Region():
                return self.block(node.body, start, undo, replace(around, conductor=node.at))
            case _:
                assert_never(node)

    def conducted(self, node: ir.Step | ir.Emit, start: Events, undo: Events, around: _Around) -> Ends:
        """A step or an emit; in a region of another service the conductor starts it and hears how it ended."""
        conductor = around.conductor
        if conductor in ("", self.owner[node.path]):
            self.leaf(node, start, undo, around)
            return (f"{node.path}.ok",), _gone_of(node, undo, around)
        begin, back = _port(node, "do"), _port(node, "back")
        self.leaf(node, (begin.event,), (back.event,), replace(around, hints=()))
        part = Part((f"{node.path}.ok",), (f"{node.path}.gone",), back)
        ok, gone = _port(node, "done"), _port(node, "over")
        undone = undo if isinstance(node, ir.Step) and node.undo is not None else ()
        hints = around.hints if isinstance(node, ir.Step) else ()
        self.rows.append((conductor, RelayRow(node.path, start, begin, part, undone, ok, gone, hints)))
        return (ok.event,), _gone_of(node, undo, around)

    def leaf(self, node: ir.Step | ir.Emit, start: Events, undo: Events, around: _Around) -> None:
        ok, gone = _port(node, "ok"), _port(node, "gone")
        if isinstance(node, ir.Emit):
            stuck = _stuck(node, node.firm)
            return self.row(node.path, EmitRow(node.path, start, node.event, node.data, ok, gone, node.firm, stuck))
        row = StepRow(
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
            around.hints,
            node.firm,
            around.reason if node.firm is not None and node.firm.kind == "undo" else "",
        )
        self.row(node.path, row)

    # ------------------------------------------------------------ order

    def sequence(self, node: ir.Sequence, start: Events, undo: Events, around: _Around) -> Ends:
        undos = [undo]  # of each item, from the last: the gone of the one after it
        for item in reversed(node.items[1:]):
            undos.append(_gone_of(item, undos[-1], around))
        ok, gone = start, undo
        for position, item in enumerate(node.items):
            ok, item_gone = self.block(item, ok, undos[len(node.items) - 1 - position], around)
            gone = item_gone if position == 0 else gone
            if isinstance(item, ir.Commit):  # from here on nobody turns anything round
                around = replace(around, hints=())
        return ok, gone

    def part(self, node: ir.Sequence, start: Wire, undo: Wire, around: _Around) -> Part:
        ok, gone = self.block(node, (start.event,), (undo.event,), around)
        return Part(ok, gone, undo)

    def fork(self, node: ir.Fork, start: Events, undo: Events, around: _Around) -> Ends:
        branches, hints = [], []
        for number, branch in enumerate(node.branches):
            undo_branch, inside = _port(node, f"{number}.undo"), around
            if node.join != "all":
                hints.append(_port(node, f"{number}.hint"))
                inside = replace(around, hints=(*around.hints, hints[-1].event))
            ok, gone = self.block(branch.body, start, (undo_branch.event,), inside)
            branches.append(Part(ok, gone, undo_branch))
        done, gone_wire, closed = _port(node, "ok"), _port(node, "gone"), None
        if node.join == "some":
            closed = _port(node, "closed")
            around.exit.found.append(closed.event)
        row = JoinRow(node.path, tuple(branches), node.join, node.need, undo, done, gone_wire, tuple(hints), closed)
        self.row(node.path, row)
        return (done.event,), (gone_wire.event,)

    def switch(self, node: ir.Switch, start: Events, undo: Events, around: _Around) -> Ends:
        ways: list[Way] = []
        oks: list[str] = []
        gones: list[str] = []
        for number, arm in enumerate(node.arms):
            way = Way(arm.when, _port(node, f"{number}.start"), _port(node, f"{number}.undo"))
            part = self.part(arm.body, way.start, way.undo, around)
            ways.append(way)
            oks += part.ok
            gones += part.gone
        refused = _port(node, "gone")
        row = SwitchRow(node.path, start, undo, tuple(ways), refused, node.firm, _stuck(node, node.firm))
        self.row(node.path, row)
        return _each(oks), _each([*gones, refused.event])

    def race(self, node: ir.Race, start: Events, undo: Events, around: _Around) -> Ends:
        hearings: list[Hearing] = []
        oks: list[str] = []
        gones: list[str] = []
        for number, a in enumerate(node.alternatives):
            begin, back = _port(node, f"{number}.start"), _port(node, f"{number}.undo")
            part = self.part(a.body, begin, back, around)
            hearings.append(Hearing(a.event, a.bind, a.field, a.value, a.where, begin, back))
            oks += part.ok
            gones += part.gone
        late = None
        if node.after is not None:
            late = Way(None, _port(node, "late.start"), _port(node, "late.undo"))
            part = self.part(node.late, late.start, late.undo, around)
            oks += part.ok
            gones += part.gone
        turned = _port(node, "gone")
        row = RaceRow(
            node.path,
            start,
            undo,
            tuple(hearings),
            node.after,
            late,
            turned,
            node.absolute,
            around.hints,
            node.firm,
            _stuck(node, node.firm),
        )
        self.row(node.path, row)
        return _each(oks), _each([*gones, turned.event])

    def each(self, node: ir.Each, start: Events, undo: Events, around: _Around) -> Ends:
        begin, back = Wire(f"{node.path}[].start", ()), Wire(f"{node.path}[].undo", ())
        body = self.part(node.body, begin, back, around)
        ok, gone = _port(node, "ok"), _port(node, "gone")
        row = EachRow(
            node.path,
            start,
            undo,
            node.variable,
            node.items,
            node.width,
            node.yields,
            node.collect,
            begin,
            body,
            ok,
            gone,
            node.firm,
            _stuck(node, node.firm),
        )
        self.row(node.path, row)
        return (ok.event,), (gone.event,)

    def repeat(self, node: ir.Repeat, start: Events, undo: Events, around: _Around) -> Ends:
        begin, back = Wire(f"{node.path}[].start", ()), Wire(f"{node.path}[].undo", ())
        body = self.part(node.body, begin, back, around)
        ok, gone, late = _port(node, "ok"), _port(node, "gone"), None
        late_ok: Events = ()
        late_gone: Events = ()
        if node.late is not None:
            late = Way(None, _port(node, "late.start"), _port(node, "late.undo"))
            late_ok, late_gone = self.block(node.late, (late.start.event,), (late.undo.event,), around)
        row = RepeatRow(
            node.path,
            start,
            undo,
            tuple(Carrying(c.name, c.first, c.next) for c in node.carried),
            node.until,
            node.every,
            node.most,
            begin,
            body,
            late,
            late_gone,
            ok,
            gone,
            around.hints,
            node.firm,
            _stuck(node, node.firm),
        )
        self.row(node.path, row)
        return (ok.event, *late_ok), (gone.event,)

    # ------------------------------------------------------------ scopes

    def alongside(self, node: ir.Alongside, start: Events, undo: Events, around: _Around) -> Ends:
        exit = _Exit()
        inside, undo_body = replace(around, exit=exit), _port(node, "body.undo")
        ok, gone = self.block(node.body, start, (undo_body.event,), inside)
        handlers = []
        for a in node.handlers:
            begin, back = Wire(f"{a.path}.start", ()), Wire(f"{a.path}.undo", ())
            part = self.part(a.body, begin, back, inside)
            handlers.append(Reaction(a.event, a.bind, a.field, a.value, a.where, begin, part))
        done, gone_wire = _port(node, "ok"), _port(node, "gone")
        body = Part(ok, gone, undo_body)
        row = AlongsideRow(node.path, start, body, tuple(handlers), undo, done, gone_wire, exit.joins())
        self.row(node.path, row)
        return (done.event,), (gone_wire.event,)

    def retry(self, node: ir.Retry, start: Events, undo: Events, around: _Around) -> Ends:
        exit, attempt = _Exit(), attempt_of(node.path)
        begin, undo_body = Wire(f"{attempt}.start", ()), Wire(f"{attempt}.undo", ())
        inside = replace(around, exit=exit)
        ok, gone = self.block(node.body, (*start, begin.event), (undo_body.event,), inside)
        done, gone_wire = _port(node, "ok"), _port(node, "gone")
        row = RetryRow(
            node.path,
            start,
            begin,
            Part(ok, gone, undo_body),
            node.limit,
            node.backoff_min,
            node.backoff_max,
            node.errors,
            undo,
            done,
            gone_wire,
            around.hints,
            exit.joins(),
        )
        self.row(node.path, row)
        return (done.event,), (gone_wire.event,)

    def interrupt(self, node: ir.Interrupt, start: Events, undo: Events, around: _Around) -> Ends:
        exit, hint, undo_body = _Exit(), _port(node, "hint"), _port(node, "body.undo")
        inside = replace(around, exit=exit, hints=(*around.hints, hint.event))
        ok, gone = self.block(node.body, start, (undo_body.event,), inside)
        outside = replace(around, exit=exit)  # handlers stand outside of their own latch
        reactions = []
        for number, a in enumerate(node.alternatives):
            begin, back = _port(node, f"{number}.start"), _port(node, f"{number}.undo")
            part = self.part(a.body, begin, back, outside)
            reactions.append(Reaction(a.event, a.bind, a.field, a.value, a.where, begin, part))
        late = None
        if node.after is not None:
            begin, back = _port(node, "late.start"), _port(node, "late.undo")
            late = Ending(begin, self.part(node.late, begin, back, outside))
        done, gone_wire = _port(node, "ok"), _port(node, "gone")
        row = InterruptRow(
            node.path,
            start,
            Part(ok, gone, undo_body),
            tuple(reactions),
            node.after,
            late,
            undo,
            done,
            gone_wire,
            hint,
            exit.joins(),
        )
        self.row(node.path, row)
        return (done.event,), (gone_wire.event,)

    def catch(self, node: ir.Catch, start: Events, undo: Events, around: _Around) -> Ends:
        exit, undo_body = _Exit(), _port(node, "body.undo")
        inside = replace(around, exit=exit)
        ok, gone = self.block(node.body, start, (undo_body.event,), inside)
        takers = []
        for number, handler in enumerate(node.handlers):
            begin, back = _port(node, f"catch{number}.start"), _port(node, f"catch{number}.undo")
            takers.append(Taker(handler.errors, handler.bind, begin, self.part(handler.body, begin, back, inside)))
        done, gone_wire = _port(node, "ok"), _port(node, "gone")
        body = Part(ok, gone, undo_body)
        row = CatchRow(node.path, start, body, tuple(takers), undo, done, gone_wire, exit.joins())
        self.row(node.path, row)
        return (done.event,), (gone_wire.event,)

    def undoing(self, node: ir.Undoing, start: Events, undo: Events, around: _Around) -> Ends:
        exit, undo_body = _Exit(), _port(node, "body.undo")
        inside = replace(around, exit=exit)
        ok, gone = self.block(node.body, start, (undo_body.event,), inside)
        begin, back = _port(node, "undo.start"), _port(node, "undo.undo")
        block = self.part(node.undo, begin, back, replace(inside, hints=(), reason=reason_of(node.path)))
        done, gone_wire = _port(node, "ok"), _port(node, "gone")
        body = Part(ok, gone, undo_body)
        self.row(node.path, UndoingRow(node.path, body, begin, block, undo, done, gone_wire, exit.joins()))
        return (done.event,), _each([*gone, gone_wire.event])

    def child(self, node: ir.Child, start: Events, undo: Events, around: _Around) -> Ends:
        exit, hint = _Exit(), _port(node, "hint")
        begin, undo_body = _port(node, "body.start"), _port(node, "body.undo")
        inside = replace(around, exit=exit, hints=(hint.event,), child=node.path)
        body = self.part(node.body, begin, undo_body, inside)
        done, gone_wire = _port(node, "ok"), _port(node, "gone")
        row = ChildRow(
            node.path,
            start,
            begin,
            body,
            node.name,
            node.returned,
            undo,
            done,
            gone_wire,
            hint,
            around.hints,
            exit.joins(),
        )
        self.row(node.path, row)
        return (done.event,), (gone_wire.event,)


Pathed = (
    ir.Step
    | ir.Let
    | ir.Emit
    | ir.Fail
    | ir.Commit
    | ir.Fork
    | ir.Switch
    | ir.Race
    | ir.Each
    | ir.Repeat
    | ir.Alongside
    | ir.Retry
    | ir.Interrupt
    | ir.Catch
    | ir.Undoing
    | ir.Child
)


def _port(node: Pathed, port: str) -> Wire:
    return Wire(f"{node.path}.{port}", ())


def _stuck(node: Pathed, firm: Firm | None) -> Wire | None:
    return None if firm is None else _port(node, "stuck")


def _each(events: Iterable[str]) -> Events:
    return tuple(dict.fromkeys(events))


def attempt_of(path: str) -> str:
    """The path in which the attempts of the retry at `path` are: `order/fulfil#` for `order/fulfil:retry`."""
    return path.removesuffix(":retry") + "#"


def reason_of(path: str) -> str:
    """The name of the value that says why the scope at `path` is undone, for its own compensation block."""
    return f"{path}.reason"


def _gone_of(node: ir.Node, undo: Events, around: _Around) -> Events:
    """The events that say that `node` is gone; those of what has nothing to undo are also what undoes it."""
    match node:
        case ir.Step() | ir.Emit():
            relayed = around.conductor not in ("", _performer(node))
            gone = f"{node.path}.over" if relayed else f"{node.path}.gone"
            return (gone,) if isinstance(node, ir.Step) and node.undo is not None else _each([gone, *undo])
        case ir.Let():
            return _each([f"{node.path}.gone", *undo])
        case ir.Sequence():
            for item in reversed(node.items):
                undo = _gone_of(item, undo, around)
            return undo
        case ir.Switch():
            arms = [_gone_of(arm.body, (f"{node.path}.{n}.undo",), around) for n, arm in enumerate(node.arms)]
            return _each([*(event for arm in arms for event in arm), f"{node.path}.gone"])
        case ir.Race():
            parts = [_gone_of(a.body, (f"{node.path}.{n}.undo",), around) for n, a in enumerate(node.alternatives)]
            if node.after is not None:
                parts.append(_gone_of(node.late, (f"{node.path}.late.undo",), around))
            return _each([*(event for part in parts for event in part), f"{node.path}.gone"])
        case ir.Undoing():
            return _each([*_gone_of(node.body, (f"{node.path}.body.undo",), around), f"{node.path}.gone"])
        case ir.Region():
            return _gone_of(node.body, undo, replace(around, conductor=node.at))
        case (
            ir.Fail()
            | ir.Commit()
            | ir.Fork()
            | ir.Each()
            | ir.Repeat()
            | ir.Alongside()
            | ir.Retry()
            | ir.Interrupt()
            | ir.Catch()
            | ir.Child()
        ):
            return (f"{node.path}.gone",)
        case _:
            assert_never(node)


def _performer(node: ir.Step | ir.Emit) -> str:
    return node.operation.service if isinstance(node, ir.Step) else node.event.service


# ---------------------------------------------------------------- who hears, and what is carried


def _wired(
    flow: ir.Flow, rows: list[tuple[str, Row]], services: list[str]
) -> tuple[list[tuple[str, Row]], dict[tuple[str, str], frozenset[str]]]:
    """`rows` with the hearers and the values of every wire; and what each service adds from its record to an event."""
    idle = _idle_entries(flow, rows)
    values = carriage(flow, rows, deaf=idle)
    rows = [
        (service, replace(row, start=()) if isinstance(row, CatchRow | RetryRow) and row.path in idle else row)
        for service, row in rows
    ]
    hearers: dict[str, set[str]] = {f"{flow.name}.closed": set(services)}
    for service, row in rows:
        for event, _, _ in heard(row):
            hearers.setdefault(event, set()).add(service)

    def fill(wire: Wire) -> Wire:
        names = values.carried.get(wire.event, frozenset())
        return Wire(wire.event, tuple(sorted(hearers.get(wire.event, ()))), tuple(sorted(names)))

    return [(service, rewired(row, fill)) for service, row in rows], values.held


def _idle_entries(flow: ir.Flow, rows: list[tuple[str, Row]]) -> frozenset[str]:
    """The scopes whose exit need not hear their start: neither a handler or a later attempt nor what follows reads anything
    of it, and no join can be open that the exit would have to remember."""
    if any(isinstance(row, JoinRow) and row.join == "some" for _, row in rows):
        return frozenset()
    needed = carriage(flow, rows, holding=False).carried

    def reads_nothing(row: CatchRow | RetryRow) -> bool:
        if isinstance(row, CatchRow):
            return all(needed.get(taker.start.event, frozenset()) <= {taker.bind} for taker in row.takers)
        return not needed.get(row.begin.event) and not needed.get(row.ok.event)

    return frozenset(row.path for _, row in rows if isinstance(row, CatchRow | RetryRow) and reads_nothing(row))
