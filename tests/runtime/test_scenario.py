"""Scenario files: what is read, what is refused and where it is shown, and what a stand-in answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowlang import ir
from flowlang.declared import Firm
from flowlang.event import Error, Failed, Ok, Result, Unknown
from flowlang.runtime.answer import Answers as Gate
from flowlang.runtime.answer import Examples
from flowlang.runtime.ports import Request
from flowlang.runtime.standin import ListOver, StandIn
from flowlang.runtime.store import Recorded
from flowlang.scenario.compare import differences
from flowlang.scenario.places import Places, places_of
from flowlang.scenario.read import Read, read, read_failures
from flowlang.scenario.sites import event_types, instance_of, sites_of
from flowlang.scenario.tree import Answer, Answers, Cancelling, Resolving, Say, Scenario, from_value, to_value
from flowlang.source import Source, Span
from flowlang.values import parse_json, plain_dumps, wire_dumps, wire_loads
from tests.runtime.flows import CHARGE, CONFIRMED, REFUND, RELEASE, RESERVE, flow, fork, ref, select, step

ORDER = flow(
    step("charge", CHARGE, REFUND),
    fork(
        ir.Sequence((step("left", RESERVE, RELEASE),)),
        ir.Sequence((step("right", RESERVE),)),
    ),
    ir.Race(
        "order/wait",
        (ir.Alternative(CONFIRMED, "done", "id", select("order", "id"), None, ir.Sequence(())),),
        None,
        ir.Sequence(()),
        "",
    ),
    step("again", CHARGE),
)


def reading(text: str, flow: ir.Flow = ORDER, others: Sequence[ir.Flow] = ()) -> Read:
    return read(Source("late.yaml", text), flow, others)


def good(text: str, flow: ir.Flow = ORDER) -> Scenario:
    found = reading(text, flow)
    assert found.found == ()
    return found.scenario


def findings(text: str, flow: ir.Flow = ORDER) -> list[tuple[str, str, str]]:
    """Code, the text that is marked, and message of each finding."""
    return [(one.code, one.span.text, one.say(one.message)) for one in reading(text, flow).found]


# ---------------------------------------------------------------- what is read


def test_answers_of_every_form() -> None:
    scenario = good(
        """{"answers": {
            "payments.charge": {"ok": {"paymentId": "p-1"}, "takes": "2s"},
            "order/left": [{"fail": "Unavailable"}, {"fail": "SoldOut", "data": {"left": 0}, "message": "gone"}],
            "order/charge:undo": {"unknown": true}
        }}"""
    )
    assert scenario.answers == {
        "payments.charge": Answers((Answer("ok", {"paymentId": "p-1"}, takes=2000),)),
        "order/left": Answers(
            (
                Answer("fail", error="Unavailable", message="`inventory.reserve` answered Unavailable"),
                Answer("fail", error="SoldOut", message="gone", data={"left": 0}, has_data=True),
            ),
            listed=True,
        ),
        "order/charge:undo": Answers((Answer("unknown"),)),
    }


def test_events_are_put_in_order_of_time() -> None:
    scenario = good(
        """{"events": [
            {"at": "2d", "type": "delivery.confirmed", "data": {"id": "o-1"}, "id": "e-1", "subject": "s"},
            {"at": "1h", "cancel": true},
            {"at": "90m", "resolve": "charge", "as": "done", "result": {"paymentId": "p-1"}},
            {"at": "91m", "resolve": "order/charge:undo", "as": "skip"},
            {"at": "92m", "resolve": "charge", "as": "fail", "error": "Declined", "message": "by hand"}
        ]}"""
    )
    assert scenario.happenings == (
        Cancelling(3_600_000),
        Resolving(5_400_000, "order/charge", "", "done", {"paymentId": "p-1"}),
        Resolving(5_460_000, "order/charge", "undo", "skip"),
        Resolving(5_520_000, "order/charge", "", "fail", None, "Declined", "by hand"),
        Say(172_800_000, "e-1", "delivery.confirmed", "s", {"id": "o-1"}),
    )


def test_the_input_becomes_the_values_of_the_run() -> None:
    found = reading('{"input": {"order": {"id": "o-1", "total": 120.50}}}')
    assert found.values == {"order": {"id": "o-1", "total": Decimal("120.5")}}


def test_the_input_of_a_flow_that_starts_by_an_event_is_its_data() -> None:
    listening = flow(step("charge", CHARGE), start=ir.Begin(CONFIRMED, "order", None))
    assert reading('{"input": {"id": "o-1"}}', listening).values == {"order": {"id": "o-1"}}
    assert findings('{"input": {}}', listening)[0][0] == "FL0365"


def test_a_scenario_as_people_write_it() -> None:
    scenario = good(
        """\
