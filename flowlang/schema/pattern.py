"""`pattern` in time linear in the text, whatever the pattern: position automata, made deterministic as texts come by.

`re` backtracks: `^(a+)+$` takes longer than the universe against forty letters, and even the search for `a+b` is
quadratic. A contract may come from somebody else and its values from anybody, so neither may ever meet `re`. The syntax
is that of ECMA-262, as JSON Schema says, without what no automaton can do (lookaround, backreferences) and without word
boundaries. `^` and `$` are characters of their own here, which stand before and after the text.

Glushkov's construction: one state for each character of the pattern, and for each the states that may follow. It also
shows whether a pattern is ambiguous beneath a quantifier, which is what makes other engines, those of everybody else who
reads the contract, explode: `Pattern.explosive`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from flowlang.schema.loops import components
from flowlang.schema.pattern_syntax import BadPattern, Begin, Chars, Choice, End, Node, Repeat, Row, parse

MAX_STATES = 3_000  # of the automaton; counted repeats are copied
MAX_LINKS = 100_000
MAX_CACHED = 20_000  # steps kept of the deterministic automaton
_LARGE = "it is too large: counted repeats such as `{1,500}` are counted out"
_BEGIN, _END = "begin", "end"  # longer than any character


class Pattern:
    """A compiled pattern. Raises BadPattern where it is none, or needs what no automaton can do."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._automaton = automaton = _Automaton()
        part = automaton.build(parse(text))
        self._first = frozenset(part.first)
        self._last = frozenset(part.last)
        self._empty = part.empty
        automaton.no_double_anchor()
        self._steps: dict[frozenset[int], dict[str, frozenset[int]]] = {}
        self._cached = 0
        # Once the text has begun, a pattern whose every way in is `^` can not begin any more.
        self._anywhere = frozenset(at for at in part.first if automaton.chars[at] is not _BEGIN)

    def search(self, text: str) -> bool:
        """Whether the pattern occurs in `text`. Linear in the length of `text`."""
        if self._empty:
            return True
        steps = self._steps
        here = self._step(self._first, _BEGIN)
        if here is _HIT:
            return True
        here |= self._anywhere
        for char in text:
            known = steps.get(here)
            after = None if known is None else known.get(char)
            if after is None:
                after = self._step(here, char)
                if after is not _HIT:
                    after |= self._anywhere
                self._keep(here, char, after)
            if after is _HIT:
                return True
            if not after:
                return False
            here = after
        return self._step(here, _END) is _HIT

    def example(self) -> str:
        """The shortest text that matches. Raises BadPattern where there is none."""
        if self._empty:
            return ""
        automaton = self._automaton
        before: dict[int, int] = dict.fromkeys(sorted(self._first), -1)
        todo = list(before)
        for at in todo:  # grows on the way: breadth first, so the first way found is a shortest
            if at in self._last:
                return automaton.spelled(at, before)
            for after in sorted(automaton.follow[at]):
                if after not in before and automaton.chars[after] is not _BEGIN and automaton.chars[at] is not _END:
                    before[after] = at
                    todo.append(after)
        raise BadPattern("nothing matches it", 0)

    @property
    def explosive(self) -> bool:
        """Whether engines that backtrack can need exponential time for it."""
        return self._automaton.explosive()

    def _step(self, here: frozenset[int], char: str) -> frozenset[int]:
        """The states that wait for the character after `char`, where `here` are those that wait for `char`."""
        automaton = self._automaton
        taken = [at for at in here if automaton.takes(at, char)]
        if not self._last.isdisjoint(taken):
            return _HIT
        return frozenset().union(*(automaton.follow[at] for at in taken))

    def _keep(self, here: frozenset[int], char: str, after: frozenset[int]) -> None:
        if self._cached >= MAX_CACHED:  # a text made to fill the memory: begin anew
            self._steps.clear()
            self._cached = 0
        self._steps.setdefault(here, {})[char] = after
        self._cached += 1


_HIT: Final = frozenset({-1})


@dataclass(slots=True)
class _Part:
    """What Glushkov's construction knows of a part: where it begins, where it ends, whether it may be empty, and whether
    there is a loop in it."""

    first: list[int] = field(default_factory=list)
    last: list[int] = field(default_factory=list)
    empty: bool = True
    loops: bool = False


