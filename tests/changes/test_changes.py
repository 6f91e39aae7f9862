"""What changed between two versions of a flow, how far it reaches, and what would break by it."""

from __future__ import annotations

import json

import pytest

from flowlang import ir
from flowlang.changes import Change, Version, changes, changes_data, changes_text
from flowlang.changes.schemas import differences
from flowlang.choreograph.projection import project
from flowlang.contract import load
from flowlang.declared import Schema
from flowlang.language.text import parse
from flowlang.lower import lower
from flowlang.owners import owners
from flowlang.source import Source

FLOW = """
use contracts "*.yaml"

flow order(id: string, total: int) -> Receipt {
  key id
  version 3
  owner desk
  step take = desk.take(id: id) { compensate desk.drop(id: id) }
  step pay = bank.charge(id: id, amount: total) { compensate bank.refund(id: id) }
  switch {
    case total > 1000 -> step look = desk.look(id: id)
    else -> {}
  }
  wait for event "post.sent" as sent where sent.id == id within 3d else fail Late
  step tell = post.tell(id: id) { compensate none }
  return { id: id, number: pay.number }
}
"""
DESK = """
service: desk
operations:
  take: { input: { $ref: "#/schemas/ById" } }
  drop: { input: { $ref: "#/schemas/ById" } }
  look: { effect: none, input: { $ref: "#/schemas/ById" } }
hears: [post.sent]
schemas:
  ById: { type: object, required: [id], properties: { id: { type: string } } }
  Receipt: { type: object, required: [id], properties: { id: { type: string }, number: { type: string } } }
"""
BANK = """
service: bank
operations:
  charge:
    input: { type: object, required: [id, amount], properties: { id: { type: string }, amount: { type: integer } } }
    output: { type: object, required: [number], properties: { number: { type: string }, at: { type: string } } }
    errors: { Declined: "no" }
  refund: { input: { type: object, required: [id], properties: { id: { type: string } } } }
hears: [post.sent]
"""
POST = """
service: post
operations:
  tell: { input: { type: object, required: [id], properties: { id: { type: string } } } }
events:
  post.sent: { data: { type: object, required: [id], properties: { id: { type: string }, at: { type: string } } } }
"""


def version(flow: str = FLOW, desk: str = DESK, bank: str = BANK, post: str = POST) -> Version:
    tree, found = parse(Source("order.flow", flow))
    assert tree is not None and not found
    texts = {"desk": desk, "bank": bank, "post": post}
    contracts, problems = load(
        [Source(f"{name}.yaml", text) for name, text in texts.items()], lambda reference, beside: None
    )
    assert not problems, problems
    lowered = lower(tree, contracts)
    hash = ir.hash_of(lowered)
    owned = {path: owner.service for path, owner in owners(lowered).items()}
    return Version(lowered, hash, project(lowered, hash), owned)


def changed(old: str, new: str, where: str = "flow") -> list[Change]:
    """The changes when `old` is replaced by `new` in the flow or in a contract."""
    texts = {"flow": FLOW, "desk": DESK, "bank": BANK, "post": POST}
    assert old in texts[where]
    return list(changes(version(), version(**{where: texts[where].replace(old, new)})))


def said(found: list[Change]) -> list[tuple[str, str, str]]:
    return [(one.kind + ("!" if one.breaks else ""), one.about, one.words) for one in found]


def test_the_same_flow_has_no_changes() -> None:
    assert changes(version(), version()) == ()
    assert changes_text(version(), version(), ()).endswith("\nNothing changed.\n")


@pytest.mark.parametrize(
    "old, new, change",
    [
        ("version 3", "version 4", ("inert", "the version", 'is "4" now, and was "3"')),
        (
            "  step take",
            "  ## first of all\n  step take",
            ("inert", "take", "has another documentation"),
        ),
        (
            "total > 1000",
            "total > 2000",
            ("handler-compatible", "switch1", "has another condition: `total > 2000` in place of `total > 1000`"),
        ),
        ("within 3d", "within 4d", ("handler-compatible", "sent", "has another time limit: `4d` in place of `3d`")),
        (
            "amount: total)",
            "amount: total + 1)",
            (
                "handler-compatible",
                "pay",
                "has the input { id: id, amount: total + 1 }, and had { id: id, amount: total }",
            ),
        ),
        (
            "{ compensate bank.refund(id: id) }",
            "{ compensate bank.refund(id: id) retry 5 on Timeout }",
            ("handler-compatible", "pay", "is tried otherwise: other attempts, errors or times"),
        ),
    ],
)
def test_what_services_do_not_rely_on_is_one_small_change(old: str, new: str, change: tuple[str, str, str]) -> None:
    assert said(changed(old, new)) == [change]


def test_a_new_step_is_topological_and_who_hears_what_is_said() -> None:
    new = "step seen = bank.refund(id: id) { compensate none }\n  step tell"
    found = said(changed("step tell", new))
    assert ("topological!", "seen", "is new (a step, bank.refund)") in found
    assert ("topological!", "post", "hears seen.ok from bank now") in found
    assert {kind for kind, _, _ in found} == {"topological!"}


def test_a_step_that_only_has_another_name_is_called_so() -> None:
    found = said(changed("step tell", "step inform"))
    assert ("topological!", "tell", "is called inform now: its events have other names") in found
    assert not [words for _, _, words in found if words.startswith(("is new", "is gone"))]


def test_a_decision_that_moved_is_topological() -> None:
    found = said(changed("switch {", "switch at bank {"))
    assert ("topological!", "switch1", "is decided at bank now, and was at desk") in found
    moved = said(changed("owner desk", "owner bank"))
    assert ("topological!", "bank", "answers for the run, which desk did") in moved


