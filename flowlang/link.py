"""Expressions and schemas turned into something that runs, once for each program.

The meaning and both machines share these leaves (what an expression is worth, whether a value fits its contract) and
nothing above them: control flow is written three times on purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flowlang.declared import Schema
from flowlang.event import Error, External, Value
from flowlang.expression.evaluate import Evaluate, ExpressionError, compile_expr
from flowlang.expression.tree import Expression
from flowlang.schema import DOUBT, Conformer, conformer
from flowlang.values import ABSENT, canonical

Env = Mapping[str, Value]


class Refused(Exception):
    """An expression could not be evaluated, or its value breaks a contract: nothing has happened."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name  # ExpressionError | InvalidInput
        self.message = message

    def error(self, path: str) -> Error:
        """This refusal as the failure of block `path`."""
        return Error(self.name, self.message, path)


class Link:
    """Closures of expressions and schemas, made on first use and kept by identity."""

    def __init__(self) -> None:
        self._closures: dict[int, tuple[Expression, Callable[[Env], Value]]] = {}
        self._given: dict[int, tuple[Expression, Schema, Callable[[Env], Value], Conformer]] = {}
        self._conformers: dict[int, tuple[Schema, Conformer]] = {}

    def optional(self, expression: Expression, env: Env) -> Value:
        """The value of `expression`, or ABSENT. Raises Refused."""
        found = self._closures.get(id(expression))
        if found is None:
            found = self._closures[id(expression)] = (expression, self._evaluate(expression, bounded=True))
        try:
            return found[1](env)
        except ExpressionError as error:
            raise Refused("ExpressionError", str(error)) from None

    def value(self, expression: Expression, env: Env) -> Value:
        """The value of `expression`, which must be there. Raises Refused."""
        value = self.optional(expression, env)
        if value is ABSENT:
            raise Refused("ExpressionError", f"`{expression.text}` is absent")
        return value

    def truth(self, expression: Expression, env: Env) -> bool:
        """The truth of a guard. Raises Refused where it is neither true nor false."""
        value = self.value(expression, env)
        if value is True or value is False:
            return bool(value)
        raise Refused("ExpressionError", f"`{expression.text}` is neither true nor false")

    def given(self, schema: Schema, expression: Expression, env: Env, name: str) -> Value:
        """`conformed` of `value`. Nearly every value fits, and is then looked at once: its size and its shape together."""
        known = self._given.get(id(expression))
        if known is None:
            evaluate = self._evaluate(expression, bounded=False)
            known = self._given[id(expression)] = (expression, schema, evaluate, self._conformer(schema))
        if known[1] is schema:
            try:
                fitted = known[3].look(known[2](env))
            except ExpressionError:
                fitted = DOUBT
            if fitted is not DOUBT:
                return fitted
        return self.conformed(schema, self.value(expression, env), name)

    def conformed(self, schema: Schema, value: Value, name: str) -> Value:
        """`value` as `schema` has it (numbers normalised). Raises Refused called `name` where it breaks the schema."""
        fitted, problems = self._conformer(schema)(value)
        if problems:
            raise Refused(name, "; ".join(problems))
        return fitted

    def _evaluate(self, expression: Expression, bounded: bool) -> Evaluate:
        return compile_expr(expression.tree, bounded)

    def _conformer(self, schema: Schema) -> Conformer:
        found = self._conformers.get(id(schema))
        if found is None:
            found = self._conformers[id(schema)] = (schema, conformer(schema))
        return found[1]


def carries(event: External, field: str, value: Value) -> bool:
    """Whether `event` is correlated with `value`: its `field` (a dotted path into its data, or `subject`) equals it."""
    if field == "subject":
        return event.subject == (value if isinstance(value, str) else canonical(value))
    found = event.data
    for part in field.split("."):
        if not isinstance(found, dict) or part not in found:
            return False
        found = found[part]
    return canonical(found) == canonical(value)
