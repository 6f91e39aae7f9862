"""The gate that every answer of an operation passes: what leaves it fits the contract, or is told apart from what
does.

Real handlers, stand-ins and examples use the same gate, so a scenario can't show what a handler could not do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flowlang.declared import Operation
from flowlang.event import Error, Failed, Ok, Result, Unknown, Value
from flowlang.runtime.ports import Request, ScenarioMistake
from flowlang.schema import DOUBT, Conformer, SchemaError, conformer, example_of

UNCERTAIN = ("Timeout", "Unavailable", "InvalidOutput")
"""The engine's own errors after which nobody knows whether the operation happened."""


class NoAnswer(ScenarioMistake):
    """Neither handler nor scenario nor contract says what an operation answers."""


class Answers:
    """Turns what an operation said into a `Result`, checked against its contract. `operations` are those of one
    program."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self.operations = {(known.service, known.name): known for known in operations}
        self._conformers: dict[tuple[str, str], Conformer] = {}

    def answer(self, request: Request, said: Value) -> Result:
        """`Ok` with the output as the contract has it, or `Unknown` called `InvalidOutput`."""
        value, problems = self._conform(request)(said)
        return self.invalid(request, "; ".join(problems)) if problems else Ok(value)

    def taken(self, request: Request, thing: Any) -> Result | None:
        """`Ok` with what a handler returned, where it plainly fits; None where somebody has to look more closely."""
        known = self._conformers.get((request.service, request.operation)) or self._conform(request)
        value = known.take(thing)
        return None if value is DOUBT else Ok(value)

    def ignores(self, request: Request) -> bool:
        """Whether nobody looks at the answer: the contract has no output, so it need not be JSON either."""
        return self._operation(request).output == {}

    def invalid(self, request: Request, why: str) -> Result:
        """`Unknown` called `InvalidOutput`: something was answered, and nobody can use it."""
        text = f"the answer of `{request.service}.{request.operation}` breaks its contract: {why}"
        return Unknown(Error("InvalidOutput", text, request.path))

    def failure(self, request: Request, name: str, message: str, data: Value, has_data: bool) -> Result:
        """`Failed` for an error that the contract declares, `Unknown` for one that leaves the result open or is a
        bug."""
        declared = self._operation(request).errors
        if name not in declared and name not in UNCERTAIN:
            known = ", ".join(declared) or "no errors"
            text = f"`{request.service}.{request.operation}` failed with `{name}`, but its contract declares {known}"
            return Unknown(Error("HandlerError", text, request.path))
        error = Error(name, message, request.path, data, has_data)
        return Failed(error) if name in declared else Unknown(error)

    def example(self, request: Request) -> Result:
        """The contract's example, or a value made from the output's schema. Raises NoAnswer."""
        operation = self._operation(request)
        return self.answer(request, operation.example[0] if operation.example else self._made(operation))

    def _made(self, operation: Operation) -> Value:
        try:
            return example_of(operation.output)
        except SchemaError as error:
            name = f"{operation.service}.{operation.name}"
            raise NoAnswer(f"there is no handler for `{name}`, and {error}") from error

    def _operation(self, request: Request) -> Operation:
        return self.operations[request.service, request.operation]

    def _conform(self, request: Request) -> Conformer:
        name = request.service, request.operation
        found = self._conformers.get(name)
        if found is None:
            found = self._conformers[name] = conformer(self.operations[name].output)
        return found


class Examples:
    """Answers every operation with its example: nothing of the user's is called."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    async def call(self, request: Request) -> Result:
        """One attempt. See `Caller`."""
        return self._answers.example(request)
