"""Several flows together: who publishes one type of event, and whether flows start each other in a circle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flowlang.check.resolve import Child, run_by
from flowlang.check.walk import statements
from flowlang.check.words.across import EventCycle, TwoPublishers
from flowlang.diagnostic import Diagnostic, Label
from flowlang.language import tree
from flowlang.source import Span


def across(flows: Sequence[Child]) -> Iterator[Diagnostic]:
    """Findings about `flows`, which are checked together, and about those that they run."""
    every = list({id(child.flow): child for given in flows for child in run_by(given)}.values())
    yield from _publishers(every)
    yield from _cycles(every)


def _publishers(flows: list[Child]) -> Iterator[Diagnostic]:
    """One type of event is published by one flow, and by those that it runs."""
    running = {id(child.flow): {id(other.flow) for other in run_by(child)} for child in flows}
    first: dict[str, list[tuple[Child, tree.Emit]]] = {}
    for child in flows:
        for type, emit in {each.event.value: each for each in reversed(_emits(child.flow))}.items():
            before = first.setdefault(type, [])
            for other, there in before:
                related_flows = id(child.flow) in running[id(other.flow)] or id(other.flow) in running[id(child.flow)]
                if not related_flows:
                    related = (Label(there.event.span, f"here by `{other.flow.name.text}`"),)
                    yield TwoPublishers(span=emit.event.span, related=related, type=type, other=other.flow.name.text)
                    break
            before.append((child, emit))


def _cycles(flows: list[Child]) -> Iterator[Diagnostic]:
    """A flow leads to another when it, or one that it runs, emits the event that starts it."""
    starting: dict[str, list[Child]] = {}
    for child in flows:
        if child.flow.start is not None:
            starting.setdefault(child.flow.start.event.value, []).append(child)
    told: set[Span] = set()
    for child in flows:
        if child.flow.start is None:
            continue
        for way in _ways(child, starting):
            emit = way[0][1]
            if emit.event.span in told:
                continue
            told |= {step.event.span for _, step in way}
            names = [child.flow.name.text, *(to.flow.name.text for to, _ in way)]
            what = "this flow again" if len(way) == 1 else f"`{names[1]}`, and so this flow again"
            said = " -> ".join(f"`{name}`" for name in names)
            related = (Label(child.flow.start.event.span, "started by this event"),)
            yield EventCycle(span=emit.event.span, related=related, what=what, way=f"who starts whom: {said}")


def _ways(start: Child, starting: dict[str, list[Child]]) -> Iterator[list[tuple[Child, tree.Emit]]]:
    """The shortest ways from `start` back to it, one for each event that it emits first: each flow that is started, and
    what starts it."""
    for emit in (each for child in run_by(start) for each in _emits(child.flow)):
        for first in starting.get(emit.event.value, ()):
            level: list[list[tuple[Child, tree.Emit]]] = [[(first, emit)]]
            seen = {id(first.flow)}
            while level:
                home = next((way for way in level if way[-1][0].flow is start.flow), None)
                if home is not None:
                    yield home
                    break
                further = []
                for way in level:
                    for said in (each for child in run_by(way[-1][0]) for each in _emits(child.flow)):
                        for to in starting.get(said.event.value, ()):
                            if id(to.flow) not in seen or to.flow is start.flow:
                                seen.add(id(to.flow))
                                further.append([*way, (to, said)])
                level = further


def _emits(flow: tree.Flow) -> list[tree.Emit]:
    return [statement for statement in statements(flow.body) if isinstance(statement, tree.Emit)]
