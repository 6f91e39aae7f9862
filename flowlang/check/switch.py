"""The cases of a switch: whether each can be chosen, and whether together they leave nothing open."""

from __future__ import annotations

from collections.abc import Iterator

from flowlang.check.words.data import DeadCase
from flowlang.check.words.types import NotCovered
from flowlang.diagnostic import Diagnostic, Label
from flowlang.expression.text import to_text
from flowlang.expression.tree import Literal
from flowlang.expression.types import BOOL, String, Type
from flowlang.language import tree
from flowlang.source import Span


def cases(switch: tree.Switch, subject: Type) -> Iterator[Diagnostic]:
    """Findings about the cases of `switch`; `subject` is the type of what is compared when it has a subject."""
    taken: dict[str, Span] = {}  # by text: comparing trees would recurse, and a guard may be long
    always: Span | None = None
    for case in switch.cases:
        for value in case.values:
            text = to_text(value)
            earlier = always or taken.get(text)
            if earlier is not None:
                yield DeadCase(span=value.span, related=(Label(earlier, "taken here"),))
            taken.setdefault(text, value.span)
            if switch.subject is None and isinstance(value, Literal) and value.value is True:
                always = always or value.span
    if switch.default is not None:
        if always is not None:
            yield DeadCase(span=switch.default.span, related=(Label(always, "always true"),))
    elif always is None:
        yield from _covered(switch, subject)


def _covered(switch: tree.Switch, subject: Type) -> Iterator[Diagnostic]:
    """Without `else` the cases must name every value of an enum, or both truth values."""
    constants = {value.value for case in switch.cases for value in case.values if isinstance(value, Literal)}
    span = Span(switch.span.source, switch.span.start, switch.span.start + len("switch"))
    if switch.subject is not None:
        span = switch.subject.span
    if isinstance(subject, String) and subject.values:
        missing = [value for value in subject.values if value not in constants]
    elif subject == BOOL:
        missing = [word for word, value in (("true", True), ("false", False)) if value not in constants]
    else:
        yield NotCovered(span=span, when="when no case is true" if switch.subject is None else "for other values")
        return
    if missing:
        yield NotCovered(span=span, when="for " + " and ".join(f"`{value}`" for value in missing))
