"""Which mistake a token is that can't stand where it stands, and what was meant.

The parser knows only which tokens it would accept. From these, the token and its neighbours, `diagnose` finds the words for
the mistake and, where what was meant is plain, puts the tokens right so that reading goes on as if nothing had happened.
"""

from __future__ import annotations

from flowlang.diagnostic import Label, nearest
from flowlang.language import words
from flowlang.language.diagnosis import OPERATORS, Mistake
from flowlang.language.lexer import Tokens
from flowlang.language.likely import HEADER, LIKELY, ON_EVENT, OUTSIDE, STATEMENTS
from flowlang.language.mistakes_blocks import BlockMistakes
from flowlang.language.stack import accepted, begins_line, shifts_from


def diagnose(tokens: Tokens, stack: list[int], firsts: list[int], place: int) -> Mistake:
    """What is wrong with the token at `place`. May change, insert and delete tokens from there on."""
    return _Diagnosis(tokens, stack, firsts, place).diagnose()


class _Diagnosis(BlockMistakes):
    def diagnose(self) -> Mistake:
        steps = (
            self.end,
            self.after_flow,
            self.empty_switch,
            self.early_else,
            self.unfinished,
            self.wrong_sign,
            self.join,
            self.second_word,
            self.bound,
            self.no_else,
            self.alternative,
            self.needs_braces,
            self.number,
            self.quotes,
        )
        for step in (*steps, self.reserved, self.statement, self.missing, self.unopened):
            mistake = step()
            if mistake is not None:
                return mistake
        return Mistake(self.unexpected())

    # ------------------------------------------------------------ the end of the file, the end of the flow

    def end(self) -> Mistake | None:
        if self.kind != 0:
            return None
        span = self.tokens.span(self.place, self.place)
        if len(self.tokens.kinds) == 1 and self.takes("flow"):
            return Mistake(words.EmptyFile(span=span))
        for depth in range(len(self.stack) - 1, 0, -1):
            entered = self.tables.enters[self.stack[depth]]
            for opening, closing in ("()", "[]", "{}"):
                if entered == self.tables.signs[opening]:
                    at = self.firsts[depth]
                    span = self.tokens.span(at, at)
                    related = self.suspect(at) if opening == "{" else ()
                    return Mistake(words.Unclosed(span=span, bracket=opening, closing=closing, related=related))
        return Mistake(self.unexpected())

    def suspect(self, unclosed: int) -> tuple[Label, ...]:
        """The brace that probably lacks its end: closed by one that is indented otherwise than its line."""
        opened: list[int] = []
        suspect = -1
        for index, kind in enumerate(self.tokens.kinds):
            if kind == self.tables.signs["{"]:
                opened.append(index)
            elif kind == self.tables.signs["}"] and opened:
                start = opened.pop()
                if self.tokens.first_on_line(index) and self.tokens.indentation(start) != self.tokens.indentation(
                    index
                ):
                    suspect = max(suspect, start)
        if suspect <= unclosed:
            return ()
        return (
            Label(
                self.tokens.span(suspect, suspect), "or is it this one? the brace that closes it is indented otherwise"
            ),
        )

    def after_flow(self) -> Mistake | None:
        if self.accepts != {0}:
            return None
        if not self.is_flow():
            return None
        if self.text in ("flow", "use"):
            return Mistake(words.SecondFlow(span=self.here()))
        if self.text == "}":
            return Mistake(words.Unopened(span=self.here(), bracket="}"))
        if self.text in STATEMENTS:
            end = self.tokens.span(self.place - 1, self.place - 1)
            return Mistake(words.EarlyEnd(span=end, found=self.found()), drop=1)
        return None

    def is_flow(self) -> bool:
        return self.tables.enters[self.stack[-1]] == self.tables.signs["}"]

    def unfinished(self) -> Mistake | None:
        """A statement on the next line where an expression should go on, or where a body should be."""
        body = self.before in ("->", "else") and self.takes("{")
        if not (self.wants_expression() or body) or not begins_line(self.tokens, self.place) or self.place == 0:
            return None
        span = self.tokens.span(self.place - 1, self.place - 1)
        return Mistake(words.Unfinished(span=span, sign=self.before[:20]))

    # ------------------------------------------------------------ one token for another

    def wrong_sign(self) -> Mistake | None:
        following = self.tokens.kinds[self.place + 1] if self.kind else 0
        if self.text == "=" and following == self.tables.number["REL"] and self.takes("->"):
            self.replace("->", also=1)
            return Mistake(words.OddCharacter(span=self.here(), character="=>", hint="write `->`"), True, True)
        if self.text == "=" and self.tables.number["REL"] in self.accepts:
            self.tokens.kinds[self.place] = self.tables.number["REL"]
            return Mistake(words.SingleEquals(span=self.here()), True, True)
        if self.text == "==" and self.takes("="):
            self.replace("=")
            return Mistake(words.DoubleEquals(span=self.here()), True, True)
        operator = {"and": "&&", "or": "||"}.get(self.text)
        if operator and self.takes(operator) and self.before != "all":
            self.replace(operator)
            return Mistake(words.WordOperator(span=self.here(), word=self.text, operator=operator), True, True)
        if self.before == "not" and self.takes("&&"):
            span = self.tokens.span(self.place - 1, self.place - 1)
            return Mistake(words.WordOperator(span=span, word="not", operator="!"))
        return None

    def number(self) -> Mistake | None:
        """A number without unit where a duration is needed."""
        duration = self.tables.number["DURATION"]
        if duration in self.accepts and not self.wants_expression() and self.kind == self.tables.number["INT"]:
            self.tokens.kinds[self.place] = duration
            return Mistake(words.NoUnit(span=self.here(), number=self.text[:20]), True, True)
        return None

    def quotes(self) -> Mistake | None:
        """Words where a string is needed."""
        string = self.tables.number["STRING"]
        if (
            string not in self.accepts
            or self.wants_expression()
            or not self.is_word(self.place)
            or begins_line(self.tokens, self.place)
        ):
            return None
        if self.tables.number["NAME"] in self.accepts:  # the key of an entry
            return None
        last = self.place
        files = self.before in ("contracts", "flows")
        while self.tokens.text(last + 1) in (".", "-", "/") and self.is_word(last + 2):
            last += 2
        span = self.tokens.span(self.place, last)
        what = "a label" if self.before == "version" else "a file pattern" if files else "an event type"
        self.replace("", also=last - self.place)
        self.tokens.kinds[self.place] = string
        return Mistake(words.NeedsQuotes(span=span, what=what, text=span.text), True)

    def reserved(self) -> Mistake | None:
        """A reserved word as a name."""
        name = self.tables.number["NAME"]
        if self.text not in self.tables.reserved or name not in self.accepts or begins_line(self.tokens, self.place):
            return None
        if self.wants_expression() and self.tokens.text(self.place + 1) not in (*OPERATORS, ",", ")", "]", "==", "!="):
            return None
        self.tokens.kinds[self.place] = name
        return Mistake(words.Reserved(span=self.here(), word=self.text), True, True)

    # ------------------------------------------------------------ statements and clauses

    def statement(self) -> Mistake | None:
        """A word at the place of a statement that begins none."""
        if not self.takes("step") or not self.is_word(self.place):
            return None
        if self.takes(":") and not begins_line(self.tokens, self.place):  # in a map any word can be a key
            return None
        span, text = self.here(), self.text
        on_event = self.kind == self.tables.number["ON_EVENT"]
        if text in HEADER:
            return Mistake(words.LateHeader(span=span, word=text))
        if on_event:
            hint = "to wait for one write `wait for event`"
            return Mistake(words.LooseClause(span=span, word="on event", belongs=ON_EVENT, hint=hint))
        if text in OUTSIDE:
            hint = "a scope has `within 10s else ...`" if text == "timeout" and self.takes("catch") else ""
            return Mistake(words.LooseClause(span=span, word=text, belongs=OUTSIDE[text], hint=hint))
        if text == "use":
            return Mistake(words.LooseClause(span=span, word=text, belongs="it stands before the flow"))
        if text == "flow":
            return None
        return Mistake(
            words.UnknownStatement(span=span, word=text[:40], known=f"`{' '.join(STATEMENTS)}`", hint=self.meant())
        )

    def meant(self) -> str:
        """A guess at the statement that was meant."""
        known = [*STATEMENTS, *(word for word in OUTSIDE if self.takes(word))]
        if self.text in LIKELY:
            return LIKELY[self.text]
        near = nearest(self.text, known)
        following = self.tokens.text(self.place + 1)
        if near and following not in ("=", "."):
            return f"did you mean `{near}`?"
        if following == "=":
            loops = self.tables.number["repeat_head"] in map(self.enters, range(1, len(self.stack)))
            more = ", `next` for a value that a repeat carries" if loops else ""
            return f"write `let {self.text[:40]} = ...`, or `step` for a call{more}"
        if following == ".":
            return f"write `step name = {self.text[:40]}.{self.tokens.text(self.place + 2)[:40]}(...)`"
        return ""

    # ------------------------------------------------------------ a sign too few or too many

    def missing(self) -> Mistake | None:
        """One sign, after which the token fits."""
        if self.place == 0:
            return None
        starts = begins_line(self.tokens, self.place)
        closing = starts or self.text in ("}", ")", "]", "{")
        if self.accepts == {self.tables.signs["("]} and self.tokens.text(self.place + 1) != ":":
            return self.insert("(", ")")
        for sign in (")", "]", "}", "->") if closing else ("=", ":", "->", ","):
            if not self.takes(sign):
                continue
            if (sign == "}" and not starts) or (sign == "->" and closing and self.text != "{"):
                continue
            after = self.after(sign)
            if after is None or shifts_from(after, self.kind) is None:
                continue
            if sign == "," and self.is_entry(after) and self.tokens.text(self.place + 1) != ":":
                continue  # what would be the key of an entry is none: a sign more would be a mistake more
            return self.insert(sign)
        return None

    def is_entry(self, stack: list[int]) -> bool:
        """Whether an entry `key: value` has to follow."""
        states, signs = accepted(stack), self.tables.signs
        return self.tables.number["STRING"] in states and signs["!"] not in states

    def unopened(self) -> Mistake | None:
        """A closing bracket that closes nothing."""
        openers = {")": "(", "]": "[", "}": "{"}
        if self.text not in openers:
            return None
        opener = self.tables.signs[openers[self.text]]
        brackets = {self.tables.signs[sign] for sign in "([{"}
        for state in reversed(self.stack):
            if self.tables.enters[state] in brackets:
                if self.tables.enters[state] == opener or self.text == "}":
                    return None
                break
        return Mistake(words.Unopened(span=self.here(), bracket=self.text))

    # ------------------------------------------------------------ in general
