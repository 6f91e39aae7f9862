"""What the reader of the YAML twin says about its form: FL016x and FL017x. What both forms can get wrong is in words.py."""

from __future__ import annotations

from flowlang.diagnostic import Diagnostic


def _twin(*lines: str) -> str:
    """A flow whose `do` has these lines."""
    return "document: { dsl: flowlang/1, name: example }\ninput: { order: Order }\ndo:\n" + "".join(
        f"  {line}\n" for line in lines
    )


class NotYaml(Diagnostic):
    """The YAML can't be read."""

    code = "FL0161"
    message = "this is not YAML: {problem}"
    explanation = (
        "The file's name ends in .yaml, and its text breaks a rule of YAML, so that nothing behind this place can be "
        "understood. Often a quote or a bracket is not closed, or a line is indented differently from its neighbours."
    )
    bad = _twin("- place: { call: orders.place, with: { id: [1 } }")
    good = _twin("- place: { call: orders.place, with: { id: [1] } }")

    problem: str


class Tab(Diagnostic):
    """A tab where YAML wants blanks."""

    code = "FL0162"
    message = "a tab can't indent YAML"
    help = "use blanks"
    explanation = (
        "YAML takes its structure from indentation, and forbids tabs there since they have no width of their own."
    )
    bad = "document: { dsl: flowlang/1, name: example }\ndo:\n\t- fail: { error: Odd }\n"
    good = "document: { dsl: flowlang/1, name: example }\ndo:\n  - fail: { error: Odd }\n"


class Feature(Diagnostic):
    """A feature of YAML that flows don't use."""

    code = "FL0163"
    message = "{feature} can't stand in a flow"
    explanation = (
        "Anchors, aliases, tags, merge keys and directives make YAML mean something else than it shows, and have been used "
        "to attack those who read it. A flow is written out. An expression that begins with `!`, `&` or `*` goes in quotes."
    )
    bad = _twin("- place: { call: orders.place, with: &all { id: 1 } }")
    good = _twin("- place: { call: orders.place, with: { id: 1 } }")

    feature: str


class SecondDocument(Diagnostic):
    """More than one YAML document."""

    code = "FL0164"
    message = "a second document in one file"
    help = "move it to a file of its own"
    explanation = (
        "One file holds one flow, so that a flow can be found by its file and changed without touching another."
    )
    bad = _twin("- fail: { error: Odd }") + "---\n" + _twin("- fail: { error: Odd }")
    good = _twin("- fail: { error: Odd }")


class DeepYaml(Diagnostic):
    """Lists and maps deeper than we read."""

    code = "FL0165"
    message = "lists and maps are nested more than {limit} deep"
    explanation = (
        "No one can read a flow that is nested so deeply, and the limit keeps a hostile file from breaking the tool. Reading "
        "stops here."
    )

    limit: int


class OddKey(Diagnostic):
    """A key that is a list or a map."""

    code = "FL0166"
    message = "a key is a word, not a list or a map"
    explanation = "YAML lets a whole list or map be a key. Nothing in a flow has such keys."
    bad = _twin("- place: { call: orders.place, with: { [a]: 1 } }")
    good = _twin("- place: { call: orders.place, with: { a: 1 } }")


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


class NoNumber(Diagnostic):
    """`.inf` and `.nan`."""

    code = "FL0174"
    message = "`{text}` is no number of a flow"
    help = "put it in quotes if it is a text"
    explanation = "Numbers are exact, so there is no infinity and no not-a-number among them."
    bad = _twin("- limit: { let: .inf }")
    good = _twin("- limit: { let: 1000 }")

    text: str


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
