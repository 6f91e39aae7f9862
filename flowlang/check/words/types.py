"""What `check` says where a value, an argument or an output does not fit what the contracts ask for."""

from __future__ import annotations

from flowlang.check.words.example import example
from flowlang.diagnostic import Diagnostic


class MissingArgument(Diagnostic):
    """A required field of an input or of an event's data is not given."""

    code = "FL0341"
    message = "{what} needs `{field}`"
    explanation = (
        "The contract lists the required fields of an operation's input and of an event's data. All of them have to be given; "
        "optional ones may be left out."
    )
    bad = example("step pay = payments.charge(orderId: order.id)")
    good = example("step pay = payments.charge(orderId: order.id, amount: order.total)")

    what: str
    field: str


class UnknownArgument(Diagnostic):
    """A field is given that the contract does not know."""

    code = "FL0342"
    message = "{what} takes no `{field}`"
    note = "what it takes: {known}"
    explanation = (
        "The contract lists the fields of an operation's input and of an event's data. A field that is not among them would "
        "be dropped or refused at run time: it is misspelt, or the contract does not have it yet."
    )
    bad = example("step pay = payments.charge(orderId: order.id, ammount: order.total)")
    good = example("step pay = payments.charge(orderId: order.id, amount: order.total)")

    what: str
    field: str
    known: str


class WrongType(Diagnostic):
    """A value of another type than its place asks for."""

    code = "FL0343"
    message = "{what} does not fit: {problem}"
    explanation = (
        "Each place of a flow asks for a type: guards, `where` and `until` are true or false, `within`, `after`, `every` and "
        "`wait` take durations, `wait until` a timestamp and `for each` a list, `key` is a string or a number, the message of "
        "`fail` is a string, `next` keeps the type of what it follows, and arguments, event data and `return` follow the "
        "contracts."
    )
    bad = example("step pay = payments.charge(orderId: order.total, amount: order.total)")
    good = example("step pay = payments.charge(orderId: order.id, amount: order.total)")

    what: str
    problem: str


class OptionalGiven(Diagnostic):
    """A value that may be absent is given where one is needed."""

    code = "FL0344"
    message = "{what} may be absent, and {place} needs it"
    help = "test it with `has`, or give a replacement: {replaced}"
    explanation = (
        "An optional field, and a name that only some of the paths to here define, may be absent. A guard such as `has(x)` in "
        "a case makes it present inside; `.orValue(...)` gives a replacement. An optional argument takes it as it is."
    )
    bad = example("step tell = notifications.send(to: order.email, template: order.note)")
    good = example('step tell = notifications.send(to: order.email, template: order.?note.orValue("thanks"))')

    what: str
    place: str
    replaced: str


class NoInput(Diagnostic):
    """Arguments for an operation that takes none, or none for one that needs its whole input."""

    code = "FL0345"
    message = "`{operation}` {fact}"
    explanation = (
        "An operation whose contract has no `input` is called with empty parentheses. One whose input is no record takes one "
        "positional value."
    )
    bad = example("step count = orders.count(order)")
    good = example("step count = orders.count()")

    operation: str
    fact: str


class NotCovered(Diagnostic):
    """A switch without `else` that leaves something open."""

    code = "FL0346"
    message = "this switch does not say what happens {when}"
    help = "add a case, or `else -> {{}}` when nothing is to be done"
    explanation = (
        "A switch takes the first case that is true, and needs an `else` for the rest. It may be left out where the cases name "
        "every value of an enum."
    )
    bad = example("""
        switch order.country {
          case "de" -> step place = orders.place(order)
          case "fr" -> fail Customs
        }
    """)
    good = example("""
        switch order.country {
          case "de" -> step place = orders.place(order)
          case "fr", "uk" -> fail Customs
        }
    """)

    when: str


class LetOfTwoTypes(Diagnostic):
    """A repeated `let` whose types differ."""

    code = "FL0347"
    message = "`{name}` is {here} here and {there} elsewhere"
    explanation = (
        "A `let` may be repeated in arms that exclude each other, so that the name is there afterwards whichever arm ran. It "
        "needs one type in all of them."
    )
    bad = example("""
        switch {
          case order.total > 100 -> let rank = 1
          else -> let rank = "low"
        }
        step tell = notifications.send(to: order.email, template: string(rank))
    """)
    good = example("""
        switch {
          case order.total > 100 -> let rank = 1
          else -> let rank = 2
        }
        step tell = notifications.send(to: order.email, template: string(rank))
    """)

    name: str
    here: str
    there: str


