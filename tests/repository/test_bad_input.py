"""Files that nobody should write, or that somebody writes to break us: each has its finding, with code and place.

Every row runs `flowlang` as a process with 256 MB of memory. A row says what stands in the file, where the finding points,
and which code it has; a wrong status, a traceback or a crash of the interpreter fails it.
"""

from __future__ import annotations

import json
import re
import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from tests.repository.command import ROOT, Said, flowlang

MEMORY = 256 * 1024 * 1024
CONTRACTS = ROOT / "specs" / "examples" / "order" / "contracts"
HEAD = 'use contracts "contracts/*.yaml"\nflow f(order: Order) {\n'
STEP = "  step v = orders.validate(order)\n"
YAML = """document: { dsl: flowlang/1, name: f }
use: { contracts: [contracts/*.yaml] }
input: { order: Order }
do:
  - v: { call: orders.validate, with: "${ order }" }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(CONTRACTS, tmp_path / "contracts")
    return tmp_path


def check(folder: Path, name: str) -> tuple[Said, list[tuple[str, int, int]]]:
    """What `check` says of a file, and the code, line and column of each error."""
    said = flowlang("check", "--format", "json", name, cwd=folder, memory=MEMORY)
    found = [(one["code"], one["line"], one["column"]) for one in json.loads(said.out) if one["severity"] == "error"]
    assert said.status == (1 if found else 0), said.err
    return said, found


def body(statements: str) -> str:
    return f"{HEAD}{statements}}}\n"


NESTED = "(" * 20_000 + "1" + ")" * 20_000
BLOCKS = "sequence {\n" * 20_000 + "}\n" * 20_000

TEXT = {
    "empty file": (b"", [("FL0103", 1, 1)]),
    "only comments": (b"# nothing\n# here\n", [("FL0103", 3, 1)]),
    "byte order mark": (b"\xef\xbb\xbf" + body(STEP).encode(), []),
    "a mistake behind a byte order mark": (b"\xef\xbb\xbfflow f( {}", [("FL0122", 1, 7)]),
    "CRLF": (body(STEP).replace("\n", "\r\n").encode(), []),
    "invalid UTF-8": (body(STEP).encode() + b"# \xff\n", [("FL0101", 5, 3)]),
    "a name with a foreign letter is one error": (body("let r = ümlaut\n").encode(), [("FL0108", 3, 9)]),
    "a field with a foreign letter is one error": (body("let r = order.ü\n").encode(), [("FL0108", 3, 15)]),
    "a duration of two units is one error": (
        body("let d = 1h30m > 2\nlet e = order.nope\n").encode(),
        [("FL0113", 3, 9), ("FL0302", 4, 15)],
    ),
    "20,000 parentheses": (body(f"let x = {NESTED}\n").encode(), [("FL0151", 3, 72)]),
    "20,000 blocks": (body(BLOCKS).encode(), [("FL0151", 66, 10)]),
    "a sum of 10,000 terms": (body("let x = " + " + ".join(["1"] * 10_000) + "\n").encode(), [("FL0152", 3, 9)]),
    "a number of 5,000 digits": (body("  let x = " + "9" * 5_000 + "\n").encode(), [("FL0115", 3, 11)]),
    "unterminated string": (body('  let x = "abc\n').encode(), [("FL0109", 3, 11)]),
    "duplicate names": (body(STEP + STEP).encode(), [("FL0228", 4, 8)]),
    "reserved word": (body("  let case = 1\n").encode(), [("FL0125", 3, 7)]),
    "a way into Python": (body("  let x = ().__class__\n").encode(), [("FL0121", 3, 12)]),
    "a way into Python by attributes": (body("  let x = order.__class__\n").encode(), [("FL0302", 3, 17)]),
    "NUL": (body("  let x = 1\0\n").encode(), [("FL0106", 3, 12)]),
    "a string of 1 MB": (body('  let x = "' + "a" * 1_000_000 + '"\n').encode(), []),
    "100,000 names in one line": (body("  let x = " + " ".join(["a"] * 100_000) + "\n").encode(), [("FL0126", 3, 13)]),
}

TWIN = {
    "on as a key": (YAML + "on: { event: a }\n", [("FL0167", 6, 1)]),
    "no is a name": (YAML.replace("name: f", "name: no"), []),
    "010 is ambiguous": (YAML.replace("name: f", "name: f, version: 010"), [("FL0190", 1, 48)]),
    "22:30 is a text": (YAML.replace("name: f", "name: f, version: 22:30"), []),
    "duplicate keys": (YAML + "input: { order: Order }\n", [("FL0179", 6, 1)]),
    "60 KB of brackets": ("[" * 60_000, [("FL0184", 1, 341)]),
    "60 KB of braces": ("{a: " * 15_000, [("FL0184", 1, 1361)]),
    "60 KB of dashes": ("- " * 30_000, [("FL0184", 1, 681)]),
    "alias bomb": (
        "a: &a [x]\n" + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in pairwise("abcdefghi")),
        [("FL0180", 1, 4)],
    ),
    "merge key": (YAML + "<<: { owner: orders }\n", [("FL0181", 6, 1)]),
    "python object": (YAML + "owner: !!python/object/apply:os.system [ls]\n", [("FL0182", 6, 8), ("FL0169", 6, 8)]),
    "several documents": (YAML + "---\n" + YAML, [("FL0183", 6, 1)]),
    "tabs": (YAML + "owner:\n\torders\n", [("FL0178", 7, 1)]),
    "a date": (YAML.replace("name: f", "name: 2026-01-01"), [("FL0108", 1, 36)]),
    "unknown key": (YAML + "retries: 3\n", [("FL0167", 6, 1)]),
    "misspelt key": (YAML.replace("input:", "imput:"), [("FL0167", 3, 1)]),
    "empty file": ("", [("FL0188", 1, 1)]),
    "only comments": ("# nothing\n", [("FL0188", 1, 1)]),
    "a list": ("- a\n", [("FL0169", 1, 1)]),
    "a control character": (YAML + "owner: \x01\n", [("FL0186", 6, 8)]),
}


@pytest.mark.parametrize("name", TEXT)
def test_flow_text(name: str, folder: Path) -> None:
    data, expected = TEXT[name]
    (folder / "f.flow").write_bytes(data)
    assert check(folder, "f.flow")[1] == expected


@pytest.mark.parametrize("name", TWIN)
def test_flow_yaml(name: str, folder: Path) -> None:
    text, expected = TWIN[name]
    (folder / "f.flow.yaml").write_text(text, encoding="utf-8")
    assert check(folder, "f.flow.yaml")[1] == expected


CONTRACT = (CONTRACTS / "risk.yaml").read_text(encoding="utf-8")
PLACE = "    input: { type: object, required: [orderId], properties: { orderId: { type: string } } }\n"


def with_input(schema: str) -> str:
    """The contract of `risk` with another schema for what `review` is asked."""
    assert PLACE in CONTRACT
    return CONTRACT.replace(PLACE, f"    input: {schema}\n")


CONTRACT_FILES = {
    "http $ref": (with_input('{ $ref: "http://example.org/a.yaml" }'), [("FL0382", 6, 20)]),
    "file $ref": (with_input('{ $ref: "file:///etc/passwd" }'), [("FL0383", 6, 20)]),
    "$ref out of the project": (with_input('{ $ref: "../../../etc/passwd" }'), [("FL0383", 6, 20)]),
    "$ref to an absolute path": (with_input('{ $ref: "/etc/passwd" }'), [("FL0383", 6, 20)]),
    "$ref to nothing": (with_input('{ $ref: "#/schemas/Nothing" }'), [("FL0385", 6, 20)]),
    "recursive $ref": (
        with_input('{ $ref: "#/schemas/A" }') + "schemas: { A: { $ref: '#/schemas/A' } }\n",
        [("FL0386", 8, 23)],
    ),
    "misspelt keyword": (with_input("{ type: object, propertys: { orderId: { type: string } } }"), [("FL0380", 6, 28)]),
    "misspelt word of a contract": (CONTRACT.replace("operations:", "operatons:"), [("FL0330", 3, 1)]),
    "catastrophic pattern": (
        with_input('{ type: object, properties: { orderId: { type: string, pattern: "^(a+)+$" } } }'),
        [("FL0388", 6, 76)],
    ),
    "no service": ("title: nobody\n", [("FL0332", 1, 1)]),
    "an empty contract": ("", [("FL0188", 1, 1)]),
    "deep schema": (with_input("{ items: " * 5_000 + "{}" + " }" * 5_000), [("FL0184", 6, 885)]),
    "60 KB of brackets": ("[" * 60_000, [("FL0184", 1, 101)]),
    "two contracts of one service": (CONTRACT.replace("service: risk", "service: orders"), [("FL0337", 1, 10)]),
}


@pytest.mark.parametrize("name", CONTRACT_FILES)
def test_contract(name: str, folder: Path) -> None:
    text, expected = CONTRACT_FILES[name]
    (folder / "contracts" / "risk.yaml").write_text(text, encoding="utf-8")
    (folder / "f.flow").write_text(body(STEP), encoding="utf-8")
    assert check(folder, "f.flow")[1] == expected


ORDER = '{"order": {"id": "o-1", "total": 120.5, "items": [{"sku": "a", "qty": 2}], "address": "x", "email": "a@b"}}'


def order(old: str, new: str) -> bytes:
    assert old in ORDER
    return ORDER.replace(old, new).encode()


INPUTS = {
    "NaN": (order("120.5", "NaN"), [("FL0361", 1, 34)]),
    "1e999": (order("120.5", "1e999"), [("FL0361", 1, 34)]),
    "a lone surrogate": (order('"o-1"', '"\\ud800"'), [("FL0361", 1, 19)]),
    "duplicate members": (order('"id": "o-1"', '"id": "o-1", "id": "o-2"'), [("FL0361", 1, 25)]),
    "2^63": (order('"qty": 2', '"qty": 9223372036854775808'), [("FL0365", 1, 71)]),
    "2^63 where a decimal is wanted": (order("120.5", "9223372036854775808"), []),
    "depth 100,000": (b"[" * 100_000 + b"]" * 100_000, [("FL0361", 1, 101)]),
    "wrong type": (order("120.5", '"much"'), [("FL0365", 1, 34)]),
    "missing field": (order('"address": "x", ', ""), [("FL0365", 1, 11)]),
    "extra field": (order('"address": "x"', '"address": "x", "adress": "y"'), []),
    "extra parameter": (order('{"order"', '{"x": 1, "order"'), [("FL0364", 1, 2)]),
    "missing parameter": (b"{}", [("FL0363", 1, 1)]),
    "no JSON": (b"{order: 1}", [("FL0361", 1, 2)]),
    "nothing": (b"", [("FL0361", 1, 1)]),
    "invalid UTF-8": (b'{"order": "\xff"}', [("FL0101", 1, 12)]),
    "a list": (b"[]", [("FL0362", 1, 1)]),
    "a million digits": (order("120.5", "1" * 1_000_000), [("FL0361", 1, 34)]),
}


@pytest.mark.parametrize("name", INPUTS)
def test_input(name: str, folder: Path) -> None:
    data, expected = INPUTS[name]
    shutil.copy(CONTRACTS.parent / "order.flow", folder / "order.flow")
    (folder / "input.json").write_bytes(data)
    arguments = ["run", "order.flow", "--input", "input.json", "--store", "memory"]
    said = flowlang(*arguments, cwd=folder, memory=MEMORY)
    assert (said.status, frames(said.err)) == ((2, expected) if expected else (6, []))
    assert expected == [] or said.out == ""


def frames(text: str) -> list[tuple[str, int, int]]:
    """Code, line and column of each error that is shown as a frame."""
    found = re.findall(r"^error\[(FL\d{4})\].*\n\s*--> [^\n]*?:(\d+):(\d+)$", text, re.MULTILINE)
    return [(code, int(line), int(column)) for code, line, column in found]


def test_a_file_of_50_mb(folder: Path) -> None:
    (folder / "f.flow").write_bytes(b"# flow\n" * 7_500_000)
    assert check(folder, "f.flow")[1] == [("FL0102", 1, 1)]
    (folder / "input.json").write_bytes(b" " * 50_000_000)
    (folder / "f.flow").write_text(body(STEP), encoding="utf-8")
    assert flowlang("run", "f.flow", "--input", "input.json", cwd=folder, memory=MEMORY).status == 2


@pytest.mark.parametrize(("name", "code"), [("contracts", "FL0192"), ("nothing.flow", "FL0191")])
def test_what_is_no_file(name: str, code: str, folder: Path) -> None:
    assert check(folder, name)[1] == [(code, 1, 1)]


def test_an_argument_that_is_no_text_is_a_usage_error(folder: Path) -> None:
    said = flowlang("check", b"\xff.flow".decode("utf-8", "surrogateescape"), cwd=folder)
    assert said.status == 2
    assert "is no UTF-8 text" in said.err
