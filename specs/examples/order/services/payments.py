"""payments: the bank lends up to a limit."""

from decimal import Decimal

from flowlang import Call, Failure, operation

from .book import Book

LIMIT = Decimal(5000)
book = Book("payments")


@operation("payments.charge")
def charge(orderId, amount, call: Call):
    if amount > LIMIT:
        raise Failure("Declined", f"{amount} is above the limit of {LIMIT}", data={"limit": LIMIT})
    return book.once(call, lambda: {"paymentId": f"p-{orderId}"})


@operation("payments.refund")
def refund(call: Call):
    book.undo(call)
