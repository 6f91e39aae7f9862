"""References lead to places of the project and nowhere else; nothing is fetched."""

from __future__ import annotations

import pytest

from flowlang.contract import load
from flowlang.source import Source
from flowlang.unread import Refusal
from tests.contract.reading import Files, loaded

OUTSIDE = {
    "http://example.org/a.yaml": "FL0382",
    "HTTPS://example.org/a.yaml#/x": "FL0382",
    "//example.org/a.yaml": "FL0382",
    "ftp://example.org/a": "FL0382",
    "urn:example:a": "FL0382",
    "data:application/json,{}": "FL0382",
    "file:///etc/passwd": "FL0383",
    "FILE:///etc/passwd": "FL0383",
    "file:a.yaml": "FL0383",
    "/etc/passwd": "FL0383",
    "C:/windows/a.yaml": "FL0383",
    "C:\\\\windows\\\\a.yaml": "FL0383",
    "..\\\\..\\\\a.yaml": "FL0383",
}


@pytest.mark.parametrize("reference", OUTSIDE)
def test_what_is_no_file_of_the_project_is_never_asked_for(reference: str) -> None:
    text = f'service: one\nschemas:\n  A: {{ $ref: "{reference}" }}\n'
    files = Files({"contracts/one.yaml": text})
    _, found = load(list(files.sources.values()), files.read)
    assert [(one.code, one.span.line, one.span.column) for one in found] == [(OUTSIDE[reference], 3, 14)]
    assert files.asked == []


@pytest.mark.parametrize("reference", ["../../a.yaml", "../../../../etc/passwd", "x/../../../a.yaml"])
def test_the_reader_decides_where_the_project_ends(reference: str) -> None:
    _, found = loaded(f"service: one\nschemas:\n  A: {{ $ref: {reference} }}\n")
    assert [one.code for one in found] == ["FL0383"]


def test_a_file_of_the_project() -> None:
    text = (
        'service: one\nschemas:\n  A: { type: object, properties: { price: { $ref: "money.yaml#/schemas/Money" } } }\n'
    )
    money = 'schemas:\n  Money: { type: object, properties: { amount: { $ref: "#/schemas/Amount" } } }\n  Amount: { type: number }\n'
    contracts, found = loaded(text, money__yaml=money)
    assert found == []
    schema = contracts.services["one"].schemas["A"].schema
    assert schema["properties"] == {"price": {"$ref": "#/$defs/Money"}}
    assert schema["$defs"] == {
        "Amount": {"type": "number"},
        "Money": {"type": "object", "properties": {"amount": {"$ref": "#/$defs/Amount"}}},
    }


def test_a_whole_file_is_a_schema() -> None:
    contracts, found = loaded("service: one\nschemas:\n  A: { $ref: money.yaml }\n", money__yaml="type: number\n")
    assert found == []
    assert contracts.services["one"].schemas["A"].schema == {"type": "number"}


def test_one_name_in_two_files() -> None:
    text = (
        'service: one\nschemas:\n  A: { anyOf: [ { $ref: "#/schemas/Money" }, { $ref: "b.yaml#/schemas/Money" } ] }\n'
        "  Money: { type: number }\n"
    )
    contracts, found = loaded(text, b__yaml="schemas:\n  Money: { type: string }\n")
    assert found == []
    assert contracts.services["one"].schemas["A"].schema == {
        "anyOf": [{"$ref": "#/$defs/Money"}, {"$ref": "#/$defs/Money_2"}],
        "$defs": {"Money": {"type": "number"}, "Money_2": {"type": "string"}},
    }


def test_files_may_refer_to_each_other() -> None:
    text = 'service: one\nschemas:\n  A: { type: object, properties: { b: { $ref: "b.yaml#/B" } } }\n'
    contracts, found = loaded(text, b__yaml='B: { type: array, items: { $ref: "one.yaml#/schemas/A" } }\n')
    assert found == []
    assert set(contracts.services["one"].schemas["A"].schema["$defs"]) == {"A", "B"}


def test_a_circle_through_two_files() -> None:
    _, found = loaded(
        'service: one\nschemas:\n  A: { $ref: "b.yaml#/B" }\n', b__yaml='B: { $ref: "one.yaml#/schemas/A" }\n'
    )
    assert [one.code for one in found] == ["FL0386"]


def test_faults_of_another_file_are_found_there() -> None:
    text = 'service: one\nschemas:\n  A: { $ref: "b.yaml#/B" }\n  C: { $ref: "b.yaml#/B" }\n'
    _, found = loaded(text, b__yaml="B: { typ: string }\nC: { typ: string }\n")
    assert [(one.code, one.span.source.name, one.span.line) for one in found] == [("FL0380", "contracts/b.yaml", 1)]


def test_a_file_that_is_not_there() -> None:
    _, found = loaded("service: one\nschemas:\n  A: { $ref: money.yaml }\n")
    [one] = found
    assert one.say(one.message) == "`money.yaml` cannot be read: there is no such file"


def test_a_file_that_is_not_yaml() -> None:
    _, found = loaded("service: one\nschemas:\n  A: { $ref: b.yaml }\n  B: { $ref: b.yaml }\n", b__yaml="a: [1\n")
    assert [(one.code, one.span.source.name) for one in found] == [("FL0177", "contracts/b.yaml")]


def test_a_misspelt_name_is_recognised() -> None:
    _, found = loaded('service: one\nschemas:\n  A: { $ref: "#/schemas/Paymnt" }\n  Payment: { type: string }\n')
    assert [one.hint for one in found] == ["did you mean `Payment`?"]


def test_words_that_look_like_references_in_data_are_left_alone() -> None:
    text = (
        "service: one\nschemas:\n"
        '  A: { type: object, properties: { $ref: { type: string } }, default: { $ref: "http://example.org" }, x-note: { $ref: 3 } }\n'
    )
    contracts, found = loaded(text)
    assert found == []
    assert contracts.services["one"].schemas["A"].schema["default"] == {"$ref": "http://example.org"}


def test_escapes_in_a_path() -> None:
    text = 'service: one\nschemas:\n  A: { $ref: "#/x-types/a~1b%20c~0" }\nx-types:\n  "a/b c~": { type: string }\n'
    contracts, found = loaded(text)
    assert found == []
    assert contracts.services["one"].schemas["A"].schema == {"type": "string"}


def test_a_reader_may_answer_with_a_finding_of_its_own() -> None:
    source = Source("one.yaml", "service: one\nschemas:\n  A: { $ref: b.yaml }\n")
    _, found = load([source], lambda reference, beside: Refusal("large", "it is larger than 4 MB"))
    assert [one.say(one.message) for one in found] == ["`b.yaml` cannot be read: it is larger than 4 MB"]