# an order that nobody can deliver
input: { order: { id: o-1, at: 2026-01-03 } }
answers:
  payments.charge: { ok: { paymentId: p-77 }, takes: 2s }
  inventory.release: { unknown: true }
events:
  - { at: 2d, type: delivery.confirmed, data: { id: o-1 } }
expect: { status: failed, error: { name: NoCarrier } }
"""
    )
    assert scenario.input == {"order": {"id": "o-1", "at": "2026-01-03"}}
    assert scenario.answers["payments.charge"] == Answers((Answer("ok", {"paymentId": "p-77"}, takes=2000),))
    assert scenario.happenings == (Say(172_800_000, "", "delivery.confirmed", "", {"id": "o-1"}),)
    assert scenario.expect == {"status": "failed", "error": {"name": "NoCarrier"}}


def test_what_is_no_yaml_is_a_finding_with_its_place() -> None:
    [found] = reading("answers: [\n").found
    assert found.code == "FL0177"


def test_a_key_that_is_there_twice_is_a_finding_beside_the_others() -> None:
    found = reading("answers: {}\nanswers: {}\nevnts: []\n").found
    assert [one.span.line for one in found] == [2, 3]


def test_an_empty_scenario_is_one() -> None:
    assert good("{}") == Scenario(None, False, {}, virtual=True)


def test_a_scenario_survives_being_stored() -> None:
    scenario = good(
        """{"input": {"order": {"id": "o-1"}}, "expect": {"status": "failed", "output": 1.0},
            "answers": {"payments.charge": [{"ok": {"paymentId": "p"}, "takes": "1s"}], "order/left": {"unknown": true},
                        "order/right": {"fail": "SoldOut", "data": null}},
            "events": [{"at": "1s", "cancel": true}, {"at": "2s", "type": "delivery.confirmed", "data": {"id": "o"}},
                       {"at": "3s", "resolve": "charge", "as": "retry"}]}"""
    )
    assert from_value(wire_loads(wire_dumps(to_value(scenario)))) == scenario


# ---------------------------------------------------------------- what is refused, and where


@pytest.mark.parametrize(
    ("text", "code", "marked", "message"),
    [
        ("[]", "FL0379", "[]", "a scenario is a mapping with `input`, `answers`, `events` and `expect`, not a list"),
        ('{"answer": {}}', "FL0371", '"answer"', "a scenario has no key `answer`"),
        ('{"answers": []}', "FL0372", "[]", "`answers` wants a mapping from operations or paths to answers"),
        ('{"answers": {"payments.chrage": {"ok": 1}}}', "FL0373", '"payments.chrage"', ""),
        (
            '{"answers": {"order/chrage": {"ok": 1}}}',
            "FL0373",
            '"order/chrage"',
            "`order/chrage` is no step of the flow",
        ),
        ('{"answers": {"order/right:undo": {"ok": 1}}}', "FL0373", '"order/right:undo"', ""),
        ('{"answers": {"payments.charge": 5}}', "FL0372", "5", ""),
        ('{"answers": {"payments.charge": {}}}', "FL0372", "{}", ""),
        (
            '{"answers": {"payments.charge": {"ok": 1, "fail": "Declined"}}}',
            "FL0372",
            '{"ok": 1, "fail": "Declined"}',
            "",
        ),
        ('{"answers": {"payments.charge": []}}', "FL0372", "[]", "`payments.charge` wants at least one answer"),
        ('{"answers": {"payments.charge": {"unknown": false}}}', "FL0372", "false", "`unknown` wants `true`"),
        ('{"answers": {"payments.charge": {"fail": 7}}}', "FL0372", "7", "`fail` wants the name of an error"),
        (
            '{"answers": {"payments.charge": {"fail": "Refused"}}}',
            "FL0374",
            '"Refused"',
            "`payments.charge` does not fail with `Refused`",
        ),
        ('{"answers": {"payments.charge": {"unknown": true, "data": 1}}}', "FL0371", '"data"', ""),
        ('{"answers": {"payments.charge": {"unknown": true, "takes": 5}}}', "FL0372", "5", ""),
        ('{"answers": {"payments.charge": {"unknown": true, "takes": "-5s"}}}', "FL0372", '"-5s"', ""),
        ('{"answers": {"payments.charge": {"ok": {}}}}', "FL0365", "{}", ""),
        ('{"events": {}}', "FL0372", "{}", "`events` wants a list"),
        ('{"events": [3]}', "FL0372", "3", ""),
        ('{"events": [{"cancel": true}]}', "FL0372", '{"cancel": true}', ""),
        ('{"events": [{"at": "1s", "cancel": 1}]}', "FL0372", "1", "`cancel` wants `true`"),
        ('{"events": [{"at": "1s", "type": "delivery.confirmd"}]}', "FL0377", '"delivery.confirmd"', ""),
        ('{"events": [{"at": "1s", "type": "delivery.confirmed", "data": {}}]}', "FL0365", "{}", ""),
        ('{"events": [{"at": "1s", "resolve": "chrge", "as": "retry"}]}', "FL0373", '"chrge"', ""),
        ('{"events": [{"at": "1s", "resolve": "charge", "as": "undo"}]}', "FL0372", '"undo"', ""),
        ('{"events": [{"at": "1s", "resolve": "right", "as": "skip"}]}', "FL0378", '"skip"', ""),
        ('{"events": [{"at": "1s", "resolve": "charge", "as": "fail"}]}', "FL0378", '"fail"', ""),
        ('{"expect": {"stauts": "failed"}}', "FL0371", '"stauts"', "`expect` has no key `stauts`"),
        ('{"expect": {"status": "done"}}', "FL0372", '"done"', ""),
        ('{"input": {"ordr": {"id": "o"}}}', "FL0364", '"ordr"', "`order` has no parameter `ordr`"),
        ('{"input": {}}', "FL0363", "{}", "the input has no `order`, which `order` needs"),
        ('{"input": 7}', "FL0362", "7", "the input of `order` is a record with its parameters, not the number 7"),
    ],
)
def test_a_slip_is_shown_where_it_is_written(text: str, code: str, marked: str, message: str) -> None:
    [(found_code, found_marked, found_message)] = findings(text)
    assert found_code == code
    assert marked in found_marked
    assert found_message.startswith(message)


def test_a_part_that_does_not_fit_is_marked_itself() -> None:
    """The place in the contract's complaint is followed into the text."""
    [found] = reading('{"input": {"order": {"id": 7, "note": "x"}}}').found
    assert found.span.text == "7"
    assert found.say(found.message) == "`id` of `order` does not fit its contract: 7 is not a string"


