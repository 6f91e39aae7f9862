"""A whole flow around a few statements, for the examples of the diagnostics.

The contracts that the examples use are in `flowlang/check/examples/contracts`.
"""

from __future__ import annotations

from textwrap import dedent, indent


def example(body: str, head: str = "example(order: Order)") -> str:
    """A flow with `body`."""
    return f'use contracts "contracts/*.yaml"\n\nflow {head} {{\n{indent(dedent(body).strip(), "  ")}\n}}\n'
