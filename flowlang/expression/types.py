"""What the checker knows of a value before any value exists: the types of expressions and of contract schemas."""

from __future__ import annotations

from dataclasses import field

from flowlang.frozen import dataclass
from flowlang.source import Span


@dataclass(frozen=True, slots=True)
class Scalar:
    """`int`, `decimal`, `bool`, `duration`, `timestamp` or `null`."""

    name: str


@dataclass(frozen=True, slots=True)
class String:
    """A string; `values` are all that it can be when its schema is an enum (else empty)."""

    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Anything:
    """A value that the checker does not look into: `any`, and a schema that is no record, list or scalar."""


@dataclass(frozen=True, slots=True)
class ListType:
    """A list of `item`."""

    item: Type


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record: `required` says that it is always there; `span` is where the contract declares it."""

    name: str
    type: Type
    required: bool
    personal: bool = False  # x-pii: true
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Record:
    """An object with known fields. `name` is what the contract calls it (`Order`), or "" for a nameless one; `open` says
    that other fields may stand beside the known ones. `fields` is sorted by name. Compared by content, not by name."""

    fields: tuple[Field, ...]
    name: str = field(default="", compare=False)
    open: bool = False


@dataclass(frozen=True, slots=True)
class MapType:
    """An object whose keys are data: every value is an `item`."""

    item: Type


@dataclass(frozen=True, slots=True)
class Maybe:
    """A value that may be absent; reading it needs `has`, `.?` or a guard. Never nested."""

    item: Type


Type = Scalar | String | Anything | ListType | Record | MapType | Maybe

INT, DECIMAL, BOOL = Scalar("int"), Scalar("decimal"), Scalar("bool")
DURATION, TIMESTAMP, NULL = Scalar("duration"), Scalar("timestamp"), Scalar("null")
STRING, ANY = String(), Anything()
