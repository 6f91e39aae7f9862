"""The handlers of Restate, served by hypercorn with restate_hypercorn.toml."""

from __future__ import annotations

from typing import Any

import restate

service = restate.Service("work")


@service.handler()
async def row(context: restate.Context, given: dict[str, Any]) -> dict[str, Any]:
    order = given["order"]

    async def step() -> dict[str, Any]:
        return order

    for number in range(given["steps"]):
        order = await context.run_typed(f"s{number}", step)
    return order


@service.handler()
async def fork(context: restate.Context, given: dict[str, Any]) -> dict[str, Any]:
    async def step() -> dict[str, Any]:
        return given["order"]

    await restate.gather(*[context.run_typed(f"s{number}", step) for number in range(4)])
    return given["order"]


app = restate.app([service])
