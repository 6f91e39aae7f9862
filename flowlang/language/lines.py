"""The parts of a flow as text on one line; format.py decides where a line is too long or a comment asks for more of them."""

from __future__ import annotations

from typing import assert_never

from flowlang.expression.text import key_text, quoted
from flowlang.expression.text import to_text as expression_text
from flowlang.expression.tree import Entry, Expr
from flowlang.language import tree
from flowlang.source import Span

Simple = tree.Step | tree.Let | tree.Wait | tree.Commit | tree.Emit | tree.Fail | tree.Return | tree.Next | tree.Yield
Clause = tree.UndoBy | tree.UndoNone | tree.Retry | tree.Time
Part = tuple[Span, str]
"""Something that gets a line of its own, and where it stands in the source."""


def simple_text(statement: Simple) -> str:
    """A simple statement; the clauses of a step stand in braces behind it."""
    match statement:
        case tree.Step(name=name, call=call):
            clauses = " ".join(clause_text(clause) for clause in clauses_of(statement))
            return f"step {name.text} = {call_text(call)}{f' {{ {clauses} }}' if clauses else ''}"
        case tree.Let(name=name, value=value):
            return f"let {name.text} = {expression_text(value)}"
        case tree.Wait(time=time, until=until):
            return f"wait {'until ' if until else ''}{expression_text(time)}"
        case tree.Commit():
            return "commit"
        case tree.Emit(event=event, data=data):
            return f"emit {quoted(event.value)}{f' {expression_text(data)}' if data else ''}"
        case tree.Fail(error=error, message=message):
            return f"fail {error.text}{f'({expression_text(message)})' if message else ''}"
        case tree.Return(value=value):
            return f"return {expression_text(value)}"
        case tree.Next(name=name, value=value):
            return f"next {name.text} = {expression_text(value)}"
        case tree.Yield(value=value):
            return f"yield {expression_text(value)}"
        case _:
            assert_never(statement)


def header_parts(flow: tree.Flow) -> list[Part]:
    """The header lines of a flow, in their order."""
    parts: list[Part] = []
    if flow.version:
        label = flow.version.value
        digits = label.isascii() and label.isdecimal()
        parts.append((flow.version.span, f"version {label if digits else quoted(label)}"))
    if flow.start:
        tail = as_text(flow.start.bind) + where_text(flow.start.where)
        parts.append((flow.start.span, f"on event {quoted(flow.start.event.value)}{tail}"))
    if flow.key:
        parts.append((flow.key.span, f"key {expression_text(flow.key)}"))
    if flow.owner:
        parts.append((flow.owner.span, f"owner {flow.owner.text}"))
    return parts


def param_parts(flow: tree.Flow) -> list[Part]:
    """The parameters of a flow."""
    return [(param.span, f"{param.name.text}: {type_text(param.type)}") for param in flow.params]


def clauses_of(step: tree.Step) -> list[Clause]:
    """The clauses of a step, in their order."""
    return [clause for clause in (step.undo, step.retry, step.timeout) if clause is not None]


def clause_text(clause: Clause) -> str:
    match clause:
        case tree.UndoBy(call=call):
            return f"compensate {call_text(call)}"
        case tree.UndoNone():
            return "compensate none"
        case tree.Retry(limit=limit, backoff=backoff, errors=errors):
            between = f" backoff {backoff[0].value}..{backoff[1].value}" if backoff else ""
            on = f" on {errors_text(errors)}" if errors else ""
            return f"retry {limit.value}{between}{on}"
        case tree.Time(value=value):
            return f"timeout {value}"
        case _:
            assert_never(clause)


def call_text(call: tree.Call) -> str:
    head = f"{call.service.text}.{call.operation.text}"
    match call.args:
        case tree.NamedArgs():
            return f"{head}({', '.join(text for _, text in argument_parts(call.args))})"
        case tree.Whole(value=value):
            return f"{head}({expression_text(value)})"
        case None:
            return f"{head}()"
        case _:
            assert_never(call.args)


