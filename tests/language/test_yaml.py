"""The YAML twin: the same tree as text, scalars as they look, and mistakes shown where they are in the YAML file."""

from __future__ import annotations

import re

import pytest

from flowlang.expression.tree import Literal
from flowlang.language import text, tree, yaml
from flowlang.language.format import NotFormatted, format_source
from flowlang.source import Source

EXPECTED = re.compile(r"# error: ([FL0-9 ]+)")

TEXT = """use contracts "contracts/*.yaml"

## Take the money,
## or don't.
flow every_form(order: orders.Order, lines: [Line], note: string?) -> [Receipt] {
  version 3
  on event "order.placed" as placed where placed.total > 0
  key order.id
  owner orders

  ## taken once
  step charge = payments.charge(id: order.id, n: -2, t: 3d, s: "${x}", u: "010", l: [1, null]) {
    compensate payments.refund(order)
    retry 5 backoff 1s..30s on Timeout, payments.Busy
    timeout 10s
  }
  step ping = orders.ping() { compensate none }
  step whole = orders.read({ a: 1 })
  let ratio = charge.amount / 2
  ## in order
  sequence {
    emit "done"
  }
  fork at orders {
    step stock = inventory.reserve()
    ## a branch
    branch house when order.big {
      step own = fleet.offer()
      return { id: order.id }
    }
  } join all
  switch order.kind at orders {
    case "a", "b" -> step o = orders.read()
    ## nothing else
    case "c" -> {}
  }
  switch {
    case stock.status == "back\\"ordered" || !order.vip -> fail Odd("why")
    else -> return order
  }
  wait for event "delivery.confirmed" as delivery
    where delivery.shipmentId == shipment.id
    at shipping within 3d else fail DeliveryTimeout
  wait for event "x.z" forever
  wait for event "x.y"
  scope fulfil at orders {
    step pay = payments.charge()
  } catch Declined, orders.B as err -> fail Odd
  catch as other -> {}
}
"""

YAML = """document: { dsl: flowlang/1, name: every_form, version: "3", doc: "Take the money,\\nor don't." }
use: { contracts: [contracts/*.yaml] }
input: { order: orders.Order, lines: "[Line]", note: string? }
output: "[Receipt]"
key: ${ order.id }
owner: orders
start: { event: order.placed, as: placed, where: placed.total > 0 }
do:
  - charge:
      doc: taken once
      call: payments.charge
      with: { id: "${ order.id }", n: -2, t: "${ 3d }", s: "${ '${x}' }", u: "010", l: [1, ~] }
      compensate: { call: payments.refund, with: "${ order }" }
      retry: { limit: 5, backoff: 1s..30s, errors: [Timeout, payments.Busy] }
      timeout: 10s
  - ping: { call: orders.ping, compensate: none }
  - whole: { call: orders.read, with: "${ { a: 1 } }" }
  - ratio: { let: "${ charge.amount / 2 }" }
  - sequence: [ { emit: { event: done } } ]
    doc: in order
  - fork:
      at: orders
      branches:
        - stock: { call: inventory.reserve }
        - house:
            doc: a branch
            branch: [ { own: { call: fleet.offer } }, { return: { id: "${ order.id }" } } ]
            when: order.big
      join: all
  - switch:
      of: order.kind
      at: orders
      cases:
        - { is: ['"a"', '"b"'], do: [ { o: { call: orders.read } } ] }
        - { doc: nothing else, is: ['"c"'], do: [] }
  - switch:
      cases:
        - { when: "stock.status == 'back\\"ordered' || !order.vip", do: [ { fail: { error: Odd, message: "'why'" } } ] }
      else: [ { return: "${ order }" } ]
  - delivery:
      listen: { event: delivery.confirmed, where: delivery.shipmentId == shipment.id, at: shipping,
                within: 3d, else: [ { fail: { error: DeliveryTimeout } } ] }
  - listen: { event: x.z, forever: true }
  - listen: { event: x.y }
  - fulfil:
      scope: [ { pay: { call: payments.charge } } ]
      at: orders
      catch:
        - { errors: [Declined, orders.B], as: err, do: [ { fail: { error: Odd } } ] }
        - { as: other, do: [] }
"""


def test_both_forms_give_one_tree() -> None:
    from_text, said = text.parse(Source("f.flow", TEXT))
    from_yaml, said_too = yaml.parse(Source("f.flow.yaml", YAML))
    assert not said and not said_too
    assert from_text is not None and from_text == from_yaml
    assert format_source(Source("f.flow", TEXT)) == TEXT


