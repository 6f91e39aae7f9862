"""What the checker of expressions says: FL0201 for unknown names, FL0302 and FL0310 to FL0325 for values of the wrong kind.

In the order of reading: names and fields, what may be absent, operators, functions and methods.
"""

from __future__ import annotations

from textwrap import indent

from flowlang.diagnostic import Diagnostic


def _flow(body: str) -> str:
    """A flow with `body`."""
    return f'use contracts "contracts/*.yaml"\n\nflow example(order: Order) {{\n{indent(body, "  ")}\n}}\n'


def _tell(value: str) -> str:
    """A flow that uses `value`, a string."""
    return _flow(f"step tell = notifications.send(to: order.email, template: {value})")


def _case(condition: str) -> str:
    """A flow that decides by `condition`."""
    return _flow(f"switch {{\n  case {condition} -> step review = risk.review(orderId: order.id)\n  else -> {{}}\n}}")


def _charge(amount: str) -> str:
    """A flow that uses `amount`, a number."""
    return _flow(f"step pay = payments.charge(orderId: order.id, amount: {amount})")


# ---------------------------------------------------------------- names and fields


class UnknownName(Diagnostic):
    """An expression reads a name that the flow does not have at this place."""

    code = "FL0201"
    message = "nothing here is named `{name}`"
    label = "unknown name"
    note = "{known}"
    explanation = (
        "An expression reads the flow's parameters and the results of the steps, lets and events before it. This name is none "
        "of them: it is misspelt, or what it names is not visible at this place."
    )
    bad = _tell("ordr.email")
    good = _tell("order.email")

    name: str
    known: str


class UnknownField(Diagnostic):
    """A field is read that the contract does not have."""

    code = "FL0302"
    message = "`{type}` has no field `{field}`"
    label = "unknown field"
    note = "known fields: {known}"
    explanation = (
        "The fields of a value are those that its contract lists. A field that is not among them is always absent: it is "
        "misspelt, or the contract does not have it yet."
    )
    bad = _case("order.totl > 1000")
    good = _case("order.total > 1000")

    type: str
    field: str
    known: str


class NoFields(Diagnostic):
    """A field is read of a value that has none."""

    code = "FL0310"
    message = "`{of}` is {type}, which has no fields"
    explanation = (
        "Only records and maps have fields. The items of a list are read by position, `items[0]`, or one after another with "
        "`map`, `filter`, `all` and `exists`; strings, numbers and times have no parts."
    )
    bad = _case("order.items.qty > 10")
    good = _case("order.items.exists(item, item.qty > 10)")

    of: str
    type: str


# ---------------------------------------------------------------- absent values


class MayBeAbsent(Diagnostic):
    """A value is needed, and this one may be absent."""

    code = "FL0311"
    message = "`{value}` {may_be} absent"
    label = "a value is needed here"
    help = "{repair}"
    explanation = (
        "The contract does not list this field as required, or only some of the paths to this place define the name. An operator, "
        "a function or a field behind it needs a value. A guard such as `has(x)` in a case, in `&&` or in `?:` makes it present; "
        "`.orValue(...)` gives a replacement; `.?` reads a field of what may be absent."
    )
    bad = _case('order.note == "gift"')
    good = _case('has(order.note) && order.note == "gift"')

    value: str
    may_be: str
    repair: str


# ---------------------------------------------------------------- operators


class WrongOperand(Diagnostic):
    """An operator between kinds of values that it does not take."""

    code = "FL0312"
    message = "`{op}` does not take {operands}"
    help = "{repair}"
    explanation = (
        "`+` joins two strings or two lists and adds numbers, durations, and a duration to a timestamp; `-` subtracts the same "
        "but strings and lists; `* / %` are for numbers, `*` and `/` also for a duration with an integer. `< <= > >=` compare "
        "two numbers, strings, durations or timestamps; `in` looks into a list or for a key of a map. Nothing is converted by "
        "itself but integers to decimals: `string(x)`, `int(x)`, `double(x)`, `timestamp(x)` and `duration(x)` convert."
    )
    bad = _tell('"total: " + order.total')
    good = _tell('"total: " + string(order.total)')

    op: str
    operands: str
    repair: str


class NotACondition(Diagnostic):
    """Something other than true or false where one of them is needed."""

    code = "FL0313"
    message = "{place} is true or false, and this is {type}"
    explanation = (
        "`&&`, `||`, `!`, the condition of `?:` and that of `all`, `exists`, `exists_one` and `filter` take true or false and "
        "nothing else. Say what is asked: `x != 0`, `size(x) > 0`, `has(x)`."
    )
    bad = _case("size(order.items) && order.total > 100")
    good = _case("size(order.items) > 0 && order.total > 100")

    place: str
    type: str


class NeverEqual(Diagnostic):
    """A comparison of kinds that have no value in common."""

    code = "FL0314"
    message = "{left} and {right} are never equal"
    explanation = (
        "Values of different kinds are never equal, so this comparison has the same result for every run. Integers and "
        'decimals are of one kind; the string `"3"` and the number `3` are not, and neither are a date-time in a string and '
        "`timestamp(...)` of it."
    )
    bad = _case("order.id == 17")
    good = _case('order.id == "17"')

    left: str
    right: str


class NotInEnum(Diagnostic):
    """A comparison with a string that the other side can never be."""

    code = "FL0315"
    severity = "warning"
    message = "`{value}` is none of the values of `{of}`"
    label = "never equal"
    note = "known values: {known}"
    explanation = (
        "The contract lists all values of this string in an `enum`, and the one it is compared with is not among them. It is "
        "misspelt, or the contract does not have it yet."
    )
    bad = _case('order.country == "germany"')
    good = _case('order.country == "de"')

    value: str
    of: str
    known: str


