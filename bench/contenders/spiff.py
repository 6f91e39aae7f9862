"""SpiffWorkflow, in process: python spiff.py memory|json. In memory, or serialised as JSON after each task (not stored)."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable

from contender import ORDER, main, serve
from SpiffWorkflow.serializer.json import JSONSerializer
from SpiffWorkflow.specs.Join import Join
from SpiffWorkflow.specs.Simple import Simple
from SpiffWorkflow.specs.WorkflowSpec import WorkflowSpec
from SpiffWorkflow.workflow import Workflow


def row(steps: int) -> WorkflowSpec:
    spec = WorkflowSpec(f"row{steps}", addstart=True)
    last = spec.start
    for step in range(steps):
        task = Simple(spec, f"s{step}")
        last.connect(task)
        last = task
    return spec


def fork() -> WorkflowSpec:
    spec = WorkflowSpec("fork", addstart=True)
    join = Join(spec, "join")
    for step in range(4):
        task = Simple(spec, f"s{step}")
        spec.start.connect(task)
        task.connect(join)
    return spec


def once(spec: WorkflowSpec, kept: bool) -> Callable[[], Awaitable[None]]:
    serializer = JSONSerializer()

    async def run() -> None:
        workflow = Workflow(spec)
        workflow.data["order"] = ORDER
        if not kept:
            workflow.run_all()
        while kept and not workflow.is_completed() and workflow.run_next():
            workflow.serialize(serializer)
        assert workflow.is_completed()

    return run


async def spiff(word: str) -> None:
    specs = {"three": row(3), "ten": row(10), "fork": fork()}
    await serve({name: once(spec, word == "json") for name, spec in specs.items()})


if __name__ == "__main__":
    main(spiff(sys.argv[1]))
