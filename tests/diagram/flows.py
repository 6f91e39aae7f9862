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
    undoing = Undo(operation(undo), expr("{ id: order.id }"), Policy()) if undo else None
    name = path.rpartition("/")[2]
    return ir.Step(path, name, operation(called), expr(input), Policy(), undoing, not undo, doc=doc)


def seq(*items: ir.Node) -> ir.Sequence:
    return ir.Sequence(items)


def let(path: str, value: str, doc: str | None = None) -> ir.Let:
    return ir.Let(path, path.rpartition("/")[2].partition("~")[0], expr(value), None, doc=doc)


def fork(path: str, *branches: ir.Node | tuple[str, ir.Sequence], join: str = "all", need: int = 0) -> ir.Fork:
    made = tuple(ir.Branch(*b) if isinstance(b, tuple) else ir.Branch("", seq(b)) for b in branches)
    return ir.Fork(path, made, join, need or len(made), "")


def switch(path: str, *arms: tuple[str, ir.Sequence], subject: str = "", drawn: bool = True) -> ir.Switch:
    """Guards as text; "" is the else."""
    made = tuple(ir.Arm(expr(when) if when else None, body) for when, body in arms)
    return ir.Switch(path, made, "", expr(subject) if subject else None, drawn)


def wait(path: str, type: str, where: str = "", after: str = "", late: ir.Sequence | None = None) -> ir.Race:
    one = ir.Alternative(event(type), "it", "id", expr("order.id"), expr(where) if where else None, seq())
    return ir.Race(path, (one,), expr(after) if after else None, late if after and late else seq(), "")


def catch(path: str, body: ir.Sequence, *handlers: tuple[tuple[tuple[str, str], ...], ir.Sequence]) -> ir.Catch:
    return ir.Catch(path, body, tuple(ir.Handler(errors, "e", handler) for errors, handler in handlers), "")


def on(type: str, *body: ir.Node, bind: str = "it", where: str = "it.id == order.id") -> ir.Alternative:
    """An event that a race or a scope listens for, and what follows."""
    return ir.Alternative(event(type), bind, "id", expr("order.id"), expr(where) if where else None, seq(*body))


def own(path: str, name: str, value: str) -> ir.Let:
    """A value that the compiler named for itself."""
    return ir.Let(path, name, expr(value), None)


def scope(
    path: str,
    *items: ir.Node,
    alongside: tuple[ir.Alternative, ...] = (),
    retry: tuple[tuple[str, str], ...] | None = None,
    events: tuple[ir.Alternative, ...] = (),
    within: str = "",
    late: ir.Sequence | None = None,
    catches: tuple[tuple[tuple[tuple[str, str], ...], ir.Sequence], ...] = (),
    compensate: ir.Sequence | None = None,
) -> ir.Node:
    """A scope with all of its clauses: one block for each, in the order of lowering."""
    body = seq(*items)
    if alongside:
        body = seq(ir.Alongside(f"{path}:alongside", body, alongside, ""))
    if retry is not None:
        body = seq(ir.Retry(f"{path}:retry", body, 3, 60_000, 1_800_000, retry, ""))
    if events or within:
        limit = expr(within) if within else None
        body = seq(ir.Interrupt(f"{path}:events", body, events, limit, late or seq(), ""))
    if catches:
        body = seq(catch(path, body, *catches))
    if compensate is not None:
        body = seq(ir.Undoing(f"{path}:compensate", body, compensate, ""))
    assert len(body.items) == 1
    return body.items[0]


def each(path: str, items: str, *body: ir.Node, width: int = 0, collect: str = "") -> ir.Each:
    variable = path.rpartition("/")[2]
    yields = f"{variable}.yield" if collect else ""
    return ir.Each(path, variable, expr(items), width, yields, collect, seq(*body), "")


def repeat(
    path: str, until: str, *body: ir.Node, carried: str = "", every: str = "", late: ir.Sequence | None = None
) -> ir.Repeat:
    names = (ir.Carried(carried, expr("1"), f"{carried}.next"),) if carried else ()
    return ir.Repeat(path, names, seq(*body), expr(until), expr(every) if every else None, 60, late, "")


def child(path: str, name: str, *body: ir.Node) -> ir.Child:
    short = path.partition(":")[0].rpartition("/")[2]
    return ir.Child(path, name, short, f"{short}/return", seq(*body), "")


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


