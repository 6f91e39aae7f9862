r"""A picture as DOT, the language of Graphviz.

Nothing that a user wrote can be more than text. Names of nodes are our own (`n1`); every text goes through `dot_text` or
`_tooltip`, which leave Graphviz nothing to interpret: `&` begins an entity even in plain labels, a backslash begins an
escape (`\N`, `\G`, `\l`), and `<...>` would be markup. Tooltips are unescaped twice, so their backslashes are doubled twice.

Labels are plain on purpose: markup labels need a Graphviz with an XML parser, and the one that comes with pip has none.
"""

from __future__ import annotations

from typing import cast

import graphviz

from flowlang.diagram.colours import ALARM, CLOCK, INK, NEWS, NOTE, PALE, PAPER, Paint, paint_of
from flowlang.diagram.picture import Edge, EdgeKind, FrameKind, Node, NodeKind, Picture, Scope
from flowlang.diagram.words import fitted, visible, width

FONT = "Helvetica,Arial,sans-serif"
ROUND = "rounded,filled"

SHAPES: dict[NodeKind, dict[str, str]] = {
    "start": {"shape": "box", "style": ROUND, "fillcolor": INK, "fontcolor": PAPER},
    "trigger": {"shape": "hexagon", "style": "filled", "fillcolor": PAPER, "color": NEWS, "penwidth": "1.4"},
    "step": {"shape": "box", "style": ROUND},
    "undo": {"shape": "box", "style": "rounded,dashed", "fontsize": "9", "margin": "0.13,0.04", "height": "0.3"},
    "let": {"shape": "note", "style": "filled", "fillcolor": NOTE, "color": PALE, "fontsize": "10", "height": "0.3"},
    "emit": {"shape": "hexagon", "style": "filled"},
    "wait": {"shape": "hexagon", "style": "filled", "fillcolor": PAPER, "color": NEWS, "peripheries": "2"},
    "timer": {"shape": "hexagon", "style": "filled", "fillcolor": PAPER, "color": CLOCK, "peripheries": "2"},
    "race": {"shape": "diamond", "style": "filled", "fillcolor": PAPER, "color": NEWS, "peripheries": "2"},
    "switch": {"shape": "diamond", "style": "filled", "fillcolor": PAPER, "height": "0.5", "margin": "0.02,0.02"},
    "fork": {"shape": "record", "style": "filled", "fillcolor": INK, "height": "0.08", "fontsize": "1", "margin": "0"},
    "join": {"shape": "record", "style": "filled", "fillcolor": INK, "height": "0.08", "fontsize": "1", "margin": "0"},
    "empty": {"shape": "plaintext", "fontcolor": PALE, "fontsize": "10"},
    "commit": {
        "shape": "box",
        "style": "filled",
        "fillcolor": INK,
        "fontcolor": PAPER,
        "height": "0.26",
        "fontsize": "10",
    },
    "until": {"shape": "diamond", "style": "filled", "fillcolor": PAPER, "height": "0.4", "margin": "0.02,0.02"},
    "service": {"shape": "box", "style": "filled"},
    "outside": {"shape": "box", "style": "rounded,dashed", "color": PALE, "fontcolor": PALE},
    "fail": {"shape": "octagon", "style": "filled", "fillcolor": "#fde8e8", "color": ALARM, "fontcolor": "#7a1212"},
    "return": {"shape": "box", "style": ROUND, "fillcolor": INK, "fontcolor": PAPER, "peripheries": "2"},
    "end": {"shape": "box", "style": ROUND, "fillcolor": INK, "fontcolor": PAPER, "peripheries": "2"},
}
ARROWS: dict[EdgeKind, dict[str, str]] = {
    "forward": {"weight": "3"},
    "undo": {"style": "dashed", "color": PALE, "arrowhead": "open", "arrowsize": "0.6", "weight": "6"},
    "event": {"color": NEWS, "fontcolor": NEWS, "weight": "6"},
    "time": {"color": CLOCK, "fontcolor": CLOCK, "dir": "both", "arrowtail": "odot"},
    "error": {"color": ALARM, "fontcolor": ALARM, "dir": "both", "arrowtail": "odiamond"},
    "again": {"color": PALE, "fontcolor": PALE, "constraint": "false", "style": "bold"},
    "beside": {"color": NEWS, "fontcolor": NEWS, "style": "dotted", "arrowhead": "open"},
}
FRAMES: dict[FrameKind, dict[str, str]] = {
    "scope": {"style": "rounded,filled", "color": "#9aa5b1", "fillcolor": "#fafbfc", "fontcolor": PALE},
    "loop": {"style": "rounded,filled", "color": CLOCK, "fillcolor": "#fdfaf5", "fontcolor": CLOCK},
    "child": {"style": "filled", "color": INK, "fillcolor": "#f5f7fa", "fontcolor": INK, "penwidth": "1.4"},
    "region": {"style": "rounded,filled", "color": INK, "fillcolor": "#fafbfc", "fontcolor": INK, "penwidth": "2"},
    "undo": {"style": "rounded,dashed", "color": PALE, "fontcolor": PALE},
}
POINTED = ("trigger", "emit", "wait", "timer", "fail")
WIDE = 30  # columns of a line in a shape
LEGEND_ROW = 6


