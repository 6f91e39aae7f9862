"""Everything that a trip needs, each with what it remembers, by idempotency key."""

from threading import Lock

from flowlang import Call, Failure, operation

done: dict[str, dict] = {}
refused: set[str] = set()
settled: set[str] = set()
lock = Lock()
FULL = {"Rome"}  # cities to which no seat is left
CARLESS = {"Venice"}


def once(call: Call, answer: dict) -> dict:
    with lock:
        if call.key in refused:
            raise RuntimeError("undone before it came")
        return done.setdefault(call.key, answer)


def undo(call: Call) -> None:
    with lock:
        refused.add(call.undoes)
        done.pop(call.undoes, None)


@operation("airline.book")
def book_flight(tripId, to, call: Call, **rest):
    if to in FULL:
        raise Failure("NoSeat", f"no seat to {to}")
    return once(call, {"pnr": f"F-{tripId}", "price": 180})


@operation("airline.ticket")
def ticket(pnr, name, call: Call):
    return once(call, {"number": f"{pnr}/{name}"})


@operation("hotels.book")
async def book_hotel(tripId, nights, call: Call, **rest):
    return once(call, {"confirmation": f"h-{tripId}", "price": 80 * nights})


@operation("cars.rent")
async def rent(tripId, city, call: Call):
    if city in CARLESS:
        raise Failure("NoCars", f"nobody drives in {city}")
    return once(call, {"plate": f"C-{tripId}"})


@operation("taxis.reserve")
async def reserve(tripId, call: Call, **rest):
    return once(call, {"number": f"x-{tripId}"})


@operation("payments.hold")
def hold(amount, call: Call, **rest):
    if amount > 5000:
        raise Failure("NotCovered", "not enough on the account")
    once(call, {})


@operation("payments.settle")
def settle(tripId):
    settled.add(tripId)


@operation("airline.cancel")
def cancel_flight(call: Call, **rest):
    undo(call)


@operation("hotels.cancel")
def cancel_hotel(call: Call, **rest):
    undo(call)


@operation("cars.release")
def release(call: Call, **rest):
    undo(call)


@operation("taxis.cancel")
def cancel_taxi(call: Call, **rest):
    undo(call)


@operation("payments.free")
def free(call: Call, **rest):
    undo(call)


@operation("mails.offer")
def offer(tripId, price, call: Call):
    once(call, {"to": tripId, "text": f"yours for {price}"})


@operation("travel.note")
def note(tripId, state, call: Call):
    once(call, {"trip": tripId, "state": state})
