"""The tree becomes the kernel: sugar ends here, and every block gets its path.

The tree has been checked, so what is not there can't be asked for. What is sugar, and for what:

    sequence { ... }              its statements
    branch N when e { ... }       a branch with one switch
    switch e { case a, b -> }     guards `e == a || e == b`; cases that cover an enum need no else, the last one is it
    scope without a catch         its statements
    wait for event                a race with one event
    return e                      the value `return`, after which nothing follows: the rest of the flow moves into the one
                                  arm that goes on, or behind a switch on whether there is a `return` already
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from flowlang import ir
from flowlang.contract import Contracts, OperationEntry, schema_for
from flowlang.declared import EventType, Schema, Undo
from flowlang.event import UNDO_BACKOFF_MAX, UNDO_BACKOFF_MIN, UNDO_LIMIT, Policy
from flowlang.expression.correlation import correlation
from flowlang.expression.names import free_names
from flowlang.expression.text import to_text
from flowlang.expression.tree import Binary, Expr, Expression, Function, MapOf, Ref
from flowlang.language import tree


def lower(flow: tree.Flow, contracts: Contracts) -> ir.Flow:
    """The kernel of `flow`, which `check` has found without errors against `contracts`."""
    lowering = _Lowering(flow, contracts, _paths(flow))
    begin = None
    if flow.start is not None:
        bind = flow.start.bind.text if flow.start.bind else ""
        begin = ir.Begin(lowering.event(flow.start.event), bind, _maybe(flow.start.where))
    params = tuple(
        ir.Param(p.name.text, schema_for(p.type, contracts), not isinstance(p.type, tree.OptionalType))
        for p in flow.params
    )
    return ir.Flow(
        flow.name.text,
        flow.owner.text if flow.owner else _first_service(flow.body, contracts),
        params,
        lowering.output,
        _maybe(flow.key),
        begin,
        lowering.block(flow.body.statements),
        flow.version.value if flow.version else "",
        flow.doc,
    )


def expression(tree: Expr) -> Expression:
    """An expression with its text."""
    return Expression(to_text(tree), tree)


def _maybe(tree: Expr | None) -> Expression | None:
    return None if tree is None else expression(tree)


def _first_service(body: tree.Block, contracts: Contracts) -> str:
    """The service of the first step; of a flow without steps, the one whose event it says or hears first."""
    for statement in _statements(body):
        if isinstance(statement, tree.Step):
            return statement.call.service.text
    for statement in _statements(body):
        if isinstance(statement, tree.Emit | tree.WaitEvent):
            return contracts.events[statement.event.value].event.service
    return next(iter(contracts.services), "nobody")


# ---------------------------------------------------------------- paths


def _statements(block: tree.Block) -> Iterator[tree.Statement]:
    """Every statement of `block`, outer before inner, in source order."""
    for statement in block.statements:
        yield statement
        for inner in blocks_of(statement):
            yield from _statements(inner)


def blocks_of(statement: tree.Statement) -> Iterator[tree.Block]:
    """The blocks directly inside a statement, in source order; a bare statement in a fork is a block of its own."""
    match statement:
        case tree.Step() | tree.Let() | tree.Emit() | tree.Fail() | tree.Return():
            return
        case tree.Sequence():
            yield statement.body
        case tree.Fork():
            for branch in statement.branches:
                yield branch.body if isinstance(branch, tree.Branch) else tree.Block((branch,), branch.span)
        case tree.Switch():
            yield from (case.body for case in statement.cases)
            if statement.default is not None:
                yield statement.default
        case tree.WaitEvent():
            if isinstance(statement.limit, tree.Within):
                yield statement.limit.otherwise
        case tree.Scope():
            yield statement.body
            yield from (catch.body for catch in statement.catches)
        case _:
            assert_never(statement)


def _paths(flow: tree.Flow) -> dict[int, str]:
    """The path of every statement (and of every conditional branch) by identity, numbered in source order: `fork1`,
    `switch2` for what has no name, `rate~2` for a value that another arm names too."""
    found: dict[int, str] = {}
    taken: dict[str, int] = {}
    declared = {name for statement in _statements(flow.body) for name in _names_of(statement)}

    def unnamed(kind: str) -> str:
        taken[kind] = taken.get(kind, 0) + 1
        return unnamed(kind) if f"{kind}{taken[kind]}" in declared else f"{kind}{taken[kind]}"

    def repeated(name: str) -> str:
        taken[name] = taken.get(name, 0) + 1
        return name if taken[name] == 1 else f"{name}~{taken[name]}"

    for statement in _statements(flow.body):
        match statement:
            case tree.Step() | tree.Scope():
                name = statement.name.text
            case tree.Let():
                name = repeated(statement.name.text)
            case tree.WaitEvent():
                name = repeated(statement.bind.text) if statement.bind else unnamed("wait")
            case tree.Return():
                name = repeated("return")
            case tree.Fork():
                name = unnamed("fork")
                for branch in statement.branches:
                    if isinstance(branch, tree.Branch):
                        found[id(branch)] = f"{flow.name.text}/{branch.name.text}"
            case tree.Sequence() | tree.Switch() | tree.Emit() | tree.Fail():
                name = unnamed(type(statement).__name__.lower())
            case _:
                assert_never(statement)
        found[id(statement)] = f"{flow.name.text}/{name}"
    return found


def _names_of(statement: tree.Statement) -> Iterator[str]:
    """The names that a statement declares, blocks and branches included."""
    match statement:
        case tree.Step() | tree.Let() | tree.Scope():
            yield statement.name.text
        case tree.WaitEvent() if statement.bind:
            yield statement.bind.text
        case tree.Fork():
            yield from (branch.name.text for branch in statement.branches if isinstance(branch, tree.Branch))
        case _:
            pass


# ---------------------------------------------------------------- statements


@dataclass(slots=True)
class _Lowering:
    flow: tree.Flow
    contracts: Contracts
    paths: dict[int, str]
    rests: int = 0
    output: Schema | None = field(init=False)

    def __post_init__(self) -> None:
        self.output = None if self.flow.output is None else schema_for(self.flow.output, self.contracts)

    def event(self, text: tree.Text) -> EventType:
        return self.contracts.events[text.value].event

    def block(self, statements: Sequence[tree.Statement]) -> ir.Sequence:
        """Statements one after another; what follows a `return` on some way moves to where it can still happen."""
        items: list[ir.Node] = []
        todo = [inner for statement in statements for inner in _flat(statement)]
        for position, statement in enumerate(todo):
            rest = todo[position + 1 :]
            if rest and _returns(statement):
                items += self.with_rest(statement, rest)
                break
            items += self.statement(statement, {})
            if _ends(statement):
                break  # nothing that follows can be reached
        return ir.Sequence(tuple(items))

    def with_rest(self, statement: tree.Statement, rest: list[tree.Statement]) -> list[ir.Node]:
        arms = list(_arms(statement))
        going_on = [number for number, arm in enumerate(arms) if not _all_end(arm)]
        if not going_on:
            return self.statement(statement, {})
        if len(going_on) == 1 and isinstance(statement, tree.Switch | tree.WaitEvent):
            return self.statement(statement, {going_on[0]: rest})
        path, span = self.rest_path(), statement.span
        done = expression(Function("has", (Ref("return", span),), span, span))
        following = next((s for block in rest for s in _first_steps(block)), None)
        arms_of_rest = (ir.Arm(done, ir.Sequence(())), ir.Arm(None, self.block(rest)))
        return [*self.statement(statement, {}), ir.Switch(path, arms_of_rest, following or "", drawn=False, span=span)]

    def rest_path(self) -> str:
        """The path of the next synthetic switch; numbered before what is inside it."""
        self.rests += 1
        path = f"{self.flow.name.text}/rest{self.rests}"
        return self.rest_path() if path in self.paths.values() else path

    def statement(self, statement: tree.Statement, rest: dict[int, list[tree.Statement]]) -> list[ir.Node]:
        """The kernel nodes of one statement; `rest` is what follows inside one of its arms, by the arm's position."""
        path = self.paths[id(statement)]
        match statement:
            case tree.Step():
                return [self.step(statement, path)]
            case tree.Let():
                value = expression(statement.value)
                return [ir.Let(path, statement.name.text, value, None, statement.doc, statement.span)]
            case tree.Sequence():
                return list(self.block(statement.body.statements).items)
            case tree.Fork():
                return self.fork(statement, path)
            case tree.Switch():
                return [self.switch(statement, path, rest)]
            case tree.WaitEvent():
                return [self.wait(statement, path, rest)]
            case tree.Scope():
                return self.scope(statement, path)
            case tree.Emit():
                data = expression(statement.data or MapOf((), statement.span))
                return [ir.Emit(path, self.event(statement.event), data, statement.doc, statement.span)]
            case tree.Fail():
                return [ir.Fail(path, statement.error.text, _maybe(statement.message), statement.doc, statement.span)]
            case tree.Return():
                value = expression(statement.value)
                return [ir.Let(path, "return", value, self.output, statement.doc, statement.span)]
            case _:
                assert_never(statement)

    def step(self, step: tree.Step, path: str) -> ir.Step:
        entry = self.contracts.services[step.call.service.text].operations[step.call.operation.text]
        undo = None
        if isinstance(step.undo, tree.UndoBy):
            call = step.undo.call
            by = self.contracts.services[call.service.text].operations[call.operation.text]
            given = _input(call)
            undo = Undo(by.operation, given, step.name.text in free_names(given.tree), _undo_policy(by))
        policy = _policy(step, entry.timeout_ms, entry.operation.idempotent)
        uncompensated = isinstance(step.undo, tree.UndoNone)
        return ir.Step(
            path,
            step.name.text,
            entry.operation,
            _input(step.call),
            policy,
            undo,
            uncompensated,
            step.doc,
            step.span,
        )

    def fork(self, fork: tree.Fork, path: str) -> list[ir.Node]:
        branches = []
        for branch in fork.branches:
            if not isinstance(branch, tree.Branch):
                branches.append(ir.Branch("", self.block((branch,)), None))
                continue
            body = self.block(branch.body.statements)
            if branch.when is not None:
                arms = (ir.Arm(expression(branch.when), body), ir.Arm(None, ir.Sequence(())))
                body = ir.Sequence((ir.Switch(self.paths[id(branch)], arms, "", span=branch.span),))
            branches.append(ir.Branch(branch.name.text, body, branch.doc))
        alive = tuple(branch for branch in branches if branch.body.items)
        at = fork.at.text if fork.at else ""
        return [ir.Fork(path, alive, fork.join, at, fork.doc, fork.span)] if alive else []

    def switch(self, switch: tree.Switch, path: str, rest: dict[int, list[tree.Statement]]) -> ir.Switch:
        arms = []
        for number, case in enumerate(switch.cases):
            body = self.block((*case.body.statements, *rest.get(number, ())))
            covering = switch.default is None and number == len(switch.cases) - 1
            arms.append(ir.Arm(None if covering else expression(_guard(switch, case)), body, case.doc))
        if switch.default is not None:
            arms.append(ir.Arm(None, self.block((*switch.default.statements, *rest.get(len(arms), ()))), None))
        at = switch.at.text if switch.at else ""
        return ir.Switch(path, tuple(arms), at, _maybe(switch.subject), True, switch.doc, switch.span)

    def wait(self, wait: tree.WaitEvent, path: str, rest: dict[int, list[tree.Statement]]) -> ir.Race:
        bind = wait.bind.text if wait.bind else ""
        assert wait.where is not None or self.flow.key is not None
        wanted, value = correlation(wait.where, bind) or ("subject", self.flow.key)
        assert value is not None
        taken = self.block(rest.get(0, ()))
        alternative = ir.Alternative(self.event(wait.event), bind, wanted, expression(value), _maybe(wait.where), taken)
        after, late = None, ir.Sequence(())
        if isinstance(wait.limit, tree.Within):
            after = expression(wait.limit.time)
            late = self.block((*wait.limit.otherwise.statements, *rest.get(1, ())))
        at = wait.at.text if wait.at else ""
        return ir.Race(path, (alternative,), after, late, at, wait.doc, wait.span)

    def scope(self, scope: tree.Scope, path: str) -> list[ir.Node]:
        body = self.block(scope.body.statements)
        if not scope.catches or not body.items:
            return list(body.items)
        handlers = tuple(
            ir.Handler(
                tuple((e.service.text if e.service else "", e.name.text) for e in catch.errors),
                catch.bind.text if catch.bind else "",
                self.block(catch.body.statements),
                catch.doc,
            )
            for catch in scope.catches
        )
        return [ir.Catch(path, body, handlers, scope.at.text if scope.at else "", scope.doc, scope.span)]


