"""From grammar/flow.lark to the plain data that the parser loads: the lexer's patterns and the LALR(1) automaton.

Run it after a change of the grammar: `python grammar/generate.py`. Lark builds the tables here and nowhere else (a build
takes a third of a second, a load a few milliseconds), and `strict=True` refuses a grammar with any conflict. The result
is the same byte for byte on every machine: symbols are sorted and states are numbered in the order in which they are
reached from the starts, whatever order Lark had them in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lark import Lark
from lark.grammar import NonTerminal, Rule
from lark.lexer import PatternStr
from lark.parsers.lalr_analysis import Shift

GRAMMAR = Path(__file__).with_name("flow.lark")
AUTOMATON = Path(__file__).parent.parent / "flowlang" / "language" / "automaton.json"
STARTS = ("flow", "expr", "type")


def generate(grammar: str) -> str:
    """The text of automaton.json for this grammar; raises Lark's GrammarError where it is not LALR(1)."""
    lark = Lark(grammar, parser="lalr", lexer="basic", strict=True, start=list(STARTS), maybe_placeholders=True)
    table = lark.parser.parser._parse_table
    symbols = ["$END", *sorted(t.name for t in lark.terminals)]
    terminals = len(symbols)
    symbols += sorted({rule.origin.name for rule in lark.rules})
    number = {name: index for index, name in enumerate(symbols)}
    rules = sorted(lark.rules, key=lambda rule: (rule.origin.name, rule.order, str(rule)))
    rule_number = {rule: index for index, rule in enumerate(rules)}
    order = {state: index for index, state in enumerate(_reached(table))}

    states = []
    for state in order:
        row = {}
        for name, (kind, argument) in table.states[state].items():
            row[number[name]] = order[argument] if kind is Shift else -1 - rule_number[argument]
        if state in table.end_states.values():
            row[number["$END"]] = 0  # Lark accepts by the state; as an action the loop needs no such question
        states.append([value for pair in sorted(row.items()) for value in pair])
    data = {
        "symbols": symbols,
        "terminals": terminals,
        "words": _words(lark, number),
        "reserved": _reserved(lark),
        "signs": _signs(lark, number),
        "lexer": _lexer(lark),
        "rules": [_rule(rule, number) for rule in rules],
        "starts": {start: order[table.start_states[start]] for start in STARTS},
        "states": states,
    }
    return "{\n" + ",\n".join(f"{json.dumps(key)}: {_rows(value)}" for key, value in data.items()) + "\n}\n"


def _reached(table: Any) -> Iterator[int]:
    """The states in the order of a breadth-first walk along sorted symbols."""
    queue = [table.start_states[start] for start in STARTS]
    seen = set(queue)
    for state in queue:
        yield state
        for _, (kind, argument) in sorted(table.states[state].items(), key=lambda item: item[0]):
            if kind is Shift and argument not in seen:
                seen.add(argument)
                queue.append(argument)


def _rule(rule: Rule, number: dict[str, int]) -> list[Any]:
    """[left side, length, what to do, from which places]. A place is an index into the right side or None for what is absent.

    What to do: "" hands the only child on, "[" begins a list and "+" adds to it, any other word is a function of build.py,
    and one that begins with "*" gets all its children as one list.
    """
    right = rule.expansion
    name = rule.alias or rule.origin.name
    kept = [i for i, s in enumerate(right) if rule.options.keep_all_tokens or not getattr(s, "filter_out", False)]
    if rule.origin.name.startswith("__"):
        return [number[rule.origin.name], len(right), "+" if len(kept) > 1 else "[", kept]
    if rule.options.expand1 and not rule.alias and len(kept) == 1:
        return [number[rule.origin.name], len(right), "", kept]
    if any(isinstance(s, NonTerminal) and s.name.startswith("__") for s in right) or _is_list(rule):
        return [number[rule.origin.name], len(right), "*" + name, [_place(i, right) for i in kept]]
    places: list[int | None] = []
    present = iter(range(len(right)))
    for absent in rule.options.empty_indices or [False] * len(right):  # Lark marks where a missing `[x]` would stand
        place = None if absent else next(present)
        if place is None or place in kept:
            places.append(place)
    return [number[rule.origin.name], len(right), name, places]


LISTS = {
    "uses",
    "patterns",
    "params",
    "headers",
    "statements",
    "named_args",
    "step_clauses",
    "errors",
    "branches",
    "cases",
}
LISTS |= {"carries", "alternatives", "scope_clauses", "exprs", "items", "entries"}


def _is_list(rule: Rule) -> bool:
    return rule.origin.name in LISTS


def _place(index: int, right: list[Any]) -> int:
    """A list among the children is spliced in: its place is written as the complement."""
    return ~index if right[index].name.startswith("__") else index


def _words(lark: Lark, number: dict[str, int]) -> dict[str, int]:
    """Terminals that look like names: the lexer reads a NAME and looks it up here."""
    strings = [t for t in lark.terminals if isinstance(t.pattern, PatternStr) and t.name != "NAME"]
    return {
        t.pattern.value: number[t.name]
        for t in sorted(strings, key=lambda t: t.name)
        if re.fullmatch(r"\w+", t.pattern.value)
    }


def _reserved(lark: Lark) -> list[str]:
    """The words that can't be declared as names: those that `word` has and `name` lacks."""
    texts = {t.name: t.pattern.value for t in lark.terminals}
    of = {
        rule: {texts[r.expansion[0].name] for r in lark.rules if r.origin.name == rule and r.expansion[0].name in texts}
        for rule in ("name", "word")
    }
    return sorted(of["word"] - of["name"])


def _signs(lark: Lark, number: dict[str, int]) -> dict[str, int]:
    """Terminals of punctuation. A terminal of several signs (REL) stands here once for each."""
    signs = {t.pattern.value: number[t.name] for t in lark.terminals if isinstance(t.pattern, PatternStr)}
    signs |= dict.fromkeys(("==", "!=", "<=", ">=", "<", ">"), number["REL"])
    return {sign: signs[sign] for sign in sorted(signs) if not re.match(r"\w", sign)}


def _lexer(lark: Lark) -> list[list[str]]:
    """The patterns, in the order in which the lexer tries them."""
    patterns = [t for t in lark.terminals if not isinstance(t.pattern, PatternStr) and t.name != "REL"]
    return [[t.name, t.pattern.value] for t in sorted(patterns, key=lambda t: (-t.priority, t.name))]


def _rows(value: Any) -> str:
    """One element to a line, so that a change of the grammar is readable as a difference."""
    if isinstance(value, list) and value and isinstance(value[0], list):
        return "[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in value) + "]"
    return json.dumps(value)


if __name__ == "__main__":
    AUTOMATON.write_text(generate(GRAMMAR.read_text(encoding="utf-8")), encoding="utf-8")
