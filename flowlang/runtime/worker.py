"""The handlers of one service in a process of their own: `python -m flowlang.runtime.worker`, for `run --isolate`.

It reads a line of JSON for each call and writes one for each answer. Whatever a handler does to this process, the engine
lives on: see `flowlang.runtime.isolated`, which starts it. What handlers print goes to standard error.
"""

from __future__ import annotations

import asyncio
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

from flowlang import codec, shape
from flowlang.declared import Operation
from flowlang.event import Reason, Result
from flowlang.runtime import blocking
from flowlang.runtime.answer import Answers, Examples
from flowlang.runtime.handlers import Handlers, load
from flowlang.runtime.ports import Caller, Request, ScenarioMistake
from flowlang.runtime.processes import UNUSABLE
from flowlang.values import wire_dumps, wire_loads

READY = b"ready\n"
"""The first line that a worker writes: its handlers are read."""

LONGEST = 1 << 30  # bytes of a line


def opening(folder: str, operations: list[Operation]) -> str:
    """The first line that a worker reads."""
    return wire_dumps({"folder": folder, "operations": [shape.to_data(one) for one in operations]})


def asking(id: int, request: Request) -> str:
    """The line of a call."""
    fields = request._asdict() | {"reason": None if request.reason is None else shape.to_data(request.reason)}
    return wire_dumps({"id": id, "request": fields})


def answered(line: bytes) -> tuple[int, Result | ScenarioMistake]:
    """What a worker says of a call, by the call's number."""
    said: Any = wire_loads(line.decode())
    if "mistake" in said:
        return said["id"], ScenarioMistake(said["mistake"])
    [result] = codec.load_results(said["results"])
    return said["id"], result


def main() -> int:
    """Answer until nobody asks any more; the exit status."""
    answers = os.dup(1)
    os.dup2(2, 1)
    with blocking.watched(partial(print, "note:", file=sys.stderr, flush=True)):
        return asyncio.run(_serve(answers))


async def _serve(answers: int) -> int:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(LONGEST)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    caller = _caller(wire_loads((await reader.readline()).decode()))
    if caller is None:
        return UNUSABLE
    os.write(answers, READY)
    calls: set[asyncio.Task[None]] = set()
    while line := await reader.readline():
        call = loop.create_task(_answer(caller, wire_loads(line.decode()), answers))
        calls.add(call)
        call.add_done_callback(calls.discard)
    return 0


def _caller(opened: Any) -> Caller | None:
    operations = [shape.from_data(Operation, one) for one in opened["operations"]]
    handlers, problems = load(Path(opened["folder"]), operations)
    errors = [str(problem) for problem in problems if problem.severity == "error"]
    if errors:
        print("\n\n".join(errors), file=sys.stderr)
        return None
    gate = Answers(operations)
    return Handlers(handlers, gate, Examples(gate))


async def _answer(caller: Caller, asked: Any, answers: int) -> None:
    fields = asked["request"]
    if fields["reason"] is not None:
        fields["reason"] = shape.from_data(Reason, fields["reason"])
    try:
        said = {"id": asked["id"], "results": codec.dump_results([await caller.call(Request(**fields))])}
    except ScenarioMistake as mistake:
        said = {"id": asked["id"], "mistake": str(mistake)}
    data = wire_dumps(said).encode() + b"\n"
    while data:
        data = data[os.write(answers, data) :]


if __name__ == "__main__":
    sys.exit(main())
