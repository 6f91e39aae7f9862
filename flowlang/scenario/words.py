"""What is said about the input of a run and about scenario files. None of these faults is in a flow, so the examples are
of input and scenarios."""

from __future__ import annotations

from flowlang.diagnostic import Diagnostic

# ---------------------------------------------------------------- the input of a run


class NoJson(Diagnostic):
    """The input is not JSON, or not JSON that means one thing only."""

    code = "FL0361"
    message = "{what} is not JSON: {why}"
    label = "here"
    explanation = (
        "The input of a run, the data of an event and the result that an operator gives are one JSON value. It is read strictly: "
        "a member that is there twice, NaN, an integer of more than 34 digits, a number that no double can hold, half of a surrogate pair and "
        "nesting deeper than 100 levels are refused, because two readers could understand them differently."
    )
    bad = '{ "order": { "id": "o-1", "id": "o-2", "total": NaN } }'
    good = '{ "order": { "id": "o-1", "total": 120.50 } }'

    what: str
    why: str


class NotARecord(Diagnostic):
    """The input is a list or a scalar."""

    code = "FL0362"
    message = "the input of `{flow}` is a record with its parameters, not {found}"
    label = "this is {found}"
    help = "{example}"
    explanation = (
        "The input of a flow is a JSON object that has one member for each parameter. Also a flow with one parameter wants its "
        'name: `{{ "order": {{ ... }} }}`. The input of a flow that starts by an event is that event\'s data.'
    )
    bad = "[1, 2]"
    good = '{ "order": { "id": "o-1" } }'

    flow: str
    found: str
    example: str


class ParameterMissing(Diagnostic):
    """A parameter has no value."""

    code = "FL0363"
    message = "the input has no `{name}`, which `{flow}` needs"
    help = "{example}"
    explanation = (
        "Every parameter whose type does not end in `?` needs a value: in the file of `--input`, or with `--set NAME=VALUE`. The "
        "message shows an input that would do, made from the contracts."
    )
    bad = "{}"
    good = '{ "order": { "id": "o-1" } }'

    flow: str
    name: str
    example: str


class NoSuchParameter(Diagnostic):
    """A member of the input is no parameter."""

    code = "FL0364"
    message = "`{flow}` has no parameter `{name}`"
    note = "{known}"
    explanation = (
        "The input has a member that the flow does not declare as a parameter, so nothing would ever read it. Most often it is a "
        "misspelt name."
    )
    bad = '{ "ordr": { "id": "o-1" } }'
    good = '{ "order": { "id": "o-1" } }'

    flow: str
    name: str
    known: str


class DoesNotFit(Diagnostic):
    """A value is not as its schema says."""

    code = "FL0365"
    message = "{what} {why}"
    explanation = (
        "Values from outside are checked against the JSON Schema of the contracts before anything is called: the input of a run, the "
        "data of an event, and in a scenario what a stand-in answers. The message names the part that does not fit and the rule."
    )
    bad = '{ "order": { "id": 7 } }'
    good = '{ "order": { "id": "o-1" } }'

    what: str
    why: str


class BadSetting(Diagnostic):
    """`--set` can't be read."""

    code = "FL0366"
    message = "`--set` can't take this: {why}"
    help = "write a parameter, a dot for each record inside, and the value: `--set order.total=120.50`"
    explanation = (
        "`--set a.b=5` puts one value into the input, over what `--input` says. What follows the first `=` is read as JSON if it is "
        'JSON, else as text: `--set order.id=o-1`; a text that looks like JSON is written in quotes: `--set order.id="17"`.'
    )
    bad = "--set order.total"
    good = "--set order.total=120.50"

    why: str


# ---------------------------------------------------------------- scenario files


class UnknownKey(Diagnostic):
    """A key that scenarios do not have."""

    code = "FL0371"
    message = "{where} has no key `{key}`"
    note = "{known}"
    explanation = (
        "Every key of a scenario has a meaning, so one that is not known is a slip and would silently do nothing."
    )
    bad = "answer:\n  payments.charge: { fail: Declined }\n"
    good = "answers:\n  payments.charge: { fail: Declined }\n"

    where: str
    key: str
    known: str


class WrongShape(Diagnostic):
    """A value of a scenario is of the wrong kind."""

    code = "FL0372"
    message = "{where} wants {wanted}"
    label = "this is {found}"
    explanation = "The message says what is wanted at this place of a scenario. `specs/scenario.schema.json` describes the whole file."
    bad = "answers:\n  payments.charge: { ok: {}, takes: long }\n"
    good = "answers:\n  payments.charge: { ok: {}, takes: 2s }\n"

    where: str
    wanted: str
    found: str


