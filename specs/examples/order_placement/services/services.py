"""Order placement, payment, stock, fulfilment and mail, each with what it remembers, by idempotency key."""

from threading import Lock

from flowlang import Call, Failure, operation

states: dict[str, str] = {}
done: dict[str, dict] = {}
refused: set[str] = set()
lock = Lock()
LATE = {"lamp": "2026-02-01T00:00:00Z"}


def once(call: Call, answer: dict) -> dict:
    with lock:
        if call.key in refused:
            raise RuntimeError("undone before it came")
        return done.setdefault(call.key, answer)


def undo(call: Call) -> None:
    with lock:
        refused.add(call.undoes)
        done.pop(call.undoes, None)


@operation("orders.place")
def place(id, call: Call):
    states.setdefault(id, "placed")
    return once(call, {"id": id})


@operation("orders.setState")
def set_state(id, state):
    states[id] = state


@operation("payments.charge")
def charge(orderId, amount, call: Call):
    if amount > 5000:
        raise Failure("Declined", "not enough on the account")
    return once(call, {"paymentId": f"p-{orderId}"})


@operation("payments.refund")
def refund(call: Call):
    undo(call)


@operation("inventory.reserve")
def reserve(orderId, items, call: Call):
    etas = sorted(LATE[item["sku"]] for item in items if item["sku"] in LATE)
    if etas:
        return once(call, {"reservationId": f"r-{orderId}", "status": "backordered", "eta": etas[-1]})
    return once(call, {"reservationId": f"r-{orderId}", "status": "ok"})


@operation("inventory.release")
def release(call: Call):
    undo(call)


@operation("shipping.send")
async def ship(orderId, to, call: Call):
    return once(call, {"parcel": f"{orderId} to {to}"})


@operation("shipping.recall")
async def recall(call: Call):
    undo(call)


@operation("mail.send")
def send(to, template, call: Call, eta=None, why=None):
    once(call, {"to": to, "text": " ".join(filter(None, (template, eta, why)))})