def test_a_part_that_is_missing_marks_what_it_is_missing_from() -> None:
    [found] = reading('{"answers": {"order/charge": {"ok": {"x": 1}}}}').found
    assert found.span.text == '{"x": 1}'
    assert found.say(found.message).startswith("`paymentId` of the answer of `payments.charge` is missing")


def test_the_nearest_name_is_offered() -> None:
    [found] = reading('{"answers": {"payments.chrage": {"ok": 1}}}').found
    assert found.hint == "did you mean `payments.charge`?"


def test_several_slips_are_all_reported_in_the_order_of_the_text() -> None:
    text = '{"answers": {"a.b": {"ok": 1}, "order/left": {"fail": "X"}}, "events": [{"at": "soon", "cancel": true}]}'
    assert [code for code, _, _ in findings(text)] == ["FL0373", "FL0374", "FL0372"]


def test_every_word_has_a_page() -> None:
    from flowlang.diagnostic import Diagnostic
    from flowlang.scenario import words

    classes = [kind for kind in vars(words).values() if isinstance(kind, type) and issubclass(kind, Diagnostic)]
    own = [kind for kind in classes if kind is not Diagnostic]
    assert len({kind.code for kind in own}) == len(own) >= 15
    assert all(kind.explanation and kind.bad and kind.good and kind.message for kind in own)


