"""Three consumers of a reading, with what they remember."""

from threading import Lock

from flowlang import Call, Failure, operation

history: dict[str, dict] = {}
struck: set[str] = set()
latest: dict[str, object] = {}
pages: dict[str, str] = {}
lock = Lock()


@operation("history.append")
def append(call: Call):
    with lock:
        if call.key in struck:
            raise RuntimeError("struck before it came")
        history.setdefault(call.key, call.input)


@operation("history.strike")
def strike(call: Call):
    with lock:
        struck.add(call.undoes)
        history.pop(call.undoes, None)


@operation("dashboard.push")
async def push(device, value):
    latest[device] = value


@operation("oncall.page")
def page(device, call: Call):
    if device.startswith("test-"):
        raise Failure("NobodyThere", device)
    pages.setdefault(call.key, device)
