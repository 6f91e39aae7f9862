"""How likely each way of a run is: branches, failures, the length of lists and loops; uniform and 1 % unless somebody knows.

    branches:                        # shares of the ways out of a switch, or of the events of a race and then its timer
      switch1: [10, 5, 85]
    failures:                        # of each call of an operation, or of one step
      payments.charge: 2%
      default: 0.5%
    items: { line: 12 }              # of a `for each`
    iterations: { repeat1: 3 }       # of a `repeat`

Paths are those of drawings, without the flow's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from flowlang import ir

FAILURE = 0.01
ITEMS = 3
ITERATIONS = 2
MOST = 100  # items or iterations that are played


@dataclass(frozen=True, slots=True)
class Rates:
    """All by path without the flow's name; `failures` also by operation (`payments.charge`)."""

    branches: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    failures: Mapping[str, float] = field(default_factory=dict)
    items: Mapping[str, int] = field(default_factory=dict)
    iterations: Mapping[str, int] = field(default_factory=dict)
    default: float = FAILURE

    def ways(self, path: str, count: int) -> tuple[float, ...]:
        """The probability of each of the `count` ways out of a block."""
        shares = self.branches.get(path, (1.0,) * count)
        return tuple(share / sum(shares) for share in shares)

    def failure(self, path: str, operation: str) -> float:
        """The probability that one call fails."""
        return self.failures.get(path, self.failures.get(operation, self.default))


class BadRates(Exception):
    """What is wrong with the rates, in one sentence."""


_KEYS = ("branches", "failures", "items", "iterations")
_PERCENT = re.compile(r"\d+(\.\d+)?%")


def rates_of(data: Any, flow: ir.Flow) -> Rates:
    """The rates that `data`, read from a file, has for `flow`. Raises BadRates."""
    if data is None:
        return Rates()
    if not isinstance(data, dict):
        raise BadRates("the rates are no record")
    for key in data:
        if key not in _KEYS:
            raise BadRates(f"`{key}` is none of {', '.join(_KEYS)}")
    blocks = {short(node.path): node for node in ir.walk(flow.body) if not isinstance(node, ir.Sequence)}
    operations = {f"{n.operation.service}.{n.operation.name}" for n in blocks.values() if isinstance(n, ir.Step)}
    branches: dict[str, tuple[float, ...]] = {}
    for path, shares in _entries(data, "branches"):
        count = ways_of(blocks.get(path))
        if count == 0:
            raise BadRates(f"`{path}` is no switch and no race of `{flow.name}`")
        if not isinstance(shares, list) or len(shares) != count:
            raise BadRates(f"`{path}` has {count} ways out, so it needs a list of {count} shares")
        branches[path] = tuple(_number(share, path) for share in shares)
        if sum(branches[path]) == 0:
            raise BadRates(f"the shares of `{path}` are all 0")
    failures = {}
    for place, rate in _entries(data, "failures"):
        if place != "default" and place not in operations and not isinstance(blocks.get(place), ir.Step):
            raise BadRates(f"`{place}` is no step and no operation of `{flow.name}`")
        failures[place] = _share(rate, place)
    default = failures.pop("default", FAILURE)
    items = {path: _count(n, path) for path, n in _of(data, "items", blocks, ir.Each, flow)}
    iterations = {path: _count(n, path) for path, n in _of(data, "iterations", blocks, ir.Repeat, flow)}
    return Rates(branches, failures, items, iterations, default)


def ways_of(node: ir.Node | None) -> int:
    """How many ways out a switch or a race has; 0 for anything else."""
    match node:
        case ir.Switch():
            return len(node.arms) if node.drawn else 0
        case ir.Race():
            return len(node.alternatives) + (node.after is not None)
        case _:
            return 0


def short(path: str) -> str:
    """A path without the flow's name."""
    return path.split("/", 1)[-1]


def _entries(data: dict[str, Any], key: str) -> Iterator[tuple[str, Any]]:
    entries = data.get(key) or {}
    if not isinstance(entries, dict):
        raise BadRates(f"`{key}` is no record")
    yield from entries.items()


def _of(
    data: dict[str, Any], key: str, blocks: Mapping[str, ir.Node], kind: type, flow: ir.Flow
) -> Iterator[tuple[str, Any]]:
    for path, value in _entries(data, key):
        if not isinstance(blocks.get(path), kind):
            word = "for each" if kind is ir.Each else "repeat"
            raise BadRates(f"`{path}` is no `{word}` of `{flow.name}`")
        yield path, value


def _number(value: Any, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or value < 0:
        raise BadRates(f"`{value}` for `{place}` is no number from 0")
    return float(value)


def _share(value: Any, place: str) -> float:
    """A probability: `2%`, or a number from 0 to 1."""
    if isinstance(value, str) and _PERCENT.fullmatch(value):
        share = float(value[:-1]) / 100
    elif isinstance(value, str):
        raise BadRates(f"`{value}` for `{place}` is no rate: write 2% or 0.02")
    else:
        share = _number(value, place)
    if share > 1:
        raise BadRates(f"`{value}` for `{place}` is more than 100 %")
    return share


def _count(value: Any, place: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST:
        raise BadRates(f"`{value}` for `{place}` is no whole number from 0 to {MOST}")
    return value