# ---------------------------------------------------------------- the public schema

SHAPE = json.loads(Path(__file__).parents[2].joinpath("specs/scenario.schema.json").read_text())
FORMS = """{
    "input": {"order": {"id": "o-1"}}, "expect": {"status": "failed", "error": null},
    "answers": {"payments.charge": [{"ok": {"paymentId": "p"}, "takes": "1m30s"}], "order/left": {"unknown": true},
                "order/right": {"fail": "SoldOut", "data": null, "message": "m", "takes": "5ms"}},
    "events": [{"at": "1s", "cancel": true}, {"at": "2s", "type": "delivery.confirmed", "data": {"id": "o"}, "id": "e"},
               {"at": "3s", "resolve": "charge", "as": "retry"}]}"""


def test_every_form_is_as_the_public_schema_says() -> None:
    good(FORMS)
    jsonschema.validate(json.loads(FORMS), SHAPE)


@pytest.mark.parametrize(
    "text",
    [
        '{"answer": {}}',
        '{"answers": {"order/left": []}}',
        '{"answers": {"order/left": {"ok": 1, "fail": "SoldOut"}}}',
        '{"answers": {"order/left": {"unknown": false}}}',
        '{"answers": {"order/left": {"ok": 1, "takes": "5"}}}',
        '{"answers": {"order/left": {"ok": 1, "takes": "2s1m"}}}',
        '{"answers": {"order/left": {"ok": 1, "data": 2}}}',
        '{"events": [{"cancel": true}]}',
        '{"events": [{"at": "1s", "cancel": true, "type": "delivery.confirmed"}]}',
        '{"events": [{"at": "1s", "resolve": "charge", "as": "undo"}]}',
        '{"expect": {"status": "done"}}',
        '{"expect": {"stauts": "failed"}}',
    ],
)
def test_what_the_reader_refuses_for_its_shape_the_schema_refuses_too(text: str) -> None:
    assert reading(text).found != ()
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(text), SHAPE)


# ---------------------------------------------------------------- lists and order


def test_a_list_for_two_branches_is_refused_and_asks_for_paths() -> None:
    text = '{"answers": {"inventory.reserve": [{"ok": 1}, {"ok": 2}]}}'
    [found] = reading(text).found
    assert (found.code, found.span.text) == ("FL0375", '"inventory.reserve"')
    assert found.say(found.help) == "give each its own answers, by path: `order/left:` and `order/right:`"
    assert found.say(found.note) == "they stand in two branches of `order/fork1`"


def test_one_answer_without_a_list_is_for_both_branches() -> None:
    good('{"answers": {"inventory.reserve": {"ok": 1}}}')


def test_a_path_takes_a_branch_out_of_the_list() -> None:
    good('{"answers": {"inventory.reserve": [{"ok": 1}], "order/left": {"ok": 2}}}')


def test_steps_one_after_the_other_may_share_a_list() -> None:
    good('{"answers": {"payments.charge": [{"unknown": true}, {"fail": "Declined"}]}}')


def test_a_compensation_in_one_branch_and_a_step_in_the_other_may_not() -> None:
    crossed = flow(
        fork(ir.Sequence((step("left", RESERVE, RELEASE),)), ir.Sequence((step("right", RELEASE),))),
    )
    [found] = reading('{"answers": {"inventory.release": [{"ok": 1}]}}', crossed).found
    assert found.say(found.message).startswith("`order/left:undo` and `order/right` share this list")


def test_two_forks_one_after_the_other_are_in_order() -> None:
    twice = flow(
        fork(ir.Sequence((step("a", RESERVE),)), ir.Sequence((step("b", CHARGE),)), name="fork1"),
        fork(ir.Sequence((step("c", RESERVE),)), ir.Sequence((step("d", CHARGE),)), name="fork2"),
    )
    assert reading('{"answers": {"inventory.reserve": [{"ok": 1}, {"ok": 2}]}}', twice).found == ()


# ---------------------------------------------------------------- items and attempts


def body(*items: ir.Node) -> ir.Sequence:
    return ir.Sequence(items)


def each(*items: ir.Node, width: int = 0) -> ir.Each:
    return ir.Each("order/line", "line", ref("order"), width, "", "", body(*items), "")


