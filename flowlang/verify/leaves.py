"""What a random flow is drawn with: where a statement stands, what is known of the flow so far, and the statements that
contain no others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace

from flowlang.expression.tree import Entry, MapOf
from flowlang.language import tree
from flowlang.values import Duration
from flowlang.verify.choices import Choices
from flowlang.verify.raised import ref as error
from flowlang.verify.terms import SERVICES, SPAN, Known, Scope, Terms, literal, name, ref, select, text

Made = tuple[tree.Statement, Scope, bool]  # a statement, the names that it adds, whether nothing can follow it


@dataclass(slots=True)
class Pair:
    """What is wanted of a flow: a block of the kind `outer` with one of the kind `inner` at its place `place`."""

    outer: str
    place: str
    inner: str
    placed: bool = False


@dataclass(frozen=True, slots=True)
class Here:
    """Where a statement stands: the names that it sees, how much deeper it may go, whether it may return, whether it stands
    after a commit or in a compensation block so that it may not fail, and whether it is in the flow's own body."""

    names: Scope
    depth: int
    returns: bool = False
    firm: bool = False
    undoing: bool = False
    top: bool = False

    def plus(self, names: Scope) -> Here:
        return replace(self, names=(*self.names, *names))

    def inside(self, returns: bool = False, firm: bool | None = None, undoing: bool = False) -> Here:
        """In a block of the statement that stands here."""
        return replace(
            self,
            depth=self.depth - 1,
            returns=self.returns and returns,
            firm=self.firm if firm is None else firm,
            undoing=self.undoing or undoing,
            top=False,
        )


def block_of(statements: list[tree.Statement]) -> tree.Block:
    return tree.Block(tuple(statements), SPAN)


@dataclass(slots=True)
class Leaves(ABC):
    """A flow that is being drawn. Whoever inherits this says what may stand in a block."""

    choices: Choices
    depth: int
    pair: Pair | None = None
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

    @abstractmethod
    def body(self, here: Here, place: str, least: int = 1) -> tuple[list[tree.Statement], Scope, bool]:
        """The statements at `place` of a block, the names that they add, and whether nothing can follow them."""

    @abstractmethod
    def statement(self, here: Here) -> Made:
        """Any statement that may stand here."""

    @abstractmethod
    def allowed(self, kind: str, here: Here) -> bool:
        """Whether a statement of this kind may stand here."""

    def fresh(self, prefix: str) -> str:
        self.counts[prefix] = self.counts.get(prefix, 0) + 1
        return f"{prefix}{self.counts[prefix]}"

    def at(self) -> tree.Name | None:
        return self.one_taking_part() if self.services and self.choices.chance(20) else None

    def one_taking_part(self) -> tree.Name:
        return name(self.choices.pick(sorted(self.services)))

    # ------------------------------------------------------------ leaves

    def step(self, here: Here) -> Made:
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

    def let(self, here: Here) -> Made:
        called = self.fresh("n")
        return tree.Let(name(called), self.terms.number(here.names), None, SPAN), (Known(called, "int"),), False

    def emit(self, here: Here) -> Made:
        key, number = Entry("key", select(ref("order"), "id"), SPAN), Entry("n", self.terms.number(here.names), SPAN)
        return tree.Emit(self.told(), MapOf((key, number), SPAN), None, SPAN), (), False

    def told(self) -> tree.Text:
        """The type of an event."""
        return text(f"{self.choices.pick(SERVICES)}.told")

    def timer(self, here: Here) -> Made:
        if self.choices.chance(25):
            return tree.Wait(self.terms.point(), True, None, SPAN), (), False
        return tree.Wait(self.terms.time(here.names), False, None, SPAN), (), False

    def fail(self, here: Here) -> Made:
        message = literal("why") if self.choices.chance(40) else None
        return tree.Fail(name(self.choices.pick(("F0", "F1"))), message, None, SPAN), (), True

    def commit(self, here: Here) -> Made:
        self.committed = True
        return tree.Commit(None, SPAN), (), False
