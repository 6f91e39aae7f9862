"""Questions about a stack of the parser that is left as it is: what could come next."""

from __future__ import annotations

from functools import cache

from flowlang.language.automaton import automaton
from flowlang.language.lexer import Tokens

BEGINNINGS = {
    "use": ("use",),
    "flow_head": ("flow",),
    "header": ("version", "key", "owner"),
    "statement": (
        *(
            "step",
            "let",
            "emit",
            "wait",
            "commit",
            "return",
            "fail",
            "next",
            "yield",
            "sequence",
            "fork",
            "switch",
            "race",
        ),
        *("for", "repeat", "scope", "orchestrate"),
    ),
    "branch": ("branch",),
    "step_clause": ("compensate", "retry", "timeout"),
    "case": ("case",),
    "default": ("else",),
    "alternative": ("after", "forever"),
    "scope_clause": ("catch", "within", "retry", "compensate"),
}
"""The words with which the parts of a list begin: where reading can go on."""


def shifts_from(stack: list[int], kind: int) -> int | None:
    """The state in which `kind` is shifted after the reductions that it asks for; None when it can't stand here."""
    tables = automaton()
    stack = list(stack)
    while True:
        action = tables.states[stack[-1]].get(kind)
        if action is None:
            return None
        if action >= 0:
            return stack[-1]
        left, size, _, _ = tables.rules[~action]
        del stack[len(stack) - size :]
        stack.append(tables.states[stack[-1]][left])


def accepted(stack: list[int]) -> set[int]:
    """The terminals that can stand here."""
    tables = automaton()
    row = tables.states[stack[-1]]
    return {kind for kind in row if kind < tables.terminals and shifts_from(stack, kind) is not None}


def begins_line(tokens: Tokens, place: int) -> bool:
    """Whether the token is a keyword that begins a part of a list and is first on its line: where recovery goes on."""
    return tokens.kinds[place] in beginnings() and tokens.first_on_line(place)


def swallowed(tokens: Tokens, stack: list[int], firsts: list[int], place: int) -> int:
    """The depth on the stack of the token before `place` when that is a keyword, first on its line, that was read as an
    ordinary word because the line before it ends too early (`key order.`); else 0."""
    if place < 2 or not begins_line(tokens, place - 1) or early_else(tokens, place):
        return 0
    tables = automaton()
    for depth in range(len(stack) - 1, 0, -1):
        if firsts[depth] == place - 1 and stack[depth - 1] >= 0:
            row = tables.states[stack[depth - 1]]
            if tables.number["word"] in row and tables.number["statement"] not in row:
                return depth
        if firsts[depth] < place - 1:
            break
    return 0


def early_else(tokens: Tokens, place: int) -> bool:
    """Whether the token before `place` is an `else` with which a switch begins."""
    tables = automaton()
    begin = [tables.words["switch"], tables.signs["{"], tables.words["else"], tables.signs["->"]]
    return place > 2 and tokens.kinds[place - 3 : place + 1] == begin


@cache
def beginnings() -> dict[int, tuple[int, ...]]:
    """From the kind of a keyword to the symbols that it can begin."""
    tables = automaton()
    places = [tables.number[symbol] for symbol in ("header", "alternative", "scope_clause")]
    found: dict[int, list[int]] = {tables.number["ON_EVENT"]: places}
    for symbol, texts in BEGINNINGS.items():
        for text in texts:
            found.setdefault(tables.words[text], []).append(tables.number[symbol])
    return {kind: tuple(symbols) for kind, symbols in found.items()}
