"""What `check` says about the point of no return, and about blocks that undo a scope."""

from __future__ import annotations

from flowlang.check.words.example import example
from flowlang.diagnostic import Diagnostic


class MisplacedCommit(Diagnostic):
    """`commit` inside a block."""

    code = "FL0421"
    message = "`commit` stands only in the flow's own body"
    note = "it ends the undoing of the whole run, not of one block"
    help = "put it before or behind the block; a part that commits for itself can be a flow of its own"
    explanation = (
        "`commit` is the point of no return of a run: from there on nothing is undone. In a branch, a case, a loop or a scope "
        "it would stand beside something that may still fail. It stands in the flow's own body, not inside another block."
    )
    bad = example("""
        step place = orders.place(order) { compensate orders.cancel(orderId: order.id) }
        fork {
          branch done { commit }
          step count = orders.count()
        } join all
        step tell = notifications.send(to: order.email, template: "thanks")
    """)
    good = example("""
        step place = orders.place(order) { compensate orders.cancel(orderId: order.id) }
        step count = orders.count()
        commit
        step tell = notifications.send(to: order.email, template: "thanks")
    """)


class CommitTwice(Diagnostic):
    """A second `commit`."""

    code = "FL0422"
    severity = "warning"
    message = "the flow has committed already"
    explanation = "After the first `commit` nothing is undone any more, so a second one does nothing."
    bad = example("""
        step place = orders.place(order) { compensate orders.cancel(orderId: order.id) }
        commit
        step tell = notifications.send(to: order.email, template: "thanks")
        commit
    """)
    good = example("""
        step place = orders.place(order) { compensate orders.cancel(orderId: order.id) }
        commit
        step tell = notifications.send(to: order.email, template: "thanks")
    """)


class FailsTooLate(Diagnostic):
    """What fails where no failure can go anywhere."""

    code = "FL0423"
    message = "{what} has nowhere to go here"
    note = "{why}"
    help = "put it into a scope with `{handler} -> ...`, or let it end in another way"
    explanation = (
        "After `commit`, and in the block that undoes a scope, nothing is undone. A step there is attempted again until it "
        "succeeds, and then an operator is asked. Whatever else can fail is refused: `fail`, a `repeat` that comes to its bound "
        "without `else`, `join any` and `join N`, the time limit of a scope, a flow that fails itself. A `catch` that begins "
        "there and takes the error makes it possible. What a flow that is run there holds counts as well."
    )
    bad = example("""
        step pay = payments.charge(orderId: order.id, amount: order.total) { compensate payments.refund(orderId: order.id) }
        commit
        switch {
          case pay.amount < order.total -> fail PaidTooLittle
          else -> {}
        }
    """)
    good = example("""
        step pay = payments.charge(orderId: order.id, amount: order.total) { compensate payments.refund(orderId: order.id) }
        switch {
          case pay.amount < order.total -> fail PaidTooLittle
          else -> {}
        }
        commit
    """)

    what: str
    why: str
    handler: str


class ChildCommits(Diagnostic):
    """A step that runs a flow with a `commit`."""

    code = "FL0424"
    message = "`flow.{flow}` commits, so `{step}` cannot be undone by undoing its parts"
    help = "add `compensate service.operation(...)`, or run it behind a `commit` of this flow"
    explanation = (
        "A flow that runs as a step is undone by undoing its steps, until it has committed. When something fails behind it in "
        "the flow that runs it, that step needs a compensation of its own, which undoes the flow as a whole; or it stands "
        "behind a `commit`, where nothing is undone."
    )
    bad = example("""
        step paid = flow.payment(orderId: order.id, amount: order.total)
        step ship = shipping.arrange(orderId: order.id, to: order.address)
    """)
    good = example("""
        step paid = flow.payment(orderId: order.id, amount: order.total) { compensate payments.refund(orderId: order.id) }
        step ship = shipping.arrange(orderId: order.id, to: order.address)
    """)

    flow: str
    step: str


class IdleInUndo(Diagnostic):
    """A clause that means nothing for a step that undoes."""

    code = "FL0425"
    message = "`{clause}` means nothing in a block that undoes a scope"
    note = "{why}"
    explanation = (
        "The steps in the `compensate` block of a scope are what undoes it. They are repeated under one key until they "
        "succeed, or an operator helps; they are never undone themselves."
    )
    bad = example("""
        scope purchase {
          step pay = payments.charge(orderId: order.id, amount: order.total) { compensate payments.refund(orderId: order.id) }
        } compensate {
          step back = payments.refund(orderId: order.id) { compensate none }
        }
        step ship = shipping.arrange(orderId: order.id, to: order.address)
    """)
    good = example("""
        scope purchase {
          step pay = payments.charge(orderId: order.id, amount: order.total) { compensate payments.refund(orderId: order.id) }
        } compensate {
          step back = payments.refund(orderId: order.id)
        }
        step ship = shipping.arrange(orderId: order.id, to: order.address)
    """)

    clause: str
    why: str


class NotInUndo(Diagnostic):
    """A block that undoes does what may never end."""

    code = "FL0426"
    message = "a block that undoes a scope cannot {what}"
    note = "{why}"
    explanation = (
        "The `compensate` block of a scope runs when the scope is undone, and whatever is undone before it waits for its end. "
        "It may call services, one after another, in branches, cases and loops, and wait for a time; it cannot wait for events "
        "or react to them, be interrupted, or commit."
    )
    bad = example("""
        scope purchase {
          step pay = payments.charge(orderId: order.id, amount: order.total) { compensate payments.refund(orderId: order.id) }
        } compensate {
          wait for event "order.done" as done where done.id == order.id at orders forever
          step back = payments.refund(orderId: order.id)
        }
        step place = orders.place(order)
    """)
    good = example("""
        scope purchase {
          step pay = payments.charge(orderId: order.id, amount: order.total) { compensate payments.refund(orderId: order.id) }
        } compensate {
          wait 1h
          step back = payments.refund(orderId: order.id)
        }
        step place = orders.place(order)
    """)

    what: str
    why: str
