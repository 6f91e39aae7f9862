"""A syntax tree of Python that we have made becomes functions. None of it was ever text."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from types import CodeType
from typing import Any


def functions_of(definitions: list[ast.stmt], name: str, names: Mapping[str, Any]) -> dict[str, Any]:
    """What `definitions` define, by name, where only `names` are known; `name` is that of their file in a traceback."""
    known: dict[str, Any] = {"__builtins__": {}, **names}
    # Of a tree of ours, whose names are all made by whoever made it, or are in `names`.
    exec(_code_of(ast.Module(body=definitions, type_ignores=[]), name), known)  # noqa: S102
    return known


def _code_of(module: ast.Module, name: str) -> CodeType:
    """The compiled tree. Every node is put at the first place, since ours have none: `ast.fix_missing_locations` looks for
    those that have, and so takes five times as long, which is longer than to compile them."""
    left: list[Any] = [module]
    while left:
        node = left.pop()
        node.lineno, node.col_offset = 1, 0
        for field in node._fields:
            part = getattr(node, field, None)
            if type(part) is list:
                left.extend(one for one in part if isinstance(one, ast.AST))
            elif isinstance(part, ast.AST):
                left.append(part)
    return compile(module, name, "exec")
