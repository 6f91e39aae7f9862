"""A run told to people: one sentence of what it came to and a table of its steps, made to be pasted into a ticket."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from flowlang.check.screen import visible
from flowlang.check.screen import width as columns_of
from flowlang.cli.steps import StepOf, in_order
from flowlang.event import LOST, Called, Error, Outcome, Value
from flowlang.place import bare, key
from flowlang.report import status_of
from flowlang.values import plain_dumps


@dataclass(frozen=True, slots=True)
class Line:
    """A step of the table. `began` and `took` are for people; `said` is its output or its error."""

    path: str
    operation: str
    happened: str
    attempts: int
    began: str
    took: str
    said: str


@dataclass(frozen=True, slots=True)
class Attempts:
    """What is known of a call beside its result: attempts made, milliseconds from the run's start to its own start and
    from there to its end, and the last output or error."""

    made: int
    began: int | None = None
    took: int | None = None
    value: Value = None
    has_value: bool = False
    error: Error | None = None
    stuck: bool = False


Known = dict[tuple[str, str], Attempts]  # by path and kind
HEAD = ["step", "operation", "what happened", "tries", "began", "took", "output or error"]


def summary(
    outcome: Outcome,
    head: str,
    steps: Sequence[StepOf],
    known: Known,
    waits: Iterable[str],
    width: int,
) -> str:
    """The whole text. `head` names run, flow and mode; `steps` are all steps of the flow in its order; `waits` are
    sentences; `width` is that of the terminal, or 0 for no limit."""
    remains = _remains(outcome, {key(step.path) for step in steps if step.lasting})
    parts = [f"{_sentence(outcome, remains)}\n{head}"]
    lines = lines_of(outcome, steps, known)
    if lines:
        parts.append(table(HEAD, [_cells(line) for line in lines], width))
    if outcome.residue:
        parts.append("what these did remains, because somebody skipped undoing it:\n" + _indented(outcome.residue))
    if remains:
        parts.append("what these did remains, because they have no compensation:\n" + _indented(remains))
    if outcome.events:
        parts.append("published:\n" + _indented(f"{event.type} {plain_dumps(event.data)}" for event in outcome.events))
    reasons = _indented(waits)
    if reasons:
        parts.append(f"{'it is stuck' if outcome.status == 'stuck' else 'it waits'}:\n{reasons}")
    if outcome.status == "completed" and outcome.output is not None:
        parts.append(f"output: {plain_dumps(outcome.output)}")
    return "\n\n".join(parts)


def _indented(lines: Iterable[str]) -> str:
    return "\n".join(f"  {line}" for line in lines)


def _remains(outcome: Outcome, lasting: Collection[str]) -> list[str]:
    """What a run that was undone has left behind, since nothing could undo it."""
    if outcome.status not in ("failed", "cancelled"):
        return []
    last = {called.id.path: called.result for called in outcome.calls if called.id.kind == "do"}  # the last key counts
    doubts = {"ok": "", "unknown": ", if it happened"}
    return [f"{path}{doubts[result]}" for path, result in last.items() if bare(path) in lasting and result in doubts]


def _sentence(outcome: Outcome, remains: Collection[str]) -> str:
    match status_of(outcome):
        case "completed":
            return "completed"
        case "failed":
            head = f"failed with {_name(outcome.error)}; everything is undone{_but(outcome, remains)}"
            return f"{head}\n{_why(outcome.error)}".rstrip()
        case "cancelled":
            return f"cancelled; everything is undone{_but(outcome, remains)}"
        case "stuck":
            return "stuck: somebody must say how it goes on"
        case "running":
            return "under way"
        case _:
            return "waiting"


def _but(outcome: Outcome, remains: Collection[str]) -> str:
    skipped = ["what somebody skipped"] if outcome.residue else []
    left = [*skipped, "what has no compensation"] if remains else skipped
    return f" but {' and '.join(left)}" if left else ""


def _name(error: Error | None) -> str:
    assert error is not None, "a run fails with an error"
    return visible(f"{error.name} at {error.path}")


def _why(error: Error | None) -> str:
    return visible(f"  {error.message}") if error is not None and error.message else ""


# ---------------------------------------------------------------- the steps


def lines_of(outcome: Outcome, steps: Sequence[StepOf], known: Known) -> list[Line]:
    """A line for each step of the flow, in its order, and in a loop for each item."""
    calls: dict[str, list[Called]] = {}
    for called in outcome.calls:
        calls.setdefault(called.id.path, []).append(called)
    operations = {key(step.path): step for step in steps}
    return [
        _line(path, operations.get(bare(path)), calls.get(path, []), known, path in outcome.residue)
        for path in in_order(steps, calls)
    ]


def _line(path: str, step: StepOf | None, calls: list[Called], known: Known, skipped: bool) -> Line:
    operation = step.operation if step else f"{calls[-1].service}.{calls[-1].operation}"
    # a step of a compensation block has no other call than the one that undoes
    alone = step is not None and step.undoes
    forward = [called for called in calls if called.id.kind == "do" or alone]
    undo = [called for called in calls if called.id.kind == "undo" and not alone]
    if not forward:
        return Line(path, operation, "never reached", 0, "", "", "")
    last = max(forward, key=lambda called: called.id.number)
    do = known.get((path, last.id.kind), Attempts(0))
    undoing = known.get((path, "undo")) if undo and undo[-1].result != "ok" else None
    happened = _happened(last, undo[-1] if undo else None, do, undoing, skipped)
    return Line(
        path,
        operation,
        f"undoing: {happened}" if alone else happened,
        do.made,
        "" if do.began is None else elapsed(do.began),
        "" if do.took is None else elapsed(do.took),
        _said(undoing or do),
    )


def _happened(last: Called, undo: Called | None, do: Attempts, undoing: Attempts | None, skipped: bool) -> str:
    error = f" {do.error.name}" if do.error else ""
    words = {"ok": "done", "failed": f"failed{error}", "unknown": f"unknown{error}", "pending": "under way"}
    first = f"stuck{error}" if do.stuck else words[last.result]
    if undo is None:
        return f"{first}, skipped" if skipped else first
    if undo.result == "ok":
        return f"{first}, lost and undone" if undo.reason == LOST else f"{first}, undone"
    if skipped:
        return f"{first}, undoing skipped"
    return f"{first}, undoing is stuck" if undoing is not None and undoing.stuck else f"{first}, being undone"


def _said(details: Attempts) -> str:
    if details.error is not None:
        return details.error.message or details.error.name
    return plain_dumps(details.value) if details.has_value and details.value is not None else ""


def _cells(line: Line) -> list[str]:
    path = line.path.partition("/")[2] or line.path  # the flow's name stands above the table
    tries = str(line.attempts or "")
    return [path, line.operation, line.happened, tries, line.began, line.took, line.said]


def elapsed(ms: int) -> str:
    """A length of time for people: `0.25s`, `12.0s`, `3m05s`, `2d04h`."""
    seconds = ms / 1000
    if seconds < 10:
        return f"{seconds:.2f}s"
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(ms // 1000, 60)
    if minutes < 60:
        return f"{minutes}m{rest:02}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours < 24 else f"{hours // 24}d{hours % 24:02}h"


# ---------------------------------------------------------------- tables


NUMBERS = ("tries", "began", "took")
SPARE = ("began", "took", "operation")  # left out, one after the other, where the terminal is narrow
ENOUGH = 24  # columns that the last one wants


def table(head: Sequence[str], rows: Iterable[Sequence[str]], width: int) -> str:
    """Columns two spaces apart, numbers to the right. In a narrow terminal some are left out and the last one is cut; a
    `width` of 0 is no limit."""
    lines = [[visible(cell) for cell in line] for line in (head, *rows)]
    names = list(head)
    widths = {name: max(columns_of(line[place]) for line in lines) for place, name in enumerate(names)}
    for name in SPARE:
        wanted = min(widths[names[-1]], ENOUGH)
        if width and 2 + sum(widths[name] + 2 for name in names[:-1]) + wanted > width and name in names:
            place = names.index(name)
            names.remove(name)
            lines = [line[:place] + line[place + 1 :] for line in lines]
    return "\n".join(_row(line, names, [widths[name] for name in names], width) for line in lines)


def _row(cells: list[str], head: Sequence[str], widths: list[int], width: int) -> str:
    *front, last = cells
    text = "  "
    for cell, name, size in zip(front, head, widths, strict=False):
        gap = " " * (size - columns_of(cell))
        text += f"{gap}{cell}  " if name in NUMBERS else f"{cell}{gap}  "
    return (text + _cut(last, width - columns_of(text) if width else columns_of(last))).rstrip()


def _cut(text: str, room: int) -> str:
    if columns_of(text) <= room:
        return text
    kept = ""
    for char in text:
        if columns_of(kept + char) > room - 3:
            break
        kept += char
    return f"{kept}..." if kept else ""
