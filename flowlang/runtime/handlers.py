"""`--services DIR`: Python functions as operations. Files are read once; each call is fenced, timed and its
answer checked.

Nothing that a handler does reaches the engine as an exception: a declared `Failure` is `Failed`, and everything
else that goes wrong is `Unknown`, because nobody can tell how far the handler came. What takes the whole process
down (`os._exit`) is recovered like any crash, or takes down a process of handlers only: see `isolated`.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import importlib.util
import inspect
import sys
import threading
import time
import traceback
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from flowlang.declared import Operation, Schema
from flowlang.diagnostic import nearest
from flowlang.event import Error, Ok, Result, Unknown, Value
from flowlang.runtime import blocking
from flowlang.runtime.answer import Answers
from flowlang.runtime.limits import Limits
from flowlang.runtime.operation import Call, Failure, Marked, collecting
from flowlang.runtime.ports import Caller, Request
from flowlang.values import BadValue, Duration, from_python

MOST_SAID = 2000
"""Characters of a message that are kept."""

THREADS = 64  # handlers without `async` that run at once; more wait for their turn
GRACE = 1.0  # seconds that a cancelled handler has to clean up before it is left behind


@dataclass(frozen=True, slots=True)
class Problem:
    """A mistake in a handler file. `severity` is `error` or `warning`; `details` is the traceback, for `--debug`."""

    file: str
    line: int
    message: str
    severity: str = "error"
    details: str = ""

    def __str__(self) -> str:
        return f"{self.severity}: {self.message}\n   --> {self.file}" + (f":{self.line}" if self.line else "")


@dataclass(frozen=True, slots=True)
class Handler:
    """A function and how it is called: which fields it takes by name, and whether it takes all others and the
    call."""

    function: Callable[..., Any]
    fields: tuple[str, ...]
    required: tuple[str, ...]
    rest: bool
    wants_call: bool
    is_async: bool


# ---------------------------------------------------------------- reading the files


def load(directory: Path, operations: Iterable[Operation]) -> tuple[dict[str, Handler], list[Problem]]:
    """The handlers in the `*.py` files of `directory` by operation, for those of `operations` that have one.

    The files are modules of one private package, so `from .bank import client` reads a file beside, and nothing of the
    user's is looked up in the working directory. A process reads a folder once, however many runs and services ask.
    """
    marked, problems = _files(directory.resolve())
    handlers, found = _choose(marked, {f"{known.service}.{known.name}": known for known in operations})
    return handlers, [*problems, *found]


@cache
def _files(directory: Path) -> tuple[tuple[Marked, ...], tuple[Problem, ...]]:
    if not directory.is_dir():
        word = "is a file; --services wants the folder it is in" if directory.exists() else "does not exist"
        return (), (Problem(str(directory), 0, f"the folder of handlers {word}"),)
    files = sorted(path for path in directory.glob("*.py") if path.name != "__init__.py")
    if not files:
        return (), (Problem(str(directory), 0, "there is no handler here: no file ends in .py", "warning"),)
    marked: list[Marked] = []
    problems: list[Problem] = []
    package = _package(directory, problems)
    for file in [] if problems else files:
        problems += _read(file, package, marked)
    return tuple(marked), tuple(problems)


def _package(directory: Path, problems: list[Problem]) -> str:
    """A package of a private name whose modules are the files of `directory`."""
    name = f"_flowlang_services_{len([known for known in sys.modules if known.startswith('_flowlang_services_')])}"
    package = types.ModuleType(name)
    package.__path__ = [str(directory)]
    sys.modules[name] = package
    start = directory / "__init__.py"
    if start.exists():
        problems += _read(start, name, [], name)
    return name


def _read(file: Path, package: str, marked: list[Marked], name: str = "") -> list[Problem]:
    name = name or f"{package}.{file.stem.replace('.', '_')}"
    if name in sys.modules and name != package:  # a file before it has imported this one
        return []
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] if name == package else importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    module.__file__ = str(file)
    token = collecting.set(marked)
    try:
        spec.loader.exec_module(module)
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # the user's module may do anything, also exit
        if name != package:
            del sys.modules[name]
        return [_import_problem(error, file)]
    finally:
        collecting.reset(token)
    return []


def _import_problem(error: BaseException, file: Path) -> Problem:
    """What went wrong and the innermost line of the user's that it went wrong at."""
    details = "".join(traceback.format_exception(error))
    if isinstance(error, SyntaxError):
        return Problem(
            error.filename or str(file), error.lineno or 0, f"this is no Python: {error.msg}", details=details
        )
    where, line = str(file), 0
    for frame in traceback.extract_tb(error.__traceback__):
        if Path(frame.filename).parent == file.parent:
            where, line = frame.filename, frame.lineno or 0
    return Problem(where, line, f"this file can't be imported: {_described(error)}", details=details)


