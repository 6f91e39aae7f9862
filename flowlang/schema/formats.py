"""The formats that are checked, each as a function from text to whether it is one.

JSON Schema leaves it open whether `format` is checked. Here those are, about which nobody can be of two minds; all others
say something to people only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from flowlang.values import Timestamp

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*+:")
_NOT_IN_URI: Final = re.compile(r'[\x00-\x20<>"{}|\\^`\x7f-\U0010ffff]')


def _date_time(text: str) -> bool:
    try:
        Timestamp.parse(text)
    except ValueError:
        return False
    return True


def _date(text: str) -> bool:
    return len(text) == 10 and _date_time(f"{text}T00:00:00Z")


def _time(text: str) -> bool:
    return _date_time(f"2000-01-02T{text}")


def _email(text: str) -> bool:
    name, at, host = text.rpartition("@")
    return bool(at and name and host) and not any(char.isspace() for char in text) and "@" not in name.strip('"')


def _uuid(text: str) -> bool:
    return _UUID.fullmatch(text) is not None


def _uri(text: str) -> bool:
    found = _SCHEME.match(text)
    return found is not None and len(text) > found.end() and _NOT_IN_URI.search(text) is None


FORMATS: Final[dict[str, tuple[Callable[[str], bool], str, str]]] = {
    "date-time": (_date_time, "a date-time such as `2026-01-03T00:00:00Z`", "2026-01-01T00:00:00Z"),
    "date": (_date, "a date such as `2026-01-03`", "2026-01-01"),
    "time": (_time, "a time such as `09:30:00Z`", "00:00:00Z"),
    "email": (_email, "an e-mail address", "a@example.org"),
    "uuid": (_uuid, "a UUID", "00000000-0000-4000-8000-000000000000"),
    "uri": (_uri, "a URI", "https://example.org/"),
}
"""Name of the format -> (check, what it is called, an example)."""