LOOPS = flow(
    each(step("line[]/pack", RESERVE, RELEASE)),
    ir.Retry("order/buy:retry", body(step("buy#/pay", CHARGE, REFUND)), 2, 1, 1, (), ""),
)
ABREAST = flow(each(step("line[]/pack", RESERVE, RELEASE), width=3))


@pytest.mark.parametrize(
    ("place", "path"),
    [
        ("order/line[]/pack", "order/line[]/pack"),
        ("order/line[3]/pack", "order/line[3]/pack"),
        ("order/line[3]/pack:undo", "order/line[3]/pack"),
        ("order/pay", "order/buy#/pay"),
        ("order/buy#2/pay:undo", "order/buy#2/pay"),
    ],
)
def test_a_path_may_name_an_item_or_an_attempt(place: str, path: str) -> None:
    assert list(good(f'{{"answers": {{"{place}": {{"unknown": true}}}}}}', LOOPS).answers) == [place]
    sites = {site.place: site for site in sites_of(LOOPS)}
    site = sites.get(place) or instance_of(list(sites.values()), place)
    assert site is not None
    assert site.path == path


@pytest.mark.parametrize(
    "place",
    [
        "order/line/pack",
        "order/line[x]/pack",
        "order/line[3]/pay",
        "order/buy#1/pay",
        "order/sell#2/pay",
        "order/pay#2",
    ],
)
def test_a_path_that_no_item_and_no_attempt_has_is_refused(place: str) -> None:
    assert [code for code, _, _ in findings(f'{{"answers": {{"{place}": {{"unknown": true}}}}}}', LOOPS)] == ["FL0373"]


@pytest.mark.parametrize(
    ("place", "meant"),
    [
        ("order/line[3]/pak", "order/line[3]/pack"),
        ("order/lin[3]/pack:undo", "order/line[3]/pack:undo"),
        ("order/line[]/pak", "order/line[]/pack"),
        ("order/buy#2/pey", "order/buy#2/pay"),
        ("order/buy#2/pey:undo", "order/buy#2/pay:undo"),
        ("order/pey", "order/pay"),
        ("order/buy#2/line[3]/pak", "order/line[3]/pack"),
    ],
)
def test_who_misspells_the_path_of_an_item_is_shown_that_of_the_item(place: str, meant: str) -> None:
    source = Source("s.yaml", f'{{"answers": {{"{place}": {{"unknown": true}}}}}}')
    [found] = read(source, LOOPS).found
    assert (found.code, found.hint) == ("FL0373", f"did you mean `{meant}`?")


@pytest.mark.parametrize(
    ("path", "kind", "entry"),
    [
        ("order/line[3]/pack", "do", "order/line[3]/pack"),
        ("order/line[4]/pack", "do", "order/line[]/pack"),
        ("order/line[3]/pack", "undo", "inventory.release"),
        ("order/pay", "do", "order/pay"),
        ("order/buy#2/pay", "do", "order/buy#2/pay"),
        ("order/buy#3/pay", "do", "order/pay"),
        ("order/buy#3/pay", "undo", None),
    ],
)
def test_the_closest_entry_answers(path: str, kind: str, entry: str | None) -> None:
    entries = ["order/line[3]/pack", "order/line[]/pack", "order/pay", "order/buy#2/pay", "inventory.release"]
    scenario = Scenario(None, False, {entry: Answers((Answer("unknown"),)) for entry in entries})
    operation = "x.y" if kind == "do" or "pay" in path else "inventory.release"
    assert scenario.place_of(path, kind, operation) == entry


def test_items_one_after_the_other_and_attempts_may_share_a_list() -> None:
    good('{"answers": {"inventory.reserve": [{"ok": 1}, {"ok": 2}], "order/pay": [{"unknown": true}]}}', LOOPS)


@pytest.mark.parametrize("name", ["inventory.reserve", "order/line[]/pack", "order/line[]/pack:undo"])
def test_items_side_by_side_may_not_share_a_list(name: str) -> None:
    [found] = reading(f'{{"answers": {{"{name}": [{{"ok": 1}}]}}}}', ABREAST).found
    assert (found.code, found.span.text) == ("FL0375", f'"{name}"')
    assert found.say(found.note) == "the items of `order/line` run side by side"
    assert found.say(found.help) == "give each its own answers, by its number: `order/line[1]/pack:`"
    good('{"answers": {"order/line[1]/pack": [{"ok": 1}]}}', ABREAST)