def to_dot(picture: Picture) -> str:
    """`picture` as DOT, the same text for the same picture. The `id` of each node, edge and frame is its id in the
    picture, so that it is its id in an SVG too."""
    graph = graphviz.Digraph(
        graph_attr={
            "label": dot_text("\n".join([*fitted(picture.title, 70, 2), *fitted(picture.doc, 90, 3), "\u00a0"])),
            "tooltip": _tooltip("\n".join([picture.title, picture.doc]).strip()),
            "labelloc": "t",
            "fontname": FONT,
            "fontsize": "13",
            "fontcolor": INK,
            "bgcolor": PAPER,
            "compound": "true",
            "nodesep": "0.3",
            "ranksep": "0.38",
            "pad": "0.2",
        },
        node_attr={
            "fontname": FONT,
            "fontsize": "11",
            "fontcolor": INK,
            "color": INK,
            "height": "0.45",
            "margin": "0.16,0.06",
        },
        edge_attr={"fontname": FONT, "fontsize": "9.5", "fontcolor": INK, "color": INK, "arrowsize": "0.7"},
    )
    names = {node.id: f"n{number}" for number, node in enumerate(picture.nodes, 1)}
    frames = {scope.id: f"cluster_{number}" for number, scope in enumerate(picture.scopes, 1)}
    if len(picture.services) > 1 and picture.legend:
        _legend(graph, picture, names)
    _inside(graph, "", picture, names, frames)
    for edge in picture.edges:
        _edge(graph, edge, names, frames)
    return str(graph.source)


def _inside(
    graph: graphviz.Digraph, scope: str, picture: Picture, names: dict[str, str], frames: dict[str, str]
) -> None:
    """The nodes that stand directly in `scope`, and the scopes in it. What undoes a step stands beside it."""
    beside = {edge.source: edge.target for edge in picture.edges if edge.kind == "undo" and not edge.scope}
    nodes = {node.id: node for node in picture.nodes if node.scope == scope}
    paired: set[str] = set()
    for node in nodes.values():
        undo = nodes.get(beside.get(node.id, ""))
        if undo is not None and undo.kind == "undo":
            paired.add(undo.id)
            with graph.subgraph() as pair:
                pair.attr(rank="same")
                _node(pair, node, picture, names)
                _node(pair, undo, picture, names)
        elif node.id not in paired:
            _node(graph, node, picture, names)
    for inner in picture.scopes:
        if inner.parent != scope:
            continue
        with graph.subgraph(name=frames[inner.id]) as frame:
            frame.attr(
                label=_lined([*fitted(inner.label, 40, 1), *fitted(inner.detail, 44, 2)]),
                tooltip=_tooltip(inner.tooltip),
                id=dot_text(inner.id),
                labeljust="l",
                labelloc="t",
                fontsize="11",
                margin="12",
                **{"class": inner.kind},
                **_framed(inner, picture),
            )
            _inside(frame, inner.id, picture, names, frames)


def _framed(frame: Scope, picture: Picture) -> dict[str, str]:
    look = dict(FRAMES[frame.kind])
    if frame.service:
        look["color"] = paint_of(picture.services.index(frame.service)).line
    return look


def _lined(lines: list[str]) -> str:
    """Lines that begin at the left border."""
    return "".join(f"{dot_text(line)}\\l" for line in lines)


def _node(graph: graphviz.Digraph, node: Node, picture: Picture, names: dict[str, str]) -> None:
    look = dict(SHAPES[node.kind])
    if node.kind == "join" and node.detail:
        look |= {"fontsize": "8", "fontcolor": PAPER}
    if node.service:
        look |= _painted(node.kind, paint_of(picture.services.index(node.service)))
    graph.node(
        names[node.id],
        _label(node),
        id=dot_text(node.id),
        tooltip=_tooltip(node.tooltip or node.label),
        **{"class": node.kind},
        **look,
        **_size(node),
    )


