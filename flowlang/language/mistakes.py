"""Which mistake a token is that can't stand where it stands, and what was meant.

The parser knows only which tokens it would accept. From these, the token and its neighbours, `diagnose` finds the words for
the mistake and, where what was meant is plain, puts the tokens right so that reading goes on as if nothing had happened.
"""

from __future__ import annotations

from dataclasses import dataclass

from flowlang.diagnostic import Diagnostic, Label, nearest
from flowlang.language import words
from flowlang.language.automaton import automaton
from flowlang.language.lexer import Tokens
from flowlang.language.stack import accepted, begins_line, early_else, shifts_from
from flowlang.source import Span


@dataclass(frozen=True, slots=True)
class Mistake:
    """A finding, and what was done about it: `mended` when the tokens are right now; `whole` when the tree will be what the
    user meant; `drop` tells how much of the top of the stack is to be forgotten first."""

    finding: Diagnostic
    mended: bool = False
    whole: bool = False
    drop: int = 0


STATEMENTS = ("step", "let", "sequence", "fork", "switch", "wait", "scope", "emit", "fail", "return")
LATER = ("repeat", "race", "commit", "orchestrate", "next", "yield")
HEADER = ("version", "key", "owner")
OUTSIDE = {
    "compensate": "it stands in braces behind the call of a step",
    "retry": "it stands in braces behind the call of a step",
    "timeout": "it stands in braces behind the call of a step",
    "catch": "it stands behind the block of a scope",
    "case": "it stands in the braces of a switch",
    "else": "it stands behind the last case of a switch, or behind `within`",
    "branch": "it stands in the braces of a fork",
    "join": "it stands behind the braces of a fork",
    "within": "it stands behind `wait for event`",
    "forever": "it stands behind `wait for event`",
    "where": "it stands behind the event of a wait or of the header",
}
LIKELY = {
    "if": "write `switch { case ... -> ... else -> ... }`",
    "elif": "write a further `case` of a switch",
    "match": "write `switch`",
    "when": "write `switch { case ... -> ... }`",
    "while": "loops follow in a later version",
    "foreach": "loops follow in a later version",
    "loop": "loops follow in a later version",
    "try": "write `scope name { ... } catch Error as e -> ...`",
    "throw": "write `fail`",
    "raise": "write `fail`",
    "call": "write `step name = service.operation(...)`",
    "invoke": "write `step name = service.operation(...)`",
    "run": "write `step name = service.operation(...)`",
    "do": "write `sequence { ... }`",
    "var": "write `let`",
    "const": "write `let`",
    "set": "write `let`",
    "parallel": "write `fork { ... } join all`",
    "publish": "write `emit`",
    "send": "write `emit`",
    "listen": "write `wait for event`",
    "import": "write `use contracts` at the begin of the file",
}
"""Words of other languages, and what is written here."""

VALUE = ("NAME", "STRING", "INT", "DECIMAL", "DURATION", "TRUE", "FALSE", "NULL")
OPERATORS = ("&&", "||", "+", "-", "*", "/", "%", ".", ".?", "?", "[", "(")


def diagnose(tokens: Tokens, stack: list[int], firsts: list[int], place: int) -> Mistake:
    """What is wrong with the token at `place`. May change, insert and delete tokens from there on."""
    return _Diagnosis(tokens, stack, firsts, place).diagnose()


