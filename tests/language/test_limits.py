"""Hostile and broken input: a finding with a place, soon, and never an exception."""

from __future__ import annotations

import pytest

from flowlang.language import parse, text, yaml
from flowlang.language.build import MAX_DEPTH
from flowlang.language.text import MAX_NESTING
from flowlang.source import Source

TEXTS = {
    "nothing": ("", "FL0103"),
    "blanks": (" \n\t\r\n", "FL0103"),
    "only comments": ("# a\n## b\n", "FL0103"),
    "20,000 parentheses": ("flow f() { return " + "(" * 20_000 + "1" + ")" * 20_000 + " }", "FL0151"),
    "20,000 open parentheses": ("flow f() { return " + "(" * 20_000, "FL0151"),
    "20,000 lists": ("flow f() { return " + "[" * 20_000 + "]" * 20_000 + " }", "FL0151"),
    "20,000 blocks": ("flow f() " + "{ sequence " * 20_000 + "{}" + "}" * 20_000, "FL0151"),
    "20,000 closing braces": ("flow f() " + "}" * 20_000, "FL0121"),
    "20,000 minuses": ("flow f() { return " + "-" * 20_000 + "1 }", "FL0152"),
    "10,000 terms": ("flow f() { return " + "1 + " * 10_000 + "1 }", "FL0152"),
    "10,000 fields": ("flow f() { return a" + ".b" * 10_000 + " }", "FL0152"),
    "10,000 calls of methods": ("flow f() { return a" + ".b()" * 10_000 + " }", "FL0152"),
    "10,000 indices": ("flow f() { return a" + "[0]" * 10_000 + " }", "FL0152"),
    "10,000 conditions": ("flow f() { return " + "a ? b : " * 10_000 + "c }", "FL0152"),
    "a number of 5,000 digits": (f"flow f() {{ return {'9' * 5_000} }}", "FL0115"),
    "a fraction of 5,000 digits": (f"flow f() {{ return 0.{'9' * 5_000} }}", "FL0116"),
    "a duration of 5,000 digits": (f"flow f() {{ return {'9' * 5_000}s }}", "FL0118"),
    "an exponent of 5,000 digits": (f"flow f() {{ return 1e{'9' * 5_000} }}", "FL0117"),
    "2^63": ("flow f() { return 9223372036854775808 }", "FL0115"),
    "2^63 taken off": ("flow f() { return 1 - 9223372036854775808 }", "FL0115"),
    "2^63 in a negative list": ("flow f() { return -[9223372036854775808][0] }", "FL0115"),
    "-2^63 - 1": ("flow f() { return -9223372036854775809 }", "FL0115"),
    "a string without an end": ('flow f() { return "abc\n }', "FL0109"),
    "NUL": ("flow f() { return 1 \x00 }", "FL0106"),
    "turned text": ('flow f() { return "a\u202eb" }', "FL0106"),
    "half a character": ('flow f() { return "\ud800" }', "FL0106"),
    "a million odd characters": ("§" * 1_000_000, "FL0105"),
    "a million errors": ("flow f() {\n" + "step\n" * 200_000, "FL0105"),
    "attributes of Python": ("flow f() { return ().__class__ }", "FL0121"),
}

YAMLS = {
    "nothing": ("", "FL0188"),
    "only comments": ("# a\n", "FL0188"),
    "60 KB of brackets": ("[" * 60_000, "FL0184"),
    "60 KB of braces": ("{a: " * 15_000, "FL0184"),
    "60 KB of dashes": ("- " * 30_000, "FL0184"),
    "an alias bomb": ("a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "FL0180"),
    "a merge bomb": ("a: &a {x: 1}\nb: {<<: *a}\n", "FL0180"),
    "an object of Python": ("!!python/object/apply:os.system [ls]\n", "FL0182"),
    "several documents": ("a: 1\n---\nb: 1\n", "FL0183"),
    "a tab": ("document:\n\tdsl: flowlang/1\n", "FL0178"),
    "a list": ("- a\n", "FL0169"),
    "a word": ("word\n", "FL0169"),
    "10,000 terms": (f"document: {{dsl: flowlang/1, name: f}}\nkey: {'1 + ' * 10_000}1\ndo: []\n", "FL0152"),
    "5,000 digits": (f"document: {{dsl: flowlang/1, name: f}}\ndo: [ return: {'9' * 5_000} ]\n", "FL0198"),
    "NUL": ("document: \x00\n", "FL0186"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_text(name: str) -> None:
    _refused("f.flow", *TEXTS[name])


@pytest.mark.parametrize("name", YAMLS)
def test_yaml(name: str) -> None:
    _refused("f.flow.yaml", *YAMLS[name])


def _refused(name: str, written: str, code: str) -> None:
    source = Source(name, written)
    _, findings = parse(source)
    assert code in [finding.code for finding in findings], [(f.code, f.say(f.message)) for f in findings]
    assert len(findings) <= 201
    assert all(0 <= f.span.start <= f.span.end <= len(written) for f in findings)


INTEGERS = ("9223372036854775807", "-9223372036854775808", "- 0009223372036854775808")


def test_both_forms_name_one_range_of_decimals() -> None:
    for number, fits in (("1e-324", True), ("1e-325", False), ("9.9e308", True), ("1e309", False)):
        found = [
            *text.parse(Source("f.flow", f"flow f() {{ return {number} }}"))[1],
            *yaml.parse(Source("f.flow.yaml", f"document: {{dsl: flowlang/1, name: f}}\ndo: [ return: {number} ]\n"))[
                1
            ],
        ]
        said = [f"{one.say(one.message)} {one.say(one.label)}" for one in found]
        assert len(said) == (0 if fits else 2)
        assert all("1e-324 and 1e309" in words for words in said), said


def test_what_is_within_the_limits_is_read() -> None:
    nested = "(" * (MAX_NESTING - 1) + "1" + ")" * (MAX_NESTING - 1)
    for written in (nested, "1 + " * (MAX_DEPTH - 1) + "1", "-" * (MAX_DEPTH - 1) + "1", *INTEGERS):
        flow, findings = text.parse(Source("f.flow", f"flow f() {{ return {written} }}"))
        assert flow is not None and not findings


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ("sequence {", "}"),
        ("scope s {} on event 'x' -> {", "}"),
        ("scope s {} catch -> {", "}"),
        ("repeat {} until a at most 1 else {", "}"),
        ("for each x in y {", "}"),
        ("wait for event 'x' within 3d else {", "}"),
    ],
)
def test_what_text_can_nest_yaml_can_nest_too(begin: str, end: str) -> None:
    deep = MAX_NESTING - 1
    flow, findings = text.parse(Source("f.flow", f"flow f() {{ {f'{begin} ' * deep}{f'{end} ' * deep} }}"))
    assert flow is not None and not findings
    twin, findings = yaml.parse(Source("f.flow.yaml", yaml.to_yaml(flow)))
    assert findings == [] and twin == flow


def test_a_mark_at_the_begin_and_line_ends_of_windows_are_read() -> None:
    written = "\ufeffflow f() {\r\n  # comment\r\n  ## doc\r\n  return 1\r\n}\r\n"
    flow, findings = text.parse(Source("f.flow", written))
    assert flow is not None and not findings
    assert flow.body.statements[0].doc == "doc" and flow.body.statements[0].span.line == 4