def album() -> ir.Flow:
    """A scope with every clause, in a scope."""
    f = "publish_album"
    media = scope(
        f"{f}/media",
        fork(
            f"{f}/fork1",
            step(f"{f}/media#/cover", "images.render", "images.drop"),
            step(f"{f}/media#/sound", "audio.encode", "audio.drop"),
        ),
        retry=(("", "Timeout"), ("audio", "QueueFull")),
        within="2h",
        late=seq(ir.Fail(f"{f}/fail1", "MediaTooSlow", None)),
        catches=(
            ((("audio", "BadTrack"),), seq(step(f"{f}/ask", "artists.fix"), ir.Fail(f"{f}/fail2", "Postponed", None))),
        ),
    )
    release = scope(
        f"{f}/release",
        step(f"{f}/draft", "catalogue.draft", "catalogue.discard"),
        media,
        step(f"{f}/list", "shop.list", "shop.unlist"),
        alongside=(on("album.renamed", step(f"{f}/renamed[]/rename", "catalogue.rename"), bind="renamed", where=""),),
        events=(on("album.withdrawn", ir.Fail(f"{f}/fail3", "Withdrawn", expr("withdrawn.reason"))),),
        compensate=seq(step(f"{f}/pull", "shop.pull"), step(f"{f}/erase", "catalogue.discard")),
    )
    return flow(f, release, step(f"{f}/announce", "mail.announce"), let(f"{f}/return", "{ id: album.id }"))


def month_end() -> ir.Flow:
    """A child flow for each item of a list, a loop with a pause, a region, a commit, and joins of every kind."""
    f = "month_end"
    settle = child(
        f"{f}/invoice[]/one",
        "settle",
        step(f"{f}/invoice[]/one/take", "payments.charge", "payments.refund"),
        switch(
            f"{f}/invoice[]/one/switch1",
            ("take.total == 0", seq(own(f"{f}/invoice[]/one/return", "one/return", "{ booked: 0 }"))),
            ("", seq()),
        ),
        switch(
            f"{f}/invoice[]/one/rest1",
            ("has(return)", seq()),
            (
                "",
                seq(
                    own(f"{f}/invoice[]/one/note", "one/note", "take.number"),
                    step(f"{f}/invoice[]/one/book", "ledger.post", "ledger.reverse"),
                    own(f"{f}/invoice[]/one/return~2", "one/return", "{ booked: book.number }"),
                ),
            ),
            drawn=False,
        ),
    )
    undo = ir.Undoing(
        f"{f}/send:compensate",
        seq(child(f"{f}/send:flow", "deliver", step(f"{f}/send/post", "mail.post"))),
        seq(step(f"{f}/send", "mail.recall")),
        "",
    )
    return flow(
        f,
        each(
            f"{f}/invoice",
            "account.invoices",
            own(f"{f}/invoice[]/one/invoice", "one/invoice", "invoice"),
            settle,
            own(f"{f}/invoice[]/yield1", "invoice.yield", "one.booked"),
            width=5,
            collect="settled",
        ),
        repeat(
            f"{f}/repeat1",
            "status.delivered",
            step(f"{f}/repeat1[]/status", "carrier.track"),
            own(f"{f}/repeat1[]/next1", "page.next", "page + 1"),
            carried="page",
            every="6h",
            late=seq(ir.Fail(f"{f}/fail1", "LostParcel", expr('"not delivered after fifteen days"'))),
        ),
        ir.Region(
            f"{f}/orchestrate1",
            seq(
                fork(
                    f"{f}/fork1",
                    step(f"{f}/north", "north_lines.offer", "north_lines.withdraw"),
                    step(f"{f}/south", "south_lines.offer", "south_lines.withdraw"),
                    step(f"{f}/east", "east_lines.offer", "east_lines.withdraw"),
                    join="some",
                    need=2,
                )
            ),
            "freight",
        ),
        fork(f"{f}/fork2", step(f"{f}/sms", "texts.ask"), step(f"{f}/mail", "mail.ask"), join="some", need=1),
        ir.Race(f"{f}/wait1", (), expr("account.patience"), seq(), "", absolute=True),
        ir.Commit(f"{f}/commit1"),
        fork(f"{f}/fork3", step(f"{f}/tell", "mail.send"), step(f"{f}/write", "ledger.close"), join="cancel"),
        own(f"{f}/send/account", "send/account", "account"),
        undo,
        let(f"{f}/return", "{ account: account.id }"),
        doc="Every invoice is settled by a flow of its own; then the statement goes out.",
    )