class _Diagnosis:
    def __init__(self, tokens: Tokens, stack: list[int], firsts: list[int], place: int) -> None:
        self.tables = automaton()
        self.tokens = tokens
        self.stack = stack
        self.firsts = firsts
        self.place = place
        self.kind = tokens.kinds[place]
        self.text = tokens.text(place)
        self.before = tokens.text(place - 1) if place else ""
        self.accepts = accepted(stack)

    def diagnose(self) -> Mistake:
        steps = (
            self.end,
            self.after_flow,
            self.empty_switch,
            self.early_else,
            self.unfinished,
            self.wrong_sign,
            self.join,
            self.waiting,
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
        """A statement on the next line where an expression should go on."""
        if not self.wants_expression() or not begins_line(self.tokens, self.place) or self.place == 0:
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
        while self.tokens.text(last + 1) in (".", "-", "/") and self.is_word(last + 2):
            last += 2
        span = self.tokens.span(self.place, last)
        what = (
            "a label"
            if self.before == "version"
            else "a file pattern"
            if self.before == "contracts"
            else "an event type"
        )
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

    def join(self) -> Mistake | None:
        """The end of a fork, and the joins that follow later."""
        tokens, place = self.tokens, self.place
        if self.accepts == {self.tables.words["join"]}:
            span = tokens.span(place - 1, place - 1)
            tokens.insert(place, self.tables.words["join"], self.tables.words["all"])
            return Mistake(words.NoJoin(span=span), True, True)
        if self.accepts == {self.tables.words["all"]} and self.before == "join":
            if self.text == "any" or self.kind == self.tables.number["INT"]:
                self.replace("all")
                return Mistake(words.NotYet(span=self.here(), form=f"`join {self.text[:20]}`"), True, True)
            span = tokens.span(place - 1, place - 1)
            tokens.insert(place, self.tables.words["all"])
            return Mistake(words.Missing(span=span, sign="all", after="`join`"), True, True)
        if self.before == "all" and self.text == "or" and place > 1 and tokens.text(place - 2) == "join":
            also = 1 if tokens.text(place + 1) == "cancel" else 0
            finding = words.NotYet(span=tokens.span(place, place + also), form="`join all or cancel`")
            tokens.delete(place, 1 + also)
            return Mistake(finding, True, True)
        return None

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

    def enters(self, depth: int) -> int:
        """The symbol that stands at `depth` of the stack."""
        return self.tables.enters[self.stack[depth]]

    def waiting(self) -> Mistake | None:
        """`wait` and `use` without the words that follow them."""
        if self.accepts == {self.tables.words["for"]}:
            span = self.tokens.span(self.place - 1, self.place - 1)
            help = "write `wait for event` to wait for an event" if self.text == "event" else ""
            return Mistake(words.NotYet(span=span, form="waiting for a time (`wait 5m`, `wait until`)", hint=help))
        for word, before in (("event", "for"), ("contracts", "use")):
            if self.accepts == {self.tables.words[word]}:
                if self.kind == self.tables.number["STRING"]:
                    self.tokens.insert(self.place, self.tables.words[word])
                    span = self.tokens.span(self.place - 1, self.place - 1)
                    return Mistake(words.Missing(span=span, sign=word, after=f"`{before}`"), True, True)
                form = {"each": "`for each`", "flows": "`use flows`"}.get(self.text)
                if form:
                    return Mistake(words.NotYet(span=self.here(), form=form))
        return None

    def statement(self) -> Mistake | None:
        """A word at the place of a statement that begins none."""
        if not self.takes("step") or not self.is_word(self.place):
            return None
        if self.takes(":") and not begins_line(self.tokens, self.place):  # in a map any word can be a key
            return None
        span, text = self.here(), self.text
        on_event = self.kind == self.tables.number["ON_EVENT"]
        if self.takes("catch") and (on_event or text in ("within", "retry", "compensate")):
            return Mistake(words.NotYet(span=span, form=f"`{text}` on a scope"))
        if text in LATER or text == "for":
            return Mistake(words.NotYet(span=span, form="`for each`" if text == "for" else f"`{text}`"))
        if text in HEADER or on_event:
            return Mistake(words.LateHeader(span=span, word="on event" if on_event else text))
        if text in OUTSIDE:
            return Mistake(words.LooseClause(span=span, word=text, belongs=OUTSIDE[text]))
        if text in ("flow", "use"):
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
            return f"write `let {self.text[:40]} = ...`, or `step` for a call"
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
        for sign in (")", "]", "}") if closing else ("=", ":", "->", ","):
            if not self.takes(sign):
                continue
            if sign == "}" and not starts:
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

    def insert(self, *signs: str) -> Mistake:
        span = self.tokens.span(self.place - 1, self.place - 1)
        after = f"`{self.before[:30]}`" if self.before[:1] not in ("'", '"') else "this string"
        self.tokens.insert(self.place, *(self.tables.signs[sign] for sign in signs))
        return Mistake(words.Missing(span=span, sign="".join(signs), after=after), True, True)

    def after(self, sign: str) -> list[int] | None:
        """The stack when `sign` has been read."""
        stack = list(self.stack)
        kind = self.tables.signs[sign]
        while True:
            action = self.tables.states[stack[-1]].get(kind)
            if action is None:
                return None
            if action >= 0:
                return [*stack, action]
            left, size, _, _ = self.tables.rules[~action]
            del stack[len(stack) - size :]
            stack.append(self.tables.states[stack[-1]][left])

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

    def unexpected(self) -> Diagnostic:
        hint = ""
        if self.accepts == {self.tables.signs["."]} and len(self.tokens.kinds) > 3:
            hint = "a step calls `service.operation(...)`; a value is named by `let`"
        elif self.text == "/" and self.before == "/":
            hint = "comments begin with `#`"
        elif self.text == '"' or self.text == "'":
            hint = ""
        return words.Unexpected(span=self.here(), expected=self.expected(), found=self.found(), hint=hint)

    def expected(self) -> str:
        """What can stand here, in the words of people."""
        kinds = set(self.accepts)
        signs, number, keywords = self.tables.signs, self.tables.number, self.tables.words
        said = []
        if self.wants_expression():
            said.append("an expression")
            kinds -= {number[name] for name in VALUE} | {signs[s] for s in "([{!-"} | set(keywords.values())
        elif all(kind in kinds for kind in keywords.values()):
            said.append("a word")
            kinds -= {number["NAME"], *keywords.values()}
        elif keywords["step"] in kinds and keywords["let"] in kinds:
            said.append("a statement")
            kinds -= {keywords[word] for word in STATEMENTS}
        if number["NAME"] in kinds:
            said.append("a name")
            kinds -= {number["NAME"]} | {kind for text, kind in keywords.items() if text not in self.tables.reserved}
        names = {"STRING": "a string", "INT": "a whole number", "DURATION": "a duration such as `10s`"}
        said += [text for name, text in names.items() if number[name] in kinds]
        operators = {number["REL"], keywords["in"], *(signs[sign] for sign in OPERATORS)}
        rest = kinds - {number[name] for name in (*VALUE, "ON_EVENT")} - {0}
        if rest and rest <= operators and not said:
            return "an operator or the end" if 0 in kinds else "an operator"
        rest -= operators  # an expression that ended could always go on; that is seldom what is missing
        spelled = {kind: text for text, kind in (*signs.items(), *keywords.items()) if kind != number["REL"]}
        said += sorted(f"`{spelled[kind]}`" for kind in rest if kind in spelled)
        if not said:
            said = ["the end" if 0 in kinds else "an operator"]
        said = said[:5]
        return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} or {said[-1]}"

    def found(self) -> str:
        if self.kind == 0:
            return "the end"
        if self.kind == self.tables.number["STRING"]:
            return "a string"
        return f"`{' '.join(self.text.split())[:40]}`"

    def takes(self, text: str) -> bool:
        """Whether this sign or keyword could stand here."""
        return (self.tables.signs.get(text) or self.tables.words.get(text)) in self.accepts

    def wants_expression(self) -> bool:
        return self.tables.signs["!"] in self.accepts

    def is_word(self, place: int) -> bool:
        return self.tokens.text(place)[:1].isidentifier()

    def here(self) -> Span:
        return self.tokens.span(self.place, self.place)

    def replace(self, text: str, also: int = 0) -> None:
        """Take this token, and `also` those after it, for another."""
        if also:
            self.tokens.ends[self.place] = self.tokens.ends[self.place + also]
            self.tokens.delete(self.place + 1, also)
        if text:
            self.tokens.kinds[self.place] = self.tables.signs.get(text) or self.tables.words[text]
