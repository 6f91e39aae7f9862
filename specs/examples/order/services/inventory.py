"""inventory: a few things are out of stock, and one will never come back."""

from flowlang import Call, Failure, operation

from .book import Book

BACK_ON = {"lamp": "2026-03-01T00:00:00Z"}
GONE = {"typewriter"}
book = Book("inventory")


@operation("inventory.reserve")
def reserve(orderId, items, call: Call):
    wanted = {item["sku"] for item in items}
    if wanted & GONE:
        raise Failure("OutOfStock", f"no more {', '.join(sorted(wanted & GONE))}")

    def take():
        late = sorted(BACK_ON[sku] for sku in wanted & BACK_ON.keys())
        if late:
            return {"reservationId": f"r-{orderId}", "status": "backordered", "eta": late[-1]}
        return {"reservationId": f"r-{orderId}", "status": "ok"}

    return book.once(call, take)


@operation("inventory.release")
def release(call: Call):
    book.undo(call)
