"""The tables of the parser, as grammar/generate.py wrote them: loaded once, in a few milliseconds, without Lark."""

from __future__ import annotations

import json
import pkgutil
import re
from dataclasses import dataclass
from functools import cache

Place = int | None
Rule = tuple[int, int, str, tuple[Place, ...]]
"""Left side, length of the right side, what to do (see `_rule` in grammar/generate.py), and with which children."""


@dataclass(frozen=True, slots=True)
class Automaton:
    """An LALR(1) automaton: `states[state][symbol]` is the next state, or `~rule` for a reduction. The
    end of the input has no next state; where it is accepted the number is 0."""

    symbols: tuple[str, ...]  # terminals first, 0 is the end of the input
    terminals: int
    number: dict[str, int]
    words: dict[str, int]
    reserved: frozenset[str]  # words that can't be names
    signs: dict[str, int]
    lexer: re.Pattern[str]
    groups: tuple[str, ...]  # name of the terminal for each group of `lexer`; `groups[0]` is unused
    rules: tuple[Rule, ...]
    starts: dict[str, int]
    states: tuple[dict[int, int], ...]
    enters: tuple[int, ...]  # the one symbol over which each state is reached; -1 for a start


BROKEN = (
    ("UNCLOSED", r"[\"'][^\r\n]*"),
    ("ODD_NUMBER", r"[0-9][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*\.?"),
    ("ODD", r"\w+|\S"),
    ("END", r"\Z"),
)
"""What the lexer reads where no terminal fits, so that it always goes on and each mistake gets its own words."""


@cache
def automaton() -> Automaton:
    """The automaton of grammar/flow.lark."""
    data = json.loads(pkgutil.get_data("flowlang.language", "automaton.json") or b"")
    patterns = dict(data["lexer"])
    space = patterns.pop("SPACE")
    signs = "|".join(re.escape(sign) for sign in sorted(data["signs"], key=len, reverse=True))
    states = tuple(dict(zip(row[::2], row[1::2], strict=True)) for row in data["states"])
    enters = [-1] * len(states)
    for row in states:
        for symbol, action in row.items():
            if action > 0:
                enters[action] = symbol
    groups = [*patterns.items(), ("SIGN", signs), *BROKEN]
    return Automaton(
        symbols=tuple(data["symbols"]),
        terminals=data["terminals"],
        number={name: index for index, name in enumerate(data["symbols"])},
        words=data["words"],
        reserved=frozenset(data["reserved"]),
        signs=data["signs"],
        lexer=re.compile(f"(?:{space})?(?:" + "|".join(f"({pattern})" for _, pattern in groups) + ")"),
        groups=("", *(name for name, _ in groups)),
        rules=tuple((left, size, do, tuple(places)) for left, size, do, places in data["rules"]),
        starts=data["starts"],
        states=states,
        enters=tuple(enters),
    )