def _described(error: BaseException) -> str:
    text = _said(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _said(error: BaseException) -> str:
    """The message of an exception of the user's, whose `__str__` may do anything."""
    try:
        return _printable(str(error))
    except Exception:
        return "(what it says can't be read)"


def _printable(text: str) -> str:
    """`text` as it can be stored and shown: a file name that is no UTF-8 leaves lone surrogates in a message."""
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= MOST_SAID else f"{text[:MOST_SAID]}… ({len(text)} characters)"


def _choose(marked: Iterable[Marked], known: Mapping[str, Operation]) -> tuple[dict[str, Handler], list[Problem]]:
    handlers: dict[str, Handler] = {}
    places: dict[str, Marked] = {}
    problems: list[Problem] = []
    for mark in marked:
        first = places.setdefault(mark.operation, mark)
        if first is not mark:
            where = f"{Path(first.file).name}:{first.line}"
            problems.append(
                Problem(mark.file, mark.line, f"`{mark.operation}` has two handlers, the other one is at {where}")
            )
        elif mark.operation not in known:
            near = nearest(mark.operation, sorted(known))
            hint = f"; did you mean `{near}`?" if near else ""
            problems.append(
                Problem(mark.file, mark.line, f"no step of the flow calls `{mark.operation}`{hint}", "warning")
            )
        else:
            handler = _handler(mark, known[mark.operation])
            if isinstance(handler, Problem):
                problems.append(handler)
            else:
                handlers[mark.operation] = handler
    return handlers, problems


def _handler(mark: Marked, operation: Operation) -> Handler | Problem:
    fields: list[str] = []
    rest = wants_call = False
    known = _fields(operation.input)
    for name, parameter in inspect.signature(mark.function).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            rest = True
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL):
            message = f"`{mark.operation}` is called with names: its parameter `{name}` must take one"
            return Problem(mark.file, mark.line, message)
        elif name == "call":
            wants_call = True
        elif known is not None and name not in known and parameter.default is parameter.empty:
            near = nearest(name, sorted(known))
            hint = f"did you mean `{near}`?" if near else f"it has {', '.join(sorted(known)) or 'no fields'}"
            message = f"the input of `{mark.operation}` has no field `{name}`; {hint}"
            return Problem(mark.file, mark.line, message)
        else:
            fields.append(name)
    is_async = inspect.iscoroutinefunction(inspect.unwrap(mark.function))
    if is_async:
        blocking.know(inspect.unwrap(mark.function).__code__, mark.operation)
    parameters = inspect.signature(mark.function).parameters
    required = tuple(name for name in fields if parameters[name].default is inspect.Parameter.empty)
    return Handler(mark.function, tuple(fields), required, rest, wants_call, is_async)


def _fields(schema: Schema) -> set[str] | None:
    """The fields that the schema of an input names, or None where it does not say."""
    while isinstance(schema, dict) and isinstance(reference := schema.get("$ref"), str):
        definitions = schema.get("$defs", {})
        schema = {**definitions.get(reference.rpartition("/")[2], {}), "$defs": definitions}
    properties = schema.get("properties") if isinstance(schema, dict) else None
    return set(properties) if isinstance(properties, dict) else None


# ---------------------------------------------------------------- calling


