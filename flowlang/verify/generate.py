"""Random flows over every statement, well-formed by construction: names are defined where they are read, guarded where
they may be absent, and errors are caught where they can be raised.

`flow(choices)` draws a tree; `CONTRACTS` is the contract set that it is written against. The simplest draws (zeros) give
the smallest flow, so `choices.shrink` finds small examples.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from flowlang.expression.tree import Binary, Entry, Expr, Function, Literal, MapOf, Method, Ref, Select, Ternary, Unary
from flowlang.language import tree
from flowlang.source import Source, Span
from flowlang.values import Duration
from flowlang.verify.choices import Choices

SERVICES = ("alpha", "beta", "gamma", "delta")

_RECORD = "{ type: object, required: [v], properties: { v: { type: integer }, w: { type: integer } } }"
_INPUT = "{ type: object, required: [x], properties: { x: { type: integer }, y: { type: integer } } }"
_ORDER = "{ type: object, required: [id, n], properties: { id: { type: string }, n: { type: integer }, m: { type: integer } } }"
_DATA = "{ type: object, required: [key, n], properties: { key: { type: string }, n: { type: integer } } }"


def contract(service: str) -> str:
    """The contract of one of the services that generated flows use."""
    heard = ", ".join(f"{other}.told" for other in SERVICES if other != service)
    schemas = f"schemas:\n  Order: {_ORDER}\n" if service == SERVICES[0] else ""
    return (
        f"service: {service}\noperations:\n"
        f"  act: {{ input: {_INPUT}, output: {_RECORD}, errors: {{ E0: zero, E1: one }} }}\n"
        f"  undo: {{ input: {_INPUT} }}\n"
        f"  read: {{ effect: none, input: {_INPUT}, output: {_RECORD}, errors: {{ E0: zero }} }}\n"
        f"events:\n  {service}.told: {{ data: {_DATA}, keep: 7d, to: all }}\n"
        f"hears: [{heard}]\n{schemas}"
    )


CONTRACTS = {f"{service}.yaml": contract(service) for service in SERVICES}

_SPAN = Span(Source("generated.flow", ""), 0, 0)


@dataclass(frozen=True, slots=True)
class Known:
    """A name in scope. `kind` is `int`, `record` (a result), `event` or `error`; `sure` false when it may be absent."""

    name: str
    kind: str
    sure: bool


Scope = tuple[Known, ...]


def flow(choices: Choices, depth: int = 3) -> tree.Flow:
    """A random flow whose blocks nest up to `depth` deep."""
    return _Generator(choices, depth).flow()


def _name(text: str) -> tree.Name:
    return tree.Name(text, _SPAN)


def _block(statements: list[tree.Statement]) -> tree.Block:
    return tree.Block(tuple(statements), _SPAN)


def _number(value: int) -> Expr:
    return Literal(value, _SPAN)


def _select(of: Expr, name: str, optional: bool = False) -> Expr:
    return Select(of, name, optional, _SPAN, _SPAN)


def _unsure(names: Scope) -> Scope:
    return tuple(replace(known, sure=False) for known in names)


@dataclass(slots=True)
class _Generator:
    choices: Choices
    depth: int
    counts: dict[str, int] = field(default_factory=dict)
    returns: bool = False
    services: set[str] = field(default_factory=set)  # that take part so far

    def flow(self) -> tree.Flow:
        self.returns = self.choices.chance(60)
        statements, _, ended = self.statements((), self.depth, may_return=True)
        if self.returns and not ended:
            statements.append(tree.Return(self.number(()), None, _SPAN))
        order = tree.Param(_name("order"), tree.NamedType(None, _name("Order"), _SPAN), _SPAN)
        key = _select(Ref("order", _SPAN), "id")
        uses = (tree.Use("contracts", (tree.Text("*.yaml", _SPAN),), _SPAN),)
        output = tree.NamedType(None, _name("int"), _SPAN) if self.returns else None
        owner = self.one_taking_part() if self.services else None
        return tree.Flow(
            _name("generated"), uses, (order,), output, None, key, owner, None, _block(statements), None, _SPAN
        )

    def fresh(self, prefix: str) -> str:
        self.counts[prefix] = self.counts.get(prefix, 0) + 1
        return f"{prefix}{self.counts[prefix]}"

    # ------------------------------------------------------------ expressions

    def number(self, scope: Scope) -> Expr:
        """A whole number; now and then one that can't be evaluated."""
        form = self.choices.weighted(
            ((3, "literal"), (2, "order"), (6, "name"), (3, "sum"), (1, "divide"), (1, "maybe"))
        )
        if form == "order":
            return _select(Ref("order", _SPAN), "n")
        if form == "maybe":
            return Method(
                _select(Ref("order", _SPAN), "m", optional=True),
                "orValue",
                (_number(self.choices.below(4)),),
                _SPAN,
                _SPAN,
            )
        if form == "sum":
            return Binary("+", self.number(scope), _number(1 + self.choices.below(3)), _SPAN)
        if form == "divide":
            return Binary("/", _number(7), self.divisor(scope), _SPAN)
        if form == "name" and scope:
            return self.read(self.choices.pick(scope))
        return _number(self.choices.below(4))

    def divisor(self, scope: Scope) -> Expr:
        """A number that may be zero, which only a run can tell."""
        if scope:
            return self.read(self.choices.pick(scope))
        return Binary("%", _select(Ref("order", _SPAN), "n"), _number(2), _SPAN)

    def read(self, known: Known) -> Expr:
        """The number in a name, guarded where the name may be absent."""
        ref = Ref(known.name, _SPAN)
        if known.kind == "error":
            return Function("size", (_select(ref, "name"),), _SPAN, _SPAN)
        value = ref if known.kind == "int" else _select(ref, "n" if known.kind == "event" else "v")
        if known.kind == "record" and known.sure and self.choices.chance(20):
            value = Method(_select(ref, "w", optional=True), "orValue", (_number(1),), _SPAN, _SPAN)
        if known.sure:
            return value
        return Ternary(Function("has", (ref,), _SPAN, _SPAN), value, _number(self.choices.below(3)), _SPAN)

    def guard(self, scope: Scope) -> Expr:
        form = self.choices.weighted(((4, "compare"), (2, "even"), (1, "has"), (1, "and"), (1, "not")))
        unsure = [known for known in scope if not known.sure]
        if form == "has" and unsure:
            return Function("has", (Ref(self.choices.pick(unsure).name, _SPAN),), _SPAN, _SPAN)
        if form == "even":
            return Binary("==", Binary("%", self.number(scope), _number(2), _SPAN), _number(0), _SPAN)
        if form == "and":
            return Binary("&&", self.guard(scope), self.guard(scope), _SPAN)
        if form == "not":
            return Unary("!", self.guard(scope), _SPAN)
        return Binary(self.choices.pick((">", "<=")), self.number(scope), _number(self.choices.below(3)), _SPAN)

    def args(self, scope: Scope, extra: Expr | None = None) -> tree.NamedArgs:
        entries = [Entry("x", self.number(scope), _SPAN)]
        if extra is not None:
            entries.append(Entry("y", extra, _SPAN))
        return tree.NamedArgs(MapOf(tuple(entries), _SPAN), _SPAN)

    def at(self) -> tree.Name | None:
        return self.one_taking_part() if self.services and self.choices.chance(20) else None

    def one_taking_part(self) -> tree.Name:
        return _name(self.choices.pick(sorted(self.services)))

    # ------------------------------------------------------------ statements

    def statements(
        self, scope: Scope, depth: int, may_return: bool = False, least: int = 1
    ) -> tuple[list[tree.Statement], Scope, bool]:
        """Some statements, the names that they add, and whether nothing can follow them."""
        found: list[tree.Statement] = []
        added: Scope = ()
        for _ in range(least + self.choices.below(3)):
            statement, names, ended = self.statement((*scope, *added), depth, may_return)
            found.append(statement)
            added += names
            if ended:
                return found, added, True
        return found, added, False

    def statement(self, scope: Scope, depth: int, may_return: bool) -> tuple[tree.Statement, Scope, bool]:
        simple = [(30, "step"), (5, "let"), (4, "emit")]
        nested = [(6, "sequence"), (12, "fork"), (10, "switch"), (8, "wait"), (12, "scope")]
        kind = self.choices.weighted(simple if depth <= 0 else simple + nested)
        if depth < self.depth and self.choices.chance(6):
            kind = "return" if may_return and self.returns and self.choices.chance(50) else "fail"
        match kind:
            case "step":
                return self.step(scope)
            case "let":
                name = self.fresh("n")
                return tree.Let(_name(name), self.number(scope), None, _SPAN), (Known(name, "int", True),), False
            case "emit":
                return self.emit(scope), (), False
            case "sequence":
                body, names, ended = self.statements(scope, depth - 1, least=2)
                return tree.Sequence(_block(body), None, _SPAN), names, ended
            case "fork":
                return self.fork(scope, depth)
            case "switch":
                return self.switch(scope, depth, may_return)
            case "wait":
                return self.wait(scope, depth, may_return)
            case "scope":
                return self.scope(scope, depth, may_return)
            case "return":
                return tree.Return(self.number(scope), None, _SPAN), (), True
            case _:
                message = Literal("why", _SPAN) if self.choices.chance(40) else None
                return tree.Fail(_name(self.choices.pick(("F0", "F1"))), message, None, _SPAN), (), True

    def step(self, scope: Scope) -> tuple[tree.Statement, Scope, bool]:
        name, service = self.fresh("s"), _name(self.choices.pick(SERVICES))
        self.services.add(service.text)
        operation = self.choices.weighted(((5, "act"), (2, "read")))
        call = tree.Call(service, _name(operation), self.args(scope), _SPAN)
        undo: tree.UndoBy | tree.UndoNone | None = None
        if operation == "act":
            undo = tree.UndoNone(_SPAN)
            if not self.choices.chance(15):
                own = _select(Ref(name, _SPAN), "v") if self.choices.chance(25) else None
                undo = tree.UndoBy(tree.Call(service, _name("undo"), self.args(scope, own), _SPAN), _SPAN)
        step = tree.Step(_name(name), call, undo, None, None, None, _SPAN)
        return step, (Known(name, "record", True),), False

    def emit(self, scope: Scope) -> tree.Statement:
        data = MapOf(
            (Entry("key", _select(Ref("order", _SPAN), "id"), _SPAN), Entry("n", self.number(scope), _SPAN)), _SPAN
        )
        return tree.Emit(tree.Text(f"{self.choices.pick(SERVICES)}.told", _SPAN), data, None, _SPAN)

    def fork(self, scope: Scope, depth: int) -> tuple[tree.Statement, Scope, bool]:
        branches: list[tree.Branch | tree.Statement] = []
        added: Scope = ()
        fails = False
        for _ in range(2 + self.choices.below(2)):
            if self.choices.chance(50):
                body, names, ended = self.statements(scope, depth - 1)
                when = self.guard(scope) if self.choices.chance(20) else None
                branches.append(tree.Branch(_name(self.fresh("b")), when, _block(body), None, _SPAN))
                added += names if when is None else () if ended else _unsure(names)
                fails = fails or (ended and when is None)
            else:
                statement, names, ended = self.statement(scope, depth - 1, False)
                branches.append(statement)
                added += names
                fails = fails or ended
        return tree.Fork(self.at(), tuple(branches), "all", None, _SPAN), added, fails

    def switch(self, scope: Scope, depth: int, may_return: bool) -> tuple[tree.Statement, Scope, bool]:
        subject = self.number(scope) if self.choices.chance(30) else None
        shared = self.fresh("n") if self.choices.chance(40) else None
        bodies: list[list[tree.Statement]] = []
        added: Scope = ()
        all_ended = True
        count = 1 + self.choices.below(3)
        for _ in range(count + 1):
            least = self.choices.pick((1, 0))
            body, names, ended = self.statements(scope, depth - 1, may_return, least)
            if shared and not ended:
                body.append(tree.Let(_name(shared), self.number((*scope, *names)), None, _SPAN))
            bodies.append(body)
            added += () if ended else _unsure(names)
            all_ended = all_ended and ended
        cases = tuple(
            tree.Case(self.values(subject, scope, number), _block(body), None, _SPAN)
            for number, body in enumerate(bodies[:-1])
        )
        if shared and not all_ended:
            added += (Known(shared, "int", True),)
        return tree.Switch(subject, self.at(), cases, _block(bodies[-1]), None, _SPAN), added, all_ended

    def values(self, subject: Expr | None, scope: Scope, number: int) -> tuple[Expr, ...]:
        if subject is None:
            return (self.guard(scope),)
        return (_number(2 * number), _number(2 * number + 1)) if self.choices.chance(40) else (_number(2 * number),)

    def wait(self, scope: Scope, depth: int, may_return: bool) -> tuple[tree.Statement, Scope, bool]:
        name = self.fresh("e")
        bind = Ref(name, _SPAN)
        where: Expr = Binary("==", _select(bind, "key"), _select(Ref("order", _SPAN), "id"), _SPAN)
        if self.choices.chance(40):
            where = Binary("&&", where, Binary(">", _select(bind, "n"), _number(self.choices.below(3)), _SPAN), _SPAN)
        limit: tree.Within | tree.Forever = tree.Forever(_SPAN)
        added: Scope = (Known(name, "event", True),)
        if self.choices.chance(70):
            body, names, ended = self.statements(scope, depth - 1, may_return)
            limit = tree.Within(Literal(Duration(60_000 * (1 + self.choices.below(5))), _SPAN), _block(body), _SPAN)
            added = added if ended else (*_unsure(added), *_unsure(names))
        event = tree.Text(f"{self.choices.pick(SERVICES)}.told", _SPAN)
        return tree.WaitEvent(event, _name(name), where, None, limit, None, _SPAN), added, False

    def scope(self, scope: Scope, depth: int, may_return: bool) -> tuple[tree.Statement, Scope, bool]:
        body, names, ended = self.statements(scope, depth - 1)
        catches: list[tree.Catch] = []
        added, all_ended = () if ended else _unsure(names), ended
        for errors in self.choices.pick((((),), (("Timeout",), ()), (("ExpressionError", "Timeout"),))):
            bind = self.fresh("x") if self.choices.chance(50) else ""
            seen = (*scope, Known(bind, "error", True)) if bind else scope
            handled, more, handler_ended = self.statements(seen, depth - 1, may_return, self.choices.pick((1, 0)))
            refs = tuple(tree.ErrorRef(None, _name(error), _SPAN) for error in errors)
            catches.append(tree.Catch(refs, _name(bind) if bind else None, _block(handled), None, _SPAN))
            added += () if handler_ended else _unsure(more)
            all_ended = all_ended and handler_ended
        name = _name(self.fresh("k"))
        return tree.Scope(name, self.at(), _block(body), tuple(catches), None, _SPAN), added, all_ended
