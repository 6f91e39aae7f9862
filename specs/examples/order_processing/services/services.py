"""The three services. What they remember is in memory, by idempotency key, so a repeated call does nothing twice."""

from threading import Lock

from flowlang import Call, Failure, operation

payments: dict[str, dict] = {}
refused: set[str] = set()
confirmations: dict[str, str] = {}
lock = Lock()


@operation("OrderService.ValidateOrder")
def validate(amount):
    if amount <= 0:
        raise Failure("InvalidOrder", f"an order of {amount}")
    return {"valid": True}


@operation("PaymentService.ChargePayment")
def charge(orderId, amount, call: Call):
    if amount > 1000:
        raise Failure("PaymentDeclined", "above the limit of the card")
    with lock:
        if call.key in refused:
            raise RuntimeError("refunded before it came")
        return payments.setdefault(call.key, {"paymentId": f"p-{orderId}"})


@operation("PaymentService.RefundPayment")
def refund(call: Call):
    with lock:
        refused.add(call.undoes)
        payments.pop(call.undoes, None)


@operation("NotificationService.SendConfirmation")
async def confirm(to, orderId, call: Call):
    if "@" not in to:
        raise Failure("NoSuchAddress", to)
    confirmations.setdefault(call.key, f"{to}: {orderId} is paid")
