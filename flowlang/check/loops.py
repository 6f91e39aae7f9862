"""Where `yield` and `next` mean something: once for each item of a `for each`, at most once for each round of a `repeat`.

A loop is asked how often a way through its body says the word: the answer is the set of what the ways to its end say,
where more than once is counted as two. A way that fails or returns says nothing that matters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import assert_never

from flowlang.check.names import listed, meant
from flowlang.check.walk import bodies, branch_body, opening, statements, ways
from flowlang.check.words.loops import (
    ManyNexts,
    ManyYields,
    MisplacedNext,
    MisplacedYield,
    NextOfNothing,
    NoYield,
    YieldUnread,
)
from flowlang.diagnostic import Diagnostic, Label
from flowlang.language import tree
from flowlang.lower.ends import ends
from flowlang.source import Span

Said = Callable[[tree.Statement], bool]

FORK = "in a branch of a fork", "branches run together, and each item gives one value"
LOOP = "in a loop inside of the `for each`", "it would be said once for each round, and each item gives one value"
BESIDE = "in a handler that runs alongside", "it may run any number of times, or never"
UNDO = "in a block that undoes a scope", "the loop has come to its end when it runs"
ITEMS = "in a `for each` inside of the `repeat`", "what the body of a `for each` names is gone after each item"
NOWHERE = "outside of a `for each`", "there is no list that the value could go into"


@dataclass(frozen=True, slots=True)
class _Place:
    """The loops around a place, and where and why the word of each cannot stand there."""

    each: tree.ForEach | None = None
    no_yield: tuple[str, str] | None = NOWHERE
    repeat: tree.Repeat | None = None
    no_next: tuple[str, str] | None = None


def loops(flow: tree.Flow) -> Iterator[Diagnostic]:
    """Findings about `yield` and `next` in `flow`."""
    yield from _block(flow.body, _Place())


def _block(block: tree.Block, place: _Place) -> Iterator[Diagnostic]:
    for statement in block.statements:
        match statement:
            case tree.Fork():
                for branch in statement.branches:
                    yield from _block(branch_body(branch), replace(place, no_yield=place.no_yield or FORK))
            case tree.ForEach():
                inside = _Place(statement, None, place.repeat, place.no_next or ITEMS)
                found = list(_block(statement.body, inside))
                yield from found
                if not any(isinstance(one, MisplacedYield) for one in found):
                    yield from _collected(statement)
            case tree.Repeat():
                yield from _carried(statement)
                inside = _Place(place.each, place.no_yield or LOOP, statement, None)
                yield from _block(statement.body, inside)
                if statement.otherwise is not None:
                    yield from _block(statement.otherwise, place)
            case tree.Scope():
                for body in ways(statement):
                    yield from _block(body, place)
                for reaction in statement.reactions:
                    if reaction.alongside:
                        yield from _block(reaction.body, _shut(place, BESIDE))
                if statement.undo is not None:
                    yield from _block(statement.undo, _shut(place, UNDO))
            case tree.Next():
                yield from _next(statement, place)
            case tree.Yield():
                yield from _yield(statement, place)
            case _:
                for body in bodies(statement):
                    yield from _block(body, place)


def _shut(place: _Place, why: tuple[str, str]) -> _Place:
    return replace(place, no_yield=place.no_yield or why, no_next=place.no_next or why)


# ---------------------------------------------------------------- yield


def _yield(statement: tree.Yield, place: _Place) -> Iterator[Diagnostic]:
    if place.no_yield is not None:
        where, why = place.no_yield
        yield MisplacedYield(span=opening(statement.span, "yield"), where=where, why=why)
    elif place.each is not None and place.each.bind is None:
        help = f"`for each {place.each.variable.text} in ... as results`"
        yield YieldUnread(span=opening(statement.span, "yield"), how=help)


def _collected(loop: tree.ForEach) -> Iterator[Diagnostic]:
    counts = _counts(loop.body, _yields)
    if loop.bind is not None and 0 in counts:
        somewhere = any(isinstance(each, tree.Yield) for each in _own(loop.body))
        less = _less(loop.body, _yields) if somewhere else None
        related = () if less is None else (Label(less, "nothing is yielded here"),)
        yield NoYield(span=loop.bind.span, related=related, name=loop.bind.text)
    twice = _twice(loop.body, _yields) if 2 in counts else None
    if twice is not None:
        yield ManyYields(span=opening(twice, "yield"))


def _yields(statement: tree.Statement) -> bool:
    return isinstance(statement, tree.Yield)


def _own(block: tree.Block) -> Iterator[tree.Statement]:
    """The statements of a loop's body without those of loops inside."""
    for statement in block.statements:
        yield statement
        if not isinstance(statement, tree.ForEach | tree.Repeat):
            for body in bodies(statement):
                yield from _own(body)