def _input(call: tree.Call) -> Expression:
    match call.args:
        case tree.NamedArgs():
            return expression(call.args.map)
        case tree.Whole():
            return expression(call.args.value)
        case None:
            return expression(MapOf((), call.span))
        case _:
            assert_never(call.args)


def _policy(step: tree.Step, contract_timeout: int | None, idempotent: bool) -> Policy:
    """How often and how long: the step's words, else its contract's, else the defaults of the language."""
    usual = Policy()
    timeout = step.timeout.value.ms if step.timeout else contract_timeout or usual.timeout
    retry = step.retry
    if retry is None:
        return Policy(timeout=timeout, idempotent=idempotent)
    low, high = (t.value.ms for t in retry.backoff) if retry.backoff else (usual.backoff_min, usual.backoff_max)
    errors = tuple(sorted({error.name.text for error in retry.errors})) or usual.errors
    return Policy(retry.limit.value, low, high, errors, timeout, idempotent)


def _undo_policy(by: OperationEntry) -> Policy:
    """A compensation is tried often, under one key, whatever it fails with."""
    timeout = by.timeout_ms or Policy().timeout
    return Policy(UNDO_LIMIT, UNDO_BACKOFF_MIN, UNDO_BACKOFF_MAX, (), timeout, by.operation.idempotent)


