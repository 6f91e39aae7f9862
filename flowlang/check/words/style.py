"""What `check` says about what is idle: unused names, and comments that accept findings."""

from __future__ import annotations

from flowlang.check.words.example import example
from flowlang.diagnostic import Diagnostic


class UnusedLet(Diagnostic):
    """A `let` that nothing reads."""

    code = "FL0911"
    severity = "warning"
    message = "nothing reads `{name}`"
    explanation = "A `let` only names a value; when nothing reads the name, the statement does nothing."
    bad = example("""
        let large = order.total > 100
        step place = orders.place(order)
    """)
    good = example("""
        let large = order.total > 100
        switch {
          case large -> step review = risk.review(orderId: order.id)
          else -> {}
        }
        step place = orders.place(order)
    """)

    name: str


class AllowWithoutReason(Diagnostic):
    """An allow comment that does not say why."""

    code = "FL0912"
    severity = "warning"
    message = "this comment accepts `{accepted}` without a reason"
    help = "say why after two dashes: `# flowlang: allow {accepted} -- the bank undoes it by itself`"
    explanation = (
        "`# flowlang: allow CODE -- reason` accepts one warning on its own line or on the next one. The reason is for whoever "
        "reads the flow later."
    )
    bad = example("""
        let large = order.total > 100  # flowlang: allow FL0911
        step place = orders.place(order)
    """)
    good = example("""
        # flowlang: allow FL0911 -- kept for the next version
        let large = order.total > 100
        step place = orders.place(order)
    """)

    accepted: str


class AllowOfNothing(Diagnostic):
    """An allow comment that matches no finding."""

    code = "FL0913"
    severity = "warning"
    message = "there is no `{accepted}` to accept here"
    note = "{why}"
    explanation = (
        "`# flowlang: allow CODE -- reason` accepts one warning on its own line or on the next one. Errors cannot be accepted, "
        "and neither can a finding of choreography under `--mode choreograph`. A comment that accepts nothing is left over."
    )
    bad = example("""
        # flowlang: allow FL0911 -- kept for the next version
        step place = orders.place(order)
    """)
    good = example("step place = orders.place(order)")

    accepted: str
    why: str


class AllowUnclear(Diagnostic):
    """A comment for the tool that it does not understand."""

    code = "FL0914"
    severity = "warning"
    message = "this comment is for flowlang, and not understood"
    help = "write `# flowlang: allow FL0401 -- reason`"
    explanation = (
        "A comment that begins with `# flowlang:` speaks to the tool. There is one form, `# flowlang: allow CODE -- reason`, "
        "which accepts one warning."
    )
    bad = example("""
        # flowlang: ignore FL0911
        step place = orders.place(order)
    """)
    good = example("step place = orders.place(order)")
