"""What `check` says about decisions and waits that no service can take: errors in choreography, warnings before."""

from __future__ import annotations

from flowlang.check.words.example import example
from flowlang.diagnostic import Diagnostic


class CannotHear(Diagnostic):
    """The service that would wait cannot observe the event."""

    code = "FL0601"
    choreography_only = True
    message = "`{service}` would listen here, and cannot observe `{type}`"
    label = "published by `{publisher}`"
    note = "{why}"
    help = "{fix}list the event under `hears` in the contract of `{service}`"
    explanation = (
        "In a choreography one service owns each wait, each race and each scope that reacts to events: the one that `at` "
        "names, otherwise the next one in the flow. It must be able to observe the event: it publishes the event itself, or "
        "lists it under `hears` in its contract."
    )
    bad = example("""
        step place = orders.place(order) { compensate orders.cancel(orderId: order.id) }
        wait for event "order.done" as done where done.id == order.id within 3d else fail TooLate
        step tell = notifications.send(to: order.email, template: "done")
    """)
    good = example("""
        step place = orders.place(order) { compensate orders.cancel(orderId: order.id) }
        wait for event "order.done" as done where done.id == order.id at orders within 3d else fail TooLate
        step tell = notifications.send(to: order.email, template: "done")
    """)

    service: str
    type: str
    publisher: str
    why: str
    fix: str


class CannotStart(Diagnostic):
    """The run's owner cannot observe the event that starts it."""

    code = "FL0602"
    choreography_only = True
    message = "`{service}` starts the run, and cannot observe `{type}`"
    label = "published by `{publisher}`"
    note = "{why}"
    help = "name an `owner` that can, or list the event under `hears` in the contract of `{service}`"
    explanation = (
        "In a choreography the owner of the run hears the event that starts it: the service that `owner` names, otherwise the "
        "one of the first step. It must publish the event itself or list it under `hears` in its contract."
    )
    bad = example(
        """
        on event "order.placed" as placed
        step review = risk.review(orderId: placed.id)
        step tell = notifications.send(to: placed.email, template: "thanks")
        """,
        "example()",
    )
    good = example(
        """
        on event "order.placed" as placed
        owner notifications
        step review = risk.review(orderId: placed.id)
        step tell = notifications.send(to: placed.email, template: "thanks")
        """,
        "example()",
    )

    service: str
    type: str
    publisher: str
    why: str


class TwoWaiters(Diagnostic):
    """Two waits for one type of event at different services."""

    code = "FL0603"
    choreography_only = True
    message = "`{type}` is awaited by `{here}` here and by `{there}` elsewhere"
    help = "let one service own both: `at {there}`"
    explanation = (
        "An event satisfies one wait of a run. Which one is a decision, and a decision has one owner; so all waits, races and "
        "handlers of a flow for one type of event belong to one service: the one that `at` names, otherwise the next one after "
        "the first of them."
    )
    bad = example("""
        step place = orders.place(order) { compensate orders.cancel(orderId: order.id) }
        wait for event "delivery.confirmed" as first where first.shipmentId == order.id at orders
          within 3d else fail TooLate
        wait for event "delivery.confirmed" as second where second.shipmentId == order.id at notifications
          within 3d else fail TooLate
        step tell = notifications.send(to: order.email, template: "done")
    """)
    good = example("""
        step place = orders.place(order) { compensate orders.cancel(orderId: order.id) }
        wait for event "delivery.confirmed" as first where first.shipmentId == order.id at orders
          within 3d else fail TooLate
        wait for event "delivery.confirmed" as second where second.shipmentId == order.id
          within 3d else fail TooLate
        step tell = notifications.send(to: order.email, template: "done")
    """)

    type: str
    here: str
    there: str


class NobodyDecides(Diagnostic):
    """A flow in which no service takes part."""

    code = "FL0604"
    choreography_only = True
    message = "no service takes part in this flow, so nobody can run it"
    help = "name one that does: a step, or an `emit`"
    explanation = (
        "In a choreography there is no engine besides the services. The run needs an owner that starts it, decides and answers "
        "for it: the service that `owner` names, otherwise the one of the first step or of an `emit`."
    )
    bad = example("""
        switch {
          case order.total > 1000 -> fail TooMuch
          else -> {}
        }
    """)
    good = example("""
        switch {
          case order.total > 1000 -> fail TooMuch
          else -> {}
        }
        step place = orders.place(order)
    """)


class NobodyHears(Diagnostic):
    """No service of the flow can observe the event."""

    code = "FL0605"
    choreography_only = True
    message = "no service of this flow can observe `{type}`"
    label = "published by `{publisher}`"
    note = "services that take part: {known}"
    help = "list the event under `hears` in the contract of `{service}`, which would listen here"
    explanation = (
        "In a choreography one service owns each wait, each race and each scope that reacts to events. It has to take part in "
        "the flow, and to observe the event: it publishes it, or lists it under `hears` in its contract. Here no service that "
        "takes part does."
    )
    bad = example("""
        step count = orders.count()
        wait for event "stock.arrived" as stock where stock.reservationId == order.id within 3d else fail TooLate
        step place = orders.place(order)
    """)
    good = example("""
        step count = orders.count()
        wait for event "delivery.confirmed" as there where there.shipmentId == order.id within 3d else fail TooLate
        step place = orders.place(order)
    """)

    service: str
    type: str
    publisher: str
    known: str


class PersonalTravels(Diagnostic):
    """Personal fields of a value travel through services that have no use for them."""

    code = "FL0606"
    severity = "warning"
    message = "`{name}` takes personal data to services that do not use it"
    note = "{fields}"
    help = (
        "let others read a value without it, such as the answer of another operation;\n"
        "`flowlang plan --data` shows who sees what"
    )
    explanation = (
        "In a choreography an event carries the values that later steps need, whole, through every service on the way. A field "
        "that a contract marks with `x-pii: true` is personal, and a service that sees it without using it is one more place "
        "from which it can get lost. Under one engine only the engine sees what is not given to a service, so this is "
        "said under `--mode choreograph` only."
    )
    bad = example("""
        step pay = payments.charge(orderId: order.id, amount: order.total) { compensate payments.refund(orderId: order.id) }
        step count = orders.count()
        step tell = notifications.send(to: order.email, template: pay.paymentId) { compensate none }
        step ship = shipping.arrange(orderId: order.id, to: order.address) { compensate none }
    """)
    good = example("""
        step pay = payments.charge(orderId: order.id, amount: order.total) { compensate payments.refund(orderId: order.id) }
        step count = orders.count()
        step tell = notifications.send(to: order.email, template: "paid") { compensate none }
        step ship = shipping.arrange(orderId: order.id, to: order.address) { compensate none }
    """)

    name: str
    fields: str
