"""The pytest plugin: a flow in a world of its own, in both modes, with time that a test moves.

    def test_a_declined_charge_leaves_nothing(flow_env):
        env = flow_env("flows/order.flow")
        env.fail("payments.charge", "Declined")
        run = env.start(order={"id": "o-1", "total": 12})
        assert run.status == "failed"
        assert run.effects == ["charge failed", "validate"]

    def test_nobody_confirms(flow_env):
        env = flow_env("flows/order.flow")
        run = env.start(order=ORDER)
        env.advance("3d")
        assert run.error == "DeliveryTimeout" and "charge:undo" in run.effects

The fixture runs each test once for each mode. Operations are answered by the examples of their contracts unless the test
says otherwise; nothing of yours is called. Nothing waits for real time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from flowlang.declared import Operation
    from flowlang.event import Outcome, Result, Value
    from flowlang.runtime.engine import Engine
    from flowlang.runtime.ports import Caller, Request
    from flowlang.runtime.setting import Setting

T = TypeVar("T")


@pytest.fixture(params=["orchestrate", "choreograph"])
def flow_env(request: pytest.FixtureRequest) -> Iterator[Callable[[str], FlowEnv]]:
    """Makes the world of a flow: `flow_env(file)`. Each test runs once for each mode."""
    made: list[FlowEnv] = []

    def make(file: str) -> FlowEnv:
        made.append(FlowEnv(file, request.param))
        return made[-1]

    try:
        yield make
    finally:
        for env in made:
            env.close()


@dataclass(slots=True)
class _Wanted:
    """What a test wants a call to be answered with, and how often still (None: always)."""

    error: str = ""
    value: Any = None
    data: Any = None
    left: int | None = None


class FlowEnv:
    """One flow in one mode, with a virtual clock, an engine over a store in memory, and stand-ins."""

    def __init__(self, file: str, mode: str) -> None:
        from flowlang.runtime.clock import virtual

        self.mode = mode
        self.flow, self._hash, self._tables = _built(file, mode)
        self._wanted: dict[str, list[_Wanted]] = {}
        self._time = ExitStack()
        self._runner, self._clock = self._time.enter_context(virtual())
        self._stack = AsyncExitStack()
        self._engine: Engine = self._do(self._open())
        self._runs: list[Run] = []

    # ------------------------------------------------------------ what a test says

    def answer(self, where: str, value: Any, times: int | None = None) -> None:
        """Let an operation (`payments.charge`), a step (`charge`) or a compensation (`charge:undo`) answer with `value`."""
        from flowlang.schema import conformer
        from flowlang.values import from_python

        for operation in self._answered_at(where):
            problems = conformer(operation.output)(from_python(value))[1]
            if problems:
                pytest.fail(f"`{operation.service}.{operation.name}` can't answer so: {'; '.join(problems)}")
        self._wanted.setdefault(where, []).append(_Wanted(value=value, left=times))

    def fail(self, where: str, error: str = "Timeout", times: int | None = None, data: Any = None) -> None:
        """Let it fail with a declared error, or with `Timeout`, `Unavailable`, or `crash` for a bug of the handler."""
        from flowlang.runtime.answer import UNCERTAIN

        for operation in self._answered_at(where):
            if error not in (*operation.errors, *UNCERTAIN, "crash"):
                known = ", ".join((*operation.errors, *UNCERTAIN, "crash"))
                pytest.fail(f"`{operation.service}.{operation.name}` does not fail with `{error}`; it can with {known}")
        self._wanted.setdefault(where, []).append(_Wanted(error, data=data, left=times))

    def start(self, **values: Any) -> Run:
        """Start a run with these values and let it go until it only waits. Values that do not fit fail the test, and so does
        the key of another run with other values; with the same ones it is that run."""
        from flowlang.link import Link
        from flowlang.runtime.store import Conflict

        run = Run(self, f"r{len(self._runs) + 1}")
        given = _fitting(self.flow, values)
        key = None if self.flow.key is None else Link().value(self.flow.key, given)
        try:
            started = self._do(self._engine.start(self._hash, self.mode, given, key=key, run=run.id))
        except Conflict as conflict:
            pytest.fail(str(conflict))
        run.id = started.run
        self._runs.append(run)
        self._rest()
        return run

    def send(self, type: str, data: Any, id: str = "", subject: str = "") -> list[str]:
        """Send an event, and let what follows from it happen; the runs that took it at once. One that no contract knows, or
        whose data does not fit, fails the test."""
        from flowlang.values import from_python

        sent = self._do(self._engine.send(type, from_python(data), subject, id))
        if sent.problem:
            pytest.fail(sent.problem)
        self._rest()
        return list(sent.runs)

    def cancel(self, run: Run) -> None:
        """Ask for a run to be cancelled, and let what follows from it happen."""
        self._do(self._engine.cancel(run.id))
        self._rest()

    def resolve(self, run: Run, step: str, decision: str, value: Any = None) -> None:
        """What an operator says of a stuck step: retry, skip, done or fail."""
        self._do(self._engine.resolve(run.id, step, decision, value=value))
        self._rest()

    def advance(self, time: str | float) -> None:
        """Let time pass, as `2d` or `90m` or in seconds, with all that becomes due in it."""
        self._do(asyncio.sleep(_seconds(time)))
        self._rest()

    def close(self) -> None:
        """End the engine. The fixture does it."""
        self._do(self._stack.aclose())
        self._time.close()

    # ------------------------------------------------------------ how it is done

    def _answered_at(self, where: str) -> list[Operation]:
        """The operations that a test means by `where`: none is a mistake of the test."""
        from flowlang.diagnostic import nearest
        from flowlang.scenario.sites import instance_of, sites_of

        sites = list(sites_of(self.flow))
        names: dict[str, list[Operation]] = {}
        for site in sites:
            for name in {site.place, site.place.rpartition("/")[2], site.name}:
                names.setdefault(name, []).append(site.operation)
        one = instance_of(sites, where)
        found = names.get(where, [] if one is None else [one.operation])
        if not found:
            near = nearest(where, list(names))
            pytest.fail(f"the flow calls nothing named `{where}`" + (f"; did you mean `{near}`?" if near else ""))
        return found

    def _do(self, what: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(what)

    def _rest(self) -> None:
        """Let everything happen that happens by itself, retries with their pauses too, but no timer of the flow."""

        async def rest() -> None:
            await self._engine.driver.until(self._nothing_goes_on)

        self._do(rest())

    def _nothing_goes_on(self) -> bool | None:
        driver = self._engine.driver
        return True if driver.idle() and not driver.live else None

    async def _open(self) -> Engine:
        from flowlang.runtime.engine import Engine
        from flowlang.runtime.programs import of_flow, of_tables

        opened = Engine.open("memory", callers=self._caller, clock=self._clock, jitter=lambda: 0.5)
        engine = await self._stack.enter_async_context(opened)
        central = self.mode == "orchestrate"
        installed = of_flow(self.flow, self._hash) if central else of_tables(self.flow, self._hash, self._tables())
        await engine.install(installed)
        return engine

    def _caller(self, setting: Setting) -> Caller:
        from flowlang.runtime.answer import Answers

        return _StandIns(self._wanted, Answers(setting.operations.values()))


@dataclass(slots=True)
class _StandIns:
    wanted: dict[str, list[_Wanted]]
    answers: Any

    async def call(self, request: Request) -> Result:
        """One attempt, as the test wants it."""
        from flowlang.event import Error, Unknown
        from flowlang.values import from_python

        wanted = self._pick(request)
        if wanted is None:
            result: Result = self.answers.example(request)
        elif not wanted.error:
            result = self.answers.answer(request, from_python(wanted.value))
        elif wanted.error == "crash":
            result = Unknown(Error("HandlerError", "the handler broke", request.path))
        else:
            has_data = wanted.data is not None
            result = self.answers.failure(request, wanted.error, "", from_python(wanted.data), has_data)
        return result

    def _pick(self, request: Request) -> _Wanted | None:
        undo = ":undo" if request.kind == "undo" else ""
        last = request.path.rpartition("/")[2]
        for name in (f"{request.path}{undo}", f"{last}{undo}", f"{request.service}.{request.operation}"):
            for wanted in self.wanted.get(name, ()):
                if wanted.left is None or wanted.left > 0:
                    wanted.left = None if wanted.left is None else wanted.left - 1
                    return wanted
        return None


@dataclass(slots=True)
class Run:
    """A run, as it stands when it is asked."""

    env: FlowEnv = field(repr=False)
    id: str

    @property
    def outcome(self) -> Outcome:
        """Everything that it came to."""
        from flowlang.runtime import view

        return view.outcome(self.env._engine.store, self.id)

    @property
    def status(self) -> str:
        """`completed`, `failed`, `cancelled`, `stuck`, or `waiting`."""
        from flowlang.report import status_of

        return status_of(self.outcome)

    @property
    def output(self) -> Value:
        """What the flow returned."""
        return self.outcome.output

    @property
    def error(self) -> str:
        """The name of the error that it failed with, or ""."""
        error = self.outcome.error
        return "" if error is None else error.name

    @property
    def effects(self) -> list[str]:
        """Its calls by the path below the flow, compensations as `charge:undo`, with their result where it is not ok; in the
        order of their paths, which is the same in both modes."""
        found = []
        for call in self.outcome.calls:
            name = call.id.path.partition("/")[2] + (":undo" if call.id.kind == "undo" else "")
            found.append(name if call.result == "ok" else f"{name} {call.result}")
        return found

    @property
    def events(self) -> list[tuple[str, Value]]:
        """The business events that it published: type and data."""
        return [(event.type, event.data) for event in self.outcome.events]


# ---------------------------------------------------------------- from the file


def _built(file: str, mode: str) -> tuple[Any, str, Callable[[], Mapping[str, Any]]]:
    from flowlang.check import render
    from flowlang.cli.files import opened, project_of
    from flowlang.compile import build, front
    from flowlang.diagnostic import Diagnostic

    choreograph = mode == "choreograph"
    source = opened(file)
    if isinstance(source, Diagnostic):
        pytest.fail(render.text([source], colour=False))
    whole = front(source, project_of(file))
    wrong = [one for one in whole.found if render.severity(one, choreograph=choreograph) == "error"]
    if wrong:
        pytest.fail(render.text(wrong, colour=False, choreograph=choreograph))
    made = build(whole)
    return made.flow, made.hash, lambda: made.tables


def _fitting(flow: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    from flowlang.check import render
    from flowlang.scenario.fit import fit
    from flowlang.scenario.places import Places
    from flowlang.source import Source, Span
    from flowlang.values import from_python

    found, wrong = fit(flow, from_python(dict(values)), Places(Span(Source("<start>", ""), 0, 0), {}))
    if wrong:
        pytest.fail(render.text(wrong, colour=False))
    return found


def _seconds(time: str | float) -> float:
    from flowlang.values import Duration

    return Duration.parse(time).ms / 1000 if isinstance(time, str) else float(time)
