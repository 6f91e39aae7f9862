"""A whole flow around a few statements, for the examples of the diagnostics.

The contracts that the examples use are in `flowlang/check/examples/contracts`, the flows that they run in
`flowlang/check/examples/flows`.
"""

from __future__ import annotations

from textwrap import dedent, indent


def example(body: str, head: str = "example(order: Order)", *, flows: bool = False) -> str:
    """A flow with `body`; `flows` says that it uses others, which is so too where it runs one."""
    body = indent(dedent(body).strip(), "  ")
    uses = 'use flows "flows/*.flow"\n' if flows or "= flow." in body else ""
    return f'use contracts "contracts/*.yaml"\n{uses}\nflow {head} {{\n{body}\n}}\n'
