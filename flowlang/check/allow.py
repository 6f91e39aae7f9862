"""Comments that accept a finding: `# flowlang: allow FL0404 -- reason`, on the line of the finding or on the line before.

One comment accepts one warning, for a reason that the next reader can weigh. Errors cannot be accepted, and a finding of
choreography cannot under `--mode choreograph`, where it is an error too: nothing could be compiled from such a flow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from flowlang.check.render import severity
from flowlang.check.words.style import AllowOfNothing, AllowUnclear, AllowWithoutReason
from flowlang.diagnostic import Diagnostic
from flowlang.source import Source, Span, line_starts

ASKED_LATER = ("FL0606",)
"""What is only asked for under `--mode choreograph`: a comment that accepts it is not idle without."""

WORDS = re.compile(r"#\s*flowlang:\s*(?:allow\s+(?P<code>\w+)\s*(?:--(?P<reason>.*))?$)?")
TEXT = re.compile(r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^"'#])*""")


@dataclass(frozen=True, slots=True)
class Comment:
    """An allow comment and the line that it speaks of; no code when it cannot be understood."""

    code: str
    reason: str
    line: int
    span: Span


def accept(found: list[Diagnostic], source: Source, *, choreograph: bool) -> list[Diagnostic]:
    """`found` without what the comments of `source` accept, and with a warning for each comment that accepts nothing; the
    findings of `source` in the order of its text, then the others."""
    left = list(found)
    broken = any(severity(one, choreograph=False) == "error" for one in found)
    for comment in comments(source):
        if not comment.code:
            left.append(AllowUnclear(span=comment.span))
            continue
        same = [one for one in left if one.code == comment.code and one.span.source is source]
        here = [one for one in same if one.span.line == comment.line]
        able = [one for one in here if severity(one, choreograph=choreograph) != "error"]
        if able:
            left.remove(able[0])
            if not comment.reason:
                left.append(AllowWithoutReason(span=comment.span, accepted=comment.code))
        elif comment.code in ASKED_LATER and not choreograph:
            continue
        elif here or not broken:  # an error may be all that keeps the finding from being made
            why = "an error cannot be accepted" if here else f"line {comment.line} has no such finding"
            left.append(AllowOfNothing(span=comment.span, accepted=comment.code, why=why))
    ours = sorted((one for one in left if one.span.source is source), key=lambda one: (one.span.start, one.span.end))
    return ours + [one for one in left if one.span.source is not source]


def comments(source: Source) -> Iterator[Comment]:
    """The allow comments of `source`; one that stands alone speaks of the next line that is more than a comment."""
    if "flowlang:" not in source.text:
        return
    starts = (*line_starts(source), len(source.text))
    lines = [source.text[start:end] for start, end in pairwise(starts)]
    for number, line in enumerate(lines, 1):
        text = TEXT.match(line) if "flowlang:" in line else None
        words = WORDS.match(line.rstrip(), text.end()) if text else None
        if words is None:
            continue
        alone = not line[: words.start()].strip()
        span = Span(source, starts[number - 1] + words.start(), starts[number - 1] + len(line.rstrip()))
        code, reason = words["code"] or "", (words["reason"] or "").strip()
        yield Comment(code, reason, _next(lines, number) if alone else number, span)


def _next(lines: list[str], number: int) -> int:
    """The number of the next line after `number` that holds more than a comment; the line after it when there is none."""
    for following, line in enumerate(lines[number:], number + 1):
        if line.strip() and not line.lstrip().startswith("#"):
            return following
    return number + 1
