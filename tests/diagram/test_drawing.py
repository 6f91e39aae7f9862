"""Who draws: the `dot` program where there is one, else the Graphviz that comes with pip, and for SVG only."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from flowlang.cli.drawing import MissingTool, render
from flowlang.diagram import draw
from flowlang.diagram.dot import to_dot
from tests.diagram.flows import long_flow, order_fulfilment

DOT = to_dot(draw(order_fulfilment()))


@pytest.fixture
def nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose PATH is one empty folder."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def install_dot(folder: Path, body: str) -> None:
    """A `dot` program that writes down what it was asked and does `body`."""
    program = folder / "dot"
    asked = "import sys\ngiven = sys.stdin.buffer.read()\nopen(__file__ + '.asked', 'w').write(repr((sys.argv[1:], given)))\n"
    program.write_text(f"#!{sys.executable}\n{asked}{body}\n")
    program.chmod(0o755)


def test_without_dot_an_svg_is_drawn_in_process(nothing_installed: Path) -> None:
    drawn = render(DOT, "svg")
    assert drawn.startswith(b"<?xml")
    assert b'id="order_fulfilment/charge"' in drawn


@pytest.mark.parametrize("format", ["png", "pdf"])
def test_without_dot_other_pictures_say_what_they_need(nothing_installed: Path, format: str) -> None:
    with pytest.raises(MissingTool) as missing:
        render(DOT, format)
    assert str(missing.value) == (
        f"{format.upper()} needs the `dot` program of Graphviz, which is not installed here; "
        "svg, dot and mermaid do without it"
    )


def test_an_installed_dot_is_given_the_text_on_its_standard_input(nothing_installed: Path) -> None:
    install_dot(nothing_installed, "sys.stdout.buffer.write(b'a picture')")
    assert render(DOT, "png") == b"a picture"
    assert (nothing_installed / "dot.asked").read_text() == repr((["-Tpng"], DOT.encode()))


def test_an_svg_of_the_program_is_made_plain_too(nothing_installed: Path) -> None:
    written = (
        '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">'
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"><g id="f/a" class="node step">'
        '<title>n1</title><g id="a_f/a"><a xlink:title="why"><text>a</text></a></g></g></svg>'
    )
    install_dot(nothing_installed, f"sys.stdout.write({written!r})")
    drawn = render(DOT, "svg").decode()
    assert '<g id="f/a" class="node step"><title>why</title><text font-weight="bold">a</text>' in drawn
    assert "DOCTYPE" not in drawn and "xlink" not in drawn


def test_a_dot_that_fails_is_quoted(nothing_installed: Path) -> None:
    install_dot(nothing_installed, "sys.exit('Format: \"pdf\" not recognized.')")
    with pytest.raises(MissingTool, match=r'could not draw this as pdf: Format: "pdf" not recognized\.'):
        render(DOT, "pdf")


def test_forty_steps_are_drawn(nothing_installed: Path) -> None:
    drawn = render(to_dot(draw(long_flow(40))), "svg").decode()
    assert all(f'id="month_end/step{number}"' in drawn for number in range(1, 41))
