"""What `check` says about names: who is called what, and who does not exist."""

from __future__ import annotations

from flowlang.check.words.example import example
from flowlang.diagnostic import Diagnostic


class UnknownService(Diagnostic):
    """A call of a service without a contract."""

    code = "FL0221"
    message = "there is no service `{service}`"
    note = "services with a contract: {known}"
    explanation = (
        "Every service that a flow calls has one contract, found through `use contracts`. This name is the `service:` of none "
        "of them: it is misspelt, or the pattern behind `use contracts` does not reach the file."
    )
    bad = example("step place = order.place(order)")
    good = example("step place = orders.place(order)")

    service: str
    known: str


class UnknownOperation(Diagnostic):
    """A call of an operation that the contract of its service does not declare."""

    code = "FL0222"
    message = "`{service}` has no operation `{operation}`"
    note = "operations of `{service}`: {known}"
    explanation = (
        "The contract of a service lists what it can be asked to do. This operation is not in it. Check the spelling, or let "
        "the team that owns the service add it to its contract."
    )
    bad = example("step place = orders.plase(order)")
    good = example("step place = orders.place(order)")

    service: str
    operation: str
    known: str


class UnknownEvent(Diagnostic):
    """An event type that no contract declares."""

    code = "FL0223"
    message = "no contract declares the event `{type}`"
    note = "declared events: {known}"
    explanation = (
        "An event is declared under `events:` in the contract of the service that publishes it, with its data and with the "
        "time for which an early one is kept. A flow can only wait for, start by or emit declared events."
    )
    bad = example("""
        step count = orders.count()
        emit "order.finished" { id: order.id }
    """)
    good = example("""
        step count = orders.count()
        emit "order.done" { id: order.id }
    """)

    type: str
    known: str


class UnknownType(Diagnostic):
    """A type that no contract declares."""

    code = "FL0224"
    message = "there is no type `{name}`"
    note = "types of the contracts: {known}"
    explanation = (
        "A type is one of `string int decimal bool any` or a name under `schemas:` in a contract. Where a service stands "
        "before it, as in `orders.Order`, that contract alone is asked."
    )
    bad = example("step place = orders.place(order)", "example(order: Ordre)")
    good = example("step place = orders.place(order)", "example(order: Order)")

    name: str
    known: str


class AmbiguousType(Diagnostic):
    """A type name that several contracts declare."""

    code = "FL0225"
    message = "`{name}` is a type of several contracts"
    note = "declared by {services}"
    help = "say which one: `{first}.{name}`"
    explanation = (
        "Two contracts may use one name for different things. Put the service before the type to say which is meant."
    )
    bad = example("step place = orders.place(order)", "example(order: Order, report: Report)")
    good = example("step place = orders.place(order)", "example(order: Order, report: orders.Report)")

    name: str
    services: str
    first: str


class ErrorNotRaised(Diagnostic):
    """`catch` or `retry on` names an error that cannot occur there."""

    code = "FL0226"
    message = "`{error}` cannot be raised here"
    note = "what can be raised here: {known}"
    explanation = (
        "`catch` and `retry ... on` name errors that can come from what they stand at: those that the contracts of the called "
        "operations declare, those of `fail`, and the engine's own. An error that an inner scope takes for certain does not "
        "come out of it. A name that can never match is a slip of the pen or a handler that is not needed."
    )
    bad = example("""
        scope purchase {
          step pay = payments.charge(orderId: order.id, amount: order.total) { compensate payments.refund(orderId: order.id) }
        } catch OutOfStock -> {}
    """)
    good = example("""
        scope purchase {
          step pay = payments.charge(orderId: order.id, amount: order.total) { compensate payments.refund(orderId: order.id) }
        } catch Declined -> {}
    """)

    error: str
    known: str


