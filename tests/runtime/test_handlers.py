"""Handlers in Python: how their files are read, what they are called with, and what becomes of everything they may do."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flowlang import Call, Failure, operation
from flowlang.declared import Operation
from flowlang.event import EffectId, Error, Failed, Ok, Reason, Result, Unknown, key_of
from flowlang.runtime import blocking
from flowlang.runtime.answer import Answers, Examples
from flowlang.runtime.handlers import Handlers, Problem, load
from flowlang.runtime.ports import Request

CHARGE = Operation(
    service="payments",
    name="charge",
    input={
        "type": "object",
        "required": ["orderId", "amount"],
        "properties": {"orderId": {"type": "string"}, "amount": {"type": "number"}, "note": {"type": "string"}},
    },
    output={"type": "object", "required": ["paymentId"], "properties": {"paymentId": {"type": "string"}}},
    errors=("Declined",),
    idempotent=True,
    reads=False,
    example=({"paymentId": "p-example"},),
)
REFUND = Operation("payments", "refund", CHARGE.input, {}, (), True, False, (None,))
ECHO = Operation("echo", "say", {}, {}, (), True, True)
OPERATIONS = (CHARGE, REFUND, ECHO)
INPUT = {"orderId": "o-1", "amount": Decimal("120.5")}


def request(known: Operation = CHARGE, input: Any = None, timeout: int = 30_000, **more: Any) -> Request:
    return Request(
        run="r-1",
        flow="order",
        path="order/charge",
        kind=more.pop("kind", "do"),
        service=known.service,
        operation=known.name,
        input=INPUT if input is None else input,
        number=more.pop("number", 0),
        attempt=more.pop("attempt", 1),
        timeout=timeout,
        **more,
    )


Folder = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Writes files of handlers; each gets the import that every one needs."""

    def write(**files: str) -> Path:
        for name, text in files.items():
            header = "from flowlang import Call, Failure, operation\n"
            tmp_path.joinpath(f"{name}.py").write_text(header + text, encoding="utf-8")
        return tmp_path

    return write


def ready(directory: Path) -> Handlers:
    handlers, problems = load(directory, OPERATIONS)
    assert problems == []
    answers = Answers(OPERATIONS)
    return Handlers(handlers, answers, Examples(answers))


def ask(directory: Path, asked: Request | None = None) -> Result:
    return asyncio.run(ready(directory).call(asked or request()))


def error_of(result: Result, kind: type[Failed] | type[Unknown] = Unknown) -> Error:
    assert type(result) is kind, result
    return result.error


# ---------------------------------------------------------------- what a handler is called with


def test_the_fields_of_the_input_come_by_name(folder: Folder) -> None:
    files = folder(
        a="@operation('payments.charge')\ndef f(orderId, amount): return {'paymentId': f'{orderId}:{amount}'}"
    )
    assert ask(files) == Ok({"paymentId": "o-1:120.5"})


def test_an_async_handler_is_called_alike(folder: Folder) -> None:
    files = folder(a="@operation('payments.charge')\nasync def f(orderId): return {'paymentId': orderId}")
    assert ask(files) == Ok({"paymentId": "o-1"})


def test_a_parameter_named_call_gets_everything_about_the_attempt(folder: Folder) -> None:
    files = folder(
        a="""
@operation("echo.say")
def f(call: Call):
    why = call.reason.error.name
    return [call.operation, call.input, call.key, call.kind, call.attempt, call.undoes, why, call.run, call.path]
"""
    )
    reason = Reason("failed", Error("NoCarrier", "", "order/ship"))
    asked = request(ECHO, {"x": 1}, kind="undo", attempt=3, undone=2, reason=reason)
    keys = [key_of("r-1", EffectId("order/charge", kind, number)) for kind, number in (("undo", 0), ("do", 2))]
    assert ask(files, asked) == Ok(
        ["echo.say", {"x": 1}, keys[0], "undo", 3, keys[1], "NoCarrier", "r-1", "order/charge"]
    )


