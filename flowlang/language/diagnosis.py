"""What the parser knows where a token can't stand: questions about it, what could stand there, and ways to put tokens right."""

from __future__ import annotations

from dataclasses import dataclass

from flowlang.diagnostic import Diagnostic
from flowlang.language import words
from flowlang.language.automaton import automaton
from flowlang.language.lexer import Tokens
from flowlang.language.likely import ALTERNATIVES, NEEDED, STATEMENTS
from flowlang.language.stack import accepted
from flowlang.source import Span

VALUE = ("NAME", "STRING", "INT", "DECIMAL", "DURATION", "TRUE", "FALSE", "NULL")
OPERATORS = ("&&", "||", "+", "-", "*", "/", "%", ".", ".?", "?", "[", "(")


@dataclass(frozen=True, slots=True)
class Mistake:
    """A finding, and what was done about it: `mended` when the tokens are right now; `whole` when the tree will be what the
    user meant; `drop` tells how much of the top of the stack is to be forgotten first."""

    finding: Diagnostic
    mended: bool = False
    whole: bool = False
    drop: int = 0


class Diagnosis:
    """One token at `place` that can't stand there. The methods with an effect change the tokens from there on."""

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

    def takes(self, text: str) -> bool:
        """Whether this sign or keyword could stand here."""
        return (self.tables.signs.get(text) or self.tables.words.get(text)) in self.accepts

    def wants_expression(self) -> bool:
        return self.tables.signs["!"] in self.accepts

    def is_word(self, place: int) -> bool:
        return self.tokens.text(place)[:1].isidentifier()

    def enters(self, depth: int) -> int:
        """The symbol that stands at `depth` of the stack."""
        return self.tables.enters[self.stack[depth]]

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

    def here(self) -> Span:
        return self.tokens.span(self.place, self.place)

    # ------------------------------------------------------------ ways to put tokens right

    def insert(self, *signs: str) -> Mistake:
        span = self.tokens.span(self.place - 1, self.place - 1)
        after = f"`{self.before[:30]}`" if self.before[:1] not in ("'", '"') else "this string"
        self.tokens.insert(self.place, *(self.tables.signs[sign] for sign in signs))
        return Mistake(words.Missing(span=span, sign="".join(signs), after=after), True, True)

    def replace(self, text: str, also: int = 0) -> None:
        """Take this token, and `also` those after it, for another."""
        if also:
            self.tokens.ends[self.place] = self.tokens.ends[self.place + also]
            self.tokens.delete(self.place + 1, also)
        if text:
            self.tokens.kinds[self.place] = self.tables.signs.get(text) or self.tables.words[text]

    # ------------------------------------------------------------ what could stand here

    def unexpected(self) -> Diagnostic:
        return words.Unexpected(span=self.here(), expected=self.expected(), found=self.found(), hint=self.guess())

    def guess(self) -> str:
        """What was probably meant by something that can't stand here."""
        if self.accepts == {self.tables.signs["."]} and len(self.tokens.kinds) > 3:
            return "a step calls `service.operation(...)`; a value is named by `let`"
        if self.text == "/" and self.before == "/":
            return "comments begin with `#`"
        if self.accepts == {self.tables.words["event"]} and self.before == "for":
            return f"for a time write `wait {self.text[:20]}`" if self.kind == self.tables.number["DURATION"] else ""
        if self.before == "repeat":
            return "the condition and the bound stand behind the block: `repeat { ... } until ... at most 20`"
        if self.text in ("max", "most", "limit") and self.takes("at") and not self.takes("step"):
            return "write `at most 20`"
        if self.text in ("parallel", "as") and self.takes("{") and self.takes("at"):
            return "the order is `for each x in list parallel 10 as results at service`"
        if self.before in NEEDED and len(self.accepts & {self.tables.words["at"], self.tables.signs["{"]}) < 2:
            return NEEDED[self.before]
        if self.text == "alongside" and self.takes("->"):
            return "only an event of a scope can be alongside"
        if self.takes("after") and self.tables.number["ON_EVENT"] in self.accepts:
            return ALTERNATIVES.get(self.text, "")
        return ""

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
        if "a statement" not in said:
            names["ON_EVENT"] = "`on event`"
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
