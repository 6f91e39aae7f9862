"""Expressions under choices instead of data: which way a decision goes is asked for, and the rest is worth what it can be.

A comparison of the modes has no real data. Values come from the examples of the contracts, so that the bytes of an event
are about right; what such an example cannot be computed from is replaced by a value of the right kind.
"""

from __future__ import annotations

from collections.abc import Callable

from flowlang import ir
from flowlang.compare.rates import ITEMS, ITERATIONS, Rates, short
from flowlang.declared import Operation, Schema
from flowlang.event import Value
from flowlang.expression.tree import Expression
from flowlang.link import Env, Link, Refused
from flowlang.schema.example import example_of
from flowlang.schema.fault import SchemaError
from flowlang.values import ABSENT, Duration, Timestamp

Choose = Callable[[str, int], int]
"""Which of so many ways out of a block is taken, by the block's path without the flow's name."""


class Guess(Link):
    """The leaves of a program whose decisions are made by `choose`. What `link` has compiled serves all runs."""

    def __init__(self, flow: ir.Flow, rates: Rates, choose: Choose, link: Link) -> None:
        super().__init__()
        self._link = link
        self._choose = choose
        self._arms: dict[int, tuple[ir.Switch, int]] = {}
        self._taken: dict[str, int] = {}
        self._rounds: dict[int, tuple[int, int]] = {}  # of each `until`: how many a repeat has, and how many there were
        self._lists: dict[int, int] = {}
        self._times: set[int] = set()
        self._true: set[int] = set()
        for node in ir.walk(flow.body):
            self._learn(node, rates)

    def _learn(self, node: ir.Node, rates: Rates) -> None:
        match node:
            case ir.Switch() if node.drawn:
                self._arms |= {id(arm.when): (node, n) for n, arm in enumerate(node.arms) if arm.when is not None}
            case ir.Race() | ir.Interrupt():
                self._true |= {id(one.where) for one in node.alternatives if one.where is not None}
                self._times |= {id(node.after)} if node.after is not None else set()
            case ir.Alongside():
                self._true |= {id(one.where) for one in node.handlers if one.where is not None}
            case ir.Each():
                self._lists[id(node.items)] = rates.items.get(short(node.path), ITEMS)
            case ir.Repeat():
                rounds = max(1, min(rates.iterations.get(short(node.path), ITERATIONS), node.most))
                self._rounds[id(node.until)] = (rounds, 0)
                self._times |= {id(node.every)} if node.every is not None else set()
            case _:
                pass

    def truth(self, expression: Expression, env: Env) -> bool:
        """What was chosen; a guard that nobody chooses for is evaluated, and false where it can't be."""
        key = id(expression)
        if key in self._arms:
            switch, arm = self._arms[key]
            if arm == 0:  # the guards of one decision are evaluated in their order
                self._taken[switch.path] = self._choose(short(switch.path), len(switch.arms))
            return self._taken[switch.path] == arm
        if key in self._rounds:
            rounds, done = self._rounds[key]
            self._rounds[key] = (rounds, done + 1)
            return (done + 1) % rounds == 0
        if key in self._true:
            return True
        try:
            return self._link.truth(expression, env)
        except Refused:
            return False

    def optional(self, expression: Expression, env: Env) -> Value:
        """The value under the examples; a list as long as it is said to be."""
        try:
            value = self._link.optional(expression, env)
        except Refused:
            value = ABSENT
        if id(expression) in self._lists:
            item = value[0] if isinstance(value, list) and value else {}
            return [item] * self._lists[id(expression)]
        if id(expression) in self._times and not isinstance(value, Duration | Timestamp):
            return Duration(1000)
        return value

    def value(self, expression: Expression, env: Env) -> Value:
        """As `optional`; a text stands for what is not there."""
        value = self.optional(expression, env)
        return "" if value is ABSENT else value

    def conformed(self, schema: Schema, value: Value, name: str) -> Value:
        """`value`, or the schema's example where it does not fit."""
        try:
            return self._link.conformed(schema, value, name)
        except Refused:
            return example(schema)


_EXAMPLES: dict[int, tuple[Schema, Value]] = {}


def example(schema: Schema) -> Value:
    """A value that fits `schema`, or an empty record where nobody can make one."""
    found = _EXAMPLES.get(id(schema))
    if found is None or found[0] is not schema:
        try:
            found = (schema, example_of(schema))
        except SchemaError:
            found = (schema, {})
        _EXAMPLES[id(schema)] = found
    return found[1]


def answer(operation: Operation) -> Value:
    """What an operation answers: the contract's example, or one of its schema."""
    return operation.example[0] if operation.example else example(operation.output)
