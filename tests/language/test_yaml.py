"""The YAML twin: the same tree as text, scalars as they look, and mistakes shown where they are in the YAML file."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from flowlang.expression.tree import Literal
from flowlang.language import text, tree, yaml
from flowlang.language.format import NotFormatted, format_source
from flowlang.source import Source

EXPECTED = re.compile(r"# error: ([FL0-9 ]+)")

HERE = Path(__file__).parent
TEXT = (HERE / "every_form.flow").read_text(encoding="utf-8")
YAML = (HERE / "every_form.flow.yaml").read_text(encoding="utf-8")


def test_both_forms_give_one_tree() -> None:
    from_text, said = text.parse(Source("f.flow", TEXT))
    from_yaml, said_too = yaml.parse(Source("f.flow.yaml", YAML))
    assert not said and not said_too
    assert from_text is not None and from_text == from_yaml
    assert format_source(Source("f.flow", TEXT)) == TEXT
    written = yaml.to_yaml(from_text)
    assert yaml.parse(Source("f.flow.yaml", written)) == (from_text, [])


def test_every_form_is_there() -> None:
    """The sample has each class of the tree, and each part of a class is given somewhere."""
    flow, _ = text.parse(Source("f.flow", TEXT))
    given: set[tuple[type, str]] = set()
    waiting: list[object] = [flow]
    while waiting:
        node = waiting.pop()
        if isinstance(node, tuple):
            waiting += node
        elif type(node).__module__ == tree.__name__ and is_dataclass(node):
            parts = {part.name: getattr(node, part.name) for part in fields(node)}
            given |= {(type(node), name) for name, value in parts.items() if value not in (None, (), False)}
            waiting += parts.values()
    classes = [kind for kind in vars(tree).values() if isinstance(kind, type) and kind.__module__ == tree.__name__]
    needed = {(kind, part.name) for kind in classes for part in fields(kind) if part.name != "doc"}
    assert {(kind.__name__, name) for kind, name in needed - given} == set()


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


@pytest.mark.parametrize("length", [999, 1000, 1001, 1024, 5000])
@pytest.mark.parametrize("value", ["1", "{ x: 1 }", "[{ {key}: 1 }, 2]", "{ {key}: { y: 1, {key}: [] } }", '"${ n }"'])
def test_a_key_of_any_length_can_be_read_again(length: int, value: str) -> None:
    """Readers of YAML look for the colon behind a key 1,024 characters far."""
    key = f'"k {"é" * (length - 4)}"'
    flow, findings = text.parse(Source("f.flow", f'flow f() {{ emit "e" {{ {key}: {value.replace("{key}", key)} }} }}'))
    assert flow is not None and not findings
    written = yaml.to_yaml(flow)
    assert yaml.parse(Source("f.flow.yaml", written)) == (flow, [])
    assert format_source(Source("f.flow.yaml", written)) == written


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
          - fork: { branches: [], join: any }            # error: FL0142
          - fail: {}                                     # error: FL0168
          - emit: { event: x, data: 1 }                  # error: FL0169
          - return: "a ${ b }"                           # error: FL0173
          - if: { when: x }                              # error: FL0172
          - repeat: { do: [] }                           # error: FL0168
          - switch: [ ]                                  # error: FL0169
          - d: { branch: [] }                            # error: FL0147
          - e: { let: 1 }
            f: { let: 1 }                                # error: FL0170
          - größe: { let: 1 }                            # error: FL0108
          - 7                                            # error: FL0169
          - g: { scope: [], within: 3d }                 # error: FL0168
          - listen: { event: x, within: 3d }             # error: FL0168
          - h: { call: a.b, with: { x: "${ 1 } ${ 2 }" } } # error: FL0173
    """,
    "loops, races and the rest": """
        document: { dsl: flowlang/1, name: f }
        use: [ { flows: [] }, {} ]                       # error: FL0169
        do:
          - fork: { branches: [ { a: { call: x.y } } ], join: 0 } # error: FL0155
          - fork: { branches: [ { a: { call: x.y } } ], join: first } # error: FL0169
          - for: { each: x, of: xs, do: [] }             # error: FL0167 FL0168
          - for: { each: for, in: xs, parallel: 0, do: [] } # error: FL0125 FL0155
          - a: { for: { each: x, in: xs, do: [] } }      # error: FL0174
          - repeat: { do: [], until: x, most: 0 }        # error: FL0155
          - repeat: { do: [], until: x, most: many }     # error: FL0169
          - repeat: { do: [], until: x +, max: 3 }       # error: FL0121 FL0167 FL0168
          - repeat: { with: [a], do: [], until: x, most: 1 } # error: FL0169
          - race: { first: [] }                          # error: FL0153
          - race: { first: [ { after: 3d, do: [] } ] }   # error: FL0153
          - race: { first: [ { event: x } ] }            # error: FL0168
          - race: { first: [ { event: x, alongside: true, do: [] } ] } # error: FL0167
          - race:
              forever: true                              # error: FL0154
              first:
                - { event: x, do: [] }
                - { after: 3d, do: [] }
                - { after: 4d, do: [] }                  # error: FL0154
          - race: { first: [ { event: x, do: [] } ], forever: false } # error: FL0169
          - s:
              scope: []
              events: [ { event: x, alongside: maybe, do: [] } ] # error: FL0169
              else: []                                   # error: FL0168
              compensate: { call: x.y }                  # error: FL0169
          - wait: { for: 5m }                            # error: FL0167 FL0168
          - wait: []                                     # error: FL0169
          - commit: now                                  # error: FL0169
          - orchestrate: { do: [] }                      # error: FL0168
          - next: { a: 1, b: 2 }                         # error: FL0170
          - next: a                                      # error: FL0169
          - yield: "a ${ b }"                            # error: FL0173
          - while: { do: [] }                            # error: FL0172
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


@pytest.mark.parametrize("name", CASES)
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
