"""Inputs, messages and calls as text for journals, work items and the bus, and back again without loss.

Everything becomes a list that starts with the kind, its fields after it, and goes through the type-preserving JSON of
`flowlang.values`. Written out by hand: a journal outlives the code that wrote it, so the order of fields here is a format,
and a field that is added later goes to the end with a default for those who were written before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from json.encoder import encode_basestring as quote
from typing import Any

from flowlang.event import (
    Arrived,
    Cancel,
    EffectId,
    Error,
    External,
    Failed,
    Fired,
    Heard,
    Input,
    Invoke,
    Message,
    Ok,
    Policy,
    Reason,
    Resolved,
    Result,
    Settled,
    Start,
    Stuck,
    Unknown,
    Value,
)
from flowlang.values import BadJson, wire_dumps, wire_loads

Parts = list[Any]

MOST_TEXTS = 1_000  # values whose text is kept at once


class Undecodable(Exception):
    """The text is nothing that we wrote."""


def dumps(thing: Input | External | Invoke) -> str:
    """The text of an input, an event or a call."""
    return wire_dumps(_WRITERS[type(thing)](thing), known=True)


def dump_start(at: int, values: str) -> str:
    """The text of a Start whose values are a text already."""
    return f'["start",{at},{values}]'


class Texts:
    """The texts of the lists and maps of one turn. What a step answers is written with its result and again with each message
    that carries it on, and is the same object there; one that is only equal may have another text (`1` and `1.0`). Each
    value is held until it is forgotten, so that nothing else can be at its address."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Value, str]] = {}

    def of(self, value: Value) -> str:
        """The text of `value`."""
        if type(value) is not dict and type(value) is not list:
            return wire_dumps(value, known=True)
        known = self._known.get(id(value))
        if known is None:
            if len(self._known) >= MOST_TEXTS:
                self._known.clear()
            known = self._known[id(value)] = (value, wire_dumps(value, known=True))
        return known[1]

    def forget(self) -> None:
        """A turn is over; from here on whoever else holds a value might change it."""
        self._known.clear()


def dump_settled(settled: Settled, texts: Texts) -> str:
    """What `dumps` makes of the end of a call, quicker where it ended well at once."""
    if len(settled.results) != 1 or type(settled.results[0]) is not Ok:
        return dumps(settled)
    value = texts.of(settled.results[0].value)
    return f'["settled",{settled.at},{_quoted(settled.path, settled.kind)},[["ok",{value}]]]'


def dump_heard(at: int, message: Message, texts: Texts) -> str:
    """What `dumps` makes of a message that is heard, quicker; for one that comes from a machine of ours, and not from a text,
    in which anything may stand for a number."""
    if message.reason is not None or message.open:
        return dumps(Heard(at, message))
    index = ",".join(map(str, message.index)) if message.index else ""
    causes = data = ""
    for cause in message.causes:
        causes += f",[{_quoted(cause.path, cause.kind)},{cause.number}]"
    for name, value in message.data:
        data += f",[{_quoted(name)},{texts.of(value)}]"
    return (
        f'["heard",{at},[{quote(message.id)},{quote(message.run)},{message.started},'
        f"{_quoted(message.flow, message.hash, message.name)},[{index}],null,[],[{causes[1:]}],[{data[1:]}]]]"
    )


@lru_cache(4096)
def _quoted(*texts: str) -> str:
    """Items of a list that are the same in many runs: names, paths, hashes."""
    return ",".join(map(quote, texts))


def dump_results(results: Iterable[Result]) -> str:
    """The text of the results of a call."""
    return wire_dumps([_result(one) for one in results], known=True)


def load_input(text: str) -> Input:
    """The input that `text` stands for. Raises Undecodable."""
    return _reading(_input_from, text)  # type: ignore[no-any-return]


def load_external(text: str) -> External:
    """The event that `text` stands for. Raises Undecodable."""
    return _reading(_external_from, text)  # type: ignore[no-any-return]


def load_call(text: str) -> Invoke:
    """The call that `text` stands for. Raises Undecodable."""
    return _reading(_call_from, text)  # type: ignore[no-any-return]


def load_results(text: str) -> tuple[Result, ...]:
    """The results that `text` stands for. Raises Undecodable."""
    return _reading(_results_from, text)  # type: ignore[no-any-return]


def _reading(read: Any, text: str) -> Any:
    try:
        return read(wire_loads(text))
    except (BadJson, ValueError, TypeError, IndexError, KeyError, AttributeError) as error:
        raise Undecodable(str(error)) from None


# ---------------------------------------------------------------- writing


def _settled(thing: Settled) -> Parts:
    return ["settled", thing.at, thing.path, thing.kind, list(map(_result, thing.results))]


def _stuck(thing: Stuck) -> Parts:
    results = [_result(result) for result in thing.results]
    return ["stuck", thing.at, thing.path, thing.kind, thing.attempts, _error(thing.error), results]


def _resolved(thing: Resolved) -> Parts:
    error = None if thing.error is None else _error(thing.error)
    return ["resolved", thing.at, thing.path, thing.kind, thing.decision, thing.value, error]


