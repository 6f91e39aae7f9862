"""Random flows over every statement, well-formed by construction: names are defined where they are read, guarded where
they may be absent, errors are caught where they can be raised, and after a point of no return nothing fails by intent.

`flow(choices)` draws a flow and those that it runs; `CONTRACTS` is the contract set that they are written against. The
simplest draws (zeros) give the smallest flow, so `choices.shrink` finds small examples. `pairs(choices)` draws small flows
instead, one for each construct in each place inside of each other one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from flowlang.expression.tree import Entry, Expr, MapOf
from flowlang.language import tree
from flowlang.values import Duration
from flowlang.verify.choices import Choices
from flowlang.verify.raised import named, raised
from flowlang.verify.raised import ref as error
from flowlang.verify.terms import (
    CONTRACTS,
    SERVICES,
    SPAN,
    Known,
    Scope,
    Terms,
    binary,
    literal,
    name,
    ref,
    select,
    text,
    unsure,
)

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
CLAUSES = ("catch", "retry", "interrupt", "within", "alongside", "undo")

Made = tuple[tree.Statement, Scope, bool]  # a statement, the names that it adds, whether nothing can follow it


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
            maker = _Maker(Choices(seed), 3, pair=_Pair(outer, place, inner))
            made = maker.flow("generated")
            assert maker.pair is not None
            if maker.pair.placed:
                yield f"{place} / {inner}", Family(made, dict(maker.children))
            seed += 1


@dataclass(slots=True)
class _Pair:
    """What is wanted of a flow: a block of the kind `outer` with one of the kind `inner` at its place `place`."""

    outer: str
    place: str
    inner: str
    placed: bool = False


@dataclass(frozen=True, slots=True)
class _Here:
    """Where a statement stands: the names that it sees, how much deeper it may go, whether it may return, whether it stands
    after a commit or in a compensation block so that it may not fail, and whether it is in the flow's own body."""

    names: Scope
    depth: int
    returns: bool = False
    firm: bool = False
    undoing: bool = False
    top: bool = False

    def plus(self, names: Scope) -> _Here:
        return replace(self, names=(*self.names, *names))

    def inside(self, returns: bool = False, firm: bool | None = None, undoing: bool = False) -> _Here:
        """In a block of the statement that stands here."""
        return replace(
            self,
            depth=self.depth - 1,
            returns=self.returns and returns,
            firm=self.firm if firm is None else firm,
            undoing=self.undoing or undoing,
            top=False,
        )


def _block(statements: list[tree.Statement]) -> tree.Block:
    return tree.Block(tuple(statements), SPAN)


