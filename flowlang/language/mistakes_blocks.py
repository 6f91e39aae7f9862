"""Mistakes in how blocks are put together: what closes a fork or a repeat, cases and their `else`, bodies without braces."""

from __future__ import annotations

from flowlang.diagnostic import Label
from flowlang.language import words
from flowlang.language.diagnosis import Diagnosis, Mistake
from flowlang.language.likely import COMPOUND, SIMPLE
from flowlang.language.stack import begins_line, early_else


class BlockMistakes(Diagnosis):
    """Each method finds one kind of mistake, or gives None."""

    def join(self) -> Mistake | None:
        """The end of a fork."""
        tokens, place, words_of = self.tokens, self.place, self.tables.words
        span = tokens.span(place - 1, place - 1) if place else self.here()
        if self.accepts == {words_of["join"]}:
            tokens.insert(place, words_of["join"], words_of["all"])
            return Mistake(words.NoJoin(span=span), True, True)
        if self.before == "join" and self.takes("any") and (begins_line(tokens, place) or self.text == "}"):
            tokens.insert(place, words_of["all"])
            return Mistake(words.Missing(span=span, sign="all", after="`join`"), True, True)
        if self.accepts == {words_of["cancel"]}:
            tokens.insert(place, words_of["cancel"])
            return Mistake(words.Missing(span=span, sign="cancel", after="`join all or`"), True, True)
        return None

    def second_word(self) -> Mistake | None:
        """Words of two parts of which the second is missing."""
        number = self.tables.number
        span = self.tokens.span(self.place - 1, self.place - 1) if self.place else self.here()
        pairs = (
            ("event", "for", "STRING"),
            ("each", "for", "NAME"),
            ("contracts", "use", "STRING"),
            ("most", "at", "INT"),
        )
        for word, before, follows in pairs:
            if self.before == before and self.takes(word) and self.kind == number[follows]:
                self.tokens.insert(self.place, self.tables.words[word])
                return Mistake(words.Missing(span=span, sign=word, after=f"`{before}`"), True, True)
        if self.before == "event" and self.tokens.text(self.place - 2) == "wait" and self.kind == number["STRING"]:
            first = self.tokens.span(self.place - 2, self.place - 2)
            return Mistake(words.Missing(span=first, sign="for", after="`wait`"))
        if self.accepts == {self.tables.words["in"]} and self.text in ("of", ":", "from", "="):
            finding = self.unexpected()
            self.replace("in")
            return Mistake(finding, True, True)
        if self.text == ":" and self.takes("="):
            finding = self.unexpected()
            self.replace("=")
            return Mistake(finding, True, True)
        return None

    def bound(self) -> Mistake | None:
        """The end of a repeat: its condition, and how often at most."""
        words_of, place = self.tables.words, self.place
        span = self.tokens.span(place - 1, place - 1) if place else self.here()
        bound = (words_of["at"], words_of["most"], self.tables.number["INT"])
        if self.accepts == {words_of["until"]} and self.text == "while":
            finding = words.NoUntil(span=span, hint="write `until` with the condition turned round")
            self.replace("until")
            return Mistake(finding, True)
        if self.accepts == {words_of["until"]}:
            self.tokens.insert(place, words_of["until"], words_of["true"], *(() if self.text == "at" else bound))
            return Mistake(words.NoUntil(span=span), True)
        if self.takes("at") and self.ends_part() and (self.reads("until") or self.reads("every")):
            self.tokens.insert(place, *bound)
            return Mistake(words.NoBound(span=span), True)
        return None

    def no_else(self) -> Mistake | None:
        """A limit that does not say what happens then, or says it without `else`."""
        if not (self.takes("else") and self.reads("within")):
            return None
        span = self.tokens.span(self.place - 1, self.place - 1)
        finding = words.Missing(span=span, sign="else", after=f"`{self.before[:30]}`")
        said = self.text in ("{", *SIMPLE) and not self.tokens.first_on_line(self.place)
        if self.text == "->":
            self.replace("else")
        elif said or self.ends_part():
            if not said:
                self.insert("{", "}")
            self.tokens.insert(self.place, self.tables.words["else"])
        else:
            return None
        return Mistake(finding, True)

    def alternative(self) -> Mistake | None:
        """A statement where an alternative of a race should be: it is read as one."""
        number, kinds, place = self.tables.number, self.tokens.kinds, self.place
        if not (self.takes("after") and number["ON_EVENT"] in self.accepts and self.text in SIMPLE):
            return None
        finding = self.unexpected()
        if [self.tokens.text(place + at) for at in range(3)] == ["wait", "for", "event"]:
            self.replace("", also=2)
            kinds[place] = number["ON_EVENT"]
        else:
            self.tokens.insert(place, number["ON_EVENT"], number["STRING"], self.tables.signs["->"])
        return Mistake(finding, True)

    def reads(self, word: str) -> bool:
        """Whether the expression behind this word has been read, and nothing further."""
        states, expr = self.tables.states, self.tables.number["expr"]
        behind = (depth for depth in range(len(self.stack) - 1, 0, -1) if expr in states[self.stack[depth]])
        return self.enters(next(behind, 0)) == self.tables.words[word]

    def ends_part(self) -> bool:
        """Whether what is being read ends before this token."""
        return self.text in ("}", "else") or self.kind == 0 or begins_line(self.tokens, self.place)

    def needs_braces(self) -> Mistake | None:
        """A block statement as a body: it is read as if it stood in braces."""
        brace, wait = self.tables.signs["{"], self.tables.words["wait"]
        if self.text in COMPOUND and self.before in ("->", "else") and self.takes("{"):
            finding = words.NeedsBraces(span=self.here(), word=self.text)
            scope = ("catch", "compensate", "on", "retry", "within") if self.text == "scope" else ()
            self.close(self.place, scope)
            self.tokens.insert(self.place, brace)
            return Mistake(finding, True)
        behind = self.tokens.text(self.place - 2) in ("->", "else")
        if self.before == "wait" and self.text == "for" and not self.takes("for") and behind:
            finding = words.NeedsBraces(span=self.tokens.span(self.place - 1, self.place), word="wait for event")
            self.close(self.place, ("within", "forever"))
            self.tokens.insert(self.place, brace, wait)  # the one before is forgotten
            return Mistake(finding, True, drop=1)
        return None

    def close(self, place: int, own: tuple[str, ...]) -> None:
        """Insert a closing brace behind the block statement that begins at `place`: behind its own, or where the next line
        begins something else than one of its `own` clauses."""
        tokens, start, depth = self.tokens, place, 0
        whole = tokens.text(start) in ("sequence", "switch", "race", "orchestrate")
        while tokens.kinds[place]:
            text = tokens.text(place)
            if not depth and place > start and begins_line(tokens, place) and text.split()[0] not in own:
                break
            depth += (text in ("(", "[", "{")) - (text in (")", "]", "}"))
            if depth < 0:
                break
            place += 1
            if not depth and text == "}" and whole:
                break
        tokens.insert(place, self.tables.signs["}"])

    def empty_switch(self) -> Mistake | None:
        """A switch without cases. Without a subject its braces were read as an empty map, and it ends before this token."""
        words_of, signs = self.tables.words, self.tables.signs
        case = (words_of["case"], words_of["null"], signs["->"], signs["{"], signs["}"])
        if self.accepts == {words_of["case"]} and self.text == "}":
            depth = next(at for at in range(len(self.stack) - 1, 0, -1) if self.enters(at) == words_of["switch"])
            start = self.firsts[depth]
            self.tokens.insert(self.place, *case)
            return Mistake(words.EmptySwitch(span=self.tokens.span(start, start)), True)
        start = self.place - 3
        if self.place > 4 and self.tokens.text(self.place - 2) == "at":
            start -= 2
        kinds = self.tokens.kinds[max(start, 0) : start + 3]
        if self.takes("{") and kinds == [words_of["switch"], signs["{"], signs["}"]]:
            self.tokens.insert(self.place, signs["{"], *case, signs["}"])
            return Mistake(words.EmptySwitch(span=self.tokens.span(start, start)), True)
        return None

    def early_else(self) -> Mistake | None:
        """An `else` before a case of its switch, or without one. It is read as if it were a case."""
        words_of = self.tables.words
        if early_else(self.tokens, self.place):  # the braces are read as a map
            self.tokens.insert(self.place, words_of["case"], words_of["null"])
            return Mistake(words.EarlyElse(span=self.tokens.span(self.place - 1, self.place - 1)), True, drop=1)
        if self.accepts == {words_of["case"]} and self.text == "else":
            finding = words.EarlyElse(span=self.here())
            self.replace("case")
            self.tokens.insert(self.place + 1, words_of["null"])
            return Mistake(finding, True)
        depth = len(self.stack) - 3
        behind_cases = depth > 1 and self.enters(depth - 1) == self.tables.number["cases"]
        if self.text in ("case", "else") and behind_cases and self.enters(depth) == words_of["else"]:
            before = self.tokens.span(self.firsts[depth], self.firsts[depth])
            if self.text == "case":  # the cases before it are forgotten too: no further one can follow their list
                return Mistake(words.EarlyElse(span=before), True, drop=4)
            said = (Label(before, "said here"),)
            return Mistake(words.RepeatedClause(span=self.here(), clause="else", related=said), True, drop=3)
        return None
