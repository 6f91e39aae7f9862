"""Frames are held character by character: whoever changes one sees here what the user will see."""

from __future__ import annotations

import json
from textwrap import dedent

from flowlang.check import render
from flowlang.diagnostic import Diagnostic, Label
from flowlang.source import Source, Span


class NoField(Diagnostic):
    code = "FL9901"
    message = "`{type}` has no field `{field}`"
    note = "known fields: {known}"

    type: str
    field: str
    known: str


class Plain(Diagnostic):
    code = "FL9902"
    severity = "warning"
    message = "this is `{word}`"
    label = "here"

    word: str = "odd"


class OnlyThere(Plain):
    code = "FL9903"
    choreography_only = True
    help = "do this\nor that"


def at(text: str, word: str, name: str = "a.flow", occurrence: int = 0) -> Span:
    source = Source(name, text)
    return within(source, word, occurrence)


def within(source: Source, word: str, occurrence: int = 0) -> Span:
    start = -1
    for _ in range(occurrence + 1):
        start = source.text.index(word, start + 1)
    return Span(source, start, start + len(word))


def test_the_frame_of_the_language_page() -> None:
    flow = "\n" * 27 + "    case order.totl > 1000 -> {\n"
    contract = "\n" * 13 + "    total: { type: number, minimum: 0 }\n"
    found = NoField(
        span=at(flow, "totl", "flows/order.flow"),
        hint="did you mean `total`?",
        related=(Label(at(contract, "total", "contracts/orders.yaml"), "declared here"),),
        type="Order",
        field="totl",
        known="address, country, email, id, items, total",
    )
    assert render.text([found]) == dedent("""\
        error[FL9901]: `Order` has no field `totl`
           --> flows/order.flow:28:16
           |
        28 |     case order.totl > 1000 -> {
           |                ^^^^ did you mean `total`?
           ::: contracts/orders.yaml:14:5
           |
        14 |     total: { type: number, minimum: 0 }
           |     ----- declared here
           |
           = note: known fields: address, country, email, id, items, total""")


def test_two_marks_in_one_file_stand_in_its_order() -> None:
    source = Source("a.flow", "one two\n\n\nthree one\n")
    first, second = within(source, "one"), within(source, "one", 1)
    said = render.text([Plain(span=second, related=(Label(first, "first here"),))])
    assert said == dedent("""\
        warning[FL9902]: this is `odd`
          --> a.flow:4:7
          |
        1 | one two
          | --- first here
        ...
        4 | three one
          |       ^^^ here""")


def test_two_marks_on_one_line_show_the_line_once() -> None:
    source = Source("a.flow", "one two")
    said = render.text([Plain(span=within(source, "two"), related=(Label(within(source, "one"), "and this"),))])
    assert said.count("one two") == 1
    assert said.splitlines()[-2:] == ["  | --- and this", "  |     ^^^ here"]


def test_help_of_several_lines_is_indented() -> None:
    said = render.text([OnlyThere(span=at("x", "x"))]).splitlines()
    assert said[-3:] == ["  |", "  = help: do this", "          or that"]


def caret(text: str, word: str) -> tuple[str, str]:
    lines = render.text([Plain(span=at(text, word))]).splitlines()
    return lines[3].removeprefix("1 | "), lines[4].removeprefix("  | ")


def test_tabs_wide_letters_and_combining_marks_keep_the_mark_below_its_word() -> None:
    assert caret("\tx bad", "bad") == ("    x bad", "      ^^^ here")
    assert caret("価格 bad", "bad") == ("価格 bad", "     ^^^ here")
    assert caret("価格", "格") == ("価格", "  ^^ here")
    assert caret("e\u0301 bad", "bad") == ("e\u0301 bad", "  ^^^ here")
    assert caret("bad\tly", "bad\tly") == ("bad    ly", "^^^^^^^^^ here")


def test_line_ends_do_not_reach_the_screen() -> None:
    for text in ("one\r\nbad x\r\n", "one\rbad x\r", "one\nbad x"):
        lines = render.text([Plain(span=at(text, "bad"))]).splitlines()
        assert lines[1] == "  --> a.flow:2:1"
        assert lines[3:] == ["2 | bad x", "  | ^^^ here"]


