"""How another process asks something of the engine that lives on a store: a row in a table, and the answer in it.

The engine looks for new rows now and then; carrying one out and answering it are one transaction, so a command is done
once however often the engine dies on the way. Whoever asks while no engine lives gets `NobodyThere`, and can be the engine.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from flowlang.event import Error
from flowlang.runtime import desk, lock
from flowlang.runtime.sqlite import SqliteStore, open_store
from flowlang.runtime.store import CommandRow, Conflict, NotFound, NotStuck, RuntimeRefusal, StoreError
from flowlang.values import wire_dumps, wire_loads

if TYPE_CHECKING:
    from flowlang.runtime.driver import Driver

Arguments = dict[str, Any]
REFUSALS: dict[str, type[RuntimeRefusal]] = {"NotFound": NotFound, "NotStuck": NotStuck}


class NobodyThere(StoreError):
    """No engine lives on the store, or it died before it answered: nothing has happened."""


# ---------------------------------------------------------------- asking


async def ask(path: str, word: str, arguments: Arguments, patience: float = 30.0) -> Any:
    """What the engine of the store at `path` answers to `word` (send, cancel, resolve, replay): see `carry_out` for the
    arguments and answers. Raises NobodyThere, the refusals of the engine, and StoreError after `patience` seconds."""
    if lock.owner_of(path) is None:
        raise NobodyThere(f"no engine lives on the store `{path}`")
    store, id = open_store(path), secrets.token_hex(8)
    try:
        with store.transaction():
            store.ask(id, word, wire_dumps(arguments))
        answer, alive = await _answer(store, id, patience)
        if answer is None:
            with store.transaction():
                answer = store.answer_of(id)  # it may have been given in the meantime
                store.forget_command(id)
        else:
            with store.transaction():
                store.forget_command(id)
        if answer is None:
            if not alive:
                raise NobodyThere(f"the engine of the store `{path}` ended before it answered")
            raise StoreError(f"the engine of the store `{path}` did not answer")
        return _read(answer)
    finally:
        store.close()


async def _answer(store: SqliteStore, id: str, patience: float) -> tuple[str | None, bool]:
    """The answer, or None when the engine ends or is silent; and whether it still lived when it was last looked for."""
    waited, pause = 0.0, 0.005
    while waited < patience:
        answer = store.answer_of(id)
        if answer is not None:
            return answer, True
        if lock.owner_of(store.path) is None:
            return None, False
        await asyncio.sleep(pause)
        waited += pause
        pause = min(pause * 2, 0.1)
    return None, True


def _read(answer: str) -> Any:
    word, *rest = wire_loads(answer)
    if word == "ok":
        return rest[0]
    if word == "Conflict":
        raise Conflict(*rest)
    raise REFUSALS[word](rest[0])


# ---------------------------------------------------------------- answering


async def serve(driver: Driver, pause: float) -> None:
    """Look for commands, and for what other processes have put on the bus, until cancelled."""
    handled: set[str] = set()
    try:
        while driver.failure is None:
            if not driver.is_committing and driver.store.changed():
                for command in driver.store.commands():
                    if command.id not in handled:
                        handled.add(command.id)
                        driver.do(_answering(driver, command))
                if driver.everything or driver.shares_bus:
                    driver.do(driver.bus.look)
                driver.look_again()
            await asyncio.sleep(pause)
    except StoreError as problem:
        driver.fail(problem)


def _answering(driver: Driver, command: CommandRow) -> Callable[[], None]:
    def act() -> None:
        if all(one.id != command.id for one in driver.store.commands()):
            return  # who asked has given up and will ask again: it must not be done twice
        try:
            answer = ["ok", carry_out(driver, command.word, wire_loads(command.body))]
        except Conflict as refusal:
            answer = ["Conflict", str(refusal), refusal.run]
        except RuntimeRefusal as refusal:
            answer = [type(refusal).__name__, str(refusal)]
        driver.store.answer(command.id, wire_dumps(answer))

    return act


def carry_out(driver: Driver, word: str, given: Arguments) -> Any:
    """Do what was asked. Raises the refusals of `desk`."""
    match word:
        case "send":
            sent = desk.send(driver, given["type"], given["data"], given.get("subject", ""), given.get("id", ""))
            return {name: list(one) if isinstance(one, tuple) else one for name, one in asdict(sent).items()}
        case "cancel":
            return desk.cancel(driver, given["run"])
        case "resolve":
            error = given.get("error")
            return desk.resolve(
                driver,
                given["run"],
                given["step"],
                given["decision"],
                given.get("kind", ""),
                given.get("value"),
                None if error is None else Error(error["name"], error.get("message", ""), given["step"]),
            )
        case "replay":
            return desk.replay(driver, given["id"])
        case _:
            raise NotFound(f"the engine knows no command `{word}`")
