"""Personal data that travels through a service which has no use for it.

The tables of a choreography say what each event carries, so this asks the compiled form and not the tree. It is asked only
of flows with personal data, and without other findings of choreography.
"""

from __future__ import annotations

from collections.abc import Iterator

from flowlang.check import Child
from flowlang.check.names import declarations
from flowlang.check.resolve import data_of, output_of, run_by
from flowlang.check.walk import listening, statements
from flowlang.check.words.choreography import PersonalTravels
from flowlang.contract import type_for
from flowlang.diagnostic import Diagnostic, Label
from flowlang.expression.types import ListType, MapType, Maybe, Record, Type
from flowlang.language import tree
from flowlang.source import Span

Path = tuple[str, ...]


def personal(whole: Child) -> Iterator[Diagnostic]:
    """Findings about personal data in a flow that can be choreographed."""
    values = {name: kind for name, kind in _values(whole) if any(_marked(kind))}
    if not values:
        return
    from flowlang.choreograph.projection import project  # most flows are checked without
    from flowlang.choreograph.seen import seen, unused
    from flowlang.ir import hash_of
    from flowlang.lower import lower
    from flowlang.owners import owners

    flows = {one.flow.name.text: (one.flow, one.contracts) for one in run_by(whole)}
    kernel = lower(whole.flow, whole.contracts, flows)
    through: dict[str, dict[Path, list[str]]] = {}
    for sight in unused(seen(kernel, project(kernel, hash_of(kernel), owners(kernel)))):
        if sight.field.personal and sight.field.value in values:
            through.setdefault(sight.field.value, {}).setdefault(sight.field.path, []).append(sight.service)
    places = {each.name.text: each.name.span for each in declarations(whole.flow)}
    for name, fields in through.items():
        marks = dict(_marked(values[name]))
        found = [span for field in fields if (span := marks.get(field)) is not None]
        said = (f"`{_field(field)}` at {_listed(services)}" for field, services in fields.items())
        related = tuple(Label(span, "marked `x-pii`") for span in found[:3])
        yield PersonalTravels(span=places[name], related=related, name=name, fields="; ".join(said))


def _field(path: Path) -> str:
    return ".".join(path).replace(".[]", "[]")


def _listed(services: list[str]) -> str:
    said = [f"`{service}`" for service in services]
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"


def _values(whole: Child) -> Iterator[tuple[str, Type]]:
    """The values that come into a flow, with their types: its input, results and events."""
    flow, contracts = whole.flow, whole.contracts
    yield from ((param.name.text, type_for(param.type, contracts)) for param in flow.params)
    if flow.start is not None and flow.start.bind is not None:
        yield flow.start.bind.text, data_of(flow.start.event, contracts)
    for statement in statements(flow.body):
        if isinstance(statement, tree.Step):
            yield statement.name.text, output_of(statement.call, contracts, whole.flows)
        for heard in listening(statement):
            if heard.bind is not None:
                yield heard.bind.text, data_of(heard.event, contracts)


def _marked(kind: Type, path: Path = ()) -> Iterator[tuple[Path, Span | None]]:
    """The personal fields inside of a type, and where their contracts declare them."""
    match kind:
        case Maybe(item=item):
            yield from _marked(item, path)
        case ListType(item=item) | MapType(item=item):
            yield from _marked(item, (*path, "[]"))
        case Record(fields=fields):
            for field in fields:
                if field.personal:
                    yield (*path, field.name), field.span
                elif len(path) < 6:
                    yield from _marked(field.type, (*path, field.name))
        case _:
            pass