class UnknownPlace(Diagnostic):
    """Neither an operation nor a step."""

    code = "FL0373"
    message = "`{place}` is {neither}"
    note = "{known}"
    explanation = (
        "An answer is for an operation (`payments.charge`), for one step (`order_fulfilment/charge`) or for the undoing of one step "
        "(`order_fulfilment/charge:undo`). In a loop `[]` stands for every item and `[3]` for one (`order/line[3]/pack`); a path without "
        "`#` is for every attempt of a scope, one with `#2` for the second. The flow must call it, or the answer would never be given."
    )
    bad = "answers:\n  payments.chrage: { fail: Declined }\n"
    good = "answers:\n  payments.charge: { fail: Declined }\n"

    place: str
    neither: str
    known: str


class UndeclaredError(Diagnostic):
    """An operation is said to fail with an error that it does not have."""

    code = "FL0374"
    message = "`{operation}` does not fail with `{error}`"
    note = "{known}"
    explanation = (
        "A stand-in fails as the operation itself could: with an error that its contract declares, or with `Timeout`, `Unavailable` "
        "or `InvalidOutput`, after which nobody knows whether it happened."
    )
    bad = "answers:\n  payments.charge: { fail: Refused }\n"
    good = "answers:\n  payments.charge: { fail: Declined }\n"

    operation: str
    error: str
    known: str


class SharedList(Diagnostic):
    """Two calls that may happen in any order use up one list."""

    code = "FL0375"
    message = "{who} share this list, and either may be called first"
    note = "{why}"
    help = "give each its own answers, {repair}"
    explanation = (
        "A list is used up call by call, in the order in which the calls follow one another. Calls in two branches of a fork do not, "
        "nor those of the items of a parallel loop: which one would get which answer would be left to timing, and the scenario would "
        "not say the same thing twice."
    )
    bad = "answers:\n  inventory.reserve: [ { fail: Unavailable }, { ok: {} } ]   # called in two branches\n"
    good = "answers:\n  order/left: [ { fail: Unavailable }, { ok: {} } ]\n  order/right: { ok: {} }\n"

    who: str
    why: str
    repair: str


class ListUsedUp(Diagnostic):
    """A call finds the list of its answers at an end."""

    code = "FL0376"
    message = "the list for `{place}` is used up, and `{call}` needs one answer more"
    label = "{count}"
    help = "add an answer, or write one answer without a list: it is for every call"
    explanation = (
        "Every attempt of a call takes the next answer of its list, a retry too. When the run needs more answers than the list has, "
        "the scenario does not say what happens, so the run stops there and can be resumed."
    )
    bad = "answers:\n  inventory.reserve: [ { fail: Unavailable } ]   # tried again after Unavailable\n"
    good = "answers:\n  inventory.reserve: [ { fail: Unavailable }, { ok: { reservationId: r-1 } } ]\n"

    place: str
    call: str
    count: str


class UnknownEvent(Diagnostic):
    """No contract declares the event."""

    code = "FL0377"
    message = "nothing in this flow listens to `{type}`"
    note = "{known}"
    explanation = (
        "An event of a scenario comes from outside, at its time. A flow that neither waits for its type nor starts by it would never "
        "notice it, so this is a slip."
    )
    bad = "events:\n  - { at: 2d, type: delivery.confirmd, data: {} }\n"
    good = "events:\n  - { at: 2d, type: delivery.confirmed, data: { shipmentId: s-9 } }\n"

    type: str
    known: str


class BadDecision(Diagnostic):
    """An operator can't decide this about that call."""

    code = "FL0378"
    message = "{why}"
    help = "{repair}"
    explanation = (
        "A stuck forward step takes `retry`, `done` (with its `result`) or `fail` (with an `error`); a stuck compensation takes "
        "`retry`, `skip` (what it should have undone remains, and is listed as residue) or `done`."
    )
    bad = "events:\n  - { at: 1h, resolve: charge, as: skip }\n"
    good = "events:\n  - { at: 1h, resolve: charge, as: done, result: { paymentId: p-77 } }\n"

    why: str
    repair: str


class NoScenario(Diagnostic):
    """The file is no mapping."""

    code = "FL0379"
    message = "a scenario is a mapping with `input`, `answers`, `events` and `expect`, not {found}"
    explanation = "The file is read as YAML 1.2. At the top stands a mapping; all four keys may be left out."
    bad = "- answers\n"
    good = "answers:\n  payments.charge: { fail: Declined }\n"

    found: str
