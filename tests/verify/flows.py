"""Random small flows to be simulated: the same for the same number."""

from __future__ import annotations

from flowlang.verify import small
from flowlang.verify.choices import Choices
from flowlang.verify.listening import events_for
from flowlang.verify.schedule import prepare
from flowlang.verify.subject import Subject

DEPTH = 3


def subject(number: int) -> Subject:
    """Random flow `number`, over all constructs."""
    prepared = prepare(small.kernel(text(number)))
    return Subject(prepared, small.INPUT, events_for(prepared, small.INPUT, 4))


def text(number: int) -> str:
    """The same, as its author would have written it."""
    return small.text(Choices(number).below(small.count(DEPTH)), DEPTH)
