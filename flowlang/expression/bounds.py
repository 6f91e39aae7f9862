"""What an evaluation may cost, and how it fails.

Expressions always end, but macros in macros and values with shared parts could make them end very late: whatever costs
more than a fixed amount inside of a macro is paid from a budget that travels with the names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NoReturn

Env = Mapping[Any, Any]
"""The names of the flow with their values, and under the key BUDGET what the macros may still cost."""

MAX_STRING = 1024 * 1024  # characters of a string that an expression makes
MAX_LIST = 1_000_000  # items of a list that an expression makes
MAX_COST = 5_000_000  # nodes evaluated inside of macros, and steps of a comparison of lists and maps

BUDGET: Final = object()  # no name of a flow can equal it
_UNCHARGED: Final = 64  # operations on fewer characters or items are not worth counting


class ExpressionError(Exception):
    """An expression has no value. The message is one sentence without a capital and a full stop."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def start(env: Env) -> Env:
    """The names of one evaluation that has macros, with a fresh budget."""
    return {**env, BUDGET: [MAX_COST]}


def charge(env: Env, cost: int) -> None:
    """Count an operation whose cost grows with its operands; outside of macros it happens once and is not counted."""
    if cost > _UNCHARGED:
        budget = env.get(BUDGET)
        if budget is not None:
            budget[0] -= cost
            if budget[0] < 0:
                too_costly()


def too_costly() -> NoReturn:
    raise ExpressionError("the evaluation takes too many steps")


def fail(message: str) -> NoReturn:
    """What an expression does that `check` refuses but somebody evaluates all the same."""
    raise ExpressionError(message)