def test_a_loser_may_not_share_a_list_with_what_follows_the_join_unless_the_block_is_left_between() -> None:
    losing = fork(body(step("a", RESERVE)), body(step("b", CHARGE)), join="some", need=1)
    text = '{"answers": {"inventory.reserve": [{"ok": 1}]}}'
    [found] = reading(text, flow(losing, step("c", RESERVE))).found
    assert found.say(found.note) == "who loses in `order/fork1` may settle after what follows it"
    assert reading(text, flow(step("c", RESERVE), losing)).found == ()
    scope = ir.Catch("order/buy", body(losing), (), "")
    assert reading(text, flow(scope, step("c", RESERVE))).found == ()
    assert [one.code for one in reading(text, flow(each(losing))).found] == ["FL0375"]


def test_a_handler_that_runs_alongside_may_not_share_a_list_with_the_body_or_itself() -> None:
    told = ir.Alternative(CONFIRMED, "told", "id", ref("order"), None, body(step("told[]/note", RESERVE)))
    beside = flow(ir.Alongside("order/out:alongside", body(step("send", RESERVE)), (told,), ""))
    [found] = reading('{"answers": {"inventory.reserve": [{"ok": 1}]}}', beside).found
    assert found.say(found.note) == "the handlers of `order/out` run beside its body"
    [found] = reading('{"answers": {"order/told[]/note": [{"ok": 1}]}}', beside).found
    assert found.code == "FL0375"
    good('{"answers": {"order/send": [{"ok": 1}], "order/told[0]/note": [{"ok": 1}]}}', beside)


def test_the_events_of_every_handler_are_known() -> None:
    def heard(type: str) -> ir.Alternative:
        return ir.Alternative(replace(CONFIRMED, type=type), "", "id", ref("order"), None, body())

    listening = flow(
        ir.Interrupt("order/x:events", body(), (heard("a"),), None, body(), ""),
        ir.Alongside("order/x:alongside", body(), (heard("b"),), ""),
        ir.Race("order/x", (heard("c"),), None, body(), ""),
    )
    assert [event.type for event in event_types(listening)] == ["a", "b", "c"]


def test_an_operator_may_mean_an_item_or_whichever_is_stuck() -> None:
    events = """{"events": [
        {"at": "1h", "resolve": "order/line[2]/pack:undo", "as": "skip"},
        {"at": "2h", "resolve": "pay", "as": "retry"},
        {"at": "3h", "resolve": "order/buy#2/pay", "as": "done", "result": {"paymentId": "p"}}
    ]}"""
    assert good(events, LOOPS).happenings == (
        Resolving(3_600_000, "order/line[2]/pack", "undo", "skip"),
        Resolving(7_200_000, "pay", "", "retry"),
        Resolving(10_800_000, "order/buy#2/pay", "", "done", {"paymentId": "p"}),
    )


def test_a_step_of_a_compensation_block_is_answered_and_resolved_as_an_undo() -> None:
    back = replace(step("back", RELEASE), firm=Firm("undo", ()))
    scope = flow(ir.Undoing("order/buy:compensate", body(step("pay", CHARGE)), body(back), ""))
    text = (
        '{"answers": {"order/back:undo": {"unknown": true}}, "events": [{"at": "1h", "resolve": "back", "as": "skip"}]}'
    )
    assert good(text, scope).happenings == (Resolving(3_600_000, "order/back", "", "skip"),)
    assert [code for code, _, _ in findings('{"answers": {"order/back": {"unknown": true}}}', scope)] == ["FL0373"]


# ---------------------------------------------------------------- --fail


