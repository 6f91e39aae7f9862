"""A flow with syntax errors is checked as far as it can be read, and nothing is found that a lost part would explain."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from flowlang.check.partly import partly
from flowlang.contract import Contracts
from flowlang.language import rest_of
from flowlang.language.lexer import tokens
from flowlang.language.text import parse
from flowlang.source import Source, line_text

SAID = re.compile(r"# ((?:FL\d{4} ?)+)")
CASES = Path(__file__).parent / "cases"

FLOWS = {
    "a mistake behind a syntax error is found": """
        flow f(order: Order) {
          let a = order.total +                                             # FL0132
          let b = order.totl                                                # FL0302
          step c = order.read()                                             # FL0221
          step d = orders.reed()                                            # FL0222
          wait for event "order.dne" forever                                # FL0223
          step e = payments.charge(orderId: order.id, amnt: 1) {            # FL0342
            compensate payments.refnd(orderId: order.id)                    # FL0222
          }
        }
    """,
    "nothing is said of what seems to be missing": """
        flow f(order: Order) -> Order {
          key order.
          step a orders.place(order)                                        # FL0122
          let b = a.id
          emit "order.done" { id: a.id }
        }
    """.replace("key order.\n", "key order.  # FL0132\n"),
    "the value of a broken statement and what is made of it are left alone": """
        flow f(order: Order) {
          let b = order address                                             # FL0126
          let c = b
          let d = c.street
          let e = order.street                                              # FL0302
        }
    """,
    "what a loop collects is left alone": """
        flow f(order: Order) {
          for each item in order.items as found {
            step a = orders.count()
            yield { n: a b }                                                # FL0121
          }
          let n = found[0].m
        }
    """,
}


@pytest.mark.parametrize("name", FLOWS)
def test_found_on_the_guilty_line(name: str, contracts: Contracts) -> None:
    source = Source("f.flow", 'use contracts "contracts/*.yaml"' + FLOWS[name])
    flow, broken = parse(source)
    rest = rest_of(source)
    assert flow is None and rest is not None
    said = {(one.span.line, one.code) for one in [*broken, *partly(rest, contracts, broken)]}
    lines = range(1, source.text.count("\n") + 2)
    expected = {
        (line, code) for line in lines for codes in SAID.findall(line_text(source, line)) for code in codes.split()
    }
    assert said == expected


def test_of_a_flow_whose_head_is_broken_nothing_is_said() -> None:
    assert rest_of(Source("f.flow", "flow (n: int) { let a = n.x }")) is None
    assert rest_of(Source("f.flow.yaml", "do: 1")) is None


SIGNS = [
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "=",
    "->",
    "1",
    "x",
    "step",
    "case",
    "+",
    ".",
    '"x"',
    "in",
    "else",
    "wait",
]


@pytest.mark.parametrize("path", sorted(CASES.glob("*.flow")), ids=lambda path: path.stem)
def test_a_broken_token_makes_no_other_mistake(path: Path, contracts: Contracts) -> None:
    """A good flow stays good but for what is broken."""
    text = re.sub("#.*", "", path.read_text("utf-8"))
    good, _ = parse(Source("f.flow", text))
    assert good is not None
    before = {one.code for one in partly(good, contracts, [])}
    found = tokens(Source("f.flow", text))
    drawn = random.Random(path.stem)
    for _ in range(40):
        place = drawn.randrange(len(found.kinds) - 1)
        start, end = found.starts[place], found.ends[place]
        put = drawn.choice(["", f"{text[start:end]} {text[start:end]}", drawn.choice(SIGNS)])
        source = Source("f.flow", text[:start] + put + text[end:])
        flow, broken = parse(source)
        rest = rest_of(source) if flow is None else None
        if rest is not None:
            assert {one.code for one in partly(rest, contracts, broken)} <= before, (place, put)
