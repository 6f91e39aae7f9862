"""Every kind of finding has a code of its own, words, and examples that show it, in text and in YAML."""

from __future__ import annotations

import re
from string import Formatter

import pytest

from flowlang.check import Child, Flows, check, render
from flowlang.check.across import across
from flowlang.check.allow import accept
from flowlang.check.explain import WORDS, explain, kinds, words
from flowlang.contract import Contracts
from flowlang.diagnostic import Diagnostic, facts_of
from flowlang.language import parse
from flowlang.language.yaml import to_yaml
from flowlang.personal import personal
from flowlang.source import Source

OURS = {code: word for code, word in words().items() if word.__module__.startswith("flowlang.check.")}
TYPED = {code: word for code, word in words().items() if word.__module__ == "flowlang.expression.words"}
FLOWS = {code: word for code, word in {**OURS, **TYPED}.items() if code != "FL0606"}  # asked of the tables, below
ALL = words()


@pytest.mark.parametrize("code", ALL)
def test_the_words_are_complete(code: str) -> None:
    word = ALL[code]
    assert re.fullmatch(r"FL\d{4}", code)
    assert word.severity in ("error", "warning", "hint")
    assert word.message and word.explanation and word.__doc__
    assert not (word.message[0].isupper() and word.message[1:2].islower()), "messages begin in lower case"
    assert not word.message.endswith(".")
    facts = set(facts_of(word))
    for text in (word.message, word.label, word.note, word.help):
        for _, name, spec, conversion in Formatter().parse(text):
            assert name is None or name in facts, f"{code} has no fact `{name}`"
            assert not spec and not conversion


def test_codes_are_unique() -> None:
    seen: dict[str, str] = {}
    for kind in kinds():
        assert kind.code not in seen, f"{kind.code} is {seen[kind.code]} and {kind.__module__}.{kind.__name__}"
        seen[kind.code] = f"{kind.__module__}.{kind.__name__}"


def test_no_kind_of_finding_is_outside_of_the_registry() -> None:
    waiting: list[type[Diagnostic]] = [Diagnostic]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.code and kind.__module__.startswith("flowlang."):
            assert kind.__module__ in WORDS
            assert kind in kinds()


@pytest.mark.parametrize("code", FLOWS)
def test_the_bad_example_has_this_fault_and_no_other(code: str, contracts: Contracts, flows: Flows) -> None:
    assert codes(FLOWS[code].bad, contracts, flows) == {code}


@pytest.mark.parametrize("code", FLOWS)
def test_the_good_example_has_no_fault(code: str, contracts: Contracts, flows: Flows) -> None:
    assert codes(FLOWS[code].good, contracts, flows) == set()


@pytest.mark.parametrize("code", [code for code in FLOWS if code not in ("FL0912", "FL0913", "FL0914")])
def test_the_examples_say_the_same_in_yaml(code: str, contracts: Contracts, flows: Flows) -> None:
    assert codes(in_yaml(FLOWS[code].bad), contracts, flows, "example.flow.yaml") == {code}
    assert codes(in_yaml(FLOWS[code].good), contracts, flows, "example.flow.yaml") - {"FL0911"} == set()


def test_comments_accept_findings_in_yaml_too(contracts: Contracts, flows: Flows) -> None:
    lines = in_yaml(ALL["FL0911"].bad).split("\n")
    number = next(number for number, line in enumerate(lines) if "large" in line)
    indent = " " * (len(lines[number]) - len(lines[number].lstrip()))
    for comment, left in (
        ("# flowlang: allow FL0911 -- for later", set()),
        ("# flowlang: allow FL0911", {"FL0912"}),
        ("# flowlang: allow FL0401 -- for later", {"FL0911", "FL0913"}),
    ):
        above = "\n".join([*lines[:number], indent + comment, *lines[number:]])
        assert codes(above, contracts, flows, "example.flow.yaml") == left
        beside = "\n".join([*lines[:number], f"{lines[number]} {comment}", *lines[number + 1 :]])
        assert codes(beside, contracts, flows, "example.flow.yaml") == left


def test_the_examples_of_what_is_asked_of_the_tables(contracts: Contracts) -> None:
    word = ALL["FL0606"]
    for text, said in ((word.bad, ["FL0606"]), (word.good, [])):
        for flow in (parse(Source("a.flow", text))[0], parse(Source("a.flow.yaml", in_yaml(text)))[0]):
            assert flow is not None and check(flow, contracts) == []
            assert [one.code for one in personal(Child(flow, contracts, {}))] == said


FORMS = {
    code: word
    for code, word in ALL.items()
    if word.bad and word.__module__ in ("flowlang.language.words", "flowlang.language.twin_words")
}
"""Contracts, whose examples may be several files, are tried in `tests/contract`."""


def form(word: type[Diagnostic], text: str) -> set[str]:
    """The codes that reading `text` gives: a flow in one of its forms."""
    twin = word.__module__ == "flowlang.language.twin_words" or text.startswith("document:")
    _, found = parse(Source("example.flow.yaml" if twin else "example.flow", text))
    return {one.code for one in found}


@pytest.mark.parametrize("code", FORMS)
def test_the_examples_of_forms(code: str) -> None:
    assert form(FORMS[code], FORMS[code].bad) == {code}
    assert form(FORMS[code], FORMS[code].good) == set()


def codes(text: str, contracts: Contracts, flows: Flows, name: str = "example.flow") -> set[str]:
    source = Source(name, text)
    flow, problems = parse(source)
    assert flow is not None and not problems, render.text(problems)
    used = flows if any(use.kind == "flows" for use in flow.uses) else {}
    together = [*(each for each in used.values() if each is not None), Child(flow, contracts, used)]
    among = [one for one in across(together) if one.span.source is source]
    found = accept([*check(flow, contracts, used), *among], source, choreograph=False)
    render.text(found), render.json(found), render.github(found)
    return {one.code for one in found}


def in_yaml(text: str) -> str:
    flow, problems = parse(Source("example.flow", text))
    assert flow is not None and not problems, render.text(problems)
    return to_yaml(flow)


@pytest.mark.parametrize("code", ALL)
def test_every_code_has_a_page(code: str) -> None:
    page = explain(code)
    assert page is not None and page.startswith(f"{code} (")
    assert explain(f" {code.lower()} ") == page
    assert ALL[code].explanation.split()[0] in page
    assert not re.search(r"\{\w+\}", page.splitlines()[0])


def test_an_unknown_code_has_none() -> None:
    assert explain("FL9999") is None
    assert explain("") is None
