"""What the author of a handler writes: `operation` marks a function, `Call` is what it may ask for, `Failure` how
it fails.

    from flowlang import Call, Failure, operation

    @operation("payments.charge")
    async def charge(orderId, amount, call: Call):
        if amount > LIMIT:
            raise Failure("Declined", "the bank said no", data={"limit": LIMIT})
        return await bank.charge(orderId, amount, idempotency_key=call.key)

A handler names the fields of the input that it wants as parameters, and a parameter called `call` gets the
`Call`. A field that the input may lack needs a default; `**rest` gets the fields that are not named. It returns
the output: dicts, lists, strings, numbers, true, false and None. In the input a number with a fraction is a
`decimal.Decimal`. A function without `async` runs in a thread of its own, so it may block. The decorated function
stays what it was: a test can call it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

from flowlang.event import Reason, Value

Function = TypeVar("Function", bound=Callable[..., Any])


class Failure(Exception):
    """The operation failed with one of the errors that its contract declares: nothing of it has happened.

    `Failure("Unavailable")` and `Failure("Timeout")` say instead that nobody knows whether it happened; it is tried
    again under the same key. A name that the contract does not declare is a bug of the handler.
    """

    def __init__(self, name: str, message: str = "", **data: Any) -> None:
        if not isinstance(name, str) or not name:
            raise TypeError("Failure() wants the name of a declared error first, as in Failure('Declined', 'why')")
        if set(data) - {"data"}:
            raise TypeError(
                f"Failure() has no argument `{sorted(set(data) - {'data'})[0]}`; what it carries goes into data="
            )
        super().__init__(name, message)
        self.name = name
        self.message = str(message)
        self.has_data = "data" in data
        self.data = data.get("data")


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt of one call, as a handler sees it. `input` is a copy of its own.

    `key` is the idempotency key: the same for each attempt that may repeat the effect of another. `kind` is `do`
    or `undo`; an undo names in `undoes` the key of the call that it undoes, which may never have happened and
    must not take effect later, and in `reason` why: kind `failed` with its error, `cancelled`, or `lost`.
    `attempt` counts from 1; `timeout` is in milliseconds.
    """

    operation: str
    input: Value
    key: str
    kind: str
    attempt: int
    timeout: int
    run: str
    flow: str
    path: str
    undoes: str = ""
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Marked:
    """A function that says which operation it is, and where."""

    operation: str
    function: Callable[..., Any]
    file: str
    line: int


collecting: ContextVar[list[Marked] | None] = ContextVar("collecting", default=None)
"""Where `operation` puts what it marks while the files of `--services` are read; None elsewhere."""


def operation(name: str) -> Callable[[Function], Function]:
    """Mark a function as the handler of operation `name`, `service.operation` as the flow writes it."""
    if not isinstance(name, str) or [bool(part) for part in name.split(".")] != [True, True]:
        raise ValueError(f'operation({name!r}): write service and operation, as in operation("payments.charge")')

    def mark(function: Function) -> Function:
        if not inspect.isfunction(function):
            raise TypeError(f'@operation("{name}") stands before {function!r}, which is not a function')
        marked = collecting.get()
        if marked is not None:
            code = inspect.unwrap(function).__code__
            marked.append(Marked(name, function, code.co_filename, code.co_firstlineno))
        return function

    return mark
