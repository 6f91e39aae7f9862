"""Asks a Restate server through its ingress, as its users do: python restate_client.py INGRESS ADMIN SERVICE"""

from __future__ import annotations

import sys

import httpx
from contender import ORDER, main, serve


async def client(ingress: str, admin: str, service: str) -> None:
    limits = httpx.Limits(max_connections=256, max_keepalive_connections=256)
    async with httpx.AsyncClient(limits=limits, timeout=60) as http:
        answer = await http.post(f"{admin}/deployments", json={"uri": service, "force": True})
        answer.raise_for_status()

        async def call(handler: str, steps: int) -> None:
            answer = await http.post(f"{ingress}/work/{handler}", json={"order": ORDER, "steps": steps})
            answer.raise_for_status()

        await serve({"three": lambda: call("row", 3), "ten": lambda: call("row", 10), "fork": lambda: call("fork", 4)})


if __name__ == "__main__":
    main(client(*sys.argv[1:4]))
