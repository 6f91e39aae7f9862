"""What `check` says about waits, limits and retries."""

from __future__ import annotations

from flowlang.check.words.example import example
from flowlang.diagnostic import Diagnostic


class NoLimit(Diagnostic):
    """A wait that says neither how long nor `forever`."""

    code = "FL0501"
    message = "this wait has no limit"
    help = "add `within 3d else fail TooLate`, or `forever` to say that there is none"
    explanation = (
        "An event may never come. A wait therefore says what happens then, `within 3d else ...`, or says out loud that there is "
        "no limit, `forever`."
    )
    bad = example("""
        step place = orders.place(order) { compensate orders.cancel(orderId: order.id) }
        wait for event "order.done" as done where done.id == order.id
        step count = orders.count()
    """)
    good = example("""
        step place = orders.place(order) { compensate orders.cancel(orderId: order.id) }
        wait for event "order.done" as done where done.id == order.id within 3d else fail TooLate
        step count = orders.count()
    """)


class NoTime(Diagnostic):
    """A time of nothing, or less."""

    code = "FL0502"
    message = "{what} of {time} leaves no time at all"
    explanation = "A limit that is zero or negative is over before anything can happen."
    bad = example("step place = orders.place(order) { timeout 0s }")
    good = example("step place = orders.place(order) { timeout 10s }")

    what: str
    time: str


class BackoffReversed(Diagnostic):
    """A back-off whose least is above its most."""

    code = "FL0503"
    message = "the back-off begins above its end"
    help = "write the shortest pause first: `backoff {most}..{least}`"
    explanation = (
        "`backoff 1s..30s` doubles the pause from the first time up to the second. The first has to be the shorter one."
    )
    bad = example("step place = orders.place(order) { retry 3 backoff 30s..1s }")
    good = example("step place = orders.place(order) { retry 3 backoff 1s..30s }")

    least: str
    most: str


class NeverRetried(Diagnostic):
    """`retry` on an operation that is never sent again."""

    code = "FL0504"
    severity = "warning"
    message = "`{operation}` is never sent again, so `retry` has no effect"
    note = "the contract of `{operation}` says `idempotent: false`"
    explanation = (
        "After a lost answer nobody knows whether the operation took effect. One with `idempotent: false` would take effect "
        "twice, so it is never sent again, whatever the flow says."
    )
    bad = example("step ring = notifications.call(to: order.email) { retry 3 }")
    good = example("step ring = notifications.call(to: order.email)")

    operation: str


class NoCorrelation(Diagnostic):
    """A wait that does not say which of the events is meant."""

    code = "FL0505"
    message = "this wait does not say which `{type}` is meant"
    help = "{how}"
    explanation = (
        "Many runs may wait for one type of event. `where` needs one condition of the form `event.field == value`, joined to "
        "others by `&&`, so that an arriving event finds its run at once and an early one is kept under that value. Without "
        "`where`, the subject of the event must be the run's `key`, so the flow needs a `key`."
    )
    bad = example("""
        step place = orders.place(order) { compensate orders.cancel(orderId: order.id) }
        wait for event "order.done" as done where done.id != order.id within 3d else fail TooLate
        step count = orders.count()
    """)
    good = example("""
        step place = orders.place(order) { compensate orders.cancel(orderId: order.id) }
        wait for event "order.done" as done where done.id == order.id within 3d else fail TooLate
        step count = orders.count()
    """)

    type: str
    how: str