def test_an_empty_place_at_the_end_has_a_mark() -> None:
    source = Source("a.flow", "abc\n")
    lines = render.text([Plain(span=Span(source, 4, 4))]).splitlines()
    assert lines[1:] == ["  --> a.flow:2:1", "  |", "2 |", "  | ^ here"]


def test_a_place_over_several_lines_is_marked_to_the_end_of_its_first() -> None:
    assert caret("a bcd\nef", "bcd\nef") == ("a bcd", "  ^^^ here")


def test_a_long_line_is_cut_around_its_mark() -> None:
    line, mark = caret("x" * 5000 + "bad" + "y" * 100_000, "bad")
    assert len(line) < 140
    assert line.startswith("...xxx") and line.endswith("yyy...")
    assert line.index("bad") == mark.index("^^^")
    _, mark = caret("x" * 30 + "b" * 100_000, "b" * 100_000)
    assert len(mark) < 140


def test_control_characters_are_shown_and_never_sent() -> None:
    hostile = "\x1b[31m \x07 \u202e \u2028 \ud800 \x9b"
    said = render.text([Plain(span=at(f"{hostile} bad", "bad", name="a\x1b.flow"), word=hostile + "\nforged: line")])
    assert r"\x1b[31m \x07 \u202e \u2028 \ud800 \x9b bad" in said
    assert r"a\x1b.flow:1:" in said
    assert "this is `\\x1b[31m" in said and "\nforged" not in said
    assert not {"\x1b", "\x07", "\u202e", "\u2028", "\ud800", "\x9b"} & set(said)
    line, mark = said.splitlines()[3:5]
    assert line.index("bad") == mark.index("^^^")


def test_colours_only_when_asked_for() -> None:
    found = [OnlyThere(span=at("x", "x"))]
    coloured = render.text(found, colour=True)
    assert "\x1b[1;33mwarning" in coloured and "\x1b" not in render.text(found)
    plain = coloured
    for ink in (render.BOLD, render.RED, render.YELLOW, render.BLUE, render.PLAIN):
        plain = plain.replace(ink, "")
    assert plain == render.text(found)


def test_a_choreography_finding_is_an_error_only_there() -> None:
    found = [OnlyThere(span=at("x", "x")), Plain(span=at("x", "x"))]
    assert render.text(found).startswith("warning[")
    assert render.text(found, choreograph=True).startswith("error[")
    assert render.summary(found) == "2 warnings"
    assert render.summary(found, choreograph=True) == "1 error, 1 warning"
    assert render.summary([]) == "no findings"


def test_json_has_every_fact() -> None:
    found = OnlyThere(span=at("ab\ncd ef", "cd ef"), related=(Label(at("q", "q", "b.yaml"), "cause"),))
    (said,) = json.loads(render.json([found]))
    assert said == {
        "code": "FL9903",
        "severity": "warning",
        "file": "a.flow",
        "line": 2,
        "column": 1,
        "endLine": 2,
        "endColumn": 6,
        "message": "this is `odd`",
        "label": "here",
        "notes": [],
        "help": "do this\nor that",
        "related": [{"file": "b.yaml", "line": 1, "column": 1, "endLine": 1, "endColumn": 2, "message": "cause"}],
    }
    assert json.loads(render.json([])) == []


def test_github_commands_are_escaped() -> None:
    found = [
        Plain(span=at("x bad", "bad", name="a,b:c%.flow"), word="50%\r\n::set-env name=x::"),
        OnlyThere(span=at("x", "x")),
    ]
    first, second = render.github(found).splitlines()
    assert first == (
        "::warning file=a%2Cb%3Ac%25.flow,line=1,endLine=1,col=3,endColumn=6,title=FL9902"
        "::this is `50%25%0D%0A::set-env name=x::`%0Ahere"
    )
    assert second.startswith("::warning ") and second.endswith("%0Ahere%0Ado this%0Aor that")
    assert render.github(found, choreograph=True).splitlines()[1].startswith("::error ")