def _painted(kind: NodeKind, paint: Paint) -> dict[str, str]:
    if kind == "undo":
        return {"color": INK, "fillcolor": PAPER}
    return {"fillcolor": paint.fill, "color": paint.line, "fontcolor": paint.text, "penwidth": f"{paint.border}"}


def _label(node: Node) -> str:
    if node.kind in ("fork", "join"):
        slots = "|".join(f"<p{slot}>" for slot in range(node.slots))
        if node.detail:
            slots = f"{{{{{slots}}}|{node.detail}}}"
        return cast(str, graphviz.nohtml(slots))  # otherwise `<p0>` is taken for markup
    return dot_text("\n".join(_lines(node)))


def _lines(node: Node) -> list[str]:
    match node.kind:
        case "switch":
            return fitted(node.label, 16, 2)
        case "let" | "empty":
            return fitted(node.label, WIDE, 2)
        case _:
            return [*fitted(node.label, WIDE, 2), *fitted(node.detail, WIDE, 2)]


def _size(node: Node) -> dict[str, str]:
    """How big a shape is, in inches, where its words do not say it well: a shape with points would be drawn around the
    whole rectangle of its words, which makes it twice as big as it need be."""
    if node.kind in ("fork", "join"):
        return {"width": f"{max(1.2, min(6.0, 0.9 * node.slots)):.1f}"}
    if node.kind in POINTED:
        lines = _lines(node)
        wide, high = 0.7 + 0.085 * max(map(width, lines)), 0.24 + 0.18 * len(lines)
        return {"width": f"{wide:.2f}", "height": f"{high:.2f}", "fixedsize": "true"}
    if node.kind == "commit":
        return {"width": "2.4"}
    return {"width": "0.5" if node.kind in ("switch", "until") and not node.label else "0.9"}


def _edge(graph: graphviz.Digraph, edge: Edge, names: dict[str, str], frames: dict[str, str]) -> None:
    tail = names[edge.source] + (f":p{edge.source_slot}:s" if edge.source_slot >= 0 else "")
    head = names[edge.target] + (f":p{edge.target_slot}:n" if edge.target_slot >= 0 else "")
    if edge.kind == "again":  # beside what it goes round
        tail, head = f"{tail}:w", f"{head}:w"
    look = dict(ARROWS[edge.kind])
    if edge.label:
        look["label"] = dot_text("\n".join(f"\u00a0{line}\u00a0" for line in fitted(edge.label, 24, 3)))
    words = _tooltip(edge.tooltip or edge.label or f"{edge.source} -> {edge.target}")
    if edge.scope:
        look["ltail"] = frames[edge.scope]
    graph.edge(tail, head, id=dot_text(edge.id), edgetooltip=words, labeltooltip=words, **{"class": edge.kind}, **look)


def _legend(graph: graphviz.Digraph, picture: Picture, names: dict[str, str]) -> None:
    """The services and their colours, in even rows above the start."""
    count = len(picture.services)
    columns = -(-count // -(-count // LEGEND_ROW))
    for first in range(0, count, columns):
        with graph.subgraph() as row:
            row.attr(rank="same")
            for position in range(first, min(first + columns, count)):
                _service(row, picture.services[position], position)
    for position in range(count):
        below = position + columns
        if below < count:
            graph.edge(f"s{position + 1}", f"s{below + 1}", style="invis", weight="9")
        else:
            graph.edge(f"s{position + 1}", names[picture.nodes[0].id], style="invis")


def _service(row: graphviz.Digraph, service: str, position: int) -> None:
    row.node(
        f"s{position + 1}",
        dot_text("\n".join(fitted(service, 22, 1))),
        id=dot_text(f"@{service}"),
        tooltip=_tooltip(f"service {service}"),
        shape="box",
        style="filled",
        fontsize="10",
        height="0.24",
        width="0.6",
        margin="0.1,0.03",
        **{"class": "service"},
        **_painted("step", paint_of(position)),
    )


def dot_text(text: str) -> str:
    """`text` so that Graphviz writes just that."""
    return _escaped(text, "\\\\")


def _tooltip(text: str) -> str:
    return _escaped(text, "\\\\\\\\")


def _escaped(text: str, backslash: str) -> str:
    entities = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\\": backslash, "\n": "\\n"}
    return "".join(entities.get(char, char) for char in visible(text))