def test_a_field_that_is_not_there_takes_the_default(folder: Folder) -> None:
    files = folder(a="@operation('payments.charge')\ndef f(note='none'): return {'paymentId': note}")
    assert ask(files) == Ok({"paymentId": "none"})


def test_a_missing_field_without_default_is_a_bug_that_says_what_to_do(folder: Folder) -> None:
    files = folder(a="@operation('payments.charge')\ndef f(note): return {'paymentId': note}")
    error = error_of(ask(files))
    assert error.name == "HandlerError"
    assert error.message == "the handler wants `note`, which this input does not have; give the parameter a default"


def test_rest_gets_all_fields_that_are_not_named(folder: Folder) -> None:
    files = folder(
        a="@operation('payments.charge')\ndef f(orderId, **rest): return {'paymentId': ','.join(sorted(rest))}"
    )
    assert ask(files) == Ok({"paymentId": "amount"})


def test_an_input_that_is_no_record_is_in_the_call(folder: Folder) -> None:
    files = folder(a="@operation('echo.say')\ndef f(call): return call.input * 2")
    assert ask(files, request(ECHO, [1])) == Ok([1, 1])


def test_a_handler_may_change_its_input_and_nobody_sees_it(folder: Folder) -> None:
    files = folder(
        a="@operation('echo.say')\ndef f(items, call):\n  items.clear()\n  call.input['items'].append(3)\n  return {}"
    )
    input = {"items": [1, 2]}
    assert ask(files, request(ECHO, input)) == Ok({})
    assert input == {"items": [1, 2]}


def test_a_handler_without_async_runs_beside_the_loop(folder: Folder) -> None:
    files = folder(
        a="import threading\n@operation('echo.say')\ndef f(): return threading.current_thread() is threading.main_thread()"
    )
    assert ask(files, request(ECHO)) == Ok(False)


def test_one_function_can_answer_two_operations(folder: Folder) -> None:
    files = folder(a="@operation('echo.say')\n@operation('payments.refund')\ndef f(call): return call.operation")
    assert ask(files, request(ECHO)) == Ok("echo.say")
    assert ask(files, request(REFUND)) == Ok("payments.refund")


def test_an_operation_without_handler_answers_with_its_example(folder: Folder) -> None:
    files = folder(a="@operation('echo.say')\ndef f(): return 1")
    assert ask(files) == Ok({"paymentId": "p-example"})


# ---------------------------------------------------------------- how it fails


def test_a_declared_failure_is_failed_with_its_data(folder: Folder) -> None:
    files = folder(a="@operation('payments.charge')\ndef f(): raise Failure('Declined', 'no', data={'limit': 0.1})")
    assert ask(files) == Failed(Error("Declined", "no", "order/charge", {"limit": Decimal("0.1")}, True))


def test_a_failure_without_data_has_none(folder: Folder) -> None:
    files = folder(a="@operation('payments.charge')\nasync def f(): raise Failure('Declined')")
    assert ask(files) == Failed(Error("Declined", "", "order/charge"))


def test_an_undeclared_failure_is_a_bug_that_names_the_declared_ones(folder: Folder) -> None:
    files = folder(a="@operation('payments.charge')\ndef f(): raise Failure('Broke')")
    error = error_of(ask(files))
    assert error.name == "HandlerError"
    assert error.message == "`payments.charge` failed with `Broke`, but its contract declares Declined"


@pytest.mark.parametrize(
    ("raised", "name"),
    [
        ("Failure('Unavailable', 'down')", "Unavailable"),
        ("Failure('Timeout')", "Timeout"),
        ("TimeoutError('slow')", "Timeout"),
        ("ConnectionRefusedError('down')", "Unavailable"),
        ("ValueError('oops')", "HandlerError"),
        ("SystemExit(3)", "HandlerError"),
        ("KeyboardInterrupt()", "HandlerError"),
        ("GeneratorExit()", "HandlerError"),
        ("StopIteration()", "HandlerError"),
        ("RecursionError()", "HandlerError"),
    ],
)
@pytest.mark.parametrize("word", ["def", "async def"])
def test_whatever_else_is_raised_leaves_the_result_unknown(folder: Folder, raised: str, name: str, word: str) -> None:
    assert error_of(ask(folder(a=f"@operation('payments.charge')\n{word} f(): raise {raised}"))).name == name


