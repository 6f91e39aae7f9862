"""What the tool says about contracts. The examples are contracts."""

from __future__ import annotations

from flowlang.diagnostic import Diagnostic

_PAYMENTS = """service: payments
operations:
  charge:
    input: { type: object, required: [amount], properties: { amount: { type: number } } }
    output: { $ref: "#/schemas/Payment" }
    errors: { Declined: "the bank said no" }
    timeout: 10s
    example: { paymentId: p-77 }
schemas:
  Payment: { type: object, required: [paymentId], properties: { paymentId: { type: string, pattern: "^p-[0-9]+$" } } }
"""


def _bad(old: str, new: str) -> str:
    """The contract of the examples with a fault."""
    assert old in _PAYMENTS
    return _PAYMENTS.replace(old, new)


class UnknownKey(Diagnostic):
    """A key that contracts do not have."""

    code = "FL0330"
    message = "{where} has no key `{key}`"
    note = "its keys: {known}"
    help = "keys of your own begin with `x-`"
    explanation = (
        "Contracts have a fixed set of keys, so that a misspelt one is found rather than ignored. Keys that begin with `x-` "
        "are free for your own use."
    )
    bad = _bad("timeout: 10s", "timout: 10s")
    good = _PAYMENTS

    where: str
    key: str
    known: str


class WrongShape(Diagnostic):
    """A value of the wrong kind."""

    code = "FL0331"
    message = "{what} is {got}, not {want}"
    explanation = "Each key of a contract takes one kind of value: a mapping, a list, a text, or `true` and `false`."
    bad = _bad('{ Declined: "the bank said no" }', "[Declined]")
    good = _PAYMENTS

    what: str
    got: str
    want: str


class MissingKey(Diagnostic):
    """A key that has to be there is not."""

    code = "FL0332"
    message = "{where} needs `{key}`"
    explanation = "A contract says which service it belongs to with `service:`; flows call the service by this name."
    bad = _bad("service: payments", "title: payments")
    good = _PAYMENTS

    where: str
    key: str


class BadName(Diagnostic):
    """A name that flows could not write."""

    code = "FL0333"
    message = "`{name}` can not be the name of {what}"
    note = "{rule}"
    explanation = (
        "Flows write the names of services, operations, errors and types as words: letters, digits and `_`, not beginning "
        "with a digit. Types of contracts may not be called like the built-in ones, and no service is called `flow`, which "
        "stands for the flows that a flow runs. Names of events may have dots and dashes between the words."
    )
    bad = _bad("  charge:", "  charge-card:")
    good = _bad("  charge:", "  charge_card:")

    name: str
    what: str
    rule: str


class EngineError(Diagnostic):
    """A declared error with the name of one of the engine's own."""

    code = "FL0334"
    message = "`{name}` is an error of the engine"
    note = "its own errors: {known}"
    help = "give the service's error another name"
    explanation = (
        "The engine reports a call that took too long, did not get through or gave something unusable under names of its "
        "own, and retries follow from them. A service's error of the same name could not be told from those."
    )
    bad = _bad("Declined:", "Timeout:")
    good = _PAYMENTS

    name: str
    known: str


class BadChoice(Diagnostic):
    """A text that is none of those possible."""

    code = "FL0335"
    message = "`{key}` is {known}, not `{text}`"
    explanation = "Some keys take one of a few words only. The message lists them."
    bad = _bad("timeout: 10s", "effect: read")
    good = _bad("timeout: 10s", "effect: none")

    key: str
    text: str
    known: str


class BadDuration(Diagnostic):
    """A time that is none."""

    code = "FL0336"
    message = "{why}"
    help = "write a number with its unit: `ms s m h d w`"
    explanation = (
        "Times in contracts are written as in flows: `500ms`, `10s`, `5m`, `1h`, `3d`, `2w`, or units one after another from "
        "the largest to the smallest, as in `1m30s`. A time limit is more than nothing."
    )
    bad = _bad("timeout: 10s", "timeout: 10 seconds")
    good = _PAYMENTS

    why: str


class SameService(Diagnostic):
    """Two contracts for one service."""

    code = "FL0337"
    message = "`{service}` has a contract already"
    label = "second contract"
    help = "merge the two, or let `use contracts` name one of them only"
    explanation = (
        "Each service has one contract, so that everybody agrees on what it does. Two files that `use contracts` finds claim "
        "the same service: an old copy perhaps, or a name that was not changed after copying."
    )
    bad = "# file: contracts/payments.yaml\nservice: payments\n# file: contracts/payments-old.yaml\nservice: payments\n"
    good = "# file: contracts/payments.yaml\nservice: payments\n"

    service: str


