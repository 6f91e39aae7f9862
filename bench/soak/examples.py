"""The examples of the project as cases for the crash harness: each flow in each world that its scenarios tell of."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from flowlang.cli.files import opened, project_of
from flowlang.compile import Built, build, front
from flowlang.diagnostic import Diagnostic
from flowlang.runtime.programs import Installation, of_flow, of_tables
from flowlang.scenario.read import read
from flowlang.source import Source
from flowlang.verify.case import Case
from flowlang.verify.schedule import Prepared, prepare

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "specs" / "examples"


def names() -> list[str]:
    """All cases: `example/scenario` of an example's flow of the same name, `example/flow/scenario` of the others."""
    return [f"{flow}/{scenario.stem}" for flow in flows() for scenario in sorted((_scenarios(flow)).glob("*.yaml"))]


def flows() -> list[str]:
    """The flows of all examples that have scenarios: `example`, or `example/flow`."""
    found = (
        folder.name if file.stem == folder.name else f"{folder.name}/{file.stem}"
        for folder in sorted(EXAMPLES.iterdir())
        for file in sorted(folder.glob("*.flow"))
    )
    return [flow for flow in found if any(_scenarios(flow).glob("*.yaml"))]


def flow_of(name: str) -> str:
    """The flow of a case."""
    return name.rpartition("/")[0]


def _scenarios(flow: str) -> Path:
    folder, _, inner = flow.partition("/")
    return EXAMPLES / folder / "scenarios" / inner


def case(name: str, runs: int = 4) -> Case:
    """The case of that name."""
    flow, _, scenario = name.rpartition("/")
    built = _built(flow)
    found = read(_source(_scenarios(flow) / f"{scenario}.yaml"), built.flow)
    assert not found.found, [one.say(one.message) for one in found.found]

    def installation(mode: str) -> Installation:
        if mode == "orchestrate":
            return of_flow(built.flow, built.hash)
        return of_tables(built.flow, built.hash, built.tables)

    return Case(name, _prepared(flow), installation, found.values, found.scenario, runs)


@cache
def _built(flow: str) -> Built:
    folder, _, inner = flow.partition("/")
    file = str(EXAMPLES / folder / f"{inner or folder}.flow")
    source, project = _source(Path(file)), project_of(file)
    project.add(file, source)
    return build(front(source, project))


@cache
def _prepared(flow: str) -> Prepared:
    return prepare(_built(flow).flow)


def _source(file: Path) -> Source:
    found = opened(str(file))
    assert not isinstance(found, Diagnostic)
    return found
