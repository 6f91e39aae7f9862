"""The kernel as JSON: it is as its schema says, comes back as it went, and its hash is of what it means."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from flowlang import ir, shape
from flowlang.declared import Firm, Taking
from flowlang.event import Policy
from flowlang.verify.agree import kernel
from flowlang.verify.choices import Choices
from flowlang.verify.generate import flow, pairs
from tests.lower.lowering import kernel as of_text
from tests.modes.generated import contracts


@cache
def validator() -> Any:
    schema = json.loads((Path(__file__).parents[2] / "specs" / "ir.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def comes_back(whole: ir.Flow) -> None:
    data = json.loads(json.dumps(ir.to_data(whole)))
    assert not [f"{error.json_path}: {error.message}"[:300] for error in validator().iter_errors(data)]
    assert ir.from_data(data) == whole
    assert ir.hash_of(ir.from_data(data)) == ir.hash_of(whole) == data["hash"]


def test_random_kernels() -> None:
    kinds: set[type] = set()
    for seed in range(60):
        whole = kernel(flow(Choices(seed)), contracts())
        comes_back(whole)
        kinds |= {type(node) for node in ir.walk(whole.body)}
    assert kinds == set(ir.KINDS)


def test_each_construct_in_each_place() -> None:
    labels = [
        label
        for number, (label, family) in enumerate(pairs())
        if number % 5 == 0 and comes_back(kernel(family, contracts())) is None
    ]
    assert len(labels) > 100


def test_what_is_firm_comes_back() -> None:
    whole = of_text("commit scope s { step x = a.act() } catch No -> {} retry 2")
    comes_back(whole)
    firm = next(node.firm for node in ir.walk(whole.body) if isinstance(node, ir.Step))
    assert firm == Firm("commit", (Taking(("No",)), Taking(("Busy", "ExpressionError", "InvalidInput", "No"), 0, 3)))
    assert shape.from_data(Firm, shape.to_data(firm)) == firm
    policy = Policy(firm=True, lets=("No",))
    assert shape.from_data(Policy, shape.to_data(policy)) == policy


@pytest.mark.parametrize(
    ("body", "other"),
    [
        (
            "fork { step x = a.act() step y = a.act() step z = a.act() } join any",
            "fork { step x = a.act() step y = a.act() step z = a.act() } join 2",
        ),
        ("for each i in [1] { step x = a.act() }", "for each i in [1] parallel 1 { step x = a.act() }"),
        ("repeat { step x = a.act() } until n > 1 at most 2", "repeat { step x = a.act() } until n > 1 at most 3"),
        ("wait 5m", "wait 6m"),
        ("step x = a.act() commit", "commit step x = a.act()"),
        ("scope s { step x = a.act() } retry 1", "scope s { step x = a.act() } retry 2"),
        ("orchestrate at a { step x = a.act() }", "orchestrate at b { step x = a.act() }"),
    ],
)
def test_the_hash_is_of_the_meaning(body: str, other: str) -> None:
    assert ir.hash_of(of_text(body)) != ir.hash_of(of_text(other))
    assert ir.hash_of(of_text(f"## why\n{body}")) == ir.hash_of(of_text(body))


def test_damaged_data_is_refused() -> None:
    data = ir.to_data(of_text("for each i in [1] { step x = a.act() }"))
    each = data["body"]["items"][0]
    for damaged in ({**each, "kind": "loop"}, {**each, "width": "2"}, {**each, "more": 1}):
        whole = {**data, "body": {**data["body"], "items": [damaged]}}
        assert list(validator().iter_errors(whole))
        with pytest.raises(shape.Misshapen):
            ir.from_data(whole)
    with pytest.raises(shape.Misshapen):
        ir.from_data({**data, "ir": 2})


def test_documentation_takes_no_part() -> None:
    whole = of_text("step x = a.act()")
    step = whole.body.items[0]
    assert isinstance(step, ir.Step)
    again = replace(whole, body=ir.Sequence((replace(step, doc="why"),)), doc="what", version="7")
    assert again == whole and ir.hash_of(again) == ir.hash_of(whole)
