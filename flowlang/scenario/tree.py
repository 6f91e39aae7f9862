"""A scenario, read and checked: the answers of operations, what happens when, and what is expected.

Plain data that knows nothing of flows, so that a service process can hold it. It is stored with its run as the
value that `to_value` makes: after a crash the run goes on in the same world.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flowlang.event import Value
from flowlang.place import any_attempt, bare


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call is answered with: `ok` with a value, `fail` with an error name and maybe data, `unknown`, or
    `crash` (the handler dies of a bug). `takes` is how long it takes, in milliseconds; None is at once, or for
    `unknown` as long as the caller waits."""

    kind: str  # ok | fail | unknown | crash
    value: Value = None
    error: str = ""
    message: str = ""
    data: Value = None
    has_data: bool = False
    takes: int | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """One answer for every attempt, or (`listed`) one after the other, used up attempt by attempt in causal order."""

    items: tuple[Answer, ...]
    listed: bool = False


@dataclass(frozen=True, slots=True)
class Say:
    """At `at` milliseconds after the run's start an event comes from outside."""

    at: int
    id: str
    type: str
    subject: str
    data: Value


@dataclass(frozen=True, slots=True)
class Cancelling:
    """At `at` somebody asks for the run to be cancelled."""

    at: int


@dataclass(frozen=True, slots=True)
class Resolving:
    """From `at` on, as soon as the call is stuck, an operator says `decision`: `retry`, `skip`, `done` or `fail`."""

    at: int
    path: str
    kind: str  # do | undo
    decision: str
    value: Value = None
    error: str = ""
    message: str = ""


Happening = Say | Cancelling | Resolving


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole file. `answers` by `service.operation`, `flow/step` or `flow/step:undo`, where a path with `[3]` or `#2` is for
    that item or attempt, one with `[]` for every item, and one without `#` for every attempt; `happenings` in order of
    time. Not `virtual` are answers that `--fail` asks for in a run in real time."""

    input: Value
    has_input: bool
    answers: Mapping[str, Answers]
    happenings: tuple[Happening, ...] = ()
    expect: Mapping[str, Value] | None = None
    virtual: bool = False

    def place_of(self, path: str, kind: str, operation: str) -> str | None:
        """The entry of `answers` that is for the call, the closest one; any path beats the operation. None when there is
        none."""
        for narrow in (path, any_attempt(path), bare(path)):
            place = narrow if kind == "do" else f"{narrow}:undo"
            if place in self.answers:
                return place
        return operation if operation in self.answers else None


EMPTY = Scenario(None, False, {})

# ---------------------------------------------------------------- stored with the run


def to_value(scenario: Scenario) -> Value:
    """`scenario` as a value, to be stored."""
    return {
        "input": [scenario.input] if scenario.has_input else [],
        "answers": [
            [place, answers.listed, [_answer_to_value(answer) for answer in answers.items]]
            for place, answers in scenario.answers.items()
        ],
        "happenings": [_happening_to_value(happening) for happening in scenario.happenings],
        "expect": None if scenario.expect is None else dict(scenario.expect),
        "virtual": scenario.virtual,
    }


def from_value(value: Value) -> Scenario:
    """The scenario that `to_value` made `value` of."""
    return Scenario(
        input=value["input"][0] if value["input"] else None,
        has_input=bool(value["input"]),
        answers={
            place: Answers(tuple(_answer_from_value(item) for item in items), listed)
            for place, listed, items in value["answers"]
        },
        happenings=tuple(_happenings_from(value["happenings"])),
        expect=value["expect"],
        virtual=value["virtual"],
    )


def _answer_to_value(answer: Answer) -> Value:
    data = [answer.data] if answer.has_data else []
    return [answer.kind, answer.value, answer.error, answer.message, data, answer.takes]


def _answer_from_value(value: Value) -> Answer:
    kind, ok, error, message, data, takes = value
    return Answer(kind, ok, error, message, data[0] if data else None, bool(data), takes)


def _happening_to_value(happening: Happening) -> Value:
    match happening:
        case Say():
            return ["say", happening.at, happening.id, happening.type, happening.subject, happening.data]
        case Cancelling():
            return ["cancel", happening.at]
        case Resolving():
            place = [happening.path, happening.kind, happening.decision]
            return ["resolve", happening.at, *place, happening.value, happening.error, happening.message]


def _happenings_from(values: Iterable[Value]) -> Iterable[Happening]:
    for kind, at, *rest in values:
        match kind:
            case "say":
                yield Say(at, *rest)
            case "cancel":
                yield Cancelling(at)
            case _:
                yield Resolving(at, *rest)
