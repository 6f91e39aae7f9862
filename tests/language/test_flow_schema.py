"""specs/flow.schema.json says of the YAML form what the reader says, as far as a schema can."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator

from flowlang.language import tree, yaml
from flowlang.language.automaton import automaton
from flowlang.source import Source
from flowlang.yamltree import plain, read_yaml
from tests.language.test_yaml import YAML
from tests.language.trees import flows

SCHEMA = json.loads((Path(__file__).parent.parent.parent / "specs" / "flow.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)


def _problems(written: str) -> list[str]:
    node, findings = read_yaml(Source("f.flow.yaml", written), max_depth=200)
    assert node is not None and not findings
    value = json.loads(json.dumps(plain(node), default=float))
    return [f"{'/'.join(map(str, error.path))}: {error.message}" for error in VALIDATOR.iter_errors(value)]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_knows_the_reserved_words() -> None:
    assert set(SCHEMA["$defs"]["name"]["not"]["enum"]) == automaton().reserved


def test_every_form_is_valid() -> None:
    assert _problems(YAML) == []


@given(flows)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
def test_what_is_written_is_valid(flow: tree.Flow) -> None:
    assert _problems(yaml.to_yaml(flow)) == []


HEAD = "document: { dsl: flowlang/1, name: f }\ndo:\n  - "


@pytest.mark.parametrize(
    "entry",
    [
        "a: { cal: x.y }",
        "a: { call: x }",
        "a: { call: x.y, timeout: 10 }",
        "a: { call: x.y, retry: { limit: many } }",
        "step: { call: x.y }",
        "switch: { cases: [ { is: 1, do: [] } ] }",
        "switch: { of: a, cases: [ { when: x, do: [] } ] }",
        "switch: { cases: [] }",
        "fork: { branches: [ { a: { call: x.y } } ] }",
        "fail: {}",
        "listen: { event: x, within: 3d }",
        "listen: { event: x, within: 3d, else: [], forever: true }",
        "a: { branch: [] }",
        "emit: { event: x, data: 1 }",
        "fork: { branches: [ { a: { call: x.y } } ], join: 0 }",
        "fork: { branches: [ { a: { call: x.y } } ], join: first }",
        "for: { each: x, do: [] }",
        "for: { each: x, in: xs, parallel: 0, do: [] }",
        "a: { for: { each: x, in: xs, do: [] } }",
        "repeat: { do: [], until: x }",
        "repeat: { do: [], until: x, most: 0 }",
        "race: { first: [] }",
        "race: { first: [ { after: 3d, do: [] } ] }",
        "race: { first: [ { event: x, do: [] }, { after: 3d, do: [] }, { after: 4d, do: [] } ] }",
        "race: { first: [ { event: x, do: [] }, { after: 3d, do: [] } ], forever: true }",
        "race: { first: [ { event: x, alongside: true, do: [] } ] }",
        "s: { scope: [], within: 3d }",
        "s: { scope: [], events: [ { event: x } ] }",
        "s: { scope: [], compensate: none }",
        "wait: { for: 5m }",
        "commit: now",
        "orchestrate: { do: [] }",
        "next: { a: 1, b: 2 }",
        "7",
    ],
)
def test_what_the_reader_refuses_is_invalid(entry: str) -> None:
    flow, findings = yaml.parse(Source("f.flow.yaml", HEAD + entry))
    assert findings and (flow is None or findings[0].code == "FL0155")
    assert _problems(HEAD + entry)