class EngineErrorFailed(Diagnostic):
    """`fail` with the name of one of the engine's own errors."""

    code = "FL0236"
    message = "`{error}` is an error of the engine"
    note = "its own errors: {known}"
    help = "let the flow fail with a name of its own"
    explanation = (
        "The engine says under names of its own that a call took too long, did not get through or gave something unusable. "
        "Whoever catches `Timeout` would take a flow that fails with that name for a call whose result nobody knows."
    )
    bad = example("""
        step place = orders.place(order) { compensate orders.cancel(orderId: order.id) }
        wait for event "order.done" as done where done.id == order.id within 3d else fail Timeout
        step count = orders.count()
    """)
    good = example("""
        step place = orders.place(order) { compensate orders.cancel(orderId: order.id) }
        wait for event "order.done" as done where done.id == order.id within 3d else fail TooLate
        step count = orders.count()
    """)

    error: str
    known: str


class RetriedInVain(Diagnostic):
    """`retry on` at a step names an error that comes before the call."""

    severity = "warning"
    code = "FL0237"
    message = "a step that fails with `{error}` is not tried again"
    help = "leave it out; a `retry` of the scope around it would compute the arguments anew"
    explanation = (
        "These errors come up before the operation is called, where its arguments are computed: another attempt of the same "
        "step would compute the same. The retry of a step takes what comes back from the operation."
    )
    bad = example("""
        step pay = payments.charge(orderId: order.id, amount: order.total) {
          compensate payments.refund(orderId: order.id)
          retry 3 on Timeout, InvalidInput
        }
    """)
    good = example("""
        step pay = payments.charge(orderId: order.id, amount: order.total) {
          compensate payments.refund(orderId: order.id)
          retry 3 on Timeout
        }
    """)

    error: str


class AmbiguousError(Diagnostic):
    """`catch E` where several services can raise an E."""

    code = "FL0227"
    message = "`{error}` can come from several places here"
    note = "raised by {services}"
    help = "say which one: `{first}.{error}`; name both to take both"
    explanation = (
        "Two services may use one name for errors that mean different things. Put the service before the error to say which "
        "is meant."
    )
    bad = example("""
        scope changes {
          step note = orders.change(orderId: order.id, note: "new") { compensate none }
          step turn = shipping.redirect(orderId: order.id, to: order.address) { compensate none }
        } catch TooLate -> {}
    """)
    good = example("""
        scope changes {
          step note = orders.change(orderId: order.id, note: "new") { compensate none }
          step turn = shipping.redirect(orderId: order.id, to: order.address) { compensate none }
        } catch shipping.TooLate -> {}
    """)

    error: str
    services: str
    first: str


class DuplicateName(Diagnostic):
    """One name for two things."""

    code = "FL0228"
    message = "the name `{name}` is used twice"
    label = "second use"
    note = "a flow has one name space: names of steps are their paths in drawings, journals and messages"
    explanation = (
        "Parameters, steps, lets, events, errors, branches and scopes of a flow share one name space, and nothing hides "
        "anything. Only a `let` may be repeated, in arms that exclude each other: cases of a switch, the event and the `else` "
        "of a wait, the body and the handlers of a scope."
    )
    bad = example("""
        step check = risk.review(orderId: order.id)
        step check = orders.validate(order)
    """)
    good = example("""
        step check = risk.review(orderId: order.id)
        step validate = orders.validate(order)
    """)

    name: str


class HiddenName(Diagnostic):
    """A macro's variable that hides a name of the flow."""

    code = "FL0229"
    message = "the variable `{name}` would hide another `{name}`"
    help = "choose another name for the variable"
    explanation = (
        "The first argument of `all exists exists_one map filter` declares a variable. It must not be a name of the flow, nor "
        "the variable of a macro around it, so that one name means one thing wherever it stands."
    )
    bad = example("""
        switch {
          case order.items.exists(order, order.qty > 10) -> step review = risk.review(orderId: "x")
          else -> {}
        }
    """)
    good = example("""
        switch {
          case order.items.exists(item, item.qty > 10) -> step review = risk.review(orderId: "x")
          else -> {}
        }
    """)

    name: str


