"""What the tool says about a mistake of the user: the words are class data, the facts are fields.

A check yields diagnostics; it never raises and never prints them. Every concrete class has a stable code of its own,
an example in text and in YAML, and a page for `flowlang explain`; a test holds that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from inspect import get_annotations
from typing import Any, ClassVar, NoReturn, Self, dataclass_transform

from flowlang.source import Span


@dataclass(frozen=True, slots=True)
class Label:
    """A second place that helps to understand the first: usually the cause, often in a contract."""

    span: Span
    text: str


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Record:
    """What the annotations of a subclass say: a frozen dataclass with keyword arguments, for readers and for mypy.

    Written without the decorator, because there are more than a hundred kinds of finding, and generating the methods of each
    would take a quarter of the time of a `check`.
    """

    _names: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        own = get_annotations(cls).items()
        cls._names = (*cls._names, *(name for name, kind in own if not str(kind).startswith("ClassVar")))

    def __init__(self, **facts: Any) -> None:
        unknown = facts.keys() - set(self._names)
        missing = [name for name in self._names if name not in facts and not hasattr(type(self), name)]
        if unknown or missing:
            raise TypeError(f"{type(self).__name__}: unknown {sorted(unknown)}, missing {missing}")
        self.__dict__.update(facts)

    def but(self, **facts: Any) -> Self:
        """The same finding with other values for some of its facts."""
        return type(self)(**{**self.__dict__, **facts})

    def _facts(self) -> Iterator[tuple[str, Any]]:
        return ((name, getattr(self, name)) for name in self._names)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"a finding does not change: {name}")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and dict(self._facts()) == dict(other._facts())

    def __hash__(self) -> int:
        return hash((type(self), *(value for _, value in self._facts())))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._facts())})"


class Diagnostic(Record):
    """One finding. Subclasses add the facts as fields and fill the class data; every text is a format string over the
    fields, so `message = "`{type}` has no field `{field}`"`. An empty text is left out."""

    code: ClassVar[str] = ""  # FL0302
    severity: ClassVar[str] = "error"  # error | warning | hint
    choreography_only: ClassVar[bool] = False  # warning under plain check, error under --mode choreograph
    message: ClassVar[str] = ""
    label: ClassVar[str] = ""
    note: ClassVar[str] = ""  # why
    help: ClassVar[str] = ""  # what to do
    explanation: ClassVar[str] = ""  # the cause in two to five sentences, for `flowlang explain`
    bad: ClassVar[str] = ""  # a whole flow that has this fault ...
    good: ClassVar[str] = ""  # ... and its repair

    span: Span
    related: tuple[Label, ...] = ()
    hint: str = ""  # a label for this occurrence ("did you mean `total`?"); replaces `label`

    def say(self, text: str) -> str:
        """`text` with the facts of this finding filled in."""
        return text.format_map(dict(self._facts()))


def facts_of(kind: type[Record]) -> tuple[str, ...]:
    """The names of the facts that a record of this kind has, those of its base classes first."""
    return kind._names


def nearest(word: str, known: tuple[str, ...] | list[str]) -> str | None:
    """The one of `known` that `word` was probably meant to be, or None when none is near."""
    from difflib import get_close_matches

    found = get_close_matches(word, known, n=1, cutoff=0.6)
    return found[0] if found else None
