"""Flows for the drawings, written as kernel nodes by hand: a drawing depends on the kernel and on nothing before it."""

from __future__ import annotations

from flowlang import ir
from flowlang.declared import EventType, Operation, Undo
from flowlang.event import Policy
from flowlang.expression.tree import Binary, Expr, Expression, Literal, Ref
from flowlang.source import Source, Span

SPAN = Span(Source("here.flow", ""), 0, 0)


def expr(text: str) -> Expression:
    """An expression of which only the text matters."""
    return Expression(text, Ref(text, SPAN))


def equal(subject: str, *values: str) -> Expression:
    """`subject == "a" || subject == "b"`, as lowering writes the cases of a switch with a subject."""
    tests: list[Expr] = [Binary("==", Ref(subject, SPAN), Literal(value, SPAN), SPAN) for value in values]
    tree = tests[0]
    for test in tests[1:]:
        tree = Binary("||", tree, test, SPAN)
    return Expression(" || ".join(f'{subject} == "{value}"' for value in values), tree)


def operation(name: str, reads: bool = False) -> Operation:
    service, _, short = name.partition(".")
    return Operation(service, short, {}, {}, (), True, reads)


def event(type: str, service: str = "orders") -> EventType:
    return EventType(type, service, {}, 0, "one")


def step(path: str, called: str, undo: str = "", doc: str | None = None, input: str = "{ id: order.id }") -> ir.Step:
    undoing = Undo(operation(undo), expr("{ id: order.id }"), False, Policy()) if undo else None
    name = path.rpartition("/")[2]
    return ir.Step(path, name, operation(called), expr(input), Policy(), undoing, not undo, doc)


def seq(*items: ir.Node) -> ir.Sequence:
    return ir.Sequence(items)


def let(path: str, value: str, doc: str | None = None) -> ir.Let:
    return ir.Let(path, path.rpartition("/")[2].partition("~")[0], expr(value), None, doc)


def fork(path: str, *branches: ir.Node | tuple[str, ir.Sequence]) -> ir.Fork:
    made = (ir.Branch(*b) if isinstance(b, tuple) else ir.Branch("", seq(b)) for b in branches)
    return ir.Fork(path, tuple(made), "all", "")


def switch(path: str, *arms: tuple[str, ir.Sequence], subject: str = "", drawn: bool = True) -> ir.Switch:
    """Guards as text; "" is the else."""
    made = tuple(ir.Arm(expr(when) if when else None, body) for when, body in arms)
    return ir.Switch(path, made, "", expr(subject) if subject else None, drawn)


def wait(path: str, type: str, where: str = "", after: str = "", late: ir.Sequence | None = None) -> ir.Race:
    one = ir.Alternative(event(type), "it", "id", expr("order.id"), expr(where) if where else None, seq())
    return ir.Race(path, (one,), expr(after) if after else None, late if after and late else seq(), "")


def catch(path: str, body: ir.Sequence, *handlers: tuple[tuple[tuple[str, str], ...], ir.Sequence]) -> ir.Catch:
    return ir.Catch(path, body, tuple(ir.Handler(errors, "e", handler) for errors, handler in handlers), "")


def flow(
    name: str, *items: ir.Node, doc: str | None = None, version: str = "", start: ir.Begin | None = None
) -> ir.Flow:
    params = () if start else (ir.Param("order", {}, True),)
    return ir.Flow(name, "orders", params, None, None, start, seq(*items), version, doc)


def order_fulfilment() -> ir.Flow:
    """The flow of the language's own page."""
    f = "order_fulfilment"
    return flow(
        f,
        step(f"{f}/validate", "orders.validate", doc="Is the order complete, and do we sell there?", input="order"),
        step(f"{f}/charge", "payments.charge", "payments.refund"),
        fork(
            f"{f}/fork1",
            step(f"{f}/stock", "inventory.reserve", "inventory.release"),
            step(f"{f}/shipment", "shipping.arrange", "shipping.cancel"),
        ),
        switch(
            f"{f}/switch1",
            ('stock.status == "backordered"', seq(step(f"{f}/notice", "notifications.delay"))),
            ("order.total > 1000", seq(step(f"{f}/review", "risk.review"))),
            ("", seq()),
        ),
        wait(
            f"{f}/delivery",
            "delivery.confirmed",
            "delivery.shipmentId == shipment.id",
            "3d",
            seq(ir.Fail(f"{f}/fail1", "DeliveryTimeout", None)),
        ),
        step(f"{f}/notify", "notifications.send"),
        ir.Let(f"{f}/return", "return", expr("{ orderId: order.id, deliveredAt: delivery.at }"), {}),
        version="3",
        doc="Take the money, reserve the stock, book transport; undo all of it if any part fails.",
    )


