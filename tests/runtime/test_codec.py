"""Everything that is written into journals, outboxes and the bus comes back as it was."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flowlang import codec, event
from flowlang.values import Duration, Timestamp, wire_dumps
from tests.runtime.flows import LOOK_ALIKES

words = st.text(max_size=4)
numbers = st.integers(0, 2**53)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | words
scalars |= st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-1000, max_value=1000)
scalars |= st.builds(Duration, st.integers(-1000, 1000)) | st.builds(Timestamp, st.integers(0, 10**15))
values: st.SearchStrategy[Any] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3), max_leaves=6
)
named = st.lists(st.tuples(words, values), max_size=3).map(tuple)
errors = st.builds(event.Error, words, words, words, values, st.booleans(), words)
reasons = st.builds(event.Reason, words, st.none() | errors)
results = st.lists(
    st.builds(event.Ok, values) | st.builds(event.Failed, errors) | st.builds(event.Unknown, errors), max_size=3
).map(tuple)
causes = st.lists(st.builds(event.EffectId, words, words, numbers), max_size=3).map(tuple)
messages = st.builds(
    event.Message,
    words,
    words,
    numbers,
    words,
    words,
    words,
    st.lists(numbers, max_size=2).map(tuple),
    st.none() | reasons,
    st.lists(st.tuples(words, st.lists(numbers, max_size=2).map(tuple)), max_size=2).map(tuple),
    causes,
    named,
)
externals = st.builds(event.External, words, words, words, values)
inputs: st.SearchStrategy[event.Input] = st.one_of(
    st.builds(
        event.Start,
        numbers,
        st.dictionaries(words, values, max_size=3).map(lambda all: tuple(sorted(all.items(), key=lambda one: one[0]))),
    ),
    st.builds(event.Heard, numbers, messages),
    st.builds(event.Settled, numbers, words, words, results),
    st.builds(event.Stuck, numbers, words, words, numbers, errors, results),
    st.builds(event.Resolved, numbers, words, words, words, values, st.none() | errors),
    st.builds(event.Fired, numbers, words),
    st.builds(event.Arrived, numbers, words, externals),
    st.builds(event.Cancel, numbers),
)
policies = st.builds(
    event.Policy,
    numbers,
    numbers,
    numbers,
    st.lists(words, max_size=2).map(tuple),
    numbers,
    st.booleans(),
    st.booleans(),
    st.lists(words, max_size=2).map(tuple),
)
calls = st.builds(event.Invoke, words, words, words, words, values, policies, st.none() | reasons, numbers, numbers)


@settings(max_examples=300, deadline=None)
@given(inputs)
def test_an_input_comes_back(input: event.Input) -> None:
    assert codec.load_input(codec.dumps(input)) == input


def test_a_start_is_read_as_it_was_written_until_its_values_were_a_record() -> None:
    assert codec.load_input('["start",5,[["b",1],["a",2.0]]]') == event.Start(5, (("b", 1), ("a", Decimal("2.0"))))
    assert codec.load_input(codec.dump_start(5, '{"a":2.0,"b":1}')) == event.Start(5, (("a", Decimal("2.0")), ("b", 1)))


@settings(max_examples=100, deadline=None)
@given(externals)
def test_an_event_comes_back_and_is_told_from_an_input(external: event.External) -> None:
    text = codec.dumps(external)
    assert codec.load_external(text) == external
    assert text.startswith('["external"')


@settings(max_examples=300, deadline=None)
@given(st.lists(st.builds(event.Settled, numbers, words, words, results) | st.builds(event.Heard, numbers, messages)))
def test_what_a_turn_writes_quickly_is_what_is_written_otherwise(inputs: list[event.Settled | event.Heard]) -> None:
    texts = codec.Texts()
    for input in [*inputs, *reversed(inputs)]:  # so each is written anew, and then from what is known
        match input:
            case event.Settled():
                assert codec.dump_settled(input, texts) == codec.dumps(input)
            case event.Heard(at, message):
                assert codec.dump_heard(at, message, texts) == codec.dumps(input)


def test_values_that_are_equal_and_not_the_same_keep_their_own_texts() -> None:
    texts = codec.Texts()
    alikes = [*LOOK_ALIKES, {"a": Duration(5)}, {"a": Timestamp(5)}]
    for value in [*alikes, *alikes]:
        assert texts.of(value) == wire_dumps(value)


def test_no_value_is_taken_for_one_that_was_at_its_address() -> None:
    texts = codec.Texts()
    for number in range(3 * codec.MOST_TEXTS):  # each list is gone when the next is made, but for what holds it
        assert texts.of([number]) == f"[{number}]"
        assert texts.of({"a": [number]}) == f'{{"a":[{number}]}}'


def test_a_turn_keeps_no_more_texts_than_it_may() -> None:
    texts, values = codec.Texts(), [[number] for number in range(2 * codec.MOST_TEXTS)]

    def held() -> int:
        return sum(map(sys.getrefcount, values))

    before = held()
    assert len([*map(texts.of, values)]) == len(values)
    assert 0 < held() - before <= codec.MOST_TEXTS
    texts.forget()
    assert held() == before


def test_what_is_changed_after_a_turn_is_written_as_it_is_then() -> None:
    texts, value = codec.Texts(), {"a": [1]}
    assert texts.of(value) == '{"a":[1]}'
    value["a"].append(2)
    texts.forget()
    assert texts.of(value) == '{"a":[1,2]}'


@settings(max_examples=100, deadline=None)
@given(calls)
def test_a_call_comes_back(call: event.Invoke) -> None:
    assert codec.load_call(codec.dumps(call)) == call


@settings(max_examples=300, deadline=None)
@given(inputs, st.integers(0, 200), st.text(max_size=3))
def test_damaged_text_is_undecodable_or_something_else_but_never_an_accident(
    input: event.Input, place: int, put: str
) -> None:
    text = codec.dumps(input)
    damaged = text[:place] + put + text[place + 1 :]
    try:
        codec.load_input(damaged)
    except codec.Undecodable:
        assert damaged != text


names = st.text(".:/#[]1|ab", max_size=5)
said = st.tuples(names, st.text("0af", max_size=3), names, st.lists(st.integers(0, 12), max_size=3).map(tuple))


@settings(max_examples=300, deadline=None)
@given(said, said)
def test_two_messages_have_one_id_only_where_they_are_one(
    one: tuple[str, str, str, event.Index], other: tuple[str, str, str, event.Index]
) -> None:
    """Whatever a run is called, and though the parts of one id look like those of another."""
    run, hash, name, index = one
    alike = [one, other, (*other[:3], index), (other[0], hash, name, other[3]), (run, other[1], other[2], index)]
    alike += [(".".join(map(str, index)), hash, name, ()), (f"{index[0]}:{run}" if index else run, hash, name, ())]
    assert len({event.message_id(*each) for each in alike}) == len(set(alike))
    assert event.message_id(*one) == event.message_id(*one)
