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
    """`example/scenario` of all cases."""
    return [
        f"{folder.name}/{scenario.stem}"
        for folder in sorted(EXAMPLES.iterdir())
        if (folder / f"{folder.name}.flow").exists()
        for scenario in sorted((folder / "scenarios").glob("*.yaml"))
    ]


def case(name: str, runs: int = 4) -> Case:
    """The case `example/scenario`."""
    folder, _, scenario = name.partition("/")
    built = _built(folder)
    found = read(_source(EXAMPLES / folder / "scenarios" / f"{scenario}.yaml"), built.flow)
    assert not found.found, [one.say(one.message) for one in found.found]

    def installation(mode: str) -> Installation:
        if mode == "orchestrate":
            return of_flow(built.flow, built.hash)
        return of_tables(built.flow, built.hash, built.tables)

    return Case(name, _prepared(folder), installation, found.values, found.scenario, runs)


@cache
def _built(folder: str) -> Built:
    file = str(EXAMPLES / folder / f"{folder}.flow")
    source, project = _source(Path(file)), project_of(file)
    project.add(file, source)
    return build(front(source, project))


@cache
def _prepared(folder: str) -> Prepared:
    return prepare(_built(folder).flow)


def _source(file: Path) -> Source:
    found = opened(str(file))
    assert not isinstance(found, Diagnostic)
    return found
