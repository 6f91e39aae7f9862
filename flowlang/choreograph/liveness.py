"""Which values each event must carry: backward liveness over the rows.

An event carries a value when some row that hears it reads the value, or passes it on to an event that must carry it. Undo
and gone events carry no values: each service undoes from its own record. Of the branches of a fork only one passes on
what was known before the fork, since the join waits for all of them; the others carry what they define. It is the branch
that visits the fewest services other than the join's, so that values take the shortest way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from flowlang import ir
from flowlang.expression.names import free_names
from flowlang.expression.tree import Expression
from flowlang.table import CatchRow, EmitRow, FailRow, JoinRow, LetRow, RaceRow, Row, RunRow, StepRow, SwitchRow


@dataclass(frozen=True, slots=True)
class Link:
    """A row that hears `event` reads `reads` of it, and passes on what `said` needs, less what it defines itself and less
    `without`. With `only` it passes on no more than these names."""

    event: str
    reads: frozenset[str]
    said: tuple[str, ...]
    defines: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    only: frozenset[str] | None = None


def carried(flow: ir.Flow, rows: list[Row]) -> dict[str, frozenset[str]]:
    """The names that each event of `rows` carries, by event."""
    forks = {node.path: node for node in ir.walk(flow.body) if isinstance(node, ir.Fork)}
    links = [link for row in rows for link in _links(row, forks)]
    needs: dict[str, frozenset[str]] = {}
    by_said: dict[str, list[Link]] = {}
    for link in links:
        for event in link.said:
            by_said.setdefault(event, []).append(link)
    todo = list(links)
    while todo:
        link = todo.pop()
        wanted = frozenset(name for event in link.said for name in needs.get(event, ())) - link.defines - link.without
        wanted = link.reads | (wanted if link.only is None else wanted & link.only)
        known = needs.get(link.event, frozenset())
        if not wanted <= known:
            needs[link.event] = known | wanted
            todo += by_said.get(link.event, ())
    possible = _possible(flow, links)
    return {event: names & possible.get(event, frozenset()) for event, names in needs.items()}


def _possible(flow: ir.Flow, links: list[Link]) -> dict[str, frozenset[str]]:
    """The names that may have a value when an event is said: forward over the same links. A name that only some arms
    define is needed on the other arms too, where it has no value and so must not be announced."""
    given = [param.name for param in flow.params] + ([flow.start.bind] if flow.start else [])
    found = {f"{flow.name}.start": frozenset(given)}
    by_event: dict[str, list[Link]] = {}
    for link in links:
        by_event.setdefault(link.event, []).append(link)
    todo = list(by_event.get(f"{flow.name}.start", ()))
    while todo:
        link = todo.pop()
        here = found.get(link.event, frozenset()) | link.defines
        for event in link.said:
            if event not in found or not here <= found[event]:
                found[event] = found.get(event, frozenset()) | here
                todo += by_event.get(event, ())
    return found


def _links(row: Row, forks: dict[str, ir.Fork]) -> Iterator[Link]:
    match row:
        case StepRow():
            # the compensation's input is evaluated here when the step ends, from what the step was started with
            reads = _read(row.input) | (_read(row.compensate.input) if row.compensate else frozenset())
            for event in row.start:
                yield Link(event, reads - {row.name}, (row.ok.event,), frozenset((row.name,)))
        case LetRow():
            for event in row.start:
                yield Link(event, _read(row.value), (row.ok.event,), frozenset((row.name,)))
        case EmitRow():
            for event in row.start:
                yield Link(event, _read(row.data), (row.ok.event,))
        case FailRow():
            for event in row.start:
                yield Link(event, _read(row.message), ())
        case JoinRow():
            yield from _join_links(row, forks[row.path])
        case SwitchRow():
            reads = frozenset().union(*(_read(way.when) for way in row.ways))
            for event in row.start:
                yield Link(event, reads, tuple(way.start.event for way in row.ways))
        case RaceRow():
            yield from _race_links(row)
        case CatchRow():
            for event in row.start:
                for taker in row.takers:
                    yield Link(event, frozenset(), (taker.start.event,), frozenset((taker.bind,)))
            for part in (row.body, *(taker.part for taker in row.takers)):
                for event in part.ok:
                    yield Link(event, frozenset(), (row.ok.event,))
        case RunRow():
            for event in row.ok:
                yield Link(event, frozenset(("return",)), ())
        case _:
            assert_never(row)


def _race_links(row: RaceRow) -> Iterator[Link]:
    for event in row.start:
        for hearing in row.hearings:
            reads = _read(hearing.value) | (_read(hearing.where) - {hearing.bind})
            yield Link(event, reads, (hearing.start.event,), frozenset((hearing.bind,)))
        if row.late is not None:
            yield Link(event, _read(row.after), (row.late.start.event,))


def _join_links(row: JoinRow, fork: ir.Fork) -> Iterator[Link]:
    bodies = [branch.body for branch in fork.branches]
    defined = [frozenset(name for node in ir.walk(body) for name in ir.defined_by(node)) for body in bodies]
    visited = [{n.operation.service for n in ir.walk(body) if isinstance(n, ir.Step)} for body in bodies]
    passing = min(range(len(bodies)), key=lambda n: (len(visited[n]), n))
    for number, branch in enumerate(row.branches):
        for event in branch.ok:
            if number == passing:
                others = frozenset().union(*(names for n, names in enumerate(defined) if n != number))
                yield Link(event, frozenset(), (row.ok.event,), without=others - defined[number])
            else:
                yield Link(event, frozenset(), (row.ok.event,), only=defined[number])


def _read(expression: Expression | None) -> frozenset[str]:
    return frozenset() if expression is None else free_names(expression.tree)