def test_a_bug_is_told_with_its_line(folder: Folder) -> None:
    files = folder(a="import json\n@operation('payments.charge')\ndef f():\n  return json.loads('{')\n")
    message = error_of(ask(files)).message
    assert message.startswith("JSONDecodeError: ")
    assert message.endswith("(a.py:5)")


def test_a_handler_that_cancels_itself_is_a_bug_and_the_loop_lives(folder: Folder) -> None:
    files = folder(a="import asyncio\n@operation('payments.charge')\nasync def f(): raise asyncio.CancelledError()")
    assert error_of(ask(files)).name == "HandlerError"


@pytest.mark.parametrize(
    "returned",
    [
        "None",
        "{}",
        "{'paymentId': 7}",
        "{'paymentId': b'p'}",
        "{'paymentId': object()}",
        "{1: 'p'}",
        "float('nan')",
        "10 ** 30",
        "'\\ud800'",
        "{'paymentId': 'p' * 100_000_000}",
    ],
)
def test_an_answer_that_breaks_the_contract_leaves_the_result_unknown(folder: Folder, returned: str) -> None:
    error = error_of(ask(folder(a=f"@operation('payments.charge')\ndef f(): return {returned}")))
    assert error.name == "InvalidOutput"
    assert error.message.startswith("the answer of `payments.charge` breaks its contract: ")


def test_a_list_that_contains_itself_is_no_answer(folder: Folder) -> None:
    body = "def f():\n  knot = []\n  knot.append(knot)\n  return {'paymentId': 'p', 'knot': knot}"
    assert error_of(ask(folder(a=f"@operation('payments.charge')\n{body}"))).name == "InvalidOutput"


def test_an_answer_that_no_contract_describes_is_not_looked_at(folder: Folder) -> None:
    files = folder(a="@operation('payments.refund')\ndef f(): return object()")
    assert ask(files, request(REFUND, kind="undo")) == Ok(None)


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        ("ValueError('boom \\ud800')", "ValueError: boom \\ud800"),
        ("Failure('Declined', 'why \\ud800')", "why \\ud800"),
        ("Mute()", "Mute: (what it says can't be read)"),
    ],
)
@pytest.mark.parametrize("word", ["def", "async def"])
def test_a_message_that_cannot_be_stored_is_made_so(folder: Folder, raised: str, said: str, word: str) -> None:
    mute = "class Mute(Exception):\n  def __str__(self): raise RuntimeError('no str')\n"
    result = ask(folder(a=f"{mute}@operation('payments.charge')\n{word} f(): raise {raised}"))
    assert isinstance(result, Failed | Unknown)
    assert result.error.message.startswith(said)
    result.error.message.encode()


def test_a_long_message_is_cut(folder: Folder) -> None:
    message = error_of(
        ask(folder(a="@operation('payments.charge')\ndef f(): raise ValueError('x' * 3_000_000)"))
    ).message
    assert len(message) < 3000
    assert "(3000000 characters)" in message


def test_data_that_is_no_value_leaves_the_result_unknown(folder: Folder) -> None:
    files = folder(a="@operation('payments.charge')\ndef f(): raise Failure('Declined', data=object())")
    assert error_of(ask(files)).name == "InvalidOutput"


def test_an_answer_that_raises_when_it_is_looked_at_is_a_bug(folder: Folder) -> None:
    files = folder(
        a="""
class Trap(dict):
    def items(self): raise RuntimeError("boo")

@operation("payments.charge")
async def f(): return Trap()
"""
    )
    assert error_of(ask(files)).name == "HandlerError"


