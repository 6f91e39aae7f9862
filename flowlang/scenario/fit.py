"""Whether a value from outside is an input that a flow can start with, and an example of one that is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal

from flowlang import ir
from flowlang.declared import Schema
from flowlang.diagnostic import Diagnostic, nearest
from flowlang.event import Value
from flowlang.scenario.places import Place, Places
from flowlang.scenario.words import DoesNotFit, NoSuchParameter, NotARecord, ParameterMissing
from flowlang.schema import conformer, example_of
from flowlang.values import plain_dumps


def fit(flow: ir.Flow, value: Value, places: Places, at: Place = ()) -> tuple[dict[str, Value], list[Diagnostic]]:
    """The values that a run of `flow` starts with, by name, from the part `at` of what `places` knows. Numbers are as the
    contracts have them. Without findings the values are complete."""
    if flow.start is not None:
        data, found = fit_schema(flow.start.event.data, value, places, at, f"the data of `{flow.start.event.type}`")
        return {flow.start.bind: data} if flow.start.bind else {}, found
    if not isinstance(value, dict):
        return {}, [NotARecord(span=places.of(at), flow=flow.name, found=kind_of(value), example=_would_do(flow))]
    return _parameters(flow, value, places, at)


def _parameters(
    flow: ir.Flow, given: Mapping[str, Value], places: Places, at: Place
) -> tuple[dict[str, Value], list[Diagnostic]]:
    values: dict[str, Value] = {}
    found: list[Diagnostic] = list(_strangers(flow, given, places, at))
    # one root cause gives one error: who wrote `ordr` did not forget `order`
    misspelt = {nearest(name, _names(flow)) for name in given if name not in _names(flow)}
    for parameter in flow.params:
        name = parameter.name
        if given.get(name) is not None:
            values[name], wrong = fit_schema(parameter.schema, given[name], places, (*at, name), f"`{name}`")
            found += wrong
        elif parameter.required and name not in misspelt:
            span = places.name((*at, name)) if name in given else places.of(at)
            found.append(ParameterMissing(span=span, flow=flow.name, name=name, example=_would_do(flow)))
    return values, found


def _strangers(flow: ir.Flow, given: Mapping[str, Value], places: Places, at: Place) -> Iterator[Diagnostic]:
    names = _names(flow)
    known = f"its parameters: {', '.join(names)}" if names else "it has no parameters"
    for name in given:
        if name not in names:
            near = nearest(name, names)
            hint = f"did you mean `{near}`?" if near else ""
            yield NoSuchParameter(span=places.name((*at, name)), flow=flow.name, name=name, known=known, hint=hint)


def fit_schema(schema: Schema, value: Value, places: Places, at: Place, what: str) -> tuple[Value, list[Diagnostic]]:
    """`value` as `schema` has it, and what of it breaks the schema, each part shown where it stands."""
    fitted, problems = conformer(schema)(value)
    return fitted, [_misfit(problem, places, at, what) for problem in problems]


_PLACE = re.compile(r'(?:(?:\.|^)[A-Za-z_$][A-Za-z0-9_$-]*|\[[0-9]+\]|\["(?:[^"\\]|\\.)*"\])+(?=: )')
_PART = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[([0-9]+)\]|\.?([A-Za-z_$][A-Za-z0-9_$-]*)')


def _misfit(problem: str, places: Places, at: Place, what: str) -> Diagnostic:
    """A problem, which begins with its place in the value, as a finding at that place."""
    place, why = at, problem
    found = _PLACE.match(problem)
    if found is not None:
        parts = (
            int(part[2]) if part[2] else part[3] if part[3] else json.loads(f'"{part[1]}"')
            for part in _PART.finditer(found[0])
        )
        place, why = (*at, *parts), problem[found.end() + 2 :]
        what = f"`{found[0]}` of {what}"
    stranger = why == "is not allowed here"
    if not stranger and why != "is missing":
        why = f"does not fit its contract: {why}"
    return DoesNotFit(span=places.name(place) if stranger else places.of(place), what=what, why=why)


def example_input(flow: ir.Flow) -> Value:
    """An input that would do, made from the contracts."""
    if flow.start is not None:
        return example_of(flow.start.event.data)
    return {parameter.name: example_of(parameter.schema) for parameter in flow.params if parameter.required}


def kind_of(value: Value) -> str:
    """What a value is, for people: `a list`, `the text "x"`."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return f"the number {plain_dumps(value)}"
        case str():
            return f"the text {plain_dumps(value)}" if len(value) <= 40 else "a text"
        case list():
            return "a list"
        case _:
            return "a record"


def _would_do(flow: ir.Flow) -> str:
    return f"an input that would do: {plain_dumps(example_input(flow))}"


def _names(flow: ir.Flow) -> list[str]:
    return [parameter.name for parameter in flow.params]
