"""Every finding stands on its guilty line, and nothing else is found.

A line of `cases/*.flow` says what is wrong with it: `# error: FL0503`, `# warning: FL0401`, `# hint: FL0508` or
`# choreography: FL0601`.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flowlang.check import Flows, check, render
from flowlang.contract import Contracts
from flowlang.language.text import parse
from flowlang.source import Source, line_text

CASES = sorted((Path(__file__).parent / "cases").glob("*.flow"))
SAID = re.compile(r"# (error|warning|hint|choreography): ((?:FL\d{4}(?:, )?)+)")


def expected(source: Source) -> list[tuple[int, str, str]]:
    lines = source.text.count("\n") + 1
    return sorted(
        (number, kind, code)
        for number in range(1, lines + 1)
        for kind, codes in SAID.findall(line_text(source, number))
        for code in codes.split(", ")
    )


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_findings_stand_on_their_lines(path: Path, contracts: Contracts, flows: Flows) -> None:
    source = Source(path.name, path.read_text("utf-8"))
    flow, problems = parse(source)
    assert flow is not None and not problems, render.text(problems)
    found = check(flow, contracts, flows)
    said = sorted((one.span.line, "choreography" if one.choreography_only else one.severity, one.code) for one in found)
    assert said == expected(source), "\n" + render.text(found)
    assert [one.span.start for one in found] == sorted(one.span.start for one in found)


def test_the_order_flow_has_no_finding() -> None:
    order = next(path for path in CASES if path.stem == "order")
    assert not expected(Source(order.name, order.read_text("utf-8")))


def test_six_mistakes_are_found_in_one_run() -> None:
    six = next(path for path in CASES if path.stem == "six_mistakes")
    assert len(expected(Source(six.name, six.read_text("utf-8")))) == 6
