"""The freight office, the exchange of carriers and the depots, each with what it remembers, by idempotency key."""

from threading import Lock

from flowlang import Call, Failure, operation

done: dict[str, dict] = {}
refused: set[str] = set()
bids: dict[str, list[tuple[float, str]]] = {}
lock = Lock()
PRICES = {"red": 300, "blue": 400}  # who offers at all
TRUCKS = {"blue", "grey"}  # who has one today


def once(call: Call, answer: dict) -> dict:
    with lock:
        if call.key in refused:
            raise RuntimeError("undone before it came")
        return done.setdefault(call.key, answer)


def undo(call: Call) -> None:
    with lock:
        refused.add(call.undoes)
        done.pop(call.undoes, None)


@operation("freight.announce")
def announce(id, call: Call):
    once(call, {"announced": id})


@operation("freight.withdraw")
def withdraw(call: Call, **rest):
    undo(call)


@operation("freight.note")
def note(id, carrier, price, call: Call):
    once(call, {})
    with lock:
        bids.setdefault(id, []).append((float(price), carrier))


@operation("freight.rank")
def rank(id, offers):
    with lock:
        known = [*bids.get(id, []), *((float(offer["price"]), offer["carrier"]) for offer in offers)]
    return {"carriers": [carrier for _, carrier in sorted(known)]}


@operation("freight.award")
def award(id, carrier, call: Call):
    once(call, {"load": id, "to": carrier})


@operation("freight.revoke")
def revoke(call: Call, **rest):
    undo(call)


@operation("carriers.ask")
async def ask(carrier, call: Call, **rest):
    if carrier not in PRICES:
        raise Failure("NoOffer", f"{carrier} does not want it")
    return once(call, {"price": PRICES[carrier]})


@operation("carriers.decline")
async def decline(call: Call, **rest):
    undo(call)


@operation("carriers.truck")
async def truck(carrier, call: Call, **rest):
    if carrier not in TRUCKS:
        raise Failure("NoTruck", f"{carrier} is on the road")
    once(call, {})


@operation("carriers.freeTruck")
async def free_truck(call: Call, **rest):
    undo(call)


@operation("carriers.recall")
async def recall(loadId):
    with lock:
        done.pop(loadId, None)


@operation("depots.slot")
def slot(call: Call, **rest):
    return once(call, {"ramp": 4})


@operation("depots.freeSlot")
def free_slot(call: Call, **rest):
    undo(call)
