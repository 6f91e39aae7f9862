"""The tables as text: for each service what it hears, does and says; and who owns each decision, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import assert_never

from flowlang.event import Policy
from flowlang.owners import Owner
from flowlang.table import (
    AlongsideRow,
    CatchRow,
    ChildRow,
    CommitRow,
    EachRow,
    EmitRow,
    Events,
    FailRow,
    Hearing,
    InterruptRow,
    JoinRow,
    LetRow,
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
    UndoingRow,
    Wire,
)

Line = tuple[str, str, str]  # hears, does, says


def plan_text(tables: Mapping[str, Table], owned: Mapping[str, Owner], width: int = 100) -> str:
    """The plan of a flow for people, no wider than `width` where its names allow it."""
    table = next(iter(tables.values()))
    out = [
        f"{table.flow}  {table.hash[:12]}",
        "Events that cross the bus are marked *; the others stay inside their service.",
        "",
    ]
    for service in sorted(tables):
        out += _service(tables[service], width)
    out += ["decisions"]
    short = {path.split("/", 1)[-1]: owner for path, owner in owned.items()}
    deciding = _deciding(tables)
    rows = [(path, owner) for path, owner in short.items() if path in deciding]
    left = max((len(path) for path, _ in rows), default=0)
    right = max((len(owner.service) for _, owner in rows), default=0)
    out += [f"  {path:<{left}}  {owner.service:<{right}}  {owner.why}" for path, owner in rows]
    return "\n".join(out) + "\n"


def _deciding(tables: Mapping[str, Table]) -> set[str]:
    """The blocks that decide something: joins, switches, waits, loops, scope exits, child flows, commits and the run."""
    scopes = AlongsideRow | RetryRow | InterruptRow | CatchRow | UndoingRow
    kinds = CommitRow | JoinRow | SwitchRow | RaceRow | EachRow | RepeatRow | scopes | ChildRow | RelayRow | RunRow
    return {row.path.split("/", 1)[-1] for table in tables.values() for row in table.rows if isinstance(row, kinds)}


def _service(table: Table, width: int) -> list[str]:
    lines = [line for row in table.rows for line in _lines(row, table)]
    room = max(width - 6, 40)
    widths = [min(max([len(line[n]) for line in lines] + [5]), room // 3) for n in range(3)]
    widths[2] = max(room - widths[0] - widths[1], 20)
    out = [
        table.service,
        "  " + "  ".join(word.ljust(w) for word, w in zip(("hears", "does", "says"), widths, strict=True)).rstrip(),
    ]
    for line in lines:
        cells = [wrap(text, w, break_on_hyphens=False) or [""] for text, w in zip(line, widths, strict=True)]
        for n in range(max(map(len, cells))):
            parts = [(cell[n] if n < len(cell) else "").ljust(w) for cell, w in zip(cells, widths, strict=True)]
            out.append("  " + "  ".join(parts).rstrip())
    return [*out, ""]


def _lines(row: Row, table: Table) -> Iterator[Line]:
    """What a row does, one line for each thing that makes it act."""
    say = _Saying(table.service)
    match row:
        case StepRow():
            done = say(row.ok) + " or " + say(row.gone)
            yield say.heard(row.start), _call(row), done
            if row.compensate is not None:
                by = row.compensate.operation
                yield (
                    say.heard(row.undo),
                    f"{by.service}.{by.name}({row.compensate.input.text.strip('{} ')})",
                    say(row.gone),
                )
        case LetRow():
            yield say.heard(row.start), f"{row.name} = {row.value.text}", say(row.ok)
        case EmitRow():
            yield say.heard(row.start), f'emit "{row.type.type}"', say(row.ok)
        case FailRow():
            yield say.heard(row.start), f"fail {row.error}", say(row.gone)
        case CommitRow():
            yield say.heard(row.start), "commit", f"{say(row.ok)} or {say(row.gone)}"
        case JoinRow():
            yield from _join(row, say)
        case SwitchRow():
            ways = [f"{'else' if way.when is None else way.when.text}: {say(way.start)}" for way in row.ways]
            yield say.heard(row.start), f"decide {_short(row.path)}", "; ".join(ways)
            yield (
                say.heard(row.undo),
                f"undo what {_short(row.path)} took",
                " or ".join(say(way.undo) for way in row.ways),
            )
        case RaceRow():
            after = (
                f"at {row.after.text}" if row.absolute and row.after else f"after {row.after.text}" if row.after else ""
            )
            late = [f"{after}: {say(row.late.start)}"] if row.late is not None else []
            yield say.heard(row.start), f"wait {_short(row.path)}", "; ".join([*_events(row.hearings, say), *late])
        case EachRow() | RepeatRow():
            yield from _loop(row, say)
        case AlongsideRow() | RetryRow() | InterruptRow() | CatchRow() | UndoingRow():
            yield from _scope(row, say)
        case ChildRow():
            yield say.heard(row.start), f"begin {_short(row.path)}", say(row.begin)
            yield say.heard(row.body.ok), f"leave {_short(row.path)}", say(row.ok)
            yield say.heard(row.body.gone), f"{_short(row.path)} is gone", say(row.gone)
        case RelayRow():
            yield say.heard(row.start), f"conduct {_short(row.path)}", say(row.begin)
            yield say.heard(row.part.ok), f"{_short(row.path)} is done", say(row.ok)
            yield say.heard(row.part.gone), f"{_short(row.path)} is gone", say(row.gone)
        case RunRow():
            yield "a start", "begin the run", say(row.start)
            yield say.heard(row.ok), "complete the run", say(row.closed)
            yield say.heard(row.gone), "fail the run", say(row.closed)
            yield "a cancel", "cancel the run", say(row.hint)
        case _:
            assert_never(row)


def _join(row: JoinRow, say: _Saying) -> Iterator[Line]:
    ways = [event for branch in row.branches for event in (*branch.ok, *branch.gone)]
    undo = ", ".join(say(branch.undo) for branch in row.branches)
    hints = ", ".join(say(hint) for hint in row.hints)
    told = f"all ok: {say(row.ok)}; else {undo}; all gone: {say(row.gone)}"
    if row.join == "cancel":
        told = f"first gone: {hints}; {told}"
    elif row.closed is not None:
        told = f"{row.need} ok: {say(row.ok)}, {hints}; later ones: {undo}; all settled: {say(row.closed)}"
        told += f"; too few ok: {undo}, {say(row.gone)}"
    yield say.heard(tuple(ways)), f"join {_short(row.path)}", told
    yield say.heard(row.undo), f"undo {_short(row.path)}", undo


def _events(hearings: tuple[Hearing | Reaction, ...], say: _Saying) -> list[str]:
    return [f"{hearing.type.type}: {say(hearing.start)}" for hearing in hearings]


def _loop(row: EachRow | RepeatRow, say: _Saying) -> Iterator[Line]:
    name = _short(row.path)
    if isinstance(row, EachRow):
        width = f", {row.width} at a time" if row.width else ""
        yield say.heard(row.start), f"for each {row.variable} in {row.items.text}{width}", say(row.begin)
        yield say.heard(row.body.ok), f"go on with {name}", f"more: {say(row.begin)}; all: {say(row.ok)}"
    else:
        late = f"; {row.most} times: {say(row.late.start if row.late is not None else row.gone)}"
        every = f", every {row.every.text}" if row.every is not None else ""
        yield say.heard(row.start), f"repeat {name}", say(row.begin)
        yield say.heard(row.body.ok), f"until {row.until.text}{every}", f"{say(row.ok)}; else {say(row.begin)}{late}"
    yield say.heard(row.body.gone), f"undo {name}", f"{say(row.body.undo)}; then {say(row.gone)}"


def _scope(row: AlongsideRow | RetryRow | InterruptRow | CatchRow | UndoingRow, say: _Saying) -> Iterator[Line]:
    """The entry of a scope where its exit hears it, its exit, and what happens when the body is gone."""
    name = _short(row.path).partition(":")[0]
    match row:
        case AlongsideRow():
            yield say.heard(row.start), f"listen beside {name}", "; ".join(_events(row.handlers, say))
            ends = [event for part in (row.body, *(handler.part for handler in row.handlers)) for event in part.ok]
            yield say.heard(tuple(ends)), f"leave {name}", say(row.ok)
            return
        case InterruptRow():
            after = [f"after {row.after.text}: {say(row.late.start)}"] if row.after and row.late else []
            heard = "; ".join([*_events(row.reactions, say), *after])
            yield say.heard(row.start), f"listen over {name}", f"{say(row.hint)}, then {heard}"
        case RetryRow() | CatchRow() if row.start:
            yield say.heard(row.start), f"keep values for {name}", ""
        case _:
            pass
    yield say.heard(row.body.ok), f"leave {name}", say(row.ok)
    match row:
        case RetryRow():
            errors = ", ".join(error for _, error in row.errors) or "any failure"
            told = f"{errors}: {say(row.begin)}; else {say(row.gone)}"
            yield say.heard(row.body.gone), f"try {name} again, up to {row.limit} times", told
        case InterruptRow():
            yield say.heard(row.body.gone), f"{name} is gone", f"the handler, or {say(row.gone)}"
        case CatchRow():
            takers = [f"{', '.join(n for _, n in t.errors) or 'any'}: {say(t.start)}" for t in row.takers]
            yield say.heard(row.body.gone), f"catch in {name}", "; ".join([*takers, f"else {say(row.gone)}"])
        case UndoingRow():
            yield say.heard(row.undo), f"undo {name} by its own block", f"{say(row.begin)}; then {say(row.gone)}"
        case _:
            assert_never(row)


class _Saying:
    """Events as short names, marked where they cross the bus."""

    def __init__(self, service: str) -> None:
        self.service = service

    def __call__(self, wire: Wire) -> str:
        crosses = "*" if any(service != self.service for service in wire.to) else ""
        data = f" {{{', '.join(wire.carry)}}}" if wire.carry and crosses else ""
        return f"{_short(wire.event)}{crosses}{data}"

    def heard(self, events: Events) -> str:
        return ", ".join(map(_short, events))


def _call(row: StepRow) -> str:
    operation, given = row.operation, row.input.text.strip("{} ")
    policy, usual = row.policy, Policy()
    more = ""
    if (policy.limit, policy.errors) != (usual.limit, usual.errors):
        more = f", retry {policy.limit} on {', '.join(policy.errors)}"
    return f"{operation.service}.{operation.name}({given}){more}"


def _short(path: str) -> str:
    return path.split("/", 1)[-1]
