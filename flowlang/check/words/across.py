"""What `check` says about several flows together: who publishes what, and who starts whom."""

from __future__ import annotations

from flowlang.check.words.example import example
from flowlang.diagnostic import Diagnostic


class TwoPublishers(Diagnostic):
    """Two flows emit events of one type."""

    code = "FL0510"
    severity = "warning"
    message = "two flows publish `{type}`"
    label = "also published by the flow `{other}`"
    help = "give the events different types, or let one flow run the other"
    explanation = (
        "Who waits for an event of this type cannot tell which of the flows it comes from, and a change of one flow changes "
        "what the listeners of the other hear. One type of event has one meaning where one flow publishes it."
    )

    bad = example(
        """
        step place = orders.place(order)
        emit "order.done" { id: order.id }
        """,
        flows=True,
    )
    good = example(
        """
        step place = orders.place(order)
        """,
        flows=True,
    )

    type: str
    other: str


class EventCycle(Diagnostic):
    """A flow whose events start it again."""

    code = "FL0511"
    severity = "warning"
    message = "this event starts {what}"
    note = "{way}"
    help = "let `where` in the header of the flow stop the circle, or emit another type of event"
    explanation = (
        "A flow with `on event` in its header starts for each such event. When it emits that event itself, or emits one that "
        "starts a flow that does, each run starts another one, without end."
    )
    bad = example(
        """
        on event "order.placed" as placed
        owner notifications
        step tell = notifications.send(to: placed.email, template: "thanks")
        emit "order.placed" {
          id: placed.id, total: placed.total, items: placed.items,
          address: placed.address, email: placed.email, country: placed.country,
        }
        """,
        "example()",
    )
    good = example(
        """
        on event "order.placed" as placed
        owner notifications
        step tell = notifications.send(to: placed.email, template: "thanks")
        emit "order.done" { id: placed.id }
        """,
        "example()",
    )

    what: str
    way: str