class SameEvent(Diagnostic):
    """Two services that declare one event type."""

    code = "FL0338"
    message = "the event `{type}` belongs to `{owner}` already"
    label = "declared again"
    help = "declare it where it is published, and list it under `hears:` where it is observed"
    explanation = (
        "An event type has one publisher, whose contract says what its data are. Services that want to know of it list it "
        "under `hears:`."
    )
    bad = (
        "# file: contracts/payments.yaml\nservice: payments\nevents:\n  payment.settled: {}\n"
        "# file: contracts/orders.yaml\nservice: orders\nevents:\n  payment.settled: {}\n"
    )
    good = (
        "# file: contracts/payments.yaml\nservice: payments\nevents:\n  payment.settled: {}\n"
        "# file: contracts/orders.yaml\nservice: orders\nhears: [payment.settled]\n"
    )

    type: str
    owner: str


class ExampleMisfit(Diagnostic):
    """An example that its own contract refuses."""

    code = "FL0339"
    message = "the example does not fit the output: {problem}"
    explanation = (
        "`example` is what a stand-in answers when no handler is there, so it has to be an answer that the contract allows. "
        "Correct the example, or the schema under `output`."
    )
    bad = _bad("{ paymentId: p-77 }", "{ paymentId: 77 }")
    good = _PAYMENTS

    problem: str


class NoExample(Diagnostic):
    """An output of which nobody but its author knows an example."""

    severity = "warning"
    code = "FL0340"
    message = "no example of this output can be made from its schema"
    help = "write an answer that fits under `example`; if there is none, the schema contradicts itself"
    explanation = (
        "Where no handler is there, a run answers with the `example` of the contract, or makes one from the schema of the "
        "output: the smallest that fits. What `not`, `propertyNames`, patterns or bounds ask for together can't always be "
        "guessed, and sometimes nothing fits at all. `flowlang run` without handlers then stops at this operation."
    )
    bad = _bad(
        '{ $ref: "#/schemas/Payment" }\n    errors: { Declined: "the bank said no" }\n    timeout: 10s\n    example: { paymentId: p-77 }',
        "{ type: object, minProperties: 1, propertyNames: { pattern: '^p-[0-9]+$' } }",
    )
    good = _PAYMENTS


class UnknownKeyword(Diagnostic):
    """A keyword that JSON Schema does not have."""

    code = "FL0380"
    message = "JSON Schema has no keyword `{keyword}`"
    help = "keys of your own begin with `x-`"
    explanation = (
        "JSON Schema ignores keywords that it does not know, so a misspelt one checks nothing and nobody notices. Here only "
        "the keywords of version 2020-12 are allowed, `example`, and your own if they begin with `x-`."
    )
    bad = _bad("required: [amount]", "requird: [amount]")
    good = _PAYMENTS

    keyword: str


class KeywordValue(Diagnostic):
    """A keyword with a value that it does not take."""

    code = "FL0381"
    message = "`{keyword}` is {got}, not {want}"
    explanation = (
        "Each keyword of JSON Schema takes one kind of value: `minimum` a number, `required` a list of names, `properties` "
        "schemas by name, `type` one of array, boolean, integer, null, number, object and string, or a list of these."
    )
    bad = _bad("required: [amount]", "required: amount")
    good = _PAYMENTS

    keyword: str
    got: str
    want: str


class RemoteRef(Diagnostic):
    """A reference to the network."""

    code = "FL0382"
    message = "`{ref}` does not lie in the project, and is not fetched"
    help = "copy the schema into the project and refer to the file, or put it under `schemas:`"
    explanation = (
        "References lead to `schemas:` of the same contract or to files of the project. Nothing is ever fetched from the "
        "network, so that checking a flow gives the same result tomorrow and tells nobody that it happened."
    )
    bad = _bad("#/schemas/Payment", "https://example.org/payment.json")
    good = _PAYMENTS

    ref: str


class OutsideRef(Diagnostic):
    """A reference to a file outside of the project, or by an absolute path."""

    code = "FL0383"
    message = "`{ref}` leads out of the project"
    help = "copy the schema into the project; paths are relative to the contract and use `/`"
    explanation = (
        "References lead to `schemas:` of the same contract or to files of the project, by a path relative to the contract. "
        "So a contract of somebody else cannot look around in your files."
    )
    bad = _bad("#/schemas/Payment", "/etc/schemas/payment.yaml")
    good = _PAYMENTS

    ref: str


