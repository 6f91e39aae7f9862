"""Goes on after a syntax error, so that one run reports every mistake of a file and no mistake twice.

From the cheapest to the most drastic: take the tokens for those that were meant (mistakes.py), skip to the bracket that
closes the broken part, skip to the next keyword of a statement or clause that is first on its line and drop from the stack
what was begun. Only the last looks at the layout. A second error on a line that was skipped, or on one where a literal
was broken, is not reported: it would be the same mistake.
"""

from __future__ import annotations

from flowlang.diagnostic import Diagnostic
from flowlang.language import words
from flowlang.language.automaton import automaton
from flowlang.language.lexer import MAX_FINDINGS, Tokens
from flowlang.language.likely import HEADER, OUTSIDE
from flowlang.language.mistakes import diagnose
from flowlang.language.stack import beginnings, begins_line, shifts_from, swallowed

LOOSE = frozenset((*OUTSIDE, *HEADER))


class Recovery:
    """What is known of the mistakes of one text while it is read."""

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.whole = True  # nothing was dropped: the tree is what the user meant
        self.strays: list[int] = []  # depth on the stack of the bracket in which an opening brace was skipped
        self._errors = 0
        self._spoilt = {finding.span.line for finding in tokens.findings}

    def repair(self, stack: list[int], firsts: list[int], place: int) -> int | None:
        """Report the token at `place`, which can't stand there. Shortens `stack`; gives the place to go on from, or None."""
        tokens = self.tokens
        self._errors += 1
        if self._errors > MAX_FINDINGS:
            tokens.findings.append(words.TooManyErrors(span=tokens.span(place, place), limit=MAX_FINDINGS))
            self.whole = False
            return None
        depth = swallowed(tokens, stack, firsts, place)
        if depth:
            place -= 1
            del stack[depth:]
            self._report(words.Unfinished(span=tokens.span(place - 1, place - 1), sign=tokens.text(place - 1)[:20]))
            self.whole = False
            return self.resume(stack, place)
        mistake = diagnose(tokens, stack, firsts, place)
        self._report(mistake.finding)
        self.whole = self.whole and mistake.whole
        if mistake.drop:
            del stack[-mistake.drop :]
        if mistake.mended:
            return place
        after = self.resume(stack, place, loose=True)
        if after != place:
            self._spoilt.add(tokens.span(place, place).line)
        return after

    def _report(self, finding: Diagnostic) -> None:
        if finding.span.line not in self._spoilt and not self._swallowed_by_string(finding):
            self.tokens.findings.append(finding)

    def _swallowed_by_string(self, finding: Diagnostic) -> bool:
        """Whether a bracket lacks its end only because a string that never ends holds it."""
        return isinstance(finding, words.Unclosed) and any(
            isinstance(other, words.UnclosedString) and finding.closing in other.span.text
            for other in self.tokens.findings
        )

    def resume(self, stack: list[int], place: int, loose: bool = False) -> int | None:
        """Skip from `place` to where reading can go on. With `loose` words that begin no statement of today stop it too,
        where a statement could stand and no brace was skipped: they are mistakes of their own."""
        tables, kinds = automaton(), self.tokens.kinds
        signs = tables.signs
        pairs = {signs[")"]: signs["("], signs["]"]: signs["["], signs["}"]: signs["{"]}
        opened: list[int] = []
        begin = place
        while kinds[place]:
            kind = kinds[place]
            if begins_line(self.tokens, place):
                keep = _keep_for(stack, kind)
                if keep:
                    del stack[keep:]
                    self.strays += [_brace(stack)] * opened.count(signs["{"])
                    return place
            if (
                loose
                and place > begin
                and not opened
                and self.tokens.text(place) in LOOSE
                and self.tokens.first_on_line(place)
            ):
                keep = _keep_for(stack, tables.words["step"])
                if keep:
                    del stack[keep:]
                    return place
            if kind in pairs.values():
                opened.append(kind)
            elif kind in pairs and pairs[kind] in opened:
                while opened.pop() != pairs[kind]:
                    pass
            elif kind in pairs and _close(stack, kind, pairs[kind]):
                return place
            place += 1
        return None

    def is_stray(self, stack: list[int]) -> bool:
        """Whether the `}` that comes next belongs to a brace that was skipped; takes note of it."""
        if _brace(stack) != self.strays[-1]:
            return False
        self.strays.pop()
        return True


def _keep_for(stack: list[int], kind: int) -> int:
    """How much of the stack to keep so that `kind` begins a part of a list; 0 when nothing waits for one."""
    tables = automaton()
    states = tables.states
    closed = 0  # how many braces that were closed would have to be opened again
    for keep in range(len(stack), 0, -1):
        if keep < len(stack):
            closed += (tables.enters[stack[keep]] == tables.signs["}"]) - (
                tables.enters[stack[keep]] == tables.signs["{"]
            )
        if closed > 0:
            continue
        if keep < len(stack) and tables.enters[stack[keep]] == tables.number["headers"]:
            return 0  # a header line among the statements: going back to the header would forget them
        state = shifts_from(stack[:keep], kind)
        if state is not None and any(symbol in states[state] for symbol in beginnings()[kind]):
            return keep
    return 0


def _close(stack: list[int], kind: int, opener: int) -> bool:
    """Shorten the stack so that the closing bracket `kind` can follow. When nothing inside of the brackets was good they
    are dropped with what they belong to, and the bracket is skipped. One of another kind that is open stops all but `}`."""
    tables = automaton()
    openers = {tables.signs[sign] for sign in "([{"}
    bracket = len(stack) - 1
    while bracket > 0 and tables.enters[stack[bracket]] != opener:
        if kind != tables.signs["}"] and tables.enters[stack[bracket]] in openers:
            return False
        bracket -= 1
    if bracket <= 0:
        return False
    for keep in range(len(stack), bracket, -1):
        if shifts_from(stack[:keep], kind) is not None:
            del stack[keep:]
            return True
    del stack[bracket:]
    return False


def _brace(stack: list[int]) -> int:
    """Where on the stack the innermost open brace is."""
    tables = automaton()
    brace = tables.signs["{"]
    return next((i for i in range(len(stack) - 1, 0, -1) if tables.enters[stack[i]] == brace), 0)
