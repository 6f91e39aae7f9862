"""The cell of a step: what was seen of its calls, and the report entries and operator's view that follow from it.

A cell is data, not control: which port to use next is decided by the machine that owns it.

    ready -> running -> ok -> undoing -> undone            an ok step that was undone
                     -> failed                              clean by contract
                     -> unknown -> undoing -> undone        undone although nobody knows whether it happened
    ready -> turned | refused                               never called
    running -> stuck, undoing -> stuck_undo -> undone | skipped      an operator decides
    stuck -> skipped                                        a step of a compensation block, passed over by an operator
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from flowlang.event import Called, EffectId, Error, Failed, Ok, Reason, Result, Value
from flowlang.oracle import Oracle

Causes = tuple[EffectId, ...]


@dataclass(slots=True)
class StepCell:
    """Everything that one service knows of one step of one run. `causes` are the calls before it; `undo_input` is what
    its compensation is called with, or `undo_problem` says why it can't be called. `undo_called` says whether it was.
    `kind` is `undo` for a step of a compensation block: its own call is reported as one that undoes, for `reason`."""

    state: str
    causes: Causes = ()
    input: Value = None
    called: bool = False
    results: tuple[Result, ...] = ()
    value: Value = None
    reason: Reason | None = None  # why it was turned, refused or undone
    undo_input: Value = None
    undo_problem: str = ""
    undo_called: bool = False
    undo_causes: Causes = ()
    undo_result: str = "pending"
    stuck: Error | None = None
    attempts: int = 0
    kind: str = "do"


def last_call(path: str, cell: StepCell) -> Causes:
    """The calls that whatever follows this step's result follows: its last key."""
    return (EffectId(path, cell.kind, len(cell.results) - 1),)


def result_word(result: Result) -> str:
    """`ok`, `failed` or `unknown`."""
    return "ok" if isinstance(result, Ok) else "failed" if isinstance(result, Failed) else "unknown"


def calls_of(path: str, cell: StepCell, do: tuple[str, str], undo: tuple[str, str] | None) -> list[Called]:
    """The report entries of a step: one for each idempotency key. `do` and `undo` are (service, operation)."""
    entries: list[Called] = []
    after = cell.causes
    reason = cell.reason if cell.kind == "undo" else None
    if cell.called:
        words = [result_word(result) for result in cell.results] or ["pending"]
        for number, word in enumerate(words):
            id = EffectId(path, cell.kind, number)
            entries.append(Called(id, *do, cell.input, word, after, reason))
            after = (id,)
    if cell.undo_called and undo is not None:
        id = EffectId(path, "undo")
        entries.append(Called(id, *undo, cell.undo_input, cell.undo_result, cell.undo_causes, cell.reason))
    return entries


def attributed(results: tuple[Result, ...], path: str, service: str) -> tuple[Result, ...]:
    """`results` with every error naming the step and the service whose operation failed."""
    if len(results) == 1 and type(results[0]) is Ok:
        return results
    return tuple(
        result if isinstance(result, Ok) else replace(result, error=replace(result.error, path=path, service=service))
        for result in results
    )


def read_step(found: Oracle, path: str, cell: StepCell) -> None:
    """Enter what the cell of step `path` knows into the oracle `found`."""
    if cell.state == "turned" and cell.reason is not None:
        found.turned[path] = cell.reason
    if cell.results:
        found.results[path] = cell.results
    if cell.state == "running":
        found.pending.add(path)
    if cell.state == "stuck":
        found.stuck.add(path)
    if cell.kind == "undo":
        if cell.state == "skipped":
            found.skipped.add(path)
        return
    ended = {"undone": "ok", "done": "done", "skipped": "skipped", "stuck_undo": "stuck", "undoing": "pending"}
    if cell.state in ended:
        found.undone[path] = ended[cell.state]
        found.undo_results[path] = cell.undo_result
