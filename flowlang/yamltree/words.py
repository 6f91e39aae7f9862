"""What the tool says about a file that is not YAML, or YAML that two readers could understand differently.

The examples are contracts, since those are always YAML; the same holds for flows and scenarios in YAML.
"""

from __future__ import annotations

from flowlang.diagnostic import Diagnostic

GOOD = "service: orders\noperations:\n  place:\n    timeout: 10s\n"


class NotYaml(Diagnostic):
    """The text breaks the rules of YAML."""

    code = "FL0177"
    message = "{what}"
    help = "{repair}"
    explanation = (
        "The file does not follow the rules of YAML at this place, and what comes after it can not be understood with "
        "certainty. Common causes are a bracket or quote that is never closed, a `:` inside of unquoted text, and lines "
        "whose indentation belongs to no block."
    )
    bad = "service: orders\noperations:\n  place: {timeout: 10s\n"
    good = GOOD

    what: str
    repair: str


class TabIndent(Diagnostic):
    """A tab where YAML wants spaces."""

    code = "FL0178"
    message = "a tab can not indent a line in YAML"
    help = "use spaces, the same number on each line of a block"
    explanation = (
        "YAML reads the structure of a file from its indentation, and since a tab has no certain width it may not be part "
        "of it. Most editors can turn tabs into spaces."
    )
    bad = "service: orders\noperations:\n\tplace:\n\t\ttimeout: 10s\n"
    good = GOOD


class DuplicateKey(Diagnostic):
    """One mapping has the same key twice."""

    code = "FL0179"
    message = "`{key}` is there already"
    label = "second use"
    explanation = (
        "A mapping has each key once. With two, readers of YAML disagree: some take the last value, some the first, some "
        "refuse the file. Remove one of them, or rename it."
    )
    bad = "service: orders\noperations:\n  place: {}\n  place:\n    timeout: 10s\n"
    good = GOOD

    key: str


class Shared(Diagnostic):
    """An anchor or an alias."""

    code = "FL0180"
    message = "`{text}` shares a part of the file, which is not supported"
    help = "write the part out; in a contract, name it under `schemas:` and refer to it with `$ref`"
    explanation = (
        "Anchors (`&name`) and aliases (`*name`) let a few lines stand for gigabytes, and findings could not point at one "
        "place. Contracts have `schemas:` and `$ref` for what several places share. Text that begins with `&` or `*` needs "
        "quotes."
    )
    bad = "service: orders\noperations:\n  place: &usual\n    timeout: 10s\n  cancel: *usual\n"
    good = "service: orders\noperations:\n  place:\n    timeout: 10s\n  cancel:\n    timeout: 10s\n"

    text: str


class MergeKey(Diagnostic):
    """The key `<<`."""

    code = "FL0181"
    message = "merge keys (`<<`) are not supported"
    note = "they belong to YAML 1.1, and YAML 1.2 has dropped them"
    help = "write the keys out"
    explanation = (
        "`<<` copied the entries of another mapping in YAML 1.1. The file is read as YAML 1.2, which has no such thing. "
        "Write the entries out."
    )
    bad = "service: orders\noperations:\n  place:\n    <<: {timeout: 10s}\n"
    good = GOOD


class Tagged(Diagnostic):
    """A tag such as `!!str`."""

    code = "FL0182"
    message = "tags such as `{tag}` are not supported"
    help = "leave the tag out; a string is made with quotes"
    explanation = (
        "A tag asks the reader to build a value of a certain kind, which in some tools runs code. Here a file holds plain "
        "data only: mappings, lists, strings, numbers, `true`, `false` and `null`. Text that begins with `!` needs quotes."
    )
    bad = "service: !!str orders\noperations:\n  place:\n    timeout: 10s\n"
    good = GOOD

    tag: str


class SeveralDocuments(Diagnostic):
    """A second document in one file."""

    code = "FL0183"
    message = "a second document begins here"
    help = "give it a file of its own"
    explanation = (
        "`---` between two documents makes one file hold several. One file is one contract, flow or scenario here, so that "
        "its name says what it is."
    )
    bad = GOOD + "---\nservice: payments\n"
    good = GOOD