def nested_scopes() -> ir.Flow:
    """Scopes in scopes, a scope in a branch, handlers that fail, go on and are empty, and a start by event."""
    f = "publish_album"
    ground = catch(
        f"{f}/transfer",
        seq(step(f"{f}/car", "cars.rent", "cars.release"), let(f"{f}/ride", '"car " + car.plate')),
        (
            (("", "NoCars"),),
            seq(step(f"{f}/taxi", "taxis.reserve", "taxis.cancel"), let(f"{f}/ride~2", '"taxi " + taxi.id')),
        ),
    )
    media = catch(
        f"{f}/media",
        seq(
            fork(
                f"{f}/fork1",
                step(f"{f}/cover", "images.render", "images.drop"),
                step(f"{f}/sound", "audio.encode", "audio.drop"),
                ("ground", seq(ground)),
            )
        ),
        (
            (("audio", "BadTrack"), ("", "Timeout")),
            seq(
                step(f"{f}/ask", "artists.fix"),
                ir.Fail(f"{f}/fail1", "Postponed", expr('"waiting for the artist"')),
            ),
        ),
    )
    rights = catch(
        f"{f}/rights",
        seq(step(f"{f}/licence", "rights.clear", "rights.revoke")),
        ((), seq(step(f"{f}/manual", "lawyers.review", "lawyers.stop"))),
    )
    release = catch(
        f"{f}/release",
        seq(
            step(f"{f}/draft", "catalogue.draft", "catalogue.discard", doc="A page that nobody sees yet."),
            media,
            rights,
            step(f"{f}/list", "shop.list", "shop.unlist"),
        ),
        ((("", "Withdrawn"),), seq(let(f"{f}/return", '{ state: "withdrawn" }'))),
        ((("shop", "Closed"),), seq()),
    )
    rest = switch(
        f"{f}/rest1",
        ("has(return)", seq()),
        (
            "",
            seq(
                ir.Emit(f"{f}/emit1", event("album.published", "catalogue"), expr("{ id: album.id }")),
                step(f"{f}/announce", "mail.announce"),
            ),
        ),
        drawn=False,
    )
    begin = ir.Begin(event("album.finished"), "album", expr("album.tracks.size() > 0"))
    return flow(f, release, rest, start=begin)


def long_flow(steps: int) -> ir.Flow:
    """`steps` steps of ten services: in a row, in forks, in cases, in scopes."""
    f = "month_end"
    made: list[ir.Node] = []
    services = ("ledger", "bank", "tax", "payroll", "audit", "mail", "archive", "reports", "stock", "desk")
    number = 0

    def some() -> ir.Step:
        nonlocal number
        number += 1
        service = services[number * 7 % len(services)]
        return step(
            f"{f}/step{number}", f"{service}.operation{number}", f"{service}.undo{number}" if number % 3 else ""
        )

    while number < steps:
        left = steps - number
        kind = len(made) % 5
        if kind == 1 and left >= 3:
            made.append(fork(f"{f}/fork{len(made)}", some(), some(), ("slow", seq(some()))))
        elif kind == 2 and left >= 3:
            cases = ("total > 1000", seq(some())), ('region in ["north", "west"]', seq(some(), some())), ("", seq())
            made.append(switch(f"{f}/switch{len(made)}", *cases))
        elif kind == 3 and left >= 3:
            made.append(catch(f"{f}/scope{len(made)}", seq(some(), some()), ((("", "Declined"),), seq(some()))))
        elif kind == 4:
            late = seq(ir.Fail(f"{f}/fail{len(made)}", "TooLate", None))
            made.append(wait(f"{f}/wait{len(made)}", "books.closed", "it.id == order.id", "5d", late))
        else:
            made.append(some())
    return flow(f, *made)
