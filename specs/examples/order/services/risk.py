"""risk: looks, and changes nothing."""

from flowlang import operation


@operation("risk.review")
def review(orderId):
    return {"approved": not orderId.startswith("x-")}