def _guard(switch: tree.Switch, case: tree.Case) -> Expr:
    """The condition of a case; with a subject, that it equals one of the case's values."""
    if switch.subject is None:
        return case.values[0]
    tests: list[Expr] = [Binary("==", switch.subject, value, value.span) for value in case.values]
    guard = tests[0]
    for test in tests[1:]:
        guard = Binary("||", guard, test, test.span)
    return guard


# ---------------------------------------------------------------- where the flow ends


def _flat(statement: tree.Statement) -> Iterator[tree.Statement]:
    """The statement, or what stands for it where it only groups: `sequence`, and a scope without a catch."""
    plain = isinstance(statement, tree.Sequence) or (isinstance(statement, tree.Scope) and not statement.catches)
    if plain and isinstance(statement, tree.Sequence | tree.Scope):
        for inner in statement.body.statements:
            yield from _flat(inner)
    else:
        yield statement


def _returns(statement: tree.Statement) -> bool:
    """Whether a `return` stands somewhere in it."""
    return isinstance(statement, tree.Return) or any(
        _returns(inner) for block in blocks_of(statement) for inner in block.statements
    )


def _arms(statement: tree.Statement) -> Iterator[Sequence[tree.Statement]]:
    """The exclusive ways through a statement: cases and else, event and time limit, body and handlers."""
    if isinstance(statement, tree.WaitEvent):
        yield ()
    yield from (block.statements for block in blocks_of(statement))


def _all_end(statements: Sequence[tree.Statement]) -> bool:
    return any(_ends(statement) for statement in statements)


def _ends(statement: tree.Statement) -> bool:
    """Whether nothing can follow a statement, because every way through it returns or fails."""
    match statement:
        case tree.Return() | tree.Fail():
            return True
        case tree.Step() | tree.Let() | tree.Emit() | tree.WaitEvent():
            return False
        case tree.Sequence():
            return _all_end(statement.body.statements)
        case tree.Fork():
            return any(_all_end(block.statements) for block in blocks_of(statement))
        case tree.Switch() | tree.Scope():
            return all(_all_end(arm) for arm in _arms(statement))
        case _:
            assert_never(statement)


def _first_steps(statement: tree.Statement) -> Iterator[str]:
    for inner in _statements(tree.Block((statement,), statement.span)):
        if isinstance(inner, tree.Step):
            yield inner.call.service.text
