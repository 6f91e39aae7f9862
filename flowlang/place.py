"""Where a block stands in a run: its path template with the iterations and attempts filled in.

A template is the path of the kernel: `order/line[]/pack` is in the body of a loop, `order/fulfil#/charge` in that of a
scope that is tried again. An index has one number for each of these marks, from the outside: items, iterations and kids
count from 0, attempts from 1. The first attempt is not written, so a flow without loops has the paths of its text.
"""

from __future__ import annotations

import re
from functools import lru_cache

from flowlang.event import Index

_MARK = re.compile(r"\[\]|#(?=/|$)")
_WRITTEN = re.compile(r"\[\d+\]")
_ATTEMPT = re.compile(r"/[^/#]*#\d+(?=/)")
_NEXT = re.compile(r"#\d+$")


_EVENT_MARK = re.compile(r"\[\]|#(?=[/.]|$)")


@lru_cache(maxsize=65536)
def frames(event: str) -> tuple[str, ...]:
    """The parts of an event's name (or of a path template) up to each of its marks: whose iterations its index counts."""
    return tuple(event[: mark.end()] for mark in _EVENT_MARK.finditer(event))


def depth(template: str) -> int:
    """How many numbers an index of a block with this path has."""
    return len(_MARK.findall(template))


def instance(template: str, index: Index) -> str:
    """The path of one instance of a block: `order/line[3]/pack`."""
    if not index:
        return template
    numbers = iter(index)
    written = []
    for part in template.split("/"):
        if part.endswith("#"):
            attempt = next(numbers)
            if attempt > 1:
                written.append(f"{part}{attempt}")
        elif part.endswith("[]"):
            written.append(f"{part[:-2]}[{next(numbers)}]")
        else:
            written.append(part)
    return "/".join(written)


def bare(path: str) -> str:
    """The path of an instance without its iterations and attempts: what all instances of a block share."""
    return _NEXT.sub("#", _WRITTEN.sub("[]", _ATTEMPT.sub("", path))) if "#" in path or "[" in path else path


def any_attempt(path: str) -> str:
    """The path of an instance without its attempts: what all attempts of a block in one iteration share."""
    return _ATTEMPT.sub("", path) if "#" in path else path


def is_instance(template: str, path: str) -> bool:
    """Whether `path` is that of an instance of the block."""
    return "[]" not in path and bare(path) == key(template) and instance(template, index_of(template, path)) == path


def key(template: str) -> str:
    """What `bare` makes of every instance of `template`; the place where a scope is tried again (`order/fulfil#`) is one."""
    parts = template.split("/")
    return "/".join(part for place, part in enumerate(parts, 1) if place == len(parts) or not part.endswith("#"))


def index_of(template: str, path: str) -> Index:
    """The index of the instance `path` of a block whose template is given; `bare(path)` must be `key(template)`."""
    if path == template:  # it has no marks
        return ()
    found: list[int] = []
    written = iter([*path.split("/"), ""])
    here = next(written)
    for part in template.split("/"):
        if part.endswith("#"):
            if here.startswith(part):
                found.append(int(here[len(part) :]))
                here = next(written)
            else:
                found.append(1)
            continue
        if part.endswith("[]"):
            found.append(int(here[len(part) - 1 : -1]))
        here = next(written)
    return tuple(found)
