"""`send`, `cancel`, `resolve`, `dead`: what people say to runs. Through the engine that lives on the store, or as it."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from collections.abc import Callable, Sequence

import click

from flowlang.cli.ending import Told, drive, stopped, told
from flowlang.cli.files import opened
from flowlang.cli.given import refused
from flowlang.cli.input import Given, read_json
from flowlang.cli.screen import data, talk
from flowlang.cli.session import STORE, Session
from flowlang.cli.status import DONE, FINDINGS, UNREACHABLE, USAGE, Stop
from flowlang.cli.steps import steps_in
from flowlang.cli.stored import find_run, looking, virtual_start, virtual_time
from flowlang.cli.summary import table
from flowlang.declared import Operation
from flowlang.diagnostic import Diagnostic
from flowlang.event import Error, Value
from flowlang.place import bare, key
from flowlang.runtime import lock, mailbox, view
from flowlang.runtime.engine import Engine, Sent
from flowlang.runtime.setting import RealClock, names
from flowlang.runtime.sqlite import SqliteStore
from flowlang.runtime.store import DeadRow, RuntimeRefusal, StoreError
from flowlang.scenario.fit import fit_schema
from flowlang.scenario.tree import EMPTY
from flowlang.source import Source
from flowlang.values import Timestamp, plain_dumps

PATIENCE = 30.0
"""Seconds for which a command looks for an engine, or for the chance to be it."""


@click.command()
@click.argument("type")
@click.option(
    "--data", "text", default="{}", show_default=True, metavar="JSON|@FILE", help="The event's data; `@-` is stdin."
)
@click.option("--id", "id", default="", metavar="ID", help="Two events with one id are one event.")
@click.option("--subject", default="", metavar="TEXT", help="For a wait without `where`: the key of the run.")
@click.option("--store", default=STORE, show_default=True, metavar="PATH", help="Where the runs are kept.")
@click.option("--json", "as_json", is_flag=True, help="One report object to a line for the runs that went on.")
def send(type: str, text: str, id: str, subject: str, store: str, as_json: bool) -> int:
    """Send the event TYPE to the runs that wait for it, and to the flows that it starts.

    The runs that take it go on until they are over or only wait; ends with the highest of their statuses (see `flowlang
    run --help`), with 0 when the event is kept for later, and with 2 when it is refused.
    """
    value = _json(text, "the event's data").value
    _must_exist(store)

    def ask() -> int:
        answer = _ask(store, "send", {"type": type, "data": value, "subject": subject, "id": id})
        return _received(type, Sent(**answer)).say()

    async def act(engine: Engine, clock: RealClock) -> Told:
        sent = await engine.send(type, value, subject=subject, id=id)
        said = _received(type, sent)
        if not sent.runs:
            return said
        end = await _driven(engine, clock, sent.runs, as_json=as_json)
        return Told(end.status, end.data, said.talk)

    return _said(store, ask, lambda: Session(store, virtual_time(store, type, value, subject)).drive(act).say())


@click.command()
@click.argument("run")
@click.option("--store", default=STORE, show_default=True, metavar="PATH", help="Where the runs are kept.")
@click.option("--json", "as_json", is_flag=True, help="The report object, on one line.")
def cancel(run: str, store: str, as_json: bool) -> int:
    """Cancel RUN (its id, or how that begins): what it has done is undone. Ends with the run's own status."""
    id = find_run(store, run)

    def ask() -> int:
        status = _ask(store, "cancel", {"run": id})
        talk(f"run {id} is {status}" if status == "cancelling" else f"too late: run {id} is {status} already")
        return DONE

    async def act(engine: Engine, clock: RealClock) -> Told:
        status = await engine.cancel(id)
        end = await _driven(engine, clock, [id], as_json=as_json)
        return end if status == "cancelling" else Told(end.status, end.data, f"too late: it is {status} already")

    return _said(store, ask, lambda: Session(store, virtual_start(store, id)).drive(act).say())


