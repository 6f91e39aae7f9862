"""A text that nobody may see: it stands wherever a contract says of a field that it is personal (`x-pii: true`).

It goes through a simulated history in the input, in the answers of operations and in events. Whoever writes a log line, a
notice, an error text or anything else for people has to do without it.
"""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, TextIO

from flowlang import ir
from flowlang.choreograph.seen import ITEM, Path, personal_fields
from flowlang.declared import Schema
from flowlang.event import Value
from flowlang.schema import Conformer, conformer
from flowlang.values import wire_dumps, wire_loads

CANARY = "canary-7d1f3c"
_FORMS = (CANARY, f"{CANARY}@example.org")  # one of them fits nearly every schema of a text
LOGGERS = ("flowlang", "asyncio")


def planted(schema: Schema, value: Value) -> Value:
    """`value` with the canary in every personal field that `schema` knows and in which it fits; one that may be missing and
    is missing is there then."""
    for path in personal_fields(schema):
        value = _first_that_fits(schema, value, path)
    return value


def in_input(flow: ir.Flow, input: Mapping[str, Value]) -> dict[str, Value]:
    """The input of a flow with the canary in it."""
    schemas: dict[str, Schema] = {param.name: param.schema for param in flow.params}
    if flow.start is not None:
        schemas[flow.start.bind] = flow.start.event.data
    return {name: planted(schemas[name], value) if name in schemas else value for name, value in input.items()}


def carried(value: Any) -> bool:
    """Whether the canary is anywhere in a value."""
    if isinstance(value, str):
        return CANARY in value
    if isinstance(value, Mapping):
        return any(map(carried, value.values()))
    return isinstance(value, list) and any(map(carried, value))


def leaked(lines: Sequence[str]) -> str:
    """The first of the lines that shows it, or ""."""
    return next((line for line in lines if CANARY in line), "")


def _first_that_fits(schema: Schema, value: Value, path: Path) -> Value:
    for form in _FORMS:
        made = _put(value, path, form)
        if not _conformer(wire_dumps(schema))(made)[1]:
            return made
    return value


@lru_cache(256)
def _conformer(text: str) -> Conformer:
    return conformer(wire_loads(text))


def _put(value: Any, path: Path, text: str) -> Any:
    if not path:
        return text if isinstance(value, str) else value
    name, *rest = path
    if name == ITEM:
        return [_put(item, tuple(rest), text) for item in value] if isinstance(value, list) else value
    if not isinstance(value, Mapping):
        return value
    if name not in value:
        return value if rest else {**value, name: text}
    return {**value, name: _put(value[name], tuple(rest), text)}


# ---------------------------------------------------------------- what people can see


@contextlib.contextmanager
def overheard(lines: list[str]) -> Iterator[None]:
    """Write down what is logged or printed meanwhile; it goes on to where it was to go."""
    listener = _Listener(lines)
    levels = {name: logging.getLogger(name).level for name in LOGGERS}
    try:
        for name in LOGGERS:
            logging.getLogger(name).addHandler(listener)
            logging.getLogger(name).setLevel(logging.DEBUG)
        with contextlib.redirect_stdout(_Tee(sys.stdout, lines)), contextlib.redirect_stderr(_Tee(sys.stderr, lines)):
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).removeHandler(listener)
            logging.getLogger(name).setLevel(level)


class _Listener(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record))


class _Tee(io.TextIOBase):
    def __init__(self, stream: TextIO, lines: list[str]) -> None:
        self._stream = stream
        self._lines = lines

    def write(self, text: str) -> int:
        self._lines.append(text)
        return self._stream.write(text)

    def flush(self) -> None:
        self._stream.flush()