def fails(place: str, word: str) -> Read:
    source = Source("<--fail>", f"{place}={word}")
    at = Span(source, 0, len(place))
    places = Places(Span(source, 0, len(source.text)), {("place",): at, ("word",): Span(source, len(place) + 1, 99)})
    return read_failures([(place, word, places)], [ORDER])


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("Declined", Answer("fail", error="Declined", message="`payments.charge` failed, as --fail asks")),
        ("timeout", Answer("unknown", takes=0)),
        ("crash", Answer("crash", message="the handler crashed, as --fail asks", takes=0)),
        ("unavailable", Answer("fail", error="Unavailable", message="`payments.charge` failed, as --fail asks")),
    ],
)
def test_a_failure_that_is_asked_for_is_an_answer_for_every_call(word: str, answer: Answer) -> None:
    found = fails("payments.charge", word)
    assert found.found == ()
    assert found.scenario.answers == {"payments.charge": Answers((answer,))}


def test_a_failure_of_an_unknown_place_or_error_is_shown() -> None:
    assert [one.code for one in fails("order/chrage", "Declined").found] == ["FL0373"]
    assert [(one.code, one.span.text) for one in fails("payments.charge", "No").found] == [("FL0374", "No")]


# ---------------------------------------------------------------- the stand-in


class Clock:
    """Time that passes when somebody waits for it."""

    def __init__(self) -> None:
        self.time = 1_000

    def now(self) -> int:
        return self.time

    async def sleep_until(self, due: int) -> None:
        self.time = max(self.time, due)

    def nap(self, left: int) -> float:
        return left / 1000


def request(path: str = "order/charge", kind: str = "do", answered: int = 0, timeout: int = 30_000) -> Request:
    operation = next(site.operation for site in sites_of(ORDER) if (site.path, site.kind) == (path, kind))
    return Request(
        "r-1", "order", path, kind, operation.service, operation.name, {}, 0, answered + 1, timeout, answered=answered
    )


def ask(scenario: str, asked: Request, recorded: Sequence[Recorded] = (), clock: Clock | None = None) -> Result:
    gate = Gate(site.operation for site in sites_of(ORDER))
    standin = StandIn(good(scenario), gate, clock or Clock(), lambda: recorded, Examples(gate))
    return asyncio.run(standin.call(asked))


def test_a_path_beats_an_operation_and_without_either_the_example_answers() -> None:
    scenario = '{"answers": {"payments.charge": {"fail": "Declined"}, "order/again": {"ok": {"paymentId": "p-2"}}}}'
    assert isinstance(ask(scenario, request()), Failed)
    assert ask(scenario, request("order/again")) == Ok({"paymentId": "p-2"})
    assert ask(scenario, request("order/left")) == Ok(True)


def test_a_compensation_is_answered_by_its_own_operation_or_by_path_undo() -> None:
    undo = request(kind="undo")
    assert ask('{"answers": {"payments.refund": {"ok": 1}}}', undo) == Ok(1)
    assert ask('{"answers": {"payments.refund": {"ok": 1}, "order/charge:undo": {"ok": 2}}}', undo) == Ok(2)
    assert ask('{"answers": {"order/charge": {"ok": {"paymentId": "p"}}}}', undo) == Ok(True)


def test_a_declared_error_is_failed_with_its_data_and_an_uncertain_one_is_unknown() -> None:
    said = ask('{"answers": {"order/charge": {"fail": "Declined", "message": "no", "data": {"why": 1}}}}', request())
    assert said == Failed(Error("Declined", "no", "order/charge", {"why": 1}, True))
    said = ask('{"answers": {"order/charge": {"fail": "Unavailable", "message": "down"}}}', request())
    assert said == Unknown(Error("Unavailable", "down", "order/charge"))


def test_unknown_takes_as_long_as_the_caller_waits() -> None:
    clock = Clock()
    said = ask('{"answers": {"order/charge": {"unknown": true}}}', request(timeout=10_000), clock=clock)
    assert said == Unknown(Error("Timeout", "no answer within 10s", "order/charge"))
    assert clock.time == 11_000


@pytest.mark.parametrize(("takes", "ok", "until"), [("10s", True, 11_000), ("11s", False, 11_000), ("2s", True, 3_000)])
def test_an_answer_that_takes_longer_than_the_limit_is_a_timeout(takes: str, ok: bool, until: int) -> None:
    clock = Clock()
    scenario = f'{{"answers": {{"order/left": {{"ok": 1, "takes": "{takes}"}}}}}}'
    assert isinstance(ask(scenario, request("order/left", timeout=10_000), clock=clock), Ok if ok else Unknown)
    assert clock.time == until


