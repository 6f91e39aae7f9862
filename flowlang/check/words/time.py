"""What `check` says about waits, limits and retries."""

from __future__ import annotations

from flowlang.check.words.example import example
from flowlang.diagnostic import Diagnostic


class NoLimit(Diagnostic):
    """A wait or a race that says neither how long nor `forever`."""

    code = "FL0501"
    message = "this {what} has no limit"
    help = "{how}"
    explanation = (
        "An event may never come. A wait therefore says what happens then, `within 3d else ...`, a race has an alternative "
        "`after 3d -> ...`; or they say out loud that there is no limit, `forever`."
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

    what: str
    how: str


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
    """A wait, alternative or handler that does not say which of the events is meant."""

    code = "FL0505"
    message = "this {kind} does not say which `{type}` is meant"
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

    kind: str
    type: str
    how: str


class NeverJoined(Diagnostic):
    """`join N` with fewer branches than that."""

    code = "FL0506"
    message = "`join {need}` waits for more branches than there are"
    label = "the fork has {count}"
    explanation = "`join N` goes on when N branches are ok. A fork with fewer branches would never go on."
    bad = example("""
        fork {
          step count = orders.count()
          step review = risk.review(orderId: order.id)
        } join 3
    """)
    good = example("""
        fork {
          step count = orders.count()
          step review = risk.review(orderId: order.id)
        } join 1
    """)

    need: int
    count: int


class JoinOfAll(Diagnostic):
    """`join N` with exactly that many branches."""

    code = "FL0507"
    severity = "hint"
    message = "`join {need}` of {need} branches is `join all`"
    explanation = (
        "`join N` goes on when N branches are ok, and takes the others back. When there are no others, `join all` says what "
        "is meant, and its branches' names are there afterwards."
    )
    bad = example("""
        fork {
          step count = orders.count()
          step review = risk.review(orderId: order.id)
        } join 2
    """)
    good = example("""
        fork {
          step count = orders.count()
          step review = risk.review(orderId: order.id)
        } join all
    """)

    need: int


class SiblingWaits(Diagnostic):
    """A branch that may wait for long beside one that can fail."""

    code = "FL0508"
    severity = "hint"
    message = "the run may wait here although a sibling has failed"
    help = "`join all or cancel` turns this branch back when a sibling fails"
    explanation = (
        "With `join all` every branch runs to its own end, also when a sibling has failed; only then the others are undone. A "
        "branch that waits for an event or a time keeps the failure back for as long. `join all or cancel` turns it back at "
        "once."
    )
    bad = example("""
        fork {
          wait 3d
          step review = risk.review(orderId: order.id)
        } join all
    """)
    good = example("""
        fork {
          wait 3d
          step review = risk.review(orderId: order.id)
        } join all or cancel
    """)


class RetryOfFlow(Diagnostic):
    """`retry` or `timeout` on a step that runs a flow."""

    code = "FL0509"
    message = "a step that runs a flow has no `{clause}` of its own"
    help = "{how}"
    explanation = (
        "The steps of a flow have attempts and time limits, one each; the flow as a whole is not a call that could be sent "
        "again. A scope around the step can: `retry` runs it anew when it is undone, `within` interrupts it."
    )
    bad = example("step ship = flow.delivery(orderId: order.id, to: order.address) { retry 3 }")
    good = example("""
        scope transport {
          step ship = flow.delivery(orderId: order.id, to: order.address)
        } retry 3
    """)

    clause: str
    how: str
