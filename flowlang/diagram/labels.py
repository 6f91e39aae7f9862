"""What shapes and arrows of a flow say: the user's own text, with few words around it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flowlang import ir
from flowlang.declared import Operation
from flowlang.event import Policy
from flowlang.expression.text import to_text
from flowlang.expression.tree import Binary, Expr, Expression
from flowlang.values import Duration


def lines(*given: str | None) -> str:
    """Those of `given` that say something, one below the other."""
    return "\n".join(line for line in given if line)


def dots(*given: str) -> str:
    """Those of `given` that say something, one after another."""
    return " · ".join(one for one in given if one)


def decided(service: str) -> str:
    """Who decides, where the user named a service."""
    return f"decided at {service}" if service else ""


def where(condition: Expression | None) -> str:
    """The condition of an event."""
    return "" if condition is None else f"where {condition.text}"


def called(operation: Operation) -> str:
    """`payments.charge`."""
    return f"{operation.service}.{operation.name}"


def arguments(input: Expression) -> str:
    """The input as the user wrote it: named arguments have no braces of their own."""
    text = input.text.strip()
    return text[1:-1].strip() if text.startswith("{") and text.endswith("}") else text


def about_step(step: ir.Step) -> str:
    """Everything about a step that has no place in its shape."""
    undone = "not undone" if step.uncompensated else ""
    if step.undo is not None:
        undone = f"undone by {called(step.undo.operation)}"
    elif step.operation.reads:
        undone = "only reads: nothing to undo"
    call = f"{called(step.operation)}({arguments(step.input)})"
    named = f"{step.path.rpartition('/')[2]} = {call}"
    return lines(step.doc, named, undone, _tried(step.policy), step.path)


def _tried(policy: Policy) -> str:
    """How often and how long a call is tried, in words."""
    limit = f"{_time(policy.timeout)} for each attempt"
    if not policy.idempotent or policy.limit == 0:
        return f"tried once; {limit}"
    return f"up to {policy.limit} further attempts ({pauses(policy)}) on {', '.join(policy.errors)}; {limit}"


def pauses(of: Policy | ir.Retry) -> str:
    """The shortest and the longest pause between two attempts: `1s..30s`."""
    return f"{_time(of.backoff_min)}..{_time(of.backoff_max)}"


def _time(milliseconds: int) -> str:
    return str(Duration(milliseconds))


def condition(arm: ir.Arm, subject: Expression | None) -> str:
    """What stands at the way into an arm: its guard, or only the values that the subject is compared with."""
    if arm.when is None:
        return "else"
    values = None if subject is None else _compared(arm.when.tree, subject.tree)
    return arm.when.text if values is None else ", ".join(to_text(value) for value in values)


def _compared(guard: Expr, subject: Expr) -> list[Expr] | None:
    """The values of a chain `subject == a || subject == b`; None where the guard is something else. The chain leans to
    the left and may be long, so it is walked and not recursed into."""
    values: list[Expr] = []
    while isinstance(guard, Binary) and guard.op == "||":
        if not (isinstance(guard.right, Binary) and guard.right.op == "==" and guard.right.left == subject):
            return None
        values.append(guard.right.right)
        guard = guard.left
    if not (isinstance(guard, Binary) and guard.op == "==" and guard.left == subject):
        return None
    return [guard.right, *reversed(values)]


def joined(fork: ir.Fork) -> str:
    """What a join waits for, where it is not simply all: `any`, `2 of 4`, `all or cancel`."""
    if fork.join == "cancel":
        return "all or cancel"
    if fork.join == "some":
        return "any" if fork.need == 1 else f"{fork.need} of {len(fork.branches)}"
    return ""


def taken(handler: ir.Handler) -> str:
    """What a handler of failures takes."""
    return f"catch {names(handler.errors)}" if handler.errors else "catch any error"


def names(errors: Iterable[tuple[str, str]]) -> str:
    """Errors as the user wrote them."""
    return ", ".join(f"{service}.{name}" if service else name for service, name in errors)


def retried(retry: ir.Retry) -> str:
    """How often a scope is tried again, and after which failures."""
    times = "once more" if retry.limit == 1 else f"up to {retry.limit} times more"
    return f"tried {times}" + (f" on {names(retry.errors)}" if retry.errors else "")


def looped(each: ir.Each) -> str:
    """How the items of a list are taken, and what is made of them."""
    how = f"up to {each.width} at a time" if each.width else "one after another"
    return dots(how, f"as {each.collect}" if each.collect else "")


def hidden(node: ir.Node, name: str) -> Iterator[str]:
    """The values that lets of the compiler's own `name` give, anywhere in `node`: `yield e`, `next n = e`."""
    for inner in ir.walk(node):
        if isinstance(inner, ir.Let) and inner.name == name:
            yield inner.value.text