class Handlers:
    """Calls the handler of an operation; one without a handler is passed on to `otherwise`."""

    def __init__(self, handlers: Mapping[str, Handler], answers: Answers, otherwise: Caller) -> None:
        self._handlers = {tuple(name.split(".", 1)): handler for name, handler in handlers.items()}
        self._answers = answers
        self._otherwise = otherwise
        self._limits = Limits(self._late)
        self._left_behind: set[asyncio.Future[Any]] = set()  # a task that nobody holds may vanish half-way
        self._threads = asyncio.Semaphore(THREADS)

    async def call(self, request: Request) -> Result:
        """One attempt. See `Caller`."""
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()

        def done(result: Result) -> None:
            if not answer.done():
                answer.set_result(result)

        running = self.begin(request, done)
        if running is None:
            return await self._otherwise.call(request)
        try:
            return await answer
        finally:
            if not answer.done() or answer.cancelled():
                running.cancel()

    def begin(self, request: Request, done: Callable[[Result], object]) -> asyncio.Future[None] | None:
        """One attempt, under way; `done` is told of its result, and of it only. None where there is no handler. A handler gets
        one task and nothing else: at thousands of calls in a second each thing more for a call would be felt."""
        handler = self._handlers.get((request.service, request.operation))
        if handler is None:
            return None
        loop = asyncio.get_running_loop()
        attempt = _Attempt(request, handler, done)
        arguments = _arguments(handler, request)
        if isinstance(arguments, str):
            running = attempt.running = loop.create_future()
            running.set_result(None)
            loop.call_soon(done, _unknown(request, "HandlerError", arguments))
        elif handler.is_async:
            running = attempt.running = loop.create_task(self._fenced(attempt, arguments))
            self._watch(attempt)
        else:
            running = attempt.running = loop.create_task(self._threaded(attempt, arguments))
        return running

    def _watch(self, attempt: _Attempt) -> None:
        attempt.begun = time.monotonic()
        self._limits.began(attempt, attempt.request.timeout)

    async def _fenced(self, attempt: _Attempt, arguments: dict[str, Any]) -> None:
        """Run an `async` handler; what it raises is a value here, so that `sys.exit()` in it does not end the engine."""
        try:
            answer = await attempt.handler.function(**arguments)
            taken = self._answers.taken(attempt.request, answer)
            value = from_python(answer) if taken is None else None
        except BaseException as error:
            taken, value = None, _raised(error)
        self._came_back(attempt, value, taken)

    async def _threaded(self, attempt: _Attempt, arguments: dict[str, Any]) -> None:
        """Run a handler in a thread, when there is one; its time begins with it."""
        async with self._threads:
            self._watch(attempt)
            value: Value | _Raised
            try:
                value = await _in_thread(attempt.handler, arguments)
            except asyncio.CancelledError as error:
                value = _Raised(error)
            self._came_back(attempt, value, None)

    def _came_back(self, attempt: _Attempt, value: Value | _Raised, taken: Result | None) -> None:
        """The handler has ended, in whatever way. One that blocks the event loop holds up its own time limit too."""
        request = attempt.request
        if attempt.is_left:
            return
        if attempt.is_late:
            self._limits.ended(attempt, _GRACE)
            return self._end(attempt, _timed_out(request))
        self._limits.ended(attempt, request.timeout)
        if (time.monotonic() - attempt.begun) * 1000 > request.timeout:
            self._end(attempt, _timed_out(request))
        elif taken is not None:
            self._end(attempt, taken)
        elif isinstance(value, _Raised):
            self._end(attempt, self._raised(value.error, attempt.handler, request))
        else:
            self._end(attempt, self._answers.answer(request, value))

    def _end(self, attempt: _Attempt, result: Result) -> None:
        attempt.is_left = True
        attempt.done(result)

    def _late(self, attempt: _Attempt) -> None:
        """A handler's time is over: it may clean up for a while, and is then left behind. A thread can't be stopped."""
        assert attempt.running is not None
        if not attempt.is_late:
            attempt.is_late = True
            if attempt.handler.is_async:
                attempt.running.cancel()
                return self._limits.began(attempt, _GRACE)
        if not attempt.running.done():
            attempt.running.cancel()
            self._left_behind.add(attempt.running)
            attempt.running.add_done_callback(self._left_behind.discard)
        self._end(attempt, _timed_out(attempt.request))

    def _raised(self, error: BaseException, handler: Handler, request: Request) -> Result:
        match error:
            case asyncio.CancelledError():
                return _unknown(request, "HandlerError", "the handler cancelled itself")
            case BadValue() if self._answers.ignores(request):
                return Ok(None)
            case BadValue():
                return self._answers.invalid(request, str(error))
            case Failure():
                return self._answers.failure(request, error.name, _printable(error.message), error.data, error.has_data)
            case TimeoutError():
                return _unknown(request, "Timeout", _said(error) or "the handler gave up waiting")
            case ConnectionError():
                return _unknown(request, "Unavailable", _described(error))
            case _:
                return _unknown(request, "HandlerError", f"{_described(error)}{_place(error, handler)}")


