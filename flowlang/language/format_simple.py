"""Simple statements, with their calls, clauses and maps, as lines of the canonical layout."""

from __future__ import annotations

from functools import partial

from flowlang.expression.text import quoted
from flowlang.expression.tree import MapOf
from flowlang.language import tree
from flowlang.language.layout import NOWHERE, Layout, closing, opening
from flowlang.language.lines import (
    Clause,
    Simple,
    argument_parts,
    call_text,
    clause_text,
    clauses_of,
    entry_parts,
    simple_text,
)
from flowlang.source import Span


class SimplePrinter(Layout):
    """Prints what holds no statements: on one line where it fits and no comment stands between its parts."""

    def simple(self, statement: Simple) -> None:
        line = self.line_of(statement)
        if line is not None and self.fits(line):
            self.unit(self.whole(statement), line, statement.doc)
            return
        match statement:
            case tree.Step():
                self.step(statement)
            case tree.Emit(data=MapOf() as data) if data.entries:
                self.map(statement.span, f"emit {quoted(statement.event.value)} {{", data, statement.doc)
            case tree.Return(value=MapOf() as data) if data.entries:
                self.map(statement.span, "return {", data, statement.doc)
            case tree.Yield(value=MapOf() as data) if data.entries:
                self.map(statement.span, "yield {", data, statement.doc)
            case _:
                self.unit(self.whole(statement), simple_text(statement), statement.doc)

    def line_of(self, statement: Simple) -> str | None:
        """The statement on one line; None when clauses, or comments between its parts, ask for several."""
        match statement:
            case tree.Step(call=call):
                if len(clauses_of(statement)) > 1 or self.has_comments(self.clauses(statement)):
                    return None
                if self.has_comments(self.arguments(call)):
                    return None
            case (
                tree.Emit(data=MapOf() as data) | tree.Return(value=MapOf() as data) | tree.Yield(value=MapOf() as data)
            ):
                if data.entries and self.has_comments(data.span):
                    return None
            case _:
                pass
        return simple_text(statement)

    def step(self, step: tree.Step) -> None:
        clauses, block = clauses_of(step), self.clauses(step)
        prefix = f"step {step.name.text} = "
        if not clauses and not self.has_comments(block):
            self.call(prefix, self.whole(step), step.call, "", step.doc)
            return
        self.call(prefix, step.span.to(opening(block)), step.call, " {", step.doc)
        parts = [(clause.span, partial(self.clause, clause)) for clause in clauses]
        self.inside(lambda: self.reordered(parts), block.end)
        self.unit(closing(block), "}")

    def clause(self, clause: Clause) -> None:
        match clause:
            case tree.UndoBy(call=call):
                self.call("compensate ", clause.span, call, "", None)
            case _:
                self.unit(clause.span, clause_text(clause), spaced=False)

    def call(self, prefix: str, span: Span, call: tree.Call, suffix: str, doc: str | None) -> None:
        """A call on one line, or with one argument a line. `span` reaches to the end of the suffix."""
        line = f"{prefix}{call_text(call)}{suffix}"
        paren = self.arguments(call)
        if not isinstance(call.args, tree.NamedArgs) or (self.fits(line) and not self.has_comments(paren)):
            self.unit(span, line, doc)
            return
        self.unit(span.to(opening(paren)), f"{prefix}{call.service.text}.{call.operation.text}(", doc)
        self.parts(argument_parts(call.args), span.end)
        self.unit(closing(paren).to(span), f"){suffix}")

    def map(self, span: Span, head: str, data: MapOf, doc: str | None) -> None:
        """`head`, which ends with a brace, one entry a line, and the closing brace."""
        self.unit(span.to(opening(data.span)), head, doc)
        self.parts(entry_parts(data.entries), data.span.end)
        self.unit(closing(data.span), "}")

    # ------------------------------------------------------------ places in the source

    def clauses(self, step: tree.Step) -> Span:
        """The braces behind the call of a step; nothing when it has none."""
        end = step.call.span.end
        index = self.token(end)
        if self.tokens is None or self.tokens.text(index) != "{":
            return Span(step.span.source, end, end)
        return self.tokens.span(index, self.pairs[index])

    def arguments(self, call: tree.Call) -> Span:
        """The parentheses of a call with named arguments, else nothing."""
        return self.bracket(call.operation.span.end) if isinstance(call.args, tree.NamedArgs) else NOWHERE

    def whole(self, statement: Simple) -> Span:
        """The statement with its clauses."""
        return statement.span.to(self.clauses(statement)) if isinstance(statement, tree.Step) else statement.span
