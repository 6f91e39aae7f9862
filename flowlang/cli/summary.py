"""A run told to people: one sentence of what it came to and a table of its steps, made to be pasted into a ticket."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flowlang.event import Called, Error, Outcome, Value
from flowlang.report import path_key, status_of
from flowlang.values import plain_dumps


@dataclass(frozen=True, slots=True)
class Line:
    """A step of the table. `said` is its output or its error."""

    path: str
    operation: str
    happened: str
    attempts: int
    said: str


@dataclass(frozen=True, slots=True)
class Attempts:
    """What is known of a call beside its result: attempts made, and the last output or error."""

    made: int
    value: Value = None
    has_value: bool = False
    error: Error | None = None


Known = dict[tuple[str, str], Attempts]  # by path and kind


def summary(
    outcome: Outcome, head: str, steps: Sequence[tuple[str, str]], known: Known, waits: Iterable[str], width: int
) -> str:
    """The whole text. `head` names run, flow and mode; `steps` are all steps of the flow in its order, with their
    operation; `waits` are sentences; `width` is that of the terminal, or 0 for no limit."""
    parts = [f"{_sentence(outcome)}\n{head}"]
    lines = lines_of(outcome, steps, known)
    if lines:
        parts.append(
            table(["step", "operation", "what happened", "tries", ""], [_cells(line) for line in lines], width)
        )
    if outcome.residue:
        remain = "\n".join(f"  {path}" for path in outcome.residue)
        parts.append(f"what these did remains, because somebody skipped undoing it:\n{remain}")
    if outcome.events:
        said = "\n".join(f"  {event.type} {plain_dumps(event.data)}" for event in outcome.events)
        parts.append(f"published:\n{said}")
    reasons = "\n".join(f"  {sentence}" for sentence in waits)
    if reasons:
        parts.append(f"it waits:\n{reasons}")
    if outcome.status == "completed" and outcome.output is not None:
        parts.append(f"output: {plain_dumps(outcome.output)}")
    return "\n\n".join(parts)


def _sentence(outcome: Outcome) -> str:
    match status_of(outcome):
        case "completed":
            return "completed"
        case "failed":
            return f"failed with {_error(outcome.error)}; everything is undone{_but(outcome)}"
        case "cancelled":
            return f"cancelled; everything is undone{_but(outcome)}"
        case "stuck":
            return f"stuck: {_error(outcome.error)}" if outcome.error else "stuck: an operator must decide"
        case "running":
            return "under way"
        case _:
            return "waiting"


def _but(outcome: Outcome) -> str:
    return " but what somebody skipped" if outcome.residue else ""


def _error(error: Error | None) -> str:
    if error is None:
        return "an unknown error"
    return f"{error.name} at {error.path}" + (f": {error.message}" if error.message else "")


# ---------------------------------------------------------------- the steps


def lines_of(outcome: Outcome, steps: Sequence[tuple[str, str]], known: Known) -> list[Line]:
    """A line for each step of the flow, in its order; steps that `steps` does not list come where their path sorts."""
    calls: dict[str, list[Called]] = {}
    for called in outcome.calls:
        calls.setdefault(called.id.path, []).append(called)
    operations = dict(steps)
    order = {path: place for place, (path, _) in enumerate(steps)}
    paths = sorted({*order, *calls}, key=lambda path: (order.get(path, len(order)), path_key(path)))
    return [_line(path, operations.get(path, ""), calls.get(path, []), known) for path in paths]


def _line(path: str, operation: str, calls: list[Called], known: Known) -> Line:
    forward = [called for called in calls if called.id.kind == "do"]
    undo = [called for called in calls if called.id.kind == "undo"]
    tried = [known[path, kind] for kind in ("do", "undo") if (path, kind) in known]
    if not forward:
        return Line(path, operation, "never reached", 0, "")
    last = max(forward, key=lambda called: called.id.number)
    details = known.get((path, "undo")) if undo and undo[-1].result != "ok" else known.get((path, "do"))
    return Line(
        path,
        operation or f"{last.service}.{last.operation}",
        _happened(last, undo[-1] if undo else None, known.get((path, "do"))),
        sum(attempts.made for attempts in tried),
        _said(details),
    )


def _happened(last: Called, undo: Called | None, details: Attempts | None) -> str:
    error = f" {details.error.name}" if details and details.error else ""
    first = {"ok": "done", "failed": f"failed{error}", "unknown": f"unknown{error}", "pending": "under way"}[
        last.result
    ]
    if undo is None:
        return first
    after = {"ok": "undone", "failed": "not undone yet", "unknown": "not undone yet", "pending": "being undone"}
    return f"{first}, {after[undo.result]}"


def _said(details: Attempts | None) -> str:
    if details is None:
        return ""
    if details.error is not None:
        return details.error.message or details.error.name
    return plain_dumps(details.value) if details.has_value and details.value is not None else ""


def _cells(line: Line) -> list[str]:
    path = line.path.partition("/")[2] or line.path  # the flow's name stands above the table
    return [path, line.operation, line.happened, str(line.attempts or ""), line.said]


# ---------------------------------------------------------------- tables


def table(head: list[str], rows: Iterable[list[str]], width: int) -> str:
    """Columns two spaces apart; the last one is cut where the terminal ends, the others never."""
    lines = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(_row(line, widths, width) for line in lines)


def _row(cells: list[str], widths: list[int], width: int) -> str:
    *front, last = cells
    text = "  " + "".join(f"{cell:<{size}}  " for cell, size in zip(front, widths, strict=False))
    room = width - len(text) if width else len(last)
    if len(last) > room:
        last = last[: max(room - 3, 0)] + "..." if room > 3 else ""
    return (text + last).rstrip()
