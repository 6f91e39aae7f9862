"""shipping: no carrier goes to the moon."""

from flowlang import Call, Failure, operation

from .book import Book

book = Book("shipping")


@operation("shipping.arrange")
async def arrange(orderId, to, call: Call):
    if "moon" in to.lower():
        raise Failure("NoCarrier", f"nobody drives to {to}", data={"region": "space"})
    return book.once(call, lambda: {"id": f"s-{orderId}"})


@operation("shipping.cancel")
async def cancel(call: Call):
    book.undo(call)