class UnreadRef(Diagnostic):
    """A reference to a file that cannot be read."""

    code = "FL0384"
    message = "`{file}` cannot be read: {why}"
    explanation = "The reference leads to a file of the project that does not exist or cannot be read; paths are relative to the contract."
    bad = _bad("#/schemas/Payment", "payment.yaml")
    good = _PAYMENTS

    file: str
    why: str


class LostRef(Diagnostic):
    """A reference to a place that does not exist."""

    code = "FL0385"
    message = "`{ref}` leads nowhere"
    note = "{why}"
    explanation = (
        "A reference is a path through the file: `#/schemas/Payment` is the entry `Payment` under `schemas:`. This path ends "
        "at a key that does not exist, or at something that is not a schema."
    )
    bad = _bad("#/schemas/Payment", "#/schemas/Paymnt")
    good = _PAYMENTS

    ref: str
    why: str


class CircularRef(Diagnostic):
    """A schema that means itself."""

    code = "FL0386"
    message = "`{ref}` leads back to the schema in which it stands"
    note = "nothing would ever be said about a value"
    help = "a schema may contain itself only inside of a property or a list"
    explanation = (
        "A schema can refer to itself where it describes a part of the value: a category with a list of categories. Here it "
        "refers to itself for the very same value, so it describes nothing and checking would never end."
    )
    bad = _bad("schemas:\n", 'schemas:\n  Refund: { $ref: "#/schemas/Refund" }\n')
    good = _PAYMENTS

    ref: str


class WrongPattern(Diagnostic):
    """A pattern that is no regular expression, or more than one."""

    code = "FL0387"
    message = "this pattern cannot be used: {why}"
    explanation = (
        "Patterns are regular expressions as in ECMA-262, without lookahead, lookbehind, backreferences and word boundaries: "
        "those need an engine that can take unlimited time for a short text. Anchors `^` and `$` are needed where the whole "
        "text has to match."
    )
    bad = _bad("^p-[0-9]+$", "^p-([0-9]+$")
    good = _PAYMENTS

    why: str


class ExplosivePattern(Diagnostic):
    """A pattern for which common engines need exponential time."""

    code = "FL0388"
    message = "this pattern can match one text in very many ways"
    note = "engines that try them all need longer than anybody can wait, for a text of forty characters"
    help = "repeat what can be divided in one way only: `(a+)+` is `a+`"
    explanation = (
        "A repetition inside of a repetition, or alternatives that overlap inside of one, give a text many ways to match, "
        "twice as many with each character. This tool would still be fast, but contracts are read by others, and their "
        "engines would stand still when somebody sends such a text."
    )
    bad = _bad("^p-[0-9]+$", "^p-([0-9]+)+$")
    good = _PAYMENTS


class ForeignKeyword(Diagnostic):
    """A keyword of another version or dialect, or one that reaches beyond the schema."""

    code = "FL0389"
    message = "`{keyword}` is not supported"
    help = "{repair}"
    explanation = (
        "Schemas in contracts follow JSON Schema 2020-12 without the keywords that rename places or look them up at run "
        "time. Keywords of older versions and of other dialects have a replacement, which the message names."
    )
    bad = _bad("{ type: number }", "{ type: number, nullable: true }")
    good = _bad("{ type: number }", '{ type: [number, "null"] }')

    keyword: str
    repair: str


class Entangled(Diagnostic):
    """Alternatives that multiply."""

    code = "FL0390"
    message = "the alternatives of this schema multiply"
    note = "too many schemas would have to be looked at for a single value"
    help = "let the alternatives differ in one property with a `const`, and list them in one `oneOf`"
    explanation = (
        "`anyOf`, `oneOf` and `allOf` whose parts are again made of such parts multiply with each level. A schema that a "
        "person can understand is far away from the limit."
    )
    bad = (
        _PAYMENTS
        + "".join(
            f'  A{number}: {{ anyOf: [{{ $ref: "#/schemas/A{number + 1}" }}, {{ $ref: "#/schemas/A{number + 1}" }}] }}\n'
            for number in range(15)
        )
        + "  A15: { type: string }\n"
    )
    good = _PAYMENTS


class TooManyParts(Diagnostic):
    """Schemas that refer to so much that nobody could hold all the copies."""

    code = "FL0391"
    message = "the schemas of this contract refer to each other too often"
    note = "each input, output and event carries all that it refers to, so that a service needs nothing else"
    help = "let operations refer to what they need only"
    explanation = (
        "A service runs from its own table, which holds the schemas of its operations with everything that they refer to. "
        "Here these copies would fill the memory: thousands of operations refer to schemas that refer to thousands of others."
    )
