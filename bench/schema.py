"""How long one order takes to be held against its schema: python bench/schema.py"""

from __future__ import annotations

import timeit
from decimal import Decimal

from flowlang.schema import conformer
from flowlang.values import plain_dumps

LINE = {
    "type": "object",
    "required": ["sku", "qty"],
    "properties": {
        "sku": {"type": "string"},
        "qty": {"type": "integer", "minimum": 1},
        "price": {"type": "number", "minimum": 0},
    },
}
ORDER = {
    "type": "object",
    "required": ["id", "total", "items"],
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "total": {"type": "number", "minimum": 0},
        "currency": {"type": "string", "enum": ["EUR", "USD"]},
        "email": {"type": "string", "format": "email"},
        "address": {"type": "string"},
        "country": {"type": "string"},
        "note": {"type": "string"},
        "items": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/Line"}},
    },
    "$defs": {"Line": LINE},
}
VALUE = {
    "id": "o-20260103-000117",
    "total": Decimal("120.5"),
    "currency": "EUR",
    "email": "someone@example.org",
    "address": "Main Street 1, 12345 Springfield",
    "country": "de",
    "note": "please ring twice",
    "items": [
        {"sku": "chair-oak", "qty": 2, "price": Decimal("50.25")},
        {"sku": "table-oak", "qty": 1, "price": Decimal("20")},
    ],
}


def main() -> None:
    """Print the best of several runs, since other work on the machine only ever adds time."""
    conform = conformer(ORDER)
    assert conform(VALUE) == (VALUE, ())
    rounds = 5_000
    best = min(timeit.repeat(lambda: conform(VALUE), number=rounds, repeat=20)) / rounds
    print(f"an order of {len(plain_dumps(VALUE))} bytes conforms in {best * 1e6:.1f} µs (aim: under 10)")


if __name__ == "__main__":
    main()
