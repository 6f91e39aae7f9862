"""DBOS Transact, in process, as its documentation has it: python dbos_workflows.py DATABASE_URL"""

from __future__ import annotations

import asyncio
import sys

from contender import ORDER, main, serve
from dbos import DBOS


@DBOS.step()
async def step(order: dict[str, object]) -> dict[str, object]:
    return order


@DBOS.workflow()
async def row(order: dict[str, object], steps: int) -> dict[str, object]:
    for _ in range(steps):
        order = await step(order)
    return order


@DBOS.workflow()
async def fork(order: dict[str, object]) -> dict[str, object]:
    return (await asyncio.gather(*[step(order) for _ in range(4)]))[-1]


async def workflows() -> None:
    DBOS.launch()
    await serve({"three": lambda: row(ORDER, 3), "ten": lambda: row(ORDER, 10), "fork": lambda: fork(ORDER)})
    DBOS.destroy()


if __name__ == "__main__":
    settings = {
        "name": "bench",
        "system_database_url": sys.argv[1],
        "run_admin_server": False,
        "log_level": "ERROR",
    }
    DBOS(config=settings)  # type: ignore[arg-type]
    main(workflows())
