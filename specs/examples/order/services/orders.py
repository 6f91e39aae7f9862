"""orders: an order needs something in it and somewhere to go."""

from flowlang import Failure, operation


@operation("orders.validate")
def validate(items, address):
    if not items:
        raise Failure("Invalid", "there is nothing in the order")
    if not address.strip():
        raise Failure("Invalid", "there is no address")
    return {"valid": True}
