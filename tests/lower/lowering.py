"""Flows as text, and their kernels as lines that a test can read: one for each block, two blanks deeper inside another."""

from __future__ import annotations

from collections.abc import Iterator

from flowlang import ir
from flowlang.contract import Contracts, load
from flowlang.language import tree
from flowlang.language.text import parse
from flowlang.lower import lower
from flowlang.source import Source

SERVICE = """
service: {name}
operations:
  act: {{ input: {any}, output: {any}, errors: {{ No: "no", Busy: "busy" }} }}
  undo: {{ input: {any} }}
events: {{ {name}.told: {{ data: {any}, keep: 7d, to: all }} }}
"""
ANY = "{ type: object, additionalProperties: true, properties: { id: { type: string }, n: { type: integer } } }"


def contracts() -> Contracts:
    sources = [Source(f"{name}.yaml", SERVICE.format(name=name, any=ANY)) for name in ("a", "b")]
    loaded, found = load(sources, lambda reference, beside: None)
    assert not found, [one.say(one.message) for one in found]
    return loaded


def flow(text: str) -> tree.Flow:
    """`text` without its `use` line as a tree."""
    read, found = parse(Source("f.flow", f'use contracts "*.yaml" use flows "*.flow"\n{text}'))
    assert read is not None and not found, [one.say(one.message) for one in found]
    return read


def kernel(body: str, *others: str) -> ir.Flow:
    """The kernel of a flow `f(id: string, n: int)` with `body`, and the texts of the flows that it runs."""
    known = contracts()
    flows = {other.name.text: (other, known) for other in map(flow, others)}
    return lower(flow(f"flow f(id: string, n: int) {{ key id {body} }}"), known, flows)


def lines(node: ir.Node, depth: int = 0) -> Iterator[str]:
    """`step f/x` for each block; empty sequences are left out, and others are no level of their own."""
    if isinstance(node, ir.Sequence):
        for item in node.items:
            yield from lines(item, depth)
        return
    yield "  " * depth + f"{type(node).__name__.lower()} {node.path}"
    for part in ir.parts_of(node):
        yield from lines(part, depth + 1)


def shown(body: str, *others: str) -> list[str]:
    return list(lines(kernel(body, *others).body))


def at(whole: ir.Flow, path: str) -> ir.Node:
    """The one block with this path."""
    [found] = [node for node in ir.walk(whole.body) if not isinstance(node, ir.Sequence) and node.path == path]
    return found
