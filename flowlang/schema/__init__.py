"""JSON Schema 2020-12 at work: whether a value fits its contract, and what a value that fits looks like.

`conformer(schema)` is compiled once to closures; `example_of(schema)` makes the smallest plausible value. Everything is
written here rather than taken from a validator, because values must come out normalised (a field typed `number` is a
decimal even when the text is `3`), because each call of a step passes here twice, and because a service process should
not load what it does not need. A package rather than a file: conforming, patterns, formats and examples are four
questions.
"""

from flowlang.schema.conform import Conformer, conformer
from flowlang.schema.example import example_of, made_for
from flowlang.schema.fault import SchemaError
from flowlang.schema.pattern import Pattern
from flowlang.schema.pattern_syntax import BadPattern
from flowlang.schema.quick import DOUBT
from flowlang.schema.refs import pointed

__all__ = [
    "DOUBT",
    "BadPattern",
    "Conformer",
    "Pattern",
    "SchemaError",
    "conformer",
    "example_of",
    "made_for",
    "pointed",
]
