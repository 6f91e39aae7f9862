"""What `check` says about undoing: effects that stay, and compensations that cannot do their work."""

from __future__ import annotations

from flowlang.check.words.example import example
from flowlang.diagnostic import Diagnostic


class NothingUndoes(Diagnostic):
    """A step with an effect that stays when something later fails."""

    code = "FL0401"
    severity = "warning"
    message = "nothing undoes `{step}` when a later part fails"
    label = "has an effect"
    help = (
        "add `compensate service.operation(...)`, or `compensate none` to accept it;\n"
        "if `{operation}` only reads, its contract should say `effect: none`"
    )
    explanation = (
        "When a flow fails, the steps that were ok are undone by their compensations. This step has none, and something after "
        "it, or beside it in a fork, can still fail; then its effect stays although the flow says that all was undone. Every "
        "step can fail, since every call can time out. The last step of a flow needs no compensation, and neither does an "
        "operation with `effect: none`."
    )
    bad = example("""
        step pay = payments.charge(orderId: order.id, amount: order.total)
        step ship = shipping.arrange(orderId: order.id, to: order.address)
    """)
    good = example("""
        step pay = payments.charge(orderId: order.id, amount: order.total) {
          compensate payments.refund(orderId: order.id)
        }
        step ship = shipping.arrange(orderId: order.id, to: order.address)
    """)

    step: str
    operation: str


class UndoReadsAbsent(Diagnostic):
    """A compensation that reads what may not exist."""

    code = "FL0402"
    message = "this compensation reads {what}, which may be absent"
    note = "a compensation that cannot be called leaves the run stuck"
    help = "test it with `has`, give a replacement, or undo by something that is always known"
    explanation = (
        "The arguments of a compensation are evaluated when its step ended. If one of them is absent then, the compensation "
        "cannot be called, and the run waits for an operator when it is needed."
    )
    bad = example("""
        step ship = shipping.arrange(orderId: order.id, to: order.address) {
          compensate shipping.redirect(orderId: order.id, to: order.note)
        }
    """)
    good = example("""
        step ship = shipping.arrange(orderId: order.id, to: order.address) {
          compensate shipping.cancel(orderId: order.id)
        }
    """)

    what: str


class UndoReadsOwnResult(Diagnostic):
    """A compensation that reads the result of its own step."""

    code = "FL0403"
    severity = "warning"
    message = "this compensation needs the result of `{step}`, which can be unknown"
    note = "after a `Timeout`, `Unavailable` or `InvalidOutput` nobody knows the result; the run would be stuck"
    help = "undo by what was known before the call, such as the arguments of the step"
    explanation = (
        "When the last attempt of a step ends in `Timeout`, `Unavailable` or `InvalidOutput`, its effect may have happened and "
        "its result is not known. Its compensation runs to be safe. A compensation that reads the result cannot be called "
        "then, and the run waits for an operator. Every call can time out, so this is said of every such compensation; the "
        "compensating service also gets the idempotency key of the step that it undoes."
    )
    bad = example("""
        step pay = payments.charge(orderId: order.id, amount: order.total) {
          compensate payments.void(paymentId: pay.paymentId)
        }
    """)
    good = example("""
        step pay = payments.charge(orderId: order.id, amount: order.total) {
          compensate payments.refund(orderId: order.id)
        }
    """)

    step: str


class NothingToUndo(Diagnostic):
    """A compensation of a step that has no effect."""

    code = "FL0404"
    severity = "warning"
    message = "`{step}` has no effect, so there is nothing to undo"
    note = "the contract of `{operation}` says `effect: none`"
    explanation = (
        "An operation with `effect: none` changes nothing. A compensation of such a step would be called for nothing each time "
        "the flow fails."
    )
    bad = example("""
        step review = risk.review(orderId: order.id) {
          compensate orders.cancel(orderId: order.id)
        }
    """)
    good = example("step review = risk.review(orderId: order.id)")

    step: str
    operation: str


class UndoWithoutEffect(Diagnostic):
    """A compensating operation that changes nothing."""

    code = "FL0405"
    severity = "warning"
    message = "`{operation}` has no effect, so it undoes nothing"
    note = "the contract of `{operation}` says `effect: none`"
    explanation = "A compensation has to change something to undo a step. An operation with `effect: none` cannot."
    bad = example("""
        step place = orders.place(order) {
          compensate orders.count()
        }
    """)
    good = example("""
        step place = orders.place(order) {
          compensate orders.cancel(orderId: order.id)
        }
    """)

    operation: str


class UndoNotRepeatable(Diagnostic):
    """A compensating operation that is never sent again."""

    code = "FL0406"
    severity = "warning"
    message = "`{operation}` cannot be sent again when its result is unknown"
    note = "the contract of `{operation}` says `idempotent: false`"
    explanation = (
        "A compensation is repeated under one key until it succeeds. An operation with `idempotent: false` is never sent again, "
        "so the first lost answer leaves the run stuck."
    )
    bad = example("""
        step pay = payments.charge(orderId: order.id, amount: order.total) {
          compensate payments.cash(orderId: order.id)
        }
    """)
    good = example("""
        step pay = payments.charge(orderId: order.id, amount: order.total) {
          compensate payments.refund(orderId: order.id)
        }
    """)

    operation: str


class StaysBehind(Diagnostic):
    """A step with an effect that stays when the block around it is interrupted, or comes too late."""

    code = "FL0407"
    severity = "warning"
    message = "nothing undoes `{step}` when the block around it is turned back"
    label = "has an effect"
    help = (
        "add `compensate service.operation(...)`, or `compensate none` to accept it;\n"
        "if `{operation}` only reads, its contract should say `effect: none`"
    )
    explanation = (
        "An event or a time limit may interrupt a scope at any moment, and a branch may be ok after `join any` or `join N` has "
        "gone on without it. What was done there is undone, although nothing in it failed. This step has no compensation, so "
        "its effect stays."
    )
    bad = example("""
        scope purchase {
          step pay = payments.charge(orderId: order.id, amount: order.total)
        } within 1h else {}
    """)
    good = example("""
        scope purchase {
          step pay = payments.charge(orderId: order.id, amount: order.total) { compensate payments.refund(orderId: order.id) }
        } within 1h else {}
    """)

    step: str
    operation: str


class PartStays(Diagnostic):
    """A step runs a flow of which something stays when a later part fails."""

    code = "FL0408"
    severity = "warning"
    message = "nothing undoes `{step}` of the flow `{flow}` when a later part fails"
    help = "add a compensation in that flow, or `compensate service.operation(...)` to this step"
    explanation = (
        "A flow that runs as a step is undone by undoing its steps. Its last step may need no compensation where the flow runs "
        "alone; here something can still fail behind it. A compensation of the step itself undoes the flow as a whole."
    )
    bad = example("""
        step tell = flow.note(to: order.email)
        step ship = shipping.arrange(orderId: order.id, to: order.address)
    """)
    good = example("""
        step tell = flow.note(to: order.email) { compensate none }
        step ship = shipping.arrange(orderId: order.id, to: order.address)
    """)

    step: str
    flow: str