def _message(message: Message) -> Parts:
    return [
        message.id,
        message.run,
        message.started,
        message.flow,
        message.hash,
        message.name,
        list(message.index),
        _reason(message.reason),
        [[path, list(index)] for path, index in message.open],
        [[cause.path, cause.kind, cause.number] for cause in message.causes],
        [[name, value] for name, value in message.data],
    ]


def _external(external: External) -> Parts:
    return ["external", external.id, external.type, external.subject, external.data]


def _call(call: Invoke) -> Parts:
    policy = call.policy
    return [
        "call",
        call.path,
        call.kind,
        call.service,
        call.operation,
        call.input,
        [
            policy.limit,
            policy.backoff_min,
            policy.backoff_max,
            list(policy.errors),
            policy.timeout,
            policy.idempotent,
            policy.firm,
            list(policy.lets),
        ],
        _reason(call.reason),
        call.undoes,
        call.number,
    ]


def _result(result: Result) -> Parts:
    if isinstance(result, Ok):
        return ["ok", result.value]
    return ["failed" if isinstance(result, Failed) else "unknown", _error(result.error)]


def _reason(reason: Reason | None) -> Parts | None:
    return None if reason is None else [reason.kind, None if reason.error is None else _error(reason.error)]


def _error(error: Error) -> Parts:
    return [error.name, error.message, error.path, error.data, error.has_data, error.service]


_WRITERS: dict[type, Callable[[Any], Parts]] = {
    Start: lambda start: ["start", start.at, dict(start.input)],
    Heard: lambda heard: ["heard", heard.at, _message(heard.message)],
    Settled: _settled,
    Stuck: _stuck,
    Resolved: _resolved,
    Fired: lambda fired: ["fired", fired.at, fired.path],
    Arrived: lambda arrived: ["arrived", arrived.at, arrived.path, _external(arrived.event)],
    Cancel: lambda cancel: ["cancel", cancel.at],
    External: _external,
    Invoke: _call,
}
"""How each kind is written. Found by its type: a journal row is written for every input, and a long `match` would be felt."""


# ---------------------------------------------------------------- reading


def _input_from(parts: Parts) -> Input:
    kind, at, *rest = parts
    if type(at) is not int:
        raise ValueError("the time is not a number")
    match kind, rest:
        case "start", [values]:
            pairs = values.items() if isinstance(values, dict) else values  # as it was written until they were a record
            return Start(at, tuple((_text(name), value) for name, value in pairs))
        case "heard", [message]:
            return Heard(at, _message_from(message))
        case "settled", [path, word, results]:
            return Settled(at, _text(path), _text(word), tuple(_result_from(result) for result in results))
        case "stuck", [path, word, attempts, error, results]:
            known = tuple(_result_from(result) for result in results)
            return Stuck(at, _text(path), _text(word), attempts, _error_from(error), known)
        case "resolved", [path, word, decision, value, error]:
            maybe = None if error is None else _error_from(error)
            return Resolved(at, _text(path), _text(word), _text(decision), value, maybe)
        case "fired", [path]:
            return Fired(at, _text(path))
        case "arrived", [path, external]:
            return Arrived(at, _text(path), _external_from(external))
        case "cancel", []:
            return Cancel(at)
        case _:
            raise ValueError(f"no input is called {kind!r}")


def _message_from(parts: Parts) -> Message:
    id, run, started, flow, hash, name, index, reason, still_open, causes, data = parts
    return Message(
        _text(id),
        _text(run),
        started,
        _text(flow),
        _text(hash),
        _text(name),
        tuple(index),
        _reason_from(reason),
        tuple((_text(path), tuple(index)) for path, index in still_open),
        tuple(EffectId(path, kind, number) for path, kind, number in causes),
        tuple((name, value) for name, value in data),
    )


def _external_from(parts: Parts) -> External:
    kind, id, type, subject, data = parts
    if kind != "external":
        raise ValueError(f"{kind!r} is no event")
    return External(_text(id), _text(type), _text(subject), data)


def _call_from(parts: Parts) -> Invoke:
    word, path, kind, service, operation, given, policy, reason, undoes, number = parts
    if word != "call":
        raise ValueError(f"{word!r} is no call")
    limit, low, high, errors, timeout, idempotent, *more = policy
    firm, lets = more or (False, ())
    how = Policy(limit, low, high, tuple(errors), timeout, idempotent, firm, tuple(lets))
    return Invoke(path, kind, service, operation, given, how, _reason_from(reason), undoes, number)


def _results_from(parts: Parts) -> tuple[Result, ...]:
    return tuple(_result_from(one) for one in parts)


def _result_from(parts: Parts) -> Result:
    kind, value = parts
    match kind:
        case "ok":
            return Ok(value)
        case "failed":
            return Failed(_error_from(value))
        case "unknown":
            return Unknown(_error_from(value))
        case _:
            raise ValueError(f"no result is called {kind!r}")


def _reason_from(parts: Parts | None) -> Reason | None:
    if parts is None:
        return None
    kind, error = parts
    return Reason(_text(kind), None if error is None else _error_from(error))


def _error_from(parts: Parts) -> Error:
    name, message, path, data, has_data, service = parts
    return Error(_text(name), _text(message), _text(path), data, has_data, _text(service))


def _text(thing: Any) -> str:
    if not isinstance(thing, str):
        raise ValueError(f"{thing!r} is not text")
    return thing
