"""storage: names and contents, in memory. Uploading twice under one name is uploading once."""

from threading import Lock

from flowlang import Call, Failure, operation

contents: dict[str, str] = {}
refused: set[str] = set()
lock = Lock()


@operation("storage.upload")
def upload(name, content, call: Call):
    with lock:
        if call.key in refused:
            raise RuntimeError("removed before it came")
        if name.startswith("huge"):
            raise Failure("Full", name)
        contents[name] = content
    return {"url": f"store://{name}"}


@operation("storage.remove")
def remove(name, call: Call):
    with lock:
        refused.add(call.undoes)
        contents.pop(name, None)