def argument_parts(args: tree.NamedArgs) -> list[Part]:
    """The named arguments of a call."""
    return entry_parts(args.map.entries)


def entry_parts(entries: tuple[Entry, ...]) -> list[Part]:
    """The entries of a map or a call; a place reaches from the key to the end of the value."""
    return [
        (entry.span.to(entry.value.span), f"{key_text(entry.key)}: {expression_text(entry.value)}") for entry in entries
    ]


Block = (
    tree.Sequence
    | tree.Fork
    | tree.Switch
    | tree.Race
    | tree.ForEach
    | tree.Repeat
    | tree.Scope
    | tree.Orchestrate
    | tree.Branch
)


def head_text(statement: Block) -> str:
    """The first line of a block statement, without its brace."""
    match statement:
        case tree.Sequence():
            return "sequence"
        case tree.Fork(at=at):
            return f"fork{at_text(at)}"
        case tree.Switch(subject=subject, at=at):
            return f"switch{f' {expression_text(subject)}' if subject else ''}{at_text(at)}"
        case tree.Race(at=at):
            return f"race{at_text(at)}"
        case tree.ForEach(variable=variable, items=items, parallel=parallel, bind=bind, at=at):
            width = f" parallel {parallel.value}" if parallel else ""
            return f"for each {variable.text} in {expression_text(items)}{width}{as_text(bind)}{at_text(at)}"
        case tree.Repeat(carried=carried, at=at):
            values = ", ".join(f"{part.name.text} = {expression_text(part.value)}" for part in carried)
            return f"repeat{f' with {values}' if carried else ''}{at_text(at)}"
        case tree.Scope(name=name, at=at):
            return f"scope {name.text}{at_text(at)}"
        case tree.Orchestrate(at=at):
            return f"orchestrate{at_text(at)}"
        case tree.Branch(name=name, when=when):
            return f"branch {name.text}{f' when {expression_text(when)}' if when else ''}"
        case _:
            assert_never(statement)


def join_text(fork: tree.Fork) -> str:
    return f"join {fork.need.value if fork.need else fork.join}"


def until_text(loop: tree.Repeat) -> str:
    """What stands behind the block of a `repeat`, up to its `else`."""
    every = f" every {expression_text(loop.every)}" if loop.every else ""
    return f"until {expression_text(loop.until)}{every} at most {loop.most.value}"


def event_text(on: tree.OnEvent) -> str:
    """An event with what is asked of it, up to the arrow."""
    alongside = " alongside" if on.alongside else ""
    return f"on event {quoted(on.event.value)}{as_text(on.bind)}{where_text(on.where)}{alongside}"


def catch_text(catch: tree.Catch) -> str:
    errors = f" {errors_text(catch.errors)}" if catch.errors else ""
    return f"catch{errors}{as_text(catch.bind)} ->"


def case_text(case: tree.Case) -> str:
    return f"case {', '.join(expression_text(value) for value in case.values)} ->"


def errors_text(errors: tuple[tree.ErrorRef, ...]) -> str:
    return ", ".join(f"{e.service.text}.{e.name.text}" if e.service else e.name.text for e in errors)


def type_text(type: tree.TypeRef) -> str:
    match type:
        case tree.NamedType(service=service, name=name):
            return f"{service.text}.{name.text}" if service else name.text
        case tree.ListType(item=item):
            return f"[{type_text(item)}]"
        case tree.OptionalType(item=item):
            return f"{type_text(item)}?"
        case _:
            assert_never(type)


def as_text(bind: tree.Name | None) -> str:
    return f" as {bind.text}" if bind else ""


def at_text(at: tree.Name | None) -> str:
    return f" at {at.text}" if at else ""


def where_text(where: Expr | None) -> str:
    return f" where {expression_text(where)}" if where else ""
