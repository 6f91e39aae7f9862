"""What a run came to, as the public report object: the same in both modes but for `run`, `mode` and the keys.

The one idea in it: the causes that a machine carries say only "these calls came before", with some named twice over. The
report lists, for each call, the calls that it follows *directly*: the transitive reduction, which is unique for a graph
without cycles, so two modes that agree on what came before what agree on this list byte for byte.
Described for others by `specs/report.schema.json`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from flowlang.event import Called, EffectId, Error, Outcome, Value, key_of

Report = dict[str, Value]

_INDEX = re.compile(r"\[(\d+)\]|#(\d+)")

PathKey = tuple[tuple[tuple[int, int, str], ...], ...]


def report(outcome: Outcome, run: str, flow_name: str, hash: str, mode: str) -> Report:
    """The report object of a run; values are still those of `flowlang.values`, so print it with `plain_dumps`."""
    calls = sorted(outcome.calls, key=lambda called: (path_key(called.id.path), called.id.kind, called.id.number))
    after = reduced({called.id: called.after for called in calls})
    return {
        "schema": 1,
        "run": run,
        "flow": flow_name,
        "hash": hash,
        "mode": mode,
        "status": status_of(outcome),
        "output": _settled(outcome.output),
        "error": None if outcome.error is None else _error(outcome.error),
        "residue": sorted(outcome.residue, key=path_key),
        "events": [
            {"type": event.type, "path": event.path, "data": _settled(event.data)}
            for event in sorted(outcome.events, key=lambda event: path_key(event.path))
        ],
        "effects": [_effect(run, called, after[called.id]) for called in calls],
    }


def status_of(outcome: Outcome) -> str:
    """The public word for the state of a run: one that is `open` is `running` while a call is under way, else it waits."""
    if outcome.status != "open":
        return outcome.status
    return "running" if any(called.result == "pending" for called in outcome.calls) else "waiting"


def _error(error: Error) -> dict[str, Value]:
    found: dict[str, Value] = {"name": error.name, "message": error.message, "path": error.path}
    if error.has_data:
        found["data"] = _settled(error.data)
    return found


def _effect(run: str, called: Called, after: Sequence[EffectId]) -> dict[str, Value]:
    return {
        "path": called.id.path,
        "kind": called.id.kind,
        "operation": f"{called.service}.{called.operation}",
        "key": key_of(run, called.id),
        "input": _settled(called.input),
        "result": called.result,
        "after": [_call_name(id) for id in after],
    }


def _settled(value: Value) -> Value:
    """`value` with the members of its records in order: the two modes may have put them together differently."""
    match value:
        case dict():
            return {name: _settled(value[name]) for name in sorted(value)}
        case list():
            return [_settled(item) for item in value]
        case _:
            return value


def _call_name(id: EffectId) -> str:
    """How an entry is named in `after`. The keys of one step are one chain, so their numbers are not needed."""
    return id.path if id.kind == "do" else f"{id.path}:undo"


def path_key(path: str) -> PathKey:
    """Sorts paths part by part, with the indices of loops and attempts as numbers: `item[9]` before `item[10]`."""
    return tuple(_part_key(part) for part in path.split("/"))


def _part_key(part: str) -> tuple[tuple[int, int, str], ...]:
    pieces: list[tuple[int, int, str]] = []
    end = 0
    for found in _INDEX.finditer(part):
        pieces.append((0, 0, part[end : found.start()]))
        pieces.append((1, int(found[1] or found[2]), found[0][0]))
        end = found.end()
    pieces.append((0, 0, part[end:]))
    return tuple(pieces)


# ---------------------------------------------------------------- transitive reduction


def reduced(after: Mapping[EffectId, Sequence[EffectId]]) -> dict[EffectId, list[EffectId]]:
    """For each call those of its causes that are not causes of another of its causes, sorted by path, kind and number.

    `after` must be closed (every cause is an entry) and without cycles: a machine that says otherwise is wrong.
    """
    order = _causes_first(after)
    bit = {id: 1 << place for place, id in enumerate(order)}
    before: dict[EffectId, int] = {}  # everything that came before a call, as a set of bits
    direct: dict[EffectId, list[EffectId]] = {}
    for id in order:
        causes = set(after[id])
        implied = 0
        for cause in causes:
            implied |= before[cause]
        direct[id] = sorted((cause for cause in causes if not bit[cause] & implied), key=_id_key)
        before[id] = implied
        for cause in causes:
            before[id] |= bit[cause]
    return direct


def _id_key(id: EffectId) -> tuple[PathKey, str, int]:
    return path_key(id.path), id.kind, id.number


def _causes_first(after: Mapping[EffectId, Sequence[EffectId]]) -> list[EffectId]:
    """The calls in an order in which every cause stands before what it causes."""
    waits_for = {id: len(set(causes)) for id, causes in after.items()}
    leads_to: dict[EffectId, list[EffectId]] = {id: [] for id in after}
    for id, causes in after.items():
        for cause in set(causes):
            assert cause in after, f"{id} follows {cause}, which is no entry of the report"
            leads_to[cause].append(id)
    ready = [id for id, count in waits_for.items() if count == 0]
    order: list[EffectId] = []
    while ready:
        id = ready.pop()
        order.append(id)
        for later in leads_to[id]:
            waits_for[later] -= 1
            if waits_for[later] == 0:
                ready.append(later)
    assert len(order) == len(after), "the calls of a run follow each other in a circle"
    return order
