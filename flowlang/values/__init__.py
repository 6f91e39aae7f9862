"""The values of flows, and the one gate through which JSON and Python objects become values and values become JSON.

A value is None, bool, int (signed 64 bit), Decimal (34 digits), str (no lone surrogates), `Duration`, `Timestamp`, or a
list or dict (keys are str) of these, at most `MAX_DEPTH` deep. Floats never occur. `ABSENT` is what an expression gives
for a value that is not there; it is never part of a value. A package rather than one file because reading, writing and
the gate for Python objects are three questions.
"""

from flowlang.values.kinds import (
    ABSENT,
    DECIMALS,
    MAX_DEPTH,
    MAX_INT,
    MAX_SIZE,
    MAX_TEXT,
    MIN_INT,
    Absent,
    Duration,
    Timestamp,
    Value,
    decimal_text,
)
from flowlang.values.python import BadValue, from_python, measure
from flowlang.values.reading import BadJson, parse_json
from flowlang.values.writing import canonical, plain_dumps, wire_dumps, wire_loads

__all__ = [
    "ABSENT",
    "DECIMALS",
    "MAX_DEPTH",
    "MAX_INT",
    "MAX_SIZE",
    "MAX_TEXT",
    "MIN_INT",
    "Absent",
    "BadJson",
    "BadValue",
    "Duration",
    "Timestamp",
    "Value",
    "canonical",
    "decimal_text",
    "from_python",
    "measure",
    "parse_json",
    "plain_dumps",
    "wire_dumps",
    "wire_loads",
]