@dataclass(slots=True)
class _Maker:
    choices: Choices
    depth: int
    pair: _Pair | None = None
    terms: Terms = field(init=False)
    counts: dict[str, int] = field(default_factory=dict)
    returns: bool = False
    services: set[str] = field(default_factory=set)  # that take part so far
    children: dict[str, tree.Flow] = field(default_factory=dict)
    final: dict[str, bool] = field(default_factory=dict)  # whether a child has a commit
    took_part: dict[str, set[str]] = field(default_factory=dict)  # the services in a child
    committed: bool = False

    def __post_init__(self) -> None:
        self.terms = Terms(self.choices)

    def flow(self, called: str) -> tree.Flow:
        self.returns = self.choices.chance(60)
        top = _Here((), self.depth, returns=True, top=True)
        statements, _, ended = self.pair_top(top) if self.pair else self.statements(top)
        if not self.services:
            statements.insert(0, self.step(top)[0])
        if self.returns and not ended:
            statements.append(tree.Return(self.terms.number(()), None, SPAN))
        params = (tree.Param(name("order"), tree.NamedType(None, name("Order"), SPAN), SPAN),)
        return self.header(called, params, self.returns, _block(statements))

    def header(self, called: str, params: tuple[tree.Param, ...], returns: bool, body: tree.Block) -> tree.Flow:
        uses = [tree.Use("contracts", (text("*.yaml"),), SPAN)]
        if self.children:
            uses.append(tree.Use("flows", (text("*.flow"),), SPAN))
        output = tree.NamedType(None, name("int"), SPAN) if returns else None
        owner = self.one_taking_part() if self.services else None
        key = select(ref("order"), "id")
        return tree.Flow(name(called), tuple(uses), params, output, None, key, owner, None, body, None, SPAN)

    def pair_top(self, top: _Here) -> tuple[list[tree.Statement], Scope, bool]:
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

    def fresh(self, prefix: str) -> str:
        self.counts[prefix] = self.counts.get(prefix, 0) + 1
        return f"{prefix}{self.counts[prefix]}"

    def at(self) -> tree.Name | None:
        return self.one_taking_part() if self.services and self.choices.chance(20) else None

    def one_taking_part(self) -> tree.Name:
        return name(self.choices.pick(sorted(self.services)))

    # ------------------------------------------------------------ statements

    def body(self, here: _Here, place: str, least: int = 1) -> tuple[list[tree.Statement], Scope, bool]:
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

    def statements(self, here: _Here, least: int = 1) -> tuple[list[tree.Statement], Scope, bool]:
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

    def statement(self, here: _Here) -> Made:
        kinds = [(weight, kind) for kind, weight in LEAVES.items()]
        if here.depth > 0:
            kinds += [(weight, kind) for kind, (weight, _) in BLOCKS.items()]
        kind = self.choices.weighted(kinds)
        if here.depth < self.depth and self.choices.chance(6):
            kind = "return" if self.choices.chance(50) and self.allowed("return", here) else "fail"
        elif here.top and self.choices.chance(8):
            kind = "commit"
        return self.block(kind if self.allowed(kind, here) else "step", here)

    def allowed(self, kind: str, here: _Here) -> bool:
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

    def block(self, kind: str, here: _Here) -> Made:
        if kind in CLAUSES:
            return self.scope(here, {kind})
        made: dict[str, Callable[[_Here], Made]] = {
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

    # ------------------------------------------------------------ leaves

    def step(self, here: _Here) -> Made:
        called, service = self.fresh("s"), name(self.choices.pick(SERVICES))
        self.services.add(service.text)
        operation = self.choices.weighted(((5, "act"), (2, "read")))
        call = tree.Call(service, name(operation), self.terms.args(here.names), SPAN)
        undo: tree.UndoBy | tree.UndoNone | None = None
        if operation == "act" and not here.undoing:
            undo = tree.UndoNone(SPAN)
            if not self.choices.chance(15):
                own = select(ref(called), "v") if self.choices.chance(25) else None
                undo = tree.UndoBy(tree.Call(service, name("undo"), self.terms.args(here.names, own), SPAN), SPAN)
        retry = None
        if not here.undoing and self.choices.chance(8):
            retry = self.retry([error("E0"), error("Timeout")])
        timeout = tree.Time(Duration(20_000), SPAN) if self.choices.chance(5) else None
        step = tree.Step(name(called), call, undo, retry, timeout, None, SPAN)
        return step, (Known(called, "record"),), False

    def retry(self, errors: list[tree.ErrorRef]) -> tree.Retry:
        """Up to three further attempts, for some of `errors` or whatever is usual."""
        limit = tree.Count(1 + self.choices.below(3), SPAN)
        backoff = None
        if self.choices.chance(50):
            backoff = (tree.Time(Duration(1_000), SPAN), tree.Time(Duration(8_000), SPAN))
        return tree.Retry(limit, backoff, tuple(one for one in errors if self.choices.chance(50)), SPAN)

    def let(self, here: _Here) -> Made:
        called = self.fresh("n")
        return tree.Let(name(called), self.terms.number(here.names), None, SPAN), (Known(called, "int"),), False

    def emit(self, here: _Here) -> Made:
        key, number = Entry("key", select(ref("order"), "id"), SPAN), Entry("n", self.terms.number(here.names), SPAN)
        return tree.Emit(self.told(), MapOf((key, number), SPAN), None, SPAN), (), False

    def told(self) -> tree.Text:
        """The type of an event."""
        return text(f"{self.choices.pick(SERVICES)}.told")

    def timer(self, here: _Here) -> Made:
        if self.choices.chance(25):
            return tree.Wait(self.terms.point(), True, None, SPAN), (), False
        return tree.Wait(self.terms.time(here.names), False, None, SPAN), (), False

    def fail(self, here: _Here) -> Made:
        message = literal("why") if self.choices.chance(40) else None
        return tree.Fail(name(self.choices.pick(("F0", "F1"))), message, None, SPAN), (), True

    def commit(self, here: _Here) -> Made:
        self.committed = True
        return tree.Commit(None, SPAN), (), False

    # ------------------------------------------------------------ order

    def sequence(self, here: _Here) -> Made:
        body, names, ended = self.body(here.inside(), "sequence", least=2)
        return tree.Sequence(_block(body), None, SPAN), names, ended

    def region(self, here: _Here) -> Made:
        at = self.one_taking_part()
        body, names, ended = self.body(here.inside(), "region")
        return tree.Orchestrate(at, _block(body), None, SPAN), names, ended

    def fork(self, here: _Here, kind: str) -> Made:
        branches: list[tree.Branch | tree.Statement] = []
        added: Scope = ()
        going_on = 0
        for _ in range(2 + self.choices.below(2)):
            if self.pair is not None or self.choices.chance(50):
                body, names, ended = self.body(here.inside(), kind, self.choices.weighted(((9, 1), (1, 0))))
                when = self.terms.guard(here.names) if self.choices.chance(20) else None
                branches.append(tree.Branch(name(self.fresh("b")), when, _block(body), None, SPAN))
                added += names if when is None else () if ended else unsure(names)
                going_on += when is not None or not ended
            else:
                statement, names, ended = self.statement(here.inside())
                branches.append(statement)
                added += names
                going_on += not ended
        need = len(branches)
        if kind == "some":
            added, need = unsure(added), 1 + self.choices.below(len(branches) - 1)
        join = {"fork": "all", "cancel": "all or cancel"}.get(kind, "any" if need == 1 else "some")
        count = tree.Count(need, SPAN) if join == "some" else None
        return tree.Fork(self.at(), tuple(branches), join, count, None, SPAN), added, going_on < need

    def switch(self, here: _Here) -> Made:
        subject = self.terms.number(here.names) if self.choices.chance(30) else None
        shared = self.fresh("n") if self.choices.chance(40) else None
        bodies: list[list[tree.Statement]] = []
        added: Scope = ()
        all_ended = True
        count = 1 + self.choices.below(3)
        for number in range(count + 1):
            place = "case" if number < count else "else"
            body, names, ended = self.body(here.inside(returns=True), place, self.choices.pick((1, 0)))
            if shared and not ended:
                value = self.terms.number((*here.names, *names))
                body.append(tree.Let(name(shared), value, None, SPAN))
            bodies.append(body)
            added += () if ended else unsure(names)
            all_ended = all_ended and ended
        cases = tuple(
            tree.Case(self.values(subject, here.names, number), _block(body), None, SPAN)
            for number, body in enumerate(bodies[:-1])
        )
        if shared and not all_ended:
            added += (Known(shared, "int"),)
        return tree.Switch(subject, self.at(), cases, _block(bodies[-1]), None, SPAN), added, all_ended

    def values(self, subject: Expr | None, scope: Scope, number: int) -> tuple[Expr, ...]:
        if subject is None:
            return (self.terms.guard(scope),)
        return (literal(2 * number), literal(2 * number + 1)) if self.choices.chance(40) else (literal(2 * number),)

    def listening(self) -> tuple[str, Expr | None]:
        """A name for an event, and the condition; without one the event's subject must be the key."""
        bind = self.fresh("e")
        return bind, None if self.choices.chance(20) else self.terms.where(bind)

    def wait(self, here: _Here) -> Made:
        bind, where = self.listening()
        limit: tree.Within | tree.Forever = tree.Forever(SPAN)
        added: Scope = (Known(bind, "event"),)
        if self.pair is not None or self.choices.chance(70):
            body, names, ended = self.body(here.inside(returns=True), "wait else")
            limit = tree.Within(self.terms.time(here.names), _block(body), SPAN)
            added = added if ended else (*unsure(added), *unsure(names))
        return tree.WaitEvent(self.told(), name(bind), where, None, limit, None, SPAN), added, False

    def race(self, here: _Here) -> Made:
        alternatives: list[tree.OnEvent] = []
        added: Scope = ()
        all_ended = True
        for _ in range(1 + self.choices.below(3)):
            on, names, ended = self.reaction(here.inside(returns=True), "race arm", False)
            alternatives.append(on)
            added += () if ended else unsure(names)
            all_ended = all_ended and ended
        limit: tree.After | tree.Forever = tree.Forever(SPAN)
        if self.pair is not None or self.choices.chance(70):
            body, names, ended = self.body(here.inside(returns=True), "race after", self.choices.pick((1, 0)))
            limit = tree.After(self.terms.time(here.names), _block(body), None, SPAN)
            added += () if ended else unsure(names)
            all_ended = all_ended and ended
        return tree.Race(None, tuple(alternatives), limit, None, SPAN), added, all_ended

    def reaction(self, here: _Here, place: str, alongside: bool) -> tuple[tree.OnEvent, Scope, bool]:
        """`on event ... -> ...` with its body."""
        bind, where = self.listening()
        known = Known(bind, "event")
        body, names, ended = self.body(here.plus((known,)), place, self.choices.pick((1, 0)))
        on = tree.OnEvent(self.told(), name(bind), where, alongside, _block(body), None, SPAN)
        return on, (known, *names), ended

    # ------------------------------------------------------------ loops

    def each(self, here: _Here, parallel: bool) -> Made:
        variable, items = self.fresh("i"), self.terms.items(here.names)
        inside = here.inside().plus((Known(variable, "int"),))
        body, names, ended = self.body(inside, "parallel" if parallel else "each")
        collect = self.fresh("r") if self.choices.chance(50) else None
        if collect and not ended:
            body += self.yielding(inside.plus(names))
        width = tree.Count(1 + self.choices.below(3), SPAN) if parallel else None
        bind = None if collect is None else name(collect)
        each = tree.ForEach(name(variable), items, width, bind, self.at(), _block(body), None, SPAN)
        return each, () if collect is None else (Known(collect, "list"),), False

    def yielding(self, here: _Here) -> list[tree.Statement]:
        """One `yield` on each path."""

        def one() -> tree.Statement:
            return tree.Yield(self.terms.number(here.names), None, SPAN)

        form = self.choices.weighted(((6, "plain"), (2, "switch"), (2, "caught")))
        if form == "switch":
            case = tree.Case((self.terms.guard(here.names),), _block([one()]), None, SPAN)
            return [tree.Switch(None, None, (case,), _block([one()]), None, SPAN)]
        if form == "caught":
            step, _, _ = self.step(here.inside())
            handler = tree.Catch((), name(self.fresh("x")), _block([one()]), None, SPAN)
            body = _block([one(), step])
            return [tree.Scope(name(self.fresh("k")), None, body, (handler,), (), None, None, None, None, SPAN)]
        return [one()]

    def repeat(self, here: _Here) -> Made:
        carried = tuple(
            tree.Carried(name(self.fresh("c")), self.terms.number(here.names), SPAN)
            for _ in range(self.choices.pick((1, 0, 2)))
        )
        known = tuple(Known(one.name.text, "int") for one in carried)
        inside = here.inside().plus(known)
        body, names, ended = self.body(inside, "repeat")
        if not ended:
            for one in carried:
                body += self.following(one, inside.plus(names))
        seen = (*here.names, *known, *(() if ended else names))
        until, most = self.terms.guard(seen), tree.Count(1 + self.choices.below(3), SPAN)
        if carried and self.choices.chance(50):
            until = self.terms.guard((known[0],))
        elif self.choices.chance(25):
            until = binary(select(ref("order"), "n"), ">", literal(9))  # never
        every = self.terms.time(seen) if self.choices.chance(60) else None
        otherwise: tree.Block | None = None
        added = names
        wanted = self.pair is not None and self.pair.place == "repeat else"
        if not ended and (here.firm or wanted or self.choices.chance(40)):
            late, more, late_ended = self.body(here.inside(returns=True).plus(known), "repeat else")
            otherwise = _block(late)
            added = names if late_ended else (*unsure(names), *unsure(more))
        repeat = tree.Repeat(carried, self.at(), _block(body), until, every, most, otherwise, None, SPAN)
        return repeat, () if ended else (*known, *added), ended

    def following(self, carried: tree.Carried, here: _Here) -> list[tree.Statement]:
        """`next`, always, sometimes or never."""
        form = self.choices.weighted(((6, "always"), (2, "sometimes"), (1, "never")))
        if form == "never":
            return []
        following = tree.Next(
            carried.name, self.terms.number((Known(carried.name.text, "int"), *here.names)), None, SPAN
        )
        if form == "always":
            return [following]
        case = tree.Case((self.terms.guard(here.names),), _block([following]), None, SPAN)
        return [tree.Switch(None, None, (case,), _block([]), None, SPAN)]

    # ------------------------------------------------------------ scopes

    def scope(self, here: _Here, clauses: set[str]) -> Made:
        """A scope with these clauses; its body belongs to the first of them."""
        clauses = {clause for clause in clauses if self.allowed(clause, here)} or {"retry"}
        form = self.choices.pick(("any", "both", "engine", "declared")) if "catch" in clauses else "none"
        firm = here.firm and form not in ("any", "both")
        first = next(clause for clause in CLAUSES if clause in clauses)
        body, names, ended = self.body(here.inside(firm=firm), f"{first} body")
        block = _block(body)
        reactions = []
        added: Scope = () if ended else names if not clauses & {"catch", "interrupt", "within"} else unsure(names)
        all_ended = ended
        interrupting = here.inside(returns=True, firm=firm)
        if "alongside" in clauses:
            for _ in range(1 + self.choices.below(2)):
                reactions.append(self.reaction(here.inside(firm=firm), "alongside handler", True)[0])
        attempt = [*body, *(statement for on in reactions for statement in on.body.statements)]
        if "interrupt" in clauses:
            for _ in range(1 + self.choices.below(2)):
                on, more, handler_ended = self.reaction(interrupting, "interrupt handler", False)
                reactions.append(on)
                added += () if handler_ended else unsure(more)
                all_ended = all_ended and handler_ended
        limit = None
        if "within" in clauses:
            late, more, late_ended = self.body(interrupting, "within else", self.choices.pick((1, 0)))
            limit = tree.Within(self.terms.time(here.names), _block(late), SPAN)
            added += () if late_ended else unsure(more)
            all_ended = all_ended and late_ended
        caught = [*attempt, *(statement for on in reactions for statement in on.body.statements)]
        caught += limit.otherwise.statements if limit else ()
        catches = []
        for taken in self.taken(form, named(raised(caught, self.children))):
            catch, more, handler_ended = self.catch(here, taken)
            catches.append(catch)
            added += () if handler_ended else unsure(more)
            all_ended = all_ended and handler_ended
        undo = None
        if "undo" in clauses:
            undo = _block(self.body(here.inside(firm=True, undoing=True).plus(added), "undo block")[0])
        retry = None
        if "retry" in clauses:
            retry = self.retry([*named(raised(attempt, self.children))[:2], error("Timeout")])
        at = None if reactions else self.at()
        called = name(self.fresh("k"))
        scope = tree.Scope(called, at, block, tuple(catches), tuple(reactions), limit, retry, undo, None, SPAN)
        return scope, added, all_ended

    def taken(self, form: str, can: list[tree.ErrorRef]) -> list[list[tree.ErrorRef]]:
        """For each catch the errors that it takes."""
        match form:
            case "none":
                return []
            case "any":
                return [[]]
            case "both":
                return [[error("Timeout")], []]
            case "declared" if can:
                return [[self.choices.pick(can)]]
            case _:
                return [[error("ExpressionError"), error("Timeout")]]

    def catch(self, here: _Here, errors: list[tree.ErrorRef]) -> tuple[tree.Catch, Scope, bool]:
        bind = self.fresh("x") if not errors or self.choices.chance(50) else ""
        known = (Known(bind, "error"),) if bind else ()
        inside = here.inside(returns=True).plus(known)
        handled, names, ended = self.body(inside, "catch handler", self.choices.pick((1, 0)))
        return tree.Catch(tuple(errors), name(bind) if bind else None, _block(handled), None, SPAN), names, ended

    # ------------------------------------------------------------ other flows

    def child(self, here: _Here) -> Made:
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

    def child_flow(self, here: _Here) -> str:
        """A new flow that may be run here: where nothing may fail it is one in which nothing fails by intent, and in a
        compensation block one that waits for nothing either."""
        kept = self.returns, self.counts, self.services, self.committed
        self.returns, self.counts, self.services, self.committed = self.choices.chance(60), {}, set(), False
        names = (Known("given", "int"), Known("maybe", "int", False))
        inside = _Here(names, here.depth - 1, True, here.firm, here.undoing, True)
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
        made = self.header(called, params, self.returns, _block(statements))
        took_part, final = self.services, self.committed
        self.returns, self.counts, self.services, self.committed = kept
        self.children[called], self.final[called], self.took_part[called] = made, final, took_part
        return called
