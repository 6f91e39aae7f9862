"""Each statement of the tree as nodes of the kernel, with the flows that it runs in their places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from flowlang import ir
from flowlang.contract import Contracts, schema_for
from flowlang.declared import EventType, Schema
from flowlang.expression.correlation import correlation
from flowlang.expression.tree import Binary, Expr, Expression, Function, Literal, MapOf, Ref
from flowlang.language import tree
from flowlang.lower.calls import lower_child, lower_step
from flowlang.lower.ends import all_end, arms_of, ends, flat, needed, returns
from flowlang.lower.names import Names, expression
from flowlang.lower.paths import blocks_of, names_of, paths_of, statements_of
from flowlang.lower.scopes import lower_scope
from flowlang.lower.whole import Flows, Place, Whole


def lower(flow: tree.Flow, contracts: Contracts, flows: Flows | None = None) -> ir.Flow:
    """The kernel of `flow`, which `check` has found without errors against `contracts`; `flows` are those that it runs, by
    name, each with its own contracts. Raises TooLarge."""
    whole = Whole({**(flows or {}), flow.name.text: (flow, contracts)})
    lowering = Lowering(whole, flow, contracts, Names(), 0)
    begin = None
    if flow.start is not None:
        bind = flow.start.bind.text if flow.start.bind else ""
        where = None if flow.start.where is None else expression(flow.start.where)
        begin = ir.Begin(lowering.event(flow.start.event), bind, where)
    params = tuple(
        ir.Param(p.name.text, schema_for(p.type, contracts), not isinstance(p.type, tree.OptionalType))
        for p in flow.params
    )
    return ir.Flow(
        flow.name.text,
        flow.owner.text if flow.owner else whole.first_service(flow) or next(iter(contracts.services), "nobody"),
        params,
        lowering.output,
        None if flow.key is None else expression(flow.key),
        begin,
        lowering.block(flow.body.statements, Place(flow.name.text)),
        flow.version.value if flow.version else "",
        flow.doc,
    )


@dataclass(slots=True)
class Lowering:
    """One flow in its place: the one that is lowered, or one that a step runs, `calls` deep."""

    whole: Whole
    flow: tree.Flow
    contracts: Contracts
    names: Names
    calls: int
    local: dict[int, str] = field(init=False)
    declared: list[str] = field(init=False)
    rests: int = 0
    output: Schema | None = field(init=False)

    def __post_init__(self) -> None:
        self.local = paths_of(self.flow)
        self.declared = [name for statement in statements_of(self.flow.body) for name in names_of(statement)]
        self.output = None if self.flow.output is None else schema_for(self.flow.output, self.contracts)

    def inner(self, flow: tree.Flow, contracts: Contracts, names: Names) -> Lowering:
        """The lowering of a flow that a step runs."""
        return Lowering(self.whole, flow, contracts, names, self.calls + 1)

    def event(self, text: tree.Text) -> EventType:
        return self.contracts.events[text.value].event

    def value(self, tree: Expr) -> Expression:
        return self.names.expression(tree)

    def maybe(self, tree: Expr | None) -> Expression | None:
        return None if tree is None else self.value(tree)

    # ------------------------------------------------------------ one after another

    def block(self, statements: Sequence[tree.Statement], place: Place) -> ir.Sequence:
        """Statements one after another; what follows a `return` on some way moves to where it can still happen."""
        items: list[ir.Node] = []
        todo = [inner for statement in statements for inner in flat(statement)]
        for position, statement in enumerate(todo):
            rest = todo[position + 1 :]
            if rest and returns(statement):
                items += self.with_rest(statement, rest, place)
                break
            items += self.statement(statement, {}, place)
            if ends(statement):
                break  # nothing that follows can be reached
            if isinstance(statement, tree.Commit):
                place = replace(place, firm=place.firm.committed())
        return ir.Sequence(tuple(items))

    def with_rest(self, statement: tree.Statement, rest: list[tree.Statement], place: Place) -> list[ir.Node]:
        arms = list(arms_of(statement))
        going_on = [number for number, arm in enumerate(arms) if not all_end(arm)]
        if not going_on:
            return self.statement(statement, {}, place)
        if len(going_on) == 1 and isinstance(statement, tree.Switch | tree.WaitEvent | tree.Race):
            return self.statement(statement, {going_on[0]: rest}, place)
        path, span = place.at(self.rest_name()), statement.span
        done = self.value(Function("has", (Ref("return", span),), span, span))
        body = tree.Block(tuple(rest), span)
        following = next(self.whole.services_of(body, frozenset({self.flow.name.text})), "")
        before = self.statement(statement, {}, place)
        arms_of_rest = (ir.Arm(done, ir.Sequence(())), ir.Arm(None, self.block(rest, place.within())))
        self.whole.spend(place.depth)
        firm = place.firm.of(("", "ExpressionError"))
        return [*before, ir.Switch(path, arms_of_rest, following, drawn=False, firm=firm, span=span)]

    def rest_name(self) -> str:
        """The name of the next synthetic switch; numbered before what is inside it."""
        self.rests += 1
        name = f"rest{self.rests}"
        return self.rest_name() if name in self.declared else name

    def statement(
        self, statement: tree.Statement, rest: dict[int, list[tree.Statement]], place: Place
    ) -> list[ir.Node]:
        """The kernel nodes of one statement; `rest` is what follows inside one of its arms, by the arm's position."""
        self.whole.spend(place.depth)
        path, doc, span = place.at(self.local[id(statement)]), statement.doc, statement.span
        failing = place.firm.of(("", "ExpressionError"))
        match statement:
            case tree.Step() if statement.call.runs_flow:
                return lower_child(self, statement, path, place)
            case tree.Step():
                return [lower_step(self, statement, path, place)]
            case tree.Let():
                value = self.value(statement.value)
                name = self.names.of(statement.name.text)
                return [ir.Let(path, name, value, None, firm=failing, doc=doc, span=span)]
            case tree.Sequence():
                return list(self.block(statement.body.statements, place).items)
            case tree.Fork():
                return self.fork(statement, path, place)
            case tree.Switch():
                return [self.switch(statement, path, rest, place)]
            case tree.WaitEvent():
                return [self.wait(statement, path, rest, place)]
            case tree.Race():
                return [self.race(statement, path, rest, place)]
            case tree.ForEach():
                return [self.each(statement, path, place)]
            case tree.Repeat():
                return [self.repeat(statement, path, place)]
            case tree.Scope():
                return lower_scope(self, statement, path, place)
            case tree.Wait():
                due, empty = self.value(statement.time), ir.Sequence(())
                return [ir.Race(path, (), due, empty, "", statement.until, failing, doc=doc, span=span)]
            case tree.Commit():
                return [ir.Commit(path, doc=doc, span=span)]
            case tree.Orchestrate():
                body = self.block(statement.body.statements, place.within())
                return [ir.Region(path, body, statement.at.text, doc=doc, span=span)] if body.items else []
            case tree.Emit():
                data = self.value(statement.data or MapOf((), span))
                return [ir.Emit(path, self.event(statement.event), data, firm=failing, doc=doc, span=span)]
            case tree.Fail():
                return self.fail(statement, path, place)
            case tree.Return():
                name, value = self.names.of("return"), self.value(statement.value)
                return [ir.Let(path, name, value, self.output, firm=failing, doc=doc, span=span)]
            case tree.Next():
                name = self.names.of(f"{statement.name.text}.next")
                return [ir.Let(path, name, self.value(statement.value), None, firm=failing, doc=doc, span=span)]
            case tree.Yield():
                return [ir.Let(path, place.yields, self.value(statement.value), None, firm=failing, doc=doc, span=span)]
            case _:
                assert_never(statement)

    # ------------------------------------------------------------ leaves

    def fail(self, fail: tree.Fail, path: str, place: Place) -> list[ir.Node]:
        """After a point of no return the message is made before, so that an error in it is not taken for the failure."""
        message, before = self.maybe(fail.message), list[ir.Node]()
        if message is not None and place.firm.kind and not isinstance(message.tree, Literal):
            name, at = self.names.of(f"{self.local[id(fail)]}.message"), f"{path}.message"
            before = [ir.Let(at, name, message, None, firm=place.firm.of(("", "ExpressionError")), span=fail.span)]
            message = expression(Ref(name, fail.span))
        return [*before, ir.Fail(path, fail.error.text, message, doc=fail.doc, span=fail.span)]

    # ------------------------------------------------------------ order

    def fork(self, fork: tree.Fork, path: str, place: Place) -> list[ir.Node]:
        branches = []
        inside = place.within()
        for branch in fork.branches:
            if not isinstance(branch, tree.Branch):
                branches.append(ir.Branch("", self.block((branch,), inside), None))
                continue
            body = self.block(branch.body.statements, inside)
            if branch.when is not None:
                arms = (ir.Arm(self.value(branch.when), body), ir.Arm(None, ir.Sequence(())))
                firm = place.firm.of(("", "ExpressionError"))
                switch = ir.Switch(place.at(self.local[id(branch)]), arms, "", firm=firm, span=branch.span)
                body = ir.Sequence((switch,))
            branches.append(ir.Branch(branch.name.text, body, branch.doc))
        join, need = {"all": "all", "all or cancel": "cancel"}.get(fork.join, "some"), needed(fork)
        if need == len(branches) and join == "some":
            join = "all"
        if join != "some":  # an empty branch is ok at once: only where the first ones win does it matter
            branches = [branch for branch in branches if branch.body.items]
            need = len(branches)
        if len(branches) < 2:
            return [node for branch in branches for node in branch.body.items]
        at = fork.at.text if fork.at else ""
        return [ir.Fork(path, tuple(branches), join, need, at, doc=fork.doc, span=fork.span)]

    def switch(self, switch: tree.Switch, path: str, rest: dict[int, list[tree.Statement]], place: Place) -> ir.Switch:
        arms = []
        inside = place.within()
        for number, case in enumerate(switch.cases):
            body = self.block((*case.body.statements, *rest.get(number, ())), inside)
            covering = switch.default is None and number == len(switch.cases) - 1
            arms.append(ir.Arm(None if covering else self.value(_guard(switch, case)), body, case.doc))
        if switch.default is not None:
            default = self.block((*switch.default.statements, *rest.get(len(arms), ())), inside)
            arms.append(ir.Arm(None, default, None))
        return ir.Switch(
            path,
            tuple(arms),
            switch.at.text if switch.at else "",
            self.maybe(switch.subject),
            firm=place.firm.of(("", "ExpressionError")),
            doc=switch.doc,
            span=switch.span,
        )

    def wait(self, wait: tree.WaitEvent, path: str, rest: dict[int, list[tree.Statement]], place: Place) -> ir.Race:
        inside = place.within()
        field, value = self.wanted(wait)
        bind = self.names.of(wait.bind.text if wait.bind else "")
        taken = self.block(rest.get(0, ()), inside)
        alternative = ir.Alternative(self.event(wait.event), bind, field, value, self.maybe(wait.where), taken)
        after, late = None, ir.Sequence(())
        if isinstance(wait.limit, tree.Within):
            after = self.value(wait.limit.time)
            late = self.block((*wait.limit.otherwise.statements, *rest.get(1, ())), inside)
        firm = place.firm.of(("", "ExpressionError"))
        at = wait.at.text if wait.at else ""
        return ir.Race(path, (alternative,), after, late, at, firm=firm, doc=wait.doc, span=wait.span)

    def race(self, race: tree.Race, path: str, rest: dict[int, list[tree.Statement]], place: Place) -> ir.Race:
        inside = place.within()
        alternatives = []
        for number, on in enumerate(race.alternatives):
            body = self.block((*on.body.statements, *rest.get(number, ())), inside)
            alternatives.append(self.alternative(on, *self.wanted(on), body))
        after, late = None, ir.Sequence(())
        if isinstance(race.limit, tree.After):
            after = self.value(race.limit.time)
            late = self.block((*race.limit.body.statements, *rest.get(len(alternatives), ())), inside)
        firm = place.firm.of(("", "ExpressionError"))
        at = race.at.text if race.at else ""
        return ir.Race(path, tuple(alternatives), after, late, at, firm=firm, doc=race.doc, span=race.span)

    def alternative(
        self, on: tree.OnEvent, field: str, value: Expression, body: ir.Sequence, path: str = ""
    ) -> ir.Alternative:
        bind = self.names.of(on.bind.text if on.bind else "")
        return ir.Alternative(self.event(on.event), bind, field, value, self.maybe(on.where), body, path, on.doc)

    def wanted(self, on: tree.WaitEvent | tree.OnEvent) -> tuple[str, Expression]:
        """The field of an event that correlates, and what it must be: without a condition the subject and the key."""
        found = correlation(on.where, on.bind.text if on.bind else "")
        if found is None:
            key = self.flow.key
            assert on.where is None and key is not None
            found = "subject", key
        return found[0], self.value(found[1])

    def each(self, each: tree.ForEach, path: str, place: Place) -> ir.Each:
        yields = self.names.of(f"{each.variable.text}.yield")
        inside = replace(place.within(f"{self.local[id(each)]}[]"), yields=yields)
        return ir.Each(
            path,
            self.names.of(each.variable.text),
            self.value(each.items),
            each.parallel.value if each.parallel else 0,
            yields if any(isinstance(inner, tree.Yield) for inner in _of_this_loop(each.body)) else "",
            self.names.of(each.bind.text if each.bind else ""),
            self.block(each.body.statements, inside),
            each.at.text if each.at else "",
            place.firm.of(("", "ExpressionError")),
            doc=each.doc,
            span=each.span,
        )

    def repeat(self, repeat: tree.Repeat, path: str, place: Place) -> ir.Repeat:
        carried = []
        for one in repeat.carried:
            name = one.name.text
            carried.append(ir.Carried(self.names.of(name), self.value(one.value), self.names.of(f"{name}.next")))
        raised = [("", "ExpressionError"), ("", "LimitReached")]
        late: ir.Sequence | None = None
        if repeat.otherwise is not None:
            late = self.block(repeat.otherwise.statements, place.within())
            raised.pop()
        return ir.Repeat(
            path,
            tuple(carried),
            self.block(repeat.body.statements, place.within(f"{self.local[id(repeat)]}[]")),
            self.value(repeat.until),
            self.maybe(repeat.every),
            repeat.most.value,
            late,
            repeat.at.text if repeat.at else "",
            place.firm.of(*raised),
            doc=repeat.doc,
            span=repeat.span,
        )

    # ------------------------------------------------------------ scopes

    # ------------------------------------------------------------ other flows


def _of_this_loop(block: tree.Block) -> Iterator[tree.Statement]:
    """The statements of a loop's body but not those of the loops in it."""
    for statement in block.statements:
        yield statement
        if not isinstance(statement, tree.ForEach):
            for inner in blocks_of(statement):
                yield from _of_this_loop(inner)


def _guard(switch: tree.Switch, case: tree.Case) -> Expr:
    """The condition of a case; with a subject, that it equals one of the case's values."""
    if switch.subject is None:
        return case.values[0]
    tests: list[Expr] = [Binary("==", switch.subject, value, value.span) for value in case.values]
    guard = tests[0]
    for test in tests[1:]:
        guard = Binary("||", guard, test, test.span)
    return guard
