"""`specs/contract.schema.json` and the reader of contracts accept the same files."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from flowlang import resources
from flowlang.contract import load
from flowlang.source import Source
from flowlang.unread import Refusal
from flowlang.yamltree import plain, read_yaml
from tests.contract.test_findings import CASES
from tests.contract.test_load import PAYMENTS

PUBLIC = json.loads(resources.text("specs/contract.schema.json"))
VALIDATOR = Draft202012Validator(PUBLIC)

BEYOND = {"FL0337", "FL0338", "FL0339", "FL0384", "FL0385", "FL0386", "FL0387", "FL0388", "FL0390", "FL0391"}
"""What no schema of single files can say: where references lead, patterns, examples, other contracts."""


def floats(value: Any) -> Any:
    """As the validator wants it: decimals are an unknown type to it."""
    if isinstance(value, dict):
        return {key: floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [floats(item) for item in value]
    return float(value) if isinstance(value, Decimal) else value


def agree(text: str) -> bool:
    """Whether the file is accepted; both have to say the same."""
    node, faults = read_yaml(Source("x.yaml", text))
    assert node is not None
    assert faults == []
    _, found = load([Source("x.yaml", text)], lambda reference, beside: Refusal("missing", "there is no such file"))
    ours = [one.code for one in found if one.code not in BEYOND]
    theirs = [error.message for error in VALIDATOR.iter_errors(floats(plain(node)))]
    assert bool(ours) == bool(theirs), (text, ours, theirs)
    return not ours


def test_the_public_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(PUBLIC)


def test_both_accept_the_usual_contract() -> None:
    assert agree(PAYMENTS)


def _guilty_lines() -> list[str]:
    """Small contracts, one for each faulty line of the other tests."""
    contracts = []
    for name in ("values of keywords", "keywords of other versions and dialects"):
        for line in CASES[name].splitlines():
            if "# FL" in line:
                contracts.append(f"service: payments\nschemas:\n  {line.partition('#  FL')[0].strip()}\n")
    return contracts


@pytest.mark.parametrize("text", _guilty_lines())
def test_both_refuse(text: str) -> None:
    assert not agree(text)


_KEYS = st.sampled_from(
    [
        "service",
        "title",
        "operations",
        "events",
        "hears",
        "schemas",
        "x-a",
        "input",
        "output",
        "errors",
        "timeout",
        "idempotent",
        "effect",
        "example",
        "data",
        "keep",
        "to",
        "type",
        "properties",
        "required",
        "items",
        "enum",
        "const",
        "minimum",
        "minLength",
        "$ref",
        "anyOf",
        "A",
        "order_1",
        "9x",
        "a-b",
        "string",
        "Timeout",
    ]
)
_LEAVES = st.sampled_from(
    [
        "a",
        "10s",
        "1m30s",
        "s",
        "none",
        "one",
        "all",
        "string",
        "object",
        "#/schemas/A",
        "http://a",
        3,
        -1,
        1.5,
        True,
        None,
    ]
)
_ANY = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_KEYS, inner, max_size=3), max_leaves=8
)
_SCHEMA = st.deferred(
    lambda: (
        st.booleans()
        | st.fixed_dictionaries(
            {},
            optional={
                "type": st.sampled_from(["object", "string", ["string", "null"], "int"]) | _ANY,
                "properties": st.dictionaries(_KEYS, _SCHEMA, max_size=2) | _ANY,
                "required": st.lists(_KEYS, max_size=2) | _ANY,
                "items": _SCHEMA,
                "anyOf": st.lists(_SCHEMA, max_size=2) | _ANY,
                "minLength": _ANY,
                "multipleOf": _ANY,
                "$ref": st.just("#/schemas/A") | _ANY,
                "requird": _ANY,
                "x-pii": _ANY,
            },
        )
    )
)
_OPERATION = st.fixed_dictionaries(
    {},
    optional={
        "input": _SCHEMA,
        "output": _SCHEMA,
        "errors": st.dictionaries(_KEYS, st.just("why") | st.none(), max_size=2) | _ANY,
        "timeout": st.sampled_from(["10s", "1m30s", "s1"]) | _ANY,
        "idempotent": st.booleans() | _ANY,
        "effect": st.just("none") | _ANY,
        "example": _ANY,
        "exampel": _ANY,
    },
)
_EVENT = st.fixed_dictionaries(
    {},
    optional={"data": _SCHEMA, "keep": st.just("7d") | _ANY, "to": st.sampled_from(["one", "all"]) | _ANY, "x": _ANY},
)
_CONTRACT = st.fixed_dictionaries(
    {"service": st.just("payments")},
    optional={
        "title": _ANY,
        "operations": st.dictionaries(_KEYS, _OPERATION | _ANY, max_size=2) | _ANY,
        "events": st.dictionaries(st.sampled_from(["a.b", "x-b", "!", "a b"]), _EVENT | _ANY, max_size=2) | _ANY,
        "hears": st.lists(st.sampled_from(["a.b", "", "a b"]), max_size=2) | _ANY,
        "schemas": st.dictionaries(_KEYS, _SCHEMA, max_size=2) | _ANY,
        "x-any": _ANY,
    },
)


@given(_CONTRACT | _ANY)
def test_both_agree_on_contracts_with_and_without_faults(contract: Any) -> None:
    text = json.dumps(contract)  # JSON is YAML
    if text != "null":
        agree(text)
