"""An engine as a process that a test can kill: `python -m tests.runtime.killable STORE MODE FOLDER [words]`.

Starts run r1 of the order flow, or goes on with it, sends the event that it waits for, and prints its status. Words:
`processes` gives each service a process, `isolate` its handlers, `before=STEP` and `after=STEP` crash, `hang` never ends.
"""

from __future__ import annotations

import asyncio
import os
import sys

from flowlang.runtime import failpoint
from flowlang.runtime.callers import ISOLATE, SERVICES, callers
from flowlang.runtime.engine import Crash, Engine
from tests.runtime.test_both_modes import installation

HANDLERS = """
import os, time
from pathlib import Path
from flowlang.runtime.operation import operation

LEDGER = Path(__file__).parent / "ledger.txt"

def note(call):
    with open(LEDGER, "a") as file:
        file.write(f"{call.path} {call.kind} {call.key} {call.attempt} {os.getpid()}\\n")

@operation("payments.charge")
def charge(id, call):
    note(call)
    return {"paymentId": "p"}

@operation("payments.refund")
def refund(call):
    note(call)

@operation("inventory.reserve")
async def reserve(id, call):
    note(call)

@operation("inventory.release")
def release(call):
    note(call)
"""


async def main(path: str, mode: str, folder: str, words: list[str]) -> None:
    before = tuple(word.partition("=")[2] for word in words if word.startswith("before="))
    after = tuple(word.partition("=")[2] for word in words if word.startswith("after="))
    installed = installation(mode)
    async with Engine.open(path, callers=callers, crash=Crash(before, after), processes="processes" in words) as engine:
        await engine.install(installed)
        given = {"order": {"id": "o-1"}}
        options = {SERVICES: folder, **({ISOLATE: "yes"} if "isolate" in words else {})}
        await engine.start(installed.flow.hash, mode, given, run="r1", options=options)
        await engine.resume()
        if "hang" in words:
            print("hangs", os.getpid(), flush=True)
            await engine.until("r1", follow=True)
        await engine.send("delivery.confirmed", {"id": "o-1"}, id="e1")
        print(await engine.until("r1"), flush=True)
        await engine.quiet()


if __name__ == "__main__":
    failpoint.set_hook(failpoint.from_environment(os.environ.get(failpoint.VARIABLE)))
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]))
