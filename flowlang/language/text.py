"""Flow text to the tree: an LALR(1) parser over the tables of grammar/flow.lark, which goes on after a mistake.

The loop is the textbook one. It is our own because Lark would have to be imported by every `flowlang check`, and because
the way in which it goes on is part of the language (recovery.py). The flow is None when a part of it could not be read; a
mistake inside a literal, or a clause that is there twice, leaves a whole tree.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from flowlang.diagnostic import Diagnostic
from flowlang.expression.tree import Expr
from flowlang.language import tree, words
from flowlang.language.automaton import Place, automaton
from flowlang.language.build import Build
from flowlang.language.lexer import Tokens, tokens
from flowlang.language.recovery import Recovery
from flowlang.source import Source, Span

MAX_NESTING = 64
"""Brackets in each other, those of blocks too: the phases walk a flow recursively."""


def parse(source: Source) -> tuple[tree.Flow | None, list[Diagnostic]]:
    """The flow that `source` holds, and everything that is wrong with its form, in the order of the text."""
    found = tokens(source)
    flow = read(found)
    if flow is not None:
        for lines in found.docs.values():
            found.findings.append(words.LooseDoc(span=Span(source, lines[0][0], lines[-1][1])))
    found.findings.sort(key=lambda finding: (finding.span.start, finding.span.end))
    return flow, found.findings


def read(found: Tokens) -> tree.Flow | None:
    """The flow that the tokens are; what is wrong goes to their findings, and `##` lines of nothing stay in their docs."""
    flow: tree.Flow | None = _run(found, "flow")
    return flow


def rest_of(source: Source) -> tree.Flow | None:
    """What could be read of a flow with syntax errors, where nothing before its body is broken: parts are missing in it."""
    found = tokens(source)
    rest: tree.Flow | None = _run(found, "flow", partly=True)
    if rest is None or any(one.span.start <= rest.name.span.end for one in found.findings):
        return None
    return rest


def parse_expression(source: Source, start: int, end: int) -> tuple[Expr | None, list[Diagnostic]]:
    """The expression that stands from `start` to `end` of `source`, with spans in `source`."""
    expr: Expr | None
    expr, findings = parse_part("expr", source, start, end)
    return expr, findings


def parse_part(symbol: str, source: Source, start: int, end: int) -> tuple[Any, list[Diagnostic]]:
    """What stands from `start` to `end` of `source`, read as `symbol` of the grammar. Comments have no place in it."""
    found = tokens(source, start, end)
    part = _run(found, symbol)
    for place in [first for _, first, _ in found.comments] + [lines[0][0] for lines in found.docs.values()]:
        found.findings.append(words.OddCharacter(span=Span(source, place, place + 1), character="#"))
        part = None
    return part, found.findings


def _run(found: Tokens, start: str, *, partly: bool = False) -> Any:
    """What the tokens mean when read from the start symbol `start`, or None; with `partly` also what is not whole."""
    if found.stopped or _nests_too_deep(found):
        return None
    tables = automaton()
    states = tables.states
    build = Build(found)
    rules: list[tuple[int, int, int, Any, Any]] = [
        (left, size, do, getattr(build, name, None), places) for left, size, do, name, places in _rules()
    ]
    recovery = Recovery(found)
    brace = tables.signs["}"]
    kinds = found.kinds
    stack = [tables.starts[start]]
    values: list[Any] = [None]
    firsts = [0]
    place = 0
    kind = kinds[0]
    while True:
        action = states[stack[-1]].get(kind)
        if action is None:
            after = recovery.repair(stack, firsts, place)
        elif action < 0:
            left, size, do, function, places = rules[~action]
            if do is UNIT:
                if size == 1:
                    stack[-1] = states[stack[-2]][left]
                    continue
                value, first = values[places[0] - size], firsts[-size]
            elif do is MORE:
                value, first = values[-size], firsts[-size]
                value.append(values[-1])
            else:
                right: Any = values[-size:] if size else ()
                first = firsts[-size] if size else place
                if do is NODE:
                    value = function([None if at is None else right[at] for at in places], first, place - 1)
                elif do is FIRST:
                    value = [right[places[0]]]
                else:
                    value = _spliced(right, places)
                    if function is not None:
                        value = function(value, first, place - 1)
            if size:
                del stack[-size:], values[-size:], firsts[-size:]
            stack.append(states[stack[-1]][left])
            values.append(value)
            firsts.append(first)
            continue
        elif kind == 0:
            return values[-1] if (recovery.whole or partly) and not build.too_deep else None
        elif kind == brace and recovery.strays and recovery.is_stray(stack):
            after = recovery.resume(stack, place + 1)
        else:
            stack.append(action)
            values.append(place)
            firsts.append(place)
            place += 1
            kind = kinds[place]
            continue
        if after is None:
            return None
        place = after
        del values[len(stack) :], firsts[len(stack) :]
        kind = kinds[place]


UNIT, FIRST, MORE, LIST, NODE = range(5)


@cache
def _rules() -> tuple[tuple[int, int, int, str, tuple[Place, ...]], ...]:
    """The rules with what to do as a number, and the name of the function apart."""
    kinds = {"": UNIT, "[": FIRST, "+": MORE}
    return tuple(
        (left, size, kinds.get(do, LIST if do.startswith("*") else NODE), do.removeprefix("*"), places)
        for left, size, do, places in automaton().rules
    )


def _spliced(right: Any, places: tuple[Place, ...]) -> tuple[Any, ...]:
    """The children in a row; a place that is written as a complement holds a list of them."""
    row: list[Any] = []
    for place in places:
        assert place is not None
        if place < 0:
            row += right[~place]
        else:
            row.append(right[place])
    return tuple(row)


def _nests_too_deep(found: Tokens) -> bool:
    """Whether brackets stand in each other deeper than we read; says so once, at the first that is too deep."""
    signs = automaton().signs
    steps = {signs[sign]: 1 for sign in "([{"} | {signs[sign]: -1 for sign in ")]}"}
    depth = 0
    for index, kind in enumerate(found.kinds):
        if kind in steps:
            depth = max(depth + steps[kind], 0)
            if depth > MAX_NESTING:
                found.findings.append(words.DeepNesting(span=found.span(index, index), limit=MAX_NESTING))
                return True
    return False
