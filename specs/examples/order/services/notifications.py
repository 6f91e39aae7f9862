"""notifications: each message once."""

from flowlang import Call, operation

from .book import Book

book = Book("notifications")


@operation("notifications.send")
def send(to, template, call: Call):
    book.once(call, lambda: f"{template} to {to}")


@operation("notifications.delay")
def delay(to, call: Call, eta="soon"):
    book.once(call, lambda: f"your order comes {eta}, to {to}")
