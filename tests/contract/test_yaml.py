"""YAML with places: the core schema of YAML 1.2, nothing that two readers understand differently, and bounds."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from flowlang.source import Source
from flowlang.yamltree import YMapping, plain, read_yaml
from flowlang.yamltree.reading import FAST

SCALARS = [
    ("no", "no"), ("on", "on"), ("yes", "yes"), ("22:30", "22:30"), ("2026-01-03", "2026-01-03"), ("1_000", "1_000"),
    ("true", True), ("False", False), ("~", None), ("null", None), ("Null", None), ("nUll", "nUll"),
    ("0", 0), ("-7", -7), ("+7", 7), ("0x1f", 31), ("0o17", 15), ("017x", "017x"), ("0b1", "0b1"),
    ("1.50", Decimal("1.50")), (".5", Decimal("0.5")), ("1.", Decimal(1)), ("1e3", Decimal(1000)), ("-0.0", Decimal(0)),
    ("9223372036854775807", 2**63 - 1), ("1.2.3", "1.2.3"), ("1s..30s", "1s..30s"), ("-", "-"), (".", "."),
    ('"3"', "3"), ("'null'", "null"), ('"\\u00e9"', "é"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), [pair for pair in SCALARS if pair[0] != "-"])
def test_plain_scalars(text: str, value: Any) -> None:
    node, found = read_yaml(Source("x.yaml", f"a: {text}\n"))
    assert found == []
    assert isinstance(node, YMapping)
    read = plain(node)["a"]
    assert (read, type(read)) == (value, type(value))
    assert node.entries[0].value.span.text == text


FAULTS = {
    "empty": ("", "FL0188", 1, 1),
    "only comments": ("# nothing\n", "FL0188", 1, 1),
    "an empty document": ("---\n", "FL0188", 1, 1),
    "a tab as indentation": ("a:\n\tb: 1\n", "FL0178", 2, 1),
    "a tab later in the block": ("a:\n b: 1\n\tc: 2\n", "FL0178", 3, 1),
    "a byte order mark": ("\ufeffa: 1\n", "FL0187", 1, 1),
    "a control character": ("a: x\x07\n", "FL0186", 1, 5),
    "a lone surrogate": ("a: \ud800\n", "FL0186", 1, 4),
    "NUL": ("a: \0\n", "FL0186", 1, 4),
    "a quote that is never closed": ("a: 1\nb: 'x\n", "FL0177", 2, 4),
    "a bracket that is never closed": ("a: [1, 2\nb: 3\n", "FL0177", 1, 4),
    "a brace that is never closed": ("a: {b: 1\n", "FL0177", 1, 4),
    "too much is closed": ("a: [1]]\n", "FL0177", 1, 7),
    "two colons": ("a: b: c\n", "FL0177", 1, 5),
    "an at sign": ("a: @b\n", "FL0177", 1, 4),
    "a wrong indentation": ("a: 1\n b: 2\n", "FL0177", 2, 3),
    "a list that becomes a mapping": ("- a\nb: 1\n", "FL0177", 2, 1),
    "no such escape": ('a: "\\q"\n', "FL0177", 1, 5),
    "a pair of escapes": ('a: "x\\ud83d\\uDE00"\n', "FL0177", 1, 6),
    "text after the end": ("a: 1\n...\nb: 2\n", "FL0177", 3, 1),
    "an unknown directive": ("%FOO x\n---\na: 1\n", "FL0177", 1, 5),
    "an undeclared tag": ("a: !e!x 1\n", "FL0177", 1, 4),
    "several documents": ("a: 1\n---\nb: 2\n", "FL0183", 2, 1),
    "duplicate keys": ("a: 1\nb: 1\na: 2\n", "FL0179", 3, 1),
    "an anchor": ("a: &x 1\nb: *x\n", "FL0180", 1, 4),
    "an alias without an anchor": ("a: *x\n", "FL0180", 1, 4),
    "an alias as a key": ("*x : 1\n", "FL0180", 1, 1),
    "a merge key": ("<<: {a: 1}\n", "FL0181", 1, 1),
    "a tag": ("a: !!python/object:os.system x\n", "FL0182", 1, 4),
    "a tag of strings": ("a: !!str 3\n", "FL0182", 1, 4),
    "the tag of nobody": ("a: ! x\n", "FL0182", 1, 4),
    "a mapping as a key": ("? {a: b}\n: 1\n", "FL0189", 1, 3),
    "a list as a key": ("[a, [b]]: 1\n", "FL0189", 1, 1),
    "octal or decimal": ("a: 010\n", "FL0190", 1, 4),
    "2 to the 63": ("a: 9223372036854775808\n", "FL0198", 1, 4),
    "5000 digits": (f"a: {'9' * 5000}\n", "FL0198", 1, 4),
    "an exponent beyond all numbers": ("a: 1e999\n", "FL0198", 1, 4),
    "nearly nothing": ("a: 1e-999\n", "FL0198", 1, 4),
    "a million digits of a fraction": (f"a: 0.{'1' * 900_000}\n", "FL0198", 1, 4),
    "not a number": ("a: .nan\n", "FL0199", 1, 4),
    "infinity": ("a: -.inf\n", "FL0199", 1, 4),
    "brackets without end": ("[" * 60_000, "FL0184", 1, 101),
    "braces without end": ("{a: " * 20_000, "FL0184", 1, 401),
    "dashes without end": ("- " * 30_000, "FL0184", 1, 201),
    "question marks without end": ("? " * 30_000, "FL0184", 1, 201),
    "too long": ("# nothing\n" * 200_000, "FL0185", 1, 1),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_have_a_code_and_a_place(name: str) -> None:
    text, code, line, column = FAULTS[name]
    _, found = read_yaml(Source("x.yaml", text))
    assert [(one.code, one.span.line, one.span.column) for one in found] == [(code, line, column)]


def test_an_alias_bomb_is_one_finding() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    node, found = read_yaml(Source("x.yaml", "\n".join(lines)))
    assert node is None
    assert [one.code for one in found] == ["FL0180"]


def test_several_faults_in_one_run() -> None:
    node, found = read_yaml(Source("x.yaml", "a: 010\nb: !!str x\na: 1\n<<: {c: 1}\nd: .nan\n"))
    assert [(one.code, one.span.line) for one in found] == [
        ("FL0190", 1), ("FL0182", 2), ("FL0179", 3), ("FL0181", 4), ("FL0199", 5),
    ]  # fmt: skip
    assert node is not None
    assert plain(node) == {"a": 0, "b": "x", "d": 0}


@pytest.mark.parametrize("loader", [FAST, yaml.BaseLoader])
def test_who_writes_a_character_as_json_does_is_told_how_yaml_does(loader: Any) -> None:
    source = Source("x.yaml", 'a: "x\\ud83d\\uDE00y"\n')
    _, [found] = read_yaml(source, loader)
    assert (found.span.text, found.say(found.message), found.say(found.help)) == (
        "\\ud83d\\uDE00",
        "YAML has no pairs of escapes",
        "write `\\U0001F600`, or the character",
    )
    [written] = re.findall(r"\\U[0-9A-F]{8}", found.say(found.help))
    node, nothing = read_yaml(Source("x.yaml", f'a: "x{written}y"\n'), loader)
    assert node is not None
    assert (plain(node), nothing) == ({"a": "x😀y"}, [])


def test_a_file_full_of_faults_ends() -> None:
    _, found = read_yaml(Source("x.yaml", "".join(f"a: {n}\n" for n in range(50_000))))
    assert len(found) == 20


def test_places_with_windows_line_ends_and_emoji() -> None:
    source = Source("x.yaml", "a:\r\n  b: é😀 x\r\n  c: 3 # hi\r\nd: [1,\r\n 2]\r\n")
    node, found = read_yaml(source)
    assert found == []
    assert isinstance(node, YMapping)
    assert [(entry.key, entry.span.line, entry.span.column, entry.value.span.text) for entry in node.entries] == [
        ("a", 1, 1, "b: é😀 x\r\n  c: 3"),
        ("d", 4, 1, "[1,\r\n 2]"),
    ]


_NAMES = st.text("abxyz é😀", min_size=1, max_size=4)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**62) | st.text("ab:'\"#-[]{},& \n|>", max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=12,
)


@given(value=_VALUES, flow=st.booleans(), style=st.sampled_from([None, '"', "|"]))
def test_what_was_written_is_read(value: Any, flow: bool, style: str | None) -> None:
    text = yaml.safe_dump({"a": value}, allow_unicode=True, default_flow_style=flow, default_style=style)
    text = text.replace("!!null ", "").replace("!!bool ", "").replace("!!int ", "")
    if style is not None:
        value = _texts(value)
    node, found = read_yaml(Source("x.yaml", text))
    if any(one.code == "FL0190" for one in found):  # an int that was written with a leading zero cannot be
        raise AssertionError(text)
    assert found == []
    assert node is not None
    assert plain(node) == {"a": value}


def _texts(value: Any) -> Any:
    """What remains when every scalar is written as a string."""
    if isinstance(value, dict):
        return {key: _texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_texts(item) for item in value]
    return value if isinstance(value, str) else "null" if value is None else str(value).lower()


_SOUP = st.text("ab:-?[]{},&*!|>'\"#%@ \n\t\\019.~é", max_size=60)


@given(_SOUP)
def test_any_text_gives_a_tree_or_findings_inside_of_it(text: str) -> None:
    node, found = read_yaml(Source("x.yaml", text))
    assert node is not None or found
    for one in found:
        assert 0 <= one.span.start <= one.span.end <= len(text)
        assert one.say(one.message)


@given(_SOUP)
def test_both_parsers_of_pyyaml_agree_where_both_read(text: str) -> None:
    fast, slow = read_yaml(Source("x.yaml", text)), read_yaml(Source("x.yaml", text), yaml.BaseLoader)
    if fast[0] is not None and slow[0] is not None:
        assert fast[0] == slow[0]
        assert [(one.code, one.span.start) for one in fast[1]] == [(one.code, one.span.start) for one in slow[1]]
