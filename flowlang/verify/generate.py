"""Random flows over every statement, well-formed by construction: names are defined where they are read, guarded where
they may be absent, errors are caught where they can be raised, and after a point of no return nothing fails by intent.

`flow(choices)` draws a flow and those that it runs; `CONTRACTS` is the contract set that they are written against. The
simplest draws (zeros) give the smallest flow, so `choices.shrink` finds small examples. `pairs(choices)` draws small flows
instead, one for each construct in each place inside of each other one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from flowlang.expression.tree import Entry, MapOf
from flowlang.language import tree
from flowlang.verify.blocks import CLAUSES, Blocks
from flowlang.verify.choices import Choices
from flowlang.verify.leaves import Here, Made, Pair, block_of
from flowlang.verify.terms import CONTRACTS, SERVICES, SPAN, Known, Scope, name, ref, select, text

__all__ = ["CONTRACTS", "SERVICES", "Family", "flow", "pairs"]

BLOCKS = {  # how often each kind of block, and the places in it where statements stand
    "sequence": (4, ("sequence",)),
    "fork": (6, ("fork",)),
    "cancel": (5, ("cancel",)),
    "some": (7, ("some",)),
    "switch": (8, ("case", "else")),
    "wait": (6, ("wait else",)),
    "race": (6, ("race arm", "race after")),
    "each": (5, ("each",)),
    "parallel": (6, ("parallel",)),
    "repeat": (9, ("repeat", "repeat else")),
    "catch": (7, ("catch body", "catch handler")),
    "retry": (5, ("retry body",)),
    "interrupt": (6, ("interrupt body", "interrupt handler")),
    "within": (4, ("within body", "within else")),
    "alongside": (6, ("alongside body", "alongside handler")),
    "undo": (5, ("undo body", "undo block")),
    "clauses": (4, ()),
    "child": (6, ("child",)),
    "region": (3, ("region",)),
}
LEAVES = {"step": 30, "let": 5, "emit": 4, "timer": 3}
ENDS = ("fail", "return", "commit")


@dataclass(frozen=True, slots=True)
class Family:
    """A flow, and those that it runs by name."""

    flow: tree.Flow
    others: Mapping[str, tree.Flow]


def flow(choices: Choices, depth: int = 3) -> Family:
    """A random flow whose blocks nest up to `depth` deep."""
    maker = _Maker(choices, depth)
    made = maker.flow("generated")
    return Family(made, dict(maker.children))


def pairs(seed: int = 0) -> Iterator[tuple[str, Family]]:
    """Small flows with each construct in each place of every other one, where it is allowed there, by `outer / inner`."""
    places = [(kind, place) for kind, (_, places) in BLOCKS.items() for place in places]
    places += [("top", "top"), ("top", "committed")]
    for outer, place in places:
        for inner in (*LEAVES, *BLOCKS, *ENDS):
            if inner == "clauses":
                continue
            maker = _Maker(Choices(seed), 3, pair=Pair(outer, place, inner))
            made = maker.flow("generated")
            assert maker.pair is not None
            if maker.pair.placed:
                yield f"{place} / {inner}", Family(made, dict(maker.children))
            seed += 1


@dataclass(slots=True)
class _Maker(Blocks):
    """Draws a flow and those that it runs."""

    def flow(self, called: str) -> tree.Flow:
        self.returns = self.choices.chance(60)
        top = Here((), self.depth, returns=True, top=True)
        statements, _, ended = self.pair_top(top) if self.pair else self.statements(top)
        if not self.services:
            statements.insert(0, self.step(top)[0])
        if self.returns and not ended:
            statements.append(tree.Return(self.terms.number(()), None, SPAN))
        params = (tree.Param(name("order"), tree.NamedType(None, name("Order"), SPAN), SPAN),)
        return self.header(called, params, self.returns, block_of(statements))

    def header(self, called: str, params: tuple[tree.Param, ...], returns: bool, body: tree.Block) -> tree.Flow:
        uses = [tree.Use("contracts", (text("*.yaml"),), SPAN)]
        if self.children:
            uses.append(tree.Use("flows", (text("*.flow"),), SPAN))
        output = tree.NamedType(None, name("int"), SPAN) if returns else None
        owner = self.one_taking_part() if self.services else None
        key = select(ref("order"), "id")
        return tree.Flow(name(called), tuple(uses), params, output, None, key, owner, None, body, None, SPAN)

    def pair_top(self, top: Here) -> tuple[list[tree.Statement], Scope, bool]:
        assert self.pair is not None
        before, names, _ = self.step(top)
        statements, top = [before], top.plus(names)
        if self.pair.outer == "top":
            if self.pair.place == "committed":
                statements.append(tree.Commit(None, SPAN))
                top = replace(top, firm=True)
            more, added, ended = self.body(top, self.pair.place)
        else:
            one, added, ended = self.block(self.pair.outer, top)
            more = [one]
        if not ended:
            after, names, _ = self.step(top.plus(added))
            more, added = [*more, after], (*added, *names)
        return [*statements, *more], added, ended

    # ------------------------------------------------------------ statements

    def body(self, here: Here, place: str, least: int = 1) -> tuple[list[tree.Statement], Scope, bool]:
        """The statements at `place` of a block."""
        pair = self.pair
        if pair is None:
            return self.statements(here, least)
        if place != pair.place or pair.placed or not self.allowed(pair.inner, here):
            one, names, ended = self.step(here)
            return [one], names, ended
        pair.placed = True
        statements: list[tree.Statement] = []
        added: Scope = ()
        if self.choices.chance(50):
            before, added, _ = self.step(here)
            statements.append(before)
        one, names, ended = self.block(pair.inner, here.plus(added))
        statements, added = [*statements, one], (*added, *names)
        if not ended and self.choices.chance(50):
            after, names, _ = self.step(here.plus(added))
            statements, added = [*statements, after], (*added, *names)
        return statements, added, ended

    def statements(self, here: Here, least: int = 1) -> tuple[list[tree.Statement], Scope, bool]:
        """Some statements, the names that they add, and whether nothing can follow them."""
        found: list[tree.Statement] = []
        added: Scope = ()
        for _ in range(least + self.choices.below(3)):
            statement, names, ended = self.statement(here.plus(added))
            found.append(statement)
            added += names
            if ended:
                return found, added, True
            if isinstance(statement, tree.Commit):
                here = replace(here, firm=True)
        return found, added, False

    def statement(self, here: Here) -> Made:
        kinds = [(weight, kind) for kind, weight in LEAVES.items()]
        if here.depth > 0:
            kinds += [(weight, kind) for kind, (weight, _) in BLOCKS.items()]
        kind = self.choices.weighted(kinds)
        if here.depth < self.depth and self.choices.chance(6):
            kind = "return" if self.choices.chance(50) and self.allowed("return", here) else "fail"
        elif here.top and self.choices.chance(8):
            kind = "commit"
        return self.block(kind if self.allowed(kind, here) else "step", here)

    def allowed(self, kind: str, here: Here) -> bool:
        """Whether a statement of this kind may stand here."""
        match kind:
            case "fail" | "some" | "within":
                return not here.firm
            case "interrupt" | "alongside" | "wait" | "race":
                return not here.undoing
            case "return":
                return here.returns and self.returns
            case "commit":
                return here.top and not here.firm
            case "region":
                return bool(self.services)
            case _:
                return True

    def block(self, kind: str, here: Here) -> Made:
        if kind in CLAUSES:
            return self.scope(here, {kind})
        made: dict[str, Callable[[Here], Made]] = {
            "step": self.step,
            "let": self.let,
            "emit": self.emit,
            "timer": self.timer,
            "fail": self.fail,
            "return": lambda here: (tree.Return(self.terms.number(here.names), None, SPAN), (), True),
            "commit": self.commit,
            "sequence": self.sequence,
            "fork": lambda here: self.fork(here, "fork"),
            "cancel": lambda here: self.fork(here, "cancel"),
            "some": lambda here: self.fork(here, "some"),
            "switch": self.switch,
            "wait": self.wait,
            "race": self.race,
            "each": lambda here: self.each(here, False),
            "parallel": lambda here: self.each(here, True),
            "repeat": self.repeat,
            "clauses": lambda here: self.scope(here, {c for c in CLAUSES if self.choices.chance(40)} or {"retry"}),
            "child": self.child,
            "region": self.region,
        }
        return made[kind](here)

    # ------------------------------------------------------------ other flows

    def child(self, here: Here) -> Made:
        """A step that runs another flow: a new one, or one that is run elsewhere already."""
        allowed = ("quiet",) if here.undoing else ("quiet", "firm") if here.firm else ("quiet", "firm", "child")
        able = sorted(one for one in self.children if one.startswith(allowed))
        if able and self.pair is None and self.choices.chance(30):
            called = self.choices.pick(able)
        else:
            called = self.child_flow(here)
        self.services |= self.took_part[called]
        child, step = self.children[called], self.fresh("p")
        args = [Entry("order", ref("order"), SPAN), Entry("given", self.terms.number(here.names), SPAN)]
        if self.choices.chance(50):
            args.append(Entry("maybe", self.terms.number(here.names), SPAN))
        call = tree.Call(name("flow"), name(called), tree.NamedArgs(MapOf(tuple(args), SPAN), SPAN), SPAN)
        undo: tree.UndoBy | None = None
        known = (Known(step, "int"),) if child.output else ()
        if not here.undoing and ((self.final[called] and not here.firm) or self.choices.chance(20)):
            own = ref(step) if child.output and self.choices.chance(40) else None
            service = self.one_taking_part()
            undo = tree.UndoBy(tree.Call(service, name("undo"), self.terms.args(here.names, own), SPAN), SPAN)
        return tree.Step(name(step), call, undo, None, None, None, SPAN), known, False

    def child_flow(self, here: Here) -> str:
        """A new flow that may be run here: where nothing may fail it is one in which nothing fails by intent, and in a
        compensation block one that waits for nothing either."""
        kept = self.returns, self.counts, self.services, self.committed
        self.returns, self.counts, self.services, self.committed = self.choices.chance(60), {}, set(), False
        names = (Known("given", "int"), Known("maybe", "int", False))
        inside = Here(names, here.depth - 1, True, here.firm, here.undoing, True)
        statements, _, ended = self.body(inside, "child")
        if not self.services:
            step, _, _ = self.step(inside)
            statements.insert(0, step)
        if self.returns and not ended:
            statements.append(tree.Return(self.terms.number(names), None, SPAN))
        integer = tree.NamedType(None, name("int"), SPAN)
        params = (
            tree.Param(name("order"), tree.NamedType(None, name("Order"), SPAN), SPAN),
            tree.Param(name("given"), integer, SPAN),
            tree.Param(name("maybe"), tree.OptionalType(integer, SPAN), SPAN),
        )
        kind = "quiet" if here.undoing else "firm" if here.firm else "child"
        called = f"{kind}{len(self.children) + 1}"
        made = self.header(called, params, self.returns, block_of(statements))
        took_part, final = self.services, self.committed
        self.returns, self.counts, self.services, self.committed = kept
        self.children[called], self.final[called], self.took_part[called] = made, final, took_part
        return called