class TooDeep(Diagnostic):
    """Nested beyond all reason."""

    code = "FL0184"
    message = "this is nested deeper than {limit} levels"
    explanation = "Lists and mappings in each other are limited in depth, so that no file can exhaust the memory of those who read it."
    bad = "service: orders\noperations: " + "[" * 200 + "]" * 200 + "\n"
    good = GOOD

    limit: int


class TooLong(Diagnostic):
    """The file is larger than any contract or flow."""

    code = "FL0185"
    message = "the file is longer than {limit} characters"
    note = "it has {size}"
    explanation = (
        "YAML files are limited in length, so that a wrong path or a generated file does not keep the tool busy for "
        "minutes. A flow of this length is better written as text, and a contract can be split with `$ref`."
    )

    limit: str
    size: str


class BadCharacter(Diagnostic):
    """A control character, or half of a surrogate pair."""

    code = "FL0186"
    message = "the character {code_point} is not allowed in YAML"
    help = 'inside double quotes it can be written as an escape, `"\\u0007"`'
    explanation = (
        "YAML text is made of printable characters, tabs and line ends. A control character is invisible in most editors "
        "and usually came from a broken copy or a wrong encoding."
    )
    bad = "service: orders\x07\noperations:\n  place:\n    timeout: 10s\n"
    good = GOOD

    code_point: str


class ByteOrderMark(Diagnostic):
    """U+FEFF at the beginning of the file."""

    code = "FL0187"
    message = "the file begins with a byte order mark"
    help = "save it as UTF-8 without one"
    explanation = (
        "Some editors put an invisible U+FEFF before the text. It is not part of YAML as this tool reads it, and other tools "
        "take it for a part of the first key."
    )
    bad = "\ufeff" + GOOD
    good = GOOD


class Empty(Diagnostic):
    """Nothing but comments and white space."""

    code = "FL0188"
    message = "there is nothing in this file"
    explanation = "The file is empty, or has only comments. A contract begins with `service:`, a flow with `document:`."
    bad = "# service: orders\n"
    good = GOOD


class BadKey(Diagnostic):
    """A mapping or a list as a key, or a key without text."""

    code = "FL0189"
    message = "{what} can not be a key"
    help = "keys are plain text"
    explanation = (
        "YAML allows whole mappings as keys; JSON, and everything a flow works with, does not. Keys are text. A key that is "
        "written as `? ...` or begins with a bracket is most often a `:` in the wrong place."
    )
    bad = "service: orders\noperations:\n  {place: 1}: {timeout: 10s}\n"
    good = GOOD

    what: str


class LeadingZero(Diagnostic):
    """A whole number that begins with zero."""

    code = "FL0190"
    message = "`{text}` is a number that readers of YAML understand in two ways"
    note = "YAML 1.1 takes digits after a zero as octal, YAML 1.2 as decimal"
    help = 'write `{decimal}`, or `"{text}"` if it is text'
    explanation = (
        "`010` is 8 for tools that follow YAML 1.1 and 10 for those that follow YAML 1.2. Leave the zero out, or put quotes "
        "around a text such as a postal code."
    )
    bad = "service: orders\noperations:\n  place:\n    example: 010\n"
    good = "service: orders\noperations:\n  place:\n    example: 10\n"

    text: str
    decimal: str


class NumberRange(Diagnostic):
    """A number that no value of a flow can hold."""

    code = "FL0198"
    message = "this number is not {what}"
    explanation = (
        "Whole numbers have 64 bits (up to 9223372036854775807), decimals have 34 digits and exponents as far as ordinary "
        "floating point numbers reach. A larger one, such as the number of an account, is text: put quotes around it."
    )
    bad = "service: orders\noperations:\n  place:\n    example: 9223372036854775808\n"
    good = 'service: orders\noperations:\n  place:\n    example: "9223372036854775808"\n'

    what: str


class NoNumber(Diagnostic):
    """`.nan` or `.inf`."""

    code = "FL0199"
    message = "`{text}` is not a number that a flow can work with"
    explanation = (
        "Values of flows are JSON, which has no infinity and no `not a number`. Put quotes around it if it is text, or leave "
        "the bound out where it means `no limit`."
    )
    bad = "service: orders\noperations:\n  place:\n    example: .inf\n"
    good = "service: orders\noperations:\n  place:\n    example: 1e9\n"

    text: str