@dataclass(frozen=True, slots=True)
class _Raised:
    error: BaseException


_GRACE = int(GRACE * 1000)


@dataclass(slots=True, eq=False)
class _Attempt:
    """A handler under way. It `is_left` when its result has been told."""

    request: Request
    handler: Handler
    done: Callable[[Result], object]
    running: asyncio.Future[None] | None = None
    begun: float = 0.0
    is_late: bool = False
    is_left: bool = False


def _raised(error: BaseException) -> _Raised:
    """Still inside the fence: also the data of a failure must become a value, and may be anything."""
    if not isinstance(error, Failure):
        return _Raised(error)
    try:
        error.data = from_python(error.data)
    except BaseException as other:
        return _Raised(other)
    return _Raised(error)


def _in_thread(handler: Handler, arguments: dict[str, Any]) -> asyncio.Future[Value | _Raised]:
    """Run a handler in a thread of its own. Nobody can stop a thread, so it must not keep the process from
    ending: hence a daemon, which `asyncio.to_thread` has not."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Value | _Raised] = loop.create_future()
    context = contextvars.copy_context()

    def work() -> None:
        try:
            value = from_python(context.run(handler.function, **arguments))
        except BaseException as error:
            value = _raised(error)
        # a closed loop: the engine ended while this handler hung; its attempt has no result and will be made again
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle, future, value)

    threading.Thread(target=work, name="handler", daemon=True).start()
    return future


def _settle(future: asyncio.Future[Value | _Raised], value: Value | _Raised) -> None:
    if not future.done():
        future.set_result(value)


def _arguments(handler: Handler, request: Request) -> dict[str, Any] | str:
    """The keyword arguments of a call, or what is wrong with them. What it gets is copied: a handler may change its
    own."""
    input = request.input
    arguments: dict[str, Any] = {}
    if handler.fields or handler.rest:
        if not isinstance(input, dict):
            return "the input is no record, so it has no fields to hand over; take `call` and read `call.input`"
        for name in input if handler.rest else handler.fields:
            if name in input and name != "call":
                arguments[name] = _copied(input[name])
        for name in handler.required:
            if name not in arguments:
                return f"the handler wants `{name}`, which this input does not have; give the parameter a default"
    if handler.wants_call:
        arguments["call"] = _call(request, _copied(input))
    return arguments


def _copied(value: Value) -> Value:
    """A value of its own for whoever may change it. Most of it is scalars, so boxes are copied whole and then gone through."""
    items: Iterable[tuple[Any, Value]]
    if type(value) is dict:
        items = value.items()
    elif type(value) is list:
        items = enumerate(value)
    else:
        return value
    copy = value.copy()
    for key, item in items:
        kind = type(item)
        if kind is dict or kind is list:
            copy[key] = _copied(item)
    return copy


def _call(request: Request, input: Value) -> Call:
    return Call(
        operation=f"{request.service}.{request.operation}",
        input=input,
        key=request.key,
        kind=request.kind,
        attempt=request.attempt,
        timeout=request.timeout,
        run=request.run,
        flow=request.flow,
        path=request.path,
        undoes=request.undoes,
        reason=request.reason,
    )


def _place(error: BaseException, handler: Handler) -> str:
    """The innermost line of the handler's own file: what its author needs first."""
    file = inspect.unwrap(handler.function).__code__.co_filename
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f" ({Path(file).name}:{lines[-1]})" if lines else ""


def _timed_out(request: Request) -> Unknown:
    return _unknown(request, "Timeout", f"the handler took longer than {Duration(request.timeout)}")


def _unknown(request: Request, name: str, message: str) -> Unknown:
    return Unknown(Error(name, message, request.path))
