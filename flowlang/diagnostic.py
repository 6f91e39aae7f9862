"""What the tool says about a mistake of the user: the words are class data, the facts are fields.

A check yields diagnostics; it never raises and never prints them. Every concrete class has a stable code of its own,
an example in text and in YAML, and a page for `flowlang explain`; a test holds that.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import ClassVar

from flowlang.source import Span


@dataclass(frozen=True, slots=True)
class Label:
    """A second place that helps to understand the first: usually the cause, often in a contract."""

    span: Span
    text: str


@dataclass(frozen=True, kw_only=True)
class Diagnostic:
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
    related: tuple[Label, ...] = field(default=())
    hint: str = field(default="")  # a label for this occurrence ("did you mean `total`?"); replaces `label`

    def say(self, text: str) -> str:
        """`text` with the facts of this finding filled in."""
        return text.format_map({f.name: getattr(self, f.name) for f in fields(self)})


def nearest(word: str, known: tuple[str, ...] | list[str]) -> str | None:
    """The one of `known` that `word` was probably meant to be, or None when none is near."""
    from difflib import get_close_matches

    found = get_close_matches(word, known, n=1, cutoff=0.6)
    return found[0] if found else None