# ---------------------------------------------------------------- time limits


def test_an_async_handler_that_hangs_is_cancelled(folder: Folder) -> None:
    files = folder(
        a="""
import asyncio
cleaned = []

@operation("payments.charge")
async def f():
    try:
        await asyncio.Event().wait()
    finally:
        cleaned.append(True)

@operation("echo.say")
def seen(): return cleaned
"""
    )

    async def both() -> tuple[Result, Result]:
        handlers = ready(files)
        return await handlers.call(request(timeout=20)), await handlers.call(request(ECHO))

    hung, seen = asyncio.run(both())
    assert error_of(hung) == Error("Timeout", "the handler took longer than 20ms", "order/charge")
    assert seen == Ok([True])


def test_an_async_handler_that_blocks_the_loop_past_its_limit_has_timed_out(folder: Folder) -> None:
    files = folder(
        a="""
import time

@operation("payments.charge")
async def f():
    begun = time.monotonic()
    while time.monotonic() - begun < 0.03:
        pass
    return {"paymentId": "p"}
"""
    )
    assert error_of(ask(files, request(timeout=10))).name == "Timeout"


def test_an_async_handler_that_blocks_the_loop_is_named_while_it_does(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on once it was named twice, so a watch that says nothing lets it wait for a minute and then fail."""
    monkeypatch.setattr(blocking, "PAUSE", 0.01)
    monkeypatch.setattr(blocking, "PATIENCE", 0.02)
    files = folder(
        a="""
import threading

go_on = threading.Event()

@operation("payments.charge")
async def f():
    if not inner(): raise RuntimeError("nobody has said that this handler blocks")
    return {"paymentId": "p"}

def inner():
    return go_on.wait(60)

@operation("echo.say")
async def say(): return "alive"
"""
    )
    said: list[str] = []

    def hear(what: str) -> None:
        said.append(what)
        if len(said) == 2:
            [module] = [one for one in sys.modules.values() if getattr(one, "__file__", "") == str(files / "a.py")]
            module.go_on.set()

    with blocking.watched(hear):
        assert ask(files, request(ECHO, input="x")) == Ok("alive")
        assert ask(files, request(timeout=100_000)) == Ok({"paymentId": "p"})
    assert len(said) == 2
    for what in said:
        assert what.startswith("the handler of `payments.charge` has held up everything for 0s (a.py:9)")


def test_a_thread_that_hangs_is_left_behind_and_the_next_call_goes_on(folder: Folder) -> None:
    files = folder(
        a="""
import threading

@operation("payments.charge")
def f(): threading.Event().wait()

@operation("echo.say")
def say(): return "alive"
"""
    )

    async def both() -> tuple[Result, Result]:
        handlers = ready(files)
        return await handlers.call(request(timeout=20)), await handlers.call(request(ECHO))

    hung, next = asyncio.run(both())
    assert error_of(hung).name == "Timeout"
    assert next == Ok("alive")


def test_a_process_with_a_hung_thread_can_end(folder: Folder) -> None:
    files = folder(a="import threading\n@operation('echo.say')\ndef f(): threading.Event().wait()")
    code = f"""
import asyncio, pathlib, sys
from flowlang.declared import Operation
from flowlang.runtime.answer import Answers, Examples
from flowlang.runtime.handlers import Handlers, load
from flowlang.runtime.ports import Request
known = Operation("echo", "say", {{}}, {{}}, (), True, True)
handlers, problems = load(pathlib.Path({str(files)!r}), [known])
answers = Answers([known])
asked = Request("r", "f", "f/a", "do", "echo", "say", {{}}, 0, 1, 20)
print(asyncio.run(Handlers(handlers, answers, Examples(answers)).call(asked)).error.name)
"""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("Timeout\n", 0), done.stderr


def test_when_the_engine_is_cancelled_so_is_its_handler(folder: Folder) -> None:
    files = folder(
        a="""
import asyncio
began, ended = asyncio.Event(), asyncio.Event()

@operation("payments.charge")
async def f():
    began.set()
    try:
        await asyncio.Event().wait()
    finally:
        ended.set()

@operation("echo.say")
async def wait_for(what):
    await (began if what == "began" else ended).wait()
    return what
"""
    )

    async def engine() -> list[Result]:
        handlers = ready(files)
        running = asyncio.ensure_future(handlers.call(request()))
        seen = [await handlers.call(request(ECHO, {"what": "began"}))]
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        return [*seen, await handlers.call(request(ECHO, {"what": "ended"}))]

    assert asyncio.run(engine()) == [Ok("began"), Ok("ended")]


def test_many_threads_answer_at_once(folder: Folder) -> None:
    """Each waits for the other: with one thread none would ever answer."""
    files = folder(
        a="import threading\nmeet = threading.Barrier(3)\n@operation('echo.say')\ndef f():\n  meet.wait()\n  return 1"
    )

    async def three() -> list[Result]:
        handlers = ready(files)
        return await asyncio.gather(*(handlers.call(request(ECHO)) for _ in range(3)))

    assert asyncio.run(three()) == [Ok(1)] * 3
    assert threading.current_thread() is threading.main_thread()


# ---------------------------------------------------------------- reading the files


def said(directory: Path) -> list[Problem]:
    return load(directory, OPERATIONS)[1]


def test_a_file_may_import_the_one_beside_it_and_is_still_read_once(folder: Folder) -> None:
    files = folder(
        a="from .shared import bank\n@operation('echo.say')\ndef f(): return bank",
        shared="bank = 'my bank'\n@operation('payments.refund')\ndef g(): return bank",
    )
    assert ask(files, request(ECHO)) == Ok("my bank")
    assert ask(files, request(REFUND)) == Ok("my bank")


def test_a_folder_is_read_once_so_its_files_keep_what_they_remember(folder: Folder) -> None:
    """Two services in one process, or two runs, must not have two connection pools, or two memories of keys."""
    files = folder(
        a="seen = []\n@operation('echo.say')\n@operation('payments.refund')\ndef f(call):\n  seen.append(1)\n  return len(seen)"
    )
    assert ask(files, request(ECHO)) == Ok(1)
    assert ask(files, request(REFUND)) == Ok(2)


def test_two_folders_with_files_of_one_name_do_not_meet(tmp_path: Path) -> None:
    for name in ("one", "two"):
        tmp_path.joinpath(name).mkdir()
        text = f"from flowlang import operation\n@operation('echo.say')\ndef f(): return {name!r}\n"
        tmp_path.joinpath(name, "a.py").write_text(text)
    assert ask(tmp_path / "one", request(ECHO)) == Ok("one")
    assert ask(tmp_path / "two", request(ECHO)) == Ok("two")


def test_a_file_named_like_a_library_hides_nothing(folder: Folder) -> None:
    files = folder(json="import json\n@operation('echo.say')\ndef f(): return json.dumps([1])")
    assert ask(files, request(ECHO)) == Ok("[1]")
    assert "_flowlang" not in (sys.modules["json"].__name__)


def test_a_file_that_does_not_parse_is_named_with_its_line(folder: Folder) -> None:
    [problem] = said(folder(a="def f(:\n"))
    assert (Path(problem.file).name, problem.line) == ("a.py", 2)
    assert problem.message.startswith("this is no Python: ")


def test_an_import_error_is_named_with_the_users_own_line(folder: Folder) -> None:
    [problem] = said(folder(a="\nimport no_such_thing\n"))
    assert (Path(problem.file).name, problem.line) == ("a.py", 3)
    assert problem.message == "this file can't be imported: ModuleNotFoundError: No module named 'no_such_thing'"
    assert str(problem).startswith("error: this file can't be imported")
    assert "Traceback" not in str(problem)
    assert "Traceback" in problem.details


def test_a_file_that_exits_does_not_end_us(folder: Folder) -> None:
    [problem] = said(folder(a="raise SystemExit(0)\n"))
    assert problem.message == "this file can't be imported: SystemExit: 0"


def test_two_handlers_of_one_operation_are_both_named(folder: Folder) -> None:
    text = "@operation('echo.say')\ndef f(): return 1\n"
    [problem] = said(folder(a=text, b=text))
    assert (Path(problem.file).name, problem.severity) == ("b.py", "error")
    assert problem.message == "`echo.say` has two handlers, the other one is at a.py:2"


def test_two_handlers_in_one_file_are_noticed_though_the_second_hides_the_first(folder: Folder) -> None:
    text = "@operation('echo.say')\ndef f(): return 1\n"
    [problem] = said(folder(a=text + text))
    assert problem.message == "`echo.say` has two handlers, the other one is at a.py:2"


def test_an_unknown_operation_is_a_warning_with_the_nearest_name(folder: Folder) -> None:
    [problem] = said(folder(a="@operation('payments.chrage')\ndef f(): return 1\n"))
    assert problem.severity == "warning"
    assert problem.message == "no step of the flow calls `payments.chrage`; did you mean `payments.charge`?"


def test_a_parameter_that_no_input_has_is_found_before_anything_runs(folder: Folder) -> None:
    [problem] = said(folder(a="@operation('payments.charge')\ndef f(order_id): return {}\n"))
    assert problem.severity == "error"
    assert problem.message == "the input of `payments.charge` has no field `order_id`; did you mean `orderId`?"


@pytest.mark.parametrize("parameters", ["orderId, /", "*args"])
def test_a_parameter_without_a_name_is_refused(folder: Folder, parameters: str) -> None:
    [problem] = said(folder(a=f"@operation('payments.charge')\ndef f({parameters}): return {{}}\n"))
    assert "is called with names" in problem.message


@pytest.mark.parametrize("name", ["charge", "", "a.b.c", ".charge", "payments."])
def test_an_operation_needs_service_and_name(folder: Folder, name: str) -> None:
    [problem] = said(folder(a=f"@operation({name!r})\ndef f(): return 1\n"))
    assert 'as in operation("payments.charge")' in problem.message
    assert problem.line == 2


def test_a_class_is_no_handler(folder: Folder) -> None:
    [problem] = said(folder(a="@operation('echo.say')\nclass F: pass\n"))
    assert "is not a function" in problem.message


def test_a_folder_that_is_not_there_and_a_file_in_place_of_one(tmp_path: Path) -> None:
    assert said(tmp_path / "none")[0].message == "the folder of handlers does not exist"
    tmp_path.joinpath("a.py").write_text("")
    assert (
        said(tmp_path / "a.py")[0].message == "the folder of handlers is a file; --services wants the folder it is in"
    )


def test_a_folder_without_files_is_a_warning(tmp_path: Path) -> None:
    [problem] = said(tmp_path)
    assert problem.severity == "warning"


# ---------------------------------------------------------------- the public names


def test_a_decorated_function_stays_what_it_was() -> None:
    @operation("payments.charge")
    def charge(amount: int) -> int:
        return amount + 1

    assert charge(1) == 2
    assert isinstance(Failure("Declined"), Exception)
    assert Call.__name__ == "Call"


def test_a_failure_wants_a_name_and_knows_its_arguments() -> None:
    with pytest.raises(TypeError, match="wants the name"):
        Failure("")
    with pytest.raises(TypeError, match="goes into data="):
        Failure("Declined", "why", region="north")


def test_a_service_that_has_handlers_never_loads_the_parser() -> None:
    code = """
import sys
from flowlang import Call, Failure, operation
import flowlang.runtime.handlers, flowlang.runtime.standin
bad = [m for m in sys.modules if m.split(".")[0] == "lark" or m.split(".")[:2] in (
    ["flowlang", "language"], ["flowlang", "ir"], ["flowlang", "contract"], ["flowlang", "check"], ["flowlang", "lower"])]
print(bad)
"""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.stdout == "[]\n", done.stderr
