"""A picture as Mermaid, which wikis and code hosts draw themselves.

Mermaid has no quoting that holds: `%%` begins a comment or a setting wherever it stands, `end` and `click` are words of
the language, `<` is markup, `1.` a list. So names of nodes are our own, and in every text whatever is neither letter nor
digit is written as a character code. There is no place for tooltips that is not also one for links; documentation goes
into comments, cut to a line, because a page refuses a text of more than 50,000 characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from flowlang.diagram.colours import ALARM, CLOCK, INK, NEWS, NOTE, PALE, PAPER, paint_of
from flowlang.diagram.picture import Edge, EdgeKind, FrameKind, Node, NodeKind, Picture, Scope
from flowlang.diagram.words import fitted

SHAPES: dict[NodeKind, tuple[str, str]] = {
    "start": ("([", "])"),
    "trigger": ("{{", "}}"),
    "step": ("(", ")"),
    "undo": ("(", ")"),
    "let": ("[", "]"),
    "emit": ("{{", "}}"),
    "wait": ("{{", "}}"),
    "timer": ("{{", "}}"),
    "race": ("{", "}"),
    "switch": ("{", "}"),
    "fork": ("[", "]"),
    "join": ("[", "]"),
    "empty": ("[", "]"),
    "commit": ("[", "]"),
    "until": ("{", "}"),
    "service": ("[", "]"),
    "outside": ("(", ")"),
    "fail": ("[[", "]]"),
    "return": ("([", "])"),
    "end": ("([", "])"),
}
CLASSES = {
    "dark": f"fill:{INK},stroke:{INK},color:{PAPER}",
    "plain": f"fill:{PAPER},stroke:{INK},color:{INK}",
    "note": f"fill:{NOTE},stroke:{PALE},color:{INK}",
    "undo": f"fill:{PAPER},stroke:{INK},color:{INK},stroke-dasharray:4 3",
    "news": f"fill:{PAPER},stroke:{NEWS},color:{INK},stroke-width:3px",
    "clock": f"fill:{PAPER},stroke:{CLOCK},color:{INK},stroke-width:3px",
    "alarm": f"fill:#fde8e8,stroke:{ALARM},color:#7a1212",
}
LOOKS: dict[NodeKind, str] = {
    "start": "dark",
    "trigger": "news",
    "step": "plain",
    "undo": "undo",
    "let": "note",
    "emit": "news",
    "wait": "news",
    "timer": "clock",
    "race": "news",
    "switch": "plain",
    "fork": "dark",
    "join": "dark",
    "empty": "note",
    "commit": "dark",
    "until": "plain",
    "service": "plain",
    "outside": "undo",
    "fail": "alarm",
    "return": "dark",
    "end": "dark",
}
ARROWS: dict[EdgeKind, str] = {
    "forward": "-->",
    "undo": "-.->",
    "event": "-->",
    "time": "-->",
    "error": "-->",
    "again": "==>",
    "beside": "-.->",
}
STROKES: dict[EdgeKind, str] = {
    "undo": PALE,
    "event": NEWS,
    "time": CLOCK,
    "error": ALARM,
    "again": PALE,
    "beside": NEWS,
}
FRAMES: dict[FrameKind, str] = {
    "scope": f"fill:#fafbfc,stroke:#9aa5b1,color:{PALE}",
    "loop": f"fill:#fdfaf5,stroke:{CLOCK},color:{CLOCK}",
    "child": f"fill:#f5f7fa,stroke:{INK},color:{INK}",
    "region": f"fill:#fafbfc,stroke:{INK},color:{INK},stroke-width:2px",
    "undo": f"fill:{PAPER},stroke:{PALE},color:{PALE},stroke-dasharray:4 3",
}
_BREAK = "<br/>"


def to_mermaid(picture: Picture) -> str:
    """`picture` as a Mermaid flowchart, the same text for the same picture."""
    return "\n".join(_written(picture)) + "\n"


def _written(picture: Picture) -> Iterator[str]:
    names = {node.id: f"n{number}" for number, node in enumerate(picture.nodes, 1)}
    names |= {scope.id: f"c{number}" for number, scope in enumerate(picture.scopes, 1)}
    yield "---"
    yield f'title: "{_quoted(" ".join(fitted(picture.title, 70, 1)))}"'
    yield "---"
    yield "flowchart TB"
    yield from _comment(picture.doc, "  ")
    yield from _inside("", picture, names, "  ")
    for edge in picture.edges:
        yield f"  {_arrow(edge, names)}"
    yield from _styles(picture, names)


def _inside(scope: str, picture: Picture, names: dict[str, str], indent: str) -> Iterator[str]:
    """The nodes that stand directly in `scope`, and the scopes in it."""
    for node in picture.nodes:
        if node.scope == scope:
            yield from _comment(node.doc, indent)
            left, right = SHAPES[node.kind]
            yield f'{indent}{names[node.id]}{left}"{_label(node)}"{right}'
    for inner in picture.scopes:
        if inner.parent == scope:
            yield f'{indent}subgraph {names[inner.id]}["{_frame(inner)}"]'
            yield from _inside(inner.id, picture, names, indent + "  ")
            yield f"{indent}end"


def _comment(doc: str, indent: str) -> Iterator[str]:
    for line in fitted(doc, 200, 1):
        yield f"{indent}%% {_coded(line)}"


def _frame(scope: Scope) -> str:
    return _BREAK.join(map(_coded, [*fitted(scope.label, 40, 1), *fitted(scope.detail, 44, 2)]))


def _label(node: Node) -> str:
    lines = [*fitted(node.label, 30, 2), *fitted("" if node.kind == "join" else node.detail, 30, 2)]
    return _BREAK.join(map(_coded, lines)) or " "


def _arrow(edge: Edge, names: dict[str, str]) -> str:
    source = names[edge.scope or edge.source]
    label = _BREAK.join(map(_coded, fitted(edge.label, 24, 3)))
    return f"{source} {ARROWS[edge.kind]}" + (f'|"{label}"|' if label else "") + f" {names[edge.target]}"


def _styles(picture: Picture, names: dict[str, str]) -> Iterator[str]:
    for name, look in CLASSES.items():
        yield f"  classDef {name} {look}"
    for position in range(len(picture.services)):
        paint = paint_of(position)
        look = f"fill:{paint.fill},stroke:{paint.line},color:{paint.text},stroke-width:{paint.border}px"
        yield f"  classDef s{position + 1} {look}"
    for node in picture.nodes:
        look = LOOKS[node.kind]
        if node.service and node.kind != "undo":
            look = f"s{picture.services.index(node.service) + 1}"
        yield f"  class {names[node.id]} {look}"
    for kind, colour in STROKES.items():
        numbers = [str(number) for number, edge in enumerate(picture.edges) if edge.kind == kind]
        if numbers:
            yield f"  linkStyle {','.join(numbers)} stroke:{colour},color:{colour}"
    for scope in picture.scopes:
        yield f"  style {names[scope.id]} {FRAMES[scope.kind]}"


def _coded(text: str) -> str:
    """`text`, already visible, with a code for each character that could mean something to Mermaid."""
    return re.sub(r"[^\w ,.]|_|(?<=\d)\.", lambda found: f"#{ord(found[0])};", text)


def _quoted(text: str) -> str:
    """`text`, already visible, for double quotes of YAML."""
    return re.sub(r"[^\w ().,]", lambda found: f"\\U{ord(found[0]):08x}", text)
