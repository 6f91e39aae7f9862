"""A value in its place: it fits what is wanted there, it is there at all, and every name that it reads is known.

The walk in `types` says which place wants what; here a value is held against it. A literal of a map or list is followed into
its parts, so that what is wrong is said of the smallest of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import assert_never

from flowlang.check.data import Names, unseen
from flowlang.check.names import Arm, Declared, declarations, listed, meant
from flowlang.check.resolve import Flows, input_of
from flowlang.check.walk import reads
from flowlang.check.words.saga import UndoReadsAbsent
from flowlang.check.words.types import (
    MissingArgument,
    NoInput,
    OptionalGiven,
    UnknownArgument,
    WrongType,
)
from flowlang.contract import Contracts
from flowlang.diagnostic import Diagnostic, Label, nearest
from flowlang.expression.check import bare, describe, misfit, narrow, not_json, problems, type_of
from flowlang.expression.text import to_text
from flowlang.expression.tree import Expr, ListOf, MapOf, Select
from flowlang.expression.types import (
    ANY,
    STRING,
    Anything,
    ListType,
    MapType,
    Maybe,
    Record,
    String,
    Type,
)
from flowlang.expression.words import MayBeAbsent, NotInEnum, UnknownName
from flowlang.language import tree
from flowlang.source import Span

NOTHING = Record(())
"""The input of an operation that takes none."""

SUBJECT = "subject"
"""What a case is compared with, as a name: the subject itself has been typed already."""

HINTS, FEW = 50, 1000
"""For so many unknown names a near one is looked for, among so many known ones: the search is slow."""


class Places:
    """Holds values against their places. `arms` is where the walk is, `undoing` whether that is in a block that undoes, and
    `unknown` how many unknown names there were; what is wrong is put into `found`."""

    def __init__(self, flow: tree.Flow, contracts: Contracts, flows: Flows) -> None:
        self.flow = flow
        self.contracts = contracts
        self.flows = flows
        self.found: list[Diagnostic] = []
        self.declared: dict[str, list[Declared]] = {}
        for each in declarations(flow):
            self.declared.setdefault(each.name.text, []).append(each)
        self.arms: tuple[Arm, ...] = ()
        self.undoing = False
        self.unknown = 0

    # ------------------------------------------------------------ calls

    def call(self, call: tree.Call, names: Names) -> None:
        want = input_of(call, self.contracts, self.flows)
        what = f"`{call.service.text}.{call.operation.text}`"
        span = call.service.span.to(call.operation.span)
        match call.args:
            case tree.NamedArgs():
                self.fields(call.args.map, want, what, span, names)
            case tree.Whole():
                if want == NOTHING:
                    self.typed(call.args.value, names)
                    self.found.append(NoInput(span=call.args.span, operation=what.strip("`"), fact="takes no input"))
                else:
                    self.given(call.args.value, want, f"the input of {what}", names)
            case None:
                self.fields(None, want, what, span, names)
            case _:
                assert_never(call.args)

    def fields(self, given: MapOf | None, want: Type, what: str, span: Span, names: Names) -> None:
        """Named values against a record: what is missing, what is unknown, and each value against its field."""
        entries = () if given is None else given.entries
        if want == NOTHING and entries:
            self.found.append(NoInput(span=span, operation=what.strip("`"), fact="takes no input"))
            want = ANY
        if not isinstance(want, Record):
            if not isinstance(want, Anything | MapType):
                fact = f"takes one value, {describe(want)}, as its input"
                self.found.append(NoInput(span=span, operation=what.strip("`"), fact=fact))
            for entry in entries:
                item = want.item if isinstance(want, MapType) else ANY
                self.given(entry.value, item, f"`{entry.key}` of {what}", names)
            return
        known = {field.name: field for field in want.fields}
        unknown = [] if want.open else [entry.key for entry in entries if entry.key not in known]
        for entry in entries:
            field = known.get(entry.key)
            if field is not None:
                kind = field.type if field.required else optional_type(field.type)
                self.given(entry.value, kind, f"`{entry.key}` of {what}", names, field.span)
                continue
            if want.open:
                self.given(entry.value, ANY, f"`{entry.key}` of {what}", names)
            else:
                self.typed(entry.value, names)
                hint = meant(entry.key, list(known))
                self.found.append(
                    UnknownArgument(span=entry.span, hint=hint, what=what, field=entry.key, known=listed(list(known)))
                )
        # A misspelt argument is one mistake: what it was meant to be is not missing too.
        there = {entry.key for entry in entries} | {nearest(key, list(known)) for key in unknown}
        missing = [field for field in want.fields if field.required and field.name not in there]
        if missing:
            related = tuple(Label(field.span, "declared here") for field in missing[:3] if field.span is not None)
            needed = "` and `".join(field.name for field in missing)
            self.found.append(MissingArgument(span=span, related=related, what=what, field=needed))

    def given(self, expr: Expr, want: Type, what: str, names: Names, declared: Span | None = None) -> None:
        """A value against the type of its place; a literal of a map or list is followed into its parts."""
        inner = bare(want)
        if isinstance(expr, MapOf) and isinstance(inner, Record):
            self.fields(expr, inner, what, expr.span, names)
        elif isinstance(expr, ListOf) and isinstance(inner, ListType) and not isinstance(inner.item, Anything | Maybe):
            for item in expr.items:
                self.given(item, inner.item, f"an item of {what}", names, declared)
        else:
            self.fit(expr, self.typed(expr, names), want, what, names, declared)

    # ------------------------------------------------------------ values

    def wanted(self, expr: Expr, names: Names, able: tuple[Type, ...], what: str, want: str) -> None:
        """A value that has one of a few types."""
        got = self.typed(expr, names)
        if isinstance(got, Maybe):
            self.absent(expr, what, names)
        elif not any(problems(got, kind) is None for kind in able):
            problem = not_json(got) if STRING in able else None
            problem = problem or f"it is {describe(got)}, not {want}"
            self.found.append(WrongType(span=expr.span, what=what, problem=problem))

    def fit(self, expr: Expr, got: Type, want: Type, what: str, names: Names, declared: Span | None) -> None:
        if isinstance(got, Maybe) and not isinstance(want, Maybe | Anything):
            self.absent(expr, what, names)
            got = got.item
        problem = misfit(expr, got, want)
        unfit = self.unfit(expr, got, names) if problem is None or isinstance(bare(want), String) else []
        related = () if declared is None else (Label(declared, "declared here"),)
        for said, span in unfit if unfit or problem is None else [(problem, expr.span)]:
            self.found.append(WrongType(span=span, related=related, what=what, problem=said))

    def unfit(self, expr: Expr, got: Type, names: Names) -> list[tuple[str, Span]]:
        """Why a value that fits its type is refused on its way out, and the parts of a literal that are to blame."""
        found: list[tuple[str, Span]] = []
        waiting: list[Expr] = [expr]
        while waiting:
            match waiting.pop():
                case MapOf(entries=entries):
                    waiting += (entry.value for entry in entries)
                case ListOf(items=items):
                    waiting += items
                case part:
                    quiet = {ref.name: known.type for ref in reads(part) if (known := names.get(ref.name)) is not None}
                    problem = not_json(got if part is expr else type_of(part, quiet, lambda finding: None))
                    if problem is not None:
                        found.append((problem, part.span))
        return found

    def absent(self, expr: Expr, what: str, names: Names) -> None:
        """A value that may be absent is given where one is needed."""
        value, related = f"`{expr.span.text}`", unset(expr, expr.span, names)
        if self.undoing:
            self.found.append(UndoReadsAbsent(span=expr.span, related=related, what=value))
        else:
            replaced = f"{to_text(expr)}.orValue(...)"
            if isinstance(expr, Select) and not expr.optional:
                replaced = f"{to_text(expr.of)}.?{expr.name}.orValue(...)"
            self.found.append(
                OptionalGiven(span=expr.span, related=related, what=value, place=what, replaced=f"`{replaced}`")
            )

    def typed(self, expr: Expr, names: Names) -> Type:
        """The type of `expr`; what is wrong with it is reported."""
        return type_of(expr, self.env(expr, names), self.reported(expr, names))

    def env(self, expr: Expr, names: Names) -> dict[str, Type]:
        """The types of the names that `expr` reads. One that stands elsewhere in the flow is reported, and is `any` here."""
        env: dict[str, Type] = {}
        for ref in reads(expr):
            known = names.get(ref.name)
            if known is not None:
                env[ref.name] = known.type
            elif ref.name not in env and (finding := unseen(ref, self.arms, self.declared)) is not None:
                self.found.append(finding)
                env[ref.name] = ANY
        return env

    def reported(self, expr: Expr, names: Names, subject: str = "") -> Callable[[Diagnostic], None]:
        def report(finding: Diagnostic) -> None:
            if isinstance(finding, MayBeAbsent):
                related = finding.related or unset(expr, finding.span, names)
                if self.undoing:
                    finding = UndoReadsAbsent(span=finding.span, related=related, what=f"`{finding.value}`")
                else:
                    finding = finding.but(related=related)
            elif isinstance(finding, NotInEnum) and finding.of == SUBJECT:
                finding = finding.but(of=subject)
            elif isinstance(finding, UnknownName):  # only now all that is known here is collected
                self.unknown += 1
                known = list(islice(names.all(), FEW))
                hint = meant(finding.name, known) if self.unknown <= HINTS else ""
                note = f"known names: {listed(sorted(known))}" if known else ""
                finding = finding.but(hint=hint, known=note)
            self.found.append(finding)

        return report

    def narrowed(self, guard: Expr, names: Names, truth: bool) -> Names:
        """`names` where `guard` is known to be `truth`."""
        quiet = {ref.name: known.type for ref in reads(guard) if (known := names.get(ref.name)) is not None}
        after = narrow(guard, quiet, truth)
        changed = {name: type for name, type in after.items() if type != quiet[name]}
        if not changed:
            return names
        layer = Names(names)
        for name, type in changed.items():
            known = names.get(name)
            assert known is not None
            layer.own[name] = replace(known, type=type)
        return layer


def unset(expr: Expr, span: Span, names: Names) -> tuple[Label, ...]:
    """Where the name behind what may be absent at `span` is not set."""
    for ref in reads(expr):
        known = names.get(ref.name)
        if known is not None and known.unset is not None and span.start <= ref.span.start < span.end:
            return (Label(known.unset, f"`{ref.name}` is not set on this way"),)
    return ()


def optional_type(type: Type) -> Type:
    return type if isinstance(type, Maybe) else Maybe(type)