class ZeroDivisor(Diagnostic):
    """A division by the constant zero."""

    code = "FL0316"
    message = "this divides by zero"
    explanation = "A division by zero has no result, so this expression fails in every run."
    bad = _charge("order.total / 0")
    good = _charge("order.total / 10")


class MixedChoice(Diagnostic):
    """The two values of a choice are of different kinds."""

    code = "FL0317"
    message = "this choice gives {then} or {otherwise}"
    label = "another kind"
    explanation = (
        "Both values of `condition ? a : b`, and both sides of `a.orValue(b)`, must be of one kind, so that whatever uses the "
        "result knows what it gets. Integers and decimals mix and give a decimal."
    )
    bad = _tell('order.total > 100 ? "large" : 0')
    good = _tell('order.total > 100 ? "large" : "small"')

    then: str
    otherwise: str


class WrongIndex(Diagnostic):
    """`[...]` of something that has no such index."""

    code = "FL0318"
    message = "{of} has no index that is {at}"
    explanation = (
        "An item of a list is read by its position, an integer from 0; a field of a record or map by its name, a string. "
        "Nothing else has an index."
    )
    bad = _case('order.items["first"].qty > 10')
    good = _case("order.items[0].qty > 10")

    of: str
    at: str


class UnsureDivision(Diagnostic):
    """A division that would cut its result in some runs and not in others."""

    code = "FL0325"
    message = "both numbers may be integers here, and then the quotient is cut to an integer"
    label = "7 / 2 is 3, 7.0 / 2 is 3.5"
    help = "write the integer as a decimal, `1.0`, or convert it, `double(...)`"
    explanation = (
        "A choice between an integer and a decimal, such as `rate.orValue(1)` or `c ? 1 : 2.5`, a list of both, and a `let` "
        "that is an integer in one arm and a decimal in another, give an integer in some runs and a decimal in others. All "
        "other operators give the same result for both, but `/` cuts the quotient of two integers. What a division does must "
        "not depend on the data, so the flow has to say which one is meant."
    )
    bad = _charge('(order.country == "de" ? 1 : 2.5) / 2')
    good = _charge('(order.country == "de" ? 1.0 : 2.5) / 2')


# ---------------------------------------------------------------- functions and methods


class UnknownFunction(Diagnostic):
    """A function that there is not."""

    code = "FL0319"
    message = "there is no function `{name}`"
    label = "unknown function"
    note = "functions: {known}"
    explanation = (
        "Expressions have a fixed set of functions. Some operations are methods and are written behind a value: "
        "`x.contains(y)`, `x.startsWith(y)`, `items.map(item, ...)`. There is no clock and no randomness: time passes in "
        "`wait` and arrives in events."
    )
    bad = _case("length(order.items) > 10")
    good = _case("size(order.items) > 10")

    name: str
    known: str


class UnknownMethod(Diagnostic):
    """A method that there is not."""

    code = "FL0320"
    message = "there is no method `{name}`"
    label = "unknown method"
    note = "methods: {known}"
    explanation = (
        "Behind a value stand `contains startsWith endsWith size orValue` and the macros `all exists exists_one map filter`. "
        "Other operations are functions and are written around a value: `string(x)`, `sum(xs)`."
    )
    bad = _case('order.email.endswith(".org")')
    good = _case('order.email.endsWith(".org")')

    name: str
    known: str


class WrongCount(Diagnostic):
    """A function or method with too many or too few arguments."""

    code = "FL0321"
    message = "`{name}` takes {takes}, not {got}"
    explanation = (
        "Every function and method has a fixed number of arguments, except `sum`, `min` and `max`, which take one list or "
        "several values. A macro takes the name of a variable and what is asked or computed for each item."
    )
    bad = _case("order.items.exists(item.qty > 10)")
    good = _case("order.items.exists(item, item.qty > 10)")

    name: str
    takes: str
    got: str


class WrongArgument(Diagnostic):
    """An argument of a kind that a function or method does not take."""

    code = "FL0322"
    message = "`{name}` takes {takes}, not {got}"
    explanation = (
        "`size` counts the characters of a string, the items of a list and the keys of a map; `contains`, `startsWith` and "
        "`endsWith` are about strings; macros go through lists and the keys of maps; `sum` is for numbers, `min` "
        "and `max` for whatever has an order; conversions take what has a text or a number to convert."
    )
    bad = _case("size(order.total) > 3")
    good = _case("size(order.items) > 3")

    name: str
    takes: str
    got: str


class Unreadable(Diagnostic):
    """A conversion of a constant that always fails."""

    code = "FL0323"
    message = "{problem}"
    explanation = (
        "A conversion reads a string in one form only: durations are written `3d` or `1m30s`, timestamps are RFC 3339 with a "
        "time zone (`2026-01-03T00:00:00Z`), numbers are digits with an optional sign and fraction. This constant is in another "
        "form, so the conversion fails in every run."
    )
    bad = _case('timestamp("3 January 2026") < timestamp("2026-02-01T00:00:00Z")')
    good = _case('timestamp("2026-01-03T00:00:00Z") < timestamp("2026-02-01T00:00:00Z")')

    problem: str


class NoPath(Diagnostic):
    """`has` of something that is not a name or field, or a macro whose variable is not a name."""

    code = "FL0324"
    message = "`{name}` takes {takes}"
    explanation = (
        "`has` asks whether a name or field is there, so it takes one: `has(order.note)`. A macro declares its variable by its "
        "first argument, so that is a plain name: `items.all(item, item.qty > 0)`."
    )
    bad = _case("has(size(order.items))")
    good = _case("has(order.note)")

    name: str
    takes: str
