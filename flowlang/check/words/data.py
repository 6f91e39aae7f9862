"""What `check` says about values that are not there, and about statements that nothing reaches."""

from __future__ import annotations

from flowlang.check.words.example import example
from flowlang.diagnostic import Diagnostic


class UsedBefore(Diagnostic):
    """A value is read above the place that defines it."""

    code = "FL0241"
    message = "`{name}` is read before it is there"
    explanation = (
        "A name can be read by what comes after its definition. A step's own arguments and retries stand before its result; "
        "only its compensation stands after it."
    )
    bad = example("""
        step tell = notifications.delay(to: order.email, eta: stock.eta) { compensate none }
        step stock = inventory.reserve(orderId: order.id, items: order.items)
    """)
    good = example("""
        step stock = inventory.reserve(orderId: order.id, items: order.items) { compensate none }
        step tell = notifications.delay(to: order.email, eta: stock.eta)
    """)

    name: str


class NotVisible(Diagnostic):
    """A value is read where it is defined somewhere above, yet never on the way to here."""

    code = "FL0242"
    message = "`{name}` cannot be seen from here"
    note = "{why}"
    explanation = (
        "Branches of a fork run at the same time, so none sees what a sibling defines. A handler runs when the body of its "
        "scope is wholly gone, so it sees nothing of the body. The `else` of a wait runs because the event did not come. "
        "Cases of a switch and alternatives of a race exclude each other. What the body of a `for each`, a handler that runs "
        "alongside or a block that undoes names is not there outside of it."
    )
    bad = example("""
        fork {
          step stock = inventory.reserve(orderId: order.id, items: order.items) { compensate none }
          step tell = notifications.delay(to: order.email, eta: stock.eta) { compensate none }
        } join all
    """)
    good = example("""
        step stock = inventory.reserve(orderId: order.id, items: order.items) { compensate none }
        step tell = notifications.delay(to: order.email, eta: stock.eta) { compensate none }
    """)

    name: str
    why: str


class Unreachable(Diagnostic):
    """A statement after a `fail`, a `return` or a block that always ends in one."""

    code = "FL0243"
    message = "nothing gets to this statement"
    explanation = (
        "`fail` and `return` end the path that they stand on. What follows them in the same block, or follows a block of which "
        "every path ends so, can never run; nor does what follows a race with `forever` of which every alternative ends so."
    )
    bad = example("""
        fail Closed
        step place = orders.place(order)
    """)
    good = example("""
        switch {
          case order.total > 1000 -> fail TooMuch
          else -> {}
        }
        step place = orders.place(order)
    """)


class DeadCase(Diagnostic):
    """A case that an earlier one always takes."""

    code = "FL0244"
    severity = "warning"
    message = "an earlier case takes this already"
    explanation = (
        "A switch takes the first case that is true. A value or a guard is idle when an earlier case has it too, or is always "
        "true: the body behind it never runs."
    )
    bad = example("""
        switch order.country {
          case "de", "fr" -> step place = orders.place(order)
          case "fr" -> step tell = notifications.send(to: order.email, template: "customs")
          else -> {}
        }
    """)
    good = example("""
        switch order.country {
          case "de", "fr" -> step place = orders.place(order)
          case "uk" -> step tell = notifications.send(to: order.email, template: "customs")
        }
    """)


class DeadCatch(Diagnostic):
    """An error that an earlier handler always takes."""

    code = "FL0245"
    severity = "warning"
    message = "an earlier handler takes this already"
    explanation = (
        "The handlers of a scope are asked from top to bottom, and the first that takes the error runs. Order matters here and "
        "nowhere else: put the special errors first and `catch as e` last."
    )
    bad = example("""
        scope purchase {
          step pay = payments.charge(orderId: order.id, amount: order.total) { compensate none }
        } catch as e -> {}
          catch Declined -> step tell = notifications.send(to: order.email, template: "declined")
    """)
    good = example("""
        scope purchase {
          step pay = payments.charge(orderId: order.id, amount: order.total) { compensate none }
        } catch Declined -> step tell = notifications.send(to: order.email, template: "declined")
          catch as e -> {}
    """)