def test_a_compensation_that_went_is_topological() -> None:
    found = said(changed("{ compensate bank.refund(id: id) }", "{ compensate none }"))
    assert ("topological!", "pay", "is not undone any more; it was by bank.refund") in found


@pytest.mark.parametrize(
    "where, old, new, change",
    [
        (
            "bank",
            "required: [id, amount]",
            "required: [id, amount, card]",
            ("topological!", "the input of bank.charge: `card`", "is required now"),
        ),
        (
            "bank",
            "amount: { type: integer }",
            "amount: { type: integer }, card: { type: string }",
            ("handler-compatible", "the input of bank.charge: `card`", "is new and optional"),
        ),
        (
            "bank",
            "amount: { type: integer }",
            "amount: { type: number }",
            ("handler-compatible", "the input of bank.charge: `amount`", "is number now, and was integer"),
        ),
        (
            "bank",
            ", at: { type: string }",
            "",
            ("topological!", "the output of bank.charge: `at`", "is gone"),
        ),
        (
            "post",
            ", at: { type: string }",
            "",
            ("topological!", "the event post.sent: `at`", "is gone"),
        ),
        (
            "bank",
            'errors: { Declined: "no" }',
            'errors: { Declined: "no", Closed: "no" }',
            (
                "topological!",
                "bank.charge",
                "may fail with Closed now, which no table knows that is in use",
            ),
        ),
    ],
)
def test_what_a_contract_promises(where: str, old: str, new: str, change: tuple[str, str, str]) -> None:
    assert change in said(changed(old, new, where))


def test_a_new_required_field_of_an_input_breaks() -> None:
    bank = BANK.replace("amount: { type: integer }", "amount: { type: integer }, card: { type: string }")
    bank = bank.replace("required: [id, amount]", "required: [id, amount, card]")
    flow = FLOW.replace("amount: total)", 'amount: total, card: "x")')
    found = changes(version(), version(flow, bank=bank))
    assert ("topological!", "the input of bank.charge: `card`", "is new and required") in said(list(found))


def test_the_text_marks_what_breaks_and_counts_it() -> None:
    old, new = (
        version(),
        version(FLOW.replace("version 3", "version 4"), bank=BANK.replace(", at: { type: string }", "")),
    )
    found = changes(old, new)
    text = changes_text(old, new, found, 80)
    assert "topological: services change together\n  ! the output of bank.charge: `at` is gone\n" in text
    assert 'inert: nothing runs otherwise\n    the version is "4" now, and was "3"\n' in text
    assert text.endswith("\n1 change, marked !, breaks runs in flight or other services.\n")
    assert max(map(len, text.splitlines())) <= 80


def test_the_json_has_every_change() -> None:
    old, new = version(), version(FLOW.replace("total > 1000", "total > 1"))
    data = json.loads(json.dumps(changes_data(old, new, changes(old, new))))
    assert (data["flow"], data["breaks"], data["old"] != data["new"]) == ("order", False, True)
    assert [one["class"] for one in data["changes"]] == ["handler-compatible"]


# ---------------------------------------------------------------- schemas

TEXT: Schema = {"type": "string"}


def record(required: list[str] | None = None, **properties: Schema) -> Schema:
    return {"type": "object", "required": required or [], "properties": properties}


@pytest.mark.parametrize(
    "old, new, words, narrower, wider",
    [
        (record(), record(a=TEXT), "a is new and optional", False, False),
        (record(), record(["a"], a=TEXT), "a is new and required", True, False),
        (record(a=TEXT), record(["a"], a=TEXT), "a is required now", True, False),
        (record(["a"], a=TEXT), record(a=TEXT), "a is optional now", False, True),
        (record(a=TEXT), record(), "a is gone", False, True),
        (record(a={"type": "integer"}), record(a={"type": "number"}), "a is number now, and was integer", False, True),
        (record(a={"type": "number"}), record(a={"type": "integer"}), "a is integer now, and was number", True, False),
        (record(a=TEXT), record(a={"type": "integer"}), "a is integer now, and was string", True, True),
        ({"enum": ["a"]}, {"enum": ["a", "b"]}, ' may be "b" now', False, True),
        ({"enum": ["a", "b"]}, {"enum": ["a"]}, ' is not "b" any more', True, False),
        ({"minimum": 1}, {"minimum": 2}, " has the minimum 2", True, False),
        ({"maximum": 1}, {"maximum": 2}, " has the maximum 2", False, True),
        ({"maxLength": 5}, {}, " has no `maxLength` any more", False, True),
        ({"pattern": "a"}, {"pattern": "b"}, " has another `pattern`", True, True),
        (TEXT, {**TEXT, "x-pii": True}, " is marked x-pii now", False, False),
        ({"items": TEXT}, {"items": {"type": "integer"}}, "[] is integer now, and was string", True, True),
    ],
)
def test_a_schema_is_narrower_or_wider(old: Schema, new: Schema, words: str, narrower: bool, wider: bool) -> None:
    [one] = differences(old, new)
    assert (f"{one.path} {one.words}", one.narrower, one.wider) == (words, narrower, wider)


def test_references_are_followed_and_circles_end() -> None:
    def tree(leaf: Schema) -> Schema:
        node = {"type": "object", "properties": {"leaf": leaf, "next": {"$ref": "#/$defs/Node"}}}
        return {"$ref": "#/$defs/Node", "$defs": {"Node": node}}

    found = differences(tree(TEXT), tree({"type": "integer"}))
    assert found[0].path == "leaf" and differences(tree(TEXT), tree(TEXT)) == []


def test_a_description_is_no_difference() -> None:
    assert differences(TEXT, {**TEXT, "description": "words", "example": "a"}) == []
