"""The statements of a random flow that contain others: in order, again and again, and as scopes with clauses."""

from __future__ import annotations

from dataclasses import dataclass

from flowlang.expression.tree import Expr
from flowlang.language import tree
from flowlang.verify.leaves import Here, Leaves, Made, block_of
from flowlang.verify.raised import named, raised
from flowlang.verify.raised import ref as error
from flowlang.verify.terms import SPAN, Known, Scope, binary, literal, name, ref, select, unsure

CLAUSES = ("catch", "retry", "interrupt", "within", "alongside", "undo")


@dataclass(slots=True)
class Blocks(Leaves):
    """Draws blocks."""

    # ------------------------------------------------------------ order

    def sequence(self, here: Here) -> Made:
        body, names, ended = self.body(here.inside(), "sequence", least=2)
        return tree.Sequence(block_of(body), None, SPAN), names, ended

    def region(self, here: Here) -> Made:
        at = self.one_taking_part()
        body, names, ended = self.body(here.inside(), "region")
        return tree.Orchestrate(at, block_of(body), None, SPAN), names, ended

    def fork(self, here: Here, kind: str) -> Made:
        branches: list[tree.Branch | tree.Statement] = []
        added: Scope = ()
        going_on = 0
        for _ in range(2 + self.choices.below(2)):
            if self.pair is not None or self.choices.chance(50):
                body, names, ended = self.body(here.inside(), kind, self.choices.weighted(((9, 1), (1, 0))))
                when = self.terms.guard(here.names) if self.choices.chance(20) else None
                branches.append(tree.Branch(name(self.fresh("b")), when, block_of(body), None, SPAN))
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

    def switch(self, here: Here) -> Made:
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
            tree.Case(self.values(subject, here.names, number), block_of(body), None, SPAN)
            for number, body in enumerate(bodies[:-1])
        )
        if shared and not all_ended:
            added += (Known(shared, "int"),)
        return tree.Switch(subject, self.at(), cases, block_of(bodies[-1]), None, SPAN), added, all_ended

    def values(self, subject: Expr | None, scope: Scope, number: int) -> tuple[Expr, ...]:
        if subject is None:
            return (self.terms.guard(scope),)
        return (literal(2 * number), literal(2 * number + 1)) if self.choices.chance(40) else (literal(2 * number),)

    def listening(self) -> tuple[str, Expr | None]:
        """A name for an event, and the condition; without one the event's subject must be the key."""
        bind = self.fresh("e")
        return bind, None if self.choices.chance(20) else self.terms.where(bind)

    def wait(self, here: Here) -> Made:
        bind, where = self.listening()
        limit: tree.Within | tree.Forever = tree.Forever(SPAN)
        added: Scope = (Known(bind, "event"),)
        if self.pair is not None or self.choices.chance(70):
            body, names, ended = self.body(here.inside(returns=True), "wait else")
            limit = tree.Within(self.terms.time(here.names), block_of(body), SPAN)
            added = added if ended else (*unsure(added), *unsure(names))
        return tree.WaitEvent(self.told(), name(bind), where, None, limit, None, SPAN), added, False

    def race(self, here: Here) -> Made:
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
            limit = tree.After(self.terms.time(here.names), block_of(body), None, SPAN)
            added += () if ended else unsure(names)
            all_ended = all_ended and ended
        return tree.Race(None, tuple(alternatives), limit, None, SPAN), added, all_ended

    def reaction(self, here: Here, place: str, alongside: bool) -> tuple[tree.OnEvent, Scope, bool]:
        """`on event ... -> ...` with its body."""
        bind, where = self.listening()
        known = Known(bind, "event")
        body, names, ended = self.body(here.plus((known,)), place, self.choices.pick((1, 0)))
        on = tree.OnEvent(self.told(), name(bind), where, alongside, block_of(body), None, SPAN)
        return on, (known, *names), ended

    # ------------------------------------------------------------ loops

    def each(self, here: Here, parallel: bool) -> Made:
        variable, items = self.fresh("i"), self.terms.items(here.names)
        inside = here.inside().plus((Known(variable, "int"),))
        body, names, ended = self.body(inside, "parallel" if parallel else "each")
        collect = self.fresh("r") if self.choices.chance(50) else None
        if collect and not ended:
            body += self.yielding(inside.plus(names))
        width = tree.Count(1 + self.choices.below(3), SPAN) if parallel else None
        bind = None if collect is None else name(collect)
        each = tree.ForEach(name(variable), items, width, bind, self.at(), block_of(body), None, SPAN)
        return each, () if collect is None else (Known(collect, "list"),), False

    def yielding(self, here: Here) -> list[tree.Statement]:
        """One `yield` on each path."""

        def one() -> tree.Statement:
            return tree.Yield(self.terms.number(here.names), None, SPAN)

        form = self.choices.weighted(((6, "plain"), (2, "switch"), (2, "caught")))
        if form == "switch":
            case = tree.Case((self.terms.guard(here.names),), block_of([one()]), None, SPAN)
            return [tree.Switch(None, None, (case,), block_of([one()]), None, SPAN)]
        if form == "caught":
            step, _, _ = self.step(here.inside())
            handler = tree.Catch((), name(self.fresh("x")), block_of([one()]), None, SPAN)
            body = block_of([one(), step])
            return [tree.Scope(name(self.fresh("k")), None, body, (handler,), (), None, None, None, None, SPAN)]
        return [one()]

    def repeat(self, here: Here) -> Made:
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
            otherwise = block_of(late)
            added = names if late_ended else (*unsure(names), *unsure(more))
        repeat = tree.Repeat(carried, self.at(), block_of(body), until, every, most, otherwise, None, SPAN)
        return repeat, () if ended else (*known, *added), ended

    def following(self, carried: tree.Carried, here: Here) -> list[tree.Statement]:
        """`next`, always, sometimes or never."""
        form = self.choices.weighted(((6, "always"), (2, "sometimes"), (1, "never")))
        if form == "never":
            return []
        following = tree.Next(
            carried.name, self.terms.number((Known(carried.name.text, "int"), *here.names)), None, SPAN
        )
        if form == "always":
            return [following]
        case = tree.Case((self.terms.guard(here.names),), block_of([following]), None, SPAN)
        return [tree.Switch(None, None, (case,), block_of([]), None, SPAN)]

    # ------------------------------------------------------------ scopes

    def scope(self, here: Here, clauses: set[str]) -> Made:
        """A scope with these clauses; its body belongs to the first of them."""
        clauses = {clause for clause in clauses if self.allowed(clause, here)} or {"retry"}
        form = self.choices.pick(("any", "both", "engine", "declared")) if "catch" in clauses else "none"
        firm = here.firm and form not in ("any", "both")
        first = next(clause for clause in CLAUSES if clause in clauses)
        body, names, ended = self.body(here.inside(firm=firm), f"{first} body")
        block = block_of(body)
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
            limit = tree.Within(self.terms.time(here.names), block_of(late), SPAN)
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
            undo = block_of(self.body(here.inside(firm=True, undoing=True).plus(added), "undo block")[0])
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

    def catch(self, here: Here, errors: list[tree.ErrorRef]) -> tuple[tree.Catch, Scope, bool]:
        bind = self.fresh("x") if not errors or self.choices.chance(50) else ""
        known = (Known(bind, "error"),) if bind else ()
        inside = here.inside(returns=True).plus(known)
        handled, names, ended = self.body(inside, "catch handler", self.choices.pick((1, 0)))
        return tree.Catch(tuple(errors), name(bind) if bind else None, block_of(handled), None, SPAN), names, ended
