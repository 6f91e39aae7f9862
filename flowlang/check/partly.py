"""What is wrong in the readable rest of a flow with syntax errors: only what no lost part could explain away.

A statement that was lost may have been the one that declares a name, catches an error, ends a flow or gives a result, so
nothing is said of what seems to be missing. A service, an operation, an event, a type or a field that the contracts do not
have is missing whatever stood in the lost part. A statement with a syntax error of its own is left alone, and so is what
is made of its value: what was read of it may be half of what is there.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Sequence

from flowlang.check import alone
from flowlang.check.names import declarations
from flowlang.contract import Contracts
from flowlang.diagnostic import Diagnostic
from flowlang.language import tree
from flowlang.language.stack import BEGINNINGS
from flowlang.source import Source, Span

CERTAIN = frozenset(
    {
        "FL0221",  # a service
        "FL0222",  # an operation
        "FL0223",  # an event
        "FL0224",  # a type
        "FL0302",  # a field
        "FL0310",  # a field of what has none
        "FL0312",  # an operand
        "FL0319",  # a function
        "FL0320",  # a method
        "FL0342",  # an argument that the operation does not take
    }
)

COLLECTED = ("list", "carried")
"""Names of which a statement in a loop, perhaps a lost one, says what they are."""


def partly(rest: tree.Flow, contracts: Contracts, broken: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Findings about `rest`, which is what could be read; `broken` are the syntax errors."""
    parts = _Parts(rest.span.source)
    lost = {parts.of(one.span) for one in broken}
    doubtful = lost | parts.reading(_doubtful(rest, lost, parts))
    return [
        one
        for one in alone(rest, contracts)
        if one.code in CERTAIN and one.span.source is parts.source and parts.of(one.span) not in doubtful
    ]


def _doubtful(rest: tree.Flow, lost: set[int], parts: _Parts) -> set[str]:
    """The names of which nobody knows what they are: those that stand in lost parts, where one more declaration of them may
    have been, and what is made of these. A parameter is declared once."""
    declared = [(each.name.text, parts.of(each.name.span), each.what) for each in declarations(rest)]
    written = set().union(*(parts.names[part] for part in lost))
    names = {name for name, _, what in declared if what in COLLECTED or (what != "parameter" and name in written)}
    while True:
        reading = parts.reading(names)
        more = {name for name, part, _ in declared if part in reading}
        if more <= names:
            return names
        names |= more


_BEGINNINGS = "|".join(sorted({word for words in BEGINNINGS.values() for word in words}))
_BEGIN = re.compile(rf"^[ \t]*(?:\}}[ \t]*)?(?:{_BEGINNINGS})\b", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class _Parts:
    """A text in parts, each from a line on which a statement or a clause begins up to the next such line."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._begins = [match.start() for match in _BEGIN.finditer(source.text)]
        ends = zip([0, *self._begins], [*self._begins, len(source.text)], strict=True)
        self.names = [set(_NAME.findall(source.text[begin:end])) for begin, end in ends]

    def of(self, span: Span) -> int:
        """The part in which something begins."""
        return bisect(self._begins, span.start)

    def reading(self, names: set[str]) -> set[int]:
        """The parts in which one of these names stands."""
        return {part for part, found in enumerate(self.names) if not found.isdisjoint(names)}
