"""Flows of services: one definition, run by a central engine or as a choreography.

The public names are loaded on first use: whoever imports one of them does not pay for the others, and a process that runs
one service of a choreography never loads the parser.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowlang.runtime.operation import Call, Failure, operation

__all__ = ["Call", "Failure", "operation"]

_HOMES = {
    "Call": "flowlang.runtime.operation",
    "Failure": "flowlang.runtime.operation",
    "operation": "flowlang.runtime.operation",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module `flowlang` has no attribute `{name}`")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
