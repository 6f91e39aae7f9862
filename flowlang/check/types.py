"""Types: every value fits its place, every name that is read is there, and every path gives what the flow promises.

One walk in control order carries the names with their types (see `data`). An expression is typed by
`flowlang.expression.check`, and held against its place by `given`; here is what surrounds it: guards, cases, outputs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import assert_never

from flowlang.check.data import Known, Names, Way, come_together, optional
from flowlang.check.given import SUBJECT, Places
from flowlang.check.names import Arm, parts_of
from flowlang.check.resolve import Flows, data_of, output_of
from flowlang.check.switch import cases
from flowlang.check.walk import Listening, branch_body, loses
from flowlang.check.words.data import Unreachable
from flowlang.check.words.types import (
    LetOfTwoTypes,
    ManyReturns,
    MisplacedReturn,
    NoOutput,
    NoReturn,
    StartAndParameters,
    WrongType,
    YieldOfTwoTypes,
)
from flowlang.contract import Contracts, type_for
from flowlang.diagnostic import Diagnostic, Label
from flowlang.expression.check import bare, describe, type_of
from flowlang.expression.fit import common
from flowlang.expression.text import to_text
from flowlang.expression.tree import Binary, Expr, Ref
from flowlang.expression.types import (
    ANY,
    BOOL,
    DECIMAL,
    DURATION,
    INT,
    NULL,
    STRING,
    TIMESTAMP,
    Anything,
    Field,
    ListType,
    Maybe,
    Record,
    Type,
)
from flowlang.language import tree
from flowlang.lower.ends import needed

ERROR = Record(
    (
        Field("data", ANY, False),
        Field("message", STRING, True),
        Field("name", STRING, True),
        Field("path", STRING, True),
    ),
    "error",
)
"""What a `catch ... as e` names."""

KEYS: tuple[Type, ...] = (STRING, INT, DECIMAL)

MOST_RETURNS = 50
"""Each early return nests the rest of the flow one level deeper, and the phases walk it recursively."""

NoReturnHere = tuple[str, str]
"""Where and why a `return` would be out of place."""

FORK = "inside a fork", "branches run together, so one of them cannot end the flow for the others"
SCOPE = "in the body of a scope", "put it behind the scope, or in a case or handler"
LOOP = "inside a loop", "the loop has an end of its own; put it behind the loop"
BESIDE = "in a handler that runs alongside", "the body of the scope is still under way"
UNDO = "in a block that undoes a scope", "the flow has failed already when it runs"


def types(flow: tree.Flow, contracts: Contracts, flows: Flows) -> list[Diagnostic]:
    """Findings about types, and about values that are not there, in `flow`."""
    typing = _Typing(flow, contracts, flows)
    typing.flow_()
    return typing.found


class _Typing(Places):
    def __init__(self, flow: tree.Flow, contracts: Contracts, flows: Flows) -> None:
        super().__init__(flow, contracts, flows)
        self.returns = 0
        self.misplaced = 0
        self.yields: list[tuple[Expr, Type]] = []  # of the `for each` around
        self.carried: dict[str, Type] = {}  # of the `repeat` around

    def flow_(self) -> None:
        flow, names = self.flow, Names()
        for param in flow.params:
            self.define(names, param.name, type_for(param.type, self.contracts))
        if flow.start is not None:
            self.start(flow.start, names)
        if flow.key is not None:
            self.wanted(flow.key, names, KEYS, "the key", "a string or a number")
        ends = self.block(flow.body, names, None)
        if flow.output is not None and not ends:
            self.found.append(NoReturn(span=flow.output.span, type=f"`{flow.output.span.text}`"))

    def start(self, start: tree.Start, names: Names) -> None:
        if self.flow.params:
            first, last = self.flow.params[0].span, self.flow.params[-1].span
            related = (Label(start.event.span, "started by this event"),)
            self.found.append(StartAndParameters(span=first.to(last), related=related, event=start.event.value))
        if start.bind is not None:
            self.define(names, start.bind, data_of(start.event, self.contracts))
        if start.where is not None:
            self.wanted(start.where, names, (BOOL,), "`where`", "true or false")

    def define(self, names: Names, name: tree.Name, type: Type) -> None:
        """A name used twice is complained about by `names`; whatever is read of it then may be of either type."""
        twice = names.get(name.text) is not None
        names.own[name.text] = Known(ANY if twice else type, name.span)

    # ------------------------------------------------------------ statements: True when the flow never goes on after it

    def block(self, block: tree.Block, names: Names, no_return: NoReturnHere | None) -> bool:
        """`no_return` says where and why a `return` of this block would be out of place."""
        ended = said = False
        for number, statement in enumerate(block.statements):
            misplaced = self.misplaced
            if not self.statement(statement, names, no_return):
                continue
            ended = True
            # Without a `return` that was complained about, the flow may well go on here.
            if not said and self.misplaced == misplaced:
                said = True
                for behind in block.statements[number + 1 : number + 2]:
                    related = (Label(statement.span, "every path ends here"),)
                    self.found.append(Unreachable(span=behind.span, related=related))
        return ended

    def statement(self, statement: tree.Statement, names: Names, no_return: NoReturnHere | None) -> bool:
        match statement:
            case tree.Step():
                self.step(statement, names)
                return False
            case tree.Let():
                self.define(names, statement.name, self.typed(statement.value, names))
                return False
            case tree.Sequence():
                return self.block(statement.body, names, no_return)
            case tree.Fork():
                return self.fork(statement, names)
            case tree.Switch():
                return self.switch(statement, names, no_return)
            case tree.WaitEvent():
                return self.wait(statement, names, no_return)
            case tree.Race():
                return self.race(statement, names, no_return)
            case tree.ForEach():
                return self.each(statement, names)
            case tree.Repeat():
                return self.repeat(statement, names, no_return)
            case tree.Scope():
                return self.scope(statement, names, no_return)
            case tree.Wait(until=True):
                self.wanted(statement.time, names, (TIMESTAMP,), "what `wait until` waits for", "a timestamp")
                return False
            case tree.Wait():
                self.duration(statement.time, names, "what `wait` waits for")
                return False
            case tree.Commit():
                return False
            case tree.Orchestrate():
                return self.block(statement.body, names, no_return)
            case tree.Emit():
                data = data_of(statement.event, self.contracts)
                what = f"the event `{statement.event.value}`"
                self.fields(statement.data, data, what, statement.event.span, names)
                return False
            case tree.Fail():
                if statement.message is not None:
                    self.wanted(statement.message, names, (STRING,), "the message of `fail`", "a string")
                return True
            case tree.Return():
                self.returned(statement, names, no_return)
                return True
            case tree.Next():
                self.next(statement, names)
                return False
            case tree.Yield():
                self.yielded(statement, names)
                return False
            case _:
                assert_never(statement)

    def step(self, step: tree.Step, names: Names) -> None:
        self.call(step.call, names)
        self.define(names, step.name, output_of(step.call, self.contracts, self.flows))
        if isinstance(step.undo, tree.UndoBy):
            self.undoing = True
            self.call(step.undo.call, names)
            self.undoing = False

    def fork(self, fork: tree.Fork, names: Names) -> bool:
        going, losing = 0, loses(fork)
        outer, self.yields = self.yields, []  # out of place there, which is found by `loops`
        after: dict[str, Known] = {}
        for number, branch in enumerate(fork.branches):
            inside = Names(names)
            when = branch.when if isinstance(branch, tree.Branch) else None
            if when is not None:
                self.wanted(when, names, (BOOL,), "the condition of a branch", "true or false")
                inside = Names(self.narrowed(when, names, True))
            ends = self.arm(Arm(id(fork), "fork", number), branch_body(branch), inside, FORK)
            going += when is not None or not ends
            for name, known in inside.own.items():
                unset = when.span if when is not None else branch.span if losing else None
                after[name] = known if unset is None else optional(known, unset)
        names.own.update(after)
        self.yields = outer
        return going < needed(fork)

    def switch(self, switch: tree.Switch, names: Names, no_return: NoReturnHere | None) -> bool:
        subject = ANY if switch.subject is None else self.typed(switch.subject, names)
        ways: list[Way] = []
        rest = names  # what is known once no case so far was true
        for number, case in enumerate(switch.cases):
            inside = rest
            if switch.subject is None:
                for guard in case.values:
                    self.wanted(guard, rest, (BOOL,), "the guard of a case", "true or false")
                    inside, rest = self.narrowed(guard, rest, True), self.narrowed(guard, rest, False)
            else:
                self.compared(switch.subject, subject, case, names)
            ways.append(self.way(Arm(id(switch), "switch", number), case.body, Names(inside), no_return))
        if switch.default is not None:
            arm = Arm(id(switch), "switch", len(switch.cases))
            ways.append(self.way(arm, switch.default, Names(rest), no_return))
        self.found += cases(switch, subject)
        return self.together(names, ways)

    def compared(self, subject: Expr, kind: Type, case: tree.Case, names: Names) -> None:
        """The values of a case are typed as what they mean: `subject == value`. What is wrong with the subject was said."""
        for value in case.values:
            report = self.reported(value, names, to_text(subject))
            test = Binary("==", Ref(SUBJECT, subject.span), value, value.span)
            type_of(test, self.env(value, names) | {SUBJECT: bare(kind)}, report)

    def wait(self, wait: tree.WaitEvent, names: Names, no_return: NoReturnHere | None) -> bool:
        seen = Names(names)
        self.heard(wait, seen)
        ways = [Way(seen, False, wait.event.span)]
        if isinstance(wait.limit, tree.Within):
            self.duration(wait.limit.time, names, "the limit of a wait")
            late = Names(names)
            ends = self.arm(Arm(id(wait), "wait", 1), wait.limit.otherwise, late, no_return)
            ways.append(Way(late, ends, wait.limit.otherwise.span))
        return self.together(names, ways)

    def heard(self, listening: Listening, seen: Names) -> None:
        """The event's name goes into `seen`."""
        if listening.bind is not None:
            self.define(seen, listening.bind, data_of(listening.event, self.contracts))
        if listening.where is not None:
            self.wanted(listening.where, seen, (BOOL,), "`where`", "true or false")

    def handler(self, arm: Arm, handler: tree.OnEvent, names: Names, no_return: NoReturnHere | None) -> Way:
        self.arms = (*self.arms, arm)
        self.heard(handler, names)
        self.arms = self.arms[:-1]
        return self.way(arm, handler.body, names, no_return)

    def duration(self, time: Expr, names: Names, what: str) -> None:
        self.wanted(time, names, (DURATION,), what, "a duration such as `3d`")

    def race(self, race: tree.Race, names: Names, no_return: NoReturnHere | None) -> bool:
        ways = [
            self.handler(Arm(id(race), "race", number), alternative, Names(names), no_return)
            for number, alternative in enumerate(race.alternatives)
        ]
        if isinstance(race.limit, tree.After):
            self.duration(race.limit.time, names, "the time after `after`")
            arm = Arm(id(race), "race", len(race.alternatives))
            ways.append(self.way(arm, race.limit.body, Names(names), no_return))
        return bool(ways) and self.together(names, ways)

    def each(self, loop: tree.ForEach, names: Names) -> bool:
        kind = self.typed(loop.items, names)
        item: Type = ANY
        if isinstance(kind, Maybe) and isinstance(kind.item, ListType | Anything):
            self.absent(loop.items, "`for each`", names)
        kind = bare(kind)
        if isinstance(kind, ListType):
            item = kind.item
        elif not isinstance(kind, Anything):
            self.found.append(
                WrongType(
                    span=loop.items.span,
                    what="what `for each` goes over",
                    problem=f"it is {describe(kind)}, not a list",
                )
            )
        inside = Names(names)
        self.define(inside, loop.variable, item)
        outer, self.yields = self.yields, []
        outside, self.carried = self.carried, {}
        self.arm(Arm(id(loop), "each", 0), loop.body, inside, LOOP)
        yields, self.yields = self.yields, outer
        self.carried = outside
        if loop.bind is not None:
            self.define(names, loop.bind, ListType(self.collected(yields)))
        return False  # the list may be empty

    def yielded(self, statement: tree.Yield, names: Names) -> None:
        kind = self.typed(statement.value, names)
        if isinstance(kind, Maybe):
            self.absent(statement.value, "`yield`", names)
        self.yields.append((statement.value, bare(kind)))

    def collected(self, yields: list[tuple[Expr, Type]]) -> Type:
        """The common type of what a loop yields."""
        found: Type | None = None
        for expr, kind in yields:
            both = kind if found is None else common(found, kind)
            if both is None:
                first, known = yields[0]
                related = (Label(first.span, f"{describe(known)} here"),)
                self.found.append(
                    YieldOfTwoTypes(span=expr.span, related=related, here=describe(kind), there=describe(known))
                )
                return ANY
            found = both
        return ANY if found is None else found

    def repeat(self, loop: tree.Repeat, names: Names, no_return: NoReturnHere | None) -> bool:
        outside, self.carried = self.carried, {}
        for carried in loop.carried:
            kind = self.typed(carried.value, names)
            if isinstance(kind, Maybe) or kind == NULL:
                self.absent(carried.value, f"`{carried.name.text}`", names)
                kind = ANY if kind == NULL else bare(kind)
            self.carried[carried.name.text] = kind
        for carried in loop.carried:  # none sees another
            self.define(names, carried.name, self.carried[carried.name.text])
        outer, self.yields = self.yields, []  # out of place there, which is found by `loops`
        ended = self.block(loop.body, names, LOOP)
        self.yields = outer
        self.wanted(loop.until, names, (BOOL,), "`until`", "true or false")
        if loop.every is not None:
            self.duration(loop.every, names, "the pause of a `repeat`")
        self.carried = outside
        if loop.otherwise is not None:
            late = Names(names)
            ends = self.arm(Arm(id(loop), "repeat", 1), loop.otherwise, late, no_return)
            self.together(
                names, [Way(Names(names), ended, loop.until.span), Way(late, ends or ended, loop.otherwise.span)]
            )
        return ended

    def next(self, statement: tree.Next, names: Names) -> None:
        want = self.carried.get(statement.name.text)
        if want is None:
            self.typed(statement.value, names)  # what is wrong with its place is found by `loops`
        else:
            self.fit(
                statement.value,
                self.typed(statement.value, names),
                want,
                f"the next `{statement.name.text}`",
                names,
                None,
            )

    def scope(self, scope: tree.Scope, names: Names, no_return: NoReturnHere | None) -> bool:
        ways: list[Way] = []
        yields = self.yields
        for arm, part in parts_of(scope):
            inside = Names(names)
            match part:
                case tree.Block() if arm.kind == "undo":
                    continue  # it sees what the other parts leave behind
                case tree.Block():
                    body = part is scope.body
                    if not body and scope.limit is not None:
                        self.duration(scope.limit.time, names, "the limit of a scope")
                    ways.append(self.way(arm, part, inside, (no_return or SCOPE) if body else no_return))
                case tree.Catch():
                    if part.bind is not None:
                        self.define(inside, part.bind, ERROR)
                    ways.append(self.way(arm, part.body, inside, no_return))
                case tree.OnEvent(alongside=True):
                    self.yields = []  # out of place there
                    self.handler(arm, part, inside, no_return if no_return in (FORK, LOOP) else BESIDE)
                    self.yields = yields
                case tree.OnEvent():
                    ways.append(self.handler(arm, part, inside, no_return))
                case _:
                    assert_never(part)
        ended = self.together(names, ways)
        self.yields = []  # out of place there
        for arm, part in parts_of(scope):
            if isinstance(part, tree.Block) and arm.kind == "undo":
                self.way(arm, part, Names(names), no_return if no_return in (FORK, LOOP) else UNDO)
        self.yields = yields
        return ended

    def way(self, arm: Arm, body: tree.Block, names: Names, no_return: NoReturnHere | None) -> Way:
        # A case in the body of a scope is a case again: only a fork around it forbids its `return`.
        no_return = None if no_return is SCOPE and arm.kind not in ("scope", "alongside") else no_return
        return Way(names, self.arm(arm, body, names, no_return), body.span)

    def arm(self, arm: Arm, body: tree.Block, names: Names, no_return: NoReturnHere | None) -> bool:
        self.arms = (*self.arms, arm)
        ends = self.block(body, names, no_return)
        self.arms = self.arms[:-1]
        return ends

    def together(self, names: Names, ways: Iterable[Way]) -> bool:
        ends, differing = come_together(names, ways)
        for name, one, other in differing:
            names.own[name] = replace(names.own[name], type=ANY)
            lets = [each.name.span for each in self.declared[name] if each.what == "let"]
            if one.span not in lets or other.span not in lets:
                continue  # nothing but a `let` may be repeated: `names` complains
            related = (Label(one.span, f"{describe(one.type)} here"),)
            self.found.append(
                LetOfTwoTypes(
                    span=other.span, related=related, name=name, here=describe(other.type), there=describe(one.type)
                )
            )
        return ends

    def returned(self, statement: tree.Return, names: Names, no_return: NoReturnHere | None) -> None:
        self.misplaced += no_return is not None
        if self.flow.output is None:
            self.typed(statement.value, names)
            self.found.append(NoOutput(span=statement.span, flow=self.flow.name.text))
            return
        self.returns += 1
        if self.returns == MOST_RETURNS + 1:
            self.found.append(ManyReturns(span=statement.span, limit=MOST_RETURNS))
        if no_return is not None:
            where, why = no_return
            self.found.append(MisplacedReturn(span=statement.span, where=where, why=why))
        output = type_for(self.flow.output, self.contracts)
        self.given(statement.value, output, "the output", names)