# ---------------------------------------------------------------- next


def _next(statement: tree.Next, place: _Place) -> Iterator[Diagnostic]:
    name = statement.name.text
    carried = [] if place.repeat is None else [each.name.text for each in place.repeat.carried]
    if name not in carried:
        known = f"the `repeat` around carries {listed(carried)}" if place.repeat else "there is no `repeat` around it"
        yield NextOfNothing(span=statement.name.span, hint=meant(name, carried), name=name, known=known)
    elif place.no_next is not None:
        where, why = place.no_next
        yield MisplacedNext(span=opening(statement.span, "next"), where=where, why=why)


def _carried(loop: tree.Repeat) -> Iterator[Diagnostic]:
    said = [each for each in statements(loop.body) if isinstance(each, tree.Next)]
    for name in {each.name.text for each in said if len(said) > 1}:
        of_name = partial(_is_next, name=name)
        twice = _twice(loop.body, of_name) if 2 in _counts(loop.body, of_name) else None
        if twice is not None:
            yield ManyNexts(span=opening(twice, "next"), name=name)


def _is_next(statement: tree.Statement, name: str) -> bool:
    return isinstance(statement, tree.Next) and statement.name.text == name


# ---------------------------------------------------------------- how often


def _counts(block: tree.Block, said: Said) -> frozenset[int]:
    """How often the ways to the end of `block` say it: of 0, 1 and 2 (more than once)."""
    total = frozenset({0})
    for statement in block.statements:
        total = _sum(total, _count(statement, said))
    return total


def _count(statement: tree.Statement, said: Said) -> frozenset[int]:
    none = frozenset({0})
    if ends(statement):
        return frozenset()
    match statement:
        case tree.Step() | tree.Let():
            return none
        case tree.Sequence():
            return _counts(statement.body, said)
        case tree.Fork():
            total = none
            for branch in statement.branches:
                total = _sum(total, _counts(branch_body(branch), said) or none)
            return total
        case tree.WaitEvent():
            return none.union(*(_counts(body, said) for body in ways(statement)))
        case tree.Switch() | tree.Race() | tree.Scope():
            return frozenset[int]().union(*(_counts(body, said) for body in ways(statement)))
        case tree.ForEach():
            return none
        case tree.Repeat():
            return none if statement.otherwise is None else none | _counts(statement.otherwise, said)
        case tree.Wait() | tree.Commit():
            return none
        case tree.Orchestrate():
            return _counts(statement.body, said)
        case tree.Emit():
            return none
        case tree.Fail() | tree.Return():
            return frozenset()
        case tree.Next() | tree.Yield():
            return frozenset({1}) if said(statement) else none
        case _:
            assert_never(statement)


def _sum(one: frozenset[int], other: frozenset[int]) -> frozenset[int]:
    return frozenset(min(2, a + b) for a in one for b in other)


def _less(block: tree.Block, said: Said) -> Span:
    """The innermost block on a way that says nothing."""
    for statement in block.statements:
        counts = _count(statement, said)
        if 0 in counts and len(counts) > 1:
            for body in bodies(statement):
                if 0 in _counts(body, said):
                    return _less(body, said)
    return block.span


def _twice(block: tree.Block, said: Said) -> Span | None:
    """Where it is said for the second time."""
    before = frozenset({0})
    for statement in block.statements:
        counts = _count(statement, said)
        for body in bodies(statement) if 2 in counts and not isinstance(statement, tree.Fork) else ():
            if 2 in _counts(body, said):
                return _twice(body, said)
        if 2 in _sum(before, counts):
            return _last(statement, said)
        before = _sum(before, counts)
    return None


def _last(statement: tree.Statement, said: Said) -> Span | None:
    found = [each.span for each in _own(tree.Block((statement,), statement.span)) if said(each)]
    return found[-1] if found else None
