"""The customers' register, the three bureaus and the newsletter, with what they remember by idempotency key."""

from threading import Lock

from flowlang import Call, Failure, operation

done: dict[str, dict] = {}
refused: set[str] = set()
active: set[str] = set()
readers: set[str] = set()
lock = Lock()


def once(call: Call, answer: dict) -> dict:
    with lock:
        if call.key in refused:
            raise RuntimeError("undone before it came")
        return done.setdefault(call.key, answer)


def undo(call: Call) -> None:
    with lock:
        refused.add(call.undoes)
        done.pop(call.undoes, None)


@operation("customers.register")
def register(email, call: Call):
    return once(call, {"id": f"c-{email.split('@')[0]}"})


@operation("customers.remove")
def remove(call: Call):
    undo(call)


@operation("customers.askAddress")
def ask_address(id, call: Call):
    once(call, {"asked": id})


@operation("customers.activate")
def activate(id, call: Call):
    answer = once(call, {"at": "2026-01-01T00:00:00Z"})
    active.add(id)
    return answer


@operation("customers.deactivate")
def deactivate(id, call: Call):
    undo(call)
    active.discard(id)


@operation("bureau.check")
async def credit(name):
    return {"score": 200 if "Debt" in name else 700}


@operation("post.verify")
async def verify(address):
    return {"found": "Nowhere" not in address}


@operation("police.check")
async def criminal(name):
    return {"hits": 3 if "Capone" in name else 0}


@operation("newsletters.subscribe")
def subscribe(email, call: Call):
    if email.startswith("never"):
        raise Failure("OptedOut", email)
    once(call, {})
    readers.add(email)


@operation("newsletters.unsubscribe")
def unsubscribe(email, call: Call):
    undo(call)
    readers.discard(email)


@operation("newsletters.send")
def send(email, issue, call: Call):
    once(call, {"sent": issue})
