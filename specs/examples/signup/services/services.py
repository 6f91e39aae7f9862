"""Accounts, mails and figures, with what they remember by idempotency key."""

from threading import Lock

from flowlang import Call, Failure, operation

accounts: dict[str, dict] = {}
owners: dict[str, str] = {}
sent: dict[str, str] = {}
counted: dict[str, str] = {}
refused: set[str] = set()
lock = Lock()


@operation("users.register")
def register(email, call: Call):
    with lock:
        if owners.setdefault(email, call.key) != call.key:
            raise Failure("Taken", email)
        return accounts.setdefault(call.key, {"id": f"u-{email.split('@')[0]}"})


@operation("mail.send")
async def send(to, template, call: Call):
    if to.endswith(".invalid"):
        raise Failure("Bounced", to)
    sent.setdefault(call.key, f"{template} to {to}")


@operation("statistics.count")
def count(event, user, call: Call):
    with lock:
        if call.key in refused:
            raise RuntimeError("taken back before it came")
        counted.setdefault(call.key, f"{event} {user}")


@operation("statistics.discount")
def discount(call: Call):
    with lock:
        refused.add(call.undoes)
        counted.pop(call.undoes, None)


@operation("statistics.segment")
def segment(user):
    if user.startswith("u-root"):
        raise Failure("NoSegment", user)
    return {"segment": "new"}