@pytest.mark.parametrize(
    ("written", "value"),
    [("on", "on"), ("no", "no"), ("22:30", "22:30"), ("2026-01-03", "2026-01-03"), ("1_000", "1_000"), ("0o17", 15),
     ("0x1F", 31), ("true", True), ("Null", None), ('"1"', "1"), ("1e3", 1000), ("'no'", "no"), ("10", 10)],
)  # fmt: skip
def test_scalars_are_those_of_yaml_1_2(written: str, value: object) -> None:
    flow, findings = yaml.parse(
        Source("f.yaml", f"document: {{dsl: flowlang/1, name: f}}\ndo: [ {{ return: {written} }} ]")
    )
    assert flow is not None and not findings
    statement = flow.body.statements[0]
    assert isinstance(statement, tree.Return) and isinstance(statement.value, Literal)
    assert statement.value.value == value and isinstance(statement.value.value, type(value)) is (written != "1e3")


@pytest.mark.parametrize(
    "written", ["-0.0", "-0", "-1.5", "-9223372036854775808", "-1.234567890123456789012345678901234"]
)
def test_a_negative_number_converts_without_loss(written: str) -> None:
    flow, _ = text.parse(Source("f.flow", f"flow f() {{ return {{ r: {written} }} }}"))
    assert flow is not None
    twin, findings = yaml.parse(Source("f.flow.yaml", yaml.to_yaml(flow)))
    assert findings == [] and twin is not None
    (first,), (second,) = flow.body.statements, twin.body.statements
    assert repr(second) == repr(first)  # zeros that are equal are told apart


def test_an_expression_in_yaml_has_its_own_place() -> None:
    lines = 'document: {dsl: flowlang/1, name: f}\nkey: "${ order. }"\ndo:\n  - return: ${ 1 + }\n  - a: { let: "${ \\"x\\" + }" }\n'
    source = Source("f.yaml", lines)
    _, findings = yaml.parse(source)
    assert [(f.code, f.span.line, f.span.text) for f in findings] == [
        ("FL0121", 2, ""),
        ("FL0121", 4, ""),
        ("FL0121", 5, '"${ \\"x\\" + }"'),  # escaped: only the scalar has a place
    ]
    assert [f.span.column for f in findings] == [17, 20, 15]


CASES = {
    "several mistakes in one file": """
        documnt: {}                                      # error: FL0167
        use: { contract: [a.yaml] }                      # error: FL0167
        input: { on: T, b: "[T" }                        # error: FL0125 FL0123
        key: a b                                         # error: FL0121
        do:
          - call: a.b                                    # error: FL0171
          - a: { cal: x.y }                              # error: FL0172
          - b: { call: x, timeout: 10 }                  # error: FL0169 FL0114
          - c: { call: x.y, retry: { limit: many } }     # error: FL0169
          - switch: { cases: [ { is: 1, do: [] } ] }     # error: FL0167
          - switch: { of: a, cases: [ { when: 1, do: [] } ] } # error: FL0167
          - fork: { branches: [], join: any }            # error: FL0142 FL0127
          - fail: {}                                     # error: FL0168
          - emit: { event: x, data: 1 }                  # error: FL0169
          - return: "a ${ b }"                           # error: FL0173
          - if: { when: x }                              # error: FL0172
          - repeat: { do: [] }                           # error: FL0127
          - switch: [ ]                                  # error: FL0169
          - d: { branch: [] }                            # error: FL0147
          - e: { let: 1 }
            f: { let: 1 }                                # error: FL0170
          - größe: { let: 1 }                            # error: FL0108
          - 7                                            # error: FL0169
          - g: { scope: [], within: 3d }                 # error: FL0127
          - listen: { event: x, within: 3d }             # error: FL0168
          - h: { call: a.b, with: { x: "${ 1 } ${ 2 }" } } # error: FL0173
    """,
    "what YAML can do and flows can't": """
        document: { dsl: flowlang/1, name: f }
        do:
          - a: &x { call: a.b }                          # error: FL0180
          - b: { call: !!python/object:os.system x }     # error: FL0182
          - c: { call: a.b, call: a.c }                  # error: FL0179
          - d: { call: a.b, with: { <<: { a: 1 } } }     # error: FL0181
          - e: { let: .inf }                             # error: FL0199
          - f: { let: 010 }                              # error: FL0190
    """,
}


@pytest.mark.parametrize("name", ["several mistakes in one file", "what YAML can do and flows can't"])
def test_errors_stand_on_the_guilty_line(name: str) -> None:
    case = "\n".join(line[8:] for line in CASES[name].split("\n"))
    _, findings = yaml.parse(Source("case.flow.yaml", case))
    expected = {
        (number, code)
        for number, line in enumerate(case.split("\n"), 1)
        for match in EXPECTED.finditer(line)
        for code in match[1].split()
    }
    said = "\n".join(f"{f.span.line}:{f.span.column} {f.code} {f.say(f.message)}" for f in findings)
    assert {(finding.span.line, finding.code) for finding in findings} == expected, said


def test_comments_of_yaml_are_not_dropped_in_silence() -> None:
    written = YAML.replace("  - ping", "  # pings\n  - ping")
    with pytest.raises(NotFormatted, match="comment"):
        format_source(Source("f.flow.yaml", written))
    hash_in_text = YAML.replace("taken once", "'taken # once'")
    assert "taken # once" in format_source(Source("f.flow.yaml", hash_in_text))