@click.command()
@click.argument("run")
@click.argument("step")
@click.argument("decision", type=click.Choice(["retry", "skip", "done", "fail"]))
@click.option("--result", metavar="JSON|@FILE", help="With done: what the step answered.")
@click.option("--error", metavar="NAME", help="With fail: the name of the error.")
@click.option("--message", default="", metavar="TEXT", help="With fail: why.")
@click.option("--store", default=STORE, show_default=True, metavar="PATH", help="Where the runs are kept.")
@click.option("--json", "as_json", is_flag=True, help="The report object, on one line.")
def resolve(
    run: str, step: str, decision: str, result: str | None, error: str | None, message: str, store: str, as_json: bool
) -> int:
    """Say how the stuck STEP (its path, or its name) of RUN goes on. Ends with the run's own status.

    retry  try it again, under the same key
    done   it has happened: go on, with --result as its output; the `compensate` of a step needs no result
    fail   it has not happened: it failed with --error (not for compensations)
    skip   leave a compensation out: what it should have undone is listed as residue
    """
    id = find_run(store, run)
    if (decision == "fail") != (error is not None):
        raise Stop(USAGE, "fail needs --error NAME" if error is None else f"--error is for fail, not for {decision}")
    if result is not None and decision != "done":
        raise Stop(USAGE, f"--result is for done, not for {decision}")
    value = _result(store, id, step, decision, result)
    failed = {"name": error, "message": message} if error is not None else None

    def ask() -> int:
        arguments = {"run": id, "step": step, "decision": decision, "value": value, "error": failed}
        talk(f"{_ask(store, 'resolve', arguments)}: {decision}")
        return DONE

    async def act(engine: Engine, clock: RealClock) -> Told:
        said = None if error is None else Error(error, message, step)
        await engine.resolve(id, step, decision, value=value, error=said)
        return await _driven(engine, clock, [id], as_json=as_json)

    return _said(store, ask, lambda: Session(store, virtual_start(store, id)).drive(act).say())


@click.group(invoke_without_command=True)
@click.option("--store", default=STORE, show_default=True, metavar="PATH", help="Where the runs are kept.")
@click.option("--json", "as_json", is_flag=True, help="One object to a line.")
@click.pass_context
def dead(context: click.Context, store: str, as_json: bool) -> int:
    """List dead letters: what could not be taken in, and why. `dead replay ID` takes one in again."""
    context.obj = store
    if context.invoked_subcommand is not None:
        return DONE
    with looking(store) as opened:
        letters = opened.dead()
    if as_json:
        data("\n".join(plain_dumps(_letter(one)) for one in letters))
    elif not letters:
        talk("no dead letter")
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
        head = ["id", "when", "run", "role", "why"]
        data(table(head, [[str(one.id), _when(one), one.run, one.role, one.reason] for one in letters], width))
    return DONE


@dead.command("replay")
@click.argument("id", type=int)
@click.option("--store", "here", metavar="PATH", help="Where the runs are kept; it may stand before `replay` too.")
@click.pass_obj
def dead_replay(store: str, id: int, here: str | None) -> int:
    """Take the dead letter ID in again. Ends with 0 when it was taken in, with 1 when it is dead once more."""
    store = here or store
    _must_exist(store)

    async def act(engine: Engine, clock: RealClock) -> Told:
        problem = await engine.replay(id)
        await engine.quiet()
        return _replayed(id, problem)

    def ask() -> int:
        return _replayed(id, _ask(store, "replay", {"id": id})).say()

    return _said(store, ask, lambda: Session(store).drive(act).say())


# ---------------------------------------------------------------- in common


def _said(store: str, ask: Callable[[], int], act: Callable[[], int]) -> int:
    """Ask the engine that lives on the store, or act as the engine where none does. Engines come and go: whoever finds the
    one gone, or another one there, has done nothing yet and tries the other way, for PATIENCE seconds."""
    ends = time.monotonic() + PATIENCE
    while True:
        try:
            return act() if lock.owner_of(store) is None else ask()
        except Stop as stop:
            if not isinstance(stop.__cause__, lock.StoreOwned | mailbox.NobodyThere) or time.monotonic() > ends:
                raise
        time.sleep(lock.PAUSE)


