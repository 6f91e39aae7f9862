"""What the reader of the YAML twin says about its form: FL016x and FL017x. What both forms can get wrong is in words.py."""

from __future__ import annotations

from flowlang.diagnostic import Diagnostic


def _twin(*lines: str) -> str:
    """A flow whose `do` has these lines."""
    return "document: { dsl: flowlang/1, name: example }\ninput: { order: Order }\ndo:\n" + "".join(
        f"  {line}\n" for line in lines
    )


class UnknownKey(Diagnostic):
    """A key that means nothing where it stands."""

    code = "FL0167"
    message = "{where} has no key `{key}`"
    note = "known here: {known}"
    explanation = (
        "Every part of a flow has a fixed set of keys. One that is not among them would do nothing, so it is refused: most "
        "are misspelt."
    )
    bad = _twin("- place: { call: orders.place, timout: 10s }")
    good = _twin("- place: { call: orders.place, timeout: 10s }")

    where: str
    key: str
    known: str


class MissingKey(Diagnostic):
    """A key that has to be there."""

    code = "FL0168"
    message = "{where} needs `{key}`"
    explanation = "This part of a flow can't be understood without that key."
    bad = _twin("- fail: { message: '\"why\"' }")
    good = _twin("- fail: { error: Odd, message: '\"why\"' }")

    where: str
    key: str


class WrongShape(Diagnostic):
    """A list where a map is needed, and the like."""

    code = "FL0169"
    message = "expected {expected}, found {found}"
    explanation = (
        "Each key has one kind of value: a list of statements, a map, a name, an expression. This one has another."
    )
    bad = _twin("- switch: { cases: { when: order.big, do: [] } }")
    good = _twin("- switch: { cases: [ { when: order.big, do: [] } ] }")

    expected: str
    found: str


class OneStatement(Diagnostic):
    """Several statements, or none, in one entry of a list."""

    code = "FL0170"
    message = "an entry holds one statement"
    label = "{why}"
    explanation = (
        "A list of statements has one entry, with one key, for each: its name, or its kind where it has none. Beside the "
        "kind only `doc` may stand."
    )
    bad = _twin("- a: { call: orders.place }", "  b: { call: orders.place }")
    good = _twin("- a: { call: orders.place }", "- b: { call: orders.place }")

    why: str


class NeedsName(Diagnostic):
    """A kind that needs a name stands without one."""

    code = "FL0171"
    message = "`{kind}` needs a name"
    label = "write `- name: {{ {kind}: ... }}`"
    explanation = "A step, a `let`, a branch and a scope are known by their name: it is the key of the entry, and the kind stands inside."
    bad = _twin("- call: orders.place")
    good = _twin("- place: { call: orders.place }")

    kind: str


class NoKind(Diagnostic):
    """An entry that does not say what it is."""

    code = "FL0172"
    message = "`{name}` does not say what it is"
    note = "a named entry has one of `call let scope listen`, and in a fork `branch`; an unnamed one is one of {known}"
    explanation = (
        "Under a name one key says what the statement is: `call` for a step, `let`, `scope`, `listen`, `branch`. Without a "
        "name the key itself is the kind. This entry has neither."
    )
    bad = _twin("- place: { cal: orders.place }")
    good = _twin("- place: { call: orders.place }")

    name: str
    known: str


class NoName(Diagnostic):
    """A name on a kind that has none."""

    code = "FL0174"
    message = "a `{kind}` has no name"
    label = "write `- {kind}: ...` without `{name}`"
    explanation = (
        "Blocks such as `fork` and `repeat`, and statements that make no value, are not named: the key of their entry is the "
        "kind itself. Only a step, a `let`, a scope, a branch and a `listen` that keeps its event have a name."
    )
    bad = _twin("- times: { repeat: { do: [], until: order.paid, most: 3 } }")
    good = _twin("- repeat: { do: [], until: order.paid, most: 3 }")

    kind: str
    name: str


class Interpolation(Diagnostic):
    """`${` in the middle of a text."""

    code = "FL0173"
    message = "an expression is the whole value, not a part of a text"
    help = "write `\"${{ 'text ' + name }}\"`; a text with `${{` in it is written as `\"${{ '...' }}\"`"
    explanation = (
        "Where YAML values are literals, `${ ... }` over the whole value is an expression. Inside of a text it would look "
        "like one and be none, so it is refused."
    )
    bad = _twin('- place: { call: orders.place, with: { note: "for ${ order.id }" } }')
    good = _twin("- place: { call: orders.place, with: { note: \"${ 'for ' + order.id }\" } }")


class WrongDialect(Diagnostic):
    """A `dsl` that is not ours."""

    code = "FL0175"
    message = "`{dsl}` is not a version that can be read"
    label = "write `flowlang/1`"
    explanation = "`document.dsl` names the language and its version. This tool reads `flowlang/1`."
    bad = "document: { dsl: '1.0.0', name: example }\ndo: []\n"
    good = "document: { dsl: flowlang/1, name: example }\ndo: []\n"

    dsl: str


class Conflict(Diagnostic):
    """Two keys that exclude each other."""

    code = "FL0176"
    message = "`{key}` can't stand beside `{other}`"
    explanation = "Each of these keys is fine by itself. Together they contradict each other, and which one was meant can't be told."
    bad = _twin("- listen: { event: order.paid, within: 3d, else: [], forever: true }")
    good = _twin("- listen: { event: order.paid, within: 3d, else: [] }")

    key: str
    other: str