class NoReturn(Diagnostic):
    """A path of a flow with an output that ends without `return`."""

    code = "FL0351"
    message = "the flow ends without its output"
    label = "{type} is promised here"
    help = "end every path that completes with `return`"
    explanation = (
        "A flow with `-> Type` gives a value of that type whenever it completes. Every path to its end needs a `return`; paths "
        "that end in `fail` do not."
    )
    bad = example("step place = orders.place(order)", "example(order: Order) -> Receipt")
    good = example(
        """
        step place = orders.place(order)
        return { orderId: order.id }
        """,
        "example(order: Order) -> Receipt",
    )

    type: str


class NoOutput(Diagnostic):
    """`return` in a flow without an output."""

    code = "FL0352"
    message = "this flow has no output, yet it returns a value"
    help = "name the type of the output after the parameters: `flow {flow}(...) -> Type`"
    explanation = (
        "What a flow returns is part of its signature. A flow without `->` ends by itself and returns nothing."
    )
    bad = example("""
        step place = orders.place(order)
        return { orderId: place.id }
    """)
    good = example(
        """
        step place = orders.place(order)
        return { orderId: place.id }
        """,
        "example(order: Order) -> Receipt",
    )

    flow: str


class MisplacedReturn(Diagnostic):
    """`return` inside a fork or a loop, or in the body of a scope."""

    code = "FL0353"
    message = "`return` cannot stand {where}"
    note = "{why}"
    explanation = (
        "`return` ends the whole flow. It may stand at the end of the flow, and in cases, handlers, alternatives and an "
        "`else`, where the rest of the flow is understood to move into the other arm. Branches of a fork run together, so one "
        "of them cannot end the flow for the others; and a loop and the body of a scope have ends of their own."
    )
    bad = example(
        """
        fork {
          step review = risk.review(orderId: order.id)
          branch out { return { orderId: order.id } }
        } join all
        """,
        "example(order: Order) -> Receipt",
    )
    good = example(
        """
        step review = risk.review(orderId: order.id)
        return { orderId: order.id }
        """,
        "example(order: Order) -> Receipt",
    )

    where: str
    why: str


class ManyReturns(Diagnostic):
    """More places that return than a flow can have."""

    code = "FL0355"
    message = "this flow returns in more than {limit} places"
    help = "name the output with a `let` in each case, and return it once after them"
    explanation = (
        "After a `return` in a case the rest of the flow is understood to stand in the other cases, so each early return "
        "nests the rest one level deeper. A flow that returns in very many places can't be followed by its readers either."
    )
    bad = example(
        "step review = risk.review(orderId: order.id)\nswitch {\n"
        + "\n".join(f"  case order.total == {n} -> return {{ orderId: order.id }}" for n in range(51))
        + "\n  else -> {}\n}\nreturn { orderId: order.id }",
        "example(order: Order) -> Receipt",
    )
    good = example(
        """
        step review = risk.review(orderId: order.id)
        switch {
          case order.total > 1000 -> let id = order.id + "-large"
          else -> let id = order.id
        }
        return { orderId: id }
        """,
        "example(order: Order) -> Receipt",
    )

    limit: int


class StartAndParameters(Diagnostic):
    """A flow that starts by an event and has parameters too."""

    code = "FL0354"
    message = "a flow that starts by an event has no parameters"
    help = "give `{event}` a name with `as`, and take what you need from it"
    explanation = (
        "A flow is started by a caller who gives the parameters, or by an event whose data is the input. It cannot be both: "
        "nobody would give the parameters when the event arrives."
    )
    bad = example(
        """
        on event "order.placed" as placed
        step tell = notifications.send(to: placed.email, template: "thanks")
        """,
        "example(order: Order)",
    )
    good = example(
        """
        on event "order.placed" as placed
        step tell = notifications.send(to: placed.email, template: "thanks")
        """,
        "example()",
    )

    event: str


class YieldOfTwoTypes(Diagnostic):
    """A loop that yields values of two kinds."""

    code = "FL0356"
    message = "this yields {here}, and the loop yields {there} elsewhere"
    explanation = (
        "The list that `as` names has one type of items. All that the ways through the loop yield must have something in "
        "common: two records are one with the fields that both have, an integer and a decimal are a decimal."
    )
    bad = example("""
        for each item in order.items as sizes {
          switch {
            case item.qty > 1 -> yield item.qty
            else -> yield item.sku
          }
        }
        step tell = notifications.send(to: order.email, template: string(size(sizes)))
    """)
    good = example("""
        for each item in order.items as sizes {
          switch {
            case item.qty > 1 -> yield item.qty
            else -> yield 1
          }
        }
        step tell = notifications.send(to: order.email, template: string(sum(sizes)))
    """)

    here: str
    there: str