def _ask(store: str, word: str, arguments: dict[str, Value]) -> Value:
    """What the engine that lives on the store answers."""
    try:
        return asyncio.run(mailbox.ask(store, word, arguments))
    except StoreError as error:
        raise Stop(UNREACHABLE, str(error)) from error
    except RuntimeRefusal as error:
        raise Stop(USAGE, str(error)) from error


async def _driven(engine: Engine, clock: RealClock, runs: Sequence[str], *, as_json: bool) -> Told:
    """Let runs go on, and tell what they come to."""
    ends, mistake = [], None
    for run in runs:
        if mistake is None:
            await engine.resume(run)
            mistake = await drive(engine, clock, run, EMPTY, follow=False)
        ends.append(told(engine.store, [run], EMPTY, clock.now(), as_json=as_json))
    data = ("\n" if as_json else "\n\n").join(end.data for end in ends)
    return stopped(Told(max(end.status for end in ends), data), mistake)


def _must_exist(store: str) -> None:
    """An event sent to a store that is not there would make an empty one and vanish in it."""
    with looking(store):
        pass


def _json(text: str, what: str) -> Given:
    """JSON from the command line, or from a file after `@`."""
    source: Source | Diagnostic = opened(text[1:]) if text.startswith("@") else Source("<command line>", text)
    given = source if isinstance(source, Diagnostic) else read_json(source, what)
    if isinstance(given, Diagnostic):
        refused([given], USAGE)
    return given


def _result(store: str, run: str, step: str, decision: str, text: str | None) -> Value:
    """What an operator says that a step answered, as its contract has it."""
    if decision != "done":
        return None
    given = None if text is None else _json(text, "the result")
    with looking(store) as opened:
        operation = _answered(opened, run, step)
    if operation is None:
        return None if given is None else given.value
    if given is None:
        raise Stop(USAGE, f"done needs --result JSON: what `{operation.service}.{operation.name}` answered")
    value, found = fit_schema(operation.output, given.value, given.places, (), "the result")
    if found:
        refused(found, USAGE)
    return value


def _answered(store: SqliteStore, run: str, step: str) -> Operation | None:
    """The operation in whose place an operator answers: that of the one stuck block that `step` names, a step of a block
    that undoes too. None for what undoes one step, since nobody looks at its result, and where the engine will refuse."""
    stuck = [(path, kind) for path, kind, _ in view.stuck(store, run) if kind and names(step, path)]
    if len(stuck) != 1:
        return None
    [(path, kind)] = stuck
    steps = steps_in(store, view.run(store, run))
    [known] = [one for one in steps if key(one.path) == bare(path)]
    undoes_flow = any(one.path.startswith(f"{known.path}:flow") for one in steps)
    if kind == "undo" and (undoes_flow or not known.undoes):
        return None
    called = tuple(known.operation.split("."))
    operations = (share.operations for share in view.folded(store, run).shares.values())
    return next(one for each in operations for name, one in each.items() if name == called)


def _received(type: str, sent: Sent) -> Told:
    if sent.problem:
        return Told(USAGE, "", f"error: {sent.problem}\n   = note: it is a dead letter now: `flowlang dead`")
    if not sent.fresh:
        return Told(DONE, "", f"the event {sent.id} was sent before")
    said = [
        *([f"taken by {', '.join(sent.runs)}"] if sent.runs else []),
        *(f"on its way to run {run}, which waits for it" for run in sent.waiting),
        *(f"on its way to `{flow}`, of which it starts a run" for flow in sent.starts),
    ]
    return Told(DONE, "", "\n".join(said) or f"no run waits for this {type} yet; it is kept for one that will")


def _replayed(id: int, problem: str) -> Told:
    return (
        Told(FINDINGS, "", f"error: letter {id} is dead once more: {problem}")
        if problem
        else Told(DONE, "", "taken in")
    )


def _letter(one: DeadRow) -> dict[str, Value]:
    return {"id": one.id, "at": _when(one), "run": one.run, "role": one.role, "reason": one.reason, "body": one.body}


def _when(one: DeadRow) -> str:
    return str(Timestamp.of_ms(one.at))
