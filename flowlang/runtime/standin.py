"""The outside as a scenario tells it: a caller that answers from the scenario's entries.

An answer is a function of the scenario and of what is *recorded* of the run, never of what this process
remembers: the same attempt gets the same answer after a crash, in either mode, in one process or many. The calls
that share a list follow one another (the reader of the scenario refuses a list for which that is not so), so the
number of results recorded before an attempt is its place in the list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from flowlang.event import Error, Result, Unknown
from flowlang.runtime.answer import Answers
from flowlang.runtime.ports import Caller, Clock, Request, ScenarioMistake
from flowlang.runtime.store import Recorded
from flowlang.scenario.tree import Answer, Scenario
from flowlang.values import Duration


class ListOver(ScenarioMistake):
    """A list of answers in the scenario is used up, and there is one call more."""

    def __init__(self, place: str, size: int, path: str, kind: str) -> None:
        call = path if kind == "do" else f"{path}:undo"
        times = f"{size} answer{'' if size == 1 else 's'}"
        super().__init__(f"the list for `{place}` has {times}, and `{call}` needs one more")
        self.place = place


class StandIn:
    """Answers the calls for which the scenario has an entry; the others are passed on to `otherwise`."""

    def __init__(
        self,
        scenario: Scenario,
        answers: Answers,
        clock: Clock,
        recorded: Callable[[], Iterable[Recorded]],
        otherwise: Caller,
    ) -> None:
        self._scenario = scenario
        self._answers = answers
        self._clock = clock
        self._recorded = (
            recorded  # by run; of the services that answer here, which all calls of one operation belong to
        )
        self._otherwise = otherwise

    async def call(self, request: Request) -> Result:
        """One attempt. See `Caller`. Raises ListOver, which is a mistake of the scenario and no answer of anybody."""
        place = self._scenario.place_of(request.path, request.kind, f"{request.service}.{request.operation}")
        if place is None:
            return await self._otherwise.call(request)
        answer = self._pick(place, request)
        takes = answer.takes if answer.takes is not None else request.timeout if answer.kind == "unknown" else 0
        in_time = answer.kind != "unknown" and takes <= request.timeout
        await self._clock.sleep_until(self._clock.now() + min(takes, request.timeout))
        if not in_time:
            return _unknown(request, "Timeout", f"no answer within {Duration(request.timeout)}")
        match answer.kind:
            case "ok":
                return self._answers.answer(request, answer.value)
            case "fail":
                return self._answers.failure(request, answer.error, answer.message, answer.data, answer.has_data)
            case _:
                return _unknown(request, "HandlerError", answer.message)

    def _pick(self, place: str, request: Request) -> Answer:
        answers = self._scenario.answers[place]
        if not answers.listed:
            return answers.items[0]
        position = request.answered + sum(
            call.answered
            for call in self._recorded()
            if (call.path, call.kind) != (request.path, request.kind)
            and self._scenario.place_of(call.path, call.kind, f"{call.service}.{call.operation}") == place
        )
        if position >= len(answers.items):
            raise ListOver(place, len(answers.items), request.path, request.kind)
        return answers.items[position]


def _unknown(request: Request, name: str, message: str) -> Unknown:
    return Unknown(Error(name, message, request.path))