class _Automaton:
    """The states, one for each character of the pattern, and what may follow each."""

    def __init__(self) -> None:
        self.chars: list[Chars | str] = []
        self.follow: list[set[int]] = []
        self.links = 0
        self.doubled = False  # two loops lead from one character to the same next one

    def takes(self, at: int, char: str) -> bool:
        """Whether state `at` takes `char`."""
        chars = self.chars[at]
        return chars == char if isinstance(chars, str) else len(char) == 1 and chars.has(ord(char))

    def spelled(self, at: int, before: dict[int, int]) -> str:
        """The text of the way that ends at `at`, with a readable character for each state."""
        text = []
        while at >= 0:
            chars = self.chars[at]
            if isinstance(chars, Chars):
                text.append(chr(chars.readable()))
            at = before[at]
        return "".join(reversed(text))

    def build(self, node: Node) -> _Part:
        """Add the states of `node`."""
        match node:
            case Chars():
                return self.state(node)
            case Begin():
                return self.state(_BEGIN)
            case End():
                return self.state(_END)
            case Row():
                whole = _Part()
                for item in node.items:
                    whole = self.joined(whole, self.build(item))
                return whole
            case Choice():
                parts = [self.build(item) for item in node.items]
                return _Part(
                    [at for part in parts for at in part.first],
                    [at for part in parts for at in part.last],
                    any(part.empty for part in parts),
                    any(part.loops for part in parts),
                )
            case Repeat():
                return self.repeated(node)

    def state(self, chars: Chars | str) -> _Part:
        """One more state."""
        if len(self.chars) >= MAX_STATES:
            raise BadPattern(_LARGE, 0)
        self.chars.append(chars)
        self.follow.append(set())
        at = len(self.chars) - 1
        return _Part([at], [at], False, False)

    def joined(self, left: _Part, right: _Part) -> _Part:
        """`right` after `left`."""
        self.link(left.last, right.first, loop=False)
        return _Part(
            left.first + right.first if left.empty else left.first,
            left.last + right.last if right.empty else right.last,
            left.empty and right.empty,
            left.loops or right.loops,
        )

    def repeated(self, node: Repeat) -> _Part:
        """`node` counted out: the least number of copies, then optional ones or one that loops."""
        whole = _Part()
        for _ in range(node.least if node.most is not None else max(0, node.least - 1)):
            whole = self.joined(whole, self.build(node.item))
        if node.most is None:
            part = self.build(node.item)
            if part.empty and part.loops:
                self.doubled = True  # nothing, as often as one likes
            self.link(part.last, part.first, loop=True)
            return self.joined(whole, _Part(part.first, part.last, part.empty or node.least == 0, True))
        rest = _Part()
        for _ in range(node.most - node.least):  # from the inside: (a(a(a)?)?)?, so that the links stay few
            copy = self.build(node.item)
            rest = self.joined(copy, rest)
            rest.empty = True
        return self.joined(whole, rest)

    def link(self, sources: list[int], targets: list[int], *, loop: bool) -> None:
        """Every one of `targets` may follow every one of `sources`."""
        self.links += len(sources) * len(targets)
        if self.links > MAX_LINKS:
            raise BadPattern(_LARGE, 0)
        for source in sources:
            follow = self.follow[source]
            if loop and not follow.isdisjoint(targets):
                self.doubled = True
            follow.update(targets)

    def no_double_anchor(self) -> None:
        """Refuse what the view of anchors as characters would get wrong: `^^`, `$$`, `$^`."""
        for at, chars in enumerate(self.chars):
            if isinstance(chars, str) and any(
                isinstance(self.chars[after], str) and not (chars is _BEGIN and self.chars[after] is _END)
                for after in self.follow[at]
            ):
                raise BadPattern("an anchor follows another one", 0)

    def explosive(self) -> bool:
        """Whether some text leads from a state back to it in two ways: then n repetitions of it have 2**n ways."""
        if self.doubled:
            return True
        component = components(self.follow)
        loops = [at for at in range(len(self.chars)) if component[at] >= 0]
        pairs: dict[tuple[int, int], set[tuple[int, int]]] = {}
        todo = [(at, at) for at in loops]
        while todo:
            pair = todo.pop()
            if pair in pairs:
                continue
            if len(pairs) > 40_000:
                return True  # nobody can read such a pattern either
            pairs[pair] = {
                (one, other)
                for one in self.follow[pair[0]]
                if component[one] == component[pair[0]]
                for other in self.follow[pair[1]]
                if component[other] == component[pair[1]] and self.overlap(one, other)
            }
            todo.extend(pairs[pair])
        return _returns(pairs)

    def overlap(self, one: int, other: int) -> bool:
        """Whether two states take a character in common."""
        left, right = self.chars[one], self.chars[other]
        if isinstance(left, str) or isinstance(right, str):
            return left == right
        return left.meets(right)


def _returns(pairs: dict[tuple[int, int], set[tuple[int, int]]]) -> bool:
    """Whether a pair of equal states leads to one of different states and back to one of equal states."""
    before: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for pair, after in pairs.items():
        for target in after:
            before.setdefault(target, []).append(pair)
    order = sorted(pairs)
    index = {pair: place for place, pair in enumerate(order)}
    component = components([{index[target] for target in pairs[pair]} for pair in order])
    equal = {component[index[pair]] for pair in order if pair[0] == pair[1]} - {-1}
    return any(component[index[pair]] in equal for pair in order if pair[0] != pair[1])
