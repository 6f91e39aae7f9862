"""flowlang: the embedded engine over a file or in memory, or a choreography of three services in one process.

python ours.py orchestrate|choreograph PATH|memory
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT)]

from bench.contenders.contender import ORDER, serve  # noqa: E402
from bench.flows import built, installation  # noqa: E402
from flowlang.runtime.callers import SERVICES, callers  # noqa: E402
from flowlang.runtime.engine import Engine  # noqa: E402
from flowlang.runtime.loop import run_loop  # noqa: E402
from flowlang.values import from_python  # noqa: E402

WORKS = {"three": "three.flow", "ten": "ten.flow", "fork": "fork.flow"}


async def ours(mode: str, path: str) -> None:
    """Serve the workloads."""
    async with Engine.open(path, callers=callers) as engine:
        options = {SERVICES: str(ROOT / "bench/flows/services")}

        async def prepared(name: str):  # type: ignore[no-untyped-def]
            made = built(name, choreograph=mode == "choreograph")
            hash = await engine.install(installation(made, mode), options)

            async def once() -> None:
                started = await engine.start(hash, mode, {"order": from_python(ORDER)}, options=options)
                status = await engine.until(started.run)
                assert status == "completed", status

            return once

        works = {name: await prepared(file) for name, file in WORKS.items()}
        await serve(works, lambda: {"commits": engine.store.commits})


if __name__ == "__main__":
    logging.disable()
    run_loop(ours(*sys.argv[1:3]))