class NotTakingPart(Diagnostic):
    """`at` or `owner` names a service that does nothing in this flow."""

    code = "FL0230"
    message = "`{service}` takes no part in this flow"
    note = "services that take part: {known}"
    explanation = (
        "`at service` and `owner` say which of the services of the flow decides, waits or answers for the run. The service "
        "must take part: call for a step, a compensation or an `emit`. Otherwise it would be a coordinator that nobody sees."
    )
    bad = example("""
        owner notifications
        step place = orders.place(order)
    """)
    good = example("""
        owner orders
        step place = orders.place(order)
    """)

    service: str
    known: str


class UnknownFlow(Diagnostic):
    """A step runs a flow that no `use flows` brings in."""

    code = "FL0231"
    message = "there is no flow `{flow}` here"
    note = "{known}"
    help = 'bring its file in: `use flows "{file}"`'
    explanation = (
        "`flow.other(...)` runs another flow as one step. Its file is named by `use flows`, beside `use contracts`; a flow may "
        "also run itself. The name is the one behind the word `flow` in that file."
    )
    bad = example("step ship = flow.delivry(orderId: order.id, to: order.address)")
    good = example("step ship = flow.delivery(orderId: order.id, to: order.address)")

    flow: str
    known: str
    file: str


class UndoneByFlow(Diagnostic):
    """`compensate` with a flow."""

    code = "FL0232"
    message = "a flow cannot stand behind `compensate`"
    label = "`{flow}` is a flow, and a step is undone by one operation"
    help = "put the step into a scope, and run the flow in its block: `scope name {{ ... }} compensate {{ ... }}`"
    explanation = (
        "`compensate` behind a step names one operation, which is called with arguments that are known when the step ended. "
        "A scope can be undone by a whole block, and steps of that block may run flows."
    )
    bad = example("""
        step pay = payments.charge(orderId: order.id, amount: order.total) {
          compensate flow.refund(orderId: order.id)
        }
        step back = flow.refund(orderId: order.id)
    """)
    good = example("""
        scope purchase {
          step pay = payments.charge(orderId: order.id, amount: order.total) { compensate none }
        } compensate {
          step back = flow.refund(orderId: order.id)
        }
        step place = orders.place(order)
    """)

    flow: str


class FlowStartsByEvent(Diagnostic):
    """A step runs a flow that an event starts."""

    code = "FL0233"
    message = "`{flow}` starts by an event, so it cannot run as a step"
    help = "emit the event instead, or move what both need into a flow with parameters"
    explanation = (
        "A flow with `on event` in its header has no parameters: its input is the event, and each such event starts a run of "
        "its own. A flow that runs as a step takes its input from the flow that runs it."
    )
    bad = example("step greet = flow.welcome()")
    good = example("step ship = flow.delivery(orderId: order.id, to: order.address)")

    flow: str


class SameFlow(Diagnostic):
    """Two flows of one name."""

    code = "FL0234"
    message = "there are two flows `{name}`"
    explanation = (
        "A step says which flow it runs by its name alone, and a run is found by the name of its flow. So among a flow, the "
        "flows that it uses and those that they use in turn, no two have the same name."
    )
    bad = example("step tell = flow.note(to: order.email)", "note(order: Order)")
    good = example("step tell = flow.note(to: order.email)", "order_note(order: Order)")

    name: str


class TooLarge(Diagnostic):
    """A flow that becomes too large with the flows that it runs."""

    code = "FL0235"
    message = "with the flows that it runs this flow has {size} blocks; {limit} is the most"
    help = "let one flow start the other by an event, or loop with `repeat` rather than by running itself"
    explanation = (
        "A flow that runs as a step becomes a part of the flow that runs it, and one that runs itself does so up to a hundred "
        "times, each in the one before. All of these blocks together have to fit into one run."
    )
    bad = example(
        """
        step count = orders.count()
        switch {
          case count > order.total -> {
            step left = flow.example(order: order) { compensate none }
            step right = flow.example(order: order) { compensate none }
          }
          else -> {}
        }
        """
    )
    good = example("""
        repeat { step count = orders.count() } until count <= order.total every 1h at most 100
    """)

    size: str
    limit: str
