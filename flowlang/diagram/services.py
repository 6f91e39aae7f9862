"""Tables to picture: who hears which event from whom in a choreography.

One shape for each service and one arrow for all that one of them tells another, in three kinds: what goes forward (whole),
what undoes (dashed), and what turns others round (dotted). Only what crosses the bus is drawn. What concerns every service
of every flow (that the run is over, that a step is stuck) is left out. Events from outside come from the service that
publishes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from flowlang import ir
from flowlang.declared import EventType
from flowlang.diagram.labels import lines
from flowlang.diagram.picture import Edge, EdgeKind, Node, Picture
from flowlang.table import EmitRow, Row, RunRow, StepRow, Table, wires


def draw_services(flow: ir.Flow, tables: Mapping[str, Table]) -> Picture:
    """The choreography of `flow` as a picture."""
    told = _told(tables)
    published = {row.type.type: service for service, row in _rows(tables) if isinstance(row, EmitRow)}
    heard = [(type, service) for service, row in _rows(tables) for type in _hearings(row)]
    if flow.start is not None:
        heard.append((flow.start.event, flow.owner))
    nodes = [*_begin(flow), *(_service(tables[service]) for service in _ordered(flow, tables, told))]
    edges: dict[str, Edge] = {}

    def edge(source: str, target: str, kind: EdgeKind, events: list[str], words: str) -> None:
        id = f"{source}->{target}" + ("" if kind == "forward" else f"~{kind}")
        edges[id] = Edge(id, source, target, kind, _listed(events), words)

    if flow.start is None:
        edge(flow.name, _id(flow.owner), "forward", [], f"the run begins at {flow.owner}")
    for (source, target, kind), events in sorted(told.items(), key=lambda item: _RANK[item[0][2]]):
        said = [f"{event} {data}".strip() for event, data in events.items()]
        more = [f"and {len(said) - MOST} more"] if len(said) > MOST else []
        words = lines(f"{target} hears from {source}", *said[:MOST], *more)
        edge(_id(source), _id(target), kind, list(events), words)
    for publisher in sorted({type.service for type, _ in heard} - set(tables)):
        words = f"{publisher} has no part in the flow, but publishes what others wait for"
        nodes.append(Node(_id(publisher), "outside", publisher, "", "", words))
    for publisher, hearer in dict.fromkeys((type.service, service) for type, service in heard):
        types = dict.fromkeys(type.type for type, at in heard if (type.service, at) == (publisher, hearer))
        edge(_id(publisher), _id(hearer), "event", list(types), lines(f"{hearer} waits for", *types))
    for type in sorted(published.keys() - {type.type for type, _ in heard}):
        nodes.append(
            Node(f"emit:{type}", "emit", f"emit {type}", "", published[type], f"{published[type]} publishes {type}")
        )
        edge(_id(published[type]), f"emit:{type}", "event", [], f"{published[type]} publishes {type}")
    note = "Who hears which event from whom. Dashed: undoing. Blue: business events."
    return Picture(
        flow.name, flow.version, note, tuple(sorted(tables)), tuple(nodes), tuple(edges.values()), (), legend=False
    )


_RANK: dict[EdgeKind, int] = {"forward": 0, "undo": 1, "beside": 2}
_Told = dict[tuple[str, str, EdgeKind], dict[str, str]]


def _told(tables: Mapping[str, Table]) -> _Told:
    """What one service tells another, by kind: each event with the values that it carries."""
    found: _Told = {}
    for service, row in _rows(tables):
        for wire in wires(row):
            kind = _kind(wire.event, row)
            for hearer in wire.to if kind is not None else ():
                if hearer != service and kind is not None:
                    data = f"{{{', '.join(wire.carry)}}}" if wire.carry else ""
                    found.setdefault((service, hearer, kind), {})[_short(wire.event)] = data
    return found


def _kind(event: str, row: Row) -> EdgeKind | None:
    """Which way an event goes; None for what is not drawn."""
    port = event.rpartition(".")[2]
    if port in ("stuck", "unstuck") or (isinstance(row, RunRow) and port in ("closed", "hint")):
        return None
    if port in ("gone", "undo", "back", "over"):
        return "undo"
    return "beside" if port in ("hint", "closed") else "forward"


def _rows(tables: Mapping[str, Table]) -> Iterator[tuple[str, Row]]:
    for service in sorted(tables):
        for row in tables[service].rows:
            yield service, row


def _hearings(row: Row) -> Iterator[EventType]:
    """The events from outside that `row` waits for, whatever kind of row it is."""
    if not isinstance(row, EmitRow):
        yield from _types(row)


def _types(value: Any) -> Iterator[EventType]:
    if isinstance(value, EventType):
        yield value
    elif isinstance(value, tuple):
        for one in value:
            yield from _types(one)
    elif is_dataclass(value):
        for field in fields(value):
            yield from _types(getattr(value, field.name))


def _ordered(flow: ir.Flow, tables: Mapping[str, Table], told: _Told) -> list[str]:
    """The services as the flow first comes to them, so that it is read from the top."""
    order, todo = [flow.owner], [flow.owner]
    while todo:
        service = todo.pop(0)
        for source, target, kind in told:
            if source == service and kind == "forward" and target not in order:
                order.append(target)
                todo.append(target)
    return [*order, *(service for service in sorted(tables) if service not in order)]


def _begin(flow: ir.Flow) -> Iterator[Node]:
    if flow.start is None:
        names = ", ".join(param.name for param in flow.params)
        yield Node(flow.name, "start", "start", names, tooltip=f"somebody starts the run at {flow.owner}")


def _service(table: Table) -> Node:
    steps = [_short(row.path) for row in table.rows if isinstance(row, StepRow)]
    others = [_short(row.path) for row in table.rows if not isinstance(row, StepRow | RunRow)]
    owner = f"answers for {table.flow}" if table.service == table.owner else ""
    about = lines(
        table.service,
        owner,
        f"does {_listed(steps)}" if steps else "",
        f"decides and keeps {_listed(others)}" if others else "",
    )
    return Node(_id(table.service), "service", table.service, _listed(steps) or owner, table.service, about)


def _listed(paths: Sequence[str]) -> str:
    """The first of them, for nobody reads a hundred in a drawing, and `dot` takes no text of more than 16,384 letters."""
    shown, more = ", ".join(paths[:MOST]), len(paths) - MOST
    return f"{shown} and {more} more" if more > 0 else shown


MOST = 24


def _id(service: str) -> str:
    return f"@{service}"


def _short(path: str) -> str:
    return path.split("/", 1)[-1]
