"""Expressions from their text, for the tests."""

from __future__ import annotations

from typing import Any

from flowlang.expression.evaluate import compile_expr
from flowlang.expression.tree import Expr
from flowlang.language.text import parse_expression
from flowlang.source import Source


def parsed(text: str) -> Expr:
    """The tree of `text`, which must have no mistake."""
    expr, findings = parse_expression(Source("test", text), 0, len(text))
    assert expr is not None and not findings, (text, [finding.say(finding.message) for finding in findings])
    return expr


def value_of(text: str, **env: Any) -> Any:
    """What `text` evaluates to."""
    return compile_expr(parsed(text))(env)
