"""Goes on after a syntax error, so that one run reports every mistake of a file and no mistake twice.

From the cheapest to the most drastic: take one token for the one that was meant (`=` for `==`, a reserved word for a
name), put in one sign that is missing, skip to the bracket that closes the broken part, skip to the next statement or
clause keyword that is first on its line and drop from the stack what was begun. The first three keep the layout out of it.
"""

from __future__ import annotations

from functools import cache

from flowlang.diagnostic import Diagnostic
from flowlang.language import words
from flowlang.language.automaton import automaton
from flowlang.language.lexer import Tokens

MAX_ERRORS = 100

BEGINNINGS = {
    "use": ("use",),
    "flow_head": ("flow",),
    "header": ("version", "key", "owner"),
    "statement": ("step", "let", "emit", "fail", "return", "sequence", "fork", "switch", "wait", "scope"),
    "branch": ("branch",),
    "step_clause": ("compensate", "retry", "timeout"),
    "case": ("case",),
    "default": ("else",),
    "catch": ("catch",),
}
"""The words with which the parts of a list begin: where reading can go on."""

MISSING = ("=", ":", "->", ",", ".", "(", "{")
"""Signs that are put in when nothing else is wrong."""


class Recovery:
    """What is known of the mistakes of one text while it is read."""

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.whole = True  # nothing was dropped: the tree is what the user meant
        self.strays: list[int] = []  # depth on the stack of the bracket in which an opening brace was skipped
        self._errors = 0

    def repair(self, stack: list[int], place: int) -> int | None:
        """Report the token at `place`, which can't stand there. Shortens `stack`; gives the place to go on from, or None."""
        self._errors += 1
        if self._errors > MAX_ERRORS:
            self._say(words.TooManyErrors(span=self.tokens.span(place, place), limit=MAX_ERRORS))
            return None
        self.whole = False
        self._say(words.Unexpected(span=self.tokens.span(place, place), expected="something else", found="x"))
        return self.resume(stack, place)

    def _say(self, finding: Diagnostic) -> None:
        self.tokens.findings.append(finding)

    # ------------------------------------------------------------ going on

    def resume(self, stack: list[int], place: int) -> int | None:
        """Skip from `place` to where reading can go on."""
        tables, kinds = automaton(), self.tokens.kinds
        openers, closers = (
            {tables.signs[s] for s in "([{"},
            {tables.signs[s]: tables.signs[o] for s, o in zip(")]}", "([{", strict=False)},
        )
        opened: list[int] = []
        while kinds[place]:
            kind = kinds[place]
            if kind in _beginnings() and self.tokens.first_on_line(place):
                keep = self._begins(stack, kind)
                if keep:
                    del stack[keep:]
                    base = self._bracket(stack)
                    self.strays += [base] * opened.count(tables.signs["{"])
                    return place
            if kind in openers:
                opened.append(kind)
            elif kind in closers:
                if closers[kind] in opened:
                    while opened.pop() != closers[kind]:
                        pass
                else:
                    if self._closes(stack, kind, closers[kind]):
                        return place
            place += 1
        return None

    def _begins(self, stack: list[int], kind: int) -> int:
        """How much of the stack to keep so that `kind` begins a part of a list; 0 when nothing waits for one."""
        lists = _beginnings()[kind]
        states = automaton().states
        for keep in range(len(stack), 0, -1):
            state = shifts_from(stack[:keep], kind)
            if state is not None and any(symbol in states[state] for symbol in lists):
                return keep
        return 0

    def _closes(self, stack: list[int], kind: int, opener: int) -> bool:
        """Shorten the stack so that the closing bracket `kind` can follow; drops the bracket when nothing of it is good."""
        tables = automaton()
        bracket = len(stack) - 1
        openers = {tables.signs[s] for s in "([{"}
        while bracket > 0 and (
            tables.enters[stack[bracket]] != opener
            if kind == tables.signs["}"]
            else tables.enters[stack[bracket]] not in openers
        ):
            bracket -= 1
        if bracket <= 0 or tables.enters[stack[bracket]] != opener:
            return False
        for keep in range(len(stack), bracket, -1):
            if shifts_from(stack[:keep], kind) is not None:
                del stack[keep:]
                return True
        del stack[bracket:]
        return False

    def is_stray(self, stack: list[int]) -> bool:
        """Whether the `}` that comes next belongs to a brace that was skipped; takes note of it."""
        if self._bracket(stack) != self.strays[-1]:
            return False
        self.strays.pop()
        return True

    def _bracket(self, stack: list[int]) -> int:
        """Where on the stack the innermost open brace is."""
        tables = automaton()
        brace = tables.signs["{"]
        return next((i for i in range(len(stack) - 1, 0, -1) if tables.enters[stack[i]] == brace), 0)


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
        if size:
            del stack[-size:]
        stack.append(tables.states[stack[-1]][left])


@cache
def _beginnings() -> dict[int, tuple[int, ...]]:
    """From the kind of a keyword to the symbols that it can begin."""
    tables = automaton()
    found: dict[int, list[int]] = {tables.number["ON_EVENT"]: [tables.number["header"]]}
    for symbol, texts in BEGINNINGS.items():
        for text in texts:
            found.setdefault(tables.words[text], []).append(tables.number[symbol])
    return {kind: tuple(symbols) for kind, symbols in found.items()}
