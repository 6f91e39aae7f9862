"""The SVG that Graphviz writes, made plain: no reference to anything, tooltips where every reader looks for them.

Graphviz puts a document type with a remote address on top, tooltips into links that lead nowhere, and the names of our
own numbering into titles. Here the document type and the comments go, links are unwrapped, and the title of each element
is its tooltip. What is left is shapes, text and titles; whatever else turns up is our bug, not something to pass on.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

SVG = "{http://www.w3.org/2000/svg}"
XLINK = "{http://www.w3.org/1999/xlink}"
ELEMENTS = frozenset(SVG + name for name in ("svg", "g", "title", "text", "path", "polygon", "polyline", "ellipse"))
BOLD = frozenset({"step", "service", "emit", "wait", "trigger", "fail", "graph"})
"""Classes of groups whose first line says what it is and the others more of it."""


def plain_svg(drawn: bytes) -> bytes:
    """`drawn`, an SVG by Graphviz, without links, remote references and made-up names."""
    root = ElementTree.fromstring(drawn)
    for group in list(root.iter(SVG + "g")):
        if {"graph", "node", "edge", "cluster"} & set(group.get("class", "").split()):
            _name(group)
            _embolden(group)
    assert {element.tag for element in root.iter()} <= ELEMENTS
    root.set("role", "img")
    ElementTree.register_namespace("", SVG[1:-1])
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _name(group: Element) -> None:
    """The title of `group` becomes its tooltip; the links around its shapes are unwrapped."""
    words = ""
    parts: list[Element] = []
    for part in group:
        for link in part.iter(SVG + "a"):
            words = words or link.get(XLINK + "title", "")
        if part.tag != SVG + "title":
            parts += _unlinked(part)
    title = Element(SVG + "title")
    title.text = words
    group[:] = [title, *parts] if words else parts


def _unlinked(part: Element) -> Iterator[Element]:
    """`part` without the links and the groups that are only there for links."""
    only_for_links = part.tag == SVG + "g" and part.get("class") is None and part.find(SVG + "a") is not None
    if part.tag == SVG + "a" or only_for_links:
        for inner in part:
            yield from _unlinked(inner)
    else:
        part.tail = "\n"
        yield part


def _embolden(group: Element) -> None:
    text = group.find(SVG + "text")
    if text is not None and BOLD & set(group.get("class", "").split()):
        text.set("font-weight", "bold")