LIST = '{"answers": {"payments.charge": [{"unknown": true}, {"ok": {"paymentId": "1"}}, {"ok": {"paymentId": "2"}}]}}'


def recorded(path: str, answered: int, kind: str = "do", operation: str = "charge") -> Recorded:
    return Recorded(path, kind, "payments", operation, answered)


def test_an_item_of_a_list_is_for_one_attempt() -> None:
    assert isinstance(ask(LIST, request()), Unknown)
    assert ask(LIST, request(answered=1)) == Ok({"paymentId": "1"})


def test_an_attempt_whose_answer_was_lost_in_a_crash_gets_the_same_again() -> None:
    """`attempt` has gone on, since the first was counted before it was made; `answered` has not."""
    asked = request(answered=1)
    again = asked._replace(attempt=9)
    assert ask(LIST, again) == ask(LIST, asked)


def test_the_next_step_goes_on_in_the_list_where_the_one_before_ended() -> None:
    before = [recorded("order/charge", 2), recorded("order/charge", 1, "undo", "refund")]
    assert ask(LIST, request("order/again"), before) == Ok({"paymentId": "2"})


def test_its_own_recorded_attempts_are_not_counted_twice() -> None:
    assert ask(LIST, request(answered=1), [recorded("order/charge", 1)]) == Ok({"paymentId": "1"})


def test_calls_with_answers_of_their_own_do_not_use_up_the_list() -> None:
    own = LIST[:-2] + ', "order/charge": {"ok": {"paymentId": "mine"}}}}'
    assert isinstance(ask(own, request("order/again"), [recorded("order/charge", 2)]), Unknown)


def test_a_list_that_runs_out_is_a_mistake_of_the_scenario() -> None:
    with pytest.raises(
        ListOver, match=r"the list for `payments.charge` has 3 answers, and `order/again` needs one more"
    ):
        ask(LIST, request("order/again"), [recorded("order/charge", 3)])


# ---------------------------------------------------------------- what is expected

REPORT = {"status": "failed", "error": {"name": "NoCarrier", "message": "m"}, "effects": [{"result": "ok"}], "n": 1}


def test_fields_that_are_not_named_are_not_compared() -> None:
    assert (
        differences({"status": "failed", "error": {"name": "NoCarrier"}, "effects": [{"result": "ok"}]}, REPORT) == ()
    )


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ({"status": "completed"}, 'status\n    expected  "completed"\n    found     "failed"'),
        ({"error": {"name": "X"}}, 'error.name\n    expected  "X"\n    found     "NoCarrier"'),
        ({"error": {"nam": "X"}}, 'error.nam\n    expected  "X"\n    found     nothing of that name'),
        ({"effects": []}, 'effects\n    expected  0 items: []\n    found     1 item: [{"result": "ok"}]'),
        ({"effects": [{"result": "no"}]}, 'effects[0].result\n    expected  "no"\n    found     "ok"'),
        ({"error": None}, 'error\n    expected  null\n    found     {"name": "NoCarrier", "message": "m"}'),
        ({"n": True}, "n\n    expected  true\n    found     1"),
        ({"n": "1"}, 'n\n    expected  "1"\n    found     1'),
    ],
)
def test_a_difference_is_readable(expected: dict[str, Any], said: str) -> None:
    assert [str(one) for one in differences(expected, REPORT)] == [said]


def test_numbers_are_equal_when_they_are_worth_the_same() -> None:
    assert differences({"n": Decimal("1.0")}, REPORT) == ()


# ---------------------------------------------------------------- places in JSON

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None, suppress_health_check=list(HealthCheck))  # a busy machine is no finding
@given(json_values, st.sampled_from([None, 2]))
def test_each_part_of_a_json_text_is_found_where_it_stands(value: Any, indent: int | None) -> None:
    text = plain_dumps(value, indent)
    places = places_of(Source("x.json", text))

    def walk(part: Any, place: tuple[str | int, ...]) -> int:
        assert parse_json(places.values[place].text) == part
        inner = list(part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ())
        if isinstance(part, dict):
            assert all(parse_json(places.names[(*place, key)].text) == key for key in part)
        return 1 + sum(walk(item, (*place, key)) for key, item in inner)

    assert walk(value, ()) == len(places.values)
