"""Why a block is gone: which of several reasons counts, and which handler takes it."""

from __future__ import annotations

from flowlang.event import Error, Reason, Value

Errors = tuple[tuple[str, str], ...]  # (service or "", name) of each error that a handler names; empty takes any


def first_reason(reasons: list[Reason]) -> Reason:
    """Of the branches in source order the first that *failed*; if none, cancelled, else lost."""
    for kind in ("failed", "cancelled", "lost"):
        for reason in reasons:
            if reason.kind == kind:
                return reason
    raise AssertionError("no branch is gone")


def handler_of(handlers: list[Errors], error: Error) -> int | None:
    """The position of the first handler that takes `error`; `service.E` takes only that service's."""
    for position, errors in enumerate(handlers):
        if not errors or any(name == error.name and service in ("", error.service) for service, name in errors):
            return position
    return None


def as_value(error: Error) -> Value:
    """An error as `catch as e` names it."""
    value = {"name": error.name, "message": error.message, "path": error.path}
    return {**value, "data": error.data} if error.has_data else value
