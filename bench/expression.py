"""How long the evaluation of an expression takes: `python bench/expression.py` prints the figures."""

from __future__ import annotations

import timeit
from decimal import Decimal

from flowlang.expression.evaluate import compile_expr
from flowlang.expression.json import from_json
from flowlang.expression.text import to_text
from flowlang.values import wire_dumps, wire_loads

ORDER = {
    "id": "o-1",
    "total": Decimal("120.5"),
    "items": [{"sku": "a", "qty": 2}, {"sku": "b", "qty": 1}],
    "address": "Main Street 1",
    "email": "a@example.org",
    "country": "de",
}
TOTAL = ["select", ["ref", "order"], "total"]
ITEMS = ["select", ["ref", "order"], "items"]
QUANTITIES = ["method", ITEMS, "all", ["ref", "x"], [">", ["select", ["ref", "x"], "qty"], 0]]
INPUT = ["map", ["orderId", ["select", ["ref", "order"], "id"]], ["amount", TOTAL]]


def main() -> None:
    """Print microseconds for each; the bound of the first is 2 us."""
    for data in [["&&", [">", TOTAL, 100], [">", ["call", "size", ITEMS], 0]], QUANTITIES, INPUT]:
        expr = from_json(data)
        evaluate = compile_expr(expr)
        env = {"order": ORDER}
        print(f"{_microseconds(lambda: evaluate(env)):8.3f} us  {to_text(expr)}")  # noqa: B023
        print(f"{_microseconds(lambda: compile_expr(expr)):8.3f} us  ... compiled")  # noqa: B023
    text = wire_dumps(ORDER)
    print(f"{_microseconds(lambda: wire_dumps(ORDER)):8.3f} us  wire_dumps of an order")
    print(f"{_microseconds(lambda: wire_loads(text)):8.3f} us  wire_loads of an order")


def _microseconds(run: object) -> float:
    timer = timeit.Timer(run)  # type: ignore[arg-type]
    count, _ = timer.autorange()
    return min(timer.repeat(5, count)) / count * 1e6


if __name__ == "__main__":
    main()
